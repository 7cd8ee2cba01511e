"""The one clock. Nothing else in Lambent asks the machine for the time, and nothing sleeps on its own.

Times are integers: `_ns` nanoseconds or `_ms` milliseconds since the Unix epoch, UTC.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """A pending call, as `Clock.call_at` returns it."""

    def cancel(self) -> None:
        """Not to be called any more; nothing happens when it already was."""
        ...


class Clock(Protocol):
    """Tells the time and calls back at a time; injected everywhere."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...

    def outside_ns(self) -> int:
        """As `now_ns`, by the machine's clock, which programs outside the cloud go by however this one was moved:
        signatures and certificates are dated and judged by it."""
        ...

    def call_at(self, when_ns: int, fn: Callable[[], None]) -> Alarm:
        """Call `fn` once, on the event loop, when the clock has reached `when_ns`."""
        ...


async def sleep_until(clock: Clock, when_ns: int) -> None:
    """Wait until `clock` has reached `when_ns`; works on a manual clock too."""
    done = asyncio.get_running_loop().create_future()
    alarm = clock.call_at(when_ns, lambda: None if done.done() else done.set_result(None))
    try:
        await done
    finally:
        alarm.cancel()


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()

    def outside_ns(self) -> int:
        """The same."""
        return time.time_ns()

    def call_at(self, when_ns: int, fn: Callable[[], None]) -> Alarm:
        """Schedule `fn` on the running event loop."""
        delay_s = max(0, when_ns - time.time_ns()) / 1e9
        return asyncio.get_running_loop().call_later(delay_s, fn)


class MovableClock:
    """The machine's clock, set ahead by whatever it was moved. It goes forward only: what it has told is written down.

    When it is moved, alarms that have become due are called soon, in order of their times, as after a machine's sleep.
    It belongs to one event loop.
    """

    def __init__(self) -> None:
        self._ahead_ns = 0
        self._pending: set[_MovableAlarm] = set()

    @property
    def ahead_ns(self) -> int:
        """How far it is ahead of the machine's clock."""
        return self._ahead_ns

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, by this clock."""
        return time.time_ns() + self._ahead_ns

    def outside_ns(self) -> int:
        """Nanoseconds since the Unix epoch, by the machine's."""
        return time.time_ns()

    def call_at(self, when_ns: int, fn: Callable[[], None]) -> Alarm:
        """Schedule `fn` on the running event loop."""
        alarm = _MovableAlarm(self._pending, when_ns, fn)
        alarm.begin(self.now_ns())
        return alarm

    def move(self, by_ns: int) -> None:
        """Set it forward by `by_ns`; `ValueError` for a time that has been."""
        if by_ns < 0:
            raise ValueError("the clock goes forward only")
        self._ahead_ns += by_ns
        now_ns = self.now_ns()
        for alarm in sorted(self._pending, key=_when_ns):
            alarm.begin(now_ns)


class _MovableAlarm:
    __slots__ = ("_fn", "_pending", "_timer", "when_ns")

    def __init__(self, pending: set[_MovableAlarm], when_ns: int, fn: Callable[[], None]) -> None:
        self.when_ns = when_ns
        self._fn = fn
        self._pending = pending
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, now_ns: int) -> None:
        """Wait for the rest of the time, in place of what it waited for until now."""
        if self._timer is not None:
            self._timer.cancel()
        self._pending.add(self)
        self._timer = asyncio.get_running_loop().call_later(max(0, self.when_ns - now_ns) / 1e9, self._end)

    def _end(self) -> None:
        self._pending.discard(self)
        self._fn()

    def cancel(self) -> None:
        self._pending.discard(self)
        if self._timer is not None:
            self._timer.cancel()


def _when_ns(alarm: _MovableAlarm) -> int:
    return alarm.when_ns


class _ManualAlarm:
    __slots__ = ("fn",)

    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn: Callable[[], None] | None = fn

    def cancel(self) -> None:
        self.fn = None


class ManualClock:
    """A clock that stands still until `advance` moves it; alarms fire in order of their time."""

    def __init__(self, start_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now_ns = start_ns
        self._alarms: list[tuple[int, int, _ManualAlarm]] = []
        self._order = itertools.count()

    def now_ns(self) -> int:
        """The time it was last moved to."""
        return self._now_ns

    def outside_ns(self) -> int:
        """The same: who moves it, moves all the world."""
        return self._now_ns

    def call_at(self, when_ns: int, fn: Callable[[], None]) -> Alarm:
        """Register `fn`; it is called from `advance`."""
        alarm = _ManualAlarm(fn)
        heapq.heappush(self._alarms, (when_ns, next(self._order), alarm))
        return alarm

    def advance(self, by_ns: int) -> None:
        """Move the clock on by `by_ns`, firing each alarm at its own time on the way."""
        end_ns = self._now_ns + by_ns
        while self._alarms and self._alarms[0][0] <= end_ns:
            when_ns, _, alarm = heapq.heappop(self._alarms)
            self._now_ns = max(self._now_ns, when_ns)
            if alarm.fn is not None:
                alarm.fn()
        self._now_ns = end_ns
