"""Something to wait for: a signal, or a time, whichever comes first."""

from __future__ import annotations

import asyncio

from lambent.contracts.clock import Clock


class Signal:
    """A reason to look, kept until somebody waits for it; one waiter."""

    __slots__ = ("_clock", "_set", "_waiter")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        """There is a reason to look."""
        self._set = True
        self._release()

    def _release(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, until_ns: int | None = None) -> bool:
        """Wait for the signal, `until_ns` at most (None: as long as it takes); returns whether it came."""
        if not self._set and (until_ns is None or until_ns > self._clock.now_ns()):
            self._waiter = asyncio.get_running_loop().create_future()
            alarm = None if until_ns is None else self._clock.call_at(until_ns, self._release)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if alarm is not None:
                    alarm.cancel()
        came, self._set = self._set, False
        return came
