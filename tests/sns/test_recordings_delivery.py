"""What AWS was recorded to answer about messages and what queues and functions get of them. A test has the name of its
recorded case; the errors of these cases are rows of test_recordings_errors.py."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from unittest.mock import ANY

import pytest

from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from tests.client import Client
from tests.lambda_.support import ROLE, FakeCompute
from tests.support import ACCOUNT, REGION

from .recorded import QUEUE, TOPIC, Topics, envelope, message, subscription_attributes, system, topic_attributes

ATTRIBUTE = {"attr1": {"DataType": "Number", "StringValue": "99.12"}}
SHOWN = {"attr1": {"Type": "Number", "Value": "99.12"}}
SENT = {"MessageId": ANY}


async def with_queue(raw: bool = False, **attributes: str) -> tuple[Topics, str]:
    """A topic with a queue; returns the subscription's ARN."""
    case = await Topics.begin()
    more = {"RawMessageDelivery": "true"} if raw else {}
    arn = await case.subscribe(await case.topic(), await case.cloud.queue(), **more, **attributes)
    return case, arn


async def test_cross_region_delivery_sqs() -> None:
    case = await Topics.begin()
    east = await case.topic()
    queue = QUEUE.replace("us-east-1", "us-west-1")
    west = Client(case.cloud, "sqs", region="us-west-1")
    statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    allowed = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": queue}]}
    await west.call("CreateQueue", QueueName="q", Attributes={"Policy": json.dumps(allowed)})
    await case.subscribe(east, queue)
    await case("Publish", TopicArn=east, Message="This is a test message", MessageAttributes=ATTRIBUTE)
    expected = message(envelope("This is a test message", MessageAttributes=SHOWN))
    assert await case.received(queue) == [expected]


async def test_empty_sns_message() -> None:
    case, _ = await with_queue()
    await case.error("Publish", TopicArn=TOPIC, Message="")
    asked = {"QueueUrl": f"http://localhost:4566/{ACCOUNT}/q", "AttributeNames": ["ApproximateNumberOfMessages"]}
    assert await case.sqs.call("GetQueueAttributes", **asked) == {"Attributes": {"ApproximateNumberOfMessages": "0"}}


async def test_message_structure_json_exc() -> None:
    case = await Topics.begin()
    text = '{"default": "This is a default message", "default": "duplicate"}'
    params = {"TopicArn": await case.topic(), "Message": text, "MessageStructure": "json"}
    assert await case("Publish", **params) == SENT


async def test_publish_batch_invalid_entry_id() -> None:
    case = await Topics.begin()
    topic = await case.topic()
    for id in ("a" * 80, "valid-message_123"):
        answer = await case("PublishBatch", TopicArn=topic, PublishBatchRequestEntries=[{"Id": id, "Message": "m"}])
        assert answer == {"Failed": [], "Successful": [{"Id": id, "MessageId": ANY}]}


async def test_publish_by_path_parameters() -> None:
    """Parameters in the URL's query, and nothing in the body. What is read of the answer is the XML itself."""
    case, _ = await with_queue()
    text = "test message direct post request"
    asked = case.client.request("Publish", TopicArn=TOPIC, Message=text, in_query=True)
    answer = await case.cloud.front(asked)
    body = bytes(answer.body).decode()  # type: ignore[arg-type]
    assert answer.status == 200
    id = body.partition("<MessageId>")[2].partition("</MessageId>")[0]
    assert body.startswith("<PublishResponse ")
    assert f"<PublishResult><MessageId>{id}</MessageId></PublishResult><ResponseMetadata><RequestId>" in body
    await case.cloud.settle()
    assert await case.received() == [message(envelope(text, MessageId=id))]


async def test_publish_message_before_subscribe_topic() -> None:
    case = await Topics.begin()
    topic, queue = await case.topic(), await case.cloud.queue()
    assert await case("Publish", TopicArn=topic, Subject="test-subject", Message="test_message_1") == SENT
    await case.subscribe(topic, queue)
    after = {"Subject": "test-subject-after-sub"}
    assert await case("Publish", TopicArn=topic, Message="test_message_after", **after) == SENT
    assert await case.received() == [message(envelope("test_message_after", **after))]


async def test_publish_message_by_target_arn() -> None:
    case, _ = await with_queue()
    for parameter, text in (("TopicArn", "test-msg-1"), ("TargetArn", "test-msg-2")):
        await case("Publish", Message=text, **{parameter: TOPIC})
        assert await case.received() == [message(envelope(text))]


@pytest.mark.parametrize("name", ["test_topic_publish_another_region", "test_unknown_topic_publish"])
async def test_published(name: str) -> None:
    """The success beside the errors of these cases."""
    case = await Topics.begin()
    assert await case("Publish", TopicArn=await case.topic(), Message="message") == SENT


class Functions(FakeCompute):
    """Runs functions whose events are kept; `fails` says that they fail."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self._fails = fails
        self.behave = self._run

    def _run(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        self.events.append(json.loads(invocation.payload))
        if self._fails:
            text = {"errorMessage": "Test exception (this is intentional)", "errorType": "Exception"}
            return Outcome(payload=json.dumps(text).encode(), error="Unhandled")
        return Outcome(payload=b"null")


async def with_function(fails: bool = False, **topic: str) -> tuple[Topics, Functions, str]:
    """A topic with a function that it may call; returns the subscription's ARN."""
    case = await Topics.begin()
    functions = Functions(fails)
    case.cloud.compute = functions
    return case, functions, await subscribe_function(case, await case.topic(**topic))


async def subscribe_function(case: Topics, topic: str) -> str:
    """Make a function that a topic may call, and subscribe it; returns the subscription's ARN."""
    function = await case.cloud.function()
    allowed = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "sns.amazonaws.com"}
    await Client(case.cloud, "lambda").call("AddPermission", FunctionName=function, SourceArn=topic, **allowed)
    return await case.subscribe(topic, function, "lambda")


def record(subscription: str, text: str, subject: str | None) -> dict[str, Any]:
    """What a function gets of a message: signed by version 1 in any case."""
    sns = {
        "Message": text,
        "MessageAttributes": {},
        "MessageId": ANY,
        "Signature": ANY,
        "SignatureVersion": "1",
        "SigningCertUrl": ANY,
        "Subject": subject,
        "Timestamp": ANY,
        "TopicArn": TOPIC,
        "Type": "Notification",
        "UnsubscribeUrl": ANY,
    }
    return {"EventSource": "aws:sns", "EventSubscriptionArn": subscription, "EventVersion": "1.0", "Sns": sns}


@pytest.mark.parametrize("version", ["2"])
async def test_publish_lambda_verify_signature(version: str) -> None:
    case, functions, arn = await with_function(SignatureVersion=version)
    subject = "[Subject] Test subject Signature v2"
    await case("Publish", TopicArn=TOPIC, Subject=subject, Message="Hello world.")
    assert functions.events == [{"Records": [record(arn, "Hello world.", subject)]}]


async def test_python_lambda_subscribe_sns_topic() -> None:
    case, functions, arn = await with_function()
    subject = "[Subject] Test subject"
    await case("Publish", TopicArn=TOPIC, Subject=subject, Message="Hello world.")
    assert functions.events == [{"Records": [record(arn, "Hello world.", subject)]}]


async def test_sns_topic_as_lambda_dead_letter_queue() -> None:
    case, _, arn = await with_function(fails=True)
    dead = await case.topic("dead")
    await case.subscribe(dead, await case.cloud.queue())
    functions_client = Client(case.cloud, "lambda")
    allowed = {"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    await case.cloud.call("iam", "PutRolePolicy", RoleName=ROLE[-6:], PolicyName="p", PolicyDocument=document)
    answer = await functions_client.call(
        "UpdateFunctionConfiguration", FunctionName="f", DeadLetterConfig={"TargetArn": dead}
    )
    assert answer["DeadLetterConfig"] == {"TargetArn": dead}
    await case("Publish", TopicArn=TOPIC, Message=json.dumps({"raise_error": 1}))
    for _ in range(4):
        case.cloud.clock.advance(200 * 10**9)
        await case.cloud.settle()
    [found] = await case.received()
    event = {"Records": [record(arn, json.dumps({"raise_error": 1}), None)]}
    assert json.loads(found["Body"]["Message"]) == event
    attributes = {
        "ErrorCode": {"Type": "Number", "Value": "200"},
        "ErrorMessage": {"Type": "String", "Value": "Test exception (this is intentional)"},
        "RequestID": {"Type": "String", "Value": ANY},
    }
    assert found == message(envelope(found["Body"]["Message"], dead, MessageAttributes=attributes))


async def _feedback_role(case: Topics) -> str:
    """The ARN of a role that SNS may write logs with."""
    trust = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    call = case.cloud.call
    made = await call("iam", "CreateRole", RoleName="feedback", AssumeRolePolicyDocument=json.dumps(document))
    document["Statement"] = [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]
    named = {"RoleName": "feedback", "PolicyName": "logs"}
    await call("iam", "PutRolePolicy", PolicyDocument=json.dumps(document), **named)
    return str(made["Role"]["Arn"])


async def test_delivery_lambda() -> None:
    case = await Topics.begin()
    case.cloud.compute = Functions()
    topic = await case.topic()
    assert await case.attributes("GetTopicAttributes", TopicArn=topic) == topic_attributes()
    assert await case("Publish", TopicArn=topic, Message="not told of") == SENT
    feedback = {
        "LambdaSuccessFeedbackRoleArn": await _feedback_role(case),
        "LambdaSuccessFeedbackSampleRate": "100",
    }
    for name, value in feedback.items():
        await case("SetTopicAttributes", TopicArn=topic, AttributeName=name, AttributeValue=value)
    assert await case.attributes("GetTopicAttributes", TopicArn=topic) == topic_attributes(**feedback)
    await subscribe_function(case, topic)
    sent = await case("Publish", TopicArn=topic, Message="told of")
    logs = Client(case.cloud, "logs")
    group = {"logGroupName": f"sns/{REGION}/{ACCOUNT}/t"}
    [stream] = (await logs.call("DescribeLogStreams", **group))["logStreams"]
    answer = await logs.call("GetLogEvents", logStreamName=stream["logStreamName"], **group)
    event = {"ingestionTime": ANY, "message": ANY, "timestamp": ANY}
    assert answer == {"events": [event], "nextBackwardToken": ANY, "nextForwardToken": ANY}
    entry = json.loads(answer["events"][0]["message"])
    entry["delivery"]["providerResponse"] = json.loads(entry["delivery"]["providerResponse"])
    assert entry == {
        "delivery": {
            "deliveryId": ANY,
            "destination": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f",
            "dwellTimeMs": ANY,
            "providerResponse": {"lambdaRequestId": ANY},
            "statusCode": 202,
        },
        "notification": {
            "messageId": sent["MessageId"],
            "messageMD5Sum": hashlib.md5(b"told of", usedforsecurity=False).hexdigest(),
            "timestamp": ANY,
            "topicArn": topic,
        },
        "status": "SUCCESS",
    }


async def test_attribute_raw_subscribe() -> None:
    case, arn = await with_queue(raw=True)
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn, RawMessageDelivery="true")
    attributes = {"store": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"}}
    await case("Publish", TopicArn=TOPIC, Message="This is a test message", MessageAttributes=attributes)
    own = {"MD5OfMessageAttributes": ANY, "MessageAttributes": attributes}
    assert await case.received() == [message("This is a test message", **own)]


async def test_message_structure_json_to_sqs() -> None:
    case, _ = await with_queue()
    text = json.dumps({"field": "value"})
    for given, expected in (
        ({"default": "default field", "sqs": text}, text),
        ({"default": "default field"}, "default field"),
    ):
        await case("Publish", TopicArn=TOPIC, Message=json.dumps(given), MessageStructure="json")
        assert await case.received() == [message(envelope(expected))]


_ENTRIES: list[dict[str, Any]] = [
    {
        "Id": "1",
        "Message": "Test Message with two attributes",
        "Subject": "Subject",
        "MessageAttributes": {**ATTRIBUTE, "attr2": {"DataType": "Number", "StringValue": "109.12"}},
    },
    {
        "Id": "2",
        "Message": "Test Message with one attribute",
        "Subject": "Subject",
        "MessageAttributes": {"attr1": {"DataType": "Number", "StringValue": "19.12"}},
    },
    {"Id": "3", "Message": "Test Message without attribute", "Subject": "Subject"},
    {"Id": "4", "Message": "Test Message without subject"},
    {"Id": "5", "Message": '{"default": "test default", "sqs": "test sqs"}', "MessageStructure": "json"},
]
_MD5 = {"1": "9b720b3af309c1c4b0d395c53b08c502", "2": "1f07082409022a373fa2a2601f82b3cb"}


def raw_one(entry: dict[str, Any], **more: str) -> dict[str, Any]:
    """What a queue gets of an entry that is delivered raw."""
    attributes = entry.get("MessageAttributes")
    own = {"MD5OfMessageAttributes": _MD5[entry["Id"]], "MessageAttributes": attributes} if attributes else {}
    text = "test sqs" if "MessageStructure" in entry else entry["Message"]
    return message(text, **own, **system(**more))


async def test_publish_batch_messages_from_sns_to_sqs() -> None:
    case, arn = await with_queue(raw=True)
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn, RawMessageDelivery="true")
    answer = await case("PublishBatch", TopicArn=TOPIC, PublishBatchRequestEntries=_ENTRIES)
    assert answer == {"Failed": [], "Successful": [{"Id": entry["Id"], "MessageId": ANY} for entry in _ENTRIES]}
    found = await case.received(system=True)
    assert sorted(found, key=_text) == sorted((raw_one(entry) for entry in _ENTRIES), key=_text)


def _text(found: dict[str, Any]) -> str:
    return str(found["Body"])


_SIGNED = "test signature value with attributes"
_ONE = {"MessageAttributes": {"attr1": {"DataType": "Number", "StringValue": "1"}}}
_SHOWN = {"MessageAttributes": {"attr1": {"Type": "Number", "Value": "1"}}}


async def test_publish_message_group_id() -> None:
    case, _ = await with_queue()
    await case("Publish", TopicArn=TOPIC, Message=_SIGNED, MessageGroupId="my-group-id-1", **_ONE)
    expected = message(envelope(_SIGNED, **_SHOWN), **system(MessageGroupId="my-group-id-1"))
    assert await case.received(system=True) == [expected]


@pytest.mark.parametrize("version", ["1"])
async def test_publish_sqs_verify_signature(version: str) -> None:
    case = await Topics.begin()
    await case.subscribe(await case.topic(SignatureVersion=version), await case.cloud.queue())
    await case("Publish", TopicArn=TOPIC, Message=_SIGNED, **_ONE)
    assert await case.received(system=True) == [message(envelope(_SIGNED, **_SHOWN), **system())]


async def test_publish_sqs_from_sns() -> None:
    case, arn = await with_queue(raw=True)
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn, RawMessageDelivery="true")
    await case("Publish", TopicArn=TOPIC, Message="Test msg", MessageAttributes=ATTRIBUTE)
    own = {"MD5OfMessageAttributes": "d302007e9aa062660afc85fd0a482472", "MessageAttributes": ATTRIBUTE}
    assert await case.received() == [message("Test msg", **own)]
    named = {"SubscriptionArn": arn, "AttributeName": "RawMessageDelivery"}
    await case("SetSubscriptionAttributes", AttributeValue="false", **named)
    shown = await case.attributes("GetSubscriptionAttributes", SubscriptionArn=arn)
    assert shown == subscription_attributes(arn)
    other = {"attr1": {"DataType": "Number", "StringValue": "100.12"}}
    await case("Publish", TopicArn=TOPIC, Message="Test msg", MessageAttributes=other)
    expected = envelope("Test msg", MessageAttributes={"attr1": {"Type": "Number", "Value": "100.12"}})
    assert await case.received() == [message(expected)]


async def test_publish_unicode_chars() -> None:
    case, _ = await with_queue()
    text = 'ö§a1"_!?,. £$-'
    await case("Publish", TopicArn=TOPIC, Message=text)
    assert await case.received() == [message(envelope(text))]
