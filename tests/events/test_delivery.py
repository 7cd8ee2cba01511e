"""Events on their way to targets: what arrives, who may, what is tried again, what ends as a dead letter."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.events import Delivery, TryAgain
from tests.support import ACCOUNT, REGION

from .support import DETAIL, MINUTE_NS, OTHER, SOURCE, EventsCloud, other, run

BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus"


class Stubborn:
    """A target that fails so many times, then takes what comes."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.attempts: list[int] = []
        self.taken: list[bytes] = []

    async def deliver(self, delivery: Delivery) -> None:
        self.attempts.append(delivery.attempt)
        if len(self.attempts) <= self.failures:
            raise TryAgain("not now")
        self.taken.append(delivery.event.payload)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        return None


def attributes(message: dict[str, Any]) -> dict[str, str]:
    return {name: told["StringValue"] for name, told in message["MessageAttributes"].items()}


def test_a_fifo_queue_gets_the_group() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue("q.fifo", ContentBasedDeduplication="true")
        await c.rule("r", queue, SqsParameters={"MessageGroupId": "g"}, InputPath="$.detail")
        await c.put(TraceHeader="Root=1-5759e988-bd862e3fe1be46a994272793")
        (message,) = await c.messages(queue)
        assert json.loads(message["Body"]) == DETAIL
        assert message["Attributes"]["MessageGroupId"] == "g"
        assert message["Attributes"]["AWSTraceHeader"] == "Root=1-5759e988-bd862e3fe1be46a994272793"

    run(scenario)


def test_a_topic_publishes_the_event() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue("heard")
        policy = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
        url = f"{c.settings.endpoint}/{ACCOUNT}/heard"
        text = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        await c.call("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": text})
        topic = (await c.call("sns", "CreateTopic", Name="t"))["TopicArn"]
        await c.call("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue)
        await c.rule("r", topic)
        await c.put()
        assert await c.received(queue) == [], "the topic's policy lets nobody in"
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"}},
        }
        text = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        await c.call("sns", "SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=text)
        id = await c.put()
        (body,) = await c.received(queue)
        assert json.loads(body["Message"])["id"] == id

    run(scenario)


def test_a_log_group_is_written_to() -> None:
    async def scenario(c: EventsCloud) -> None:
        await c.call("logs", "CreateLogGroup", logGroupName="/aws/events/g")
        rule = await c.rule("r", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/g")
        await c.put()
        assert (await c.call("logs", "FilterLogEvents", logGroupName="/aws/events/g"))["events"] == []
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "delivery.logs.amazonaws.com"]},
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/*:*",
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await c.call("logs", "PutResourcePolicy", policyName="p", policyDocument=document)
        ids = [await c.put(), await c.put()]
        found = await c.call("logs", "FilterLogEvents", logGroupName="/aws/events/g")
        assert [json.loads(event["message"])["id"] for event in found["events"]] == ids

    run(scenario)


def test_what_no_attempt_can_heal_is_a_dead_letter_at_once() -> None:
    async def scenario(c: EventsCloud) -> None:
        dead, shut = await c.queue("dead"), await c.queue("shut", allowed=False)
        rule = await c.rule("r", shut, DeadLetterConfig={"Arn": dead}, InputPath="$.detail")
        id = await c.put()
        (message,) = await c.messages(dead)
        assert json.loads(message["Body"])["id"] == id, "the event, not what the target would have got"
        told = attributes(message)
        assert told.pop("ERROR_MESSAGE").startswith(f"The policy of {shut} does not let events.amazonaws.com")
        assert told == {"RULE_ARN": rule, "TARGET_ARN": shut, "ERROR_CODE": "NO_PERMISSIONS", "RETRY_ATTEMPTS": "0"}
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:none"
        await c.rule("r", function, DeadLetterConfig={"Arn": dead})
        await c.put()
        (message,) = await c.messages(dead)
        assert attributes(message)["TARGET_ARN"] == function

    run(scenario)


@pytest.mark.parametrize(
    ("policy", "condition"),
    [
        ({"MaximumRetryAttempts": 2}, "MaximumRetryAttempts"),
        ({"MaximumEventAgeInSeconds": 60}, "MaximumEventAgeInSeconds"),
    ],
)
def test_retries_end_as_the_target_says(policy: dict[str, int], condition: str) -> None:
    async def scenario(c: EventsCloud) -> None:
        dead = await c.queue("dead")
        stubborn = c.targets["sns"] = Stubborn(1000)
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:t"
        await c.rule("r", topic, DeadLetterConfig={"Arn": dead}, RetryPolicy=policy)
        await c.put()
        for _ in range(30):
            await c.later(MINUTE_NS // 10)
        (message,) = await c.messages(dead)
        told = attributes(message)
        assert (told["EXHAUSTED_RETRY_CONDITION"], told["ERROR_MESSAGE"]) == (condition, "not now")
        assert int(told["RETRY_ATTEMPTS"]) == len(stubborn.attempts) - 1
        if condition == "MaximumRetryAttempts":
            assert stubborn.attempts == [1, 2, 3]

    run(scenario)


def test_a_target_that_recovers_gets_the_event() -> None:
    async def scenario(c: EventsCloud) -> None:
        stubborn = c.targets["sns"] = Stubborn(5)
        await c.rule("r", f"arn:aws:sns:{REGION}:{ACCOUNT}:t")
        id = await c.put()
        for _ in range(20):
            await c.later(MINUTE_NS)
        assert [json.loads(payload)["id"] for payload in stubborn.taken] == [id]
        assert stubborn.attempts == [1, 2, 3, 4, 5, 6]

    run(scenario)


def test_from_bus_to_bus_and_no_further() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        for name in ("a", "b", "c"):
            await c.do("CreateEventBus", Name=name)
        role = await c.role("sender", "events:PutEvents")
        await c.rule("r", f"{BUS}/b", bus="a", RoleArn=role)
        await c.rule("r", f"{BUS}/c", bus="b", RoleArn=role)
        await c.do("PutTargets", Rule="r", EventBusName="b", Targets=[{"Id": "q", "Arn": queue}])
        await c.rule("r", queue, bus="c")
        await c.rule("back", f"{BUS}/a", bus="b", RoleArn=role)
        id = await c.put(EventBusName="a")
        assert [event["id"] for event in await c.received(queue)] == [id]

    run(scenario)


def test_a_role_that_may_not_is_a_dead_letter() -> None:
    async def scenario(c: EventsCloud) -> None:
        dead = await c.queue("dead")
        await c.do("CreateEventBus", Name="b")
        role = await c.role("nobody")
        await c.rule("r", f"{BUS}/b", RoleArn=role, DeadLetterConfig={"Arn": dead})
        await c.put()
        (message,) = await c.messages(dead)
        assert attributes(message)["ERROR_CODE"] == "NO_PERMISSIONS"

    run(scenario)


@pytest.mark.parametrize("allowed", [True, False])
def test_to_a_bus_of_another_account_and_region(allowed: bool) -> None:
    async def scenario(c: EventsCloud) -> None:
        there = f"arn:aws:events:eu-west-1:{OTHER}:event-bus/far"
        await c.do("CreateEventBus", "eu-west-1", other(), Name="far")
        if allowed:
            permission = {"StatementId": "s", "Principal": ACCOUNT, "Action": "events:PutEvents", "EventBusName": "far"}
            await c.do("PutPermission", "eu-west-1", other(), **permission)
        queue = f"arn:aws:sqs:eu-west-1:{OTHER}:q"
        policy = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
        text = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        await c.call("sqs", "CreateQueue", other(), "eu-west-1", QueueName="q", Attributes={"Policy": text})
        pattern = json.dumps({"account": [ACCOUNT], "region": [REGION]})
        await c.do("PutRule", "eu-west-1", other(), Name="r", EventBusName="far", EventPattern=pattern)
        targets = [{"Id": "t", "Arn": queue}]
        await c.do("PutTargets", "eu-west-1", other(), Rule="r", EventBusName="far", Targets=targets)
        await c.rule("r", there)
        await c.put()
        url = f"{c.settings.endpoint}/{OTHER}/q"
        found = await c.call("sqs", "ReceiveMessage", other(), "eu-west-1", QueueUrl=url, WaitTimeSeconds=0)
        assert len(found.get("Messages", [])) == allowed

    run(scenario)


def test_what_buckets_tell_arrives() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.call("s3", "CreateBucket", Bucket="photos")
        configuration: dict[str, Any] = {"EventBridgeConfiguration": {}}
        await c.call(
            "s3", "PutBucketNotificationConfiguration", Bucket="photos", NotificationConfiguration=configuration
        )
        pattern = {
            "source": ["aws.s3"],
            "detail": {"bucket": {"name": ["photos"]}, "object": {"key": [{"suffix": ".jpg"}]}},
        }
        await c.rule("r", queue, json.dumps(pattern))
        await c.call("s3", "PutObject", Bucket="photos", Key="a b.jpg", Body=b"data")
        await c.call("s3", "PutObject", Bucket="photos", Key="a.png", Body=b"data")
        await c.call("s3", "DeleteObject", Bucket="photos", Key="a b.jpg")
        await c.settle()
        created, deleted = sorted(await c.received(queue), key=lambda event: str(event["detail-type"]))
        assert (created["detail-type"], deleted["detail-type"]) == ("Object Created", "Object Deleted")
        assert created["resources"] == ["arn:aws:s3:::photos"]
        about = created["detail"]["object"]
        assert (about["key"], about["size"], about["etag"]) == ("a b.jpg", 4, "8d777f385d3dfec8815d20f7496026dc")
        assert created["detail"]["reason"] == "PutObject"

    run(scenario)


def test_an_unknown_service_of_another_account_is_kept_out() -> None:
    async def scenario(c: EventsCloud) -> None:
        target = c.targets["events"]
        with pytest.raises(Exception, match=r"does not let s3\.amazonaws\.com put events"):
            await target.check(f"{BUS}/default", "s3.amazonaws.com", "arn:aws:s3:::x", OTHER)
        with pytest.raises(Exception, match="does not exist"):
            await target.check(f"{BUS}/none", "s3.amazonaws.com", "arn:aws:s3:::x", ACCOUNT)
        await target.check(f"{BUS}/default", "s3.amazonaws.com", "arn:aws:s3:::x", ACCOUNT)

    run(scenario)


def test_an_event_without_bus_goes_nowhere_and_others_arrive() -> None:
    async def scenario(c: EventsCloud) -> None:
        queue = await c.queue()
        await c.rule("r", queue)
        entry = {"Source": SOURCE, "DetailType": SOURCE, "Detail": json.dumps(DETAIL)}
        answer = await c.do("PutEvents", Entries=[{**entry, "EventBusName": "none"}, entry])
        assert (answer["FailedEntryCount"], len(await c.received(queue))) == (0, 1)

    run(scenario)
