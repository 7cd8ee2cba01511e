"""Putting messages on a queue, taking them off for good, and handing them on to another queue."""

from __future__ import annotations

from msgspec.structs import replace

from . import keys, line
from .books import Books, Desk
from .model import DELAYED, INLINE_CHARACTERS_MAX, READY, SKEW_MS, Message, Queue


def add(desk: Desk, queue: Queue, books: Books, message: Message, sequence: int = 0) -> int:
    """Store a message that is READY or DELAYED; returns its sequence, a new one unless `sequence` gives it."""
    tx, shelf = desk.tx, books.shelf
    sequence = sequence or books.next_sequence(desk.now_ms)
    changes: dict[str, object] = {}
    if len(message.body) > INLINE_CHARACTERS_MAX:
        tx.put(keys.numbered(keys.BODY, shelf, sequence), message.body.encode())
        changes |= {"body": "", "long": True}
    if message.state == READY and queue.shelves > 1:
        changes["visible_ms"] = desk.now_ms - SKEW_MS  # it is there for nodes whose clocks are behind, too
    if queue.fifo:
        changes["sequence"] = sequence
        tx.put(keys.ordered(shelf, message.group, sequence), b"\x00")
        if tx.get(keys.of_group(shelf, message.group)) is None:
            books.groups.add(message.group)
    elif message.group and message.state == READY:
        changes["turn"] = line.next_turn(tx, shelf, message.group)
    if changes:
        message = replace(message, **changes)
    books.total += 1
    books.index(sequence, message, queue.fifo)
    keys.put_message(tx, shelf, sequence, message)
    tx.wake(queue.topic)  # for a delayed one too: who waits must know when to look
    return sequence


def remove(desk: Desk, queue: Queue, books: Books, sequence: int, message: Message) -> None:
    """Take a message off its queue for good."""
    tx, shelf = desk.tx, books.shelf
    books.unindex(sequence, message, queue.fifo)
    books.total -= 1
    tx.delete(keys.numbered(keys.MESSAGE, shelf, sequence))
    if message.long:
        tx.delete(keys.numbered(keys.BODY, shelf, sequence))
    if queue.fifo:
        tx.delete(keys.ordered(shelf, message.group, sequence))
        books.groups.add(message.group)


def body(desk: Desk, books: Books, sequence: int, message: Message) -> str:
    """A message's body, wherever it lies."""
    if not message.long:
        return message.body
    raw = desk.tx.get(keys.numbered(keys.BODY, books.shelf, sequence))
    assert raw is not None, "a long body has a row"
    return raw.decode()


def bury(desk: Desk, queue: Queue, books: Books, sequence: int, message: Message) -> bool:
    """Move a message that was received too often to the dead-letter queue; False when there is none (any more).

    A standard queue's dead letter keeps its time and with it its place and its age; a FIFO queue's is sent anew.
    """
    dead = keys.queue_at(desk.tx, queue.dead_letter)
    if dead is None or dead.fifo != queue.fifo or dead.contents == queue.contents:
        return False
    text = body(desk, books, sequence, message)
    remove(desk, queue, books, sequence, message)
    target = desk.books(dead, books.number % dead.shelves)
    moved = replace(
        message,
        body=text,
        long=False,
        state=READY,
        visible_ms=desk.now_ms,
        turn=0,
        receives_here=0,
        first_ms=0,
        source=queue.arn,
        sent_ms=desk.now_ms if dead.fifo else message.sent_ms,
    )
    while not dead.fifo and keys.get_message(desk.tx, target.shelf, sequence) is not None:
        sequence += 1
    add(desk, dead, target, moved, 0 if dead.fifo else sequence)
    return True


def redrive(desk: Desk, books: Books, source: Queue, sequence: int, message: Message, target: Queue, id: str) -> None:
    """Move a message to `target` as a new one, with the id `id`: what message move tasks do."""
    text = body(desk, books, sequence, message)
    remove(desk, source, books, sequence, message)
    delayed = target.delay_s > 0
    fresh = replace(
        message,
        id=id,
        body=text,
        long=False,
        sent_ms=desk.now_ms,
        state=DELAYED if delayed else READY,
        visible_ms=desk.now_ms + target.delay_s * 1000,
        turn=0,
        receives=0,
        receives_here=0,
        first_ms=0,
        claimed_ms=0,
        source="",
    )
    add(desk, target, desk.books(target, books.number % target.shelves), fresh)
