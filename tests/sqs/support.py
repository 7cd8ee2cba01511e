"""A cloud with queues, and what the tests of SQS share."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.bus.relay import Relay
from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import ServiceError
from lambent.services.sqs.errors import old_code

from ..support import ACCOUNT, REGION, TestCloud

SECOND_NS = 1_000_000_000
COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def arn(name: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def url(name: str) -> str:
    """The URL of a queue."""
    return f"http://127.0.0.1:4566/{ACCOUNT}/{name}"


def user(name: str = "somebody", account: str = ACCOUNT) -> Caller:
    """A user without any policy."""
    arn = f"arn:aws:iam::{account}:user/{name}"
    return Caller(kind=Principal.USER, account=account, arn=arn, user_id="AIDAEXAMPLE")


class SqsCloud(TestCloud):
    """The small cloud; its methods are about the queue `name`, `q` unless another is named."""

    relay: Relay

    async def sqs(self, operation: str, name: str = "q", **params: Any) -> dict[str, Any]:
        """Call an operation about a queue."""
        return await self.call("sqs", operation, QueueUrl=url(name), **params)

    async def create(self, name: str = "q", tags: dict[str, str] | None = None, **attributes: Any) -> str:
        """Make a queue; returns its URL."""
        given = {key: str(value) for key, value in attributes.items()}
        if name.endswith(".fifo"):
            given = {"FifoQueue": "true", **given}
        more: dict[str, Any] = {"tags": tags} if tags else {}
        found: str = (await self.call("sqs", "CreateQueue", QueueName=name, Attributes=given, **more))["QueueUrl"]
        return found

    async def send(self, body: str, name: str = "q", **params: Any) -> dict[str, Any]:
        """Send a message."""
        return await self.sqs("SendMessage", name, MessageBody=body, **params)

    async def receive(self, name: str = "q", limit: int = 10, **params: Any) -> list[dict[str, Any]]:
        """Receive messages."""
        found: list[dict[str, Any]] = (await self.sqs("ReceiveMessage", name, MaxNumberOfMessages=limit, **params)).get(
            "Messages", []
        )
        return found

    async def bodies(self, name: str = "q", limit: int = 10, **params: Any) -> list[str]:
        """The bodies of received messages."""
        return [message["Body"] for message in await self.receive(name, limit, **params)]

    async def delete(self, handle: str, name: str = "q") -> None:
        """Delete a message."""
        await self.sqs("DeleteMessage", name, ReceiptHandle=handle)

    async def attributes(self, name: str = "q", *names: str) -> dict[str, str]:
        """A queue's attributes."""
        found: dict[str, str] = (await self.sqs("GetQueueAttributes", name, AttributeNames=list(names or ["All"]))).get(
            "Attributes", {}
        )
        return found

    async def counts(self, name: str = "q") -> tuple[int, int, int]:
        """Messages that can be received, that are in flight, that are delayed."""
        found = await self.attributes(name, *COUNTS)
        visible, in_flight, delayed = (int(found[count]) for count in COUNTS)
        return visible, in_flight, delayed

    async def start_relay(self) -> None:
        """Deliver events from now on."""
        self.relay = Relay(self, self.store.node)
        await self.relay.start()

    async def advance(self, seconds: float) -> None:
        """Move the clock in one step, and let everything that is due happen."""
        self.clock.advance(int(seconds * SECOND_NS))
        if hasattr(self, "relay"):
            await self.settle()

    async def settle(self) -> None:
        """Let what is under way happen."""
        for _ in range(3):
            await asyncio.sleep(0)
            await self.relay.settled()

    async def rows(self, prefix: bytes = b"\x03sqs.") -> int:
        """How many rows of the service there are."""
        return len(await self.store.read(lambda tx: tx.scan(prefix, prefix + b"\xff")))


async def refused(work: Any) -> tuple[str, str]:
    """The code that the query protocol shows of an error, and its message."""
    with pytest.raises(ServiceError) as caught:
        await work
    return old_code(caught.value), caught.value.message
