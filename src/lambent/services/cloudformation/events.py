"""What CloudFormation emits: work on a stack, to the engine, which is the target of ARNs of this service."""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.events import Event, Retry
from lambent.contracts.ports import Cloud, Transaction

from . import announcing, keys
from .model import Operation, Stack, StackEvent

PRINCIPAL: Final = "cloudformation.amazonaws.com"
STACK_TYPE: Final = "AWS::CloudFormation::Stack"
# A stack's operation is never given up: after each crash it goes on, for as long as a day.
_RETRY: Final = Retry(attempts_max=10_000, age_s_max=86_400, delays_s=(1, 2, 5))


class Work(msgspec.Struct, frozen=True):
    """The payload of an event: which operation of which stack is to be run."""

    account: str
    region: str
    stack_id: str
    operation: str


def add(cloud: Cloud, tx: Transaction, stack: Stack, event: StackEvent) -> None:
    """Write a line of a stack's history, and tell the event bus."""
    keys.add_event(tx, stack, event)
    announcing.announce(cloud, tx, stack, event)


def record(
    cloud: Cloud, tx: Transaction, stack: Stack, status: str, reason: str, *, event_id: str, now_ms: int
) -> None:
    """Write an event of the stack itself into its history."""
    token = stack.operation.token if stack.operation is not None else ""
    event = StackEvent(
        id=event_id,
        logical_id=stack.name,
        physical_id=stack.id,
        type=STACK_TYPE,
        status=status,
        reason=reason,
        time_ms=now_ms,
        token=token,
    )
    add(cloud, tx, stack, event)


def start(
    cloud: Cloud, tx: Transaction, stack: Stack, operation: Operation, status: str, *, event_id: str, now_ms: int
) -> Stack:
    """Put the stack into `status` under `operation`, write its event, and hand the work to the engine."""
    begun = msgspec.structs.replace(stack, operation=operation, status=status, reason="User Initiated")
    keys.put_stack(tx, begun)
    record(cloud, tx, begun, status, "User Initiated", event_id=event_id, now_ms=now_ms)
    work = Work(stack.account, stack.region, stack.id, operation.id)
    tx.emit(
        Event(
            target=stack.id,
            payload=msgspec.json.encode(work),
            source=stack.id,
            principal=PRINCIPAL,
            account=stack.account,
            region=stack.region,
            retry=_RETRY,
        )
    )
    return begun
