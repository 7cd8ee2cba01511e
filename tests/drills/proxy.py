"""A cable between processes side by side: passes bytes on, or holds them back and says nothing."""

from __future__ import annotations

import asyncio
import threading

PIECE_BYTES = 1 << 16


class Proxy:
    """Listens at `address` for who wants to reach `target`, in a thread of its own. While `stalled`, bytes wait on
    their way, and so do new connections."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.address = ("", 0)
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="proxy", daemon=True)
        self._thread.start()
        ready.wait()

    def close(self) -> None:
        """Hang up on everybody."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        host, port = self._server.sockets[0].getsockname()[:2]
        self.address = (host, port)
        ready.set()
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(self._hang_up())
        self._loop.close()

    async def _hang_up(self) -> None:
        under_way = list(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.sleep(0)  # transports close one turn later

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            await self._flow()
            there, back = await asyncio.open_connection(*self._target)
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._under_way.discard(task)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(PIECE_BYTES):
                await self._flow()
                target.write(piece)
                await target.drain()
        finally:
            target.close()

    async def _flow(self) -> None:
        await self._open.wait()

    @property
    def stalled(self) -> bool:
        """Whether bytes are held back."""
        return not self._open.is_set()

    @stalled.setter
    def stalled(self, stalled: bool) -> None:
        self._loop.call_soon_threadsafe(self._open.clear if stalled else self._open.set)
