"""A queue's attributes: their defaults, their limits, and AWS's words for what cannot be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .support import SqsCloud, arn, refused

DEFAULTS = {
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "CreatedTimestamp": "1700000000",
    "DelaySeconds": "0",
    "LastModifiedTimestamp": "1700000000",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "QueueArn": arn("q"),
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}
FIFO = {
    "QueueArn": arn("q.fifo"),
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoQueue": "true",
    "FifoThroughputLimit": "perQueue",
}


async def change(cloud: SqsCloud, name: str = "q", **attributes: str) -> None:
    await cloud.sqs("SetQueueAttributes", name, Attributes=attributes)


async def test_a_new_queue_has_the_defaults() -> None:
    cloud = SqsCloud()
    await cloud.create()
    await cloud.create("q.fifo")
    assert await cloud.attributes() == DEFAULTS
    assert await cloud.attributes("q.fifo") == {**DEFAULTS, **FIFO}
    assert await cloud.attributes("q", "VisibilityTimeout", "Policy") == {"VisibilityTimeout": "30"}
    assert await cloud.sqs("GetQueueAttributes") == {}
    assert await refused(cloud.attributes("q", "Colour")) == ("InvalidAttributeName", "Unknown Attribute Colour.")


async def test_every_attribute_can_be_given_and_changed() -> None:
    cloud = SqsCloud()
    await cloud.create("dead.fifo", RedriveAllowPolicy='{"redrivePermission": "allowAll"}')
    redrive = {"deadLetterTargetArn": arn("dead.fifo"), "maxReceiveCount": 7}
    given = {
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "messageGroup",
        "DelaySeconds": "13",
        "FifoQueue": "true",
        "FifoThroughputLimit": "perMessageGroupId",
        "KmsDataKeyReusePeriodSeconds": "200",
        "KmsMasterKeyId": "alias/aws/sqs",
        "MaximumMessageSize": "3232",
        "MessageRetentionPeriod": "13425",
        "ReceiveMessageWaitTimeSeconds": "15",
        "RedrivePolicy": json.dumps({**redrive, "maxReceiveCount": "7"}),
        "VisibilityTimeout": "42",
    }
    await cloud.create("q.fifo", **given)
    found = await cloud.attributes("q.fifo")
    assert json.loads(found.pop("RedrivePolicy")) == redrive
    del given["RedrivePolicy"]
    assert found == {**DEFAULTS, "QueueArn": arn("q.fifo"), "SqsManagedSseEnabled": "false", **given}
    await cloud.advance(5)
    await change(cloud, "q.fifo", DelaySeconds="20", KmsMasterKeyId="", SqsManagedSseEnabled="true", RedrivePolicy="")
    found = await cloud.attributes("q.fifo")
    assert (found["DelaySeconds"], found["SqsManagedSseEnabled"]) == ("20", "true")
    assert not {"KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "RedrivePolicy"} & found.keys()
    assert (found["CreatedTimestamp"], found["LastModifiedTimestamp"]) == ("1700000000", "1700000005")
    shown = await cloud.attributes("dead.fifo", "RedriveAllowPolicy")
    assert json.loads(shown["RedriveAllowPolicy"]) == {"redrivePermission": "allowAll"}


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("DelaySeconds", 0, 900),
        ("MaximumMessageSize", 1024, 1_048_576),
        ("MessageRetentionPeriod", 60, 1_209_600),
        ("ReceiveMessageWaitTimeSeconds", 0, 20),
        ("VisibilityTimeout", 0, 43_200),
        ("KmsDataKeyReusePeriodSeconds", 60, 86_400),
    ],
)
async def test_numbers_have_bounds(name: str, least: int, most: int) -> None:
    cloud = SqsCloud()
    await cloud.create(KmsMasterKeyId="alias/aws/sqs")
    for value in (least, most):
        await change(cloud, **{name: str(value)})
        assert (await cloud.attributes("q", name))[name] == str(value)
    for text in (str(least - 1), str(most + 1), "x", "1.5"):
        error = ("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
        assert await refused(change(cloud, **{name: text})) == error


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        ({"ContentBasedDeduplication": "true"}, "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication."),
        ({"FifoQueue": "false"}, "InvalidAttributeName", "Unknown Attribute FifoQueue."),
        (
            {"DeduplicationScope": "queue"},
            "InvalidAttributeName",
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
        (
            {"FifoThroughputLimit": "perQueue"},
            "InvalidAttributeName",
            "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ),
        ({"Colour": "red"}, "InvalidAttributeName", "Unknown Attribute Colour."),
        ({"QueueArn": "x"}, "InvalidAttributeName", "Unknown Attribute QueueArn."),
        ({"Policy": "{"}, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        (
            {"SqsManagedSseEnabled": "x"},
            "InvalidAttributeValue",
            "Invalid value for the parameter SqsManagedSseEnabled.",
        ),
    ],
)
async def test_attributes_that_a_standard_queue_cannot_have(given: dict[str, str], code: str, message: str) -> None:
    cloud = SqsCloud()
    assert await refused(cloud.call("sqs", "CreateQueue", QueueName="q", Attributes=given)) == (code, message)
    await cloud.create()
    assert await refused(change(cloud, **given)) == (code, message)


async def test_a_fifo_queue_stays_one() -> None:
    cloud = SqsCloud()
    await cloud.create("q.fifo")
    assert await refused(change(cloud, "q.fifo", FifoQueue="false")) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )
    code, _ = await refused(change(cloud, "q.fifo", FifoThroughputLimit="perMessageGroupId"))
    assert code == "InvalidAttributeValue"
    await change(cloud, "q.fifo", FifoThroughputLimit="perMessageGroupId", DeduplicationScope="messageGroup")


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("x", "Redrive policy is not a valid JSON map."),
        ("[]", "Redrive policy is not a valid JSON map."),
        ({"deadLetterTargetArn": arn("dead")}, "Redrive policy does not contain mandatory attribute: maxReceiveCount."),
        ({"maxReceiveCount": 1}, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
        (
            {"maxReceiveCount": 0, "deadLetterTargetArn": arn("dead")},
            "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive.",
        ),
        ({"maxReceiveCount": 1, "deadLetterTargetArn": arn("none")}, "Dead letter target does not exist."),
        ({"maxReceiveCount": 1, "deadLetterTargetArn": "dead"}, "Dead letter target does not exist."),
        (
            {"maxReceiveCount": 1, "deadLetterTargetArn": arn("dead.fifo")},
            "Dead-letter queue must be same type of queue as the source.",
        ),
    ],
)
async def test_redrive_policies_that_cannot_be(policy: Any, reason: str) -> None:
    cloud = SqsCloud()
    for name in ("q", "dead", "dead.fifo"):
        await cloud.create(name)
    text = policy if isinstance(policy, str) else json.dumps(policy)
    assert await refused(change(cloud, RedrivePolicy=text)) == (
        "InvalidParameterValue",
        f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}",
    )


async def test_a_redrive_allow_policy_says_whose_dead_letters_are_taken() -> None:
    cloud = SqsCloud()
    await cloud.create("good")
    await cloud.create("bad")
    allow = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [arn("good")]})
    await cloud.create("dead", RedriveAllowPolicy=allow)
    redrive = json.dumps({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1})
    await change(cloud, "good", RedrivePolicy=redrive)
    assert (await refused(change(cloud, "bad", RedrivePolicy=redrive)))[0] == "InvalidParameterValue"
    await change(cloud, "dead", RedriveAllowPolicy='{"redrivePermission": "denyAll"}')
    assert (await refused(change(cloud, "good", RedrivePolicy=redrive)))[0] == "InvalidParameterValue"
    for wrong in ("x", "{}", '{"redrivePermission": "byQueue"}', '{"redrivePermission": "sometimes"}'):
        assert (await refused(change(cloud, "dead", RedriveAllowPolicy=wrong)))[0] == "InvalidParameterValue"
