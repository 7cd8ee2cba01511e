"""Every key of SQS.

====================  ================================================================================================
sqs.queue             account, region, name
sqs.deleted           account, region, name: names that are not free again yet
sqs.source            ARN of a dead-letter queue, ARN of a queue that sends it its dead letters
sqs.duplicate         queue's id, message group (empty: of the whole queue), deduplication id
sqs.duplicate_end     queue's id, end (ms), message group, deduplication id
sqs.attempt           queue's id, ReceiveRequestAttemptId
sqs.move              account, region, name of the source queue, start (ms), task id
sqs.shelf             contents, shelf: counters (see `Books`)
sqs.message           contents, shelf, sequence: the message
sqs.body              contents, shelf, sequence: its body, when long
sqs.time              contents, shelf, visible at (ms), sequence: its state. Messages that are not ready, and ready ones
                      of standard queues
sqs.turn              contents, shelf, turn, sequence: ready messages of groups of standard queues, in fair order
sqs.line              contents, shelf, visible at (ms), sequence: groups of FIFO queues by their first message
sqs.order             contents, shelf, group, sequence: a FIFO queue's messages by group
sqs.group             contents, shelf, group
sqs.later             contents, shelf, second: how many messages in flight, delayed, become visible in that second
====================  ================================================================================================

Contents is 8 random bytes, a shelf one byte, sequence and turn 8, times 6: the keys of what every message touches are
of fixed length and joined here by hand.
"""

from __future__ import annotations

from typing import Final

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.keys import pack
from lambent.kv.records import Codec
from lambent.kv.table import Table

from .model import Attempt, Deleted, Duplicate, Group, Mark, Message, Move, Queue

queues = Table("sqs.queue", Queue)
deleted = Table("sqs.deleted", Deleted)
sources = Table("sqs.source", Mark)
duplicates = Table("sqs.duplicate", Duplicate)
duplicate_ends = Table("sqs.duplicate_end", Mark)
attempts = Table("sqs.attempt", Attempt)
moves = Table("sqs.move", Move)

messages = Codec(Message)
groups = Codec(Group)

SHELF: Final = pack(("sqs.shelf",))
MESSAGE: Final = pack(("sqs.message",))
BODY: Final = pack(("sqs.body",))
TIME: Final = pack(("sqs.time",))
TURN: Final = pack(("sqs.turn",))
LINE: Final = pack(("sqs.line",))
ORDER: Final = pack(("sqs.order",))
GROUP: Final = pack(("sqs.group",))
LATER: Final = pack(("sqs.later",))
CONTENTS: Final = (SHELF, MESSAGE, BODY, TIME, TURN, LINE, ORDER, GROUP, LATER)
"""What the keys begin with of everything that is in a queue; contents and shelf follow."""
CONTENTS_BYTES: Final = 8


def shelf(contents: bytes, number: int) -> bytes:
    """What follows the kind in every key of a shelf."""
    return contents + bytes((number,))


def numbered(kind: bytes, shelf: bytes, sequence: int) -> bytes:
    """A key of the kinds MESSAGE and BODY."""
    return kind + shelf + sequence.to_bytes(8, "big")


def timed(kind: bytes, shelf: bytes, visible_ms: int, sequence: int) -> bytes:
    """A key of the kinds TIME and LINE."""
    return kind + shelf + visible_ms.to_bytes(6, "big") + sequence.to_bytes(8, "big")


def turned(shelf: bytes, turn: int, sequence: int) -> bytes:
    """A key of the kind TURN."""
    return TURN + shelf + turn.to_bytes(8, "big") + sequence.to_bytes(8, "big")


def until(kind: bytes, shelf: bytes, now_ms: int) -> tuple[bytes, bytes]:
    """The keys of the kinds TIME and LINE up to and with `now_ms`: from, and up to."""
    start = kind + shelf
    return start, start + (now_ms + 1).to_bytes(6, "big")


def beyond(kind: bytes, shelf: bytes, now_ms: int) -> tuple[bytes, bytes]:
    """The keys of the kinds TIME and LINE after `now_ms`: from, and up to."""
    start = kind + shelf
    return start + (now_ms + 1).to_bytes(6, "big"), start + b"\xff" * 7


def ordered(shelf: bytes, group: str, sequence: int) -> bytes:
    """A key of the kind ORDER; a group's name has no NUL."""
    return ORDER + shelf + group.encode() + b"\x00" + sequence.to_bytes(8, "big")


def of_group(shelf: bytes, group: str) -> bytes:
    """A key of the kind GROUP."""
    return GROUP + shelf + group.encode()


def in_second(shelf: bytes, second: int) -> bytes:
    """A key of the kind LATER."""
    return LATER + shelf + second.to_bytes(5, "big")


def all_of(kind: bytes, shelf: bytes) -> tuple[bytes, bytes]:
    """All keys of a kind on a shelf: from, and up to."""
    start = kind + shelf
    return start, start[:-1] + bytes((start[-1] + 1,))


def sequence_of(key: bytes) -> int:
    """The sequence at the end of a key."""
    return int.from_bytes(key[-8:], "big")


def visible_of(key: bytes) -> int:
    """The time in a key of the kinds TIME and LINE, in ms."""
    return int.from_bytes(key[-14:-8], "big")


def get_message(tx: Reader, shelf: bytes, sequence: int) -> Message | None:
    """The message, if it is there still."""
    raw = tx.get(MESSAGE + shelf + sequence.to_bytes(8, "big"))
    return None if raw is None else messages.decode(raw)


def put_message(tx: Transaction, shelf: bytes, sequence: int, message: Message) -> None:
    """Store a message's row."""
    tx.put(MESSAGE + shelf + sequence.to_bytes(8, "big"), messages.encode(message))


def queue_at(tx: Reader, queue_arn: str) -> Queue | None:
    """The queue of an ARN."""
    try:
        place = arn.parse(queue_arn)
    except ValueError:
        return None
    return queues.get(tx, place.account, place.region, place.resource) if place.service == "sqs" else None


def put_queue(tx: Transaction, queue: Queue) -> None:
    """Store a queue."""
    queues.put(tx, queue, queue.account, queue.region, queue.name)
