"""The bus's target for queues, and work that outlives a call: removing what expired, what was purged and what a deleted
queue held, and message move tasks.

Each task is an event of the queue to itself; it does a bounded part in one transaction and emits the next part in it,
so that a crash loses nothing and a repeated delivery does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.events import Delivery, Event
from lambent.contracts.ports import Cloud, Transaction

from . import keys, moving
from .arriving import accept, may_send, take
from .books import Desk
from .emitting import emit_sweep, emit_task
from .model import PRINCIPAL, Queue
from .sending import forget
from .storing import remove
from .waiting import Waiting

PAGE: Final = 200
"""Rows that one transaction removes."""
SWEEP_PAUSE_MS: Final = 1000
_MS: Final = 1_000_000
Task = Mapping[str, Any]


class SqsTarget:
    """Puts other services' events on queues, and does the service's own tasks; has the long polls of this node."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.waiting = Waiting(cloud)

    async def deliver(self, delivery: Delivery) -> None:
        """Do one part of a task, or send one message; an event that was delivered before is not sent again."""
        event = delivery.event
        now_ms = self._cloud.clock.now_ns() // _MS
        if event.principal == PRINCIPAL and event.source == event.target:
            task = orjson.loads(event.payload)
            await self._cloud.store.write(lambda tx: _TASKS[task["task"]](self._cloud, tx, event, task, now_ms))
        else:
            await self._cloud.store.write(lambda tx: accept(self._cloud, tx, delivery, now_ms))

    def take(self, tx: Transaction, delivery: Delivery) -> None:
        """See `contracts.ports.Inlet`: topics of this store write to queues without an outbox between."""
        take(self._cloud, tx, delivery, self._cloud.clock.now_ns() // _MS)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Raise `Undeliverable` when the queue does not exist or its policy does not let the service in."""
        await self._cloud.store.read(lambda tx: may_send(self._cloud, tx, target, principal, source, account))


def _purge(cloud: Cloud, tx: Transaction, event: Event, task: Task, now_ms: int) -> None:
    """Remove a page of what nothing shows any more."""
    contents = bytes.fromhex(task["contents"])
    left = PAGE
    for kind in keys.CONTENTS:
        rows = tx.scan(kind + contents, kind + contents + b"\xff", limit=left)
        for key, _ in rows:
            tx.delete(key)
        left -= len(rows)
        if not left:
            break
    if left and task.get("id"):
        id = bytes.fromhex(task["id"])
        for table in (keys.duplicates, keys.duplicate_ends, keys.attempts):
            start = table.key(id)
            rows = tx.scan(start + b"\x00", start + b"\xff", limit=left) if left else []
            for key, _ in rows:
                tx.delete(key)
            left -= len(rows)
    if not left:
        emit_task(tx, event.target, event.account, event.region, dict(task))


def _sweep(cloud: Cloud, tx: Transaction, event: Event, task: Task, now_ms: int) -> None:
    """Remove a page of what is too old, and set the timer for the next."""
    queue = keys.queue_at(tx, event.target)
    # Another number means that the retention was changed, or that this very event was delivered before.
    if queue is None or queue.id.hex() != task["id"] or queue.sweeper != task["sweeper"]:
        return
    desk = Desk(tx, now_ms)
    left = PAGE
    next_ms = now_ms + queue.retention_s * 1000
    for number in range(queue.shelves):
        removed, oldest_ms = _sweep_shelf(desk, queue, number, left)
        left -= removed
        if oldest_ms is not None:
            next_ms = min(next_ms, oldest_ms + queue.retention_s * 1000)
    left -= forget(tx, queue, now_ms, max(left, 0))
    desk.close()
    queue = replace(queue, sweeper=queue.sweeper + 1)
    keys.put_queue(tx, queue)
    emit_sweep(tx, queue, max(next_ms, now_ms + SWEEP_PAUSE_MS) if left > 0 else 0)


def _sweep_shelf(desk: Desk, queue: Queue, number: int, limit: int) -> tuple[int, int | None]:
    """Remove expired messages; returns how many rows went, and when the oldest message left was sent."""
    tx, books = desk.tx, desk.books(queue, number)
    removed = 0
    oldest_ms: int | None = None
    for key, raw in tx.scan(*keys.all_of(keys.MESSAGE, books.shelf), limit=max(limit, 0)):
        message = keys.messages.decode(raw)
        if not queue.expired(message.sent_ms, desk.now_ms):
            oldest_ms = message.sent_ms
            break
        remove(desk, queue, books, keys.sequence_of(key), message)
        removed += 1
    if not queue.fifo and not books.turns:  # turns begin anew, so nobody's last one matters
        for key, _ in tx.scan(*keys.all_of(keys.GROUP, books.shelf), limit=max(limit - removed, 0)):
            tx.delete(key)
            removed += 1
    return removed, oldest_ms


def _move(cloud: Cloud, tx: Transaction, event: Event, task: Task, now_ms: int) -> None:
    moving.step(cloud, tx, event.target, task, now_ms)


_TASKS: Final[Mapping[str, Callable[[Cloud, Transaction, Event, Task, int], None]]] = {
    "purge": _purge,
    "sweep": _sweep,
    "move": _move,
}
