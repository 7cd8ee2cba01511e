"""Message move tasks: started, listed, cancelled."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import keys, moving
from ..books import counts
from ..errors import InvalidParameterValueException, ResourceNotFoundException, missing
from ..model import Move, Queue
from ..service import Place, access, sqs


def _access(tx: Reader, action: str, queue_arn: str) -> Check:
    queue = keys.queue_at(tx, queue_arn)
    try:
        place = arn.parse(queue_arn)
    except ValueError:
        return Check(action, queue_arn)
    return access(action, Place(place.account, place.region, place.resource), queue)


def _source_access(operation: str) -> Any:
    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        if not req.get("SourceArn"):
            raise missing("SourceArn")
        checks = [_access(tx, f"sqs:{operation}", req["SourceArn"])]
        if req.get("DestinationArn"):
            checks.append(_access(tx, "sqs:SendMessage", req["DestinationArn"]))
        return checks

    return authorize


def _handle_access(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    found = moving.read_handle(req.get("TaskHandle") or "")
    if found is None:
        raise InvalidParameterValueException("Value for parameter TaskHandle is invalid.")
    return [_access(tx, "sqs:CancelMessageMoveTask", found[1])]


def _queue(ctx: Context, tx: Reader, queue_arn: str, parameter: str) -> Queue:
    queue = keys.queue_at(tx, queue_arn)
    if queue is None or queue.region != ctx.region:
        raise ResourceNotFoundException(f"The resource that you specified for the {parameter} parameter doesn't exist.")
    return queue


@sqs.operation(tx="write", authorize=_source_access("StartMessageMoveTask"))
def start_message_move_task(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Begin to move dead letters back, or elsewhere."""
    source = _queue(ctx, tx, req["SourceArn"], "SourceArn")
    destination = ""
    if req.get("DestinationArn"):
        destination = _queue(ctx, tx, req["DestinationArn"], "DestinationArn").arn
    if not keys.sources.scan(tx, source.arn, limit=1):
        raise InvalidParameterValueException("Source queue must be configured as a Dead Letter Queue.")
    rate = req.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= moving.RATE_MAX:
        raise InvalidParameterValueException(
            f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a value "
            f"between 1 and {moving.RATE_MAX}."
        )
    if any(move.status in ("RUNNING", "CANCELLING") for move in moving.of_queue(tx, source.arn)):
        raise InvalidParameterValueException(
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
        )
    move = Move(
        id=ctx.cloud.ids.uuid(),
        source=source.arn,
        destination=destination,
        rate=rate or 0,
        status="RUNNING",
        started_ms=ctx.now_ms,
        to_move=counts(tx, source, ctx.now_ms).visible,
    )
    moving.put(tx, move)
    moving.emit(tx, move)
    return {"TaskHandle": moving.handle(move)}


@sqs.operation(tx="write", authorize=_handle_access)
def cancel_message_move_task(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Stop a task before its next part."""
    found = moving.read_handle(req["TaskHandle"])
    assert found is not None, "authorization has read it"
    id, source_arn = found
    source = _queue(ctx, tx, source_arn, "SourceArn")
    move = next((move for move in moving.of_queue(tx, source.arn) if move.id == id), None)
    if move is None:
        raise ResourceNotFoundException("Task does not exist.")
    if move.status != "RUNNING":
        raise InvalidParameterValueException("Only active tasks can be cancelled.")
    moving.put(tx, replace(move, status="CANCELLING"))
    return {"ApproximateNumberOfMessagesMoved": move.moved}


@sqs.operation(tx="read", authorize=_source_access("ListMessageMoveTasks"))
def list_message_move_tasks(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The newest tasks of a source queue."""
    source = _queue(ctx, tx, req["SourceArn"], "SourceArn")
    limit = req.get("MaxResults", 1)
    if not 1 <= limit <= 10:
        raise InvalidParameterValueException(
            f"Value {limit} for parameter MaxResults is invalid. Reason: You must enter a value between 1 and 10."
        )
    return {"Results": [_show(move) for move in moving.of_queue(tx, source.arn)[:limit]]}


def _show(move: Move) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Status": move.status,
        "SourceArn": move.source,
        "ApproximateNumberOfMessagesMoved": move.moved,
        "ApproximateNumberOfMessagesToMove": move.to_move,
        "StartedTimestamp": move.started_ms,
    }
    if move.status == "RUNNING":
        found["TaskHandle"] = moving.handle(move)
    if move.destination:
        found["DestinationArn"] = move.destination
    if move.rate:
        found["MaxNumberOfMessagesPerSecond"] = move.rate
    if move.failure:
        found["FailureReason"] = move.failure
    return found
