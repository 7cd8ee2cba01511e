"""What queues, functions and people receive."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from lambent.contracts.events import Delivery, Event, Undeliverable
from lambent.contracts.http import Request
from lambent.contracts.ports import Transaction
from lambent.services.sns import serve
from tests.support import ACCOUNT, REGION

from .support import SnsCloud

ATTRIBUTES = {
    "color": {"DataType": "String", "StringValue": "blue"},
    "n": {"DataType": "Number", "StringValue": "1.5"},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x02\x03"},
}


async def _verify(cloud: SnsCloud, envelope: dict[str, Any], url: str) -> None:
    path = url.removeprefix(cloud.settings.endpoint)
    served = await serve(cloud, Request("GET", path))
    assert served.status == 200
    assert isinstance(served.body, bytes)
    key = x509.load_pem_x509_certificate(served.body).public_key()
    assert isinstance(key, RSAPublicKey)
    names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if envelope.get(name) is not None)
    digest = hashes.SHA1() if envelope["SignatureVersion"] == "1" else hashes.SHA256()
    key.verify(base64.b64decode(envelope["Signature"]), text.encode(), PKCS1v15(), digest)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_queue_gets_the_envelope_signed(version: str) -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, queue = await cloud.topic(SignatureVersion=version), await cloud.queue()
        subscription = await cloud.subscribe(topic, queue)
        id = (await cloud.sns("Publish", TopicArn=topic, Message="é", Subject="Sub", MessageAttributes=ATTRIBUTES))[
            "MessageId"
        ]
        (message,) = await cloud.received(queue)
        body = message["Body"]
        assert "MessageAttributes" not in message
        assert (body["Type"], body["MessageId"], body["TopicArn"]) == ("Notification", id, topic)
        assert (body["Message"], body["Subject"], body["SignatureVersion"]) == ("é", "Sub", version)
        assert body["MessageAttributes"] == {
            "color": {"Type": "String", "Value": "blue"},
            "n": {"Type": "Number", "Value": "1.5"},
            "raw": {"Type": "Binary", "Value": "AgM="},
        }
        assert body["UnsubscribeURL"].endswith(f"Action=Unsubscribe&SubscriptionArn={subscription}")
        await _verify(cloud, body, body["SigningCertURL"])

    asyncio.run(run())


def test_a_queue_gets_a_raw_message_with_its_attributes() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, queue = await cloud.topic(), await cloud.queue()
        await cloud.subscribe(topic, queue, RawMessageDelivery="true")
        await cloud.sns("Publish", TopicArn=topic, Message="plain", MessageAttributes=ATTRIBUTES)
        (message,) = await cloud.received(queue)
        assert message["Body"] == "plain"
        assert message["MessageAttributes"] == {
            name: {"DataType": content["DataType"], **{key: content[key] for key in content if key != "DataType"}}
            for name, content in ATTRIBUTES.items()
        }
        structure = json.dumps({"default": "all", "sqs": "queues", "http": 5})
        await cloud.sns("Publish", TopicArn=topic, Message=structure, MessageStructure="json")
        assert [message["Body"] for message in await cloud.received(queue)] == ["queues"]

    asyncio.run(run())


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, dead = await cloud.topic(), await cloud.queue("dead")
        closed = await cloud.queue("closed", allowed=False)
        policy = json.dumps({"deadLetterTargetArn": dead})
        await cloud.subscribe(topic, closed, RedrivePolicy=policy, RawMessageDelivery="true")
        await cloud.subscribe(topic, f"arn:aws:sqs:{REGION}:{ACCOUNT}:missing", RedrivePolicy=policy)
        one = {"color": ATTRIBUTES["color"]}
        await cloud.sns("Publish", TopicArn=topic, Message="lost", MessageAttributes=one)
        assert await cloud.received(closed) == []
        found = await cloud.received(dead)
        raw = next(message for message in found if message["Body"] == "lost")
        assert list(raw["MessageAttributes"]) == ["color"]
        wrapped = next(message for message in found if message["Body"] != "lost")
        assert wrapped["Body"]["Message"] == "lost"
        assert "MessageAttributes" not in wrapped

    asyncio.run(run())


def test_a_raw_message_with_too_many_attributes_is_no_message_for_a_queue() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, queue, dead = await cloud.topic(), await cloud.queue(), await cloud.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": dead})
        await cloud.subscribe(topic, queue, RedrivePolicy=policy, RawMessageDelivery="true")
        many = {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(11)}
        await cloud.sns("Publish", TopicArn=topic, Message="m", MessageAttributes=many)
        assert await cloud.received(queue) == []
        (message,) = await cloud.received(dead)
        assert len(message["Body"]["MessageAttributes"]) == 11

    asyncio.run(run())


def test_a_group_is_handed_on_to_those_who_know_what_it_means() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        fifo, standard, queue = await cloud.topic("t.fifo"), await cloud.topic(), await cloud.queue()
        for topic in (fifo, standard):
            await cloud.subscribe(topic, queue)
        group = {"MessageGroupId": "g"}
        await cloud.sns("Publish", TopicArn=fifo, Message="m", MessageDeduplicationId="d", **group)
        (message,) = await cloud.received(queue)
        assert "MessageGroupId" not in message["Attributes"]
        await cloud.sns("Publish", TopicArn=standard, Message="m", **group)
        (message,) = await cloud.received(queue)
        assert message["Attributes"]["MessageGroupId"] == "g"

    asyncio.run(run())


class _Inlet:
    """A queue service that takes messages in the publisher's transaction."""

    def __init__(self) -> None:
        self.taken: list[Delivery] = []

    def take(self, tx: Transaction, delivery: Delivery) -> None:
        if delivery.event.target.endswith("missing"):
            raise Undeliverable("no such queue")
        self.taken.append(delivery)

    async def deliver(self, delivery: Delivery) -> None:
        raise AssertionError("nothing is left for the bus")

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        return None


def test_a_queue_of_the_same_store_is_written_to_at_once() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        inlet = _Inlet()
        cloud.targets["sqs"] = inlet
        topic = await cloud.topic()
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
        policy = json.dumps({"deadLetterTargetArn": f"{arn}dead"})
        await cloud.subscribe(topic, f"{arn}one", RawMessageDelivery="true")
        await cloud.subscribe(topic, f"{arn}missing", RedrivePolicy=policy)
        await cloud.call("sns", "Publish", TopicArn=topic, Message="now")
        assert sorted(delivery.event.target for delivery in inlet.taken) == [f"{arn}dead", f"{arn}one"]

    asyncio.run(run())


def test_many_queues_are_served_in_pages() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic()
        queues = [await cloud.queue(f"q{number}") for number in range(120)]
        for queue in queues:
            await cloud.call("sns", "Subscribe", TopicArn=topic, Protocol="sqs", Endpoint=queue)
        await cloud.sns("Publish", TopicArn=topic, Message="all")
        assert [len(await cloud.received(queue)) for queue in queues] == [1] * 120

    asyncio.run(run())


def test_a_function_gets_records() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        taken: list[Event] = []

        class Lambda(_Inlet):
            async def deliver(self, delivery: Delivery) -> None:
                taken.append(delivery.event)

            async def check(self, target: str, principal: str, source: str, account: str) -> None:
                if target.endswith("gone"):
                    raise Undeliverable("no such function")

        cloud.targets["lambda"] = Lambda()
        topic, dead = await cloud.topic(), await cloud.queue("dead")
        function = await cloud.function()
        subscription = await cloud.subscribe(topic, function, "lambda")
        policy = json.dumps({"deadLetterTargetArn": dead})
        await cloud.subscribe(topic, await cloud.function("gone"), "lambda", RedrivePolicy=policy)
        await cloud.sns("Publish", TopicArn=topic, Message="hello")
        (event,) = taken
        assert (event.target, event.principal, event.source) == (function, "sns.amazonaws.com", topic)
        (record,) = json.loads(event.payload)["Records"]
        assert (record["EventSource"], record["EventVersion"]) == ("aws:sns", "1.0")
        assert record["EventSubscriptionArn"] == subscription
        assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("hello", None)
        assert record["Sns"]["MessageAttributes"] == {}
        await _verify(cloud, record["Sns"], record["Sns"]["SigningCertUrl"])
        assert [message["Body"]["Message"] for message in await cloud.received(dead)] == ["hello"]

    asyncio.run(run())


def test_other_services_publish_as_the_policy_says() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic, queue = await cloud.topic(), await cloud.queue()
        await cloud.subscribe(topic, queue)
        target = cloud.targets["sns"]
        bucket = "arn:aws:s3:::bucket"
        with pytest.raises(Undeliverable, match="does not let"):
            await target.check(topic, "s3.amazonaws.com", bucket, ACCOUNT)
        with pytest.raises(Undeliverable, match="does not exist"):
            await target.check(f"{topic}x", "s3.amazonaws.com", bucket, ACCOUNT)
        await target.check(topic, "cloudwatch.amazonaws.com", "arn:aws:cloudwatch:::alarm", ACCOUNT)
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "SNS:Publish",
            "Resource": topic,
            "Condition": {"ArnLike": {"aws:SourceArn": bucket}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await cloud.sns("SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
        await target.check(topic, "s3.amazonaws.com", bucket, ACCOUNT)
        event = Event(
            target=topic,
            payload=b'{"Records": []}',
            source=bucket,
            principal="s3.amazonaws.com",
            account=ACCOUNT,
            region=REGION,
            attributes={"subject": "Amazon S3 Notification"},
        )
        await cloud.store.write(lambda tx: tx.emit(event))
        await cloud.settle()
        (message,) = await cloud.received(queue)
        assert (message["Body"]["Message"], message["Body"]["Subject"]) == ('{"Records": []}', "Amazon S3 Notification")

    asyncio.run(run())


def test_text_messages_and_pushes_lie_in_the_mailbox() -> None:
    async def run() -> None:
        cloud = await SnsCloud.begin()
        topic = await cloud.topic(DisplayName="Shop")
        await cloud.subscribe(topic, "+15551234567", "sms")
        app = (
            await cloud.sns(
                "CreatePlatformApplication",
                Name="app",
                Platform="GCM",
                Attributes={"PlatformCredential": "secret"},
            )
        )["PlatformApplicationArn"]
        device = (await cloud.sns("CreatePlatformEndpoint", PlatformApplicationArn=app, Token="tok"))["EndpointArn"]
        await cloud.subscribe(topic, device, "application")
        structure = json.dumps({"default": "d", "sms": "text", "GCM": "push"})
        await cloud.sns("Publish", TopicArn=topic, Message=structure, MessageStructure="json")
        await cloud.sns("Publish", PhoneNumber="+15550000000", Message="direct")
        await cloud.sns("Publish", TargetArn=device, Message="you")
        found = [(letter.kind, letter.to, letter.sender, letter.body) for letter in await cloud.mailed()]
        assert sorted(found) == sorted(
            [
                ("sms", "+15551234567", "Shop", "text"),
                ("push", "tok", app, "push"),
                ("sms", "+15550000000", "NOTICE", "direct"),
                ("push", "tok", app, "you"),
            ]
        )
        await cloud.sns("SetEndpointAttributes", EndpointArn=device, Attributes={"Enabled": "false"})
        assert (await cloud.error("Publish", TargetArn=device, Message="x"))["Code"] == "EndpointDisabled"

    asyncio.run(run())
