"""Dead letters, move tasks back, and messages that are too old."""

from __future__ import annotations

import base64
import json
from typing import Any

from .support import SqsCloud, arn, refused

INVALID = "InvalidParameterValue"


def redrive(dead: str, most: int = 1) -> str:
    return json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": most})


async def with_dead(kind: str = "", most: int = 1, **attributes: Any) -> SqsCloud:
    """Queues `q` and `dead`, and the relay."""
    cloud = SqsCloud()
    await cloud.start_relay()
    await cloud.create(f"dead{kind}", **attributes)
    await cloud.create(f"q{kind}", RedrivePolicy=redrive(f"dead{kind}", most))
    return cloud


async def bury(cloud: SqsCloud, *bodies: str) -> None:
    """Send messages that end in the dead-letter queue."""
    for body in bodies:
        await cloud.send(body)
    for _ in range(2):
        await cloud.receive(VisibilityTimeout=0)


async def test_a_message_that_was_received_too_often_is_moved() -> None:
    cloud = await with_dead(most=2)
    long = "x" * 10_000
    sent = await cloud.send(long, MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    for count in ("1", "2"):
        [message] = await cloud.receive(VisibilityTimeout=1, AttributeNames=["ApproximateReceiveCount"])
        assert message["Attributes"]["ApproximateReceiveCount"] == count
        await cloud.advance(1)
    assert await cloud.receive() == []
    assert (await cloud.counts(), await cloud.counts("dead")) == ((0, 0, 0), (1, 0, 0))
    [dead] = await cloud.receive("dead", AttributeNames=["All"], MessageAttributeNames=["All"])
    assert (dead["Body"], dead["MessageId"]) == (long, sent["MessageId"])
    assert dead["MessageAttributes"]["a"]["StringValue"] == "b"
    assert dead["Attributes"] == {
        "SenderId": "000000000000",
        "SentTimestamp": "1700000000000",
        "ApproximateReceiveCount": "3",
        "ApproximateFirstReceiveTimestamp": "1700000002000",
        "DeadLetterQueueSourceArn": arn("q"),
    }
    await cloud.delete(dead["ReceiptHandle"], "dead")
    assert await cloud.rows(b"\x03sqs.message") + await cloud.rows(b"\x03sqs.body") == 0


async def test_the_living_are_received_past_the_dead() -> None:
    cloud = await with_dead()
    for number in range(30):
        await cloud.send(f"old {number}")
    for _ in range(3):
        await cloud.receive(VisibilityTimeout=1)
    await cloud.advance(1)
    await cloud.send("new")
    assert await cloud.bodies() == ["new"]
    assert await cloud.counts("dead") == (30, 0, 0)


async def test_a_group_goes_on_behind_a_dead_letter() -> None:
    cloud = await with_dead(".fifo")
    for body in ("1", "2"):
        await cloud.send(body, "q.fifo", MessageGroupId="g", MessageDeduplicationId=body)
    assert await cloud.bodies("q.fifo", 1, VisibilityTimeout=0) == ["1"]
    assert await cloud.bodies("q.fifo", 1) == ["2"]
    [dead] = await cloud.receive("dead.fifo", AttributeNames=["MessageGroupId", "MessageDeduplicationId"])
    assert dead["Attributes"] == {"MessageGroupId": "g", "MessageDeduplicationId": "1"}


async def test_without_its_dead_letter_queue_a_message_stays() -> None:
    cloud = await with_dead()
    await cloud.send("x")
    await cloud.sqs("DeleteQueue", "dead")
    for _ in range(3):
        assert await cloud.bodies(VisibilityTimeout=0) == ["x"]


async def test_dead_letters_move_back_where_they_came_from() -> None:
    cloud = await with_dead()
    await bury(cloud, "one", "two")
    started = await cloud.call("sqs", "StartMessageMoveTask", SourceArn=arn("dead"))
    await cloud.settle()
    assert (await cloud.counts(), await cloud.counts("dead")) == ((2, 0, 0), (0, 0, 0))
    listed = await cloud.call("sqs", "ListMessageMoveTasks", SourceArn=arn("dead"))
    assert listed["Results"] == [
        {
            "ApproximateNumberOfMessagesMoved": 2,
            "ApproximateNumberOfMessagesToMove": 2,
            "SourceArn": arn("dead"),
            "StartedTimestamp": 1_700_000_000_000,
            "Status": "COMPLETED",
        }
    ]
    cancelled = cloud.call("sqs", "CancelMessageMoveTask", TaskHandle=started["TaskHandle"])
    assert (await refused(cancelled))[0] == INVALID
    [message, _] = await cloud.receive(AttributeNames=["ApproximateReceiveCount"])
    assert message["Attributes"] == {"ApproximateReceiveCount": "1"}


async def test_a_move_keeps_its_rate_and_can_be_cancelled() -> None:
    cloud = await with_dead()
    await cloud.create("elsewhere")
    await bury(cloud, *map(str, range(10)))
    params = {"SourceArn": arn("dead"), "DestinationArn": arn("elsewhere"), "MaxNumberOfMessagesPerSecond": 2}
    started = await cloud.call("sqs", "StartMessageMoveTask", **params)
    await cloud.settle()
    assert await cloud.counts("elsewhere") == (2, 0, 0)
    assert await refused(cloud.call("sqs", "StartMessageMoveTask", SourceArn=arn("dead"))) == (
        INVALID,
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
    )
    for moved in (4, 6):
        await cloud.advance(1)
        assert await cloud.counts("elsewhere") == (moved, 0, 0)
    [task] = (await cloud.call("sqs", "ListMessageMoveTasks", SourceArn=arn("dead")))["Results"]
    assert (task["Status"], task["TaskHandle"]) == ("RUNNING", started["TaskHandle"])
    assert (task["DestinationArn"], task["MaxNumberOfMessagesPerSecond"]) == (arn("elsewhere"), 2)
    cancelled = await cloud.call("sqs", "CancelMessageMoveTask", TaskHandle=started["TaskHandle"])
    assert cancelled == {"ApproximateNumberOfMessagesMoved": 6}
    for _ in range(3):
        await cloud.advance(1)
    assert await cloud.counts("elsewhere") == (6, 0, 0)
    [task] = (await cloud.call("sqs", "ListMessageMoveTasks", SourceArn=arn("dead")))["Results"]
    assert task["Status"] == "CANCELLED"
    assert "TaskHandle" not in task


async def test_a_move_that_cannot_go_on_fails() -> None:
    cloud = await with_dead()
    await cloud.send("nobody's", "dead")
    await cloud.call("sqs", "StartMessageMoveTask", SourceArn=arn("dead"))
    await cloud.settle()
    [task] = (await cloud.call("sqs", "ListMessageMoveTasks", SourceArn=arn("dead")))["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert await cloud.counts("dead") == (1, 0, 0)


async def test_move_tasks_that_cannot_be() -> None:
    cloud = await with_dead()

    async def start(source: str, **more: Any) -> tuple[str, str]:
        return await refused(cloud.call("sqs", "StartMessageMoveTask", SourceArn=arn(source), **more))

    gone = "The resource that you specified for the {} parameter doesn't exist."
    assert await start("none") == ("ResourceNotFoundException", gone.format("SourceArn"))
    missing = ("ResourceNotFoundException", gone.format("DestinationArn"))
    assert await start("dead", DestinationArn=arn("none")) == missing
    assert await start("q") == (INVALID, "Source queue must be configured as a Dead Letter Queue.")

    async def cancel(handle: Any) -> tuple[str, str]:
        text = handle if isinstance(handle, str) else base64.b64encode(json.dumps(handle).encode()).decode()
        return await refused(cloud.call("sqs", "CancelMessageMoveTask", TaskHandle=text))

    assert await cancel("foobared") == (INVALID, "Value for parameter TaskHandle is invalid.")
    unknown = {"taskId": "a", "sourceArn": arn("none")}
    assert await cancel(unknown) == ("ResourceNotFoundException", gone.format("SourceArn"))
    task = {"taskId": "a", "sourceArn": arn("dead")}
    assert await cancel(task) == ("ResourceNotFoundException", "Task does not exist.")


async def test_what_is_too_old_is_never_received_and_goes_away() -> None:
    cloud = SqsCloud()
    await cloud.start_relay()
    await cloud.create(MessageRetentionPeriod=60)
    for number in range(500):
        await cloud.send(str(number), **({"MessageGroupId": "g"} if number % 2 else {}))
    await cloud.receive(VisibilityTimeout=3600)
    await cloud.advance(30)
    await cloud.send("younger")
    cloud.clock.advance(29_999_000_000)
    assert len(await cloud.receive(VisibilityTimeout=0)) == 10
    cloud.clock.advance(1_000_000)
    assert await cloud.bodies() == ["younger"]
    await cloud.settle()
    await cloud.advance(1)
    assert await cloud.counts() == (0, 1, 0)
    assert await cloud.rows(b"\x03sqs.message") == 1
    await cloud.advance(60)
    await cloud.advance(60)
    assert await cloud.counts() == (0, 0, 0)
    assert await cloud.rows() == 2, "the queue and its counters"


async def test_a_shorter_retention_holds_at_once() -> None:
    cloud = SqsCloud()
    await cloud.start_relay()
    await cloud.create("q.fifo")
    await cloud.send("x", "q.fifo", MessageGroupId="g", MessageDeduplicationId="d")
    await cloud.advance(120)
    assert await cloud.counts("q.fifo") == (1, 0, 0)
    await cloud.sqs("SetQueueAttributes", "q.fifo", Attributes={"MessageRetentionPeriod": "60"})
    await cloud.settle()
    assert await cloud.counts("q.fifo") == (0, 0, 0)
    assert await cloud.rows(b"\x03sqs.line") + await cloud.rows(b"\x03sqs.order") == 0
