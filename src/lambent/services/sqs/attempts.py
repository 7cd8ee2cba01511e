"""Receive attempts of FIFO queues: who asks again under the same ReceiveRequestAttemptId is given the same again."""

from __future__ import annotations

from typing import Final

from . import keys
from .books import Desk
from .model import DEDUPLICATION_MS, IN_FLIGHT, Attempt, Queue
from .releasing import reschedule
from .storing import body
from .taking import Taken

FORGET_ROWS: Final = 8


def note(desk: Desk, queue: Queue, attempt: str, taken: list[Taken]) -> None:
    """Remember what an attempt was given, and forget some whose time is over."""
    for key, old in keys.attempts.scan(desk.tx, queue.id, limit=FORGET_ROWS):
        if old.until_ms <= desk.now_ms:
            desk.tx.delete(key)
    rows = tuple((one.shelf, one.sequence, one.message.receives) for one in taken)
    keys.attempts.put(desk.tx, Attempt(desk.now_ms + DEDUPLICATION_MS, rows), queue.id, attempt)


def again(desk: Desk, queue: Queue, attempt: str, visibility_s: int) -> list[Taken]:
    """What the attempt was given before, with the same receipts, in flight for `visibility_s` from now; nothing when
    that was more than five minutes ago or any of it was deleted, received elsewhere or has become visible."""
    known = keys.attempts.get(desk.tx, queue.id, attempt)
    if known is None or known.until_ms <= desk.now_ms:
        return []
    found: list[Taken] = []
    for number, sequence, receipt in known.taken:
        if number >= queue.shelves:
            return []
        books = desk.books(queue, number)
        message = keys.get_message(desk.tx, books.shelf, sequence)
        if message is None or message.receives != receipt or message.state != IN_FLIGHT:
            return []
        if message.visible_ms <= desk.now_ms:
            return []
        found.append(Taken(number, sequence, message, body(desk, books, sequence, message)))
    for one in found:
        until_ms = desk.now_ms + visibility_s * 1000
        reschedule(desk, queue, desk.books(queue, one.shelf), one.sequence, one.message, until_ms)
    return found
