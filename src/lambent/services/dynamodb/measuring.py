"""What CloudWatch hears of tables: AWS/DynamoDB's metrics.

Units are told as they are consumed: a write's after its commit, a read's at once. Refusals are told when they happen.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Metrics, Reader
from lambent.kit import Context

from .errors import (
    ConditionalCheckFailedException,
    ProvisionedThroughputExceededException,
    TransactionCanceledException,
)
from .model import TableRecord

NAMESPACE: Final = "AWS/DynamoDB"
UNITS: Final = {"Read": "ConsumedReadCapacityUnits", "Write": "ConsumedWriteCapacityUnits"}
_FAILED: Final = "ConditionalCheckFailed"


def read(metrics: Metrics, table: TableRecord, units: float) -> None:
    """Note what a read consumed of a table."""
    metrics.note(table.account, table.region, NAMESPACE, UNITS["Read"], units, "Count", table.dimensions)


def write(tx: Reader, metrics: Metrics, table: TableRecord, units: float) -> None:
    """Note what a write consumed of a table, when it has committed."""
    place = (table.account, table.region, NAMESPACE, UNITS["Write"], units, "Count")
    tx.on_commit(partial(metrics.note, *place, table.dimensions))  # type: ignore[attr-defined]  # it is a Transaction


def of_index(tx: Reader, metrics: Metrics, table: TableRecord, index: str, kind: str, units: float) -> None:
    """Note what a request (`kind` Read or Write) consumed of a global index."""
    place = (table.account, table.region, NAMESPACE, UNITS[kind], units, "Count")
    tell = partial(metrics.note, *place, (*table.dimensions, ("GlobalSecondaryIndexName", index)))
    if kind == "Write":
        tx.on_commit(tell)  # type: ignore[attr-defined]  # it is a Transaction
    else:
        tell()


def refused(ctx: Context, operation: str, table: object, error: ServiceError) -> None:
    """Note a request that was refused; `table` is its record, where it is about one table that exists."""
    note = ctx.cloud.metrics.note
    place = (ctx.account, ctx.region, NAMESPACE)
    named = table.dimensions if isinstance(table, TableRecord) else ()
    if isinstance(error, ProvisionedThroughputExceededException):
        note(*place, "ThrottledRequests", 1, "Count", (*named, ("Operation", operation)))
        reads = operation.startswith(("Get", "Query", "Scan", "BatchGet", "TransactGet"))
        note(*place, "ReadThrottleEvents" if reads else "WriteThrottleEvents", 1, "Count", named)
    elif isinstance(error, ConditionalCheckFailedException):
        note(*place, "ConditionalCheckFailedRequests", 1, "Count", named)
    elif isinstance(error, TransactionCanceledException) and _only_conditions(error):
        for part in _failed_parts(table, error):
            note(*place, "ConditionalCheckFailedRequests", 1, "Count", part.dimensions)
    elif error.status < 500:
        note(*place, "UserErrors", 1, "Count")


def _only_conditions(error: TransactionCanceledException) -> bool:
    codes = {reason["Code"] for reason in error.fields.get("CancellationReasons", ())} - {"None"}
    return codes == {_FAILED}


def _failed_parts(parts: object, error: TransactionCanceledException) -> list[TableRecord]:
    """The tables of those actions of a transaction whose condition failed."""
    found: list[TableRecord] = []
    if isinstance(parts, list):
        for part, reason in zip(parts, error.fields.get("CancellationReasons", ()), strict=False):
            record = getattr(part, "table", None)
            if reason["Code"] == _FAILED and isinstance(record, TableRecord):
                found.append(record)
    return found
