"""The service's events to itself: a topic's work that goes on after the call that caused it."""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.events import Event, Retry
from lambent.contracts.ports import Transaction

from .model import PRINCIPAL, Message, Topic

ATTEMPTS_MAX: Final = 100_015
"""How often AWS tries a queue or a function, over 23 days."""
_RETRY: Final = Retry(attempts_max=2 * ATTEMPTS_MAX, age_s_max=24 * 86_400, delays_s=(0, 0, 1, 1, 2, 4, 8, 16, 20))


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of work.

    `fan`: send `message` to the subscriptions after the id `after`. `deliver`: send it to `subscription`. `chain`: send
    the first waiting message of `group`, as link number `link`. `request`: send `body` (a request for confirmation)
    to the endpoint of `subscription`. `replay`: send what is archived after `after`; `link` numbers the replay.
    `purge`: remove a page of what a deleted topic left.
    `topic` is the topic's id: a task of a deleted topic does nothing.
    """

    kind: str
    topic: str
    subscription: str = ""
    message: Message | None = None
    after: str = ""
    group: str = ""
    link: int = 0
    body: bytes = b""
    id: str = ""


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Task).decode


def read(payload: bytes) -> Task:
    """The task of an event's payload."""
    return _decode(payload)


def emit(tx: Transaction, topic: Topic, task: Task, *, at_ns: int = 0) -> None:
    """Have a task done, now or at a time."""
    event = Event(
        target=topic.arn,
        payload=_encode(task),
        source=topic.arn,
        principal=PRINCIPAL,
        account=topic.account,
        region=topic.region,
        retry=_RETRY,
    )
    tx.emit(event, at_ns=at_ns)
