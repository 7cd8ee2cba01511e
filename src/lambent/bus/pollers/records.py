"""Records of queues and streams as functions see them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple
from zlib import crc32

import orjson

PAYLOAD_BYTES_MAX = 6_291_456
"""The longest event of a synchronous invocation."""
_AROUND_BYTES = 64
"""What an event has around its records, generously."""


class Record(NamedTuple):
    """One record. `id` is what a partial batch response names: the message's id, or the sequence number. `json` is what
    the function sees; `handle` a message's receipt; `at_ms` when a stream's record was made; `key` stands for the item
    that it is about."""

    id: str
    json: bytes
    handle: str = ""
    at_ms: int = 0
    key: int = 0


def event(records: Sequence[Record], **more: Any) -> bytes:
    """The payload with these records."""
    return orjson.dumps({"Records": [orjson.Fragment(record.json) for record in records], **more})


def fitting(records: Sequence[Record], count: int, around: int = 0) -> int:
    """How many of `records`, `count` at most and at least one, fit into one event beside `around` bytes."""
    size = _AROUND_BYTES + around
    for place, record in enumerate(records[:count]):
        size += len(record.json) + 1
        if size > PAYLOAD_BYTES_MAX and place:
            return place
    return min(count, len(records))


def message_record(message: dict[str, Any], source: str, region: str, windowed: bool) -> dict[str, Any]:
    """A message of ReceiveMessage as its function sees it. `windowed`: gathered by the pollers that keep batching
    windows, whose records have a null where others have nothing."""
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message.get("Body", ""),
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
    }
    if windowed or "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message.get("MD5OfMessageAttributes")
    return record | {
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "awsRegion": region,
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if "StringValue" in value:
        shown["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return {**shown, "stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}


def change_record(change: dict[str, Any], source: str) -> dict[str, Any]:
    """A record of DynamoDB's GetRecords as its function sees it."""
    inner = dict(change["dynamodb"])
    inner["ApproximateCreationDateTime"] = int(inner["ApproximateCreationDateTime"].timestamp())
    return {**change, "dynamodb": inner, "eventSourceARN": source}


def change(shown: dict[str, Any]) -> Record:
    """A stream's record, ready for a batch."""
    inner = shown["dynamodb"]
    key = crc32(orjson.dumps(inner["Keys"], option=orjson.OPT_SORT_KEYS))
    at_ms = inner["ApproximateCreationDateTime"] * 1000
    return Record(inner["SequenceNumber"], orjson.dumps(shown), at_ms=at_ms, key=key)


def message(shown: dict[str, Any]) -> Record:
    """A queue's record, ready for a batch."""
    return Record(shown["messageId"], orjson.dumps(shown), handle=shown["receiptHandle"])
