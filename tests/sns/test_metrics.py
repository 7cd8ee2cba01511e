"""What CloudWatch hears of topics."""

from __future__ import annotations

import asyncio
import json

from tests.cloudwatch.noted import Noted
from tests.support import ACCOUNT, REGION

from .support import Endpoint, SnsCloud


def test_a_topic_tells_of_its_messages_and_notifications() -> None:
    async def body() -> None:
        cloud = await SnsCloud.begin()
        noted = Noted.of(cloud)
        topic = await cloud.topic()
        dead = await cloud.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": dead})
        await cloud.subscribe(topic, await cloud.queue("good"))
        await cloud.subscribe(topic, await cloud.queue("closed", allowed=False), RedrivePolicy=policy)
        await cloud.subscribe(topic, await cloud.queue("picky"), FilterPolicy='{"a": ["b"]}')
        await cloud.sns("Publish", TopicArn=topic, Message="hello")
        entries = [{"Id": "1", "Message": "abc"}, {"Id": "2", "Message": "ü"}]
        await cloud.sns("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=entries)
        assert noted.places == {(ACCOUNT, REGION, "AWS/SNS"), (ACCOUNT, REGION, "AWS/SQS")}
        assert noted.units["PublishSize"] == "Bytes"
        assert {name: noted.sum(name, TopicName="t") for (name, of) in noted.values if ("TopicName", "t") in of} == {
            "NumberOfMessagesPublished": 3,
            "PublishSize": 5 + 3 + 2,
            "NumberOfNotificationsDelivered": 3,
            "NumberOfNotificationsFailed": 3,
            "NumberOfNotificationsFilteredOut": 3,
            "NumberOfNotificationsRedrivenToDlq": 3,
        }
        await cloud.relay.stop()

    asyncio.run(body())


def test_every_attempt_at_an_endpoint_that_fails_counts() -> None:
    async def body() -> None:
        cloud = await SnsCloud.begin()
        noted = Noted.of(cloud)
        topic = await cloud.topic()
        async with Endpoint() as endpoint:
            await cloud.subscribe(topic, endpoint.url, "http")
            token = json.loads(endpoint.posts[0][2])["Token"]
            await cloud.sns("ConfirmSubscription", TopicArn=topic, Token=token)
            endpoint.statuses = [500, 200]
            await cloud.sns("Publish", TopicArn=topic, Message="hello")
            assert noted.sum("NumberOfNotificationsFailed", TopicName="t") == 1
            cloud.clock.advance(21_000_000_000)
            await cloud.settle()
            assert noted.sum("NumberOfNotificationsDelivered", TopicName="t") == 1
            assert noted.sum("NumberOfNotificationsFailed", TopicName="t") == 1
        await cloud.relay.stop()

    asyncio.run(body())
