"""What is consumed of provisioned capacity, minute by minute: what auto scaling looks at, as CloudWatch would show it.

Requests only add to the memory of their node; when a minute is over, the node writes its part into the store, where
another node finds it. A node that dies takes its last minute with it.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Final

import msgspec

from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kv.table import Table

from .model import TableRecord

MINUTE_NS: Final = 60_000_000_000
KEPT_MINUTES: Final = 30
_Series = tuple[str, str, str, str, str]


class Units(msgspec.Struct, frozen=True):
    """Capacity units consumed in a minute on a node."""

    units: float


meters: Final = Table("dynamodb.meter", Units)
"""By account, region, table, index (empty: the table), kind (read or write), minute since the epoch, node."""


class Meter:
    """The meters of one node. `add` is called from any thread."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._minutes: dict[int, dict[_Series, float]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def at_home(self) -> None:
        """Say that this is the event loop's thread: what has been added is written from there."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._arm()

    def add(self, table: TableRecord, index: str, kind: str, units: float) -> None:
        """Count what a request consumed."""
        series = (table.account, table.region, table.name, index, kind)
        minute = self._cloud.clock.now_ns() // MINUTE_NS
        with self._lock:
            first = minute not in self._minutes
            own = self._minutes.setdefault(minute, {})
            own[series] = own.get(series, 0.0) + units
        if first and self._loop is not None:
            self._loop.call_soon_threadsafe(self._arm)

    def _arm(self) -> None:
        with self._lock:
            begun = min(self._minutes, default=None)
        if begun is not None:
            self._cloud.clock.call_at((begun + 1) * MINUTE_NS, lambda: self._cloud.spawn(self.flush()))

    async def flush(self) -> None:
        """Write the minutes that are over."""
        now = self._cloud.clock.now_ns() // MINUTE_NS
        with self._lock:
            over = {minute: self._minutes.pop(minute) for minute in sorted(self._minutes) if minute < now}
        if over:
            await self._cloud.store.write(lambda tx: self._write(tx, over, now))

    def _write(self, tx: Transaction, over: dict[int, dict[_Series, float]], now: int) -> None:
        node = self._cloud.store.node
        for minute, found in over.items():
            for series, units in found.items():
                before = meters.get(tx, *series, minute, node)
                meters.put(tx, Units(units + (before.units if before is not None else 0)), *series, minute, node)
                for key, _ in meters.scan(tx, *series, limit=2):
                    old = meters.parts(key)[5]
                    if isinstance(old, int) and old < now - KEPT_MINUTES:
                        tx.delete(key)

    async def consumed(self, account: str, region: str, table: str, index: str, kind: str, minutes: int) -> list[float]:
        """The units of the last whole minutes, the latest last."""
        await self.flush()
        now = self._cloud.clock.now_ns() // MINUTE_NS
        series = (account, region, table, index, kind)

        def read(tx: Reader) -> list[float]:
            found = [0.0] * minutes
            for key, record in meters.scan(tx, *series):
                minute = meters.parts(key)[5]
                assert isinstance(minute, int)
                if now - minutes <= minute < now:
                    found[minute - (now - minutes)] += record.units
            return found

        return await self._cloud.store.read(read)
