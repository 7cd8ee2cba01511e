"""The service's events to itself: a look at a target, a scheduled action's time."""

from __future__ import annotations

from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.events import Event
from lambent.contracts.ports import Transaction

from .keys import scalable, scheduled
from .model import ScalableTarget, Scheduled

PRINCIPAL: Final = "dynamodb.application-autoscaling.amazonaws.com"
_MS: Final = 1_000_000


def emit_look(tx: Transaction, target: ScalableTarget, at_ms: int = 0) -> ScalableTarget:
    """Store a target, and have it looked at, at `at_ms` or now; every look that was to come before is void."""
    target = replace(target, turn=target.turn + 1)
    scalable.put(tx, target, *target.where)
    _emit(tx, target, {"task": "look", "turn": target.turn}, at_ms)
    return target


def emit_action(tx: Transaction, target: ScalableTarget, action: Scheduled, at_ms: int) -> None:
    """Store a scheduled action, and have it done at its next time; an earlier one is void."""
    action = replace(action, turn=action.turn + 1)
    scheduled.put(tx, action, *target.where, action.name)
    _emit(tx, target, {"task": "action", "name": action.name, "id": action.id, "turn": action.turn}, at_ms)


def _emit(tx: Transaction, target: ScalableTarget, task: dict[str, Any], at_ms: int) -> None:
    whole = {**task, "resource": target.resource, "dimension": target.dimension, "target": target.id}
    event = Event(
        target=target.arn,
        payload=orjson.dumps(whole),
        source=target.arn,
        principal=PRINCIPAL,
        account=target.account,
        region=target.region,
    )
    tx.emit(event, at_ns=at_ms * _MS)
