"""What CloudWatch hears of a queue: AWS/SQS's counters. The gauges of its depth are looked at where it was used."""

from __future__ import annotations

from functools import partial

from lambent.contracts.ports import Metrics, Transaction

from .model import Queue

SENT = "NumberOfMessagesSent"
RECEIVED = "NumberOfMessagesReceived"
DELETED = "NumberOfMessagesDeleted"
EMPTY = "NumberOfEmptyReceives"


def note(metrics: Metrics, queue: Queue, name: str, count: int = 1) -> None:
    """Note that a queue was used."""
    metrics.note(queue.account, queue.region, "AWS/SQS", name, count, "Count", (("QueueName", queue.name),))


def after(tx: Transaction, metrics: Metrics, queue: Queue, name: str, count: int = 1) -> None:
    """As `note`, when the transaction has committed."""
    if count:
        tx.on_commit(partial(note, metrics, queue, name, count))
