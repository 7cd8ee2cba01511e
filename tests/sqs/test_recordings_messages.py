"""What AWS was recorded to answer about messages of standard queues. A test has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest

from .recorded import OLD, Queue, Recorded, both, fault, invalid, json_only, message, query_only
from .support import SECOND_NS

BATCH_ID = (
    "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
    "It can be at most 80 letters long."
)
TOO_MANY = "Maximum number of entries per request are 10. You have sent 20."
LONG_ID = "testLongId" * 10
WAIT = "Value {} for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."
PUNCTUATION = "can only include alphanumeric and punctuation characters. 1 to 128 in length."
MD5_MSG = "6e2baaf3b97dbeef01c0043275f9a0e7"
TRACE = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"


def bad_batch_id(protocol: str) -> dict[str, Any]:
    return fault(protocol, f"{OLD}InvalidBatchEntryId", BATCH_ID, "InvalidBatchEntryId")


def too_many(protocol: str) -> dict[str, Any]:
    return fault(protocol, f"{OLD}TooManyEntriesInBatchRequest", TOO_MANY, "TooManyEntriesInBatchRequest")


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


@query_only
async def test_approximate_number_of_messages_not_visible(protocol: str) -> None:
    """The recording holds no answer, as the test compared numbers itself."""
    queue = await Recorded(protocol).queue()
    names = ("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessages")
    for body in ("foobar1", "foobar2"):
        await queue.send(body)
    assert await queue.attributes(*names) == {names[0]: "0", names[1]: "2"}
    await queue("ReceiveMessage")
    assert await queue.attributes(*names) == {names[0]: "1", names[1]: "1"}


@json_only
async def test_aws_trace_header_propagation(protocol: str) -> None:
    case = Recorded(protocol)
    queue = await case.queue()
    case.client.headers["x-amzn-trace-id"] = TRACE
    attribute = {"timestamp": {"DataType": "Number", "StringValue": "1493147359900"}}
    await queue.send("test", MessageAttributes=attribute)
    case.client.headers.clear()
    names = ["SentTimestamp", "AWSTraceHeader"]
    answer = await queue.receive(MessageSystemAttributeNames=names, MessageAttributeNames=["All"])
    assert answer["Messages"] == [
        message(
            "test",
            "098f6bcd4621d373cade4e832627b4f6",
            Attributes={"AWSTraceHeader": TRACE, "SentTimestamp": ANY},
            MD5OfMessageAttributes="235c5c510d26fb653d073faed50ae77c",
            MessageAttributes=attribute,
        )
    ]


@both
async def test_change_message_visibility_after_visibility_timeout_expiration(protocol: str) -> None:
    case = Recorded(protocol)
    queue = await case.queue()
    await queue.send("test")
    [received] = (await queue.receive(VisibilityTimeout=1))["Messages"]
    case.cloud.clock.advance(2 * SECOND_NS)
    await queue("ChangeMessageVisibility", ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=2)
    assert await queue.receive() == {}
    assert case.client.status == 200


@json_only
async def test_change_message_visibility_batch_with_too_large_batch(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    entries = [{"Id": str(n), "ReceiptHandle": "x", "VisibilityTimeout": 1} for n in range(20)]
    assert await queue.error("ChangeMessageVisibilityBatch", Entries=entries) == too_many(protocol)


@both
async def test_delete_after_visibility_timeout(protocol: str) -> None:
    case = Recorded(protocol)
    queue = await case.queue()
    await queue.send("foobar")
    [received] = (await queue.receive(VisibilityTimeout=1))["Messages"]
    case.cloud.clock.advance(2 * SECOND_NS)
    await queue("DeleteMessage", ReceiptHandle=received["ReceiptHandle"])
    assert await queue.receive() == {}


@pytest.mark.parametrize(
    ("protocol", "id"),
    [
        pytest.param("sqs", "", id="sqs-"),
        pytest.param("sqs", LONG_ID, id=f"sqs-{LONG_ID}"),
        pytest.param("sqs_query", "invalid:id", id="sqs_query-invalid:id"),
        pytest.param("sqs_query", LONG_ID, id=f"sqs_query-{LONG_ID}"),
    ],
)
async def test_delete_message_batch_invalid_msg_id(protocol: str, id: str) -> None:
    """The recordings of the query protocol lack the empty Detail which all others of it have."""
    queue = await Recorded(protocol).queue()
    entries = [{"Id": id, "ReceiptHandle": "testHandle1"}]
    assert await queue.error("DeleteMessageBatch", Entries=entries) == bad_batch_id(protocol)


@json_only
async def test_delete_message_batch_with_too_large_batch(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    entries = [{"Id": str(n), "ReceiptHandle": "x"} for n in range(20)]
    assert await queue.error("DeleteMessageBatch", Entries=entries) == too_many(protocol)


@query_only
async def test_invalid_batch_id(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    entries = [{"Id": "invalid:id", "MessageBody": "x"}]
    assert await queue.error("SendMessageBatch", Entries=entries) == bad_batch_id(protocol)


@query_only
async def test_message_system_attribute_names_with_attribute_names(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    await queue.send("msg")
    answer = await queue(
        "ReceiveMessage", VisibilityTimeout=0, AttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )
    attributes = {
        "ApproximateFirstReceiveTimestamp": ANY,
        "ApproximateReceiveCount": "1",
        "SenderId": ANY,
        "SentTimestamp": ANY,
    }
    assert answer == {"Messages": [message("msg", MD5_MSG, Attributes=attributes)]}
    answer = await queue("ReceiveMessage", AttributeNames=["All"], MessageSystemAttributeNames=["SenderId"])
    assert answer == {"Messages": [message("msg", MD5_MSG, Attributes={"SenderId": ANY})]}


@query_only
async def test_receive_empty_queue(protocol: str) -> None:
    case = Recorded(protocol)
    queue = await case.queue()
    assert await queue("ReceiveMessage") == {}
    assert await queue("ReceiveMessage", WaitTimeSeconds=0) == {}
    waiting = await case.waiting(queue, 1)
    assert await waiting == {}


async def _filtered(queue: Queue, parameter: str) -> None:
    await queue.send("msg", MessageAttributes={"Foo": text("Bar")})
    everything = {
        "ApproximateFirstReceiveTimestamp": ANY,
        "ApproximateReceiveCount": "1",
        "SenderId": ANY,
        "SentTimestamp": ANY,
    }
    answer = await queue("ReceiveMessage", VisibilityTimeout=0, **{parameter: ["All"]})
    assert answer == {"Messages": [message("msg", MD5_MSG, Attributes=everything)]}
    everything["ApproximateReceiveCount"] = "2"
    answer = await queue("ReceiveMessage", VisibilityTimeout=0, MessageAttributeNames=["All"], **{parameter: ["All"]})
    own = {"MD5OfMessageAttributes": "ae7155c6026991b6d54b11589678bf9c", "MessageAttributes": {"Foo": text("Bar")}}
    assert answer == {"Messages": [message("msg", MD5_MSG, Attributes=everything, **own)]}
    for names in (["SenderId"], ["SenderId", "SequenceNumber"]):
        answer = await queue("ReceiveMessage", VisibilityTimeout=0, **{parameter: names})
        assert answer == {"Messages": [message("msg", MD5_MSG, Attributes={"SenderId": ANY})]}


@json_only
async def test_receive_message_attribute_names_filters(protocol: str) -> None:
    await _filtered(await Recorded(protocol).queue(), "AttributeNames")


@json_only
async def test_receive_message_message_system_attribute_names_filters(protocol: str) -> None:
    await _filtered(await Recorded(protocol).queue(), "MessageSystemAttributeNames")


_ATTRIBUTES = {"Help.Me": text("Me"), "Hello": text("There"), "General": text("Kenobi")}
_ALL = ("4c360f3fdafd970e05fae2f149d997f5", ["General", "Hello", "Help.Me"])


@json_only
async def test_receive_message_message_attribute_names_filters(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    assert await queue.send("msg", MessageAttributes=_ATTRIBUTES) == {
        "MD5OfMessageAttributes": _ALL[0],
        "MD5OfMessageBody": MD5_MSG,
        "MessageId": ANY,
    }
    nothing: tuple[str, list[str]] = ("", [])
    for names, (md5, shown) in (
        ([], nothing),
        (["All"], _ALL),
        ([".*"], _ALL),
        (["*"], _ALL),
        (["Foo", "Help"], nothing),
        (["Hello", "General"], ("fca026605781cb4126a1e9044df24232", ["Hello", "General"])),
        (["Foo", "Hello"], ("a311262e065454b75da111d535b8dacd", ["Hello"])),
        (["Hel.*"], ("83fee93c1bcd8b9a5a923ffacdc636c7", ["Hello", "Help.Me"])),
        (["AWS."], nothing),
        (["..foo"], nothing),
    ):
        answer = await queue("ReceiveMessage", VisibilityTimeout=0, MessageAttributeNames=names)
        own = {"MessageAttributes": {name: _ATTRIBUTES[name] for name in shown}, "MD5OfMessageAttributes": md5}
        assert answer == {"Messages": [message("msg", MD5_MSG, **(own if shown else {}))]}, names


async def test_send_batch_message_size() -> None:
    queue = await Recorded().queue(MaximumMessageSize="1024")
    entries = [{"Id": "long", "MessageBody": "a" * 1025}, {"Id": "short", "MessageBody": "a" * 1024}]
    assert await queue("SendMessageBatch", Entries=entries) == {
        "Failed": [
            {
                "Code": "InvalidParameterValue",
                "Id": "long",
                "Message": "One or more parameters cannot be validated. "
                "Reason: Message must be shorter than 1024 bytes.",
                "SenderFault": True,
            }
        ],
        "Successful": [{"Id": "short", "MD5OfMessageBody": "c9a34cfc85d982698c6ac89f76071abd", "MessageId": ANY}],
    }


@json_only
async def test_send_empty_message(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    assert await queue.error("SendMessage", MessageBody="") == fault(
        protocol,
        "MissingParameter",
        "The request must contain the parameter MessageBody.",
        "MissingRequiredParameterException",
    )


@both
async def test_send_message_batch_with_oversized_contents(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    entries = [
        {"Id": "1", "MessageBody": "a" * (1_048_576 - 2), "MessageAttributes": {}},
        {"Id": "2", "MessageBody": "abc"},
    ]
    assert await queue.error("SendMessageBatch", Entries=entries) == fault(
        protocol,
        f"{OLD}BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        "BatchRequestTooLong",
    )


@json_only
async def test_send_message_batch_with_oversized_contents_with_updated_maximum_message_size(protocol: str) -> None:
    queue = await Recorded(protocol).queue(MaximumMessageSize="2048")
    entries = [
        {"Id": "1", "MessageBody": "a" * 2040, "MessageAttributes": {"k": text("x")}},
        {"Id": "2", "MessageBody": "a"},
    ]
    assert await queue("SendMessageBatch", Entries=entries) == {
        "Successful": [
            {
                "Id": "1",
                "MD5OfMessageAttributes": "a45daa70926828a2f0a1db3418e6feb4",
                "MD5OfMessageBody": "f44facf5a7ee0af446ecf3e0f854441e",
                "MessageId": ANY,
            },
            {"Id": "2", "MD5OfMessageBody": "0cc175b9c0f1b6a831c399e269772661", "MessageId": ANY},
        ]
    }


@pytest.mark.parametrize(
    "group",
    [pytest.param("", id="empty"), pytest.param("group 123", id="spaces"), pytest.param("a" * 129, id="too_long")],
)
async def test_send_message_to_standard_queue_with_invalid_message_group_id(group: str) -> None:
    queue = await Recorded().queue()
    assert await queue.error("SendMessage", MessageBody="test", MessageGroupId=group) == invalid(
        "sqs", f"Value {group} for parameter MessageGroupId is invalid. Reason: MessageGroupId {PUNCTUATION}"
    )


@query_only
async def test_send_message_with_binary_attributes(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    value = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
    attributes = {"attr1": {"DataType": "Binary", "BinaryValue": value}}
    await queue.send("test", MessageAttributes=attributes)
    own = {"MD5OfMessageAttributes": "8cbe4db156db8a94db8b801b7addb984", "MessageAttributes": attributes}
    answer = await queue("ReceiveMessage", MessageAttributeNames=["All"])
    assert answer == {"Messages": [message("test", "098f6bcd4621d373cade4e832627b4f6", **own)]}


@both
async def test_send_message_with_empty_string_attribute(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    attributes = {"ErrorDetails": text("")}
    assert await queue.error("SendMessage", MessageBody="test", MessageAttributes=attributes) == invalid(
        protocol, "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."
    )


@query_only
async def test_send_message_with_updated_maximum_message_size(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    await queue.set(MaximumMessageSize="1024")
    await queue.send("a" * 1024)
    assert await queue.error("SendMessage", MessageBody="a" * 1025) == invalid(
        protocol, "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    )


@json_only
async def test_send_oversized_message(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    long = {"MessageBody": "a" * 1_048_576, "MessageAttributes": {"k": text("x")}}
    assert await queue.error("SendMessage", **long) == invalid(
        protocol, "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes."
    )


@query_only
async def test_send_receive_max_number_of_messages(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    assert await queue.error("ReceiveMessage", MaxNumberOfMessages=11) == invalid(
        protocol,
        "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
    )


@both
async def test_send_receive_wait_time_seconds(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    for _ in range(2):
        await queue.send("message")
    one = message("message", "78e731027d8fd50ed642340b7c9a63b3")
    assert await queue("ReceiveMessage") == {"Messages": [one]}
    assert await queue("ReceiveMessage", WaitTimeSeconds=0) == {"Messages": [one]}
    for wait in (21, -1):
        assert await queue.error("ReceiveMessage", WaitTimeSeconds=wait) == invalid(protocol, WAIT.format(wait))


@json_only
async def test_too_many_entries_in_batch_request(protocol: str) -> None:
    queue = await Recorded(protocol).queue()
    entries = [{"Id": str(n), "MessageBody": json.dumps({"n": n})} for n in range(20)]
    assert await queue.error("SendMessageBatch", Entries=entries) == too_many(protocol)
