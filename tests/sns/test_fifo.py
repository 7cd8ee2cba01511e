"""FIFO topics: order, deduplication, the archive; and filters."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent.contracts.events import Delivery, TryAgain, Undeliverable

from .support import SECOND_NS, SnsCloud


async def _publish(cloud: SnsCloud, topic: str, text: str, group: str = "g", **more: Any) -> dict[str, Any]:
    return await cloud.sns("Publish", TopicArn=topic, Message=text, MessageGroupId=group, **more)


def _bodies(messages: list[dict[str, Any]]) -> list[Any]:
    return [message["Body"] for message in messages]


def test_messages_keep_their_order_and_their_ids() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, queue = await cloud.topic("t.fifo"), await cloud.queue("q.fifo")
        await cloud.subscribe(topic, queue, RawMessageDelivery="true")
        answers = [await _publish(cloud, topic, str(n), MessageDeduplicationId=f"id{n}") for n in range(8)]
        numbers = [answer["SequenceNumber"] for answer in answers]
        assert numbers == sorted(set(numbers))
        assert all(len(number) == 20 for number in numbers)
        found = await cloud.received(queue)
        assert _bodies(found) == list(range(8))
        assert found[0]["Attributes"]["MessageGroupId"] == "g"
        assert found[0]["Attributes"]["MessageDeduplicationId"] == "id0"

    asyncio.run(run())


@pytest.mark.parametrize("scope", ["Topic", "MessageGroup"])
def test_duplicates_are_answered_alike_for_five_minutes(scope: str) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic("t.fifo", ContentBasedDeduplication="true", FifoThroughputScope=scope)
        queue = await cloud.queue("q")
        await cloud.subscribe(topic, queue)
        first = await _publish(cloud, topic, "same")
        assert await _publish(cloud, topic, "same") == {**first}
        other = await _publish(cloud, topic, "same", "other")
        assert (other == first) is (scope == "Topic")
        count = 1 if scope == "Topic" else 2
        assert len(await cloud.received(queue)) == count
        cloud.clock.advance(300 * SECOND_NS + SECOND_NS)
        await _publish(cloud, topic, "same")
        (message,) = await cloud.received(queue)
        assert message["Body"]["SequenceNumber"] > first["SequenceNumber"]

    asyncio.run(run())


def test_a_failing_message_holds_up_its_group_only() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        sent: list[str] = []
        broken = {"a1"}

        class Queues:
            async def deliver(self, delivery: Delivery) -> None:
                text = delivery.event.payload.decode()
                if text in broken:
                    raise TryAgain("not now", delay_s=5)
                sent.append(text)

            async def check(self, target: str, principal: str, source: str, account: str) -> None:
                raise Undeliverable("unused")

        cloud.targets["sqs"] = Queues()
        topic = await cloud.topic("t.fifo", ContentBasedDeduplication="true")
        await cloud.subscribe(topic, "arn:aws:sqs:us-east-1:000000000000:q.fifo", RawMessageDelivery="true")
        for text in ("a1", "a2", "b1", "a3", "b2"):
            await _publish(cloud, topic, text, text[0])
        await cloud.settle()
        assert sent == ["b1", "b2"]
        broken.clear()
        cloud.clock.advance(25 * SECOND_NS)
        for _ in range(4):
            await cloud.settle()
        assert sent == ["b1", "b2", "a1", "a2", "a3"]

    asyncio.run(run())


def test_the_archive_is_replayed_in_order_and_then_goes_on() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        archive = json.dumps({"MessageRetentionPeriod": "2"})
        topic = await cloud.topic("t.fifo", ContentBasedDeduplication="true", ArchivePolicy=archive)
        begun = (await cloud.sns("GetTopicAttributes", TopicArn=topic))["Attributes"]["BeginningArchiveTime"]
        for number in range(250):
            await cloud.call("sns", "Publish", TopicArn=topic, Message=str(number), MessageGroupId="g")
            cloud.clock.advance(1_000_000)
        queue = await cloud.queue("q.fifo")
        policy = {"PointType": "Timestamp", "StartingPoint": begun}
        subscription = await cloud.subscribe(topic, queue, RawMessageDelivery="true", ReplayPolicy=json.dumps(policy))
        for _ in range(4):
            await cloud.settle()
        assert _bodies(await cloud.received(queue)) == list(range(250))
        shown = (await cloud.sns("GetSubscriptionAttributes", SubscriptionArn=subscription))["Attributes"]
        assert shown["ReplayStatus"] == "Completed"
        await _publish(cloud, topic, "250")
        assert _bodies(await cloud.received(queue)) == [250]
        cloud.clock.advance(3 * 86_400 * SECOND_NS)
        await _publish(cloud, topic, "late")
        assert (await cloud.error("DeleteTopic", TopicArn=topic))["Code"] == "InvalidState"
        await cloud.sns("SetTopicAttributes", TopicArn=topic, AttributeName="ArchivePolicy", AttributeValue="{}")
        await cloud.sns("DeleteTopic", TopicArn=topic)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("scope", "policy", "message", "attributes", "passes"),
    [
        ("MessageAttributes", {"store": ["a"]}, "x", {"store": ("String", "a")}, True),
        ("MessageAttributes", {"store": ["a"]}, "x", {"store": ("String", "b")}, False),
        ("MessageAttributes", {"store": [{"exists": False}]}, "x", {}, True),
        ("MessageAttributes", {"n": [{"numeric": [">=", 5]}]}, "x", {"n": ("Number", "5")}, True),
        ("MessageAttributes", {"n": ["5"]}, "x", {"n": ("Number", "5")}, False),
        ("MessageAttributes", {"tags": ["b"]}, "x", {"tags": ("String.Array", '["a", "b", null]')}, True),
        ("MessageAttributes", {"tags": ["c"]}, "x", {"tags": ("String.Array", '["a", "b"]')}, False),
        ("MessageBody", {"a": {"b": [{"prefix": "x"}]}}, '{"a": {"b": "xy"}}', {}, True),
        ("MessageBody", {"a": {"b": [{"prefix": "x"}]}}, '{"a": {"b": ["z", "xy"]}}', {}, True),
        ("MessageBody", {"a": {"b": [{"prefix": "x"}]}}, "no json", {}, False),
        ("MessageBody", {"$or": [{"a": [1]}, {"b": [2]}]}, '{"b": 2}', {}, True),
    ],
)
def test_filters(scope: str, policy: Any, message: str, attributes: dict[str, tuple[str, str]], passes: bool) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, queue = await cloud.topic(), await cloud.queue()
        await cloud.subscribe(
            topic, queue, FilterPolicy=json.dumps(policy), FilterPolicyScope=scope, RawMessageDelivery="true"
        )
        given = {name: {"DataType": kind, "StringValue": text} for name, (kind, text) in attributes.items()}
        await cloud.sns("Publish", TopicArn=topic, Message=message, MessageAttributes=given)
        assert len(await cloud.received(queue)) == int(passes)

    asyncio.run(run())
