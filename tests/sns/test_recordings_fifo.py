"""What AWS was recorded to answer about FIFO topics. A test has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest

from tests.support import ACCOUNT

from .recorded import FIFO, QUEUE, Topics, envelope, message, subscription_attributes, system, topic_attributes

LINE = f"{QUEUE}.fifo"
GROUP = "message-group-id-1"
ATTRIBUTES = {
    name: {"DataType": "Number", "StringValue": value} for name, value in (("attr1", "99.12"), ("attr2", "109.12"))
}
TEXTS: list[tuple[str, dict[str, Any]]] = [
    ("Test Message with two attributes", ATTRIBUTES),
    ("Test Message with one attribute", {"attr1": {"DataType": "Number", "StringValue": "19.12"}}),
    ("Test Message without attribute", {}),
]
MD5 = ("9b720b3af309c1c4b0d395c53b08c502", "1f07082409022a373fa2a2601f82b3cb")


def entries(first: int) -> list[dict[str, Any]]:
    """A batch whose deduplication ids are numbered from `first`."""
    found = []
    for number, (text, attributes) in enumerate(TEXTS):
        entry = {
            "Id": str(number + 1),
            "Message": text,
            "Subject": "Subject",
            "MessageGroupId": "complexMessageGroupId",
            "MessageDeduplicationId": f"MessageDeduplicationId-{number + first}",
        }
        found.append({**entry, "MessageAttributes": attributes} if attributes else entry)
    return found


def of_line(deduplication: str, group: str = "complexMessageGroupId") -> dict[str, Any]:
    """The system attributes of a message in a FIFO queue."""
    return system(MessageDeduplicationId=deduplication, MessageGroupId=group, SequenceNumber=ANY)


def raw_ones(first: int) -> list[dict[str, Any]]:
    """What a queue gets of the batch when it is delivered raw."""
    found = []
    for number, (text, attributes) in enumerate(TEXTS):
        own = {"MD5OfMessageAttributes": MD5[number], "MessageAttributes": attributes} if attributes else {}
        found.append(message(text, **own, **of_line(f"MessageDeduplicationId-{number + first}")))
    return found


def enveloped(first: int) -> list[dict[str, Any]]:
    """What a queue gets of the batch when it is not."""
    found = []
    for number, (text, given) in enumerate(TEXTS):
        shown = {name: {"Type": one["DataType"], "Value": one["StringValue"]} for name, one in given.items()}
        own = {"MessageAttributes": shown} if shown else {}
        body = envelope(text, FIFO, Subject="Subject", **own)
        found.append(message(body, **of_line(f"MessageDeduplicationId-{number + first}")))
    return found


_ANSWER = {
    "Failed": [],
    "Successful": [{"Id": str(number), "MessageId": ANY, "SequenceNumber": ANY} for number in (1, 2, 3)],
}


@pytest.mark.parametrize("content", [True])
async def test_fifo_topic_to_regular_sqs(content: bool) -> None:
    case = await Topics.begin()
    topic = await case.topic("t.fifo", ContentBasedDeduplication=str(content).lower())
    await case.subscribe(topic, await case.cloud.queue())
    await case("Publish", TopicArn=topic, Message="Test", MessageGroupId=GROUP)
    assert await case.received(system=True) == [message(envelope("Test", topic), **system())]
    await case("Publish", TopicArn=topic, Message="Test", MessageGroupId=GROUP)
    assert await case.received() == []


@pytest.mark.parametrize("content", [False])
async def test_publish_batch_messages_from_fifo_topic_to_fifo_queue(content: bool) -> None:
    case = await Topics.begin()
    topic = await case.topic("t.fifo", ContentBasedDeduplication=str(content).lower())
    assert await case.attributes("GetTopicAttributes", TopicArn=topic) == topic_attributes(topic)
    arn = await case.subscribe(topic, await case.cloud.queue("q.fifo"), RawMessageDelivery="true")
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn, LINE, RawMessageDelivery="true")
    first = await case("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries(0))
    assert first == _ANSWER
    assert await case.received(LINE, system=True) == raw_ones(0)
    again = await case("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries(0))
    assert again == first
    assert await case.received(LINE) == []


@pytest.mark.parametrize("raw", [False, True])
async def test_publish_fifo_messages_to_dlq(raw: bool) -> None:
    case = await Topics.begin()
    topic, dead = await case.topic("t.fifo"), await case.cloud.queue("dead.fifo")
    assert await case.attributes("GetTopicAttributes", TopicArn=topic) == topic_attributes(topic)
    redrive = json.dumps({"deadLetterTargetArn": dead})
    queue = await case.cloud.queue("q.fifo")
    await case.subscribe(topic, queue, RawMessageDelivery=str(raw).lower(), RedrivePolicy=redrive)
    await case.sqs.call("DeleteQueue", QueueUrl=f"http://localhost:4566/{ACCOUNT}/q.fifo")
    single = {"MessageGroupId": GROUP, "MessageDeduplicationId": "message-deduplication-id-1"}
    answer = await case("Publish", TopicArn=topic, Message="test-message", **single)
    assert answer == {"MessageId": ANY, "SequenceNumber": ANY}
    body = "test-message" if raw else envelope("test-message", topic)
    found = await case.received(dead, system=True)
    assert found == [message(body, **of_line("message-deduplication-id-1", GROUP))]
    answer = await case("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries(1))
    assert answer == _ANSWER
    assert await case.received(dead, system=True) == (raw_ones(1) if raw else enveloped(1))


async def test_publish_to_fifo_topic_deduplication_on_topic_level() -> None:
    case = await Topics.begin()
    topic = await case.topic("t.fifo", ContentBasedDeduplication="true")
    await case.subscribe(topic, await case.cloud.queue("q.fifo"))
    await case("Publish", TopicArn=topic, Message="Test", MessageGroupId=GROUP)
    digest = "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"
    expected = message(envelope("Test", topic), **of_line(digest, GROUP))
    assert await case.received(LINE, system=True) == [expected]
    await case("Publish", TopicArn=topic, Message="Test", MessageGroupId=GROUP)
    assert await case.received(LINE) == []


@pytest.mark.parametrize("raw", [True])
async def test_publish_to_fifo_topic_to_sqs_queue_no_content_dedup(raw: bool) -> None:
    case = await Topics.begin()
    topic = await case.topic("t.fifo", ContentBasedDeduplication="true")
    await case.subscribe(topic, await case.cloud.queue("q.fifo"), RawMessageDelivery=str(raw).lower())
    await case("Publish", TopicArn=topic, Message="Test single", MessageGroupId=GROUP)
    batch = [{"Id": "1", "Message": "Test batched", "MessageGroupId": GROUP}]
    await case("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=batch)
    assert await case.received(LINE, system=True) == [
        message("Test single", **of_line("2591186cff6c740cb9e0cfce1653a7e6998d57da12e1da13d85344b1c08be4cb", GROUP)),
        message("Test batched", **of_line("32a45f72fe3d20fb5d4f1647421d1c5f9d20ef207c8ab713443cc9f9b76c468c", GROUP)),
    ]
