"""Message move tasks: dead letters on their way back, a page at a time, at most so many a second."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import keys, line
from .books import Desk
from .emitting import emit_task
from .model import Message, Move, Queue
from .storing import redrive
from .taking import ready

PAGE: Final = 100
RATE_MAX: Final = 500
_NO_QUEUE: Final = "AWS.SimpleQueueService.NonExistentQueue"
_NO_SOURCE: Final = "CouldNotDetermineMessageSource"


def handle(move: Move) -> str:
    """A task's handle."""
    return base64.b64encode(json.dumps({"taskId": move.id, "sourceArn": move.source}).encode()).decode()


def read_handle(text: str) -> tuple[str, str] | None:
    """Task id and ARN of the source queue in a handle; None when it is none."""
    try:
        found = json.loads(base64.b64decode(text, validate=True))
        return str(found["taskId"]), str(found["sourceArn"])
    except (ValueError, KeyError, TypeError):
        return None


def of_queue(tx: Reader, source_arn: str) -> list[Move]:
    """The tasks of a source queue, the newest first."""
    place = arn.parse(source_arn)
    found = keys.moves.scan(tx, place.account, place.region, place.resource, reverse=True, limit=50)
    return [move for _, move in found]


def put(tx: Transaction, move: Move) -> None:
    """Store a task."""
    place = arn.parse(move.source)
    keys.moves.put(tx, move, place.account, place.region, place.resource, move.started_ms, move.id)


def emit(tx: Transaction, move: Move, at_ms: int = 0) -> None:
    """Have a task's next part done at `at_ms`, or now."""
    place = arn.parse(move.source)
    task = {"task": "move", "started_ms": move.started_ms, "id": move.id, "step": move.step}
    emit_task(tx, move.source, place.account, place.region, task, at_ms)


def step(cloud: Cloud, tx: Transaction, source_arn: str, task: Mapping[str, Any], now_ms: int) -> None:
    """Do a task's next part."""
    place = arn.parse(source_arn)
    move = keys.moves.get(tx, place.account, place.region, place.resource, task["started_ms"], task["id"])
    if move is None or move.step != task["step"]:  # delivered before
        return
    if move.status == "CANCELLING":
        put(tx, replace(move, status="CANCELLED", step=move.step + 1))
        return
    source = keys.queue_at(tx, source_arn)
    if source is None:
        put(tx, replace(move, status="FAILED", failure=_NO_QUEUE, step=move.step + 1))
        return
    limit = min(move.rate or PAGE, PAGE if not move.rate else RATE_MAX, move.to_move - move.moved)
    desk = Desk(tx, now_ms)
    moved, failure = _page(cloud, desk, source, move, limit)
    desk.close()
    move = replace(move, moved=move.moved + moved, step=move.step + 1, failure=failure)
    if failure:
        move = replace(move, status="FAILED")
    elif not moved or move.moved >= move.to_move:
        move = replace(move, status="COMPLETED")
    else:
        emit(tx, move, now_ms + 1000 if move.rate else 0)
    put(tx, move)


def _page(cloud: Cloud, desk: Desk, source: Queue, move: Move, limit: int) -> tuple[int, str]:
    """Move up to `limit` messages; returns how many, and why it cannot go on."""
    moved = 0
    for number in range(source.shelves):
        books = desk.books(source, number)
        for sequence, message in _available(desk, source, number, limit - moved):
            target_arn = move.destination or message.source
            if not target_arn:
                return moved, _NO_SOURCE
            target = keys.queue_at(desk.tx, target_arn)
            if target is None or target.fifo != source.fifo:
                return moved, _NO_QUEUE
            redrive(desk, books, source, sequence, message, target, cloud.ids.request_id())
            moved += 1
        if moved >= limit:
            break
    return moved, ""


def _available(desk: Desk, queue: Queue, number: int, limit: int) -> list[tuple[int, Message]]:
    """Messages of a shelf that can be had now, and have not expired."""
    tx, books = desk.tx, desk.books(queue, number)
    if limit <= 0:
        return []
    found: list[tuple[int, Message]] = []
    if not queue.fifo:
        sequences = list(ready(tx, books, desk.now_ms, limit))[:limit]
        rows = [(sequence, keys.get_message(tx, books.shelf, sequence)) for sequence in sequences]
    else:
        rows = []
        for _, name in tx.scan(*keys.until(keys.LINE, books.shelf, desk.now_ms), limit=limit):
            for sequence in line.sequences(tx, books.shelf, name.decode(), limit - len(rows)):
                message = keys.get_message(tx, books.shelf, sequence)
                if message is not None and message.visible_ms > desk.now_ms:
                    break
                rows.append((sequence, message))
    for sequence, message in rows:
        if message is not None and not queue.expired(message.sent_ms, desk.now_ms):
            found.append((sequence, message))
    return found
