"""What AWS was recorded to answer about event source mappings, and to give their functions, without what varies."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import ANY

from tests.client import Client
from tests.support import ACCOUNT, REGION

from .polling import QUEUE, WORKER, PollingCloud, run, turns

MAPPING = f"arn:aws:lambda:{REGION}:{ACCOUNT}:event-source-mapping:"
DESTINATION = f"{QUEUE}-failures"
SYSTEM = {
    "ApproximateFirstReceiveTimestamp": ANY,
    "ApproximateReceiveCount": "1",
    "SenderId": ANY,
    "SentTimestamp": ANY,
}


class Mapped:
    """A cloud that polls, with a client of Lambda; `status` is the status of its last answer."""

    def __init__(self, cloud: PollingCloud) -> None:
        self.cloud, self.client = cloud, Client(cloud, "lambda")

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the function was given."""
        return self.cloud.compute.events

    async def map(self, source: str, **params: Any) -> dict[str, Any]:
        """Map a source to the function and wait until it is polled; returns the answer."""
        answer = await self.client.call(
            "CreateEventSourceMapping", FunctionName="worker", EventSourceArn=source, **params
        )
        assert self.client.status == 202
        await turns()
        return answer

    async def error(self, operation: str = "CreateEventSourceMapping", **params: Any) -> dict[str, Any]:
        """The error of an operation."""
        named = {"FunctionName": "worker"} if operation.startswith("Create") else {}
        return await self.client.error(operation, **{**named, **params})


def with_mappings(scenario: Callable[[Mapped], Awaitable[None]]) -> None:
    """Run a scenario in a cloud that polls."""

    async def body(cloud: PollingCloud) -> None:
        await scenario(Mapped(cloud))

    run(body)


def fault(code: str, text: str, status: int = 400, member: str = "message") -> dict[str, Any]:
    """An error's answer; some errors have their text in a member with a capital."""
    return {"Error": {"Code": code, "Message": text}, "Type": "User", member: text, "Status": status}


def invalid(text: str) -> dict[str, Any]:
    """The answer to a parameter that is refused."""
    return fault("InvalidParameterValueException", text)


def taken(text: str) -> dict[str, Any]:
    """The answer where there is such a mapping already."""
    return fault("ResourceConflictException", text, 409)


def queue_mapping(source: str = QUEUE, **changes: Any) -> dict[str, Any]:
    """A mapping of a queue as it is shown when it is made."""
    return {
        "BatchSize": 10,
        "EventSourceArn": source,
        "EventSourceMappingArn": ANY,
        "FunctionArn": WORKER,
        "FunctionResponseTypes": [],
        "LastModified": ANY,
        "MaximumBatchingWindowInSeconds": 0,
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
        "UUID": ANY,
        **changes,
    }


def stream_mapping(source: str, **changes: Any) -> dict[str, Any]:
    """A mapping of a stream as it is shown when it is made with `STREAM`."""
    own = {
        "BatchSize": 1,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "LastProcessingResult": "No records processed",
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": 1,
        "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
    }
    return queue_mapping(source, **{**own, **changes})


STREAM: dict[str, Any] = {
    "BatchSize": 1,
    "StartingPosition": "TRIM_HORIZON",
    "MaximumBatchingWindowInSeconds": 1,
    "MaximumRetryAttempts": 1,
}


def record(body: str, source: str = QUEUE, count: str = "1", **more: Any) -> dict[str, Any]:
    """A message as a function is given it."""
    return {
        "attributes": {**SYSTEM, "ApproximateReceiveCount": count},
        "awsRegion": REGION,
        "body": body,
        "eventSource": "aws:sqs",
        "eventSourceARN": source,
        "md5OfBody": ANY,
        "messageAttributes": {},
        "messageId": ANY,
        "receiptHandle": ANY,
        **more,
    }


def change(source: str, keys: dict[str, Any], image: dict[str, Any], size: int, view: str) -> dict[str, Any]:
    """A record of a stream, of an item that was written first, as a function is given it."""
    return {
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": ANY,
            "Keys": keys,
            "NewImage": image,
            "SequenceNumber": ANY,
            "SizeBytes": size,
            "StreamViewType": view,
        },
        "eventID": ANY,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "eventSourceARN": source,
        "eventVersion": "1.1",
    }


async def received(cloud: PollingCloud, name: str) -> list[dict[str, Any]]:
    """The messages in a queue, as a client sees them; bodies that are JSON as values."""
    client = Client(cloud, "sqs")
    asked = {"QueueUrl": f"http://localhost:4566/{ACCOUNT}/{name}", "MaxNumberOfMessages": 10}
    answer = await client.call("ReceiveMessage", **asked, MessageAttributeNames=["All"])
    return [{**found, "Body": value(found["Body"])} for found in answer.get("Messages", ())]


def value(text: str) -> Any:
    """What a JSON text says, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text
