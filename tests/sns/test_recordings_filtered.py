"""What AWS was recorded to deliver through filter policies. A test has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any

from .recorded import QUEUE, TOPIC, Topics, envelope, message, subscription_attributes, system

BODY = {"FilterPolicyScope": "MessageBody", "RawMessageDelivery": "true"}


async def through(policy: dict[str, Any], *bodies: Any) -> list[dict[str, Any]]:
    """The messages that a policy on the body lets through."""
    case = await Topics.begin()
    topic = await case.topic()
    await case.subscribe(topic, await case.cloud.queue(), FilterPolicy=json.dumps(policy), **BODY)
    for body in bodies:
        await case("Publish", TopicArn=topic, Message=json.dumps(body))
    return await case.received(system=True)


def passed(*bodies: Any) -> list[dict[str, Any]]:
    """As they were recorded."""
    return [message(body, **system()) for body in bodies]


async def test_exists_filter_policy_attributes_array() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    policy = {"store": ["value1"]}
    given = {"RawMessageDelivery": "true", "FilterPolicy": json.dumps(policy)}
    arn = await case.subscribe(topic, await case.cloud.queue(), **given)
    expected = subscription_attributes(
        arn, RawMessageDelivery="true", FilterPolicy=policy, FilterPolicyScope="MessageAttributes"
    )
    assert await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn) == expected
    assert await case.received() == []
    for text, kind, value, passes in (
        ("message-1", "String", "value1", True),
        ("message-2", "String.Array", json.dumps(["value1", "value2"]), True),
        ("message-3", "String.Array", json.dumps(["value2", "value3"]), False),
    ):
        attributes = {"store": {"DataType": kind, "StringValue": value}}
        await case("Publish", TopicArn=topic, Message=text, MessageAttributes=attributes)
        found = [{name: one[name] for name in message("")} for one in await case.received()]
        assert found == ([message(text)] if passes else [])


def _event(id: str, **detail: str) -> dict[str, Any]:
    own = {"id": id, "source": "test-source", "detail-type": "test-detail-type", "account": "123456789012"}
    return {**own, "region": "my-region", "time": "2022-07-13T13:48:01Z", "detail": detail}


async def test_filter_policy_ip_address_condition() -> None:
    policy = {
        "detail": {
            "$or": [
                {"sourceIPAddress": [{"cidr": "10.0.0.0/24"}]},
                {"sourceIPAddressV6": [{"cidr": "2001:0db8:1234:1a00::/64"}]},
            ]
        }
    }
    first = _event("1", sourceIPAddress="10.0.0.255")
    third = _event("3", sourceIPAddressV6="2001:0db8:1234:1a00:0000:0000:0000:0000")
    others = (
        _event("2", sourceIPAddress="10.0.0.256"),
        _event("4", sourceIPAddressV6="2001:0db8:123f:1a01:0000:0000:0000:0000"),
    )
    assert await through(policy, first, others[0], third, others[1]) == passed(first, third)


async def test_filter_policy_large_complex_payload() -> None:
    """The recording holds no answer; its name says what was done."""
    policy = {"eventType": ["order"], "items": {"parts": {"code": [{"prefix": "x-"}]}}}
    parts = [{"code": f"y-{number}", "text": "z" * 20} for number in range(20)]
    event = {"eventType": "order", "items": [{"parts": parts} for _ in range(200)]}
    assert len(json.dumps(event)) > 150_000
    found = {**event, "items": [*event["items"], {"parts": [{"code": "x-1"}]}]}
    assert await through(policy, event, found) == passed(found)


async def test_filter_policy_on_message_body_array_attributes() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    for name in ("queue1", "queue2"):
        policy = json.dumps({"headers": {"route-to": [name]}})
        await case.subscribe(topic, await case.cloud.queue(name), FilterPolicy=policy, **BODY)
    both, first, second, none = (
        {"headers": {"route-to": names}} for names in (["queue1", "queue2"], ["queue1"], ["queue2"], ["queue3"])
    )
    for body in (both, first, second, none):
        await case("Publish", TopicArn=topic, Message=json.dumps(body))
    assert await case.received(f"{QUEUE}ueue1", system=True) == passed(both, first)
    assert await case.received(f"{QUEUE}ueue2", system=True) == passed(both, second)


def _record(name: str, key: Any) -> dict[str, Any]:
    return {"eventName": name, "eventSource": "aws:s3", "s3": {"object": key}}


async def test_filter_policy_on_message_body_array_of_object_attributes() -> None:
    policy = {
        "Records": {"s3": {"object": {"key": [{"prefix": "auto-"}]}}, "eventName": [{"prefix": "ObjectCreated:"}]}
    }
    auto, home = ({"key": f"{kind}-insurance-2314.xml", "size": 17} for kind in ("auto", "home"))
    nested = {"Records": [_record("ObjectCreated:Put", [[auto]]), _record("ObjectRemoved:Delete", home)]}
    bucket = {"name": "insurance", "arn": "arn:aws:s3:::insurance"}
    whole = {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "eventSource": "aws:s3",
                "eventTime": "2022-11-21T03:41:29.743Z",
                "s3": {"bucket": bucket, "object": auto},
            }
        ]
    }
    other = {"Records": [_record("ObjectCreated:Put", home), _record("ObjectRemoved:Delete", auto)]}
    assert await through(policy, nested, other, whole) == passed(nested, whole)


async def test_filter_policy_on_message_body_dot_attribute() -> None:
    case = await Topics.begin()
    topic, queue = await case.topic(), await case.cloud.queue()
    nested = [{"object": {"nested": "string.value"}}, {"object.nested": "string.value"}]
    deep: list[dict[str, Any]] = [
        {"object": {"nested": {"test": "string.value"}}},
        {"object.nested.test": "string.value"},
        {"object.nested": {"test": "string.value"}},
        {"object": {"nested.test": "string.value"}},
    ]
    named = {"FilterPolicyScope": "MessageBody"}
    arn = await case.subscribe(topic, queue, FilterPolicy='{"object.nested": ["string.value"]}', **named)
    assert await case.received() == []
    for policy, good, bad in (
        ({"object.nested": ["string.value"]}, nested, deep),
        ({"object.nested.test": ["string.value"]}, deep, nested),
    ):
        given = {"AttributeName": "FilterPolicy", "AttributeValue": json.dumps(policy)}
        await case("SetSubscriptionAttributes", SubscriptionArn=arn, **given)
        for body in (*good, *bad):
            await case("Publish", TopicArn=topic, Message=json.dumps(body))
        assert await case.received() == [message(envelope(json.dumps(body), TOPIC)) for body in good]


async def test_filter_policy_on_message_body_or_attribute() -> None:
    source = {"scope": "Service", "source": "aws.cloudwatch"}
    policy = {
        "detail": {
            "scope": ["Service"],
            "$or": [{"source": ["aws.cloudwatch"]}, {"type": ["CloudWatch Alarm State Change"]}],
        },
        "$or": [{"metricName": ["CPUUtilization", "ReadLatency"]}, {"namespace": ["AWS/EC2", "AWS/ES"]}],
    }
    good = (
        {"metricName": "CPUUtilization", "detail": source},
        {"metricName": "CPUUtilization", "detail": {"scope": "Service", "type": "CloudWatch Alarm State Change"}},
        {"metricName": "ReadLatency", "detail": source},
        {"namespace": "AWS/EC2", "detail": source},
        {"namespace": "AWS/ES", "detail": source},
    )
    bad = (
        {"metricName": "CPUUtilization", "detail": {"scope": "Service"}},
        {"metricName": "CPUUtilization", "detail": {"scope": "aws.cloudwatch", "type": "x"}},
        {"namespace": "AWS/RDS", "detail": source},
    )
    assert await through(policy, *good, *bad) == passed(*good)
