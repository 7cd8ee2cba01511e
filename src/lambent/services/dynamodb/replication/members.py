"""The members of a global table: tables in several regions, each of which knows the others (`TableRecord.replicas`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import changes, events, keys
from ..errors import ValidationException
from ..model import Index, Replica, TableRecord
from ..recovery import jobs
from ..recovery.records import Turn, trimmers
from ..recovery.tasks import emit
from .records import Filling, fillings

FORGET_MS: Final = 3_600_000
_VIEW: Final = "NEW_AND_OLD_IMAGES"
_PREFIX_BYTES: Final = 8


def members_of(tx: Reader, table: TableRecord) -> list[TableRecord]:
    """The tables in the other regions."""
    found = (keys.tables.get(tx, table.account, replica.region, table.name) for replica in table.replicas)
    return [other for other in found if other is not None]


def updated(ctx: Context, tx: Transaction, table: TableRecord, req: Mapping[str, Any]) -> TableRecord:
    """The table after ReplicaUpdates; the other members are stored here, the table by the caller."""
    updates = req.get("ReplicaUpdates") or ()
    if len(updates) > 1:
        raise ValidationException("Only one replica can be created, updated or deleted in a request")
    for update in updates:
        given = {kind: what for kind, what in update.items() if what is not None}
        if len(given) != 1:
            raise ValidationException("One of Create, Update and Delete must be given in a ReplicaUpdate")
        ((kind, what),) = given.items()
        if kind == "Disassociate":
            raise NotBuilt("Lambent has not built the action Disassociate of ReplicaUpdates yet.")
        table = _ACTIONS[kind](ctx, tx, table, what)
    return table


def announced(before: TableRecord, after: TableRecord, shown: TableRecord) -> TableRecord:
    """What the answer shows of ReplicaUpdates: one that goes is DELETING, one that was changed UPDATING."""
    kept = {replica.region: replica for replica in after.replicas}
    found = []
    for replica in before.replicas:
        now = kept.pop(replica.region, None)
        found.append(replace(replica, status="DELETING") if now is None else now)
    return replace(shown, replicas=(*found, *kept.values()))


def _create(ctx: Context, tx: Transaction, table: TableRecord, given: Mapping[str, Any]) -> TableRecord:
    region = given["RegionName"]
    if given.get("GlobalSecondaryIndexes") or given.get("OnDemandThroughputOverride"):
        raise NotBuilt("Lambent has not built overrides of indexes and on-demand limits of a replica yet.")
    if region == table.region or any(replica.region == region for replica in table.replicas):
        raise ValidationException(f"Cannot create a replica of table '{table.name}': it has one in region {region}")
    if keys.tables.get(tx, table.account, region, table.name) is not None:
        raise ValidationException(
            f"Failed to create a the new replica of table with name: '{table.name}' "
            "because one or more replicas already existed as tables."
        )
    others = members_of(tx, table)
    table = with_stream(ctx, tx, table)
    if not table.replicas:
        start_forgetting(tx, table, ctx.now_ms)
    made = _new_member(ctx, tx, table, given)
    replica = Replica(
        region=region,
        status="CREATING",
        kms_key=given.get("KMSMasterKeyId", ""),
        table_class=given.get("TableClassOverride", ""),
        read_units=given.get("ProvisionedThroughputOverride", {}).get("ReadCapacityUnits", 0),
    )
    made = replace(made, replicas=tuple(Replica(region=member.region) for member in (table, *others)))
    keys.put_table(tx, made)
    for other in others:
        keys.put_table(tx, replace(other, replicas=(*other.replicas, replica)))
    for source in (table, *others):
        # What a member has not yet sent to the others it brings itself.
        fillings.put(tx, Filling(), made.prefix, source.region)
        emit_filling(tx, made, source.region, 0)
    return replace(table, replicas=(*table.replicas, replica))


def with_stream(ctx: Context, tx: Transaction, table: TableRecord) -> TableRecord:
    """The table with a stream: every member of a global table has one."""
    if table.stream:
        return table
    spec = {"StreamEnabled": True, "StreamViewType": _VIEW}
    return changes.switch_stream(tx, ctx.cloud.ids, table, spec, ctx.now_ms)


def _new_member(ctx: Context, tx: Transaction, table: TableRecord, given: Mapping[str, Any]) -> TableRecord:
    units = given.get("ProvisionedThroughputOverride", {}).get("ReadCapacityUnits")
    throughput = table.throughput if units is None else replace(table.throughput, read_units=units)
    indexes = tuple(replace(index, status="ACTIVE") for index in table.indexes if index.status != "DELETING")
    view = table.stream_view
    made = TableRecord(
        account=table.account,
        region=given["RegionName"],
        name=table.name,
        id=ctx.cloud.ids.uuid(),
        prefix=ctx.cloud.ids.bytes(_PREFIX_BYTES),
        created_ms=ctx.now_ms,
        attributes=table.attributes,
        hash=table.hash,
        range=table.range,
        status="CREATING",
        on_demand=table.on_demand,
        on_demand_since_ms=ctx.now_ms if table.on_demand else 0,
        throughput=throughput,
        warm=table.warm,
        on_demand_limits=table.on_demand_limits,
        indexes=indexes,
        next_index=table.next_index,
        ttl=table.ttl,
        ttl_changed_ms=table.ttl_changed_ms,
        sweeper=1 if table.ttl else 0,
        table_class=given.get("TableClassOverride", table.table_class),
        protected=table.protected,
        sse_key=given.get("KMSMasterKeyId", ""),
    )
    spec = {"StreamEnabled": True, "StreamViewType": view}
    made = changes.switch_stream(tx, ctx.cloud.ids, made, spec, ctx.now_ms)
    if made.ttl:
        events.emit_sweep(tx, made, ctx.now_ms + events.SWEEP_MS)
    start_forgetting(tx, made, ctx.now_ms)
    return made


def emit_filling(tx: Transaction, table: TableRecord, source: str, step: int) -> None:
    """Have a new member filled by a page from the member in the region `source`."""
    task = {"task": "fill replica", "name": table.name, "id": table.id, "from": source, "step": step}
    emit(tx, table.account, table.region, table.name, task)


def start_forgetting(tx: Transaction, table: TableRecord, now_ms: int) -> None:
    """Have the versions of items forgotten that have been gone for long."""
    turn = trimmers.get(tx, table.prefix)
    number = turn.number + 1 if turn is not None else 1
    emit_forgetting(tx, table, number, now_ms + FORGET_MS)


def emit_forgetting(tx: Transaction, table: TableRecord, number: int, at_ms: int) -> None:
    """Have the next page forgotten."""
    trimmers.put(tx, Turn(number), table.prefix)
    task = {"task": "forget", "name": table.name, "id": table.id, "number": number}
    emit(tx, table.account, table.region, table.name, task, at_ms)


def _member(tx: Reader, table: TableRecord, region: str) -> TableRecord:
    found = None
    if any(replica.region == region for replica in table.replicas):
        found = keys.tables.get(tx, table.account, region, table.name)
    if found is None:
        raise ValidationException(f"Replica of table '{table.name}' not found in region {region}")
    return found


def _update(ctx: Context, tx: Transaction, table: TableRecord, given: Mapping[str, Any]) -> TableRecord:
    if given.get("GlobalSecondaryIndexes") or given.get("OnDemandThroughputOverride"):
        raise NotBuilt("Lambent has not built overrides of indexes and on-demand limits of a replica yet.")
    other = _member(tx, table, given["RegionName"])
    units = given.get("ProvisionedThroughputOverride", {}).get("ReadCapacityUnits", 0)
    kms_key, table_class = given.get("KMSMasterKeyId", ""), given.get("TableClassOverride", "")
    throughput = replace(other.throughput, read_units=units) if units else other.throughput
    other = replace(
        other,
        throughput=throughput,
        sse_key=kms_key or other.sse_key,
        table_class=table_class or other.table_class,
    )
    keys.put_table(tx, other)

    def changed(replica: Replica) -> Replica:
        if replica.region != other.region:
            return replica
        return replace(
            replica,
            kms_key=kms_key or replica.kms_key,
            table_class=table_class or replica.table_class,
            read_units=units or replica.read_units,
        )

    return replace(table, replicas=tuple(map(changed, table.replicas)))


def _delete(ctx: Context, tx: Transaction, table: TableRecord, given: Mapping[str, Any]) -> TableRecord:
    other = _member(tx, table, given["RegionName"])
    remove(tx, ctx.cloud.ids, other, ctx.now_ms)
    return replace(table, replicas=tuple(replica for replica in table.replicas if replica.region != other.region))


def remove(tx: Transaction, ids: Ids, table: TableRecord, now_ms: int) -> None:
    """Remove a member's table."""
    if table.stream:
        table = changes.end_stream(tx, table, now_ms)
    keys.tables.delete(tx, table.account, table.region, table.name)
    jobs.retire(tx, ids, table, now_ms)


def mirror(tx: Transaction, before: TableRecord, after: TableRecord, now_ms: int) -> None:
    """Bring what was changed of one member's settings to the others: indexes, capacity for writes, billing, expiry."""
    for other in members_of(tx, after):
        changed = other
        if (before.on_demand, before.throughput) != (after.on_demand, after.throughput):
            reads = other.throughput.read_units if not other.on_demand else after.throughput.read_units
            units = replace(after.throughput, read_units=0 if after.on_demand else reads)
            changed = replace(
                changed, on_demand=after.on_demand, throughput=units, on_demand_since_ms=after.on_demand_since_ms
            )
        for index in after.indexes:
            changed = _mirror_index(tx, changed, before.by_name.get(index.name), index, after)
        if before.ttl != after.ttl:
            changed = _mirror_expiry(tx, changed, after, now_ms)
        if changed is not other:
            keys.put_table(tx, changed)


def _mirror_index(
    tx: Transaction, other: TableRecord, was: Index | None, index: Index, after: TableRecord
) -> TableRecord:
    mine = other.by_name.get(index.name)
    if was is None and mine is None:
        made = replace(index, number=other.next_index, status="CREATING")
        types = {**other.types, **{name: after.types[name] for name in (index.hash, index.range) if name}}
        other = replace(
            other, indexes=(*other.indexes, made), next_index=made.number + 1, attributes=tuple(types.items())
        )
        events.emit_fill(tx, other, made)
    elif mine is not None and index.status == "DELETING" and mine.status != "DELETING":
        other = events.with_index(other, replace(mine, status="DELETING"))
        events.emit_empty(tx, other, mine)
    elif mine is not None and was is not None and was.throughput != index.throughput:
        other = events.with_index(other, replace(mine, throughput=index.throughput))
    return other


def _mirror_expiry(tx: Transaction, other: TableRecord, after: TableRecord, now_ms: int) -> TableRecord:
    if other.ttl == after.ttl:
        return other
    other = replace(other, ttl=after.ttl, ttl_changed_ms=now_ms, sweeper=other.sweeper + 1)
    if other.ttl:
        events.emit_mark(tx, other)
        events.emit_sweep(tx, other, now_ms + events.SWEEP_MS)
    else:
        events.emit_unmark(tx, other)
    return other


_ACTIONS: Final = {"Create": _create, "Update": _update, "Delete": _delete}
