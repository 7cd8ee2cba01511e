"""How a received message is shown: which of its attributes, and their digest."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from . import handles
from .errors import InvalidAttributeName
from .model import Attribute, Message, Queue
from .payload import attributes_digest, is_binary
from .sending import sequence_number
from .taking import Taken

SYSTEM_ATTRIBUTES: Final = (
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)
_ALL: Final = frozenset(SYSTEM_ATTRIBUTES)
_NONE: Final[frozenset[str]] = frozenset()
_EVERY: Final = ("All", ".*", "*")


class Show(NamedTuple):
    """Which attributes are wanted: system attributes by name; message attributes by name, and by prefix. `every` is
    for all message attributes."""

    system: frozenset[str] = _NONE
    every: bool = False
    names: frozenset[str] = _NONE
    prefixes: tuple[str, ...] = ()


def wanted(req: dict[str, Any]) -> Show:
    """Which attributes a ReceiveMessage wants to see."""
    asked = req.get("MessageSystemAttributeNames") or req.get("AttributeNames") or ()
    system = _NONE
    if asked:
        for name in asked:
            if name not in _ALL and name != "All":
                raise InvalidAttributeName(f"Unknown Attribute {name}.")
        system = _ALL if "All" in asked else frozenset(asked)
    names = req.get("MessageAttributeNames") or ()
    if not names:
        return Show(system)
    prefixes = tuple(name[:-2] for name in names if name.endswith(".*"))
    return Show(system, any(name in _EVERY for name in names), frozenset(names), prefixes)


def show(queue: Queue, taken: Taken, show: Show) -> dict[str, Any]:
    """A received message as ReceiveMessage answers it."""
    message = taken.message
    found: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": handles.write(queue, taken.shelf, taken.sequence, message.receives),
        "MD5OfBody": message.md5,
        "Body": taken.text,
    }
    if show.system:
        attributes = {name: value for name, value in _system(queue, message) if name in show.system and value}
        if attributes:
            found["Attributes"] = attributes
    if message.attributes and (show.every or show.names):
        shown = message.attributes if show.every else _chosen(message.attributes, show)
        if shown:
            whole = len(shown) == len(message.attributes)
            found["MD5OfMessageAttributes"] = message.attributes_md5 if whole else attributes_digest(shown)
            found["MessageAttributes"] = {name: _value(kind, value) for name, kind, value in shown}
    return found


def _chosen(attributes: tuple[Attribute, ...], show: Show) -> tuple[Attribute, ...]:
    return tuple(
        attribute
        for attribute in attributes
        if attribute[0] in show.names or (show.prefixes and attribute[0].startswith(show.prefixes))
    )


def _value(kind: str, value: bytes) -> dict[str, Any]:
    if is_binary(kind):
        return {"BinaryValue": value, "DataType": kind}
    return {"StringValue": value.decode(), "DataType": kind}


def _system(queue: Queue, message: Message) -> tuple[tuple[str, str], ...]:
    return (
        ("SenderId", message.sender),
        ("SentTimestamp", str(message.sent_ms)),
        ("ApproximateReceiveCount", str(message.receives)),
        ("ApproximateFirstReceiveTimestamp", str(message.first_ms)),
        ("SequenceNumber", sequence_number(message.sequence) if queue.fifo else ""),
        ("MessageDeduplicationId", message.deduplication),
        ("MessageGroupId", message.group),
        ("AWSTraceHeader", message.trace),
        ("DeadLetterQueueSourceArn", message.source),
    )
