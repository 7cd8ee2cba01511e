"""Topics as the recorded cases have them: a client of SNS, and what AWS was recorded to answer, without what varies."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any
from unittest.mock import ANY

import pytest

from lambent.services.sns import keys, signing
from lambent.services.sns.model import SigningKey
from tests.client import Client
from tests.support import ACCOUNT, REGION

from .support import SnsCloud

ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
TOPIC, FIFO, NO_TOPIC = f"{ARN}t", f"{ARN}t.fifo", f"{ARN}none"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
APPLICATION = f"{ARN}app/ADM/app"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def fault(code: str, text: str, status: int = 400) -> dict[str, Any]:
    """An error's answer."""
    return {"Error": {"Code": code, "Message": text, "Type": "Sender"}, "Status": status}


def invalid(text: str) -> dict[str, Any]:
    """The answer to a parameter that is refused."""
    return fault("InvalidParameter", f"Invalid parameter: {text}")


def missing(text: str) -> dict[str, Any]:
    """The answer where something does not exist."""
    return fault("NotFound", text, 404)


def row(name: str, operation: str, params: dict[str, Any], expected: dict[str, Any]) -> Any:
    """A row of a table of errors: the recorded case and the key in it, what is asked, what is answered."""
    return pytest.param(operation, params, expected, id=name)


@cache
def _signing_key() -> SigningKey:
    async def make() -> SigningKey:
        cloud = SnsCloud()
        return await cloud.store.write(lambda tx: signing.ensure_key(cloud, tx))

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(make())).result()


class Topics:
    """A cloud whose events are delivered, with clients of SNS and SQS."""

    def __init__(self, cloud: SnsCloud) -> None:
        self.cloud = cloud
        self.client, self.sqs = Client(cloud, "sns"), Client(cloud, "sqs")

    @classmethod
    async def begin(cls) -> Topics:
        """An empty cloud, but for a signing key: one for all tests, for making one takes up to a second."""
        cloud = await SnsCloud.begin()
        key = _signing_key()
        await cloud.store.write(lambda tx: keys.signing.put(tx, key))
        return cls(cloud)

    async def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation; what it caused is done when it returns."""
        answer = await self.client.call(operation, **params)
        await self.cloud.settle()
        return answer

    async def error(self, operation: str, **params: Any) -> dict[str, Any]:
        """The error of an operation."""
        return await self.client.error(operation, **params)

    async def topic(self, name: str = "t", **attributes: str) -> str:
        """Make a topic; returns its ARN."""
        more = {"FifoTopic": "true"} if name.endswith(".fifo") else {}
        answer = await self("CreateTopic", Name=name, Attributes={**more, **attributes})
        assert answer == {"TopicArn": f"{ARN}{name}"}
        return str(answer["TopicArn"])

    async def subscribe(self, topic: str, endpoint: str, protocol: str = "sqs", **attributes: str) -> str:
        """Subscribe an endpoint; returns the subscription's ARN."""
        params = {"TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint, "Attributes": attributes}
        answer = await self("Subscribe", ReturnSubscriptionArn=True, **params)
        arn = str(answer["SubscriptionArn"])
        assert answer == {"SubscriptionArn": arn}
        assert arn.startswith(f"{topic}:")
        return arn

    async def attributes(self, operation: str, **params: Any) -> dict[str, Any]:
        """The attributes that an operation tells, with policies as values."""
        answer = await self(operation, **params)
        assert set(answer) == {"Attributes"}
        return {name: _value(text) for name, text in answer["Attributes"].items()}

    async def received(self, queue: str = QUEUE, system: bool = False) -> list[dict[str, Any]]:
        """The messages in a queue, which are taken out of it; a body that is JSON as its value."""
        url = f"http://localhost:4566/{ACCOUNT}/{queue.rpartition(':')[2]}"
        region = queue.split(":")[3]
        sqs = Client(self.cloud, "sqs", region=region)
        more: dict[str, Any] = {"AttributeNames": ["All"]} if system else {}
        found: list[dict[str, Any]] = []
        while True:
            asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "WaitTimeSeconds": 0}
            messages = (await sqs.call("ReceiveMessage", **asked, **more)).get("Messages", [])
            if not messages:
                return found
            for message in messages:
                await sqs.call("DeleteMessage", QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append({**message, "Body": _value(message["Body"])})


def _value(text: str) -> Any:
    return json.loads(text) if text[:1] in "{[" and text else text


def effective(**changes: Any) -> dict[str, Any]:
    """The delivery policy that a topic has in effect."""
    healthy = {
        "backoffFunction": "linear",
        "maxDelayTarget": 20,
        "minDelayTarget": 20,
        "numMaxDelayRetries": 0,
        "numMinDelayRetries": 0,
        "numNoDelayRetries": 0,
        "numRetries": 3,
    }
    kind = changes.pop("headerContentType", "text/plain; charset=UTF-8")
    return {
        "http": {
            "defaultHealthyRetryPolicy": {**healthy, **changes},
            "defaultRequestPolicy": {"headerContentType": kind},
            "disableSubscriptionOverrides": False,
        }
    }


def policy(topic: str) -> dict[str, Any]:
    """The policy that a topic has of itself."""
    actions = (
        *("GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe"),
        *("ListSubscriptionsByTopic", "Publish"),
    )
    statement = {
        "Action": [f"SNS:{action}" for action in actions],
        "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Resource": topic,
        "Sid": "__default_statement_ID",
    }
    return {"Id": "__default_policy_ID", "Statement": [statement], "Version": "2008-10-17"}


def topic_attributes(topic: str = TOPIC, **changes: Any) -> dict[str, Any]:
    """All attributes of a topic."""
    fifo = {"FifoTopic": "true", "ContentBasedDeduplication": "false"} if topic.endswith(".fifo") else {}
    return {
        **fifo,
        "DisplayName": "",
        "EffectiveDeliveryPolicy": effective(),
        "Owner": ACCOUNT,
        "Policy": policy(topic),
        "SubscriptionsConfirmed": "0",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
        "TopicArn": topic,
        **changes,
    }


def subscription_attributes(arn: str, endpoint: str = QUEUE, protocol: str = "sqs", **changes: Any) -> dict[str, Any]:
    """All attributes of a confirmed subscription. AWS was asked by a user, and this cloud is by the root user."""
    return {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": endpoint,
        "Owner": ACCOUNT,
        "PendingConfirmation": "false",
        "Protocol": protocol,
        "RawMessageDelivery": "false",
        "SubscriptionArn": arn,
        "SubscriptionPrincipal": ROOT,
        "TopicArn": arn.rpartition(":")[0],
        **changes,
    }


def listed(arn: str, endpoint: str = QUEUE, protocol: str = "sqs") -> dict[str, Any]:
    """A subscription in a list."""
    return {
        "Endpoint": endpoint,
        "Owner": ACCOUNT,
        "Protocol": protocol,
        "SubscriptionArn": arn,
        "TopicArn": arn.rpartition(":")[0],
    }


def envelope(text: str, topic: str = TOPIC, **more: Any) -> dict[str, Any]:
    """What a queue gets of a message; messages of FIFO topics are numbered and not signed."""
    signed = {"Signature": ANY, "SignatureVersion": "1", "SigningCertURL": ANY}
    return {
        **({"SequenceNumber": ANY} if topic.endswith(".fifo") else signed),
        "Message": text,
        "MessageId": ANY,
        "Timestamp": ANY,
        "TopicArn": topic,
        "Type": "Notification",
        "UnsubscribeURL": ANY,
        **more,
    }


def message(body: Any, **more: Any) -> dict[str, Any]:
    """A received message."""
    return {"Body": body, "MD5OfBody": ANY, "MessageId": ANY, "ReceiptHandle": ANY, **more}


def system(**more: str) -> dict[str, Any]:
    """The system attributes of a message that was received once."""
    own = {"ApproximateFirstReceiveTimestamp": ANY, "ApproximateReceiveCount": "1", "SenderId": ANY}
    return {"Attributes": {**own, "SentTimestamp": ANY, **more}}
