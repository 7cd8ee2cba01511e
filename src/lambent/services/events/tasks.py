"""The service's events to itself: what goes on after the call that caused it."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from lambent.contracts.arn import parse
from lambent.contracts.events import Event, Retry
from lambent.contracts.ports import Transaction

from .model import PRINCIPAL, RETRIES_MAX

_RETRY: Final = Retry(attempts_max=2 * RETRIES_MAX + 20, age_s_max=3 * 86_400, delays_s=(1, 2, 4, 8, 16, 32, 60))
"""Wider than what a target's own policy can say: that decides, in sending.py."""


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of work, addressed to the ARN of what it is about.

    `send`: send `event`, which came `at_ms`, to the target `spec` of a rule; it crossed `hops` buses.
    `trace` is its trace header. `tick`: a rule's
    schedule is due `at_ms`, its timer is `id`. `replay`: send the archived events after the key `after`; the replay is
    `id`. `expire`: remove what is too old of the archive `id`, as
    its sweeper `version`. `forget`: remove all that the deleted archive `id` held.
    `authorize`: get a token for `version` of a connection.
    """

    kind: Literal["send", "tick", "replay", "expire", "forget", "authorize"]
    event: bytes = b""
    spec: dict[str, Any] = {}
    at_ms: int = 0
    hops: int = 0
    trace: str = ""
    id: str = ""
    after: bytes = b""
    version: int = 0


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Task).decode


def read(payload: bytes) -> Task:
    """The task of an event's payload."""
    return _decode(payload)


def emit(tx: Transaction, about: str, task: Task, *, at_ms: int = 0) -> None:
    """Have a task done, now or at a time."""
    owner = parse(about)
    event = Event(
        target=about,
        payload=_encode(task),
        source=about,
        principal=PRINCIPAL,
        account=owner.account,
        region=owner.region,
        retry=_RETRY,
    )
    tx.emit(event, at_ns=at_ms * 1_000_000)
