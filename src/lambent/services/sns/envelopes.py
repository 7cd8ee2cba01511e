"""What receivers get: the JSON around a message, the event that a function is given, the request for confirmation."""

from __future__ import annotations

import time
from typing import Any, Final
from urllib.parse import quote

import orjson

from lambent.contracts.ports import Cloud, Transaction

from . import signing
from .model import SEQUENCE_BASE, Attribute, Message, Subscription, Topic

_SAFE: Final = ":/@"
FUNCTIONS_VERSION: Final = "1"


def door(cloud: Cloud) -> str:
    """Where the links in messages lead."""
    return f"{cloud.settings.endpoint}/_lambent/sns"


def timestamp(ms: int) -> str:
    """A moment as messages tell it."""
    seconds, rest = divmod(ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:03d}Z"


def unsubscribe_url(cloud: Cloud, subscription: Subscription) -> str:
    """The link that ends a subscription."""
    return f"{door(cloud)}/?Action=Unsubscribe&SubscriptionArn={quote(subscription.arn, safe=_SAFE)}"


def confirm_url(cloud: Cloud, topic_arn: str, token: str) -> str:
    """The link that confirms a subscription."""
    return f"{door(cloud)}/?Action=ConfirmSubscription&TopicArn={quote(topic_arn, safe=_SAFE)}&Token={token}"


def sequence_number(sequence: int) -> str:
    """A FIFO sequence as clients see it."""
    return str(SEQUENCE_BASE + sequence)


def shown_attributes(attributes: tuple[Attribute, ...]) -> dict[str, dict[str, str]]:
    """Message attributes inside an envelope."""
    return {name: {"Type": kind, "Value": value} for name, kind, value in attributes}


class Envelopes:
    """The envelopes of one message: what they have in common, and its signatures, are made once."""

    __slots__ = ("_attributes", "_cloud", "_signed", "_topic", "_tx", "message")

    def __init__(self, cloud: Cloud, tx: Transaction, topic: Topic, message: Message) -> None:
        self._cloud = cloud
        self._tx = tx
        self._topic = topic
        self.message = message
        self._attributes = shown_attributes(message.attributes)
        self._signed: dict[tuple[str, str], dict[str, Any]] = {}

    def _common(self, text: str, version: str) -> dict[str, Any]:
        """All that does not depend on who receives it, for one text of the message and version of the signature."""
        found = self._signed.get((text, version))
        if found is None:
            found = self._signed[text, version] = self._sign(text, version)
        return found

    def _sign(self, text: str, version: str) -> dict[str, Any]:
        message = self.message
        envelope: dict[str, Any] = {"Type": "Notification", "MessageId": message.id}
        if message.sequence:
            envelope["SequenceNumber"] = sequence_number(message.sequence)
        envelope["TopicArn"] = message.topic
        if message.subject is not None:
            envelope["Subject"] = message.subject
        envelope["Message"] = text
        envelope["Timestamp"] = timestamp(message.published_ms)
        if message.replayed:
            envelope["Replayed"] = True
        # AWS signs nothing of FIFO topics, whose receivers are queues.
        if self._topic.fifo:
            return envelope
        return _signed(self._cloud, self._tx, envelope, version)

    def json(self, subscription: Subscription) -> bytes:
        """The JSON that queues and HTTP endpoints get."""
        text = self.message.text_for(subscription.protocol)
        envelope = self._common(text, self._topic.signature_version) | {
            "UnsubscribeURL": unsubscribe_url(self._cloud, subscription)
        }
        if self._attributes:
            envelope["MessageAttributes"] = self._attributes
        return orjson.dumps(envelope)

    def event(self, subscription: Subscription) -> bytes:
        """The event that a function is given. AWS signs it by version 1 whatever the topic says."""
        common = self._common(self.message.text_for("lambda"), FUNCTIONS_VERSION)
        sns = {
            "Type": "Notification",
            "MessageId": common["MessageId"],
            "TopicArn": common["TopicArn"],
            "Subject": common.get("Subject"),
            "Message": common["Message"],
            "Timestamp": common["Timestamp"],
            "SignatureVersion": common["SignatureVersion"],
            "Signature": common["Signature"],
            "SigningCertUrl": common["SigningCertURL"],
            "UnsubscribeUrl": unsubscribe_url(self._cloud, subscription),
            "MessageAttributes": self._attributes,
        }
        record = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": subscription.arn,
            "Sns": sns,
        }
        return orjson.dumps({"Records": [record]})


def _signed(cloud: Cloud, tx: Transaction, envelope: dict[str, Any], version: str) -> dict[str, Any]:
    key = signing.ensure_key(cloud, tx)
    envelope["SignatureVersion"] = version
    envelope["Signature"] = signing.sign(key, signing.canonical(envelope), version)
    envelope["SigningCertURL"] = f"{door(cloud)}/{key.name}"
    return envelope


def request(
    cloud: Cloud, tx: Transaction, topic: Topic, subscription: Subscription, kind: str, token: str, id: str, now_ms: int
) -> bytes:
    """A SubscriptionConfirmation or an UnsubscribeConfirmation."""
    if kind == "SubscriptionConfirmation":
        text = (
            f"You have chosen to subscribe to the topic {topic.arn}.\nTo confirm the subscription, visit the "
            "SubscribeURL included in this message."
        )
    else:
        text = (
            f"You have chosen to deactivate subscription {subscription.arn}.\nTo cancel this operation and restore the "
            "subscription, visit the SubscribeURL included in this message."
        )
    envelope: dict[str, Any] = {
        "Type": kind,
        "MessageId": id,
        "Token": token,
        "TopicArn": topic.arn,
        "Message": text,
        "SubscribeURL": confirm_url(cloud, topic.arn, token),
        "Timestamp": timestamp(now_ms),
    }
    return orjson.dumps(_signed(cloud, tx, envelope, topic.signature_version))
