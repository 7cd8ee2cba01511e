"""Long polls of one node: who waits at which queue, and who looks next.

A queue's waiters are woken one at a time: each commit that woke the queue's topic lets one look, and one that found
something lets the next look too. So a message costs one look, however many wait. What becomes visible by itself is
looked for at its time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Generic, NamedTuple, TypeVar

from lambent.contracts.clock import Alarm
from lambent.contracts.ports import Cloud

T = TypeVar("T")
_NS_PER_MS: Final = 1_000_000
LOOK_AGAIN_NS: Final = 1_000_000_000
"""How long to wait at most, where other nodes receive and send too, for a hint that may have been lost."""


class Look(NamedTuple, Generic[T]):
    """What one look gave: what was found, None for nothing; when there will be something at the latest, in ms since
    the epoch; whether to look again at once."""

    found: T | None
    next_ms: int | None = None
    again: bool = False


class _Room:
    """The waiters of one queue. `generation` counts the reasons there were to look."""

    def __init__(self, cloud: Cloud, topic: bytes) -> None:
        self._cloud = cloud
        self.generation = 0
        self.users = 0
        self._idle: deque[asyncio.Future[None]] = deque()
        self._alarm: Alarm | None = None
        self._alarm_ns = 0
        self._end = cloud.store.listen(topic, self.call)

    def call(self) -> None:
        """There is a reason to look."""
        self.generation += 1
        self.call_one()

    def call_one(self) -> None:
        """Let one of those who wait look."""
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def expect(self, at_ns: int) -> None:
        """There will be a reason to look at `at_ns`."""
        if self._alarm is not None:
            if self._alarm_ns <= at_ns:
                return
            self._alarm.cancel()
        self._alarm_ns = at_ns
        self._alarm = self._cloud.clock.call_at(at_ns, self._due)

    def _due(self) -> None:
        self._alarm = None
        self.call()

    async def wait(self, deadline_ns: int) -> None:
        """Wait until called, or until `deadline_ns`."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._idle.append(waiter)
        alarm = self._cloud.clock.call_at(deadline_ns, lambda: None if waiter.done() else waiter.set_result(None))
        try:
            await waiter
        finally:
            alarm.cancel()
            if waiter in self._idle:
                self._idle.remove(waiter)

    def close(self) -> None:
        """Nobody waits any more."""
        self._end()
        if self._alarm is not None:
            self._alarm.cancel()


class Waiting:
    """The rooms of one node, by topic."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._rooms: dict[bytes, _Room] = {}

    def expect(self, topic: bytes, at_ms: int) -> None:
        """Tell those who wait at `topic`, if anybody does, that something becomes visible at `at_ms`."""
        room = self._rooms.get(topic)
        if room is not None:
            room.expect(at_ms * _NS_PER_MS)

    async def poll(self, topic: bytes, deadline_ns: int, look: Callable[[], Awaitable[Look[T]]]) -> T | None:
        """Look, and look again whenever there is reason to, until something is found or the time is over."""
        room = self._rooms.get(topic)
        if room is None:
            room = self._rooms[topic] = _Room(self._cloud, topic)
        room.users += 1
        try:
            found = await self._poll(room, deadline_ns, look)
        except BaseException:
            room.call_one()  # it may have been this one's turn to look
            raise
        finally:
            room.users -= 1
            if not room.users:
                room.close()
                del self._rooms[topic]
        if found is not None:
            room.call_one()
        return found

    async def _poll(self, room: _Room, deadline_ns: int, look: Callable[[], Awaitable[Look[T]]]) -> T | None:
        clock = self._cloud.clock
        while True:
            generation = room.generation
            found, next_ms, again = await look()
            now_ns = clock.now_ns()
            if found is not None or now_ns >= deadline_ns:
                return found
            if again or room.generation != generation:
                continue
            if next_ms is not None:
                room.expect(next_ms * _NS_PER_MS)
            if self._cloud.store.shared:
                room.expect(now_ns + LOOK_AGAIN_NS)
            await room.wait(deadline_ns)
