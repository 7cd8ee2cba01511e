"""Delivery status: what became of messages, in the topic owner's log groups, when the topic names roles for it."""

from __future__ import annotations

import logging
from hashlib import md5
from typing import Any, Final

import orjson

from lambent.contracts.arn import parse
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud

from .envelopes import timestamp
from .model import PRINCIPAL, Message, Subscription, Topic

_KINDS: Final = {"sqs": "SQS", "lambda": "Lambda", "http": "HTTP", "https": "HTTP", "application": "Application"}
_log: Final = logging.getLogger("lambent.sns")


def role(topic: Topic, protocol: str, good: bool) -> str:
    """The role that reports of this kind are written with; empty when none are."""
    kind = _KINDS.get(protocol)
    return topic.attributes.get(f"{kind}{'Success' if good else 'Failure'}FeedbackRoleArn", "") if kind else ""


def wanted(cloud: Cloud, topic: Topic, protocol: str, good: bool) -> bool:
    """Whether this outcome is reported: failures all, successes as many as the sample rate says."""
    if not role(topic, protocol, good):
        return False
    rate = int(topic.attributes.get(f"{_KINDS[protocol]}SuccessFeedbackSampleRate", "100") or 100)
    return not good or cloud.ids.random.randrange(100) < rate


def lost(subscription: Subscription, reason: str) -> None:
    """Say in the node's own log that something could not be sent."""
    _log.warning("%s could not be reached: %s", subscription.arn, reason)


async def report(
    cloud: Cloud, topic: Topic, subscription: Subscription, message: Message, status: int, reason: str, took_ms: int
) -> None:
    """Write what became of a message, as the topic's role; a role that may not is no reason to send it again."""
    good = not reason
    if not wanted(cloud, topic, subscription.protocol, good):
        return
    entry: dict[str, Any] = {
        "notification": {
            "messageMD5Sum": md5(message.text.encode(), usedforsecurity=False).hexdigest(),
            "messageId": message.id,
            "topicArn": topic.arn,
            "timestamp": timestamp(message.published_ms).replace("T", " ").removesuffix("Z"),
        },
        "delivery": {
            "deliveryId": cloud.ids.uuid(),
            "destination": subscription.endpoint,
            "providerResponse": orjson.dumps({"lambdaRequestId": cloud.ids.uuid()}).decode() if good else reason,
            "dwellTimeMs": took_ms,
            "statusCode": status,
        },
        "status": "SUCCESS" if good else "FAILURE",
    }
    try:
        session = await cloud.directory.role_session(
            role(topic, subscription.protocol, good), "sns", PRINCIPAL, source_arn=topic.arn
        )
        await _write(cloud, topic, session.caller, entry, good)
    except ServiceError as refused:
        _log.warning("what became of messages of %s cannot be told: %s", topic.arn, refused.message)


async def _write(cloud: Cloud, topic: Topic, caller: Any, entry: dict[str, Any], good: bool) -> None:
    place = parse(topic.arn)
    group = f"sns/{place.region}/{place.account}/{place.resource}{'' if good else '/Failure'}"
    stream = cloud.ids.uuid()
    call = cloud.api.call
    try:
        await call(caller, place.region, "logs", "CreateLogGroup", {"logGroupName": group})
    except ServiceError as refused:
        if refused.code != "ResourceAlreadyExistsException":
            raise
    await call(caller, place.region, "logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
    event = {"timestamp": cloud.clock.now_ns() // 1_000_000, "message": orjson.dumps(entry).decode()}
    params = {"logGroupName": group, "logStreamName": stream, "logEvents": [event]}
    await call(caller, place.region, "logs", "PutLogEvents", params)
