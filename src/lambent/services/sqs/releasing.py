"""Deleting received messages, and changing when they become visible again."""

from __future__ import annotations

from msgspec.structs import replace

from . import handles, keys
from .books import Books, Desk
from .errors import bad_value
from .handles import Handle
from .model import IN_FLIGHT, VISIBILITY_S_MAX, Message, Queue
from .storing import remove


def delete(desk: Desk, queue: Queue, text: str) -> None:
    """Delete the message of a receipt handle. Of a standard queue an outdated handle deletes nothing and is no error;
    of a FIFO queue it has expired."""
    handle = handles.read(queue, text)
    found = _find(desk, queue, handle)
    if found is None:
        return
    books, message = found
    if queue.fifo and (message.receives != handle.receipt or message.visible_ms <= desk.now_ms):
        raise bad_value(text, "ReceiptHandle", "The receipt handle has expired.")
    if message.receives != handle.receipt:
        return
    remove(desk, queue, books, handle.sequence, message)
    if queue.fifo:
        desk.tx.wake(queue.topic)


def change(desk: Desk, queue: Queue, text: str, visibility_s: int) -> None:
    """Let a received message become visible `visibility_s` seconds from now."""
    handle = handles.read(queue, text)
    found = _find(desk, queue, handle)
    if found is None or found[1].receives != handle.receipt or found[1].state != IN_FLIGHT:
        reason = "Message does not exist or is not available for visibility timeout change."
        raise bad_value(text, "ReceiptHandle", reason)
    books, message = found
    if queue.fifo and message.visible_ms <= desk.now_ms:
        raise bad_value(text, "ReceiptHandle", "The receipt handle has expired.")
    until_ms = desk.now_ms + visibility_s * 1000
    if until_ms > message.claimed_ms + VISIBILITY_S_MAX * 1000:
        reason = f"Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_S_MAX} seconds]"
        raise bad_value(visibility_s, "VisibilityTimeout", reason)
    reschedule(desk, queue, books, handle.sequence, message, until_ms)


def reschedule(desk: Desk, queue: Queue, books: Books, sequence: int, message: Message, until_ms: int) -> None:
    """Let a message in flight become visible at `until_ms`."""
    books.unindex(sequence, message, queue.fifo)
    changed = replace(message, visible_ms=until_ms)
    books.index(sequence, changed, queue.fifo)
    keys.put_message(desk.tx, books.shelf, sequence, changed)
    if queue.fifo:
        books.groups.add(message.group)
    desk.tx.wake(queue.topic)  # also for a later time: who waits must know when to look


def _find(desk: Desk, queue: Queue, handle: Handle) -> tuple[Books, Message] | None:
    """The books and the message of a handle; None when it is gone."""
    if handle.contents != queue.contents or handle.shelf >= queue.shelves:
        return None
    books = desk.books(queue, handle.shelf)
    message = keys.get_message(desk.tx, books.shelf, handle.sequence)
    return None if message is None else (books, message)
