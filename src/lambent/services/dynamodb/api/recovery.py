"""Point-in-time recovery: switched, described, restored from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import describe
from ..errors import (
    InvalidRestoreTimeException,
    PointInTimeRecoveryUnavailableException,
    TableNotFoundException,
    ValidationException,
)
from ..keys import put_table
from ..model import DAY_MS, Restored, TableRecord
from ..recovery import jobs, journal
from ..recovery.records import Moment
from ..recovery.restoring import restore
from ..requests import table_name
from ..service import TABLE, access, checked_operation, locate, table_operation

_SOURCE = "_source"


def recoverable_ms(table: TableRecord, now_ms: int) -> tuple[int, int]:
    """The first and the last time that the table can be restored to."""
    return max(table.pitr_since_ms, now_ms - table.pitr_days * DAY_MS), now_ms


def time_ms(value: Any) -> int:
    """A time of a request in milliseconds: seconds since the epoch, as the wire has them, or a datetime."""
    seconds = value.timestamp() if isinstance(value, datetime) else value
    return round(seconds * 1000)


def _backed_up(req: dict[str, Any]) -> TableRecord:
    table: TableRecord | None = req[TABLE]
    if table is None:
        raise TableNotFoundException(f"Table not found: {table_name(req['TableName'])}")
    return table


def _view(table: TableRecord, now_ms: int) -> dict[str, Any]:
    recovery: dict[str, Any] = {"PointInTimeRecoveryStatus": "ENABLED" if table.pitr_since_ms else "DISABLED"}
    if table.pitr_since_ms:
        earliest_ms, latest_ms = recoverable_ms(table, now_ms)
        recovery["RecoveryPeriodInDays"] = table.pitr_days
        recovery["EarliestRestorableDateTime"] = describe.moment(earliest_ms)
        recovery["LatestRestorableDateTime"] = describe.moment(latest_ms)
    shown = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}
    return {"ContinuousBackupsDescription": shown}


@table_operation("read")
def describe_continuous_backups(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Whether recovery is on, and the times it reaches."""
    return _view(_backed_up(req), ctx.now_ms)


@table_operation("write")
def update_continuous_backups(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Switch recovery on or off, or change its period."""
    table = _backed_up(req)
    spec = req["PointInTimeRecoverySpecification"]
    enabled = spec["PointInTimeRecoveryEnabled"]
    if not enabled and "RecoveryPeriodInDays" in spec:
        raise ValidationException("RecoveryPeriodInDays can only be specified when PointInTimeRecoveryEnabled is true")
    begins = enabled and not table.pitr_since_ms
    days = spec.get("RecoveryPeriodInDays", 35 if begins else table.pitr_days)
    since_ms = (table.pitr_since_ms or ctx.now_ms) if enabled else 0
    table = journal.settled(tx, ctx.cloud.ids, replace(table, pitr_since_ms=since_ms, pitr_days=days))
    put_table(tx, table)
    if begins:
        jobs.start_trimming(tx, table, ctx.now_ms)
    return _view(table, ctx.now_ms)


def _restore_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    text = req.get("SourceTableArn") or req.get("SourceTableName")
    if text is None:
        raise ValidationException("One of SourceTableArn and SourceTableName must be given")
    table, resource = locate(ctx, tx, text)
    if table is not None and (table.account, table.region) != (ctx.account, ctx.region):
        raise NotBuilt("Lambent has not built restoring a table of another region or account yet.")
    req[_SOURCE] = table
    action = "dynamodb:RestoreTableToPointInTime"
    target = ctx.arn("dynamodb", f"table/{req['TargetTableName']}")
    return [access(action, table, resource, {}), Check(action, target)]


@checked_operation("write", _restore_checks, unbuilt=("VectorIndexOverride",))
def restore_table_to_point_in_time(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a table of what another one was at a time."""
    table: TableRecord | None = req[_SOURCE]
    if table is None:
        raise TableNotFoundException(
            f"Table not found: {table_name(req.get('SourceTableArn') or req['SourceTableName'])}"
        )
    if not table.pitr_since_ms:
        raise PointInTimeRecoveryUnavailableException(f"Point in time recovery is not enabled for table '{table.name}'")
    latest, given = req.get("UseLatestRestorableTime", False), req.get("RestoreDateTime")
    if latest == (given is not None):
        raise ValidationException("Exactly one of UseLatestRestorableTime and RestoreDateTime must be given")
    first_ms, last_ms = recoverable_ms(table, ctx.now_ms)
    at_ms = last_ms if latest else time_ms(given)
    if not first_ms <= at_ms <= last_ms:
        raise InvalidRestoreTimeException(
            "The requested restore time is not between EarliestRestorableDateTime and LatestRestorableDateTime"
        )
    # Whatever the clocks of the nodes say, what is written from here on is later than what is restored.
    put_table(tx, replace(table, cut_ms=max(table.cut_ms, at_ms)))
    moment = Moment(prefix=table.prefix, journal=table.journal, at_ms=at_ms)
    return restore(ctx, tx, table, moment, req, Restored(source_arn=table.arn, at_ms=at_ms))
