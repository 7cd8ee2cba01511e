"""What was released, until it may go: readers have a while, and somebody who copies all blobs can hold everything."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from lambent.contracts.clock import Alarm, Clock


class _Cancellable(Protocol):
    def cancel(self) -> None: ...


class Removals:
    """Names that wait for their removal. `remove` is called on the event loop with those whose time has come:
    `delay_s` seconds after `add`, but never while a hold lasts."""

    def __init__(self, clock: Clock, delay_s: float, remove: Callable[[list[str]], None]) -> None:
        self._clock = clock
        self._delay_s = delay_s
        self._remove = remove
        self._waiting: deque[tuple[float, str]] = deque()
        self._alarm: _Cancellable | None = None
        self._held_until_ns = 0
        self._hold_alarm: Alarm | None = None

    @property
    def held(self) -> bool:
        """Whether nothing may be removed now."""
        return self._clock.now_ns() < self._held_until_ns

    def add(self, name: str) -> None:
        """Have `name` removed when it is time."""
        if not self._delay_s and not self.held:
            self._remove([name])
            return
        # The loop's time, not the cloud's clock: the delay waits for sockets, which no simulation moves.
        now_s = asyncio.get_running_loop().time() if self._delay_s else 0.0
        self._waiting.append((now_s + self._delay_s, name))
        self._arm()

    def hold(self, until_ns: int) -> None:
        """Remove nothing before `until_ns` of the clock; 0 ends a hold."""
        self._held_until_ns = until_ns
        if self._hold_alarm is not None:
            self._hold_alarm.cancel()
            self._hold_alarm = None
        self._look()

    def finish(self) -> list[str]:
        """End the waiting. Returns what may be removed at once: everything, or nothing while a hold lasts."""
        for alarm in (self._alarm, self._hold_alarm):
            if alarm is not None:
                alarm.cancel()
        self._alarm = self._hold_alarm = None
        names = [] if self.held else [name for _, name in self._waiting]
        self._waiting.clear()
        return names

    def _look(self) -> None:
        """Remove what is due, and look again when the next is."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self.held:
            self._hold_alarm = self._clock.call_at(self._held_until_ns, self._look)
            return
        now_s = asyncio.get_running_loop().time() if self._delay_s and self._waiting else 0.0
        due = []
        while self._waiting and self._waiting[0][0] <= now_s:
            due.append(self._waiting.popleft()[1])
        self._arm()
        if due:
            self._remove(due)

    def _arm(self) -> None:
        if self._alarm is None and self._waiting and not self.held:
            self._alarm = asyncio.get_running_loop().call_at(self._waiting[0][0], self._look)
