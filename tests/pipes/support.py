"""A cloud whose pipes run: the function `worker`, the role `piper`, the source queue `q` and the target queue `out`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from lambent.contracts.errors import ServiceError
from tests.bus.polling import QUEUE, WORKER, Broken, PollingCloud, turns, url
from tests.support import ACCOUNT, REGION

__all__ = ["OUT", "QUEUE", "ROLE", "WORKER", "Broken", "PipeCloud", "run", "turns", "url"]

ROLE = f"arn:aws:iam::{ACCOUNT}:role/piper"
OUT = f"arn:aws:sqs:{REGION}:{ACCOUNT}:out"


class PipeCloud(PollingCloud):
    """Begin with `await PipeCloud().ready()`."""

    async def ready(self) -> PipeCloud:
        """Roles, function and queues; polling starts."""
        await self.begin()
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "pipes.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self.call("iam", "CreateRole", RoleName="piper", AssumeRolePolicyDocument=trust)
        await self.permit("*")
        await self.queue()
        await self.queue("out")
        return self

    async def permit(self, *actions: str) -> None:
        """Give the pipes' role these permissions, and no others."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self.call("iam", "PutRolePolicy", RoleName="piper", PolicyName="p", PolicyDocument=document)

    async def pipe(self, **params: Any) -> dict[str, Any]:
        """Make the pipe `p` from `q` to `out` unless the parameters say otherwise, and wait until it is polled."""
        whole = {"Name": "p", "Source": QUEUE, "Target": OUT, "RoleArn": ROLE, **params}
        made = await self.call("pipes", "CreatePipe", **whole)
        await turns()
        return made

    @property
    def given(self) -> list[Any]:
        """What functions were invoked with."""
        return list(self.compute.events)

    async def shown(self) -> dict[str, Any]:
        """The pipe as it is now."""
        return await self.call("pipes", "DescribePipe", Name="p")

    async def out(self, name: str = "out") -> list[str]:
        """The bodies in a queue, which are taken off it."""
        found: list[str] = []
        while True:
            answer = await self.call("sqs", "ReceiveMessage", QueueUrl=url(name), MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                await self.call("sqs", "DeleteMessage", QueueUrl=url(name), ReceiptHandle=message["ReceiptHandle"])
                found.append(message["Body"])

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        """Code and message of the error that an operation of Pipes ends with."""
        try:
            await self.call("pipes", operation, **params)
        except ServiceError as error:
            return error.code, error.message
        raise AssertionError(f"{operation} succeeded")


def run(test: Callable[[PipeCloud], Awaitable[None]]) -> None:
    """Run a test on a cloud of its own; everything is stopped afterwards."""

    async def body() -> None:
        cloud = PipeCloud()
        await cloud.ready()
        try:
            await test(cloud)
        finally:
            await cloud.pollers.stop(0)
            await cloud.cancel_spawned()

    asyncio.run(body())
