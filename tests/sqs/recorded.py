"""Queues as the recorded cases have them: a client of one protocol, and its errors as AWS was recorded to answer."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import ANY

import pytest

from tests.client import Client

from .support import SECOND_NS, SqsCloud, arn

PROTOCOLS = {"sqs": "json", "sqs_query": "query"}
both = pytest.mark.parametrize("protocol", PROTOCOLS)
"""For a case that was recorded in both protocols."""
json_only = pytest.mark.parametrize("protocol", ["sqs"])
query_only = pytest.mark.parametrize("protocol", ["sqs_query"])
OLD = "AWS.SimpleQueueService."


class Queue:
    """A queue and a client of it."""

    def __init__(self, client: Client, name: str, url: str) -> None:
        self.client, self.name, self.url, self.arn = client, name, url, arn(name)

    async def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation on this queue."""
        return await self.client.call(operation, QueueUrl=self.url, **params)

    async def error(self, operation: str, **params: Any) -> dict[str, Any]:
        """The error of an operation on this queue."""
        return await self.client.error(operation, QueueUrl=self.url, **params)

    async def attributes(self, *names: str) -> dict[str, str]:
        """The queue's attributes."""
        answer = await self("GetQueueAttributes", AttributeNames=list(names or ["All"]))
        found: dict[str, str] = answer.pop("Attributes", {})
        assert answer == {}
        return found

    async def send(self, body: str, **params: Any) -> dict[str, Any]:
        """Send a message."""
        return await self("SendMessage", MessageBody=body, **params)

    async def receive(self, **params: Any) -> dict[str, Any]:
        """Receive ten messages at most."""
        return await self("ReceiveMessage", **{"MaxNumberOfMessages": 10, **params})

    async def set(self, **attributes: str) -> None:
        """Set attributes."""
        await self("SetQueueAttributes", Attributes=attributes)


class Recorded:
    """A cloud, and a client that speaks `protocol`: `sqs` (JSON) or `sqs_query`."""

    def __init__(self, protocol: str = "sqs") -> None:
        self.cloud = SqsCloud()
        self.client = Client(self.cloud, "sqs", PROTOCOLS[protocol])

    async def queue(self, name: str = "q", **attributes: str) -> Queue:
        """Make a queue."""
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        params: dict[str, Any] = {"Attributes": attributes} if attributes else {}
        answer = await self.client.call("CreateQueue", QueueName=name, **params)
        assert set(answer) == {"QueueUrl"}
        return Queue(self.client, name, answer["QueueUrl"])

    async def waiting(self, queue: Queue, seconds: int) -> asyncio.Task[dict[str, Any]]:
        """A long poll of a queue whose time has come."""
        task = asyncio.ensure_future(queue("ReceiveMessage", WaitTimeSeconds=seconds))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not task.done()
        self.cloud.clock.advance(seconds * SECOND_NS)
        return task


def standard(name: str = "q", **changes: str) -> dict[str, str]:
    """All attributes of a standard queue."""
    return {
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "CreatedTimestamp": ANY,
        "DelaySeconds": "0",
        "LastModifiedTimestamp": ANY,
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "QueueArn": arn(name),
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
        **changes,
    }


def fifo(name: str = "q.fifo", **changes: str) -> dict[str, str]:
    """All attributes of a FIFO queue."""
    own = {
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoQueue": "true",
        "FifoThroughputLimit": "perQueue",
    }
    return standard(name, **{**own, **changes})


def message(body: str, md5: str, **more: Any) -> dict[str, Any]:
    """A received message."""
    return {"Body": body, "MD5OfBody": md5, "MessageId": ANY, "ReceiptHandle": ANY, **more}


def fault(protocol: str, code: str, text: str, name: str = "", status: int = 400) -> dict[str, Any]:
    """An error's answer; `name` is its newer name, where it has one. The query protocol has an empty Detail instead."""
    more = {"QueryErrorCode": name or code} if protocol == "sqs" else {"Detail": None}
    return {"Error": {"Code": code, "Message": text, "Type": "Sender", **more}, "Status": status}


def invalid(protocol: str, text: str) -> dict[str, Any]:
    """A parameter's value that is refused."""
    return fault(protocol, "InvalidParameterValue", text, "InvalidParameterValueException")


def ids(answer: dict[str, Any]) -> list[str]:
    """The ids of received messages."""
    return [found["MessageId"] for found in answer.get("Messages", ())]
