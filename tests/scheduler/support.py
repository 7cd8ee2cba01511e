"""A cloud with a role that Scheduler may assume, and queues to send to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.errors import ServiceError
from lambent.kv import outbox
from lambent.kv.outbox import Entry
from tests.support import ACCOUNT, REGION, TestCloud

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
OFF = {"Mode": "OFF"}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/runner"
EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


class ScheduleCloud(TestCloud):
    """Begin with `cloud = await ScheduleCloud.begin()`; it is 2026-01-01T00:00:00Z."""

    relay: Relay

    @classmethod
    async def begin(cls) -> ScheduleCloud:
        """A cloud whose events are delivered, with the role `runner` that may do everything, and the queue `q`."""
        cloud = cls()
        cloud.clock.advance(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * SECOND_NS - cloud.clock.now_ns())
        cloud.relay = Relay(cloud, cloud.store.node)
        await cloud.relay.start()
        await cloud.role("runner", EVERYTHING)
        await cloud.queue("q")
        return cloud

    async def role(self, name: str, statements: list[dict[str, Any]], service: str = "scheduler") -> str:
        """The ARN of a new role of a service with these statements."""
        principal = {"Service": f"{service}.amazonaws.com"}
        trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
        await self.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=document(trust))
        policy = document({"Statement": statements})
        await self.call("iam", "PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=policy)
        return f"arn:aws:iam::{ACCOUNT}:role/{name}"

    async def queue(self, name: str, **attributes: str) -> str:
        """The ARN of a new queue."""
        await self.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
        return arn(name)

    async def schedule(self, expression: str, operation: str = "CreateSchedule", **params: Any) -> str:
        """Make the schedule `s`, which sends `ping` to the queue `q` unless `Target` says otherwise."""
        target = {"Arn": arn("q"), "RoleArn": ROLE, "Input": "ping", **params.pop("Target", {})}
        whole = {"Name": "s", "FlexibleTimeWindow": OFF, "ScheduleExpression": expression, "Target": target, **params}
        answer = await self.call("scheduler", operation, **whole)
        await self.settle()
        return str(answer["ScheduleArn"])

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        """Code and message of the error that an operation of Scheduler ends with."""
        try:
            await self.call("scheduler", operation, **params)
        except ServiceError as error:
            return error.code, error.message
        raise AssertionError(f"{operation} succeeded")

    async def timers(self) -> list[Entry]:
        """What of Scheduler is in the outbox."""
        pending = await self.store.read(outbox.pending)
        found = [claimed.entry for _, claimed in pending]
        return [entry for entry in found if entry.event.principal == "scheduler.amazonaws.com"]

    async def pass_minutes(self, minutes: int) -> None:
        """Let minutes pass, one by one."""
        for _ in range(minutes):
            self.clock.advance(MINUTE_NS)
            await self.settle()

    async def settle(self) -> None:
        """Let everything happen that is to happen now."""
        for _ in range(4):
            await self.relay.settled()
            await asyncio.sleep(0)

    async def messages(self, queue: str = "q") -> list[dict[str, Any]]:
        """The messages on a queue, which are taken off it."""
        url = f"{self.settings.endpoint}/{ACCOUNT}/{queue}"
        found: list[dict[str, Any]] = []
        while True:
            asked: dict[str, Any] = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
            answer = await self.call("sqs", "ReceiveMessage", **asked)
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                await self.call("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(message)

    async def bodies(self, queue: str = "q") -> list[str]:
        """The bodies of the messages on a queue, which are taken off it."""
        return [message["Body"] for message in await self.messages(queue)]


def arn(queue: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"


def document(policy: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", **policy})


def run(body: Callable[[ScheduleCloud], Awaitable[None]]) -> None:
    """Run a test on a cloud of its own."""

    async def main() -> None:
        cloud = await ScheduleCloud.begin()
        try:
            await body(cloud)
        finally:
            await cloud.relay.stop()
            await cloud.cancel_spawned()

    asyncio.run(main())
