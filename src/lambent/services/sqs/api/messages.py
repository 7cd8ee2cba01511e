"""SendMessage, ReceiveMessage, DeleteMessage."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import measuring, payload, receiving, releasing, sending
from ..batches import entries, run
from ..books import Desk
from ..errors import BatchRequestTooLong, InvalidParameterValueException, missing
from ..model import BODY_BYTES_MAX, SHELVES_SHARED, Queue
from ..service import SHELF, group_shelf, lock_free_shelf, lock_shelves, on_queue, place_of, queue_in
from .locks import lock_handles

_TRACE_LENGTH_MAX: Final = 1024
_BATCH_LENGTH: Final = "One or more parameters cannot be validated."


def _lock_for_send(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """A FIFO queue's groups have their shelves; any does for other messages."""
    place = place_of(ctx, req)
    if place.name.endswith(".fifo"):
        given = req.get("Entries") or [req]
        groups = (entry.get("MessageGroupId", "") for entry in given)
        lock_shelves(tx, place, (group_shelf(SHELVES_SHARED, group) for group in groups))
    else:
        req[SHELF] = lock_free_shelf(ctx, tx, place)


def _shelf(queue: Queue, req: dict[str, Any], group: str) -> int:
    return group_shelf(queue.shelves, group) if queue.fifo else req.get(SHELF, 0) % queue.shelves


def _heard(ctx: Context) -> str:
    """The trace that the sender's request belongs to, which SQS passes on to receivers; empty for what is none."""
    text = "" if ctx.request is None else ctx.request.headers.get("x-amzn-trace-id", "")
    return text if len(text) <= _TRACE_LENGTH_MAX and text.isascii() and text.isprintable() else ""


@on_queue("write", locks=_lock_for_send)
def send_message(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Send one message."""
    queue = queue_in(req)
    new = sending.draft(queue, req)._replace(heard=_heard(ctx))
    desk = Desk(tx, ctx.now_ms)
    books = desk.books(queue, _shelf(queue, req, new.group))
    result = sending.send(desk, queue, books, new, ctx.cloud.ids.request_id(), ctx.caller.user_id)
    desk.close()
    measuring.after(tx, ctx.cloud.metrics, queue, measuring.SENT)
    return result


@on_queue("write", "SendMessage", locks=_lock_for_send)
def send_message_batch(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Send up to ten messages, each for itself."""
    queue = queue_in(req)
    given = entries(req, "SendMessageBatchRequestEntry")
    if queue.fifo and any("MessageGroupId" not in entry for entry in given):
        raise InvalidParameterValueException("The request must contain the parameter MessageGroupId.")
    _check_length(given)
    desk = Desk(tx, ctx.now_ms)
    heard = _heard(ctx)

    def send(entry: dict[str, Any]) -> dict[str, Any]:
        new = sending.draft(queue, entry, _BATCH_LENGTH)._replace(heard=heard)
        books = desk.books(queue, _shelf(queue, req, new.group))
        return sending.send(desk, queue, books, new, ctx.cloud.ids.request_id(), ctx.caller.user_id)

    result = run(given, send)
    desk.close()
    measuring.after(tx, ctx.cloud.metrics, queue, measuring.SENT, len(result["Successful"]))
    return result


def _check_length(given: list[dict[str, Any]]) -> None:
    total = 0
    for entry in given:
        body = entry.get("MessageBody") or ""
        payload.check_characters(body)
        attributes = entry.get("MessageAttributes") or {}
        total += payload.size(body, ())
        for name, content in attributes.items():
            value = content.get("BinaryValue") or (content.get("StringValue") or "").encode()
            total += len(name.encode()) + len((content.get("DataType") or "").encode()) + len(value)
    if total > BODY_BYTES_MAX:
        raise BatchRequestTooLong(
            f"Batch requests cannot be longer than {BODY_BYTES_MAX} bytes. You have sent {total} bytes."
        )


@on_queue("none")
async def receive_message(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Receive messages, waiting for them if asked to."""
    return await receiving.receive(ctx, req)


@on_queue("write", locks=lock_handles)
def delete_message(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a received message."""
    queue = queue_in(req)
    if not req.get("ReceiptHandle"):
        raise missing("ReceiptHandle")
    desk = Desk(tx, ctx.now_ms)
    releasing.delete(desk, queue, req["ReceiptHandle"])
    desk.close()
    measuring.after(tx, ctx.cloud.metrics, queue, measuring.DELETED)


@on_queue("write", "DeleteMessage", locks=lock_handles)
def delete_message_batch(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Delete up to ten received messages, each for itself."""
    queue = queue_in(req)
    given = entries(req, "DeleteMessageBatchRequestEntry")
    desk = Desk(tx, ctx.now_ms)

    def delete(entry: dict[str, Any]) -> dict[str, Any]:
        if not entry.get("ReceiptHandle"):
            raise missing("ReceiptHandle")
        releasing.delete(desk, queue, entry["ReceiptHandle"])
        return {}

    result = run(given, delete)
    desk.close()
    measuring.after(tx, ctx.cloud.metrics, queue, measuring.DELETED, len(result["Successful"]))
    return result
