"""Settings of tables that have operations of their own: expiry, insights, Kinesis destinations; limits and endpoints of
the account."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.kit.paging import page, unseal

from .. import describe, events, keys
from ..errors import ResourceNotFoundException, ValidationException
from ..keys import put_table
from ..model import ACCOUNT_UNITS, TABLE_UNITS, TableRecord
from ..replication import members
from ..service import checked_operation, described_table, table_operation

_INSIGHTS_PAGE = 100


@table_operation("read", control=True)
def describe_time_to_live(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    table = described_table(req)
    shown = {"TimeToLiveStatus": "ENABLED" if table.ttl else "DISABLED"}
    return {"TimeToLiveDescription": shown | {"AttributeName": table.ttl} if table.ttl else shown}


@table_operation("write", control=True)
def update_time_to_live(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    table = described_table(req)
    spec = req["TimeToLiveSpecification"]
    name = spec["AttributeName"]
    if spec["Enabled"]:
        if table.ttl:
            raise ValidationException("TimeToLive is already enabled")
        table = replace(table, ttl=name, ttl_changed_ms=ctx.now_ms, sweeper=table.sweeper + 1)
        put_table(tx, table)
        events.emit_mark(tx, table)
        events.emit_sweep(tx, table, ctx.now_ms + events.SWEEP_MS)
    else:
        if not table.ttl:
            raise ValidationException("TimeToLive is already disabled")
        if name != table.ttl:
            raise ValidationException(
                f"TimeToLive is active on a different AttributeName: current AttributeName is {table.ttl}"
            )
        table = replace(table, ttl="", ttl_changed_ms=ctx.now_ms, sweeper=table.sweeper + 1)
        put_table(tx, table)
        events.emit_unmark(tx, table)
    if table.replicas:
        members.mirror(tx, described_table(req), table, ctx.now_ms)
    return {"TimeToLiveSpecification": {"AttributeName": name, "Enabled": spec["Enabled"]}}


def _insights_key(table: TableRecord, req: dict[str, Any]) -> str:
    name: str = req.get("IndexName", "")
    if name and name not in table.by_name:
        raise ResourceNotFoundException(f"Requested resource not found: Index: {name} not found")
    return name


def _insights_view(table: TableRecord, name: str) -> dict[str, Any]:
    mode, _ = table.insights.get(name, ("", 0))
    shown = {"TableName": table.name, "ContributorInsightsStatus": "ENABLED" if mode else "DISABLED"}
    if mode:
        shown["ContributorInsightsMode"] = mode
    return shown | {"IndexName": name} if name else shown


@table_operation("read")
def describe_contributor_insights(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    table = described_table(req)
    name = _insights_key(table, req)
    shown = _insights_view(table, name)
    mode, changed_ms = table.insights.get(name, ("", 0))
    if mode:
        day = f"{table.name}-{name}" if name else table.name
        kinds = ("PKC", "PKT") if not table.range else ("PKC", "PKT", "SKC", "SKT")
        rules = [f"DynamoDBContributorInsights-{kind}-{day}-{table.created_ms}" for kind in kinds]
        shown |= {"ContributorInsightsRuleList": rules}
    return shown | {"LastUpdateDateTime": describe.moment(changed_ms)} if changed_ms else shown


@table_operation("write")
def update_contributor_insights(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    table = described_table(req)
    name = _insights_key(table, req)
    enable = req["ContributorInsightsAction"] == "ENABLE"
    mode = req.get("ContributorInsightsMode", "ACCESSED_AND_THROTTLED_KEYS") if enable else ""
    put_table(tx, replace(table, insights={**table.insights, name: (mode, ctx.now_ms)}))
    shown = {"TableName": table.name, "ContributorInsightsStatus": "ENABLING" if enable else "DISABLING"}
    return shown | {"IndexName": name} if name else shown


def _on_tables(action: str) -> Any:
    def list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        return [Check(f"dynamodb:{action}", "*")]

    return list_checks


@checked_operation("read", _on_tables("ListContributorInsights"))
def list_contributor_insights(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    if "TableName" in req:
        tables = [keys.named_table(tx, ctx, req["TableName"])]
    else:
        tables = [table for _, table in keys.tables.scan(tx, ctx.account, ctx.region)]
    start = unseal(req["NextToken"], ValidationException).decode() if "NextToken" in req else ""
    # The name of the table and of the index, none of which has a space.
    found = [(f"{table.name} {name}", table, name) for table in tables for name in sorted(table.insights)]
    limit = req.get("MaxResults") or _INSIGHTS_PAGE
    rest = [entry for entry in found if entry[0] > start]
    shown, token = page(rest[: limit + 1], limit, lambda entry: entry[0].encode())
    result: dict[str, Any] = {"ContributorInsightsSummaries": [_insights_view(table, name) for _, table, name in shown]}
    return result | {"NextToken": token} if token else result


@table_operation("read")
def describe_kinesis_streaming_destination(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    table = described_table(req)
    shown = [
        {
            "StreamArn": one.stream_arn,
            "DestinationStatus": one.status,
            "ApproximateCreationDateTimePrecision": one.precision,
        }
        for one in table.destinations
    ]
    return {"TableName": table.name, "KinesisDataStreamDestinations": shown}


@checked_operation("read", _on_tables("DescribeLimits"))
def describe_limits(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {
        "AccountMaxReadCapacityUnits": ACCOUNT_UNITS,
        "AccountMaxWriteCapacityUnits": ACCOUNT_UNITS,
        "TableMaxReadCapacityUnits": TABLE_UNITS,
        "TableMaxWriteCapacityUnits": TABLE_UNITS,
    }


@checked_operation("read", _on_tables("DescribeEndpoints"))
def describe_endpoints(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Endpoints": [{"Address": urlsplit(ctx.cloud.settings.endpoint).netloc, "CachePeriodInMinutes": 1440}]}
