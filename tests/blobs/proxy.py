"""A TCP proxy that can do to connections what networks do: cut them, let them hang, refuse new ones."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

PIECE_BYTES = 64 * 1024


class Proxy:
    """Passes bytes to `port` on this machine and back, until it is told otherwise. `async with` starts it."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self.connections = 0
        self.cut_after_bytes: list[int] = []
        """Each of the next connections is cut after so many bytes of answers."""
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def endpoint(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Proxy:
        await self.accept()
        return self

    async def __aexit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.refuse()
        self.flow()
        self.cut()
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def stall(self) -> None:
        """Let everything hang: connections are accepted, and nothing passes."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let bytes pass again."""
        self._flowing.set()

    def cut(self) -> None:
        """Break all connections."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def refuse(self) -> None:
        """Take no new connections."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def accept(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        limit = self.cut_after_bytes.pop(0) if self.cut_after_bytes else None
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            both = (writer, far_writer)
            self._writers.update(both)
            pumps = [
                asyncio.create_task(self._pump(reader, far_writer, None)),
                asyncio.create_task(self._pump(far_reader, writer, limit)),
            ]
            self._tasks.update(pumps)
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for end in both:
                end.transport.abort()
            await asyncio.wait(pumps)
            self._tasks.difference_update(pumps)
            self._writers.difference_update(both)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(PIECE_BYTES):
                await self._flowing.wait()
                if limit is not None and passed + len(data) > limit:
                    return
                passed += len(data)
                writer.write(data)
                await writer.drain()
