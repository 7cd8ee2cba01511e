"""Measurements on their way to CloudWatch: added up in memory by minute, handed on every few seconds."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from lambent.contracts.clock import Clock

FLUSH_NS: Final = 5_000_000_000
VALUES_MAX: Final = 150
"""Different values that are kept apart; more are rounded to three digits, then to two."""
WAITING_MAX: Final = 1000
"""Measurements of one metric that wait to be added up: together that costs a tenth of what it costs one by one."""
_MINUTE_NS: Final = 60_000_000_000
_log = logging.getLogger("lambent.kit.measuring")


class Sums(msgspec.Struct):
    """What is known of several measurements: how many, their sum, the extremes, and how often each value came."""

    count: float = 0.0
    sum: float = 0.0
    min: float = 0.0
    max: float = 0.0
    values: dict[float, float] = {}

    def add(self, value: float, count: float = 1.0) -> None:
        """`count` measurements of `value`."""
        self.min = value if not self.count else min(self.min, value)
        self.max = value if not self.count else max(self.max, value)
        self.count += count
        self.sum += value * count
        self.values[value] = self.values.get(value, 0.0) + count
        if len(self.values) > VALUES_MAX:
            self.values = rounded(self.values)

    def add_all(self, values: list[float]) -> None:
        """Some measurements, each once."""
        if values:
            counts = {value: float(count) for value, count in Counter(values).items()}
            self.merge(Sums(float(len(values)), float(sum(values)), min(counts), max(counts), counts))

    def merge(self, other: Sums) -> None:
        """The measurements of `other` too."""
        if not other.count:
            return
        self.min = other.min if not self.count else min(self.min, other.min)
        self.max = other.max if not self.count else max(self.max, other.max)
        self.count += other.count
        self.sum += other.sum
        for value, count in other.values.items():
            self.values[value] = self.values.get(value, 0.0) + count
        if len(self.values) > VALUES_MAX:
            self.values = rounded(self.values)


def rounded(values: dict[float, float]) -> dict[float, float]:
    """Fewer values for the same measurements: a percentile may be off by half a percent, or by five."""
    for form in ("%.2e", "%.1e", "%.0e"):
        found: dict[float, float] = {}
        for value, count in values.items():
            near = float(form % value)
            found[near] = found.get(near, 0.0) + count
        values = found
        if len(values) <= VALUES_MAX:
            break
    return values


class Series(msgspec.Struct, frozen=True):
    """Which metric: its dimensions are sorted by name."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str


Batch = dict[tuple[Series, int], Sums]
"""Measurements by metric and minute (seconds since the epoch)."""


_Key = tuple[str, str, str, str, tuple[tuple[str, str], ...], str, int]


class Meter:
    """Implements `contracts.ports.Metrics`. `hand_on` stores a batch; `spawn` runs it in the background."""

    def __init__(
        self,
        clock: Clock,
        spawn: Callable[[Awaitable[None]], None],
        hand_on: Callable[[Batch], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._spawn = spawn
        self._hand_on = hand_on
        self._noted: dict[_Key, list[float]] = {}
        self._added: dict[_Key, Sums] = {}

    def note(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        value: float,
        unit: str = "None",
        dimensions: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """See `contracts.ports.Metrics.note`."""
        now_ns = self._clock.now_ns()
        key = (account, region, namespace, name, dimensions, unit, now_ns // _MINUTE_NS)
        values = self._noted.get(key)
        if values is None:
            if not self._noted:
                self._clock.call_at(now_ns + FLUSH_NS, lambda: self._spawn(self.flush()))
            values = self._noted[key] = []
        values.append(value)
        if len(values) >= WAITING_MAX:
            self._added.setdefault(key, Sums()).add_all(values)
            values.clear()

    async def flush(self) -> None:
        """Hand on what was noted. A store that refuses it loses it, and says so: nothing waits for measurements."""
        noted, self._noted = self._noted, {}
        added, self._added = self._added, {}
        if not noted:
            return
        batch: Batch = {}
        for key, values in noted.items():
            account, region, namespace, name, dimensions, unit, minute = key
            sums = added.get(key) or Sums()
            sums.add_all(values)
            series = Series(account, region, namespace, name, tuple(sorted(dimensions)), unit)
            batch[series, minute * 60] = sums
        try:
            await self._hand_on(batch)
        except Exception as error:
            _log.warning("%d metrics were lost: %s", len(batch), error)
