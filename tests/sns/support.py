"""A cloud with topics, queues that let them in, and an HTTP endpoint that does what a test says."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.errors import ServiceError
from lambent.mail import Letter, letters
from tests.lambda_.support import TRUST, zipped
from tests.support import ACCOUNT, REGION, TestCloud

SECOND_NS = 1_000_000_000


class SnsCloud(TestCloud):
    """Begin with `cloud = await SnsCloud.begin()`."""

    relay: Relay

    @classmethod
    async def begin(cls, **settings: Any) -> SnsCloud:
        """A cloud whose events are delivered."""
        cloud = cls(**settings)
        cloud.relay = Relay(cloud, cloud.store.node)
        await cloud.relay.start()
        return cloud

    async def sns(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation of SNS as root; what it caused is done when it returns."""
        answer = await self.call("sns", operation, **params)
        await self.settle()
        return answer

    async def settle(self) -> None:
        """Let everything happen that is to happen now."""
        for _ in range(3):
            await self.relay.settled()
            await asyncio.sleep(0)

    async def error(self, operation: str, **params: Any) -> dict[str, str]:
        """Code and message of the error that an operation ends with."""
        try:
            await self.call("sns", operation, **params)
        except ServiceError as error:
            return {"Code": error.code, "Message": error.message}
        raise AssertionError(f"{operation} succeeded")

    async def topic(self, name: str = "t", **attributes: str) -> str:
        """A topic's ARN."""
        if name.endswith(".fifo"):
            attributes["FifoTopic"] = "true"
        return str((await self.sns("CreateTopic", Name=name, Attributes=attributes))["TopicArn"])

    async def queue(self, name: str = "q", *, allowed: bool = True) -> str:
        """The ARN of a queue that topics may send to."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})} if allowed else {}
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        await self.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
        return arn

    async def function(self, name: str = "f") -> str:
        """A function's ARN. Nothing runs it."""
        arn = f"arn:aws:iam::{ACCOUNT}:role/runner"
        if not any(role["RoleName"] == "runner" for role in (await self.call("iam", "ListRoles"))["Roles"]):
            await self.call("iam", "CreateRole", RoleName="runner", AssumeRolePolicyDocument=json.dumps(TRUST))
        params = {"Runtime": "python3.12", "Handler": "app.handler", "Role": arn, "Code": {"ZipFile": zipped()}}
        made = await self.call("lambda", "CreateFunction", FunctionName=name, **params)
        return str(made["FunctionArn"])

    async def subscribe(self, topic: str, endpoint: str, protocol: str = "sqs", **attributes: str) -> str:
        """A subscription's ARN."""
        answer = await self.sns(
            "Subscribe",
            TopicArn=topic,
            Protocol=protocol,
            Endpoint=endpoint,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        return str(answer["SubscriptionArn"])

    async def received(self, queue: str) -> list[dict[str, Any]]:
        """The messages on a queue, which are taken off it; a body that is JSON as its value."""
        url = f"{self.settings.endpoint}/{ACCOUNT}/{queue.rpartition(':')[2]}"
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.call(
                "sqs",
                "ReceiveMessage",
                QueueUrl=url,
                MaxNumberOfMessages=10,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=0,
            )
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                await self.call("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append({**message, "Body": value(message["Body"])})

    async def mailed(self) -> list[Letter]:
        """All letters, oldest first."""
        found: list[Letter] = await self.store.read(lambda tx: letters(tx, 1000))
        return found[::-1]


def value(text: str) -> Any:
    """What a JSON text says, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


class Endpoint:
    """An HTTP server on a free port: `statuses` are its next answers (200 after them), `posts` what it was sent."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.posts: list[tuple[str, dict[str, str], str]] = []
        self._server: asyncio.Server | None = None
        self._heard = asyncio.Event()

    async def wait(self, count: int) -> None:
        """Until so many posts have come."""
        while len(self.posts) < count:
            self._heard.clear()
            await self._heard.wait()

    async def __aenter__(self) -> Endpoint:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Its address."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in lines[1:] if line}
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        self.posts.append((lines[0], headers, body))
        self._heard.set()
        status = self.statuses.pop(0) if self.statuses else 200
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nLocation: /elsewhere\r\n\r\n".encode())
        await writer.drain()
        writer.close()
