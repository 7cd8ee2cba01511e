"""What happens to stacks and their resources, as events on the account's default event bus."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final, cast

import orjson

from lambent.contracts.arn import build
from lambent.contracts.events import Delivery, Event
from lambent.contracts.ports import Cloud, Inlet, Transaction

from .model import Stack, StackEvent

_PRINCIPAL: Final = "cloudformation.amazonaws.com"


def announce(cloud: Cloud, tx: Transaction, stack: Stack, event: StackEvent) -> None:
    """Tell the event bus of a line of a stack's history."""
    of_stack = event.physical_id == stack.id
    status: dict[str, str] = {"status": event.status, "status-reason": event.reason}
    detail: dict[str, Any] = {"stack-id": stack.id, "status-details": status}
    if not of_stack:
        detail |= {
            "logical-resource-id": event.logical_id,
            "physical-resource-id": event.physical_id,
            "resource-type": event.type,
        }
    detail["client-request-token"] = event.token
    payload = {
        "version": "0",
        # Written twice, it is the same event: the history's id is made before the transaction.
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{stack.id}/{event.id}")),
        "detail-type": f"CloudFormation {'Stack' if of_stack else 'Resource'} Status Change",
        "source": "aws.cloudformation",
        "account": stack.account,
        "time": datetime.fromtimestamp(event.time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": stack.region,
        "resources": [stack.id],
        "detail": detail,
    }
    told = Event(
        target=build("events", stack.region, stack.account, "event-bus/default"),
        payload=orjson.dumps(payload),
        source=stack.id,
        principal=_PRINCIPAL,
        account=stack.account,
        region=stack.region,
    )
    # In this transaction: nothing is put into the outbox unless a rule wants to hear.
    bus = cast("Inlet", cloud.targets["events"])
    bus.take(tx, Delivery(id=str(payload["id"]), event=told, attempt=1, emitted_ns=event.time_ms * 1_000_000))
