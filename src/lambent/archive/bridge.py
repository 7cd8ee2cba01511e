"""From a thread that produces to the event loop that consumes: a short queue that makes the thread wait."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

DEPTH: Final = 3
IDLE_S: Final = 3.0
"""A producer that waits says that it is alive so often."""


class Abandoned(Exception):
    """Nobody consumes any more: the producer may go home."""


class Bridge(Generic[T]):
    """Made on the event loop that consumes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._room = threading.Condition()
        self._queue: deque[T] = deque()
        self._abandoned = False
        self._ready = asyncio.Event()

    def put(self, item: T, alive: Callable[[], object]) -> None:
        """From the thread: hand `item` over, waiting for room; `alive` is called from time to time meanwhile."""
        if threading.get_ident() == self._loop_thread:
            raise RuntimeError("a survey that runs on the event loop cannot wait for it")
        while True:
            with self._room:
                if self._room.wait_for(lambda: self._abandoned or len(self._queue) < DEPTH, IDLE_S):
                    self.check()
                    self._queue.append(item)
                    break
            alive()
        self._loop.call_soon_threadsafe(self._ready.set)

    def check(self) -> None:
        """From the thread: raise `Abandoned` when nobody consumes any more."""
        if self._abandoned:
            raise Abandoned

    def take(self) -> list[T]:
        """From the loop: what is there."""
        with self._room:
            found = list(self._queue)
            self._queue.clear()
            self._room.notify_all()
        return found

    async def wait(self, producer: asyncio.Future[None]) -> None:
        """From the loop: until something is there, or `producer` has ended."""
        ready = asyncio.ensure_future(self._ready.wait())
        try:
            await asyncio.wait((ready, producer), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        self._ready.clear()

    def abandon(self) -> None:
        """From the loop: consume no more."""
        with self._room:
            self._abandoned = True
            self._queue.clear()
            self._room.notify_all()
