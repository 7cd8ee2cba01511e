"""What AWS was recorded to answer about topics and subscriptions. A test has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest

from tests.client import Client
from tests.support import ACCOUNT

from .recorded import ARN, QUEUE, TOPIC, Topics, effective, listed, policy, subscription_attributes, topic_attributes
from .support import Endpoint

PHONE = "+123123123"


async def test_create_duplicate_topic_check_idempotency() -> None:
    case = await Topics.begin()
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    answers = [await case("CreateTopic", Name="t", Tags=tags)]
    for again in (tags, tags[::-1], []):
        answers.append(await case("CreateTopic", Name="t", **({"Tags": again} if again else {})))
    assert answers == [{"TopicArn": TOPIC}] * 4


async def test_create_topic_after_delete_with_new_tags() -> None:
    case = await Topics.begin()
    for value in ("1", "2"):
        answer = await case("CreateTopic", Name="t", Tags=[{"Key": "Name", "Value": value}])
        assert answer == {"TopicArn": TOPIC}
        await case("DeleteTopic", TopicArn=TOPIC)


async def test_create_topic_test_arn() -> None:
    """The error of the deleted topic is a row of test_recordings_errors.py."""
    case = await Topics.begin()
    assert await case("CreateTopic", Name="t") == {"TopicArn": TOPIC}
    assert await case.attributes("GetTopicAttributes", TopicArn=TOPIC) == topic_attributes()
    assert await case("DeleteTopic", TopicArn=TOPIC) == {}


async def test_delete_topic_idempotency() -> None:
    case = await Topics.begin()
    await case.topic()
    for _ in range(2):
        assert await case("DeleteTopic", TopicArn=TOPIC) == {}


async def test_delete_non_existent_topic() -> None:
    case = await Topics.begin()
    assert await case("DeleteTopic", TopicArn=TOPIC) == {}


async def test_tags_removed_after_deletion() -> None:
    case = await Topics.begin()
    tags = [{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": "v2"}]
    await case("CreateTopic", Name="t", Tags=tags)
    assert await case("ListTagsForResource", ResourceArn=TOPIC) == {"Tags": tags}
    await case("DeleteTopic", TopicArn=TOPIC)
    await case.topic()
    assert await case("ListTagsForResource", ResourceArn=TOPIC) == {"Tags": []}


async def test_create_topic_different_attrs() -> None:
    """The errors are rows of test_recordings_errors.py."""
    case = await Topics.begin()
    topic = await case.topic(DisplayName="Value1")
    assert await case.attributes("GetTopicAttributes", TopicArn=topic) == topic_attributes(DisplayName="Value1")
    assert await case("CreateTopic", Name="t") == {"TopicArn": topic}


async def test_create_topic_in_multiple_regions() -> None:
    case = await Topics.begin()
    west = Client(case.cloud, "sns", region="us-west-1")
    for client, region in ((case.client, "us-east-1"), (west, "us-west-1")):
        topic = TOPIC.replace("us-east-1", region)
        assert await client.call("CreateTopic", Name="t") == {"TopicArn": topic}
        assert await client.call("ListTopics") == {"Topics": [{"TopicArn": topic}]}
        shown = (await client.call("GetTopicAttributes", TopicArn=topic))["Attributes"]
        values = {name: json.loads(text) if text[:1] == "{" else text for name, text in shown.items()}
        assert values == topic_attributes(topic)


async def test_topic_delivery_policy_crud() -> None:
    case = await Topics.begin()
    topic = await case.topic("t.fifo", DisplayName="TestTopic", SignatureVersion="2")
    common = {"DisplayName": "TestTopic", "SignatureVersion": "2"}
    kind = {"headerContentType": "application/json"}
    healthy = {"minDelayTarget": 5, "maxDelayTarget": 6, "numRetries": 1}
    off = {"disableSubscriptionOverrides": False}
    for given, own, in_effect in (
        ({"http": {"defaultRequestPolicy": kind}}, {"http": {"defaultRequestPolicy": kind, **off}}, kind),
        (
            {"http": {"defaultHealthyRetryPolicy": healthy}},
            {"http": {"defaultHealthyRetryPolicy": healthy, **off}},
            healthy,
        ),
        ({"http": {"defaultHealthyRetryPolicy": None}}, {"http": off}, {}),
        (None, None, {}),
    ):
        text = json.dumps(given) if given else ""
        named = {"TopicArn": topic, "AttributeName": "DeliveryPolicy"}
        assert await case("SetTopicAttributes", AttributeValue=text, **named) == {}
        shown = {"DeliveryPolicy": own} if own else {}
        expected = topic_attributes(topic, EffectiveDeliveryPolicy=effective(**in_effect), **common, **shown)
        assert await case.attributes("GetTopicAttributes", TopicArn=topic) == expected


async def test_topic_policy_overwrite_lifecycle() -> None:
    """The recording holds no answer; its name says what was done."""
    case = await Topics.begin()
    topic = await case.topic()
    statement = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "SNS:Publish"}
    document = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": topic}]}
    named = {"TopicArn": topic, "AttributeName": "Policy"}
    await case("SetTopicAttributes", AttributeValue=json.dumps(document), **named)
    assert (await case.attributes("GetTopicAttributes", TopicArn=topic))["Policy"] == document


async def test_topic_remove_permission() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    given = {"TopicArn": topic, "Label": "crossaccountpermission"}
    await case("AddPermission", AWSAccountId=[ACCOUNT], ActionName=["Publish"], **given)
    assert len((await case.attributes("GetTopicAttributes", TopicArn=topic))["Policy"]["Statement"]) == 2
    assert await case("RemovePermission", **given) == {}
    assert (await case.attributes("GetTopicAttributes", TopicArn=topic))["Policy"] == policy(topic)


async def _shown(raw: bool, **more: Any) -> None:
    """A queue's subscription, as GetSubscriptionAttributes shows it."""
    case = await Topics.begin()
    topic = await case.topic()
    arn = await case.subscribe(topic, await case.cloud.queue(), **({"RawMessageDelivery": "true"} if raw else {}))
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn, RawMessageDelivery=str(raw).lower(), **more)


async def test_create_subscriptions_with_attributes() -> None:
    """The errors are rows of test_recordings_errors.py."""
    await _shown(True)


async def test_creating_subscription_with_attributes() -> None:
    await _shown(True)


async def test_subscribe_attributes() -> None:
    await _shown(False)


async def test_sqs_topic_subscription_confirmation() -> None:
    await _shown(False)


async def test_set_subscription_attributes() -> None:
    case = await Topics.begin()
    arn = await case.subscribe(await case.topic(), QUEUE)
    named = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery"}
    assert await case("SetSubscriptionAttributes", AttributeValue="true", **named) == {}
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn, RawMessageDelivery="true")


async def test_not_found_error_on_set_subscription_attributes() -> None:
    """The error is a row of test_recordings_errors.py."""
    case = await Topics.begin()
    topic = await case.topic()
    arn = await case.subscribe(topic, QUEUE)
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn)
    assert await case("ListSubscriptionsByTopic", TopicArn=topic) == {"Subscriptions": [listed(arn)]}
    await case("Unsubscribe", SubscriptionArn=arn)
    assert await case("ListSubscriptionsByTopic", TopicArn=topic) == {"Subscriptions": []}


async def test_list_subscriptions() -> None:
    """The recording holds no answer; its name says what was done."""
    case = await Topics.begin()
    arns = [await case.subscribe(await case.topic(name), QUEUE) for name in ("t1", "t2", "t3")]
    answer = await case("ListSubscriptions")
    assert sorted(answer["Subscriptions"], key=str) == sorted((listed(arn) for arn in arns), key=str)


async def test_list_subscriptions_by_topic_pagination() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    arns = {}
    for number in range(101):
        endpoint = f"+1555123{number:04}"
        arns[await case.subscribe(topic, endpoint, "sms")] = endpoint
    first = await case("ListSubscriptionsByTopic", TopicArn=topic)
    assert len(first["Subscriptions"]) == 100
    second = await case("ListSubscriptionsByTopic", TopicArn=topic, NextToken=first["NextToken"])
    [last] = arns.keys() - {found["SubscriptionArn"] for found in first["Subscriptions"]}
    assert second == {"Subscriptions": [listed(last, arns[last], "sms")]}


async def test_getting_subscriptions_by_topic() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    arn = await case.subscribe(topic, QUEUE)
    assert await case("ListSubscriptionsByTopic", TopicArn=topic) == {"Subscriptions": [listed(arn)]}


async def test_unsubscribe_from_non_existing_subscription() -> None:
    case = await Topics.begin()
    arn = await case.subscribe(await case.topic(), QUEUE)
    for _ in range(2):
        assert await case("Unsubscribe", SubscriptionArn=arn) == {}


async def test_double_subscription() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    given = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": QUEUE}
    assert await case("Subscribe", **given) == await case("Subscribe", **given) == {"SubscriptionArn": ANY}


async def test_subscribe_unknown_sqs_queue() -> None:
    """The error of what is no ARN is a row of test_recordings_errors.py."""
    case = await Topics.begin()
    assert (await case.subscribe(await case.topic(), f"{QUEUE}-unknown")).startswith(f"{TOPIC}:")


async def test_confirm_subscription() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    async with Endpoint() as endpoint:
        arn = await case.subscribe(topic, endpoint.url, "http")
        await endpoint.wait(1)
        token = json.loads(endpoint.posts[0][2])["Token"]
        assert await case("ConfirmSubscription", TopicArn=topic, Token=token) == {"SubscriptionArn": arn}


async def test_subscribe_sms_endpoint() -> None:
    case = await Topics.begin()
    arn = await case.subscribe(await case.topic(), PHONE, "sms")
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn, PHONE, "sms")


async def test_subscribe_sms() -> None:
    case = await Topics.begin()
    given = {"TopicArn": await case.topic(), "Protocol": "sms", "Endpoint": "+15551234567"}
    answer = await case("Subscribe", **given)
    assert answer == {"SubscriptionArn": ANY}
    assert answer["SubscriptionArn"].startswith(f"{TOPIC}:")


async def test_check_not_opted_out() -> None:
    """The recording holds no answer, as the test looked at it itself."""
    case = await Topics.begin()
    assert await case("CheckIfPhoneNumberIsOptedOut", phoneNumber="+15551234567") == {"isOptedOut": False}


async def test_opt_in_phone_number() -> None:
    case = await Topics.begin()
    assert await case("OptInPhoneNumber", phoneNumber="+15551234567") == {}


async def test_opt_in() -> None:
    """The recording holds no answer, as the test looked at it itself."""
    case = await Topics.begin()
    assert await case("OptInPhoneNumber", phoneNumber="+15551234567") == {}


SECRETS = {"PlatformCredential": "c", "PlatformPrincipal": "p"}
DEVICE = f"{ARN}endpoint/ADM/app/"


async def _application(case: Topics) -> dict[str, str]:
    answer = await case("CreatePlatformApplication", Name="app", Platform="ADM", Attributes=SECRETS)
    assert answer == {"PlatformApplicationArn": f"{ARN}app/ADM/app"}
    return {"PlatformApplicationArn": answer["PlatformApplicationArn"]}


async def test_create_platform_application() -> None:
    await _application(await Topics.begin())


async def test_get_platform_application_attributes() -> None:
    case = await Topics.begin()
    assert await case("GetPlatformApplicationAttributes", **await _application(case)) == {
        "Attributes": {"Enabled": "true"}
    }


async def test_set_platform_application_attributes() -> None:
    case = await Topics.begin()
    named = await _application(case)
    given = {"SuccessFeedbackSampleRate": "50"}
    assert await case("SetPlatformApplicationAttributes", Attributes=given, **named) == {}
    assert await case("GetPlatformApplicationAttributes", **named) == {"Attributes": {"Enabled": "true", **given}}


async def _device(case: Topics, **params: Any) -> str:
    answer = await case("CreatePlatformEndpoint", Token="token_1", **await _application(case), **params)
    assert answer == {"EndpointArn": ANY}
    assert answer["EndpointArn"].startswith(DEVICE)
    return str(answer["EndpointArn"])


async def test_create_platform_endpoint() -> None:
    await _device(await Topics.begin())


async def test_get_platform_endpoint_attributes() -> None:
    case = await Topics.begin()
    attributes = {"Enabled": "true", "Token": "token_1"}
    assert await case("GetEndpointAttributes", EndpointArn=await _device(case)) == {"Attributes": attributes}


@pytest.mark.parametrize("data", [pytest.param("", id="Empty")])
async def test_create_platform_endpoint_with_invalid_attributes(data: str) -> None:
    """The recording holds no answer: empty data are taken. What is refused is in test_recordings_push.py."""
    await _device(await Topics.begin(), CustomUserData=data)


async def test_list_platform_endpoints() -> None:
    case = await Topics.begin()
    device = await _device(case)
    answer = await case("ListEndpointsByPlatformApplication", PlatformApplicationArn=f"{ARN}app/ADM/app")
    assert answer == {"Endpoints": [{"Attributes": {"Enabled": "true", "Token": "token_1"}, "EndpointArn": device}]}


async def test_delete_platform_endpoint_with_subscription() -> None:
    """A NextToken was recorded with both lists, of an account that has more; the subscription outlives the device."""
    case = await Topics.begin()
    device = await _device(case)
    arn = await case.subscribe(await case.topic(), device, "application")
    expected = {"Subscriptions": [listed(arn, device, "application")]}
    assert await case("ListSubscriptions") == expected
    assert await case("DeleteEndpoint", EndpointArn=device) == {}
    assert await case("ListSubscriptions") == expected
