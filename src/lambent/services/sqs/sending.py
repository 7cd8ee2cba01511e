"""From what a sender gives to a message on the queue; shared by SendMessage, its batch and the bus's target."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from lambent.contracts.ports import Reader, Transaction

from . import keys, payload
from .books import Books, Desk
from .errors import InvalidParameterValueException, bad_value, missing
from .model import DEDUPLICATION_MS, DELAYED, READY, SEQUENCE_BASE, Attribute, Duplicate, Mark, Message, Queue
from .storing import add

DELAY_S_MAX: Final = 900
FORGET_ROWS: Final = 2
"""Deduplication ids that each message with one has forgotten, oldest first: more than it adds."""


class Draft(NamedTuple):
    """A message that was checked and has not been stored. `delay_s` is None for the queue's own. `trace` is the trace
    header that came as an attribute, `heard` the one that came as a header of the request."""

    body: str
    attributes: tuple[Attribute, ...] = ()
    trace: str = ""
    group: str = ""
    deduplication: str = ""
    delay_s: int | None = None
    size: int = 0
    heard: str = ""


def draft(queue: Queue, given: dict[str, Any], whole: str = "One or more parameters are invalid.") -> Draft:
    """A message as SendMessage's parameters, or a batch entry's, give it; `whole` begins the complaint about its
    length."""
    body = given.get("MessageBody")
    if not body:
        raise missing("MessageBody")
    payload.check_characters(body)
    attributes = payload.read_attributes(given["MessageAttributes"]) if given.get("MessageAttributes") else ()
    trace = ""
    if given.get("MessageSystemAttributes"):
        trace = payload.read_system_attributes(given["MessageSystemAttributes"])
    group = payload.check_group(queue, given.get("MessageGroupId"))
    delay_s = given.get("DelaySeconds")
    if delay_s is not None:
        delay_s = _check_delay(queue, delay_s)
    deduplication = ""
    if queue.fifo or "MessageDeduplicationId" in given:
        deduplication = payload.check_deduplication(queue, given.get("MessageDeduplicationId"), body)
    size = payload.size(body, attributes)
    if size > queue.size_max:
        raise InvalidParameterValueException(f"{whole} Reason: Message must be shorter than {queue.size_max} bytes.")
    return Draft(body, attributes, trace, group, deduplication, delay_s, size)


def _check_delay(queue: Queue, delay_s: int) -> int | None:
    if queue.fifo:
        if delay_s:
            reason = "The request include parameter that is not valid for this queue type."
            raise bad_value(delay_s, "DelaySeconds", reason)
        return None
    if not 0 <= delay_s <= DELAY_S_MAX:
        raise bad_value(delay_s, "DelaySeconds", f"DelaySeconds must be >= 0 and <= {DELAY_S_MAX}.")
    return delay_s


def send(desk: Desk, queue: Queue, books: Books, new: Draft, message_id: str, sender: str) -> dict[str, Any]:
    """Store a message, unless it is a duplicate; returns SendMessage's answer."""
    result: dict[str, Any] = {"MD5OfMessageBody": payload.digest(new.body), "MessageId": message_id}
    if new.attributes:
        result["MD5OfMessageAttributes"] = payload.attributes_digest(new.attributes)
    if new.trace:
        result["MD5OfMessageSystemAttributes"] = payload.trace_digest(new.trace)
    if new.deduplication:
        known = duplicate(desk.tx, queue, new.group, new.deduplication, desk.now_ms)
        if known is not None:
            return result | {"MessageId": known.message_id, "SequenceNumber": sequence_number(known.sequence)}
    delay_s = queue.delay_s if new.delay_s is None else new.delay_s
    message = Message(
        message_id,
        result["MD5OfMessageBody"],
        new.body,
        desk.now_ms,
        sender,
        DELAYED if delay_s else READY,
        desk.now_ms + delay_s * 1000,
        new.attributes,
        result.get("MD5OfMessageAttributes", ""),
        new.group,
        new.deduplication if queue.fifo else "",
        new.trace or new.heard,
    )
    sequence = add(desk, queue, books, message)
    if new.deduplication:
        remember(desk.tx, queue, new, message_id, sequence, desk.now_ms)
    if queue.fifo:
        result["SequenceNumber"] = sequence_number(sequence)
    return result


def sequence_number(sequence: int) -> str:
    """A sequence as clients see it."""
    return str(SEQUENCE_BASE + sequence)


def duplicate(tx: Reader, queue: Queue, group: str, deduplication: str, now_ms: int) -> Duplicate | None:
    """What was sent under the same deduplication id in the last five minutes, on the whole queue or in the group: an
    id that was taken on the whole queue stays so when the scope is narrowed."""
    for scope in ("", group):
        known = keys.duplicates.get(tx, queue.id, scope, deduplication)
        if known is not None and known.until_ms > now_ms:
            return known
    return None


def remember(tx: Transaction, queue: Queue, new: Draft, message_id: str, sequence: int, now_ms: int) -> None:
    """Note a deduplication id, and forget some that are over."""
    forget(tx, queue, now_ms, FORGET_ROWS)
    scope = new.group if queue.deduplication_scope == "messageGroup" else ""
    until_ms = now_ms + DEDUPLICATION_MS
    keys.duplicates.put(tx, Duplicate(message_id, sequence, until_ms), queue.id, scope, new.deduplication)
    keys.duplicate_ends.put(tx, Mark(), queue.id, until_ms, scope, new.deduplication)


def forget(tx: Transaction, queue: Queue, now_ms: int, limit: int) -> int:
    """Remove deduplication ids that are over; returns how many."""
    table = keys.duplicate_ends
    rows = tx.scan(table.key(queue.id) + b"\x00", table.key(queue.id, now_ms + 1), limit=limit)
    for key, _ in rows:
        tx.delete(key)
        _, until_ms, scope, deduplication = table.parts(key)
        known = keys.duplicates.get(tx, queue.id, scope, deduplication)
        if known is not None and known.until_ms == until_ms:
            keys.duplicates.delete(tx, queue.id, scope, deduplication)
    return len(rows)
