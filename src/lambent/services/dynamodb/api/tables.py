"""Tables: made, described, listed, removed."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import changes, describe, keys, schemas
from ..errors import ResourceInUseException, ValidationException, invalid_value
from ..model import TAGS_MAX, Counter, TableRecord
from ..recovery import jobs
from ..service import checked_operation, described_table, table_operation

_PAGE = 100
_PREFIX_BYTES = 8


@table_operation(
    "write", control=True, unbuilt=("GlobalTableSourceArn", "GlobalTableSettingsReplicationMode", "VectorIndexes")
)
def create_table(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    schemas.check_billing(req)
    schemas.check_table(req)
    if keys.tables.get(tx, ctx.account, ctx.region, req["TableName"]) is not None:
        raise ResourceInUseException(f"Table already exists: {req['TableName']}")
    table = _record(ctx, req)
    if "StreamSpecification" in req:
        table = changes.switch_stream(tx, ctx.cloud.ids, table, req["StreamSpecification"], ctx.now_ms)
    keys.put_table(tx, table)
    return {"TableDescription": describe.table_view(table, Counter(), ctx.now_ms, status="CREATING", new=True)}


def _record(ctx: Context, req: dict[str, Any]) -> TableRecord:
    local, others = req.get("LocalSecondaryIndexes", ()), req.get("GlobalSecondaryIndexes", ())
    indexes = [schemas.index_record(given, number, local=True) for number, given in enumerate(local, 1)]
    first = len(indexes) + 1
    indexes += [schemas.index_record(given, number, local=False) for number, given in enumerate(others, first)]
    schema = req["KeySchema"]
    on_demand = req.get("BillingMode") == "PAY_PER_REQUEST"
    return TableRecord(
        account=ctx.account,
        region=ctx.region,
        name=req["TableName"],
        id=ctx.cloud.ids.uuid(),
        prefix=ctx.cloud.ids.bytes(_PREFIX_BYTES),
        created_ms=ctx.now_ms,
        attributes=tuple((given["AttributeName"], given["AttributeType"]) for given in req["AttributeDefinitions"]),
        hash=schema[0]["AttributeName"],
        range=schema[1]["AttributeName"] if len(schema) > 1 else "",
        on_demand=on_demand,
        on_demand_since_ms=ctx.now_ms if on_demand else 0,
        throughput=schemas.throughput(req.get("ProvisionedThroughput")),
        warm=schemas.warm(req.get("WarmThroughput")),
        on_demand_limits=schemas.on_demand(req.get("OnDemandThroughput")),
        indexes=tuple(indexes),
        next_index=len(indexes) + 1,
        table_class=req.get("TableClass", ""),
        protected=req.get("DeletionProtectionEnabled", False),
        tags=checked_tags({tag["Key"]: tag["Value"] for tag in req.get("Tags", ())}),
        sse_key=describe.sse_key(req.get("SSESpecification", {}), ctx.account, ctx.region),
        policy=req.get("ResourcePolicy", ""),
        policy_revision=str(ctx.now_ms) if req.get("ResourcePolicy") else "",
    )


def checked_tags(tags: dict[str, str]) -> dict[str, str]:
    """Tags that a table may have."""
    if len(tags) > TAGS_MAX:
        raise ValidationException(f"Too many tags: a table can have {TAGS_MAX} tags at most")
    for name in tags:
        if name.startswith("aws:"):
            raise ValidationException("Tag keys starting with aws: are reserved for system use")
    return tags


@table_operation("read", control=True)
def describe_table(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    table = described_table(req)
    return {"Table": describe.table_view(table, describe.totals(tx, table), ctx.now_ms)}


@table_operation("write", control=True)
def delete_table(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    table = described_table(req)
    if table.protected:
        raise ValidationException(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    view = describe.deleted_view(table, describe.totals(tx, table), ctx.now_ms)
    if table.stream:
        table = changes.end_stream(tx, table, ctx.now_ms)
    keys.tables.delete(tx, table.account, table.region, table.name)
    jobs.retire(tx, ctx.cloud.ids, table, ctx.now_ms)
    return {"TableDescription": view}


def _all_tables(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    return [Check("dynamodb:ListTables", "*")]


@checked_operation("read", _all_tables)
def list_tables(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    limit = req.get("Limit", _PAGE)
    start = req.get("ExclusiveStartTableName")
    after = keys.tables.key(ctx.account, ctx.region, start) if start is not None else None
    found = [record.name for _, record in keys.tables.scan(tx, ctx.account, ctx.region, after=after, limit=limit + 1)]
    result: dict[str, Any] = {"TableNames": found[:limit]}
    return result | {"LastEvaluatedTableName": found[limit - 1]} if len(found) > limit else result


def refuse_witnesses(req: dict[str, Any]) -> None:
    """Global tables are eventually consistent."""
    for name in ("MultiRegionConsistency", "GlobalTableWitnessUpdates"):
        if req.get(name) not in (None, [], "EVENTUAL"):
            raise NotBuilt(f"Lambent has not built the parameter {name} of UpdateTable (global tables) yet.")


def changed_class(table: TableRecord, wanted: str, now_ms: int) -> TableRecord:
    """A table of another class."""
    if wanted == (table.table_class or "STANDARD"):
        raise invalid_value(f"Table is already using {wanted} table class.")
    return replace(table, table_class=wanted, table_class_changed_ms=now_ms)
