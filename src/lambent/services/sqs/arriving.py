"""Messages that other services send: what the bus delivers.

An event's payload is the message's body. Of its attributes these are for queues: `sqs:MessageGroupId`,
`sqs:MessageDeduplicationId`, `sqs:AWSTraceHeader`, and `sqs:MessageAttributes`, JSON text of what SendMessage takes
(binary values in base64). What a dead letter is told by (RequestID, ErrorCode, ErrorMessage, ...) becomes
message attributes.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

import orjson

from lambent.contracts.caller import service as service_caller
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import keys, measuring
from .books import Desk
from .model import DEDUPLICATION_MS, Duplicate, Mark, Queue
from .sending import FORGET_ROWS, draft, forget, send
from .service import group_shelf

_LAMBDA: Final = "lambda.amazonaws.com"
_OPTIONS: Final = ("MessageGroupId", "MessageDeduplicationId")
_TOLD: Final[Mapping[str, str]] = {
    "RequestID": "String",
    "ErrorCode": "Number",
    "ErrorMessage": "String",
    "OriginalTarget": "String",
}
"""What is said of dead letters, as message attributes, and their types."""
DELIVERY: Final = "delivery"
"""The scope of deliveries among the queue's deduplication ids; no message group has a blank in its name."""


def may_send(cloud: Cloud, tx: Reader, target: str, principal: str, source: str, account: str, role: str = "") -> Queue:
    """The queue `target`, if its policy lets the service send to it from `source`; `Undeliverable` if not.

    Lambda asks its function's role instead, and names it (`role`): that was asked when the event was emitted.
    """
    queue = keys.queue_at(tx, target)
    if queue is None:
        raise Undeliverable(f"The queue {target} does not exist.")
    if role and principal == _LAMBDA and account == queue.account:
        return queue
    conditions = {"aws:sourcearn": source, "aws:sourceaccount": account}
    name, _, domain = principal.partition(".")
    # AWS knows some services under the name of their region too, and lets either in.
    for asking in (principal, f"{name}.{queue.region}.{domain}"):
        caller = service_caller(asking, queue.account)
        decision = cloud.guard.decide(
            tx, caller, "sqs:SendMessage", queue.arn, conditions, queue.policy or None, queue.account
        )
        if decision.allowed:
            return queue
        if decision.explicit:
            break
    raise Undeliverable(f"The policy of {target} does not let {principal} send messages from {source}.")


def accept(cloud: Cloud, tx: Transaction, delivery: Delivery, now_ms: int) -> None:
    """Send one delivery's message, unless it was sent before."""
    event = delivery.event
    role = event.attributes.get("role", "")
    queue = may_send(cloud, tx, event.target, event.principal, event.source, event.account, role)
    scope = f"{DELIVERY} {event.source}"[:256]
    if keys.duplicates.get(tx, queue.id, scope, delivery.id) is not None:
        return
    _put(cloud, tx, queue, delivery, now_ms)
    forget(tx, queue, now_ms, FORGET_ROWS)
    until_ms = now_ms + DEDUPLICATION_MS
    keys.duplicates.put(tx, Duplicate(delivery.id, 0, until_ms), queue.id, scope, delivery.id)
    keys.duplicate_ends.put(tx, Mark(), queue.id, until_ms, scope, delivery.id)


def take(cloud: Cloud, tx: Transaction, delivery: Delivery, now_ms: int) -> None:
    """Send one delivery's message in the sender's own transaction, in which nothing is ever repeated."""
    event = delivery.event
    role = event.attributes.get("role", "")
    queue = may_send(cloud, tx, event.target, event.principal, event.source, event.account, role)
    _put(cloud, tx, queue, delivery, now_ms)


def _put(cloud: Cloud, tx: Transaction, queue: Queue, delivery: Delivery, now_ms: int) -> None:
    event = delivery.event
    try:
        new = draft(queue, _parameters(event.payload, event.attributes, queue))
    except ServiceError as refused:
        raise Undeliverable(f"{event.target}: {refused.message}") from None
    desk = Desk(tx, now_ms)
    shelf = group_shelf(queue.shelves, new.group) if queue.fifo else crc32(delivery.id.encode()) % queue.shelves
    send(desk, queue, desk.books(queue, shelf), new, cloud.ids.request_id(), event.principal)
    desk.close()
    measuring.after(tx, cloud.metrics, queue, measuring.SENT)


def _parameters(payload: bytes, attributes: Mapping[str, str], queue: Queue) -> dict[str, Any]:
    """The parameters of the SendMessage that an event stands for."""
    found: dict[str, Any] = {"MessageBody": payload.decode("utf-8", "replace")}
    for name in _OPTIONS:
        if f"sqs:{name}" in attributes:
            found[name] = attributes[f"sqs:{name}"]
    if not queue.fifo:
        found.pop("MessageDeduplicationId", None)
    named: dict[str, dict[str, Any]] = orjson.loads(attributes.get("sqs:MessageAttributes", "{}"))
    for content in named.values():
        if "BinaryValue" in content:
            content["BinaryValue"] = b64decode(content["BinaryValue"])
    told = {n: {"DataType": kind, "StringValue": attributes[n]} for n, kind in _TOLD.items() if attributes.get(n)}
    if named or told:
        found["MessageAttributes"] = {**told, **named}
    trace = attributes.get("sqs:AWSTraceHeader")
    if trace:
        found["MessageSystemAttributes"] = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    return found
