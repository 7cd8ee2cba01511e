"""Global tables by the operations of version 2017.11.29, as far as they map: they join tables that exist already."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import describe, keys
from ..errors import (
    GlobalTableAlreadyExistsException,
    GlobalTableNotFoundException,
    ReplicaAlreadyExistsException,
    ReplicaNotFoundException,
    TableNotFoundException,
    ValidationException,
)
from ..model import Replica, TableRecord
from ..replication import members
from ..replication.records import GlobalTable, global_tables
from ..service import checked_operation

_PAGE = 100


def _arn(ctx: Context, name: str) -> str:
    return arn.build("dynamodb", "", ctx.account, f"global-table/{name}")


def _checks(action: str, *, tables: bool = False) -> Any:
    def list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        name = req["GlobalTableName"]
        found = [Check(f"dynamodb:{action}", _arn(ctx, name))]
        return [*found, Check(f"dynamodb:{action}", ctx.arn("dynamodb", f"table/{name}"))] if tables else found

    return list_checks


def _members(ctx: Context, tx: Reader, name: str) -> list[TableRecord]:
    """The tables of a global table, the one in this region first."""
    if global_tables.get(tx, ctx.account, name) is None:
        raise GlobalTableNotFoundException(f"Global table not found: Global table with name: '{name}' does not exist.")
    own = keys.tables.get(tx, ctx.account, ctx.region, name)
    if own is not None:
        return [own, *members.members_of(tx, own)]
    for _, table in keys.tables.scan(tx, ctx.account):
        if table.name == name and table.replicas:
            return [table, *members.members_of(tx, table)]
    return []


def _view(ctx: Context, tx: Reader, name: str, tables: list[TableRecord], status: str = "ACTIVE") -> dict[str, Any]:
    record = global_tables.get(tx, ctx.account, name)
    assert record is not None
    return {
        "ReplicationGroup": [{"RegionName": table.region, "ReplicaStatus": table.status} for table in tables],
        "GlobalTableArn": _arn(ctx, name),
        "CreationDateTime": describe.moment(record.created_ms),
        "GlobalTableStatus": status,
        "GlobalTableName": name,
    }


def _joinable(ctx: Context, tx: Transaction, name: str, region: str) -> TableRecord:
    """The table in a region that is to become a member: it has a stream of both images, and nothing in it."""
    table = keys.tables.get(tx, ctx.account, region, name)
    if table is None:
        raise TableNotFoundException(f"Table not found: {name} in region {region}")
    if table.replicas:
        raise ValidationException(f"Table '{name}' in region {region} is part of a global table already")
    if table.stream_view != "NEW_AND_OLD_IMAGES":
        raise ValidationException(f"Table '{name}' in region {region} must have a stream of NEW_AND_OLD_IMAGES")
    if tx.scan(keys.items_prefix(table), keys.after(keys.items_prefix(table)), limit=1):
        raise ValidationException(f"Table '{name}' in region {region} must be empty")
    return table


def _join(ctx: Context, tx: Transaction, tables: list[TableRecord]) -> None:
    """Make tables members of one global table; those that are already stay so."""
    schema = {(table.hash, table.range, frozenset(index.name for index in table.indexes)) for table in tables}
    if len(schema) > 1:
        raise ValidationException("The tables of a global table must have the same keys and indexes")
    for table in tables:
        others = tuple(Replica(region=other.region) for other in tables if other is not table)
        keys.put_table(tx, replace(table, replicas=others))
        if not table.replicas:
            members.start_forgetting(tx, table, ctx.now_ms)


@checked_operation("write", _checks("CreateGlobalTable", tables=True))
def create_global_table(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Join tables of one name."""
    name = req["GlobalTableName"]
    if global_tables.get(tx, ctx.account, name) is not None:
        raise GlobalTableAlreadyExistsException(f"Global table already exists: '{name}'")
    if not all(replica.get("RegionName") for replica in req["ReplicationGroup"]):
        raise ValidationException("A replica of a global table has a RegionName")
    regions = list(dict.fromkeys(replica["RegionName"] for replica in req["ReplicationGroup"]))
    tables = [_joinable(ctx, tx, name, region) for region in regions]
    _join(ctx, tx, tables)
    global_tables.put(tx, GlobalTable(ctx.now_ms), ctx.account, name)
    return {"GlobalTableDescription": _view(ctx, tx, name, tables, "CREATING")}


@checked_operation("read", _checks("DescribeGlobalTable"))
def describe_global_table(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Its regions."""
    name = req["GlobalTableName"]
    return {"GlobalTableDescription": _view(ctx, tx, name, _members(ctx, tx, name))}


def _list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    return [Check("dynamodb:ListGlobalTables", "*")]


@checked_operation("read", _list_checks)
def list_global_tables(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Those with a table in a region, or all."""
    limit, region = req.get("Limit", _PAGE), req.get("RegionName")
    start = req.get("ExclusiveStartGlobalTableName")
    after = global_tables.key(ctx.account, start) if start is not None else None
    found = []
    for key, _ in global_tables.scan(tx, ctx.account, after=after):
        name = str(global_tables.parts(key)[1])
        regions = [table.region for table in _members(ctx, tx, name)]
        if region is None or region in regions:
            found.append({"GlobalTableName": name, "ReplicationGroup": [{"RegionName": one} for one in regions]})
    result: dict[str, Any] = {"GlobalTables": found[:limit]}
    if len(found) > limit:
        result["LastEvaluatedGlobalTableName"] = found[limit - 1]["GlobalTableName"]
    return result


@checked_operation("write", _checks("UpdateGlobalTable", tables=True))
def update_global_table(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Join further tables, or let some go; the tables themselves stay."""
    name = req["GlobalTableName"]
    tables = _members(ctx, tx, name)
    for update in req["ReplicaUpdates"]:
        for kind, given in update.items():
            region = given["RegionName"]
            mine = next((table for table in tables if table.region == region), None)
            if kind == "Create":
                if mine is not None:
                    raise ReplicaAlreadyExistsException(f"Replica already exists in region {region}")
                tables = [*tables, _joinable(ctx, tx, name, region)]
            elif mine is None:
                raise ReplicaNotFoundException(f"Replica not found in region {region}")
            else:
                tables = [table for table in tables if table is not mine]
                keys.put_table(tx, replace(mine, replicas=()))
    _join(ctx, tx, tables)
    return {"GlobalTableDescription": _view(ctx, tx, name, tables, "UPDATING")}


@checked_operation("read", _checks("DescribeGlobalTableSettings"))
def describe_global_table_settings(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The capacity of each region's table."""
    name = req["GlobalTableName"]
    return {"GlobalTableName": name, "ReplicaSettings": [_settings(table) for table in _members(ctx, tx, name)]}


def _settings(table: TableRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "RegionName": table.region,
        "ReplicaStatus": table.status,
        "ReplicaBillingModeSummary": {"BillingMode": "PAY_PER_REQUEST" if table.on_demand else "PROVISIONED"},
        "ReplicaProvisionedReadCapacityUnits": table.throughput.read_units,
        "ReplicaProvisionedWriteCapacityUnits": table.throughput.write_units,
    }
    indexes = [
        {
            "IndexName": index.name,
            "IndexStatus": index.status,
            "ProvisionedReadCapacityUnits": index.throughput.read_units,
            "ProvisionedWriteCapacityUnits": index.throughput.write_units,
        }
        for index in table.indexes
        if not index.local
    ]
    return shown | {"ReplicaGlobalSecondaryIndexSettings": indexes} if indexes else shown
