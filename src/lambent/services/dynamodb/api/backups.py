"""Backups on demand, and the system's of deleted tables."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import describe
from ..errors import BackupInUseException, BackupNotFoundException, TableInUseException, TableNotFoundException
from ..keys import put_table
from ..model import Counter, Restored, TableRecord
from ..recovery import jobs, journal
from ..recovery.records import BackupRecord, Job, Moment, backups, holds
from ..recovery.restoring import restore
from ..requests import table_name
from ..service import TABLE, checked_operation, table_operation
from .recovery import time_ms

_PAGE = 100
_KEPT = ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")


@table_operation("write")
def create_backup(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Have the table backed up as it is now."""
    table: TableRecord | None = req[TABLE]
    if table is None:
        raise TableNotFoundException(f"Table not found: {table_name(req['TableName'])}")
    if table.status != "ACTIVE":
        raise TableInUseException(f"Table is being {table.status.lower()}: {table.name}")
    backup = jobs.new_backup(tx, ctx.cloud.ids, table, req["BackupName"], "USER", ctx.now_ms)
    table, moment = journal.cut(tx, ctx.cloud.ids, table, ctx.now_ms)
    put_table(tx, table)
    jobs.put_backup(tx, backup)
    job = Job(
        account=table.account,
        region=table.region,
        id=ctx.cloud.ids.uuid(),
        kind="backup",
        moment=moment,
        table=table.name,
        table_id=table.id,
        source=table.name,
        backup=backup.id,
    )
    jobs.start(tx, job)
    return {"BackupDetails": _details(backup)}


def _details(backup: BackupRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "BackupArn": backup.arn,
        "BackupName": backup.name,
        "BackupSizeBytes": backup.size,
        "BackupStatus": backup.status,
        "BackupType": backup.kind,
        "BackupCreationDateTime": describe.moment(backup.created_ms),
    }
    return shown | {"BackupExpiryDateTime": describe.moment(backup.expires_ms)} if backup.expires_ms else shown


def _description(backup: BackupRecord, now_ms: int) -> dict[str, Any]:
    table = backup.source
    view = describe.table_view(table, Counter(backup.count, backup.size), now_ms)
    units = {name: view["ProvisionedThroughput"][name] for name in ("ReadCapacityUnits", "WriteCapacityUnits")}
    source = {
        "TableName": table.name,
        "TableId": table.id,
        "TableArn": table.arn,
        "TableSizeBytes": backup.size,
        "KeySchema": view["KeySchema"],
        "TableCreationDateTime": view["CreationDateTime"],
        "ProvisionedThroughput": units,
        "ItemCount": backup.count,
        "BillingMode": "PAY_PER_REQUEST" if table.on_demand else "PROVISIONED",
    }
    if "OnDemandThroughput" in view:
        source["OnDemandThroughput"] = view["OnDemandThroughput"]
    features: dict[str, Any] = {}
    for name in _KEPT:
        wanted = ("IndexName", "KeySchema", "Projection", *(("ProvisionedThroughput",) if name[0] == "G" else ()))
        found = [{key: index[key] for key in wanted} for index in view.get(name, ())]
        for index in found:
            if "ProvisionedThroughput" in index:
                index["ProvisionedThroughput"] = {key: index["ProvisionedThroughput"][key] for key in units}
        if found:
            features[name] = found
    if table.stream:
        features["StreamDescription"] = view["StreamSpecification"]
    if table.ttl:
        features["TimeToLiveDescription"] = {"TimeToLiveStatus": "ENABLED", "AttributeName": table.ttl}
    if table.sse_key:
        features["SSEDescription"] = view["SSEDescription"]
    shown = {"BackupDetails": _details(backup), "SourceTableDetails": source}
    return shown | {"SourceTableFeatureDetails": features}


def _find(ctx: Context, tx: Reader, text: str) -> BackupRecord:
    head, found, rest = text.partition(":table/")
    name, _, id = rest.partition("/backup/")
    region = head.split(":")[3] if head.count(":") >= 4 else ""
    backup = backups.get(tx, ctx.account, ctx.region, name, id) if found and region == ctx.region else None
    if backup is None:
        raise BackupNotFoundException(f"Backup not found: {text}")
    return backup


def _checks(action: str) -> Any:
    def list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        return [Check(f"dynamodb:{action}", req["BackupArn"])]

    return list_checks


@checked_operation("read", _checks("DescribeBackup"))
def describe_backup(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """What a backup holds."""
    return {"BackupDescription": _description(_find(ctx, tx, req["BackupArn"]), ctx.now_ms)}


@checked_operation("write", _checks("DeleteBackup"))
def delete_backup(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove a backup that is made and that no table is being restored from."""
    backup = _find(ctx, tx, req["BackupArn"])
    if backup.status == "CREATING" or holds.scan(tx, backup.prefix, limit=1):
        raise BackupInUseException(f"Backup is in use: {backup.arn}")
    jobs.drop_backup(tx, backup)
    shown = _description(backup, ctx.now_ms)
    shown["BackupDetails"]["BackupStatus"] = "DELETED"
    return {"BackupDescription": shown}


def _list_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    return [Check("dynamodb:ListBackups", "*")]


@checked_operation("read", _list_checks)
def list_backups(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Backups of the region, or of one table."""
    prefix = (table_name(req["TableName"]),) if "TableName" in req else ()
    limit, kind = req.get("Limit", _PAGE), req.get("BackupType", "USER")
    first_ms = time_ms(req["TimeRangeLowerBound"]) if "TimeRangeLowerBound" in req else 0
    until_ms = time_ms(req["TimeRangeUpperBound"]) if "TimeRangeUpperBound" in req else None
    after = None
    if "ExclusiveStartBackupArn" in req:
        start = req["ExclusiveStartBackupArn"].partition(":table/")[2]
        name, _, id = start.partition("/backup/")
        after = backups.key(ctx.account, ctx.region, name, id)
    found = [
        backup
        for _, backup in backups.scan(tx, ctx.account, ctx.region, *prefix, after=after)
        if kind in ("ALL", backup.kind)
        and backup.created_ms >= first_ms
        and (until_ms is None or backup.created_ms < until_ms)
    ]
    shown = []
    for backup in found[:limit]:
        source = backup.source
        table = {"TableName": source.name, "TableId": source.id, "TableArn": source.arn}
        shown.append(table | _details(backup))
    result: dict[str, Any] = {"BackupSummaries": shown}
    return result | {"LastEvaluatedBackupArn": found[limit - 1].arn} if len(found) > limit else result


def _restore_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    action = "dynamodb:RestoreTableFromBackup"
    target = ctx.arn("dynamodb", f"table/{req['TargetTableName']}")
    return [Check(action, req["BackupArn"]), Check(action, target)]


@checked_operation("write", _restore_checks, unbuilt=("VectorIndexOverride",))
def restore_table_from_backup(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a table of a backup."""
    backup = _find(ctx, tx, req["BackupArn"])
    if backup.status != "AVAILABLE":
        raise BackupInUseException(f"Backup is in use: {backup.arn}")
    restored = Restored(backup_arn=backup.arn, source_arn=backup.source.arn, at_ms=backup.created_ms)
    source = replace(backup.source, prefix=backup.prefix)
    return restore(ctx, tx, source, Moment(prefix=backup.prefix), req, restored)
