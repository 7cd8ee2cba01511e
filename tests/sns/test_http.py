"""HTTP endpoints: confirmation, retries by the delivery policy, what is refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from lambent.contracts.events import Undeliverable
from lambent.contracts.http import Request
from lambent.kit.calling import place
from lambent.services.sns import serve
from lambent.services.sns.http import post
from lambent.services.sns.model import Subscription, Topic
from lambent.services.sns.retrying import delay_s, effective

from .support import SECOND_NS, Endpoint, SnsCloud


async def _visit(cloud: SnsCloud, url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    answer = await serve(cloud, Request("GET", parts.path, parts.query))
    assert isinstance(answer.body, bytes)
    await cloud.settle()
    return answer.status, answer.body.decode()


async def _subscribed(cloud: SnsCloud, endpoint: Endpoint, topic: str, **attributes: str) -> str:
    subscription = await cloud.subscribe(topic, endpoint.url, "http", **attributes)
    await endpoint.wait(1)
    _, _, body = endpoint.posts.pop()
    status, _ = await _visit(cloud, json.loads(body)["SubscribeURL"])
    assert status == 200
    return subscription


def test_an_endpoint_confirms_hears_and_ends() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        async with Endpoint() as endpoint:
            answer = await cloud.sns("Subscribe", TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
            assert answer == {"SubscriptionArn": "pending confirmation"}
            await cloud.sns("Publish", TopicArn=topic, Message="too early")
            await endpoint.wait(1)
            ((line, headers, body),) = endpoint.posts
            asked = json.loads(body)
            assert line == "POST /hook HTTP/1.1"
            assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation"
            assert headers["x-amz-sns-topic-arn"] == asked["TopicArn"] == topic
            assert headers["content-type"] == "text/plain; charset=UTF-8"
            assert headers["user-agent"] == "Amazon Simple Notification Service Agent"
            assert "x-amz-sns-subscription-arn" not in headers
            link = asked["SubscribeURL"]
            assert await _visit(cloud, link.replace(asked["Token"], "abc")) == (400, _Contains("parameter: Token<"))
            assert await _visit(cloud, link.replace(topic, "not-an-arn")) == (400, _Contains("parameter: Topic<"))
            other = topic.replace("us-east-1", "us-west-1")
            assert (await _visit(cloud, link.replace(topic, other)))[0] == 400
            status, text = await _visit(cloud, link)
            assert (status, text) == (200, _Contains(f"<SubscriptionArn>{topic}:"))
            await cloud.sns("Publish", TopicArn=topic, Message="hello")
            await endpoint.wait(2)
            _, headers, body = endpoint.posts[1]
            heard = json.loads(body)
            assert heard["Message"] == "hello"
            assert headers["x-amz-sns-message-id"] == heard["MessageId"]
            await _visit(cloud, heard["UnsubscribeURL"])
            await endpoint.wait(3)
            _, headers, body = endpoint.posts[2]
            assert headers["x-amz-sns-message-type"] == "UnsubscribeConfirmation"
            assert (await cloud.sns("ListSubscriptions"))["Subscriptions"] == []
            await _visit(cloud, json.loads(body)["SubscribeURL"])
            (restored,) = (await cloud.sns("ListSubscriptions"))["Subscriptions"]
            assert restored["SubscriptionArn"] == headers["x-amz-sns-subscription-arn"]

    asyncio.run(run())


class _Contains(str):
    """Equal to every text that contains it."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and str(self) in other

    __hash__ = str.__hash__


def test_raw_delivery_with_the_content_type_of_the_policy() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        async with Endpoint() as endpoint:
            policy = json.dumps({"requestPolicy": {"headerContentType": "text/csv"}})
            await _subscribed(cloud, endpoint, topic, RawMessageDelivery="true", DeliveryPolicy=policy)
            await cloud.sns("Publish", TopicArn=topic, Message="a,b")
            await endpoint.wait(1)
            _, headers, body = endpoint.posts[0]
            assert (headers["content-type"], headers["x-amz-sns-rawdelivery"], body) == ("text/csv", "true", "a,b")

    asyncio.run(run())


def test_failures_are_retried_by_the_clock_and_end_in_the_dead_letter_queue() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, dead = await cloud.topic(), await cloud.queue("dead")
        async with Endpoint() as endpoint:
            policy = {"minDelayTarget": 5, "maxDelayTarget": 5, "numRetries": 2, "numNoDelayRetries": 0}
            await _subscribed(
                cloud,
                endpoint,
                topic,
                DeliveryPolicy=json.dumps({"healthyRetryPolicy": policy}),
                RedrivePolicy=json.dumps({"deadLetterTargetArn": dead}),
            )
            endpoint.statuses = [500, 429, 503, 200]
            await cloud.sns("Publish", TopicArn=topic, Message="tried")
            for count in (1, 2, 3):
                await endpoint.wait(count)
                await cloud.settle()
                cloud.clock.advance(4 * SECOND_NS)
                await cloud.settle()
                assert len(endpoint.posts) == count
                cloud.clock.advance(SECOND_NS)
                await cloud.settle()
            assert len(endpoint.posts) == 3
            assert [message["Body"]["Message"] for message in await cloud.received(dead)] == ["tried"]

    asyncio.run(run())


@pytest.mark.parametrize("status", [301, 404])
def test_a_redirect_or_a_refusal_is_final(status: int) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        async with Endpoint() as endpoint:
            endpoint.statuses = [status]
            with pytest.raises(Undeliverable, match=str(status)):
                await post(cloud, endpoint.url, {}, b"x")
            assert len(endpoint.posts) == 1

    asyncio.run(run())


def test_the_throttle_policy_spaces_messages_out() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        async with Endpoint() as endpoint:
            policy = json.dumps({"throttlePolicy": {"maxReceivesPerSecond": 2}})
            await _subscribed(cloud, endpoint, topic, DeliveryPolicy=policy)
            await cloud.sns("Publish", TopicArn=topic, Message="1")
            await endpoint.wait(1)
            await cloud.sns("Publish", TopicArn=topic, Message="2")
            assert len(endpoint.posts) == 1
            cloud.clock.advance(SECOND_NS // 2)
            await cloud.settle()
            await endpoint.wait(2)

    asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    [
        "/_lambent/mail",
        "//_lambent/mail",
        "/x/../_lambent/mail",
        "/%5Flambent/mail",
        "/%255Flambent/x",
        "/.//_lambent",
        "/2018-06-01/runtime/init/error",
    ],
)
def test_the_nodes_own_doors_are_no_endpoints(path: str) -> None:
    with pytest.raises(ValueError, match="doors"):
        place(f"http://127.0.0.1:4566{path}")


def test_basic_authentication_comes_from_the_address() -> None:
    found = place("https://me:p%40ss@example.com/a?b=c")
    assert (found.url, found.shown) == ("https://example.com/a?b=c", "example.com")
    assert found.authorization == "Basic bWU6cEBzcw=="
    with pytest.raises(ValueError):
        place("http://example.com/a b")


def _policy(**healthy: Any) -> dict[str, Any]:
    topic = Topic(account="1", region="r", name="t", id="i", created_ms=0)
    given = {"healthyRetryPolicy": healthy, "throttlePolicy": None, "requestPolicy": None}
    subscription = Subscription(
        topic="t",
        id="s",
        protocol="http",
        endpoint="",
        owner="",
        principal="",
        created_ms=0,
        attributes={"DeliveryPolicy": json.dumps(given)},
    )
    return effective(topic, subscription)


@pytest.mark.parametrize(
    ("function", "delays"),
    [
        ("linear", [0, 10, 33.3, 56.7, 80, 80, None]),
        ("geometric", [0, 10, 20, 40, 80, 80, None]),
        ("exponential", [0, 10, 20, 40, 80, 80, None]),
        ("arithmetic", [0, 10, 21.7, 45, 80, 80, None]),
    ],
)
def test_the_phases_of_a_delivery_policy(function: str, delays: list[float | None]) -> None:
    policy = _policy(
        numRetries=6,
        minDelayTarget=10,
        maxDelayTarget=80,
        numNoDelayRetries=1,
        numMinDelayRetries=1,
        numMaxDelayRetries=1,
        backoffFunction=function,
    )
    found = [delay_s(policy, retry) for retry in range(1, 8)]
    assert [None if delay is None else round(delay, 1) for delay in found] == delays
