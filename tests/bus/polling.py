"""A cloud for the tests of pollers: a role, a function that does what a test says, queues and streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from lambent.bus.members import Members
from lambent.bus.pollers import Pollers, forget_node
from lambent.bus.relay import Relay
from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from lambent.kv.nodes import NodeRecord
from tests.lambda_.support import TRUST, zipped
from tests.support import ACCOUNT, REGION, TestCloud

SECOND_NS = 1_000_000_000
ROLE = f"arn:aws:iam::{ACCOUNT}:role/runner"
WORKER = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:worker"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
POLLING = ("sqs:*", "dynamodb:*", "s3:*", "sns:*")

Behaviour = Callable[[dict[str, Any]], Any]


class Broken(Exception):
    """What a test's function raises to fail."""


class Compute:
    """Implements contracts.functions.Compute: runs `behave`, which may wait, on the event. `events` are all events,
    `concurrent_max` is how many ran at the same time."""

    def __init__(self) -> None:
        self.behave: Callable[[dict[str, Any]], Any] | Callable[[dict[str, Any]], Awaitable[Any]] = lambda event: None
        self.events: list[dict[str, Any]] = []
        self.running = 0
        self.concurrent_max = 0

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        event = json.loads(invocation.payload)
        self.events.append(event)
        self.running += 1
        self.concurrent_max = max(self.concurrent_max, self.running)
        try:
            answer = self.behave(event)
            if asyncio.iscoroutine(answer):
                answer = await answer
        except Broken as error:
            return Outcome(payload=json.dumps({"errorMessage": str(error)}).encode(), error="Unhandled")
        finally:
            self.running -= 1
        return Outcome(payload=json.dumps(answer).encode())

    async def retire(self, arn_prefix: str) -> None:
        """Nothing is kept."""

    def runtimes(self) -> list[str]:
        return ["python3.12"]

    def load(self) -> dict[str, int]:
        return {}

    async def close(self) -> None:
        """Nothing runs."""


class PollingCloud(TestCloud):
    """One node; `PollingCloud(beside=first)` is another of the same cloud, with the same compute."""

    compute: Compute

    def __init__(self, beside: PollingCloud | None = None, seed: int = 1) -> None:
        super().__init__(seed, beside=beside)
        self.compute = beside.compute if beside else Compute()
        self.relay = Relay(self, self.store.node)
        self.pollers = Pollers(self)
        record = NodeRecord(id=self.store.node, name=f"node{seed}", endpoint="", version="", started_ms=0)
        self.members = Members(self, record, self.pollers.load, lambda: None, (forget_node,))

    async def begin(self, *allowed: str, **function: Any) -> PollingCloud:
        """The role and the function `worker`; polling starts."""
        await self.call("iam", "CreateRole", RoleName="runner", AssumeRolePolicyDocument=json.dumps(TRUST))
        await self.allow(*(allowed or POLLING))
        params = {"Runtime": "python3.12", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": zipped()}}
        await self.call("lambda", "CreateFunction", **{"FunctionName": "worker", **params, **function})
        await self.relay.start()
        await self.pollers.start()
        return self

    async def allow(self, *actions: str) -> None:
        """Give the role these permissions, and no others."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self.call("iam", "PutRolePolicy", RoleName="runner", PolicyName="allow", PolicyDocument=document)

    async def queue(self, name: str = "q", **attributes: Any) -> str:
        """Make a queue; returns its ARN."""
        given = {key: str(value) for key, value in attributes.items()}
        await self.call("sqs", "CreateQueue", QueueName=name, Attributes=given)
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    async def allow_topic(self, name: str, topic: str) -> None:
        """Let a topic send to a queue."""
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await self.call("sqs", "SetQueueAttributes", QueueUrl=url(name), Attributes={"Policy": policy})

    async def send(self, *bodies: Any, name: str = "q", **params: Any) -> None:
        """Send messages; what is no text goes as JSON."""
        for body in bodies:
            text = body if isinstance(body, str) else json.dumps(body)
            await self.call("sqs", "SendMessage", QueueUrl=url(name), MessageBody=text, **params)

    async def depth(self, name: str = "q") -> tuple[int, int]:
        """How many messages can be received, and how many are in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = await self.call("sqs", "GetQueueAttributes", QueueUrl=url(name), AttributeNames=names)
        found = answer["Attributes"]
        return int(found[names[0]]), int(found[names[1]])

    async def bodies(self, name: str) -> list[Any]:
        """The messages in a queue, which are taken out of it."""
        answer = await self.call("sqs", "ReceiveMessage", QueueUrl=url(name), MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", ())]

    async def stream(self, name: str = "table") -> str:
        """Make a table with a stream; returns the stream's ARN."""
        made = await self.call(
            "dynamodb",
            "CreateTable",
            TableName=name,
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        found: str = made["TableDescription"]["LatestStreamArn"]
        return found

    async def write(self, *ids: str, name: str = "table", **attributes: Any) -> None:
        """Put items with these keys."""
        more = {key: {"S": str(value)} for key, value in attributes.items()}
        for id in ids:
            await self.call("dynamodb", "PutItem", TableName=name, Item={"id": {"S": id}, **more})

    async def map(self, source: str, **params: Any) -> dict[str, Any]:
        """Map a source to the function, and wait until it is polled."""
        if ":dynamodb:" in source:
            params = {"StartingPosition": "TRIM_HORIZON", **params}
        params = {"FunctionName": "worker", "EventSourceArn": source, **params}
        made = await self.call("lambda", "CreateEventSourceMapping", **params)
        await turns()
        return made

    async def mapping(self, id: str) -> dict[str, Any]:
        """A mapping as it is shown now."""
        return await self.call("lambda", "GetEventSourceMapping", UUID=id)

    async def advance(self, seconds: float, step_s: float = 1.0) -> None:
        """Move the clock step by step, letting what is due be done."""
        left_ns = int(seconds * SECOND_NS)
        while left_ns > 0:
            step_ns = min(left_ns, int(step_s * SECOND_NS))
            self.clock.advance(step_ns)
            left_ns -= step_ns
            await turns()

    async def die(self) -> None:
        """As if the node were killed: nothing more is done or put away here."""
        if not self.store._closed:
            self.store.die()
        for task in self.pollers.tasks():
            task.cancel()
        await self.cancel_spawned()
        await turns()

    @property
    def batches(self) -> list[list[str]]:
        """What the function was given: by batch the bodies, or the keys of the items."""
        return [[_short(record) for record in event["Records"]] for event in self.compute.events]


def _short(record: dict[str, Any]) -> str:
    if "body" in record:
        return str(record["body"])
    return str(record["dynamodb"]["Keys"]["id"]["S"])


def url(name: str) -> str:
    """The URL of a queue."""
    return f"http://127.0.0.1:4566/{ACCOUNT}/{name}"


async def turns(count: int = 60) -> None:
    """Let what is under way in memory come to its end."""
    for _ in range(count):
        await asyncio.sleep(0)


def run(test: Callable[[PollingCloud], Awaitable[None]]) -> None:
    """Run a test in a cloud with the role, the function and pollers; everything is stopped afterwards."""

    async def body() -> None:
        cloud = await PollingCloud().begin()
        try:
            await test(cloud)
        finally:
            await cloud.pollers.stop(0)
            await cloud.cancel_spawned()

    asyncio.run(body())
