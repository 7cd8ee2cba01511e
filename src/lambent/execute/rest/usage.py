"""Counting requests of API keys against the quotas of usage plans.

Counts are added up in memory and written behind the requests, all that wait in one transaction; the next write begins
when the last has ended, so there is at most one under way and it is never older than a commit. A node knows how much it
has counted itself and has not written yet, so on one node a quota is exact. What other nodes have counted is seen at
the next look, so n nodes may let through what n nodes serve during one commit. A crash loses what waited.

A `Used` record is of one day; a period's use is the sum of its days. Where a record has `remaining` (UpdateUsage), it
is what is left from that day on, and goes down as its day is counted.
"""

from __future__ import annotations

import datetime
from functools import lru_cache, partial
from typing import Final

import msgspec

from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv.errors import StoreError
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import Quota, UsagePlan, Used

ENTRIES_MAX: Final = 50_000
_DAY_NS: Final = 86_400 * 1_000_000_000
_Place = tuple[str, str]


class _Entry:
    """What is known of one key of one plan: `left` in the store (None: no quota), what waits to be written, by day."""

    __slots__ = ("left", "period", "quota", "waiting", "writing")

    def __init__(self) -> None:
        self.left: int | None = None
        self.period = ""
        self.quota: Quota | None = None
        self.waiting: dict[str, int] = {}
        self.writing = 0

    @property
    def unwritten(self) -> int:
        return self.writing + sum(self.waiting.values())


class Usage:
    """What this node has counted."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._found: dict[_Place, _Entry] = {}
        self._busy = False

    def look(self, tx: Reader, plan: UsagePlan, key: str, now_ns: int) -> int | None:
        """How many requests the store says are left of the quota; None without a quota."""
        return left(tx, plan.id, key, plan.quota, day_of(now_ns)) if plan.quota is not None else None

    def count(self, plan: UsagePlan, key: str, left: int | None, now_ns: int) -> bool:
        """Count one request; False, and nothing is counted, when the quota is used up. `left` is what `look` said."""
        place = (plan.id, key)
        entry = self._found.get(place)
        if entry is None:
            if len(self._found) >= ENTRIES_MAX:
                self._found = {place: entry for place, entry in self._found.items() if entry.unwritten}
            entry = self._found[place] = _Entry()
        day = day_of(now_ns)
        period = period_of(plan.quota, day)
        if not entry.unwritten or entry.period != period or entry.quota != plan.quota:
            # Nothing of this node's is under way: the store knows best.
            entry.left, entry.period, entry.quota = left, period, plan.quota
        if entry.left is not None and plan.quota is not None and entry.left - entry.unwritten <= 0:
            return False
        entry.waiting[day] = entry.waiting.get(day, 0) + 1
        if not self._busy:
            self._busy = True
            self._cloud.spawn(self._write())
        return True

    async def _write(self) -> None:
        """Write all that waits, until nothing does."""
        try:
            while batch := self._take():
                try:
                    now = await self._cloud.store.write(partial(self._put, batch=batch))
                except StoreError:
                    # The store is away: what was counted is tried again with the next request.
                    for place, days in batch.items():
                        for day, count in days.items():
                            waiting = self._found[place].waiting
                            waiting[day] = waiting.get(day, 0) + count
                        self._found[place].writing = 0
                    return
                for place, rest in now.items():
                    entry = self._found[place]
                    entry.writing, entry.left = 0, rest
        finally:
            self._busy = False

    def _take(self) -> dict[_Place, dict[str, int]]:
        batch = {}
        for place, entry in self._found.items():
            if entry.waiting:
                batch[place] = entry.waiting
                entry.writing = sum(entry.waiting.values())
                entry.waiting = {}
        return batch

    def _put(self, tx: Transaction, *, batch: dict[_Place, dict[str, int]]) -> dict[_Place, int | None]:
        """Add the counts; what is left of each quota afterwards."""
        now: dict[_Place, int | None] = {}
        for (plan, key), days in sorted(batch.items()):  # one order on all nodes, or their locks could cross
            for day, count in days.items():
                tx.lock(keys.used.key(plan, key, day))
                before = keys.used.get(tx, plan, key, day) or Used()
                remaining = None if before.remaining is None else max(0, before.remaining - count)
                after = msgspec.structs.replace(before, count=before.count + count, remaining=remaining)
                keys.used.put(tx, after, plan, key, day)
            quota = self._found[plan, key].quota
            now[plan, key] = left(tx, plan, key, quota, max(days)) if quota is not None else None
        return now


def left(tx: Reader, plan: str, key: str, quota: Quota | None, day: str) -> int:
    """How many requests are left of a quota on a day."""
    if quota is None:
        return 0
    total = quota.limit
    used = 0
    first = period_of(quota, day)
    found = [(str(keys.used.parts(stored)[2]), record) for stored, record in _days(tx, plan, key, first)]
    for one, record in reversed(found):
        if one > day:
            continue
        if record.remaining is not None:
            return record.remaining - used
        used += record.count
    return total - used


def _days(tx: Reader, plan: str, key: str, first: str) -> list[tuple[bytes, Used]]:
    if not first:
        return []
    return keys.used.scan(tx, plan, key, after=keys.used.key(plan, key, _before(first)))


def day_of(now_ns: int) -> str:
    """The day of a time, UTC: `2026-11-21`."""
    return _day(now_ns // _DAY_NS)


# Dates are reckoned several times for each request, and nearly always the same ones.


@lru_cache(16)
def _day(days: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=days)).isoformat()


@lru_cache(64)
def _before(day: str) -> str:
    return (datetime.date.fromisoformat(day) - datetime.timedelta(days=1)).isoformat()


@lru_cache(256)
def period_of(quota: Quota | None, day: str) -> str:
    """The first day of the period that a day is in; weeks begin on Monday. Empty without a quota."""
    if quota is None:
        return ""
    date = datetime.date.fromisoformat(day)
    if quota.period == "WEEK":
        return (date - datetime.timedelta(days=date.weekday())).isoformat()
    return date.replace(day=1).isoformat() if quota.period == "MONTH" else day
