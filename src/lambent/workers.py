"""Several nodes of one machine behind one port: a process that starts them, watches over them, and serves nothing.

Each worker is `lambent up` with a number, in `DATA/workers/NUMBER`; the kernel deals connections out among them. A
worker that ends unasked is started again; one whose supervisor ends (even by SIGKILL) drains and ends too, for its
standard input does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress

from lambent.contracts.clock import SystemClock, sleep_until
from lambent.gateway import tls
from lambent.kit import log_lines
from lambent.node import GRACE_S, NodeOptions, StartFailure

_log = logging.getLogger("lambent.workers")
_PAUSE_NS = 1_000_000_000
_STOP_S = GRACE_S + 10


def supervise(options: NodeOptions, arguments: list[str]) -> None:
    """Run `options.workers` nodes, each started with `arguments`, until SIGTERM or SIGINT; `StartFailure` when they
    cannot start. Prints what the first of them says, and one ready line for all."""
    log_lines.begin(sys.stderr)
    asyncio.run(_Supervisor(options, arguments).run())


class _NotStarted(Exception):
    """A worker ended before it was ready, after a line on standard error."""


class _Supervisor:
    def __init__(self, options: NodeOptions, arguments: list[str]) -> None:
        self._options = options
        self._arguments = arguments
        self._stop = asyncio.Event()
        self._hurry = False
        self._processes: dict[int, Process] = {}

    async def run(self) -> None:
        options = self._options
        place = _reserve(options.host, options.port)
        with place:
            port = place.getsockname()[1]
            if options.tls:
                # Made once, before several processes would each make their own.
                try:
                    certificate, key = options.tls_certificate, options.tls_key
                    tls.server_context(options.folder / "tls", certificate, key, SystemClock(), options.host)
                except (OSError, ValueError) as error:
                    raise StartFailure(f"the TLS certificate cannot be used: {error}") from None
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self._end)
            starting = asyncio.ensure_future(self._start_all(port))
            stopping = asyncio.ensure_future(self._stop.wait())
            try:
                await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    await starting
                    await self._serve(port)
            except _NotStarted:
                raise SystemExit(1) from None  # it has said why
            finally:
                stopping.cancel()
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                await self._end_all()

    async def _start_all(self, port: int) -> None:
        # The first one alone: what is wrong, is wrong for all, and is said once.
        await self._start(1, port)
        await asyncio.gather(*(self._start(number, port) for number in range(2, self._options.workers + 1)))

    async def _serve(self, port: int) -> None:
        options = self._options
        notes = options.folder / "node.json"
        notes.write_text(json.dumps({"pid": os.getpid(), "endpoint": f"{options.base}:{port}"}))
        print(f"ready {options.base}:{port}", flush=True)
        keepers = [asyncio.create_task(self._keep(number, port)) for number in self._processes]
        try:
            await self._stop.wait()
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            notes.unlink(missing_ok=True)

    def _end(self) -> None:
        """The first signal lets requests under way finish; a second one is passed on and cuts them short."""
        if self._stop.is_set():
            self._signal()
        self._stop.set()

    def _signal(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                # Not by the process's own method: that looks whether it has ended, and asyncio misses the end then.
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)

    async def _start(self, number: int, port: int) -> None:
        """Start a worker and wait until it is ready."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lambent", *self._arguments, "--port", str(port), "--worker", str(number)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=None,
            # Ctrl-C in a terminal is for the supervisor alone: a worker would take its word for a second signal.
            process_group=0,
        )
        self._processes[number] = process
        assert process.stdout is not None
        async for raw in process.stdout:
            line = raw.decode().rstrip()
            if line.startswith("ready "):
                return
            print(line, flush=True)
        await process.wait()
        raise _NotStarted(number)

    async def _keep(self, number: int, port: int) -> None:
        clock = SystemClock()
        while True:
            code = await self._processes[number].wait()
            _log.warning("worker %d ended with %d; it is started again", number, code)
            await sleep_until(clock, clock.now_ns() + _PAUSE_NS)
            try:
                await self._start(number, port)
            except _NotStarted:
                _log.warning("worker %d did not start; once more", number)

    async def _end_all(self) -> None:
        self._signal()
        waiting = [asyncio.ensure_future(process.wait()) for process in self._processes.values()]
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=_STOP_S)
        if late:
            for process in self._processes.values():
                if process.returncode is None:
                    process.kill()
            await asyncio.wait(late)


def _reserve(host: str, port: int) -> socket.socket:
    """Hold the port (0: any free one) for this user's processes without listening on it."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        place = socket.socket(family, kind, protocol)
        try:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            place.bind(address)
        except OSError:
            place.close()
            raise
    except OSError as error:
        raise StartFailure(f"cannot listen on {host}:{port}: {error.strerror}") from None
    return place
