"""The events of backups and recovery to the service itself; jobs.py does what they ask for."""

from __future__ import annotations

from typing import Any, Final

import orjson

from lambent.contracts import arn
from lambent.contracts.events import Event
from lambent.contracts.ports import Transaction

from ..model import PRINCIPAL, TableRecord
from .records import Job

_MS: Final = 1_000_000


def emit(
    tx: Transaction, account: str, region: str, table: str, task: dict[str, Any], at_ms: int = 0, *, to: str = ""
) -> None:
    """Have a task done for a table at `at_ms`, or at once; `to` is the table's region where that is another one."""
    target = arn.build("dynamodb", to or region, account, f"table/{table}")
    event = Event(
        target=target,
        payload=orjson.dumps(task),
        source=target,
        principal=PRINCIPAL,
        account=account,
        region=to or region,
    )
    tx.emit(event, at_ns=at_ms * _MS)


def emit_job(tx: Transaction, job: Job) -> None:
    """Have the next page of a job copied."""
    task = {"task": "copy", "job": job.id, "step": job.step}
    emit(tx, job.account, job.region, job.table, task)


def emit_drop(tx: Transaction, table: TableRecord, journal: bytes) -> None:
    """Have a journal removed that is not needed any more."""
    emit(tx, table.account, table.region, table.name, {"task": "drop journal", "journal": journal.hex()})


def emit_trim(tx: Transaction, table: TableRecord, number: int, at_ms: int) -> None:
    """Have what is too old removed from a table's journal."""
    task = {"task": "trim journal", "name": table.name, "journal": table.journal.hex(), "number": number}
    emit(tx, table.account, table.region, table.name, task, at_ms)
