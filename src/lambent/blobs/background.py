"""Work that nobody waits for: its failures are logged, and closing waits for its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger("lambent.blobs")


class Background:
    """Tasks under way. `what` says in the log what failed."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start `work`. It goes on when the caller is cancelled."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def wait(self, longest_s: float | None = None) -> None:
        """Wait until everything has ended; what takes longer than `longest_s` seconds is cancelled."""
        end_s = None if longest_s is None else asyncio.get_running_loop().time() + longest_s
        while self._tasks:
            left_s = None if end_s is None else max(0.0, end_s - asyncio.get_running_loop().time())
            _, late = await asyncio.wait(set(self._tasks), timeout=left_s)
            for task in late:
                task.cancel()
            if late:
                _log.warning("%s: it took too long", self._what)
                await asyncio.wait(late)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.warning("%s: %s", self._what, task.exception())
