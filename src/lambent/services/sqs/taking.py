"""Receiving: messages are claimed from the heads of the orders in keys.py, in one transaction per shelf."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Final, NamedTuple

from msgspec.structs import replace

from lambent.contracts.ports import Reader

from . import keys, line
from .books import Books, Desk, counts
from .model import IN_FLIGHT, Message, Queue
from .storing import body, bury, remove

ROUNDS_MAX: Final = 20
"""How often one transaction looks again when all that it found was expired or dead."""


class Taken(NamedTuple):
    """A message that was received. `message` is as it is stored now; `text` its body."""

    shelf: int
    sequence: int
    message: Message
    text: str


class Outcome(NamedTuple):
    """What one look at a shelf gave. `more`: there may be messages that this look did not come to; `full`: too many
    are in flight."""

    taken: list[Taken]
    more: bool = False
    full: bool = False


def take(desk: Desk, queue: Queue, number: int, limit: int, visibility_s: int) -> Outcome:
    """Claim up to `limit` messages of a shelf for `visibility_s` seconds."""
    books = desk.books(queue, number)
    if not books.total:
        return Outcome([])
    if books.taken + limit > queue.in_flight_max // queue.shelves:
        limit = min(limit, queue.in_flight_max - counts(desk.tx, queue, desk.now_ms).in_flight)
        if limit <= 0:
            return Outcome([], full=True)
    taken: list[Taken] = []
    for _ in range(ROUNDS_MAX):
        found = _take_lines if queue.fifo else _take_any
        seen = found(desk, queue, books, taken, limit, visibility_s)
        if not seen or len(taken) >= limit:
            return Outcome(taken)
    return Outcome(taken, more=True)


def _take_any(desk: Desk, queue: Queue, books: Books, taken: list[Taken], limit: int, visibility_s: int) -> bool:
    """Go through the ready messages of a standard queue once; False when there are no others."""
    wanted = limit - len(taken)
    # With a visibility of zero what was taken is at the head again.
    had = {found.sequence for found in taken} if taken else ()
    rows = ready(desk.tx, books, desk.now_ms, wanted + len(had))
    fresh = [sequence for sequence in rows if sequence not in had][:wanted]
    for sequence in fresh:
        message = keys.get_message(desk.tx, books.shelf, sequence)
        if message is not None and _usable(desk, queue, books, sequence, message):
            taken.append(_claim(desk, queue, books, sequence, message, visibility_s))
    return len(fresh) == wanted


def ready(tx: Reader, books: Books, now_ms: int, limit: int) -> Iterator[int]:
    """Sequences of ready messages: by time those of no group, by turns those of groups, one of each at a time."""
    timed = tx.scan(*keys.until(keys.TIME, books.shelf, now_ms), limit=limit)
    if not books.turns:
        return (keys.sequence_of(key) for key, _ in timed)
    turned = tx.scan(*keys.all_of(keys.TURN, books.shelf), limit=limit)
    merged = chain.from_iterable(zip_longest(timed, turned))
    return (keys.sequence_of(row[0]) for row in merged if row is not None)


def _take_lines(desk: Desk, queue: Queue, books: Books, taken: list[Taken], limit: int, visibility_s: int) -> bool:
    """Go through the groups of a FIFO queue that are next in line; False when there are no others."""
    wanted = limit - len(taken)
    rows = desk.tx.scan(*keys.until(keys.LINE, books.shelf, desk.now_ms), limit=wanted)
    had = {found.sequence for found in taken}
    progress = False
    for _, name in rows:
        group = name.decode()
        if len(taken) >= limit:
            break
        for sequence in line.sequences(desk.tx, books.shelf, group, limit - len(taken) + len(had)):
            message = keys.get_message(desk.tx, books.shelf, sequence)
            if message is None or sequence in had:
                continue
            if message.visible_ms > desk.now_ms or len(taken) >= limit:
                break
            progress = True
            if _usable(desk, queue, books, sequence, message):
                taken.append(_claim(desk, queue, books, sequence, message, visibility_s))
        line.refresh(desk.tx, books.shelf, group)
        books.groups.discard(group)
    return progress


def _usable(desk: Desk, queue: Queue, books: Books, sequence: int, message: Message) -> bool:
    """Whether a message may be received; one that is too old is removed, a dead one buried."""
    if queue.expired(message.sent_ms, desk.now_ms):
        remove(desk, queue, books, sequence, message)
        return False
    dead = queue.dead_letter and message.receives_here >= queue.receives_max
    return not (dead and bury(desk, queue, books, sequence, message))


def _claim(desk: Desk, queue: Queue, books: Books, sequence: int, message: Message, visibility_s: int) -> Taken:
    books.unindex(sequence, message, queue.fifo)
    now_ms = desk.now_ms
    claimed = replace(
        message,
        state=IN_FLIGHT,
        visible_ms=now_ms + visibility_s * 1000,
        turn=0,
        receives=message.receives + 1,
        receives_here=message.receives_here + 1,
        first_ms=message.first_ms or now_ms,
        claimed_ms=now_ms,
    )
    books.index(sequence, claimed, queue.fifo)
    keys.put_message(desk.tx, books.shelf, sequence, claimed)
    return Taken(books.number, sequence, claimed, body(desk, books, sequence, message))


def next_visible_ms(tx: Reader, queue: Queue, now_ms: int) -> int | None:
    """When the next message becomes visible by itself; None when nothing is on its way."""
    kind = keys.LINE if queue.fifo else keys.TIME
    found = []
    for number in range(queue.shelves):
        rows = tx.scan(*keys.beyond(kind, keys.shelf(queue.contents, number), now_ms), limit=1)
        found += [keys.visible_of(key) for key, _ in rows]
    return min(found, default=None)
