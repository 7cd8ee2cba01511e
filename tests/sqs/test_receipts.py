"""Receipts: visibility, handles that expire, limits of what is in flight."""

from __future__ import annotations

import base64

import pytest

from lambent.services.sqs import model

from .support import SqsCloud, refused

INVALID = "InvalidParameterValue"
HOURS_12_S = 43_200


async def test_a_message_is_had_again_when_its_visibility_timeout_ends() -> None:
    cloud = SqsCloud()
    await cloud.create(VisibilityTimeout=10)
    await cloud.send("x")
    [first] = await cloud.receive()
    assert await cloud.counts() == (0, 1, 0)
    await cloud.advance(9.999)
    assert await cloud.receive() == []
    await cloud.advance(0.001)
    assert await cloud.counts() == (1, 0, 0)
    [second] = await cloud.receive(VisibilityTimeout=100)
    assert first["MessageId"] == second["MessageId"]
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    await cloud.advance(99)
    assert await cloud.counts() == (0, 1, 0)


async def test_an_old_handle_deletes_nothing_but_one_that_only_ran_out_does() -> None:
    cloud = SqsCloud()
    await cloud.create(VisibilityTimeout=1)
    await cloud.send("x")
    [first] = await cloud.receive()
    await cloud.advance(2)
    [second] = await cloud.receive()
    await cloud.delete(first["ReceiptHandle"])
    assert sum(await cloud.counts()) == 1
    await cloud.advance(2)
    await cloud.delete(second["ReceiptHandle"])
    assert sum(await cloud.counts()) == 0
    await cloud.delete(second["ReceiptHandle"])
    assert await cloud.receive() == []


async def test_the_visibility_of_a_received_message_is_changed() -> None:
    cloud = SqsCloud()
    await cloud.create(VisibilityTimeout=10)
    await cloud.send("x")
    [message] = await cloud.receive()
    handle = message["ReceiptHandle"]
    await cloud.sqs("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=60)
    await cloud.advance(59)
    assert await cloud.counts() == (0, 1, 0)
    await cloud.sqs("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=0)
    assert await cloud.counts() == (1, 0, 0)
    # It ran out, but nobody has received the message since.
    await cloud.sqs("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=5)
    assert await cloud.counts() == (0, 1, 0)
    entry = {"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 0}
    result = await cloud.sqs("ChangeMessageVisibilityBatch", Entries=[entry])
    assert result == {"Successful": [{"Id": "a"}]}
    assert await cloud.bodies() == ["x"]
    assert await refused(cloud.sqs("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=1)) == (
        INVALID,
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available "
        "for visibility timeout change.",
    )


async def test_nothing_is_invisible_for_more_than_twelve_hours() -> None:
    cloud = SqsCloud()
    await cloud.create(VisibilityTimeout=10)
    await cloud.send("x")
    [message] = await cloud.receive()
    handle = message["ReceiptHandle"]
    await cloud.sqs("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=HOURS_12_S)
    await cloud.advance(1)
    longer = cloud.sqs("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=HOURS_12_S)
    assert await refused(longer) == (
        INVALID,
        "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is "
        "beyond the limit [43200 seconds]",
    )
    await cloud.advance(HOURS_12_S - 1)
    assert await cloud.bodies() == ["x"]


@pytest.mark.parametrize("handle", ["x", "AQEB", base64.b64encode(b"x" * 32).decode(), "é"])
async def test_a_handle_that_nobody_gave(handle: str) -> None:
    cloud = SqsCloud()
    await cloud.create()
    error = ("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.')
    assert await refused(cloud.delete(handle)) == error
    assert await refused(cloud.sqs("ChangeMessageVisibility", ReceiptHandle=handle, VisibilityTimeout=1)) == error


async def test_a_handle_of_another_queue_is_invalid() -> None:
    cloud = SqsCloud()
    for name in ("q", "r"):
        await cloud.create(name)
        await cloud.send("x", name)
    [message] = await cloud.receive("r")
    assert (await refused(cloud.delete(message["ReceiptHandle"])))[0] == "ReceiptHandleIsInvalid"


async def test_too_many_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "IN_FLIGHT_MAX", 12)
    monkeypatch.setattr(model, "IN_FLIGHT_FIFO_MAX", 12)
    cloud = SqsCloud()
    for name in ("q", "q.fifo"):
        await cloud.create(name)
        for number in range(15):
            more = {"MessageGroupId": "g", "MessageDeduplicationId": str(number)} if name != "q" else {}
            await cloud.send(str(number), name, **more)
    assert len(await cloud.receive()) == 10
    assert len(await cloud.receive()) == 2
    code, _ = await refused(cloud.receive())
    assert code == "OverLimit"
    await cloud.advance(30)
    assert len(await cloud.receive()) == 10
    found = await cloud.receive("q.fifo")
    assert [message["Body"] for message in found] == list(map(str, range(10)))
    for message in found:
        await cloud.delete(message["ReceiptHandle"], "q.fifo")
    assert len(await cloud.receive("q.fifo")) == 5
