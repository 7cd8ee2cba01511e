"""UpdateTable: capacity, billing mode, global indexes, stream, encryption, class, protection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import changes, describe, events, schemas
from ..errors import (
    LimitExceededException,
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
    invalid_value,
)
from ..keys import put_table
from ..model import DAY_MS, GLOBAL_INDEXES_MAX, Index, TableRecord, Throughput
from ..replication import members
from ..service import described_table, table_operation
from .tables import changed_class, refuse_witnesses

_NOTHING: Final = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
    "SSESpecification or ReplicaUpdates is required"
)
_KINDS: Final = ("Update", "Create", "Delete")
_SETTINGS: Final = (
    "BillingMode",
    "ProvisionedThroughput",
    "StreamSpecification",
    "SSESpecification",
    "ReplicaUpdates",
    "TableClass",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
    "MultiRegionConsistency",
    "GlobalTableWitnessUpdates",
)
_DECREASES_MAX: Final = 27


@table_operation(
    "write",
    control=True,
    unbuilt=("GlobalTableSettingsReplicationMode", "VectorIndexUpdates", "DisassociationProtectionEnabled"),
)
def update_table(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    refuse_witnesses(req)
    _check(req)
    table = described_table(req)
    if table.status != "ACTIVE":
        raise ResourceInUseException(f"Attempt to change a resource which is still in use: {table.name}")
    now_ms = ctx.now_ms
    shown = changed = _changed_settings(ctx, tx, table, req)
    changed = _changed_capacity(changed, req, now_ms)
    if changed is not shown:
        shown = _announced(shown, changed, now_ms)
    changed, shown = _changed_indexes(tx, changed, shown, req, now_ms)
    if "ReplicaUpdates" in req:
        changed = members.updated(ctx, tx, changed, req)
        shown = members.announced(table, changed, shown)
    elif changed.replicas:
        members.mirror(tx, table, changed, now_ms)
    put_table(tx, changed)
    view = describe.table_view(shown, describe.totals(tx, table), now_ms, status="UPDATING")
    return {"TableDescription": view}


def _check(req: dict[str, Any]) -> None:
    """What can be said without the table."""
    updates = req.get("GlobalSecondaryIndexUpdates") or []
    if not updates and not any(name in req for name in _SETTINGS):
        raise ValidationException(_NOTHING)
    schemas.check_units(req.get("ProvisionedThroughput"))
    seen: set[str] = set()
    for update in updates:
        given = [name for name in _KINDS if update.get(name) is not None]
        if not given:
            raise invalid_value(
                "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
                "GlobalSecondaryIndexUpdate.Delete must not be null"
            )
        if len(given) > 1:
            raise invalid_value("Only one of Create, Update and Delete can be given in a GlobalSecondaryIndexUpdate")
        name = update[given[0]]["IndexName"]
        if name in seen:
            raise invalid_value(
                f"Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
        seen.add(name)
    if sum("Create" in update or "Delete" in update for update in updates) > 1:
        raise LimitExceededException(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
        )


def _changed_settings(ctx: Context, tx: Transaction, table: TableRecord, req: dict[str, Any]) -> TableRecord:
    """The table with everything changed that is neither capacity nor an index."""
    if "StreamSpecification" in req:
        table = changes.switch_stream(tx, ctx.cloud.ids, table, req["StreamSpecification"], ctx.now_ms)
    if "SSESpecification" in req:
        table = replace(table, sse_key=describe.sse_key(req["SSESpecification"], table.account, table.region))
    if "TableClass" in req:
        table = changed_class(table, req["TableClass"], ctx.now_ms)
    if "DeletionProtectionEnabled" in req:
        table = replace(table, protected=req["DeletionProtectionEnabled"])
    if "OnDemandThroughput" in req:
        table = replace(table, on_demand_limits=schemas.on_demand(req["OnDemandThroughput"]))
    if "WarmThroughput" in req:
        table = replace(table, warm=schemas.warm(req["WarmThroughput"]))
    return table


def _changed_capacity(table: TableRecord, req: dict[str, Any], now_ms: int) -> TableRecord:
    """The table with another billing mode or other provisioned units."""
    mode, units = req.get("BillingMode"), req.get("ProvisionedThroughput")
    on_demand = table.on_demand if mode is None else mode == "PAY_PER_REQUEST"
    if on_demand and units is not None:
        raise invalid_value(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
        )
    if on_demand:
        return table if table.on_demand else _to_on_demand(table, now_ms)
    if table.on_demand:
        _check_provisioned(table, req)
    elif units is not None:
        _check_changes(table.throughput, units)
    if units is None:
        return table
    throughput = _changed_units(table.throughput, units, now_ms, quietly=table.on_demand)
    return replace(table, on_demand=False, throughput=throughput)


def _to_on_demand(table: TableRecord, now_ms: int) -> TableRecord:
    zero = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    indexes = tuple(
        index if index.local else replace(index, throughput=_changed_units(index.throughput, zero, now_ms))
        for index in table.indexes
    )
    throughput = _changed_units(table.throughput, zero, now_ms)
    return replace(table, on_demand=True, on_demand_since_ms=now_ms + 1, throughput=throughput, indexes=indexes)


def _check_provisioned(table: TableRecord, req: dict[str, Any]) -> None:
    if req.get("ProvisionedThroughput") is None:
        raise invalid_value("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    given = {
        update["Update"]["IndexName"] for update in req.get("GlobalSecondaryIndexUpdates", ()) if "Update" in update
    }
    missing = [index.name for index in table.indexes if not index.local and index.name not in given]
    if missing:
        raise invalid_value(f"ProvisionedThroughput must be specified for index: {','.join(missing)}")


def _check_changes(now: Throughput, units: Mapping[str, int], index: str = "") -> None:
    read, write = units["ReadCapacityUnits"], units["WriteCapacityUnits"]
    if (now.read_units, now.write_units) != (read, write):
        return
    of = f"index {index}" if index else "table"
    raise ValidationException(
        f"The provisioned throughput for the {of} will not change. The requested value equals the current value. "
        f"Current ReadCapacityUnits provisioned for the {of}: {now.read_units}. Requested ReadCapacityUnits: {read}. "
        f"Current WriteCapacityUnits provisioned for the {of}: {now.write_units}. Requested WriteCapacityUnits: "
        f"{write}. Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits."
    )


def _changed_units(now: Throughput, units: Mapping[str, int], now_ms: int, *, quietly: bool = False) -> Throughput:
    """Other units, from a moment after the answer on (it still shows the old ones). `quietly`: they are the first."""
    read, write = units["ReadCapacityUnits"], units["WriteCapacityUnits"]
    more = read > now.read_units or write > now.write_units
    less = read < now.read_units or write < now.write_units
    today = now_ms // DAY_MS
    decreases = now.decreases if now.decreased_day == today else 0
    if less and decreases >= _DECREASES_MAX:
        raise LimitExceededException(
            "Subscriber limit exceeded: Provisioned throughput decreases are limited within a given UTC day. "
            f"The number of decreases today: {decreases}"
        )
    return Throughput(
        read_units=read,
        write_units=write,
        increased_ms=now_ms + 1 if more and not quietly else now.increased_ms,
        decreased_ms=now_ms + 1 if less else now.decreased_ms,
        decreases=decreases + less,
        decreased_day=today if less else now.decreased_day,
    )


def _announced(before: TableRecord, after: TableRecord, now_ms: int) -> TableRecord:
    """What the answer shows of a change of capacity: the old units, and that they begin to change."""
    if after.on_demand != before.on_demand:
        return after
    old, new = before.throughput, after.throughput
    increased_ms = now_ms if new.increased_ms != old.increased_ms else old.increased_ms
    decreased_ms = now_ms if new.decreased_ms != old.decreased_ms else old.decreased_ms
    return replace(before, throughput=replace(old, increased_ms=increased_ms, decreased_ms=decreased_ms))


def _changed_indexes(
    tx: Transaction, table: TableRecord, shown: TableRecord, req: dict[str, Any], now_ms: int
) -> tuple[TableRecord, TableRecord]:
    """The table, and what the answer shows of it, after its index updates."""
    for update in req.get("GlobalSecondaryIndexUpdates", ()):
        ((kind, given),) = ((kind, given) for kind, given in update.items() if given is not None)
        table, shown = _INDEX_UPDATES[kind](tx, table, shown, {**given, "_request": req}, now_ms)
    return table, shown


def _existing(table: TableRecord, name: str, *also: str) -> Index:
    """A global index that is ACTIVE, or of one of the statuses `also`."""
    index = table.by_name.get(name)
    if index is None or index.local:
        raise ResourceNotFoundException("Requested resource not found")
    if index.status not in ("ACTIVE", *also):
        raise ResourceInUseException(
            f"Attempt to change a resource which is still in use: Index is being {index.status.lower()[:-3]}ed: "
            f"Table: {table.name} Index: {name}"
        )
    return index


def _update_index(
    tx: Transaction, table: TableRecord, shown: TableRecord, given: dict[str, Any], now_ms: int
) -> tuple[TableRecord, TableRecord]:
    if given["IndexName"] not in table.by_name:
        raise ValidationException(
            "This operation cannot be performed with given input values. Please contact DynamoDB service team for more "
            "info: Action Blocked: IndexUpdate"
        )
    index = _existing(table, given["IndexName"])
    new = index
    if "ProvisionedThroughput" in given:
        schemas.check_units(given["ProvisionedThroughput"], index.name)
        if not shown.on_demand:
            _check_changes(index.throughput, given["ProvisionedThroughput"], index.name)
        new = replace(new, throughput=_changed_units(index.throughput, given["ProvisionedThroughput"], now_ms))
    if "OnDemandThroughput" in given:
        new = replace(new, on_demand=schemas.on_demand(given["OnDemandThroughput"]))
    if "WarmThroughput" in given:
        new = replace(new, warm=schemas.warm(given["WarmThroughput"]))
    return events.with_index(table, new), events.with_index(shown, replace(index, status="UPDATING"))


def _create_index(
    tx: Transaction, table: TableRecord, shown: TableRecord, given: dict[str, Any], now_ms: int
) -> tuple[TableRecord, TableRecord]:
    if given["IndexName"] in table.by_name:
        raise invalid_value(f"Attempting to create an index which already exists: {given['IndexName']}")
    if sum(not index.local for index in table.indexes) >= GLOBAL_INDEXES_MAX:
        raise invalid_value(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES_MAX}")
    types = dict(table.attributes)
    for attribute in given["_request"].get("AttributeDefinitions", ()):
        name, kind = attribute["AttributeName"], attribute["AttributeType"]
        if types.setdefault(name, kind) != kind:
            raise invalid_value(
                f"Attribute {name} of type {types[name]} cannot be redefined as of type {kind} in AttributeDefinitions"
            )
    schemas.check_global_index(given, types, table.on_demand)
    index = schemas.index_record(given, table.next_index, local=False, status="CREATING")
    used = {element["AttributeName"] for element in given["KeySchema"]}
    attributes = tuple(pair for pair in types.items() if pair[0] in used or pair[0] in table.types)
    changed = replace(table, indexes=(*table.indexes, index), next_index=table.next_index + 1, attributes=attributes)
    events.emit_fill(tx, changed, index)
    return changed, replace(shown, indexes=(*shown.indexes, index), attributes=attributes)


def _delete_index(
    tx: Transaction, table: TableRecord, shown: TableRecord, given: dict[str, Any], now_ms: int
) -> tuple[TableRecord, TableRecord]:
    index = replace(_existing(table, given["IndexName"], "CREATING"), status="DELETING")
    changed = events.with_index(table, index)
    events.emit_empty(tx, changed, index)
    return changed, events.with_index(shown, index)


_IndexUpdate = Callable[[Transaction, TableRecord, TableRecord, dict[str, Any], int], tuple[TableRecord, TableRecord]]
_INDEX_UPDATES: Final[Mapping[str, _IndexUpdate]] = {
    "Update": _update_index,
    "Create": _create_index,
    "Delete": _delete_index,
}
