"""From what a function prints to log events: cut into lines, bounded, timed, and delivered in batches.

One pipe carries both what is printed (lines) and the frames of the runtime client (a log record each, several lines
long), in the order in which they were written. A function that prints without end is read at a bounded rate; a log
service that does not take events costs lines, never a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable

from lambent.contracts.clock import Clock
from lambent.contracts.functions import FunctionSpec

Deliver = Callable[[FunctionSpec, str, list[tuple[int, str]]], Awaitable[None]]

EVENT_BYTES_MAX = 262_118
"""The longest log event that CloudWatch Logs takes, less its overhead of 26 bytes."""
TAIL_BYTES = 4096
_READ_BYTES = 64 * 1024
_BURST_BYTES = 512 * 1024
_BURST_S = 0.05
_FRAME = b"\xa5\x5a\x00"  # the runtime client's frames begin so; never found in UTF-8 text
_FRAME_HEAD_BYTES = 16
_BATCH_DELAY_S = 0.05
_BATCH_LINES_MAX = 10_000
_PENDING_BYTES_MAX = 4 << 20


class Splitter:
    """Cuts a stream of printed bytes and frames into texts, each one log event; pure but for its buffer."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The texts that `data` completes, without their final newline."""
        data = self._rest + data
        texts: list[bytes] = []
        at = 0
        while at < len(data):
            if data.startswith(_FRAME, at):
                if len(data) - at < _FRAME_HEAD_BYTES:
                    break
                length = min(int.from_bytes(data[at + 4 : at + 8], "big"), EVENT_BYTES_MAX)
                end = at + _FRAME_HEAD_BYTES + length
                if len(data) < end:
                    break
                texts.append(data[at + _FRAME_HEAD_BYTES : end].removesuffix(b"\n"))
                at = end
                continue
            line_end = data.find(b"\n", at)
            frame = data.find(_FRAME, at, line_end if line_end >= 0 else len(data))
            if frame >= 0:
                texts.append(data[at:frame])
                at = frame
            elif line_end >= 0:
                texts.append(data[at:line_end])
                at = line_end + 1
            elif len(data) - at >= EVENT_BYTES_MAX:
                texts.append(data[at : at + EVENT_BYTES_MAX])
                at += EVENT_BYTES_MAX
            else:
                break
        self._rest = data[at:]
        return [piece for text in texts for piece in _pieces(text)]

    def finish(self) -> list[str]:
        """What is left at the end of a call: a line without its newline."""
        if not self._rest or self._rest.startswith(_FRAME):
            return []
        rest, self._rest = self._rest, b""
        return _pieces(rest)


def _pieces(text: bytes) -> list[str]:
    return [
        text[at : at + EVENT_BYTES_MAX].decode("utf-8", "replace") for at in range(0, len(text), EVENT_BYTES_MAX)
    ] or [""]


class Shipper:
    """Delivers log events of all environments in batches, in order within a stream; never raises, never blocks."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._pending: dict[str, tuple[FunctionSpec, list[tuple[int, str]]]] = {}
        self._pending_bytes = 0
        self._dropped = 0
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self.failures = 0

    def add(self, spec: FunctionSpec, stream: str, time_ms: int, text: str) -> None:
        """Queue one event of the log stream `stream`."""
        if self._pending_bytes + len(text) > _PENDING_BYTES_MAX:
            self._dropped += 1
            return
        self._pending_bytes += len(text)
        found = self._pending.get(stream)
        if found is None:
            found = self._pending[stream] = (spec, [])
        found[1].append((time_ms, text))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), _BATCH_DELAY_S)
            await self._drain()
        finally:
            self._task = None

    async def _drain(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, {}
            self._pending_bytes = 0
            dropped, self._dropped = self._dropped, 0
            for stream, (spec, lines) in batch.items():
                if dropped:
                    lines.append((lines[-1][0], f"[lambent] {dropped} log events were dropped: too many at once\n"))
                    dropped = 0
                for at in range(0, len(lines), _BATCH_LINES_MAX):
                    try:
                        await self._deliver(spec, stream, lines[at : at + _BATCH_LINES_MAX])
                    except Exception:
                        # A log group that is gone or a role that may not write: AWS drops these events as well.
                        self.failures += 1

    async def flush(self) -> None:
        """Wait until everything queued so far is delivered."""
        self._hurry.set()
        while self._task is not None:
            await asyncio.wait([self._task])
        await self._drain()
        self._hurry.clear()


class Journal:
    """The log of one environment: a stream of its own, and the tail of the call under way."""

    def __init__(self, spec: FunctionSpec, stream: str, clock: Clock, shipper: Shipper) -> None:
        self._spec = spec
        self.stream = stream
        self._clock = clock
        self._shipper = shipper
        self._tail: list[str] = []
        self._tail_bytes = 0

    def write(self, text: str) -> None:
        """One log event; a newline is put at its end."""
        text += "\n"
        self._tail.append(text)
        self._tail_bytes += len(text)
        if self._tail_bytes > 4 * TAIL_BYTES and len(self._tail) > 1:
            self._trim()
        self._shipper.add(self._spec, self.stream, self._clock.now_ns() // 1_000_000, text)

    def _trim(self) -> None:
        kept = 0
        for index in range(len(self._tail) - 1, -1, -1):
            kept += len(self._tail[index])
            if kept >= TAIL_BYTES:
                del self._tail[:index]
                break
        self._tail_bytes = kept

    def take_tail(self) -> bytes:
        """The last 4 KiB written since it was last taken."""
        tail = "".join(self._tail).encode()[-TAIL_BYTES:]
        self._tail.clear()
        self._tail_bytes = 0
        return tail


class LogPipe:
    """Reads the pipe `fd` (non-blocking) that holds an environment's output; owns it."""

    def __init__(self, fd: int, journal: Journal) -> None:
        self._fd = fd
        self._journal = journal
        self._splitter = Splitter()
        self._loop = asyncio.get_running_loop()
        self._burst_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(fd, self._ready)

    def _read(self) -> int:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return -1
        for text in self._splitter.feed(data):
            self._journal.write(text)
        return len(data)

    def _ready(self) -> None:
        count = self._read()
        if count == 0:
            self._loop.remove_reader(self._fd)
        self._burst_bytes += max(0, count)
        if self._timer is None:
            self._timer = self._loop.call_later(_BURST_S, self._rest)
        if self._burst_bytes > _BURST_BYTES:
            self._loop.remove_reader(self._fd)  # the function waits in its print, the event loop does not

    def _rest(self) -> None:
        self._timer = None
        if self._fd >= 0:
            if self._burst_bytes > _BURST_BYTES:
                self._loop.add_reader(self._fd, self._ready)
            self._burst_bytes = 0

    def drain(self, final: bool = True) -> None:
        """Read what is there now (bounded), so that it comes before what the platform writes next."""
        for _ in range(_BURST_BYTES // _READ_BYTES):
            if self._fd < 0 or self._read() <= 0:
                break
        if final:
            for text in self._splitter.finish():
                self._journal.write(text)

    def close(self) -> None:
        """Read the rest and close."""
        if self._fd >= 0:
            self.drain()
            self._loop.remove_reader(self._fd)
            os.close(self._fd)
            self._fd = -1
            if self._timer is not None:
                self._timer.cancel()
