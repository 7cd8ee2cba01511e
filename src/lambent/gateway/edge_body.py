"""Request bodies that are still arriving: chunk decoding, and a stream that slows its sender down."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from lambent.contracts.http import BodyBroken, BodyTooLarge

from .edge_head import Refused

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?").fullmatch
_FIELD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*").fullmatch
_LINE_MAX = 1024
_TRAILER_MAX = 16 * 1024


class ChunkDecoder:
    """Undoes the chunked transfer encoding, strictly. Trailing fields are checked and dropped."""

    def __init__(self, push: Callable[[bytes], None]) -> None:
        self._push = push
        self._line = bytearray()
        self._left = 0
        self._state = "size"
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> bytes | None:
        """Push the body's bytes in `data`; the bytes after the body's end when it came, else None.
        Raises `Refused` for anything that is not a chunked body."""
        at = 0
        while at < len(data):
            if self._state == "data":
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                self._push(piece)
                if not self._left:
                    self._state = "after"
                continue
            end = data.find(b"\n", at)
            stop = len(data) if end < 0 else end + 1
            if stop - at + len(self._line) > _LINE_MAX:
                raise Refused(400, "A chunk's size line or trailing field is too long.")
            self._line += data[at:stop]
            at = stop
            if end < 0:
                break
            line = bytes(self._line)
            self._line.clear()
            if self._take(line):
                return data[at:]
        return None

    def _take(self, line: bytes) -> bool:
        """One line outside the data; True when it ends the body."""
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise Refused(400, "A line of the chunked body does not end in CRLF.")
        line = line[:-2]
        if self._state == "after":
            if line:
                raise Refused(400, "A chunk is longer than its size says.")
            self._state = "size"
        elif self._state == "size":
            match = _SIZE(line)
            if match is None:
                raise Refused(400, "A chunk's size is malformed.")
            self._left = int(match[1], 16)
            self._state = "data" if self._left else "trailer"
        elif not line:
            return True
        else:
            self._trailer_bytes += len(line)
            if _FIELD(line) is None or self._trailer_bytes > _TRAILER_MAX:
                raise Refused(400, "A trailing field of the chunked body is malformed.")
        return False


class Sender(Protocol):
    """What a body tells the connection it comes from."""

    def body_wanted(self) -> None:
        """The reader waits for bytes: send 100-continue if the client awaits it, read on."""
        ...

    def body_slow(self) -> None:
        """The reader does not keep up: stop reading."""
        ...


class StreamBody:
    """A body that is still arriving. Holds about `high_bytes` before the sender is paused."""

    __slots__ = ("_error", "_high_bytes", "_pieces", "_sender", "_size", "_waiter", "done", "length")

    def __init__(self, sender: Sender, length: int | None, high_bytes: int) -> None:
        self.length = length
        self.done = False
        self._sender = sender
        self._high_bytes = high_bytes
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def push(self, piece: bytes) -> None:
        """The connection has more bytes."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size >= self._high_bytes:
            self._sender.body_slow()
        self._wake()

    def finish(self) -> None:
        """The connection has received the whole body."""
        self.done = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """The rest will not come; the reader gets `error` after what did."""
        if not self.done and self._error is None:
            self._error = error
            self._wake()

    def drop(self) -> None:
        """Nobody reads on: forget what is here."""
        self._pieces.clear()
        self._size = 0

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self) -> bytes | None:
        """The next piece; None at the end."""
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self.done:
                return None
            self._sender.body_wanted()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        self._size -= len(piece)
        if not self._pieces and not self.done:
            self._sender.body_wanted()
        return piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they come; `BodyBroken` when the sender goes away before the end."""
        while (piece := await self._next()) is not None:
            yield piece

    async def read(self, limit: int) -> bytes:
        """The (rest of the) body; `BodyTooLarge` beyond `limit` bytes, before any is asked for where it is known."""
        if self.length is not None and self.length > limit:
            raise BodyTooLarge
        kept: list[bytes] = []
        total = 0
        while (piece := await self._next()) is not None:
            total += len(piece)
            if total > limit:
                raise BodyTooLarge
            kept.append(piece)
        return b"".join(kept)


def gone() -> BodyBroken:
    """The error of a body whose sender went away."""
    return BodyBroken("the client closed the connection before the end of the body")
