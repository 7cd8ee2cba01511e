"""Messages: sent, received, deleted; their digests, their limits, their batches."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client

from .support import SqsCloud, refused, url

KENOBI = {
    name: {"DataType": "String", "StringValue": value}
    for name, value in (("Help.Me", "Me"), ("Hello", "There"), ("General", "Kenobi"))
}
TRACE = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
INVALID = "InvalidParameterValue"


def string(value: str, kind: str = "String") -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


async def test_a_message_comes_back_with_all_that_is_asked_for() -> None:
    cloud = SqsCloud()
    await cloud.create()
    sent = await cloud.send("msg", MessageAttributes=KENOBI)
    assert sent.pop("MessageId")
    assert sent == {
        "MD5OfMessageBody": "6e2baaf3b97dbeef01c0043275f9a0e7",
        "MD5OfMessageAttributes": "4c360f3fdafd970e05fae2f149d997f5",
    }
    [message] = await cloud.receive(VisibilityTimeout=0)
    assert message.keys() == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}
    await cloud.advance(2)
    [message] = await cloud.receive(AttributeNames=["All"], VisibilityTimeout=0)
    assert message["Attributes"] == {
        "SenderId": "000000000000",
        "SentTimestamp": "1700000000000",
        "ApproximateReceiveCount": "2",
        "ApproximateFirstReceiveTimestamp": "1700000000000",
    }
    [message] = await cloud.receive(MessageSystemAttributeNames=["SenderId"])
    assert message["Attributes"] == {"SenderId": "000000000000"}


@pytest.mark.parametrize(
    ("names", "digest", "shown"),
    [
        (["All"], "4c360f3fdafd970e05fae2f149d997f5", {"Help.Me", "Hello", "General"}),
        ([".*"], "4c360f3fdafd970e05fae2f149d997f5", {"Help.Me", "Hello", "General"}),
        (["*"], "4c360f3fdafd970e05fae2f149d997f5", {"Help.Me", "Hello", "General"}),
        (["Hello", "General"], "fca026605781cb4126a1e9044df24232", {"Hello", "General"}),
        (["Hello", "None"], "a311262e065454b75da111d535b8dacd", {"Hello"}),
        (["Hel.*"], "83fee93c1bcd8b9a5a923ffacdc636c7", {"Hello", "Help.Me"}),
        (["None", "AWS."], None, set()),
        ([], None, set()),
    ],
)
async def test_message_attributes_are_chosen_by_name_and_prefix(
    names: list[str], digest: str | None, shown: set[str]
) -> None:
    cloud = SqsCloud()
    await cloud.create()
    await cloud.send("msg", MessageAttributes=KENOBI)
    [message] = await cloud.receive(MessageAttributeNames=names)
    assert message.get("MD5OfMessageAttributes") == digest
    assert message.get("MessageAttributes", {}) == {name: KENOBI[name] for name in shown}


async def test_the_digest_of_binary_values_and_of_the_trace_header() -> None:
    cloud = SqsCloud()
    await cloud.create()
    value = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
    binary = {"attr1": {"DataType": "Binary", "BinaryValue": value}}
    sent = await cloud.send("test", MessageAttributes=binary, MessageSystemAttributes={"AWSTraceHeader": string(TRACE)})
    assert sent["MD5OfMessageAttributes"] == "8cbe4db156db8a94db8b801b7addb984"
    assert len(sent["MD5OfMessageSystemAttributes"]) == 32
    [message] = await cloud.receive(AttributeNames=["AWSTraceHeader"], MessageAttributeNames=["attr1"])
    assert message["Attributes"] == {"AWSTraceHeader": TRACE}
    assert message["MessageAttributes"] == binary
    assert message["MD5OfMessageAttributes"] == "8cbe4db156db8a94db8b801b7addb984"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"ErrorDetails": string("")},
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
        ),
        (
            {"a": string("x", "Text")},
            "The type of message (user) attribute 'a' is invalid. You must use only the following supported type "
            "prefixes: Binary, Number, String.",
        ),
        ({"a": string("x", "Number")}, "Can't cast the value of message (user) attribute 'a' to a number."),
        ({"a": {"StringValue": "x"}}, "Message (user) attribute 'a' must contain a non-empty attribute type."),
        (
            {"a b": string("x")},
            "The message (user) attribute name 'a b' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore "
            "(_), hyphen (-), and period (.) characters.",
        ),
        (
            {f"a{number}": string("x") for number in range(11)},
            "Number of message attributes [11] exceeds the allowed maximum [10].",
        ),
    ],
)
async def test_message_attributes_that_cannot_be(attributes: dict[str, Any], message: str) -> None:
    cloud = SqsCloud()
    await cloud.create()
    assert await refused(cloud.send("x", MessageAttributes=attributes)) == (INVALID, message)
    await cloud.send("x", MessageAttributes={"n": string("-1.5e3", "Number.custom")})


async def test_messages_that_cannot_be() -> None:
    cloud = SqsCloud()
    await cloud.create()
    missing = ("MissingParameter", "The request must contain the parameter MessageBody.")
    assert await refused(cloud.send("")) == missing
    for limit in (1_048_576, 1024):
        await cloud.sqs("SetQueueAttributes", Attributes={"MaximumMessageSize": str(limit)})
        await cloud.send("a" * limit)
        reason = f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        assert await refused(cloud.send("a" * (limit + 1))) == (INVALID, reason)
        assert await refused(cloud.send("a" * (limit - 7), MessageAttributes={"a": string("b")})) == (INVALID, reason)
        await cloud.send("a" * (limit - 8), MessageAttributes={"a": string("b")})
    code, message = await refused(cloud.send("a\x00b"))
    assert (code, message.split(",")[0]) == (
        "InvalidMessageContents",
        "Invalid binary character '#x0' was found in the message body",
    )
    await cloud.send("tab\t, line\r\n, \U0001f600")
    assert await refused(cloud.send("x", DelaySeconds=901)) == (
        INVALID,
        "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.",
    )
    reason = "The request include parameter that is not valid for this queue type."
    assert await refused(cloud.send("x", MessageDeduplicationId="d")) == (
        INVALID,
        f"Value d for parameter MessageDeduplicationId is invalid. Reason: {reason}",
    )


@pytest.mark.parametrize("group", ["", "group 123", "a" * 129])
async def test_a_group_of_a_standard_queue_is_checked(group: str) -> None:
    cloud = SqsCloud()
    await cloud.create()
    assert await refused(cloud.send("x", MessageGroupId=group)) == (
        INVALID,
        f"Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric "
        "and punctuation characters. 1 to 128 in length.",
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"MaxNumberOfMessages": 11},
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            {"WaitTimeSeconds": 21},
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            {"WaitTimeSeconds": -1},
            "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            {"VisibilityTimeout": 43_201},
            "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.",
        ),
    ],
)
async def test_receives_that_cannot_be(params: dict[str, int], message: str) -> None:
    cloud = SqsCloud()
    await cloud.create()
    assert await refused(cloud.sqs("ReceiveMessage", **params)) == (INVALID, message)
    assert await cloud.sqs("ReceiveMessage") == {}
    unknown = await refused(cloud.sqs("ReceiveMessage", AttributeNames=["Colour"]))
    assert unknown == ("InvalidAttributeName", "Unknown Attribute Colour.")


async def test_a_long_body_is_kept_whole() -> None:
    cloud = SqsCloud()
    await cloud.create()
    bodies = {"x" * 4096, "y" * 4097, "é" * 100_000}
    for body in bodies:
        await cloud.send(body)
    messages = await cloud.receive()
    assert {message["Body"] for message in messages} == bodies
    for message in messages:
        await cloud.delete(message["ReceiptHandle"])
    assert await cloud.rows(b"\x03sqs.message") + await cloud.rows(b"\x03sqs.body") == 0


async def test_a_delayed_message_comes_when_its_time_has_come() -> None:
    cloud = SqsCloud()
    await cloud.create(DelaySeconds=5)
    await cloud.send("later")
    await cloud.send("now", DelaySeconds=0)
    await cloud.send("much later", DelaySeconds=900)
    assert await cloud.counts() == (1, 0, 2)
    assert await cloud.bodies() == ["now"]
    await cloud.advance(4.999)
    assert await cloud.counts() == (0, 1, 2)
    await cloud.advance(0.001)
    assert await cloud.counts() == (1, 1, 1)
    assert await cloud.bodies() == ["later"]
    await cloud.advance(895)
    assert set(await cloud.bodies()) == {"now", "later", "much later"}
    assert await cloud.counts() == (0, 3, 0)


def entries(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [{"Id": id, "MessageBody": f"body {id}", **more} for id in ids]


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ([], "EmptyBatchRequest", "There should be at least one SendMessageBatchRequestEntry in the request."),
        (
            entries(*map(str, range(20))),
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 20.",
        ),
        (entries("a", "b", "a"), "BatchEntryIdsNotDistinct", "Id a repeated."),
        *(
            (
                entries(id),
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most "
                "80 letters long.",
            )
            for id in ("invalid:id", "", "testLongId" * 10)
        ),
        (
            [{"Id": "1", "MessageBody": "a" * 1_048_576}, {"Id": "2", "MessageBody": "a"}],
            "BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        ),
    ],
)
async def test_batches_that_are_refused_as_a_whole(given: list[dict[str, Any]], code: str, message: str) -> None:
    cloud = SqsCloud()
    await cloud.create()
    sent = cloud.sqs("SendMessageBatch", Entries=given)
    assert await refused(sent) == (f"AWS.SimpleQueueService.{code}", message)
    assert await cloud.counts() == (0, 0, 0)


@pytest.mark.parametrize("operation", ["DeleteMessageBatch", "ChangeMessageVisibilityBatch"])
async def test_batches_of_receipts_have_the_same_limits(operation: str) -> None:
    cloud = SqsCloud()
    await cloud.create()
    given = [{"Id": str(number), "ReceiptHandle": "x", "VisibilityTimeout": 1} for number in range(20)]
    if operation == "DeleteMessageBatch":
        for entry in given:
            del entry["VisibilityTimeout"]
    code, message = await refused(cloud.sqs(operation, Entries=given))
    assert code == "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
    assert message == "Maximum number of entries per request are 10. You have sent 20."
    code, _ = await refused(cloud.sqs(operation, Entries=[{**given[0], "Id": "invalid:id"}]))
    assert code == "AWS.SimpleQueueService.InvalidBatchEntryId"
    code, message = await refused(cloud.sqs(operation, Entries=[]))
    assert (code, message) == (
        "AWS.SimpleQueueService.EmptyBatchRequest",
        f"There should be at least one {operation}RequestEntry in the request.",
    )
    result = await cloud.sqs(operation, Entries=given[:1])
    [failed] = result["Failed"]
    assert (failed["Code"], failed["SenderFault"], result["Successful"]) == ("ReceiptHandleIsInvalid", True, [])


async def test_of_a_batch_the_good_messages_are_sent() -> None:
    cloud = SqsCloud()
    await cloud.create(MaximumMessageSize=1024)
    given = [{"Id": "long", "MessageBody": "a" * 1025}, {"Id": "good", "MessageBody": "a" * 1024}]
    result = await cloud.sqs("SendMessageBatch", Entries=given)
    assert result["Failed"] == [
        {
            "Code": INVALID,
            "Id": "long",
            "Message": "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.",
            "SenderFault": True,
        }
    ]
    [good] = result["Successful"]
    assert (good["Id"], good["MD5OfMessageBody"]) == ("good", "c9a34cfc85d982698c6ac89f76071abd")
    messages = await cloud.receive()
    assert [message["MessageId"] for message in messages] == [good["MessageId"]]
    handles = [{"Id": "1", "ReceiptHandle": messages[0]["ReceiptHandle"]}, {"Id": "2", "ReceiptHandle": "x"}]
    result = await cloud.sqs("DeleteMessageBatch", Entries=handles)
    assert ([row["Id"] for row in result["Successful"]], [row["Id"] for row in result["Failed"]]) == (["1"], ["2"])
    assert await cloud.counts() == (0, 0, 0)
    assert url("q").endswith("/q")


@pytest.mark.parametrize("header", ["Root=1-\xe9", "x" * 1025, ""])
async def test_what_is_no_trace_is_not_passed_on(header: str) -> None:
    cloud = SqsCloud()
    await cloud.create()
    client = Client(cloud, "sqs")
    client.headers["x-amzn-trace-id"] = header
    await client.call("SendMessage", QueueUrl=url("q"), MessageBody="x")
    [message] = await cloud.receive(AttributeNames=["AWSTraceHeader"])
    assert "Attributes" not in message


async def test_a_trace_as_an_attribute_comes_before_the_requests() -> None:
    cloud = SqsCloud()
    await cloud.create()
    client = Client(cloud, "sqs")
    client.headers["x-amzn-trace-id"] = "Root=1-2-3"
    given = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=own"}}
    entries = [{"Id": "a", "MessageBody": "a", "MessageSystemAttributes": given}, {"Id": "b", "MessageBody": "b"}]
    answer = await client.call("SendMessageBatch", QueueUrl=url("q"), Entries=entries)
    assert ["MD5OfMessageSystemAttributes" in one for one in answer["Successful"]] == [True, False]
    found = {one["Body"]: one["Attributes"] for one in await cloud.receive(AttributeNames=["AWSTraceHeader"])}
    assert found == {"a": {"AWSTraceHeader": "Root=own"}, "b": {"AWSTraceHeader": "Root=1-2-3"}}
