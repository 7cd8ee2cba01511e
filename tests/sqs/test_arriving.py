"""What other services send: S3's notifications, Lambda's destinations and dead letters, whoever the policy lets in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery, Event, Undeliverable
from lambent.contracts.http import BytesBody

from ..support import ACCOUNT, REGION
from .support import SqsCloud, arn

BUCKET = "arn:aws:s3:::photos"
S3 = "s3.amazonaws.com"


async def queue(name: str = "q", principal: str = S3, source: str = BUCKET, **attributes: Any) -> SqsCloud:
    """A queue that takes what `principal` sends from `source`."""
    cloud = SqsCloud()
    await cloud.start_relay()
    await cloud.create(name, **attributes)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": "sqs:SendMessage",
        "Resource": arn(name),
        "Condition": {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.sqs("SetQueueAttributes", name, Attributes={"Policy": policy})
    return cloud


def event(target: str = "q", principal: str = S3, source: str = BUCKET, **attributes: str) -> Event:
    return Event(
        target=arn(target),
        payload=b'{"a": 1}',
        source=source,
        principal=principal,
        account=ACCOUNT,
        region=REGION,
        attributes=attributes,
    )


async def deliver(cloud: SqsCloud, what: Event, id: str = "id") -> None:
    await cloud.targets["sqs"].deliver(Delivery(id=id, event=what, attempt=1, emitted_ns=0))


async def test_a_delivery_is_a_message_and_the_same_one_is_not_two() -> None:
    cloud = await queue()
    for _ in range(3):
        await deliver(cloud, event())
    await deliver(cloud, event(), "other")
    found = await cloud.receive(AttributeNames=["SenderId"])
    assert [message["Body"] for message in found] == ['{"a": 1}'] * 2
    assert found[0]["Attributes"] == {"SenderId": S3}


async def test_the_policy_decides() -> None:
    cloud = await queue()
    target = cloud.targets["sqs"]
    await target.check(arn("q"), S3, BUCKET, ACCOUNT)
    with pytest.raises(Undeliverable, match="does not exist"):
        await target.check(arn("none"), S3, BUCKET, ACCOUNT)
    for principal, source, account in (
        ("sns.amazonaws.com", BUCKET, ACCOUNT),
        (S3, "arn:aws:s3:::other", ACCOUNT),
        (S3, BUCKET, "111111111111"),
    ):
        with pytest.raises(Undeliverable, match="does not let"):
            await target.check(arn("q"), principal, source, account)
    with pytest.raises(Undeliverable, match="does not let"):
        await deliver(cloud, event(source="arn:aws:s3:::other"))
    with pytest.raises(Undeliverable, match="does not exist"):
        await deliver(cloud, event("none"))


async def test_attributes_of_events_become_those_of_messages() -> None:
    cloud = await queue("q.fifo", ContentBasedDeduplication="true")
    attributes = {
        "sqs:MessageGroupId": "group",
        "sqs:MessageDeduplicationId": "once",
        "sqs:AWSTraceHeader": "Root=1",
        "sqs:MessageAttributes": json.dumps({"b": {"DataType": "Binary", "BinaryValue": "AAE="}}),
        "RequestID": "r",
        "ErrorCode": "200",
    }
    for id in ("one", "two"):
        await deliver(cloud, event("q.fifo", **attributes), id)
    [message] = await cloud.receive("q.fifo", AttributeNames=["All"], MessageAttributeNames=["All"])
    shown = message["Attributes"]
    assert (shown["MessageGroupId"], shown["MessageDeduplicationId"]) == ("group", "once")
    assert shown["AWSTraceHeader"] == "Root=1"
    assert message["MessageAttributes"] == {
        "RequestID": {"DataType": "String", "StringValue": "r"},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    with pytest.raises(Undeliverable, match="MessageGroupId"):
        await deliver(cloud, event("q.fifo"), "three")


async def test_a_functions_role_was_asked_before() -> None:
    cloud = SqsCloud()
    await cloud.create()
    lambda_ = "lambda.amazonaws.com"
    await deliver(cloud, event(principal=lambda_, role="arn:aws:iam::000000000000:role/r"))
    assert await cloud.bodies() == ['{"a": 1}']
    with pytest.raises(Undeliverable):
        await deliver(cloud, event(principal=lambda_), "other")


async def test_notifications_of_a_bucket_arrive() -> None:
    cloud = await queue()
    await cloud.call("s3", "CreateBucket", Bucket="photos")
    configuration = {"QueueConfigurations": [{"QueueArn": arn("q"), "Events": ["s3:ObjectCreated:*"]}]}

    async def configure(name: str = "q") -> None:
        configuration["QueueConfigurations"][0]["QueueArn"] = arn(name)
        params: dict[str, Any] = {"Bucket": "photos", "NotificationConfiguration": configuration}
        await cloud.call("s3", "PutBucketNotificationConfiguration", **params)

    await configure()
    await cloud.settle()
    [test] = await cloud.bodies()
    assert json.loads(test)["Event"] == "s3:TestEvent"
    await cloud.call("s3", "PutObject", Bucket="photos", Key="cat.jpg", Body=BytesBody(b"meow"))
    await cloud.settle()
    [body] = await cloud.bodies()
    [record] = json.loads(body)["Records"]
    assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Put", "cat.jpg")
    with pytest.raises(ServiceError) as caught:
        await configure("none")
    assert caught.value.fields["ArgumentValue1"] == "The destination queue does not exist"
    await cloud.create("closed")
    with pytest.raises(ServiceError) as caught:
        await configure("closed")
    assert caught.value.fields["ArgumentValue1"] == (
        "Permissions on the destination queue do not allow S3 to publish notifications from this bucket"
    )
