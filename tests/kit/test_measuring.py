"""Measurements are added up whatever their number, and few of very many values are kept apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from lambent.contracts.clock import ManualClock
from lambent.kit.measuring import FLUSH_NS, VALUES_MAX, WAITING_MAX, Batch, Meter, Sums

ROOM = ("000000000000", "us-east-1", "Mine")


class Kept:
    """Runs what a meter spawns, and holds what it hands on."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.batches: list[Batch] = []
        self.meter = Meter(self.clock, self._run, self._hand_on)

    def _run(self, work: Awaitable[None]) -> None:
        asyncio.run(work)  # type: ignore[arg-type]

    async def _hand_on(self, batch: Batch) -> None:
        self.batches.append(batch)

    def sums(self) -> dict[str, Sums]:
        """What the one batch holds, by the metric's name."""
        self.clock.advance(FLUSH_NS)
        assert len(self.batches) == 1
        return {series.name: sums for (series, _), sums in self.batches.pop().items()}


def test_measurements_are_added_up() -> None:
    """The few and the many, of which more than one heap is made."""
    kept = Kept()
    count = 2 * WAITING_MAX + 7
    for number in range(count):
        kept.meter.note(*ROOM, "Many", number / 10)
        kept.meter.note(*ROOM, "Same", 1)
    kept.meter.note(*ROOM, "Few", 3.0)
    kept.meter.note(*ROOM, "Few", -2.0)
    found = kept.sums()
    assert found["Few"] == Sums(2.0, 1.0, -2.0, 3.0, {3.0: 1.0, -2.0: 1.0})
    assert found["Same"] == Sums(count, count, 1, 1, {1: count})
    many = found["Many"]
    assert (many.count, many.min, many.max) == (count, 0.0, (count - 1) / 10)
    assert abs(many.sum - count * (count - 1) / 20) < 1e-6
    assert len(many.values) <= VALUES_MAX
    assert sum(many.values.values()) == count


def test_a_batch_is_handed_on_once() -> None:
    """What comes after a batch is in the next one."""
    kept = Kept()
    kept.meter.note(*ROOM, "One", 1.0)
    assert kept.sums()["One"].count == 1
    kept.clock.advance(FLUSH_NS)
    assert kept.batches == []
    kept.meter.note(*ROOM, "One", 2.0)
    kept.meter.note(*ROOM, "One", 2.0)
    assert kept.sums()["One"] == Sums(2.0, 4.0, 2.0, 2.0, {2.0: 2.0})
