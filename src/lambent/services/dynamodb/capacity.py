"""Consumed capacity: what a request is charged, how it is shown, and whether there is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.contracts.ports import Metrics, Reader
from lambent.kit import Context

from . import measuring
from .model import TableRecord
from .sizes import write_units
from .writes import Written


class Consumed:
    """Capacity units of one table in one request: its own and by index name. `kind` is read or write."""

    __slots__ = ("_kind", "_table", "indexes", "own")

    def __init__(self, table: TableRecord, kind: str) -> None:
        self._table = table
        self._kind = kind
        self.own = 0.0
        self.indexes: dict[str, float] = {}

    def add(self, own: float, indexes: Mapping[str, float]) -> None:
        """Charge more."""
        self.own += own
        for name, units in indexes.items():
            self.indexes[name] = self.indexes.get(name, 0.0) + units

    def add_write(self, written: Written, *, transactional: bool = False) -> None:
        """Charge a write."""
        factor = 2 if transactional else 1
        self.own += write_units(written.size, transactional)
        for name, units in written.indexes.items():
            self.indexes[name] = self.indexes.get(name, 0.0) + units * factor

    def view(self, wanted: str, *, split: bool = False) -> dict[str, Any]:
        """ConsumedCapacity as ReturnConsumedCapacity asks for it (TOTAL or INDEXES); `split` also tells reads from
        writes, as transactions do."""
        total = self.own + sum(self.indexes.values())
        shown: dict[str, Any] = {"TableName": self._table.name, "CapacityUnits": total}
        unit = f"{self._kind}CapacityUnits"
        if split:
            shown[unit] = total
        if wanted == "INDEXES":
            shown["Table"] = _units(self.own, unit, split)
            for name, units in self.indexes.items():
                local = self._table.by_name[name].local
                group = shown.setdefault("LocalSecondaryIndexes" if local else "GlobalSecondaryIndexes", {})
                group[name] = _units(units, unit, split)
        return shown

    def charge(self, ctx: Context, tx: Reader) -> None:
        """Tell CloudWatch of the units. Count those of a provisioned table; take them off the provisioned ones where it
        asks for that (see throttle.py)."""
        table = self._table
        self._tell(ctx.cloud.metrics, tx)
        if table.on_demand:
            return
        kind = self._kind.lower()
        self._count(ctx, kind)
        if not table.throttled:
            return
        throttle = ctx.cloud.targets["dynamodb"].throttle  # type: ignore[attr-defined]  # events.DynamoTarget
        throttle.take(table.prefix, 0, kind, _rate(table.throughput, kind), self.own)
        for name, units in self.indexes.items():
            index = table.by_name[name]
            provisioned = table.throughput if index.local else index.throughput
            throttle.take(table.prefix, 0 if index.local else index.number, kind, _rate(provisioned, kind), units)

    def _tell(self, metrics: Metrics, tx: Reader) -> None:
        table, own = self._table, self.own
        for name, units in self.indexes.items():
            if table.by_name[name].local:
                own += units
            else:
                measuring.of_index(tx, metrics, table, name, self._kind, units)
        if not own:
            return
        if self._kind == "Read":
            measuring.read(metrics, table, own)
        else:
            measuring.write(tx, metrics, table, own)

    def _count(self, ctx: Context, kind: str) -> None:
        table, meter = self._table, ctx.cloud.targets["dynamodb"].meter  # type: ignore[attr-defined]  # background.py
        own = self.own
        for name, units in self.indexes.items():
            if table.by_name[name].local:
                own += units
            else:
                meter.add(table, name, kind, units)
        if own:
            meter.add(table, "", kind, own)


def _rate(provisioned: Any, kind: str) -> int:
    return int(provisioned.read_units if kind == "read" else provisioned.write_units)


def _units(units: float, unit: str, split: bool) -> dict[str, float]:
    return {"CapacityUnits": units, unit: units} if split else {"CapacityUnits": units}


def wanted(req: Mapping[str, Any]) -> str:
    """ReturnConsumedCapacity where it asks for something; else empty."""
    asked: str = req.get("ReturnConsumedCapacity", "NONE")
    return "" if asked == "NONE" else asked
