"""What AWS was recorded to answer about FIFO queues. A test has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest

from .recorded import Queue, Recorded, both, fault, fifo, ids, invalid, json_only, message, query_only
from .support import SECOND_NS

FOOBAR = json.dumps({"foo": "bar"})
MD5_FOOBAR = "94232c5b8fc9272f6f73a1e36eb68fcf"
PUNCTUATION = "can only include alphanumeric and punctuation characters. 1 to 128 in length."
NO_DEDUPLICATION = (
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
)
NO_GROUP = "The request must contain the parameter MessageGroupId."
HIGH = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}


async def put(queue: Queue, body: str, group: str = "g", deduplication: str = "") -> dict[str, Any]:
    """Send a message to a group; it is not delayed."""
    more = {"MessageDeduplicationId": deduplication} if deduplication else {}
    return await queue.send(body, MessageGroupId=group, **more)


@json_only
async def test_dead_letter_queue_with_fifo_and_content_based_deduplication(protocol: str) -> None:
    """The recording holds no answer, as the test compared the message itself."""
    case = Recorded(protocol)
    dead = await case.queue("dead.fifo", ContentBasedDeduplication="true")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2})
    queue = await case.queue("q.fifo", ContentBasedDeduplication="true", RedrivePolicy=redrive, VisibilityTimeout="1")
    await case.cloud.start_relay()
    sent = await put(queue, "foobar")
    for _ in range(2):
        assert ids(await queue.receive()) == [sent["MessageId"]]
        await case.cloud.advance(2)
    assert await queue.receive() == {}
    [found] = (await dead.receive())["Messages"]
    assert (found["Body"], found["MD5OfBody"]) == ("foobar", sent["MD5OfMessageBody"])


@query_only
async def test_fifo_approximate_number_of_messages_not_visible(protocol: str) -> None:
    """The recording holds no answer, as the test compared numbers itself."""
    queue = await Recorded(protocol).queue("q.fifo", ContentBasedDeduplication="true")
    for number in range(4):
        await put(queue, str(number), str(number % 2))
    names = ("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessages")
    assert await queue.attributes(*names) == {names[0]: "0", names[1]: "4"}
    await queue.receive(MaxNumberOfMessages=3)
    assert await queue.attributes(*names) == {names[0]: "3", names[1]: "1"}


@json_only
async def test_fifo_change_to_high_throughput_after_creation(protocol: str) -> None:
    queue = await Recorded(protocol).queue("q.fifo")

    async def next_one() -> dict[str, Any]:
        answer = await queue.receive()
        for found in answer.get("Messages", ()):
            await queue("DeleteMessage", ReceiptHandle=found["ReceiptHandle"])
        return answer

    await put(queue, "Test1", "group1", "1")
    await put(queue, "Test2", "group2", "1")
    assert await next_one() == {"Messages": [message("Test1", "e1b849f9631ffc1829b2e31402373e3c")]}
    assert await next_one() == {}
    await queue.set(**HIGH)
    assert await queue.attributes() == fifo(**HIGH)
    for group in ("group1", "group2"):
        await put(queue, "Test3", group, "1")
        assert await next_one() == {}
    await put(queue, "Test4", "group1", "2")
    assert await next_one() == {"Messages": [message("Test4", "41d5e808720c8ee71257214e952a6721")]}
    await put(queue, "Test5", "group1", "2")
    assert await next_one() == {}


@pytest.mark.parametrize(
    ("protocol", "content"),
    [pytest.param("sqs", True, id="sqs-True"), pytest.param("sqs_query", True, id="sqs_query-True")],
)
async def test_fifo_deduplication_arrives_once_after_delete(protocol: str, content: bool) -> None:
    case = Recorded(protocol)
    queue = await case.queue("q.fifo", ContentBasedDeduplication=str(content).lower())
    await put(queue, FOOBAR)
    answer = await queue.receive(VisibilityTimeout=20)
    assert answer == {"Messages": [message(FOOBAR, MD5_FOOBAR)]}
    await queue("DeleteMessage", ReceiptHandle=answer["Messages"][0]["ReceiptHandle"])
    await put(queue, FOOBAR)
    assert await queue.receive() == {}
    assert case.client.status == 200


@pytest.mark.parametrize(
    ("protocol", "content"),
    [
        pytest.param(protocol, content, id=f"{protocol}-{content}")
        for protocol in ("sqs", "sqs_query")
        for content in (False, True)
    ],
)
async def test_fifo_deduplication_not_on_message_group_id(protocol: str, content: bool) -> None:
    queue = await Recorded(protocol).queue("q.fifo", ContentBasedDeduplication=str(content).lower())
    given = "" if content else "dedup-1"
    await put(queue, FOOBAR, "group-1", given)
    answer = await queue.receive()
    assert answer == {"Messages": [message(FOOBAR, MD5_FOOBAR)]}
    await put(queue, FOOBAR, "group-2", given)
    assert await queue.receive() == {}


@both
async def test_fifo_delete_after_visibility_timeout(protocol: str) -> None:
    case = Recorded(protocol)
    queue = await case.queue("q.fifo", ContentBasedDeduplication="true", VisibilityTimeout="1")
    await put(queue, "foobar")
    answer = await queue.receive()
    assert answer == {"Messages": [message("foobar", "3858f62230ac3c915f300c664312c63f")]}
    case.cloud.clock.advance(2 * SECOND_NS)
    handle = answer["Messages"][0]["ReceiptHandle"]
    assert await queue.error("DeleteMessage", ReceiptHandle=handle) == invalid(
        protocol, f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
    )


_BODIES = (
    ("foo", "acbd18db4cc2f85cedef654fccc4a4d8"),
    ("bar", "37b51d194a7513e45b56f6524f2d51f2"),
    ("baz", "73feffa4b7f6bb68e44cf984c85f6e88"),
)


@pytest.mark.parametrize(
    ("protocol", "seconds", "seen"),
    [
        pytest.param("sqs", (30, 0), 0, id="sqs-0-visible"),
        pytest.param("sqs", (0, 30), 1, id="sqs-1-visible"),
        pytest.param("sqs", (0, 0), 2, id="sqs-2-visible"),
        pytest.param("sqs", (30, 30), 0, id="sqs-all-invisible"),
        pytest.param("sqs", (1, 1), 2, id="sqs-no-invisible"),
        pytest.param("sqs_query", (30, 0), 0, id="sqs_query-0-visible"),
        pytest.param("sqs_query", (1, 30), 1, id="sqs_query-1-invisible"),
        pytest.param("sqs_query", (0, 0), 2, id="sqs_query-2-visible"),
    ],
)
async def test_fifo_group_visibility_extends_with_change_message_visibility(
    protocol: str, seconds: tuple[int, int], seen: int
) -> None:
    """Of three messages of a group the first two are hidden for other times than before; the third stays hidden."""
    case = Recorded(protocol)
    queue = await case.queue("q.fifo", ContentBasedDeduplication="true")
    for body, _ in _BODIES:
        await put(queue, body)
    answer = await queue.receive(VisibilityTimeout=20)
    expected = [message(body, md5) for body, md5 in _BODIES]
    assert answer == {"Messages": expected}
    for found, timeout_s in zip(answer["Messages"], seconds, strict=False):
        handle = found["ReceiptHandle"]
        await queue("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=timeout_s)
    case.cloud.clock.advance(2 * SECOND_NS)
    assert await queue.receive() == ({"Messages": expected[:seen]} if seen else {})


@both
async def test_fifo_message_attributes(protocol: str) -> None:
    case = Recorded(protocol)
    queue = await case.queue("q.fifo", ContentBasedDeduplication="true")
    sent = await put(queue, "message-body-1", "group-1", "dedup-1")
    md5 = "19c9e282d65f9733bc6b35d50062c7ee"
    assert sent == {"MD5OfMessageBody": md5, "MessageId": ANY, "SequenceNumber": ANY}
    attributes = {
        "ApproximateFirstReceiveTimestamp": ANY,
        "MessageDeduplicationId": "dedup-1",
        "MessageGroupId": "group-1",
        "SenderId": ANY,
        "SentTimestamp": ANY,
        "SequenceNumber": sent["SequenceNumber"],
    }
    for count in ("1", "2"):
        answer = await queue("ReceiveMessage", AttributeNames=["All"], VisibilityTimeout=0)
        shown = {**attributes, "ApproximateReceiveCount": count}
        expected = message("message-body-1", md5, Attributes=shown)
        assert answer == {"Messages": [{**expected, "MessageId": sent["MessageId"]}]}


@both
async def test_fifo_queue_send_message_with_delay_seconds_fails(protocol: str) -> None:
    queue = await Recorded(protocol).queue("q.fifo", ContentBasedDeduplication="true")
    given = {"MessageBody": "message", "MessageGroupId": "1", "DelaySeconds": 2}
    assert await queue.error("SendMessage", **given) == invalid(
        protocol,
        "Value 2 for parameter DelaySeconds is invalid. "
        "Reason: The request include parameter that is not valid for this queue type.",
    )


@json_only
async def test_fifo_queue_send_message_with_zero_delay_defaults_to_queue_delay(protocol: str) -> None:
    case = Recorded(protocol)
    queue = await case.queue("q.fifo", ContentBasedDeduplication="true", DelaySeconds="2")
    md5 = "3d6b824fd8c1520e9a047d21fee6fb1f"
    sent = await queue.send("message-1", MessageGroupId="1", DelaySeconds=0)
    assert sent == {"MD5OfMessageBody": md5, "MessageId": ANY, "SequenceNumber": ANY}
    assert await queue.receive() == {}
    case.cloud.clock.advance(3 * SECOND_NS)
    assert await queue.receive() == {"Messages": [message("message-1", md5)]}


@both
async def test_fifo_set_content_based_deduplication_strategy(protocol: str) -> None:
    queue = await Recorded(protocol).queue("q.fifo", ContentBasedDeduplication="true")
    assert await queue.attributes() == fifo(ContentBasedDeduplication="true")
    await queue.set(ContentBasedDeduplication="false")
    assert await queue.attributes() == fifo(ContentBasedDeduplication="false")


@pytest.mark.parametrize(
    "given",
    [pytest.param("", id="empty"), pytest.param("group 123", id="spaces"), pytest.param("a" * 129, id="too_long")],
)
async def test_message_deduplication_id_invalid(given: str) -> None:
    queue = await Recorded().queue("q.fifo")
    params = {"MessageBody": "test", "MessageGroupId": "g", "MessageDeduplicationId": given}
    assert await queue.error("SendMessage", **params) == invalid(
        "sqs",
        f"Value {given} for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId {PUNCTUATION}",
    )


@both
async def test_posting_to_fifo_requires_deduplicationid_group_id(protocol: str) -> None:
    """The recordings hold each error twice: in the case's protocol, and (`-query`) as the JSON protocol has it."""
    for spoken in (protocol, "sqs"):
        queue = await Recorded(spoken).queue("q.fifo")
        error = await queue.error("SendMessage", MessageBody="test", MessageGroupId="test")
        assert error == invalid(spoken, NO_DEDUPLICATION)
        error = await queue.error("SendMessage", MessageBody="test", MessageDeduplicationId="test")
        assert error == fault(spoken, "MissingParameter", NO_GROUP, "MissingRequiredParameterException")


@both
async def test_send_batch_missing_message_group_id_for_fifo_queue(protocol: str) -> None:
    queue = await Recorded(protocol).queue("q.fifo", ContentBasedDeduplication="true")
    entries = [{"Id": "1", "MessageBody": "1"}, {"Id": "2", "MessageBody": "2"}]
    assert await queue.error("SendMessageBatch", Entries=entries) == invalid(protocol, NO_GROUP)
