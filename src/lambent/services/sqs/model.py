"""What SQS keeps, and rules that need nothing else. Times are milliseconds since the epoch."""

from __future__ import annotations

from functools import cached_property
from typing import Final, NamedTuple

import msgspec

from lambent.contracts import arn

PRINCIPAL: Final = "sqs.amazonaws.com"
BODY_BYTES_MAX: Final = 1 << 20
"""The longest message, and the longest batch, attributes included."""
INLINE_CHARACTERS_MAX: Final = 4096
"""Bodies up to this length lie in the message's own row, longer ones in one that is never rewritten."""
BATCH_MAX: Final = 10
RECENT_MS: Final = 60_000
"""How long after a deletion the name stays taken, and after a purge another is refused."""
DEDUPLICATION_MS: Final = 300_000
VISIBILITY_S_MAX: Final = 43_200
IN_FLIGHT_MAX: Final = 120_000
IN_FLIGHT_FIFO_MAX: Final = 20_000
SHELVES_SHARED: Final = 8
"""Shelves of a queue in a store that other nodes have open too; elsewhere one does."""
SKEW_MS: Final = 60_000
"""How far the clocks of nodes may be apart before what one sends is seen late by another."""
SEQUENCE_BASE: Final = 10**19
"""Added to sequence numbers, so that they have the twenty digits that AWS's have."""

READY: Final = 0
IN_FLIGHT: Final = 1
DELAYED: Final = 2


class Queue(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A queue. `id` (8 bytes) never changes; `contents` (8 bytes) stands for what is in it, so that a purge is a new
    one. `dead_letter` is the ARN of the redrive policy, empty without one; `redrive_allow` JSON text as it was given.
    `sweeper` numbers the removal of expired messages that is on its way. `shelves`: see DESIGN.md.
    """

    account: str
    region: str
    name: str
    id: bytes
    contents: bytes
    created_ms: int
    modified_ms: int
    shelves: int = 1
    fifo: bool = False
    delay_s: int = 0
    size_max: int = BODY_BYTES_MAX
    retention_s: int = 345_600
    wait_s: int = 0
    visibility_s: int = 30
    policy: str = ""
    dead_letter: str = ""
    receives_max: int = 0
    redrive_allow: str = ""
    kms_key: str = ""
    kms_reuse_s: int = 300
    managed_sse: bool = True
    content_deduplication: bool = False
    deduplication_scope: str = "queue"
    throughput_limit: str = "perQueue"
    tags: dict[str, str] = {}
    purged_ms: int = 0
    sweeper: int = 0

    @cached_property
    def arn(self) -> str:
        """The queue's ARN."""
        return arn.build("sqs", self.region, self.account, self.name)

    @cached_property
    def topic(self) -> bytes:
        """What is woken when there is something to receive."""
        return topic(self.arn)

    @property
    def in_flight_max(self) -> int:
        """How many messages may be in flight."""
        return IN_FLIGHT_FIFO_MAX if self.fifo else IN_FLIGHT_MAX

    def expired(self, sent_ms: int, now_ms: int) -> bool:
        """Whether a message sent then has been kept long enough."""
        return sent_ms + self.retention_s * 1000 <= now_ms


def topic(queue_arn: str) -> bytes:
    """The topic of the store that tells that a queue may have something to receive."""
    return b"sqs:" + queue_arn.encode()


Attribute = tuple[str, str, bytes]
"""A message attribute: name, data type, value. A type that begins with Binary is the one whose values are no text."""


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message. Fields may only be added at the end, with defaults.

    `state` is READY, IN_FLIGHT or DELAYED, and says, with `visible_ms` and `turn`, which index row it has (keys.py); a
    message in flight whose `visible_ms` has passed is to be had again. `long` says that the body lies in a row of its
    own. `receives` counts over all queues and is the number of the latest receipt, `receives_here` counts in this
    queue. `claimed_ms` is the latest receipt. `source` is the queue that a dead letter comes from.
    """

    id: str
    md5: str
    body: str
    sent_ms: int
    sender: str
    state: int
    visible_ms: int
    attributes: tuple[Attribute, ...] = ()
    attributes_md5: str = ""
    group: str = ""
    deduplication: str = ""
    trace: str = ""
    turn: int = 0
    long: bool = False
    receives: int = 0
    receives_here: int = 0
    first_ms: int = 0
    claimed_ms: int = 0
    source: str = ""
    sequence: int = 0


class Group(msgspec.Struct, frozen=True, array_like=True):
    """A message group: of a FIFO queue, its first message (sequence) and when that can be had, which is where the
    group stands in line; of a standard queue, the turn of its latest message."""

    head: int = 0
    visible_ms: int = 0
    turn: int = 0


class Duplicate(msgspec.Struct, frozen=True, array_like=True):
    """What was sent under a deduplication id: later ones are answered with it until `until_ns`."""

    message_id: str
    sequence: int
    until_ms: int


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """What an attempt to receive was given: (shelf, sequence, number of the receipt) of each message."""

    until_ms: int
    taken: tuple[tuple[int, int, int], ...]


class Deleted(msgspec.Struct, frozen=True):
    """When a queue of this name was deleted."""

    at_ms: int


class Mark(msgspec.Struct, frozen=True):
    """The value of an index entry whose key says everything."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A message move task. `status` is RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED; `rate` 0 without a limit.
    `step` numbers the part that is on its way."""

    id: str
    source: str
    destination: str
    rate: int
    status: str
    started_ms: int
    to_move: int
    moved: int = 0
    failure: str = ""
    step: int = 0


class Counts(NamedTuple):
    """How many messages can be received, are in flight, are delayed."""

    visible: int
    in_flight: int
    delayed: int
