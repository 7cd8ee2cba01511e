"""Publishing to a topic: deduplication, sequence, archive, receivers; for Publish, its batch and services' events."""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

import orjson
from msgspec.structs import replace

from lambent.contracts.events import Delivery
from lambent.contracts.ports import Cloud, Transaction

from . import archiving, fanout, keys, measuring
from .drafting import draft, size
from .envelopes import sequence_number
from .model import DEDUPLICATION_MS, Count, Duplicate, Mark, Message, Topic

_FORGOTTEN: Final = 2
"""Deduplication ids that each message has forgotten, oldest first: more than it adds."""
_TOLD: Final = {"RequestID": "String", "ErrorCode": "Number", "ErrorMessage": "String"}
"""What Lambda says of its dead letters, and the types of the attributes that it becomes."""


def publish(cloud: Cloud, tx: Transaction, topic: Topic, message: Message) -> dict[str, Any]:
    """Send a message to a topic's subscriptions; returns Publish's answer."""
    if not topic.fifo:
        measuring.published(tx, cloud.metrics, topic, size(message.text, message.attributes))
        fanout.publish(cloud, tx, topic, message)
        return {"MessageId": message.id}
    # One order for all messages of the topic, given before contention costs retries.
    tx.lock(keys.sequences.key(topic.id))
    known = _duplicate(tx, topic, message)
    if known is not None:
        return {"MessageId": known.id, "SequenceNumber": sequence_number(known.sequence)}
    last = keys.sequences.get(tx, topic.id)
    sequence = max(message.published_ms * 1_000_000, 1 + (last.value if last is not None else 0))
    keys.sequences.put(tx, Count(sequence), topic.id)
    message = replace(message, sequence=sequence)
    _remember(tx, topic, message)
    archiving.keep(tx, topic, message)
    measuring.published(tx, cloud.metrics, topic, size(message.text, message.attributes))
    fanout.publish(cloud, tx, topic, message)
    return {"MessageId": message.id, "SequenceNumber": sequence_number(sequence)}


def _scope(topic: Topic, message: Message) -> str:
    return message.group if topic.scope == "MessageGroup" else ""


def _duplicate(tx: Transaction, topic: Topic, message: Message) -> Duplicate | None:
    known = keys.duplicates.get(tx, topic.id, _scope(topic, message), message.deduplication)
    return known if known is not None and known.until_ms > message.published_ms else None


def _remember(tx: Transaction, topic: Topic, message: Message) -> None:
    """Note the deduplication id for five minutes, and forget some that are over."""
    ends = keys.duplicate_ends
    begin, end = ends.key(topic.id) + b"\x00", ends.key(topic.id, message.published_ms + 1)
    for key, _ in tx.scan(begin, end, limit=_FORGOTTEN):
        tx.delete(key)
        _, until_ms, scope, id = ends.parts(key)
        known = keys.duplicates.get(tx, topic.id, scope, id)
        if known is not None and known.until_ms == until_ms:
            keys.duplicates.delete(tx, topic.id, scope, id)
    scope, until_ms = _scope(topic, message), message.published_ms + DEDUPLICATION_MS
    found = Duplicate(message.id, message.sequence, until_ms)
    keys.duplicates.put(tx, found, topic.id, scope, message.deduplication)
    ends.put(tx, Mark(), topic.id, until_ms, scope, message.deduplication)


def from_event(cloud: Cloud, tx: Transaction, topic: Topic, delivery: Delivery, now_ms: int) -> None:
    """Publish what another service sent. Its payload is the message; of its attributes `Subject`, `sns:MessageGroupId`,
    `sns:MessageDeduplicationId` and `sns:MessageAttributes` (JSON text of what Publish takes) are for the topic."""
    event = delivery.event
    given: dict[str, Any] = {"Message": event.payload.decode("utf-8", "replace")}
    subject = event.attributes.get("Subject") or event.attributes.get("subject")
    if subject:
        given["Subject"] = subject
    named: dict[str, Any] = orjson.loads(event.attributes.get("sns:MessageAttributes", "{}"))
    told = {
        name: {"DataType": kind, "StringValue": event.attributes[name]}
        for name, kind in _TOLD.items()
        if event.attributes.get(name)
    }
    if named or told:
        given["MessageAttributes"] = {**told, **named}
    if topic.fifo:
        given["MessageGroupId"] = event.attributes.get("sns:MessageGroupId") or f"{crc32(event.source.encode()):08x}"
        # A delivery that is repeated is a duplicate.
        given["MessageDeduplicationId"] = event.attributes.get("sns:MessageDeduplicationId") or delivery.id
    publish(cloud, tx, topic, replace(draft(topic, given, cloud.ids, now_ms), id=delivery.id))
