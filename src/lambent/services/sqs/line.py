"""Who is next: the line in which a FIFO queue's groups stand, and the turns of a standard queue's groups.

A FIFO queue's group stands in line at the time when its first message can be had. That is all there is to blocking:
while the first message is in flight, the time is to come. A standard queue's groups take turns: a message gets a turn
after its group's latest, and no sooner than the one at the head of the order, so a group with a long backlog delays
itself only.
"""

from __future__ import annotations

from lambent.contracts.ports import Reader, Transaction

from . import keys
from .model import Group


def first(tx: Reader, shelf: bytes, group: str) -> int | None:
    """The sequence of a group's first message."""
    start = keys.ordered(shelf, group, 0)
    rows = tx.scan(start, start[:-8] + b"\xff" * 9, limit=1)
    return keys.sequence_of(rows[0][0]) if rows else None


def sequences(tx: Reader, shelf: bytes, group: str, limit: int) -> list[int]:
    """The sequences of a group's first messages, in order."""
    start = keys.ordered(shelf, group, 0)
    return [keys.sequence_of(key) for key, _ in tx.scan(start, start[:-8] + b"\xff" * 9, limit=limit)]


def refresh(tx: Transaction, shelf: bytes, group: str) -> None:
    """Let a group stand where its first message belongs, or leave the line."""
    key = keys.of_group(shelf, group)
    raw = tx.get(key)
    old = keys.groups.decode(raw) if raw is not None else None
    head = first(tx, shelf, group)
    message = keys.get_message(tx, shelf, head) if head is not None else None
    if old is not None and message is not None and (old.head, old.visible_ms) == (head, message.visible_ms):
        return
    if old is not None:
        tx.delete(keys.timed(keys.LINE, shelf, old.visible_ms, old.head))
    if head is None or message is None:
        tx.delete(key)
        return
    tx.put(keys.timed(keys.LINE, shelf, message.visible_ms, head), group.encode())
    tx.put(key, keys.groups.encode(Group(head, message.visible_ms)))


def next_turn(tx: Transaction, shelf: bytes, group: str) -> int:
    """The turn of a group's next message, which is taken by this."""
    start = keys.TURN + shelf
    rows = tx.scan(*keys.all_of(keys.TURN, shelf), limit=1)
    turn = int.from_bytes(rows[0][0][len(start) : len(start) + 8], "big") if rows else 1
    key = keys.of_group(shelf, group)
    raw = tx.get(key)
    if raw is not None:
        turn = max(turn, keys.groups.decode(raw).turn + 1)
    tx.put(key, keys.groups.encode(Group(turn=turn)))
    return turn
