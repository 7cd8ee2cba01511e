"""A cloud whose alarms work, with a topic and a queue behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.errors import ServiceError
from lambent.kit.measuring import Meter
from lambent.services.cloudwatch import Recorder
from tests.support import ACCOUNT, REGION, TestCloud

SECOND_NS = 1_000_000_000
START = datetime(2026, 1, 1, tzinfo=UTC)
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"


class WatchCloud(TestCloud):
    """Begin with `cloud = await WatchCloud.begin()`; it is 2026-01-01T00:00:00Z."""

    relay: Relay

    @classmethod
    async def begin(cls) -> WatchCloud:
        """A cloud whose events are delivered, with the topic `alarms` that sends raw messages to the queue `q`."""
        cloud = cls()
        cloud.clock.advance(int(START.timestamp()) * SECOND_NS - cloud.clock.now_ns())
        cloud.metrics = Meter(cloud.clock, cloud.spawn, Recorder(cloud).hand_on)
        cloud.relay = Relay(cloud, cloud.store.node)
        await cloud.relay.start()
        allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        await cloud.call("sqs", "CreateQueue", QueueName="q", Attributes={"Policy": policy})
        await cloud.call("sns", "CreateTopic", Name="alarms")
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
        raw = {"RawMessageDelivery": "true"}
        await cloud.call("sns", "Subscribe", TopicArn=TOPIC, Protocol="sqs", Endpoint=queue, Attributes=raw)
        return cloud

    @property
    def now(self) -> datetime:
        """The clock."""
        return datetime.fromtimestamp(self.clock.now_ns() / 1e9, UTC)

    async def put(self, value: float, name: str = "m", *, ago_s: int = 0, **more: Any) -> None:
        """A measurement of the namespace `N`."""
        datum = {"MetricName": name, "Value": value, "Timestamp": self.now - timedelta(seconds=ago_s), **more}
        await self.call("cloudwatch", "PutMetricData", Namespace="N", MetricData=[datum])

    async def alarm(self, name: str = "a", **more: Any) -> None:
        """An alarm on `m`: a minute's sum above 5, to the topic."""
        params: dict[str, Any] = {
            "MetricName": "m",
            "Namespace": "N",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [TOPIC],
        }
        params = {key: value for key, value in {**params, **more}.items() if value is not None}
        await self.call("cloudwatch", "PutMetricAlarm", AlarmName=name, **params)

    async def shown(self, name: str = "a") -> dict[str, Any]:
        """An alarm as it is described."""
        found = await self.call("cloudwatch", "DescribeAlarms", AlarmNames=[name])
        return dict((found["MetricAlarms"] + found["CompositeAlarms"])[0])

    async def state(self, name: str = "a") -> str:
        """An alarm's state."""
        return str((await self.shown(name))["StateValue"])

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        """Code and message of the error that an operation ends with."""
        try:
            await self.call("cloudwatch", operation, **params)
        except ServiceError as error:
            return error.code, error.message
        raise AssertionError(f"{operation} succeeded")

    async def messages(self) -> list[Any]:
        """What came to the queue, in order."""
        url = f"http://127.0.0.1:4566/{ACCOUNT}/q"
        found = []
        while True:
            answer = await self.call("sqs", "ReceiveMessage", QueueUrl=url, MaxNumberOfMessages=10)
            if not answer.get("Messages"):
                return found
            for message in answer["Messages"]:
                found.append(json.loads(message["Body"]))
                await self.call("sqs", "DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    async def settle(self) -> None:
        """Let everything that is due happen."""
        for _ in range(4):
            await self.relay.settled()
            await asyncio.sleep(0)

    async def pass_s(self, seconds: int) -> None:
        """Let time pass, ten seconds at once."""
        for _ in range(max(seconds // 10, 1)):
            self.clock.advance(min(seconds, 10) * SECOND_NS)
            await self.settle()


def run(body: Callable[[WatchCloud], Awaitable[None]]) -> None:
    """Run a test on a fresh cloud."""

    async def whole() -> None:
        cloud = await WatchCloud.begin()
        try:
            await body(cloud)
        finally:
            await cloud.relay.stop()
            await cloud.cancel_spawned()

    asyncio.run(whole())
