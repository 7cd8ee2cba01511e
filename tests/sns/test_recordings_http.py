"""What AWS was recorded to send to HTTP endpoints, and to answer the links in it. A test has the name of its recorded
case."""

from __future__ import annotations

import json
import re
from typing import Any
from unittest.mock import ANY
from urllib.parse import urlsplit

import pytest

from lambent.contracts.http import Request

from .recorded import TOPIC, Topics, effective, envelope, subscription_attributes, topic_attributes
from .support import Endpoint

PLAIN = "text/plain; charset=UTF-8"
TEXT = "test_external_http_endpoint"
FAULT = re.compile(
    r"<ErrorResponse [^>]*><Error><Type>Sender</Type><Code>InvalidParameter</Code>"
    r"<Message>Invalid parameter: (\w+)</Message></Error><RequestId>[^<]+</RequestId></ErrorResponse>"
)


def headers(kind: str, subscription: str = "", content: str = PLAIN, raw: bool = False) -> dict[str, Any]:
    """The headers of a post, as the endpoint's server has them."""
    more = {"x-amz-sns-subscription-arn": subscription} if subscription else {}
    return {
        **more,
        **({"x-amz-sns-rawdelivery": "true"} if raw else {}),
        "accept-encoding": "gzip,deflate",
        "connection": ANY,
        "content-length": ANY,
        "content-type": content,
        "host": ANY,
        "user-agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-id": ANY,
        "x-amz-sns-message-type": kind,
        "x-amz-sns-topic-arn": TOPIC,
    }


def request(kind: str, text: str) -> dict[str, Any]:
    """The body of a request to confirm."""
    names = ("MessageId", "Signature", "SigningCertURL", "SubscribeURL", "Timestamp", "Token")
    own = {"Message": text, "SignatureVersion": "1", "TopicArn": TOPIC, "Type": kind}
    return {**dict.fromkeys(names, ANY), **own}


CONFIRMATION = request(
    "SubscriptionConfirmation",
    f"You have chosen to subscribe to the topic {TOPIC}.\n"
    "To confirm the subscription, visit the SubscribeURL included in this message.",
)


def ended(subscription: str) -> dict[str, Any]:
    """What an endpoint is told when its subscription ends."""
    return request(
        "UnsubscribeConfirmation",
        f"You have chosen to deactivate subscription {subscription}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message.",
    )


async def _visit(case: Topics, url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    answer = await case.cloud.front(Request("GET", parts.path, parts.query, {"host": parts.netloc}))
    await case.cloud.settle()
    assert isinstance(answer.body, bytes)
    return answer.status, answer.body.decode()


async def _refused(case: Topics, url: str, name: str) -> None:
    status, text = await _visit(case, url)
    found = FAULT.fullmatch(text)
    assert found is not None
    assert (status, found[1]) == (400, name)


async def _links(case: Topics, asked: dict[str, Any], subscription: str) -> None:
    """The link of a request, altered and as it is. A token that AWS was recorded to take and named nonexistent has no
    test: Lambent takes those alone that it gave."""
    link = asked["SubscribeURL"]
    await _refused(case, link.replace(TOPIC, "not-an-arn"), "Topic")
    await _refused(case, link.replace(asked["Token"], "abc123"), "Token")
    await _refused(case, link.replace("us-east-1", "us-west-1"), "Topic")
    status, text = await _visit(case, link)
    assert status == 200
    shown = f"<ConfirmSubscriptionResult><SubscriptionArn>{subscription}</SubscriptionArn></ConfirmSubscriptionResult>"
    assert re.fullmatch(f"<ConfirmSubscriptionResponse [^>]*>{shown}<ResponseMetadata>.*", text)


async def _lifecycle(case: Topics, endpoint: Endpoint, raw: bool, content: str, **attributes: str) -> None:
    """Subscribe, confirm by the link, publish, unsubscribe by the link."""
    more = {"RawMessageDelivery": "true"} if raw else {}
    subscription = await case.subscribe(TOPIC, endpoint.url, "http", **more, **attributes)
    await endpoint.wait(1)
    _, told, body = endpoint.posts[0]
    assert told == headers("SubscriptionConfirmation")
    asked = json.loads(body)
    assert asked == CONFIRMATION
    await _links(case, asked, subscription)
    await case("Publish", TopicArn=TOPIC, Message=TEXT)
    await endpoint.wait(2)
    _, told, body = endpoint.posts[1]
    assert told == headers("Notification", subscription, content, raw)
    assert (body if raw else json.loads(body)) == (TEXT if raw else envelope(TEXT))
    link = asked["SubscribeURL"].partition("?")[0] + f"?Action=Unsubscribe&SubscriptionArn={subscription}"
    if not raw:
        assert json.loads(body)["UnsubscribeURL"] == link
    status, text = await _visit(case, link)
    assert status == 200
    assert re.fullmatch("<UnsubscribeResponse [^>]*><ResponseMetadata>.*", text)
    await endpoint.wait(3)
    _, told, body = endpoint.posts[2]
    assert told == headers("UnsubscribeConfirmation", subscription)
    assert json.loads(body) == ended(subscription)


@pytest.mark.parametrize("raw", [False, True])
async def test_subscribe_external_http_endpoint(raw: bool) -> None:
    case = await Topics.begin()
    await case.topic()
    async with Endpoint() as endpoint:
        await _lifecycle(case, endpoint, raw, PLAIN)


_NO_POLICY = {
    "guaranteed": False,
    "healthyRetryPolicy": None,
    "requestPolicy": None,
    "sicklyRetryPolicy": None,
    "throttlePolicy": None,
}


@pytest.mark.parametrize("raw", [False, True])
async def test_subscribe_external_http_endpoint_content_type(raw: bool) -> None:
    """Of the topic's policy where the message is in an envelope, of the subscription's where it is raw."""
    case = await Topics.begin()
    topic = await case.topic()
    kind = {"headerContentType": "text/csv" if raw else "application/json"}
    healthy = effective()["http"]["defaultHealthyRetryPolicy"]
    if raw:
        given: dict[str, Any] = {"requestPolicy": kind}
        assert await case.attributes("GetTopicAttributes", TopicArn=topic) == topic_attributes()
    else:
        given = {
            "healthyRetryPolicy": {"minDelayTarget": 1, "maxDelayTarget": 1, "numRetries": 0},
            "throttlePolicy": {"maxReceivesPerSecond": 1000},
        }
        text = json.dumps({"http": {"defaultRequestPolicy": kind}})
        await case("SetTopicAttributes", TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=text)
        own = {"http": {"defaultRequestPolicy": kind, "disableSubscriptionOverrides": False}}
        expected = topic_attributes(DeliveryPolicy=own, EffectiveDeliveryPolicy=effective(**kind))
        assert await case.attributes("GetTopicAttributes", TopicArn=topic) == expected
        healthy = {**healthy, **given["healthyRetryPolicy"]}
        given["healthyRetryPolicy"] = healthy
    policy = {**_NO_POLICY, **given}
    in_effect = {**policy, "healthyRetryPolicy": healthy, "requestPolicy": kind}
    async with Endpoint() as endpoint:
        arn = await case.subscribe(
            topic,
            f"{endpoint.url}-other",
            "http",
            DeliveryPolicy=json.dumps(given),
            RawMessageDelivery=str(raw).lower(),
        )
        assert await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn) == subscription_attributes(
            arn,
            f"{endpoint.url}-other",
            "http",
            ConfirmationWasAuthenticated="false",
            DeliveryPolicy=policy,
            EffectiveDeliveryPolicy=in_effect,
            PendingConfirmation="true",
            RawMessageDelivery=str(raw).lower(),
        )
        await endpoint.wait(1)
        await case("Unsubscribe", SubscriptionArn=arn)
        endpoint.posts.clear()
        await _lifecycle(case, endpoint, raw, kind["headerContentType"], DeliveryPolicy=json.dumps(given))


async def test_subscribe_external_http_endpoint_lambda_url_sig_validation() -> None:
    """The endpoint was a function's URL, which Lambent has not built; another endpoint is sent what it was sent."""
    case = await Topics.begin()
    await case.topic()
    async with Endpoint() as endpoint:
        subscription = await case.subscribe(TOPIC, endpoint.url, "http")
        await endpoint.wait(1)
        _, told, body = endpoint.posts[0]
        assert (told, json.loads(body)) == (headers("SubscriptionConfirmation"), CONFIRMATION)
        answer = await case("ConfirmSubscription", TopicArn=TOPIC, Token=json.loads(body)["Token"])
        assert answer == {"SubscriptionArn": subscription}
        await case("Publish", TopicArn=TOPIC, Message=TEXT)
        await endpoint.wait(2)
        _, told, body = endpoint.posts[1]
        assert (told, json.loads(body)) == (headers("Notification", subscription), envelope(TEXT))
        await case("Unsubscribe", SubscriptionArn=subscription)
        await endpoint.wait(3)
        _, told, body = endpoint.posts[2]
        assert (told, json.loads(body)) == (headers("UnsubscribeConfirmation", subscription), ended(subscription))
