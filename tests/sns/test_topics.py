"""Topics, subscriptions and the rest of the operations: lists, tags, permissions, limits, who may."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent.contracts.caller import ANONYMOUS, Caller, Principal
from lambent.contracts.errors import ServiceError
from lambent.services.sns import opt_out
from tests.lambda_.support import TRUST
from tests.support import ACCOUNT, REGION

from .support import SnsCloud

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"


def _user(name: str = "ann", account: str = ACCOUNT) -> Caller:
    arn = f"arn:aws:iam::{account}:user/{name}"
    return Caller(kind=Principal.USER, account=account, arn=arn, user_id="AIDA" + name)


def test_creating_again_gives_the_same_topic() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        first = await cloud.sns("CreateTopic", Name="t", Attributes={"DisplayName": "x"}, Tags=[_tag("k", "v")])
        assert await cloud.sns("CreateTopic", Name="t") == first
        assert await cloud.sns("CreateTopic", Name="t", Attributes={"DisplayName": "x"}) == first
        assert await cloud.sns("CreateTopic", Name="t", Attributes={"SignatureVersion": "1"}) == first
        archive = {"FifoTopic": "true", "ArchivePolicy": '{"MessageRetentionPeriod": "9"}'}
        fifo = await cloud.sns("CreateTopic", Name="t.fifo", Attributes=archive)
        cloud.clock.advance(1_000_000_000)
        assert await cloud.sns("CreateTopic", Name="t.fifo", Attributes=archive) == fifo
        error = await cloud.error("CreateTopic", Name="t", Tags=[_tag("k", "other")])
        assert error["Message"] == "Invalid parameter: Tags Reason: Topic already exists with different tags"
        await cloud.sns("DeleteTopic", **first)
        await cloud.sns("DeleteTopic", **first)
        await cloud.sns("CreateTopic", Name="t")
        tags = await cloud.sns("ListTagsForResource", ResourceArn=first["TopicArn"])
        assert tags == {"Tags": []}

    asyncio.run(run())


def _tag(key: str, value: str) -> dict[str, str]:
    return {"Key": key, "Value": value}


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("", {}),
        ("a b", {}),
        ("a" * 257, {}),
        ("t.fifo", {}),
        ("t", {"FifoTopic": "true"}),
    ],
)
def test_names_that_are_none(name: str, attributes: dict[str, str]) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        error = await cloud.error("CreateTopic", Name=name, Attributes=attributes)
        assert error == {"Code": "InvalidParameter", "Message": "Invalid parameter: Topic Name"}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Nonsense", "x"),
        ("FifoTopic", "true"),
        ("SignatureVersion", "3"),
        ("TracingConfig", "Sometimes"),
        ("DisplayName", "a\nb"),
        ("ContentBasedDeduplication", "true"),
        ("SQSSuccessFeedbackSampleRate", "101"),
        ("LambdaFailureFeedbackRoleArn", "role"),
        ("Policy", "{"),
        ("Policy", '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}}'),
        ("DeliveryPolicy", "{"),
        ("DeliveryPolicy", '{"http": {"defaultHealthyRetryPolicy": {"numRetries": 101}}}'),
        ("DeliveryPolicy", '{"http": {"defaultHealthyRetryPolicy": {"minDelayTarget": 9, "maxDelayTarget": 5}}}'),
        ("DeliveryPolicy", '{"http": {"defaultRequestPolicy": {"headerContentType": "text/plain;\\r\\nX: y"}}}'),
        ("ArchivePolicy", '{"MessageRetentionPeriod": "5"}'),
    ],
)
def test_attributes_that_are_refused(name: str, value: str) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        error = await cloud.error("SetTopicAttributes", TopicArn=topic, AttributeName=name, AttributeValue=value)
        assert error["Code"] == "InvalidParameter"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("protocol", "endpoint", "attributes", "code"),
    [
        ("firehose", "arn:aws:firehose:us-east-1:000000000000:deliverystream/x", {}, "NotImplemented"),
        ("http", "https://example.com", {}, "InvalidParameter"),
        ("http", "http://127.0.0.1:4566/_lambent/mail", {}, "InvalidParameter"),
        ("email", "nobody", {}, "InvalidParameter"),
        ("email", "a@b.example", {"RawMessageDelivery": "true"}, "InvalidParameter"),
        ("lambda", QUEUE, {}, "InvalidParameter"),
        ("application", "arn:aws:sns:us-east-1:000000000000:endpoint/GCM/app/none", {}, "InvalidParameter"),
        ("sqs", f"{QUEUE}.fifo", {}, "InvalidParameter"),
        ("sqs", QUEUE, {"Nonsense": "x"}, "InvalidParameter"),
        ("sqs", QUEUE, {"RedrivePolicy": '{"deadLetterTargetArn": "x"}'}, "InvalidParameter"),
        ("sqs", QUEUE, {"FilterPolicy": '{"a": {"b": ["c"]}}'}, "InvalidParameter"),
        ("sqs", QUEUE, {"FilterPolicyScope": "Header"}, "InvalidParameter"),
        ("sqs", QUEUE, {"ReplayPolicy": '{"PointType": "Timestamp", "StartingPoint": "x"}'}, "InvalidParameter"),
    ],
)
def test_subscriptions_that_are_refused(protocol: str, endpoint: str, attributes: dict[str, str], code: str) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        error = await cloud.error(
            "Subscribe", TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes
        )
        assert error["Code"] == code

    asyncio.run(run())


async def _all(cloud: SnsCloud, operation: str, member: str, **params: Any) -> tuple[list[int], list[Any]]:
    """Everything that a list has, and how long its pages are."""
    sizes: list[int] = []
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        answer = await cloud.call("sns", operation, **params, **token)
        sizes.append(len(answer[member]))
        found += answer[member]
        if "NextToken" not in answer:
            return sizes, found
        token = {"NextToken": answer["NextToken"]}


def test_lists_have_pages() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        for number in range(103):
            await cloud.call("sns", "CreateTopic", Name=f"t{number:03d}")
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:t000"
        for number in range(101):
            endpoint = f"{QUEUE}{number}"
            await cloud.call("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
        sizes, topics = await _all(cloud, "ListTopics", "Topics")
        assert (sizes, len({one["TopicArn"] for one in topics})) == ([100, 3], 103)
        sizes, _ = await _all(cloud, "ListSubscriptions", "Subscriptions")
        assert sizes == [100, 1]
        sizes, found = await _all(cloud, "ListSubscriptionsByTopic", "Subscriptions", TopicArn=topic)
        assert (sizes, len({one["Endpoint"] for one in found})) == ([100, 1], 101)
        shown = (await cloud.sns("GetTopicAttributes", TopicArn=topic))["Attributes"]
        assert shown["SubscriptionsConfirmed"] == "101"
        await cloud.sns("Unsubscribe", SubscriptionArn=found[0]["SubscriptionArn"])
        shown = (await cloud.sns("GetTopicAttributes", TopicArn=topic))["Attributes"]
        assert (shown["SubscriptionsConfirmed"], shown["SubscriptionsDeleted"]) == ("100", "1")
        assert (await cloud.error("ListTopics", NextToken="x"))["Code"] == "InvalidParameter"

    asyncio.run(run())


def test_subscribing_again() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        first = await cloud.subscribe(topic, QUEUE, RawMessageDelivery="true")
        assert await cloud.subscribe(topic, QUEUE) == first
        error = await cloud.error(
            "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=QUEUE, Attributes={"RawMessageDelivery": "false"}
        )
        assert error["Message"].endswith("Reason: Subscription already exists with different attributes")
        await cloud.sns(
            "SetSubscriptionAttributes",
            SubscriptionArn=first,
            AttributeName="FilterPolicy",
            AttributeValue='{"a": ["b"]}',
        )
        await cloud.sns(
            "SetSubscriptionAttributes", SubscriptionArn=first, AttributeName="FilterPolicy", AttributeValue="{}"
        )
        shown = (await cloud.sns("GetSubscriptionAttributes", SubscriptionArn=first))["Attributes"]
        assert "FilterPolicy" not in shown

    asyncio.run(run())


def test_tags_and_their_limits() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        await cloud.sns("TagResource", ResourceArn=topic, Tags=[_tag(f"k{n}", "v") for n in range(50)])
        error = await cloud.error("TagResource", ResourceArn=topic, Tags=[_tag("more", "v")])
        assert error["Code"] == "TagLimitExceeded"
        await cloud.sns("UntagResource", ResourceArn=topic, TagKeys=[f"k{n}" for n in range(49)])
        assert await cloud.sns("ListTagsForResource", ResourceArn=topic) == {"Tags": [_tag("k49", "v")]}
        error = await cloud.error("ListTagsForResource", ResourceArn=f"{topic}x")
        assert error["Code"] == "ResourceNotFound"

    asyncio.run(run())


def test_who_may_publish() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        stranger = _user("eve", "111111111111")
        for caller in (_user(), stranger):
            with pytest.raises(ServiceError, match=r"not authorized to perform: (sns|SNS):Publish"):
                await cloud.call("sns", "Publish", caller, TopicArn=topic, Message="m")
        await cloud.sns(
            "AddPermission",
            TopicArn=topic,
            Label="friends",
            AWSAccountId=["111111111111", ACCOUNT],
            ActionName=["Publish"],
        )
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": "sns:Publish",
            "Resource": topic,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await cloud.sns("SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        with pytest.raises(ServiceError, match="no identity-based policy"):
            await cloud.call("sns", "Publish", stranger, TopicArn=topic, Message="m")
        denied = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Effect": "Deny", "Principal": "*"}]})
        await cloud.sns("SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=denied)
        error = await cloud.error("Publish", TopicArn=topic, Message="m")
        assert "explicit deny" in error["Message"]

    asyncio.run(run())


def test_a_policy_names_users_and_roles_that_exist() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        arn = f"arn:aws:iam::{ACCOUNT}:role/nobody"
        statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sns:Publish", "Resource": topic}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        unknown = {"Code": "InvalidParameter", "Message": "Invalid parameter: Policy Error: PrincipalNotFound"}
        given = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}
        assert await cloud.error("SetTopicAttributes", **given) == unknown
        assert await cloud.error("CreateTopic", Name="x", Attributes={"Policy": policy}) == unknown
        await cloud.call("iam", "CreateRole", RoleName="nobody", AssumeRolePolicyDocument=json.dumps(TRUST))
        await cloud.sns("SetTopicAttributes", **given)

    asyncio.run(run())


def test_a_function_that_is_not_there_is_not_subscribed() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        function = await cloud.function("there")
        wrong = {"TopicArn": topic, "Protocol": "lambda", "Endpoint": f"{function}s"}
        unknown = {"Code": "InvalidParameter", "Message": "Invalid parameter: Lambda endpoint ARN"}
        assert await cloud.error("Subscribe", **wrong) == unknown
        await cloud.subscribe(topic, function, "lambda")

    asyncio.run(run())


def test_permissions_come_and_go() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        before = (await cloud.sns("GetTopicAttributes", TopicArn=topic))["Attributes"]["Policy"]
        accounts = {"AWSAccountId": ["111111111111"], "ActionName": ["Publish", "Subscribe"]}
        await cloud.sns("AddPermission", TopicArn=topic, Label="one", **accounts)
        policy = json.loads((await cloud.sns("GetTopicAttributes", TopicArn=topic))["Attributes"]["Policy"])
        assert policy["Statement"][1] == {
            "Sid": "one",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": ["SNS:Publish", "SNS:Subscribe"],
            "Resource": topic,
        }
        await cloud.sns("RemovePermission", TopicArn=topic, Label="one")
        assert (await cloud.sns("GetTopicAttributes", TopicArn=topic))["Attributes"]["Policy"] == before

    asyncio.run(run())


def test_only_the_owner_ends_what_was_locked() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        arn = await cloud.subscribe(topic, "a@b.example", "email")
        (letter,) = await cloud.mailed()
        token = letter.details["Token"]
        await cloud.sns("ConfirmSubscription", TopicArn=topic, Token=token, AuthenticateOnUnsubscribe="true")
        with pytest.raises(ServiceError) as refused:
            await cloud.call("sns", "Unsubscribe", ANONYMOUS, SubscriptionArn=arn)
        assert refused.value.code == "AuthorizationError"
        await cloud.sns("Unsubscribe", SubscriptionArn=arn)
        cloud.clock.advance(3 * 86_400 * 1_000_000_000)
        again = await cloud.subscribe(topic, "a@b.example", "email")
        assert again != arn

    asyncio.run(run())


def test_a_token_is_good_for_two_days() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        await cloud.subscribe(topic, "a@b.example", "email")
        (letter,) = await cloud.mailed()
        cloud.clock.advance(3 * 86_400 * 1_000_000_000)
        error = await cloud.error("ConfirmSubscription", TopicArn=topic, Token=letter.details["Token"])
        assert error["Message"] == "Invalid parameter: Token"

    asyncio.run(run())


def test_text_message_settings_numbers_and_the_sandbox() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        number = "+15551234567"
        await cloud.sns("SetSMSAttributes", attributes={"DefaultSMSType": "Transactional", "DefaultSenderID": "Shop"})
        assert await cloud.sns("GetSMSAttributes", attributes=["DefaultSenderID"]) == {
            "attributes": {"DefaultSenderID": "Shop"}
        }
        await cloud.sns("CreateSMSSandboxPhoneNumber", PhoneNumber=number)
        (letter,) = await cloud.mailed()
        code = letter.body.rsplit(" ", 1)[1]
        wrong = "00000" if code != "00000" else "11111"
        error = await cloud.error("VerifySMSSandboxPhoneNumber", PhoneNumber=number, OneTimePassword=wrong)
        assert error["Code"] == "VerificationException"
        await cloud.sns("VerifySMSSandboxPhoneNumber", PhoneNumber=number, OneTimePassword=code)
        listed = await cloud.sns("ListSMSSandboxPhoneNumbers")
        assert listed["PhoneNumbers"] == [{"PhoneNumber": number, "Status": "Verified"}]
        await cloud.sns("Publish", PhoneNumber=number, Message="one")
        assert (await cloud.mailed())[-1].sender == "Shop"
        assert not await opt_out(cloud, ACCOUNT, REGION, "no number")
        assert await opt_out(cloud, ACCOUNT, REGION, number)
        assert (await cloud.sns("CheckIfPhoneNumberIsOptedOut", phoneNumber=number))["isOptedOut"] is True
        assert (await cloud.sns("ListPhoneNumbersOptedOut"))["phoneNumbers"] == [number]
        await cloud.sns("Publish", PhoneNumber=number, Message="two")
        assert len(await cloud.mailed()) == 2
        await cloud.sns("OptInPhoneNumber", phoneNumber=number)
        await cloud.sns("Publish", PhoneNumber=number, Message="three")
        assert [letter.body for letter in (await cloud.mailed())[1:]] == ["one", "three"]

    asyncio.run(run())


def test_what_became_of_messages_is_written_to_the_log() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        trust = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = await cloud.call("iam", "CreateRole", RoleName="feedback", AssumeRolePolicyDocument=document)
        allowed = {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}
        await cloud.call(
            "iam",
            "PutRolePolicy",
            RoleName="feedback",
            PolicyName="logs",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
        arn = role["Role"]["Arn"]
        topic = await cloud.topic(SQSSuccessFeedbackRoleArn=arn, SQSFailureFeedbackRoleArn=arn)
        queue, closed = await cloud.queue(), await cloud.queue("closed", allowed=False)
        for one in (queue, closed):
            await cloud.subscribe(topic, one)
        id = (await cloud.sns("Publish", TopicArn=topic, Message="m"))["MessageId"]
        for group, status, destination in (("t", "SUCCESS", queue), ("t/Failure", "FAILURE", closed)):
            name = f"sns/{REGION}/{ACCOUNT}/{group}"
            (event,) = (await cloud.call("logs", "FilterLogEvents", logGroupName=name))["events"]
            entry = json.loads(event["message"])
            assert (entry["status"], entry["delivery"]["destination"]) == (status, destination)
            assert entry["notification"]["messageId"] == id

    asyncio.run(run())


def test_protection_policies_are_kept() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        assert await cloud.sns("GetDataProtectionPolicy", ResourceArn=topic) == {}
        policy = json.dumps({"Name": "p", "Version": "2021-06-01", "Statement": []})
        await cloud.sns("PutDataProtectionPolicy", ResourceArn=topic, DataProtectionPolicy=policy)
        found = await cloud.sns("GetDataProtectionPolicy", ResourceArn=topic)
        assert found == {"DataProtectionPolicy": policy}

    asyncio.run(run())
