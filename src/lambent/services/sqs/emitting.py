"""A queue's events to itself, by which work goes on after the call that caused it."""

from __future__ import annotations

from typing import Any, Final

import orjson

from lambent.contracts.events import Event
from lambent.contracts.ports import Transaction

from .model import PRINCIPAL, Queue

_MS: Final = 1_000_000


def emit_purge(tx: Transaction, queue: Queue, *, forget: bool = False) -> None:
    """Have what is in a queue removed; with `forget`, also what the queue remembers."""
    task = {"task": "purge", "contents": queue.contents.hex()}
    if forget:
        task["id"] = queue.id.hex()
    emit_task(tx, queue.arn, queue.account, queue.region, task)


def emit_sweep(tx: Transaction, queue: Queue, at_ms: int) -> None:
    """Have expired messages removed at `at_ms`, or now."""
    task = {"task": "sweep", "id": queue.id.hex(), "sweeper": queue.sweeper}
    emit_task(tx, queue.arn, queue.account, queue.region, task, at_ms)


def emit_task(tx: Transaction, target: str, account: str, region: str, task: dict[str, Any], at_ms: int = 0) -> None:
    """Address a task to the queue `target`."""
    event = Event(
        target=target,
        payload=orjson.dumps(task),
        source=target,
        principal=PRINCIPAL,
        account=account,
        region=region,
    )
    tx.emit(event, at_ns=at_ms * _MS)
