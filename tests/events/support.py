"""A cloud with rules, and queues that let EventBridge in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.caller import Caller, root
from lambent.contracts.errors import ServiceError
from tests.cloudformation.cloud import FakeCompute
from tests.support import ACCOUNT, REGION, TestCloud

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
OTHER = "222222222222"
SOURCE = "core.update-account-command"
DETAIL = {"command": "update-account", "payload": {"acc_id": "0a787ecb-4015", "sf_id": "baz"}}
PATTERN = json.dumps({"source": [SOURCE], "detail-type": [SOURCE], "detail": {"command": ["update-account"]}})


class EventsCloud(TestCloud):
    """Begin with `run(scenario)`."""

    relay: Relay

    async def do(
        self, operation: str, region: str = REGION, caller: Caller | None = None, **params: Any
    ) -> dict[str, Any]:
        """An operation of EventBridge as root; what it caused is done when it returns."""
        answer = await self.call("events", operation, caller, region, **params)
        await self.settle()
        return answer

    async def settle(self) -> None:
        """Let everything happen that is to happen now."""
        for _ in range(4):
            await self.relay.settled()
            await asyncio.sleep(0)

    async def later(self, by_ns: int) -> None:
        """Let time pass, and everything happen that is due at its end."""
        self.clock.advance(by_ns)
        await self.settle()

    async def error(self, operation: str, **params: Any) -> dict[str, str]:
        """Code and message of the error that an operation ends with."""
        try:
            await self.do(operation, **params)
        except ServiceError as error:
            return {"Code": error.code, "Message": error.message}
        raise AssertionError(f"{operation} succeeded")

    async def queue(self, name: str = "q", *, allowed: bool = True, **attributes: str) -> str:
        """The ARN of a queue that rules may send to."""
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        if allowed:
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
            attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        if name.endswith(".fifo"):
            attributes["FifoQueue"] = "true"
        await self.call("sqs", "CreateQueue", QueueName=name, Attributes=attributes)
        return arn

    async def rule(self, name: str, target: str = "", pattern: str = PATTERN, bus: str = "default", **spec: Any) -> str:
        """The ARN of a rule with one target."""
        made = await self.do("PutRule", Name=name, EventPattern=pattern, EventBusName=bus)
        if target:
            targets = [{"Id": "t", "Arn": target, **spec}]
            answer = await self.do("PutTargets", Rule=name, EventBusName=bus, Targets=targets)
            assert answer == {"FailedEntryCount": 0, "FailedEntries": []}
        return str(made["RuleArn"])

    async def put(self, *, caller: Caller | None = None, **entry: Any) -> str:
        """Put one event; its id."""
        entry = {"Source": SOURCE, "DetailType": SOURCE, "Detail": json.dumps(DETAIL), **entry}
        answer = await self.do("PutEvents", caller=caller, Entries=[entry])
        assert answer["FailedEntryCount"] == 0
        return str(answer["Entries"][0]["EventId"])

    async def received(self, queue: str) -> list[Any]:
        """The bodies on a queue, which are taken off it: as values where they are JSON."""
        return [value(message["Body"]) for message in await self.messages(queue)]

    async def messages(self, queue: str) -> list[dict[str, Any]]:
        """The messages on a queue, which are taken off it."""
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
                found.append(message)

    async def role(self, name: str, *actions: str) -> str:
        """The ARN of a role that EventBridge may assume, and that may do some actions."""
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        made = await self.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        if actions:
            statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            await self.call("iam", "PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=document)
        return str(made["Role"]["Arn"])


def value(text: str) -> Any:
    """What a JSON text says, or the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def other() -> Caller:
    """The root user of another account."""
    return root(OTHER)


def run(scenario: Callable[[EventsCloud], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on a cloud whose events are delivered."""

    async def body() -> None:
        cloud = EventsCloud()
        cloud.compute = FakeCompute()
        cloud.relay = Relay(cloud, cloud.store.node)
        await cloud.relay.start()
        try:
            await scenario(cloud)
        finally:
            await cloud.relay.stop()

    asyncio.run(body())
