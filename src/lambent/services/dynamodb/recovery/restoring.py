"""The table that a restore makes: the one that was backed up, without what AWS does not restore (stream, expiry, tags,
policy, recovery, protection, replicas), and with what the request overrides."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import describe, keys, schemas
from ..errors import TableAlreadyExistsException, ValidationException
from ..model import Counter, Index, Restored, TableRecord, Throughput
from . import jobs
from .records import Job, Moment

_PREFIX_BYTES: Final = 8


def restore(
    ctx: Context, tx: Transaction, source: TableRecord, moment: Moment, req: dict[str, Any], restored: Restored
) -> dict[str, Any]:
    """Make the table of a restore and have it filled; the answer of the operation."""
    name = req["TargetTableName"]
    if keys.tables.get(tx, ctx.account, ctx.region, name) is not None:
        raise TableAlreadyExistsException(f"Table already exists: {name}")
    table = _record(ctx, source, name, req, restored)
    keys.put_table(tx, table)
    job = Job(
        account=ctx.account,
        region=ctx.region,
        id=ctx.cloud.ids.uuid(),
        kind="restore",
        moment=moment,
        table=name,
        table_id=table.id,
        source=source.name,
    )
    jobs.start(tx, job)
    return {"TableDescription": describe.table_view(table, Counter(), ctx.now_ms)}


def _record(ctx: Context, source: TableRecord, name: str, req: dict[str, Any], restored: Restored) -> TableRecord:
    on_demand, units = _billing(source, req)
    indexes = _indexes(source, req, on_demand)
    used = {source.hash, source.range} | {key for index in indexes for key in (index.hash, index.range)}
    limits = req.get("OnDemandThroughputOverride")
    key = source.sse_key
    if "SSESpecificationOverride" in req:
        key = describe.sse_key(req["SSESpecificationOverride"], ctx.account, ctx.region)
    return TableRecord(
        account=ctx.account,
        region=ctx.region,
        name=name,
        id=ctx.cloud.ids.uuid(),
        prefix=ctx.cloud.ids.bytes(_PREFIX_BYTES),
        created_ms=ctx.now_ms,
        attributes=tuple(pair for pair in source.attributes if pair[0] in used),
        hash=source.hash,
        range=source.range,
        status="CREATING",
        on_demand=on_demand,
        on_demand_since_ms=ctx.now_ms if on_demand else 0,
        throughput=units,
        warm=source.warm,
        on_demand_limits=source.on_demand_limits if limits is None else schemas.on_demand(limits),
        indexes=indexes,
        next_index=len(indexes) + 1,
        table_class=source.table_class,
        sse_key=key,
        restored=restored,
    )


def _billing(source: TableRecord, req: dict[str, Any]) -> tuple[bool, Throughput]:
    override = req.get("BillingModeOverride")
    on_demand = source.on_demand if override is None else override == "PAY_PER_REQUEST"
    given = req.get("ProvisionedThroughputOverride")
    schemas.check_units(given)
    if on_demand:
        return True, Throughput()
    if given is None and source.on_demand:
        raise ValidationException(
            "One or more parameter values were invalid: "
            "ProvisionedThroughputOverride must be specified when BillingModeOverride is PROVISIONED"
        )
    if given is not None:
        return False, schemas.throughput(given)
    now = source.throughput
    return False, Throughput(read_units=now.read_units, write_units=now.write_units)


def _indexes(source: TableRecord, req: dict[str, Any], on_demand: bool) -> tuple[Index, ...]:
    """The indexes of the new table: those of the source, or those of them that the overrides name."""
    found: list[Index] = []
    for local, parameter in ((True, "LocalSecondaryIndexOverride"), (False, "GlobalSecondaryIndexOverride")):
        own = [index for index in source.indexes if index.local == local and index.status != "DELETING"]
        if parameter in req:
            own = [_overridden(own, given) for given in req[parameter]]
        found += own
    units = Throughput() if on_demand else None
    return tuple(
        replace(index, number=number, status="ACTIVE", throughput=index.throughput if units is None else units)
        for number, index in enumerate(found, 1)
    )


def _overridden(own: list[Index], given: dict[str, Any]) -> Index:
    """An index of the source as an override names it; only its capacity may be another."""
    index = next((index for index in own if index.name == given["IndexName"]), None)
    wanted = schemas.index_record(given, 1, local=index.local) if index is not None else None
    same = index is not None and wanted is not None
    if same and index is not None and wanted is not None:
        mine = (index.hash, index.range, index.projection, set(index.non_key))
        same = mine == (wanted.hash, wanted.range, wanted.projection, set(wanted.non_key))
    if not same or index is None or wanted is None:
        raise ValidationException(
            "One or more parameter values were invalid: Index overrides can only name indexes of the source table, "
            f"as they are. Index: {given['IndexName']}"
        )
    return replace(index, throughput=wanted.throughput) if "ProvisionedThroughput" in given else index
