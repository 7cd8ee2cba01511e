"""FIFO queues: groups in order, one at a time; duplicates; attempts to receive."""

from __future__ import annotations

from typing import Any

import pytest

from .support import SqsCloud, refused

Q = "q.fifo"
INVALID = "InvalidParameterValue"


async def queue(**attributes: Any) -> SqsCloud:
    cloud = SqsCloud()
    await cloud.create(Q, **attributes)
    return cloud


async def send(cloud: SqsCloud, body: str, group: str = "g", **more: Any) -> dict[str, Any]:
    return await cloud.send(body, Q, MessageGroupId=group, **{"MessageDeduplicationId": f"id-{body}", **more})


async def test_a_group_is_blocked_by_what_is_in_flight() -> None:
    cloud = await queue()
    for body in ("a1", "b1", "a2", "b2", "a3"):
        await send(cloud, body, body[0])
    [a1] = await cloud.receive(Q, 1)
    assert a1["Body"] == "a1"
    assert await cloud.bodies(Q) == ["b1", "b2"]
    assert await cloud.bodies(Q) == []
    await cloud.delete(a1["ReceiptHandle"], Q)
    assert await cloud.bodies(Q) == ["a2", "a3"]
    assert await cloud.counts(Q) == (0, 4, 0)


async def test_a_message_that_comes_back_comes_back_first() -> None:
    cloud = await queue(VisibilityTimeout=10)
    for body in ("1", "2", "3"):
        await send(cloud, body)
    assert await cloud.bodies(Q, 2) == ["1", "2"]
    await send(cloud, "4")
    await cloud.advance(10)
    assert await cloud.bodies(Q) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(("longer", "expected"), [(0, []), (1, ["foo"]), (2, ["foo", "bar"])])
async def test_what_stays_invisible_blocks_what_follows(longer: int, expected: list[str]) -> None:
    cloud = await queue(VisibilityTimeout=5)
    for body in ("foo", "bar", "baz"):
        await send(cloud, body)
    found = await cloud.receive(Q)
    handle = found[longer]["ReceiptHandle"]
    await cloud.sqs("ChangeMessageVisibility", Q, ReceiptHandle=handle, VisibilityTimeout=30)
    await cloud.advance(6)
    assert await cloud.bodies(Q) == expected


async def test_the_attributes_of_a_message() -> None:
    cloud = await queue()
    sent = await send(cloud, "message-body-1", "group-1", MessageDeduplicationId="dedup-1")
    assert sent["MD5OfMessageBody"] == "19c9e282d65f9733bc6b35d50062c7ee"
    [message] = await cloud.receive(Q, AttributeNames=["All"])
    assert message["Attributes"] == {
        "ApproximateFirstReceiveTimestamp": "1700000000000",
        "ApproximateReceiveCount": "1",
        "MessageDeduplicationId": "dedup-1",
        "MessageGroupId": "group-1",
        "SenderId": "000000000000",
        "SentTimestamp": "1700000000000",
        "SequenceNumber": sent["SequenceNumber"],
    }
    later = await send(cloud, "two")
    assert len(later["SequenceNumber"]) == 20
    assert later["SequenceNumber"] > sent["SequenceNumber"]


async def test_a_duplicate_is_answered_and_not_delivered_for_five_minutes() -> None:
    cloud = await queue()
    first = await send(cloud, "x", "one", MessageDeduplicationId="d")
    [message] = await cloud.receive(Q)
    await cloud.delete(message["ReceiptHandle"], Q)
    await cloud.advance(299)
    second = await send(cloud, "y", "two", MessageDeduplicationId="d")
    assert second["MessageId"] == first["MessageId"]
    assert second["SequenceNumber"] == first["SequenceNumber"]
    assert second["MD5OfMessageBody"] != first["MD5OfMessageBody"]
    assert await cloud.receive(Q) == []
    await cloud.advance(1)
    await send(cloud, "z", "two", MessageDeduplicationId="d")
    assert await cloud.bodies(Q) == ["z"]


async def test_content_is_a_deduplication_id() -> None:
    cloud = await queue(ContentBasedDeduplication="true")
    for group in ("a", "b"):
        await cloud.send("same", Q, MessageGroupId=group)
    await cloud.send("same", Q, MessageGroupId="c", MessageDeduplicationId="other")
    [first, second] = await cloud.receive(Q, AttributeNames=["MessageDeduplicationId"])
    assert first["Attributes"]["MessageDeduplicationId"] == (
        "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5"
    )
    assert second["Attributes"]["MessageDeduplicationId"] == "other"


async def test_high_throughput_narrows_the_scope_of_new_ids() -> None:
    cloud = await queue()
    await send(cloud, "Test1", "g1", MessageDeduplicationId="d1")
    assert await cloud.bodies(Q, VisibilityTimeout=0) == ["Test1"]
    await send(cloud, "Test2", "g2", MessageDeduplicationId="d1")
    attributes = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    await cloud.sqs("SetQueueAttributes", Q, Attributes=attributes)
    for group in ("g1", "g2"):
        await send(cloud, "Test3", group, MessageDeduplicationId="d1")
    assert await cloud.bodies(Q) == ["Test1"]
    for group in ("g3", "g4", "g3"):
        await send(cloud, f"Test4 {group}", group, MessageDeduplicationId="d2")
    assert await cloud.bodies(Q) == ["Test4 g3", "Test4 g4"]


async def test_deduplication_ids_are_forgotten_by_and_by() -> None:
    cloud = await queue()
    for number in range(20):
        await send(cloud, str(number))
    await cloud.advance(301)
    for number in range(20, 31):
        await send(cloud, str(number))
    assert await cloud.rows(b"\x03sqs.duplicate\x00") == 11
    assert await cloud.rows(b"\x03sqs.duplicate_end\x00") == 11


async def test_what_a_fifo_queue_needs() -> None:
    cloud = await queue()
    assert await refused(cloud.send("x", Q, MessageDeduplicationId="d")) == (
        "MissingParameter",
        "The request must contain the parameter MessageGroupId.",
    )
    assert await refused(cloud.send("x", Q, MessageGroupId="g")) == (
        INVALID,
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    )
    batch = [{"Id": "1", "MessageBody": "x", "MessageDeduplicationId": "d"}]
    assert await refused(cloud.sqs("SendMessageBatch", Q, Entries=batch)) == (
        INVALID,
        "The request must contain the parameter MessageGroupId.",
    )
    assert await refused(send(cloud, "x", DelaySeconds=2)) == (
        INVALID,
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for "
        "this queue type.",
    )
    for bad in ("", "group 123", "a" * 129):
        assert await refused(send(cloud, "x", MessageDeduplicationId=bad)) == (
            INVALID,
            f"Value {bad} for parameter MessageDeduplicationId is invalid. Reason: MessageDeduplicationId can only "
            "include alphanumeric and punctuation characters. 1 to 128 in length.",
        )


async def test_a_zero_delay_is_the_queues_own() -> None:
    cloud = await queue(DelaySeconds=2)
    await send(cloud, "message-1", DelaySeconds=0)
    assert await cloud.counts(Q) == (0, 0, 1)
    assert await cloud.bodies(Q) == []
    await cloud.advance(2)
    assert await cloud.counts(Q) == (1, 0, 0)
    assert await cloud.bodies(Q) == ["message-1"]


async def test_a_handle_expires_with_its_visibility_timeout() -> None:
    cloud = await queue(VisibilityTimeout=1)
    await send(cloud, "foobar")
    [message] = await cloud.receive(Q)
    await cloud.advance(2)
    handle = message["ReceiptHandle"]
    error = (INVALID, f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.")
    assert await refused(cloud.delete(handle, Q)) == error
    assert await refused(cloud.sqs("ChangeMessageVisibility", Q, ReceiptHandle=handle, VisibilityTimeout=9)) == error
    await cloud.receive(Q)
    assert await refused(cloud.delete(handle, Q)) == error


async def test_an_attempt_is_given_the_same_again() -> None:
    cloud = await queue(VisibilityTimeout=10)
    for body in ("1", "2", "3"):
        await send(cloud, body, body)
    first = await cloud.receive(Q, 2, ReceiveRequestAttemptId="attempt")
    await cloud.advance(8)
    again = await cloud.receive(Q, 2, ReceiveRequestAttemptId="attempt")
    assert again == first
    await cloud.advance(8)
    assert await cloud.counts(Q) == (1, 2, 0), "the visibility timeout began anew"
    assert await cloud.bodies(Q, ReceiveRequestAttemptId="another") == ["3"]
    await cloud.delete(first[0]["ReceiptHandle"], Q)
    assert await cloud.receive(Q, ReceiveRequestAttemptId="attempt") == []
    await cloud.create("q")
    code, _ = await refused(cloud.receive("q", ReceiveRequestAttemptId="attempt"))
    assert code == INVALID


async def test_groups_of_a_standard_queue_take_turns() -> None:
    cloud = SqsCloud()
    await cloud.create()
    for number in range(50):
        await cloud.send(f"noisy {number}", MessageGroupId="noisy")
    assert len(await cloud.bodies()) == 10
    for number in range(3):
        await cloud.send(f"quiet {number}", MessageGroupId="quiet")
    await cloud.send("nobody's")
    found = await cloud.bodies()
    assert {"nobody's", "quiet 0", "quiet 1", "quiet 2"} <= set(found)
    assert [body for body in found if body.startswith("quiet")] == ["quiet 0", "quiet 1", "quiet 2"]
    for _ in range(4):
        await cloud.bodies()
    assert await cloud.counts() == (0, 54, 0)
    [message] = (await cloud.receive(AttributeNames=["All"])) or [None]
    assert message is None
    await cloud.advance(30)
    assert await cloud.counts() == (54, 0, 0)
    [message] = await cloud.receive(limit=1, AttributeNames=["MessageGroupId"])
    assert message["Attributes"] == {"MessageGroupId": "noisy"}
