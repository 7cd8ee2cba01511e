"""Tables as DynamoDB shows them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from lambent.contracts import arn
from lambent.contracts.ports import Reader

from . import keys
from .model import ON_DEMAND_READ_UNITS, ON_DEMAND_WRITE_UNITS, Counter, Index, Limits, Replica, TableRecord, Throughput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS: Final = 86_400_000


def moment(time_ms: int) -> datetime:
    """A time as the wire takes it."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def totals(tx: Reader, table: TableRecord) -> Counter:
    """The figures of a table, exact as of this transaction (AWS brings them up to date every six hours)."""
    items = size = 0
    indexes: dict[int, tuple[int, int]] = {}
    for _, part in keys.counters.scan(tx, table.prefix):
        items += part.items
        size += part.bytes
        for number, (entries, taken) in part.indexes.items():
            before = indexes.get(number, (0, 0))
            indexes[number] = (before[0] + entries, before[1] + taken)
    return Counter(items, size, indexes)


def table_view(
    table: TableRecord, figures: Counter, now_ms: int, *, status: str = "", new: bool = False
) -> dict[str, Any]:
    """TableDescription. `status` overrides the record's; `new`: the answer to CreateTable, which shows less."""
    shown: dict[str, Any] = {
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in table.attributes],
        "TableName": table.name,
        "KeySchema": schema_view(table.hash, table.range),
        "TableStatus": status or table.status,
        "CreationDateTime": moment(table.created_ms),
        "ProvisionedThroughput": throughput_view(table.throughput, now_ms),
        "TableSizeBytes": figures.bytes,
        "ItemCount": figures.items,
        "TableArn": table.arn,
        "TableId": table.id,
        "DeletionProtectionEnabled": table.protected,
    }
    if table.on_demand or table.on_demand_since_ms:
        shown["BillingModeSummary"] = billing = {"BillingMode": "PAY_PER_REQUEST" if table.on_demand else "PROVISIONED"}
        if not new:
            billing["LastUpdateToPayPerRequestDateTime"] = moment(table.on_demand_since_ms)  # type: ignore[assignment]
    warm = warm_view(table.warm, table.throughput, table.on_demand, "UPDATING" if new else "ACTIVE")
    if not new or table.warm != Limits():
        shown["WarmThroughput"] = warm
    if table.on_demand_limits != Limits():
        shown["OnDemandThroughput"] = on_demand_view(table.on_demand_limits)
    _add_indexes(shown, table, figures, now_ms, new)
    if table.stream:
        shown["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": table.stream_view}
        shown["LatestStreamLabel"] = table.stream
        shown["LatestStreamArn"] = f"{table.arn}/stream/{table.stream}"
    if table.sse_key:
        shown["SSEDescription"] = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": table.sse_key}
    if table.table_class:
        shown["TableClassSummary"] = {"TableClass": table.table_class}
        if table.table_class_changed_ms:
            shown["TableClassSummary"]["LastUpdateDateTime"] = moment(table.table_class_changed_ms)
    _add_copies(shown, table)
    return shown


def _add_copies(shown: dict[str, Any], table: TableRecord) -> None:
    """What the table was restored from, and its replicas."""
    restored = table.restored
    if restored is not None:
        summary: dict[str, Any] = {"RestoreDateTime": moment(restored.at_ms)}
        summary |= {"RestoreInProgress": restored.in_progress, "SourceTableArn": restored.source_arn}
        if restored.backup_arn:
            summary["SourceBackupArn"] = restored.backup_arn
        shown["RestoreSummary"] = summary
    if table.replicas:
        shown["GlobalTableVersion"] = "2019.11.21"
        shown["Replicas"] = [replica_view(replica) for replica in table.replicas]


def replica_view(replica: Replica) -> dict[str, Any]:
    """A ReplicaDescription."""
    shown: dict[str, Any] = {"RegionName": replica.region, "ReplicaStatus": replica.status}
    if replica.kms_key:
        shown["KMSMasterKeyId"] = replica.kms_key
    if replica.read_units:
        shown["ProvisionedThroughputOverride"] = {"ReadCapacityUnits": replica.read_units}
    if replica.table_class:
        shown["ReplicaTableClassSummary"] = {"TableClass": replica.table_class}
    return shown


def deleted_view(table: TableRecord, figures: Counter, now_ms: int) -> dict[str, Any]:
    """The answer to DeleteTable."""
    view = table_view(table, figures, now_ms, status="DELETING")
    kept = ("TableName", "TableStatus", "ProvisionedThroughput", "TableSizeBytes", "ItemCount", "TableArn", "TableId")
    return {name: view[name] for name in (*kept, "BillingModeSummary", "DeletionProtectionEnabled") if name in view}


def schema_view(hash_name: str, range_name: str) -> list[dict[str, str]]:
    """A KeySchema."""
    shown = [{"AttributeName": hash_name, "KeyType": "HASH"}]
    return [*shown, {"AttributeName": range_name, "KeyType": "RANGE"}] if range_name else shown


def throughput_view(units: Throughput, now_ms: int) -> dict[str, Any]:
    """A ProvisionedThroughputDescription."""
    today = units.decreases if units.decreased_day == now_ms // _DAY_MS else 0
    shown: dict[str, Any] = {
        "NumberOfDecreasesToday": today,
        "ReadCapacityUnits": units.read_units,
        "WriteCapacityUnits": units.write_units,
    }
    if units.increased_ms:
        shown["LastIncreaseDateTime"] = moment(units.increased_ms)
    if units.decreased_ms:
        shown["LastDecreaseDateTime"] = moment(units.decreased_ms)
    return shown


def warm_view(warm: Limits, units: Throughput, on_demand: bool, status: str = "ACTIVE") -> dict[str, Any]:
    """A WarmThroughput: what was asked for, at least what the capacity mode gives."""
    read, write = (ON_DEMAND_READ_UNITS, ON_DEMAND_WRITE_UNITS) if on_demand else (units.read_units, units.write_units)
    return {
        "ReadUnitsPerSecond": max(warm.read_units, read) if not warm.read_units else warm.read_units,
        "WriteUnitsPerSecond": max(warm.write_units, write) if not warm.write_units else warm.write_units,
        "Status": status,
    }


def on_demand_view(limits: Limits) -> dict[str, int]:
    """An OnDemandThroughput; -1 says that there is no limit."""
    return {"MaxReadRequestUnits": limits.read_units or -1, "MaxWriteRequestUnits": limits.write_units or -1}


def _add_indexes(shown: dict[str, Any], table: TableRecord, figures: Counter, now_ms: int, new: bool) -> None:
    for index in table.indexes:
        entries, size = figures.indexes.get(index.number, (0, 0))
        view: dict[str, Any] = {
            "IndexName": index.name,
            "KeySchema": schema_view(index.hash, index.range),
            "Projection": projection_view(index),
            "IndexSizeBytes": size,
            "ItemCount": entries,
            "IndexArn": f"{table.arn}/index/{index.name}",
        }
        if not index.local:
            view["IndexStatus"] = "CREATING" if new else index.status
            if index.status == "CREATING":
                view["Backfilling"] = True
            view["ProvisionedThroughput"] = throughput_view(index.throughput, now_ms)
            if not new:
                view["WarmThroughput"] = warm_view(index.warm, index.throughput, table.on_demand)
            if index.on_demand != Limits():
                view["OnDemandThroughput"] = on_demand_view(index.on_demand)
        shown.setdefault("LocalSecondaryIndexes" if index.local else "GlobalSecondaryIndexes", []).append(view)


def projection_view(index: Index) -> dict[str, Any]:
    """A Projection."""
    shown: dict[str, Any] = {"ProjectionType": index.projection}
    return shown | {"NonKeyAttributes": list(index.non_key)} if index.non_key else shown


def sse_key(spec: dict[str, Any], account: str, region: str) -> str:
    """The ARN of the key that an SSESpecification means; empty where it is switched off (the service's own key)."""
    if not spec.get("Enabled"):
        return ""
    named = spec.get("KMSMasterKeyId", "alias/aws/dynamodb")
    if named.startswith("arn:"):
        return str(named)
    return arn.build("kms", region, account, named if named.startswith("alias/") else f"key/{named}")
