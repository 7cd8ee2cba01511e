"""What AWS was recorded to answer about message move tasks. A test has the name of its recorded case."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest.mock import ANY

from .recorded import Queue, Recorded, fault, invalid
from .support import arn

NO_SUCH = "The resource that you specified for the {} parameter doesn't exist."


async def with_dead(case: Recorded) -> tuple[Queue, Queue]:
    """A queue and its dead-letter queue."""
    dead = await case.queue("dead")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    return await case.queue("q", RedrivePolicy=redrive), dead


def not_found(text: str) -> dict[str, Any]:
    return {**fault("sqs", "ResourceNotFoundException", text, status=404), "message": text}


def handle(source: str, id: str = "10f57157-fa40-4ec4-b7f5-2bf5eb2a1a35") -> str:
    text = json.dumps({"taskId": id, "sourceArn": source})
    return base64.b64encode(text.encode()).decode()


async def test_cancel_with_invalid_source_arn_in_task_handle() -> None:
    case = Recorded()
    error = await case.client.error("CancelMessageMoveTask", TaskHandle=handle(arn("missing")))
    assert error == not_found(NO_SUCH.format("SourceArn"))


async def test_cancel_with_invalid_task_handle() -> None:
    error = await Recorded().client.error("CancelMessageMoveTask", TaskHandle="foobared")
    assert error == invalid("sqs", "Value for parameter TaskHandle is invalid.")


async def test_cancel_with_invalid_task_id_in_task_handle() -> None:
    case = Recorded()
    queue = await case.queue()
    error = await case.client.error("CancelMessageMoveTask", TaskHandle=handle(queue.arn))
    assert error == not_found("Task does not exist.")


async def test_destination_needs_to_exist() -> None:
    case = Recorded()
    _, dead = await with_dead(case)
    params = {"SourceArn": dead.arn, "DestinationArn": arn("no-queue")}
    error = await case.client.error("StartMessageMoveTask", **params)
    assert error == not_found(NO_SUCH.format("DestinationArn"))


async def buried(case: Recorded, count: int) -> tuple[Queue, Queue]:
    """A queue and its dead-letter queue, which holds so many of its messages."""
    await case.cloud.start_relay()
    queue, dead = await with_dead(case)
    for number in range(count):
        await queue.send(f"message-{number}")
    for _ in range(2):
        await queue.receive(VisibilityTimeout=0)
    assert (await dead.attributes("ApproximateNumberOfMessages")) == {"ApproximateNumberOfMessages": str(count)}
    return queue, dead


async def test_move_task_with_throughput_limit() -> None:
    case = Recorded()
    queue, dead = await buried(case, 4)
    params = {"SourceArn": dead.arn, "MaxNumberOfMessagesPerSecond": 1}
    assert await case.client.call("StartMessageMoveTask", **params) == {"TaskHandle": ANY}
    # The first goes at once, each of the others a second after the one before it.
    for moved in range(1, 5):
        await case.cloud.settle()
        assert (await queue.attributes("ApproximateNumberOfMessages")) == {"ApproximateNumberOfMessages": str(moved)}
        await case.cloud.advance(1)


async def test_move_task_workflow_with_default_destination() -> None:
    case = Recorded()
    queue, dead = await buried(case, 2)
    assert await case.client.call("StartMessageMoveTask", SourceArn=dead.arn) == {"TaskHandle": ANY}
    await case.cloud.settle()
    assert await case.client.call("ListMessageMoveTasks", SourceArn=dead.arn) == {
        "Results": [
            {
                "ApproximateNumberOfMessagesMoved": 2,
                "ApproximateNumberOfMessagesToMove": 2,
                "SourceArn": dead.arn,
                "StartedTimestamp": case.cloud.clock.now_ns() // 1_000_000,
                "Status": "COMPLETED",
            }
        ]
    }
    assert sorted(found["Body"] for found in (await queue.receive())["Messages"]) == ["message-0", "message-1"]


async def test_source_needs_redrive_policy() -> None:
    case = Recorded()
    queue = await case.queue()
    error = await case.client.error("StartMessageMoveTask", SourceArn=queue.arn)
    assert error == invalid("sqs", "Source queue must be configured as a Dead Letter Queue.")


async def test_start_multiple_move_tasks() -> None:
    case = Recorded()
    _, dead = await buried(case, 4)
    params = {"SourceArn": dead.arn, "MaxNumberOfMessagesPerSecond": 1}
    await case.client.call("StartMessageMoveTask", **params)
    assert await case.client.error("StartMessageMoveTask", **params) == invalid(
        "sqs",
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    )
