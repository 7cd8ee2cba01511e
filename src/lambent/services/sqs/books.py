"""The counters of a shelf, changed in memory and written once at the end of a transaction.

`total` counts messages, `taken` those whose state is IN_FLIGHT (also when their time has passed), `turns` those with a
row in the fair order; `last` is the latest sequence given. `later` counts, by the second in which they become visible,
messages in flight and delayed ones: passing time changes which seconds are summed, not what is stored.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from lambent.contracts.ports import Reader, Transaction

from . import keys, line
from .model import DELAYED, IN_FLIGHT, READY, Counts, Message, Queue

_STATE: Final = Struct(">BQQQQ")
_LATER: Final = Struct(">BQQ")
_FORMAT: Final = 1


class Books:
    """One shelf in one transaction. `groups` are those groups of a FIFO queue whose first message may have changed."""

    __slots__ = ("_later", "_tx", "changed", "groups", "last", "number", "shelf", "taken", "total", "turns")

    last: int
    taken: int
    total: int
    turns: int

    def __init__(self, tx: Transaction, queue: Queue, number: int) -> None:
        self._tx = tx
        self.number = number
        self.shelf = keys.shelf(queue.contents, number)
        raw = tx.get(keys.SHELF + self.shelf)
        self.total, self.last, self.taken, self.turns = _STATE.unpack(raw)[1:] if raw is not None else (0, 0, 0, 0)
        self._later: dict[int, list[int]] = {}
        self.groups: set[str] = set()
        self.changed = False

    def next_sequence(self, now_ms: int) -> int:
        """A number greater than all before it on this shelf; about nanoseconds since the epoch."""
        self.last = max(now_ms * 1_000_000, self.last + 1)
        return self.last

    def index(self, sequence: int, message: Message, fifo: bool) -> None:
        """Write the row by which a message of this state is found."""
        state = message.state
        self.changed = True
        if state == READY and message.turn:
            self.turns += 1
            self._tx.put(keys.turned(self.shelf, message.turn, sequence), b"\x00")
            return
        if state != READY:
            self._count(message, 1)
        elif fifo:
            return
        self._tx.put(keys.timed(keys.TIME, self.shelf, message.visible_ms, sequence), bytes((state,)))

    def unindex(self, sequence: int, message: Message, fifo: bool) -> None:
        """Remove the row that `index` wrote."""
        state = message.state
        self.changed = True
        if state == READY and message.turn:
            self.turns -= 1
            self._tx.delete(keys.turned(self.shelf, message.turn, sequence))
            return
        if state != READY:
            self._count(message, -1)
        elif fifo:
            return
        self._tx.delete(keys.timed(keys.TIME, self.shelf, message.visible_ms, sequence))

    def _count(self, message: Message, amount: int) -> None:
        if message.state == IN_FLIGHT:
            self.taken += amount
        second = self._later.setdefault(message.visible_ms // 1000, [0, 0])
        second[0 if message.state == IN_FLIGHT else 1] += amount

    def close(self) -> None:
        """Put groups where they belong, and write the counters."""
        tx = self._tx
        for group in sorted(self.groups):
            line.refresh(tx, self.shelf, group)
        for second, (in_flight, delayed) in self._later.items():
            if not in_flight and not delayed:
                continue
            key = keys.in_second(self.shelf, second)
            raw = tx.get(key)
            if raw is not None:
                _, before, before_delayed = _LATER.unpack(raw)
                in_flight += before
                delayed += before_delayed
            if in_flight or delayed:
                tx.put(key, _LATER.pack(_FORMAT, in_flight, delayed))
            else:
                tx.delete(key)
        tx.put(keys.SHELF + self.shelf, _STATE.pack(_FORMAT, self.total, self.last, self.taken, self.turns))


class Desk:
    """The books that one transaction changes; `now_ms` is its time. Call `close` at its end."""

    __slots__ = ("_books", "now_ms", "tx")

    def __init__(self, tx: Transaction, now_ms: int) -> None:
        self.tx = tx
        self.now_ms = now_ms
        self._books: dict[tuple[bytes, int], Books] = {}

    def books(self, queue: Queue, number: int) -> Books:
        """The books of a shelf, the same ones at each call."""
        found = self._books.get((queue.contents, number))
        if found is None:
            found = self._books[queue.contents, number] = Books(self.tx, queue, number)
        return found

    def close(self) -> None:
        """Write what has changed."""
        for books in self._books.values():
            if books.changed:
                books.close()


def stocked(tx: Reader, queue: Queue) -> list[int]:
    """The shelves on which there is any message."""
    found = []
    for number in range(queue.shelves):
        raw = tx.get(keys.SHELF + keys.shelf(queue.contents, number))
        if raw is not None and _STATE.unpack(raw)[1]:
            found.append(number)
    return found


def counts(tx: Reader, queue: Queue, now_ms: int) -> Counts:
    """How many messages can be received, are in flight and are delayed at `now_ms`, exactly."""
    total = in_flight = delayed = 0
    for number in range(queue.shelves):
        shelf = keys.shelf(queue.contents, number)
        raw = tx.get(keys.SHELF + shelf)
        if raw is None:
            continue
        total += _STATE.unpack(raw)[1]
        here, late = _not_visible(tx, shelf, now_ms)
        in_flight += here
        delayed += late
    return Counts(total - in_flight - delayed, in_flight, delayed)


def _not_visible(tx: Reader, shelf: bytes, now_ms: int) -> tuple[int, int]:
    """Messages of a shelf that are in flight, and delayed: whole seconds to come, and the rest of this one by rows."""
    second = now_ms // 1000
    in_flight = delayed = 0
    for _, raw in tx.scan(keys.in_second(shelf, second + 1), keys.all_of(keys.LATER, shelf)[1]):
        _, here, late = _LATER.unpack(raw)
        in_flight += here
        delayed += late
    start, _ = keys.beyond(keys.TIME, shelf, now_ms)
    _, end = keys.until(keys.TIME, shelf, second * 1000 + 999)
    for _, state in tx.scan(start, end):
        if state[0] == IN_FLIGHT:
            in_flight += 1
        elif state[0] == DELAYED:
            delayed += 1
    return in_flight, delayed
