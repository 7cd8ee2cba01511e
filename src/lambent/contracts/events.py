"""What leaves a transaction: an event addressed to one target, delivered after commit, at least once."""

from __future__ import annotations

from typing import Protocol

import msgspec

from .arn import parse


class Retry(msgspec.Struct, frozen=True):
    """How often and how long delivery is tried again.

    Waits are `delays_s[i]` before attempt i + 2; the last one repeats. `attempts_max` counts all attempts;
    `age_s_max` bounds the event's age. After either, the event goes to `dead_letter` (an ARN) or is dropped and logged.
    """

    attempts_max: int = 185
    age_s_max: int = 86_400
    delays_s: tuple[int, ...] = (1, 2, 5, 10, 30, 60, 120, 300)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one target.

    `target` and `source` are ARNs; `principal` is the service principal in whose name it is delivered (the target's
    resource policy is asked about it); `payload` is what the target receives, as bytes; `attributes` is for the
    target's own use (for example a Lambda invocation's client context, an SNS subject). `account` owns the source.
    """

    target: str
    payload: bytes
    source: str
    principal: str
    account: str
    region: str
    attributes: dict[str, str] = {}
    retry: Retry = Retry()
    dead_letter: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to deliver an event. `id` stays the same over attempts; `attempt` counts from 1. `emitted_ns` is when
    the event was emitted; a timer is as old as the time that has passed since it was due."""

    id: str
    event: Event
    attempt: int
    emitted_ns: int


class TryAgain(Exception):
    """Raised by a target: this attempt failed, try again as the event's `retry` says.

    `count=False` puts the event off without counting an attempt (throttling); `delay_s` overrides the wait.
    """

    def __init__(self, reason: str, *, delay_s: float | None = None, count: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delay_s = delay_s
        self.count = count


class Undeliverable(Exception):
    """Raised by a target: no later attempt can succeed (no such function, access denied)."""


class Target(Protocol):
    """What a service offers to the bus: it accepts events addressed to its ARNs."""

    async def deliver(self, delivery: Delivery) -> None:
        """Handle one event; returning acknowledges it. Must be safe to repeat."""
        ...

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Raise `Undeliverable` when `target` does not exist or does not let `principal` in from `source`.
        Services call this (through `cloud.targets`) when a user configures a destination."""
        ...


def target_service(arn: str) -> str:
    """The service that an event's target belongs to: the key of the bus's table of targets."""
    return parse(arn).service
