"""Subscriptions: which endpoints a protocol takes, the attributes that they have, confirmation."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.caller import root
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kit import calling

from . import archiving, envelopes, filtering, keys, retrying, tasks
from .errors import FilterPolicyLimitExceeded, InvalidParameter, invalid
from .model import FILTERS_MAX, PROTOCOLS, TOKEN_MS, Subscription, Token, Topic
from .tasks import Task

_NUMBER: Final = re.compile(r"\+?[0-9][0-9 .()-]{4,24}")
_EMAIL: Final = re.compile(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_TOKEN_DIGITS: Final = 192
NAMES: Final = (
    "DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn",
    "ReplayPolicy",
)  # fmt: skip
_RAW: Final = ("sqs", "http", "https", "firehose")


def check_protocol(protocol: str) -> None:
    """The protocol is one of AWS's, and built."""
    if protocol not in PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if protocol == "firehose":
        raise NotBuilt("Lambent has not built subscriptions of the protocol firehose yet.")


def check_endpoint(tx: Reader, topic: Topic, protocol: str, endpoint: str) -> None:
    """The endpoint is one that the protocol takes."""
    if topic.fifo and protocol != "sqs":
        raise invalid("Invalid protocol type: " + protocol)
    if protocol == "sqs":
        _check_arn(endpoint, "sqs", "SQS endpoint ARN")
        if endpoint.endswith(".fifo") and not topic.fifo:
            # AWS says it twice.
            raise invalid("Invalid parameter: Endpoint", "FIFO SQS Queues can not be subscribed to standard SNS topics")
    elif protocol == "lambda":
        _check_arn(endpoint, "lambda", "Lambda endpoint ARN")
    elif protocol in ("http", "https"):
        if not endpoint.startswith(f"{protocol}://"):
            raise invalid("Endpoint must match the specified protocol")
        try:
            calling.place(endpoint)
        except ValueError:
            raise invalid("Endpoint", "Invalid URL") from None
    elif protocol in ("email", "email-json"):
        if not _EMAIL.fullmatch(endpoint):
            raise invalid("Email address")
    elif protocol == "sms":
        if not is_number(endpoint):
            raise InvalidParameter(f"Invalid SMS endpoint: {endpoint}")
    else:
        _check_device(tx, endpoint)


async def check_function(cloud: Cloud, endpoint: str) -> None:
    """The function exists. Whether it lets SNS in is asked when there is a message."""
    _check_arn(endpoint, "lambda", "Lambda endpoint ARN")
    place = arn.parse(endpoint)
    asked = {"FunctionName": endpoint}
    try:
        await cloud.api.call(root(place.account), place.region, "lambda", "GetFunctionConfiguration", asked)
    except ServiceError as error:
        if error.status >= 500:
            raise
        raise invalid("Lambda endpoint ARN") from None


def is_number(text: str) -> bool:
    """Whether a text is a phone number."""
    return _NUMBER.fullmatch(text) is not None and sum(character.isdigit() for character in text) <= 15


def _check_arn(text: str, service: str, name: str) -> None:
    try:
        place = arn.parse(text)
    except ValueError:
        raise invalid(name) from None
    if place.service != service or not place.resource or not place.region or not place.account:
        raise invalid(name)


def _check_device(tx: Reader, endpoint: str) -> None:
    application, _, id = endpoint.replace(":endpoint/", ":app/", 1).rpartition("/")
    if ":endpoint/" not in endpoint or keys.devices.get(tx, application, id) is None:
        raise invalid("Endpoint", f"Endpoint does not exist for endpoint {endpoint}")


def change(
    topic: Topic, subscription: Subscription, name: str, value: str, *, subscribing: bool
) -> tuple[Subscription, bool]:
    """The subscription with one attribute set (an empty value removes it), and whether a replay is to begin."""
    where = "Attributes Reason: " if subscribing else ""
    if name not in NAMES:
        raise invalid("Attributes", f"Unknown attribute: {name}") if subscribing else invalid("AttributeName")
    replays = False
    if value and name == "ReplayPolicy":
        archiving.read_replay_policy(topic, value)
        replays = True
    elif value:
        value = _check(topic, subscription, name, value, where, subscribing)
    attributes = {key: old for key, old in subscription.attributes.items() if key != name}
    if name == "ReplayPolicy" and not value:
        attributes = {key: old for key, old in attributes.items() if key not in ("ReplayStatus", "_Replay")}
    if value:
        attributes[name] = value
    return replace(subscription, attributes=attributes), replays


def _check(topic: Topic, subscription: Subscription, name: str, value: str, where: str, subscribing: bool) -> str:
    """The value as it is stored."""
    if name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):
            raise invalid(f"{where}RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
        if value.lower() == "true" and subscription.protocol not in _RAW:
            raise invalid(f"{where}Delivery protocol [{subscription.protocol}] does not support raw message delivery.")
        return value.lower()
    if name == "FilterPolicyScope":
        if value not in ("MessageAttributes", "MessageBody"):
            raise invalid(
                f"{where}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
            )
        if subscription.filter:
            filtering.check(subscription.filter, body=value == "MessageBody", subscribing=subscribing)
    elif name == "FilterPolicy":
        filtering.check(value, body=subscription.filters_body, subscribing=subscribing)
        return filtering.normal(value)
    elif name == "DeliveryPolicy":
        return orjson.dumps(retrying.read_subscription(value)).decode()
    elif name == "RedrivePolicy":
        _check_redrive(topic, value, where)
    elif not _ROLE.fullmatch(value):
        raise invalid(f"{where}{name}: is not the ARN of a role")
    return value


def _check_redrive(topic: Topic, value: str, where: str) -> None:
    try:
        policy = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise invalid(f"{where}RedrivePolicy: failed to parse JSON.") from None
    target = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    if not isinstance(target, str) or set(policy) != {"deadLetterTargetArn"}:
        raise invalid(f"{where}RedrivePolicy: deadLetterTargetArn is required")
    try:
        _check_arn(target, "sqs", "")
    except InvalidParameter:
        raise invalid(f"{where}RedrivePolicy: deadLetterTargetArn is an invalid arn") from None
    if target.endswith(".fifo") and not topic.fifo:
        raise invalid(f"{where}RedrivePolicy: must use a standard queue as DLQ for a standard topic")
    if topic.fifo and not target.endswith(".fifo"):
        raise invalid(f"{where}RedrivePolicy: must use a FIFO queue as DLQ for a FIFO topic")


def with_attributes(topic: Topic, subscription: Subscription, given: dict[str, str]) -> tuple[Subscription, bool]:
    """The subscription with what Subscribe gives; scope before policy, because the policy is checked by it."""
    replays = False
    for name in sorted(given, key=lambda name: name != "FilterPolicyScope"):
        subscription, begun = change(topic, subscription, name, given[name], subscribing=True)
        replays = replays or begun
    return subscription, replays


def check_limits(tx: Reader, topic: Topic) -> None:
    """A topic has so many filter policies at most."""
    counts = keys.counts.get(tx, topic.id)
    if counts is not None and counts.filtered >= FILTERS_MAX:
        raise FilterPolicyLimitExceeded("Filter policy limit exceeded")


def show(topic: Topic, subscription: Subscription) -> dict[str, str]:
    """The attributes of a subscription, as GetSubscriptionAttributes shows them."""
    found = {
        "SubscriptionArn": subscription.arn,
        "TopicArn": subscription.topic,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "Owner": subscription.owner,
        "SubscriptionPrincipal": subscription.principal,
        "ConfirmationWasAuthenticated": "true" if subscription.authenticated else "false",
        "PendingConfirmation": "true" if subscription.pending else "false",
        "RawMessageDelivery": "false",
    }
    found |= {name: value for name, value in subscription.attributes.items() if not name.startswith("_")}
    if subscription.filter:
        found.setdefault("FilterPolicyScope", "MessageAttributes")
    if subscription.protocol in ("http", "https"):
        found["EffectiveDeliveryPolicy"] = orjson.dumps(retrying.effective(topic, subscription)).decode()
    return found


def new_token(cloud: Cloud, tx: Transaction, subscription: Subscription, now_ms: int, *, restores: bool = False) -> str:
    """A token that confirms a subscription for some days, or restores one that was ended."""
    token = cloud.ids.hex(_TOKEN_DIGITS)
    ended = subscription if restores else None
    keys.tokens.put(tx, Token(subscription.topic, subscription.id, now_ms + TOKEN_MS, ended), token)
    return token


def ask(cloud: Cloud, tx: Transaction, topic: Topic, subscription: Subscription, kind: str) -> None:
    """Send a request to the endpoint: to confirm the subscription, or to take back that it was ended."""
    now_ms = cloud.clock.now_ns() // 1_000_000
    ended = kind == "UnsubscribeConfirmation"
    token = new_token(cloud, tx, subscription, now_ms, restores=ended)
    id = cloud.ids.request_id()
    body = envelopes.request(cloud, tx, topic, subscription, kind, token, id, now_ms)
    gone = f"{subscription.protocol} {subscription.endpoint}" if ended else ""
    tasks.emit(
        tx, topic, Task(kind="request", topic=topic.id, subscription=subscription.id, body=body, id=id, group=gone)
    )


def confirm(cloud: Cloud, tx: Transaction, topic: Topic, text: str, *, owner: str = "", lock: bool = False) -> str:
    """Confirm by a token; returns the subscription's ARN. `owner` is the account of a signed request, `lock` that
    only the owner may unsubscribe from then on."""
    if not text or not all(character in "0123456789abcdef" for character in text.lower()):
        raise InvalidParameter("Invalid token")
    token = keys.tokens.get(tx, text)
    now_ms = cloud.clock.now_ns() // 1_000_000
    if token is None or token.topic != topic.arn or token.until_ms < now_ms:
        raise invalid("Token")
    subscription = keys.subscription_at(tx, token.topic, token.id)
    if subscription is None and token.restores is not None:
        subscription = token.restores
        other = keys.same_endpoint(tx, topic, subscription.protocol, subscription.endpoint)
        if other is not None:
            return other.arn
        keys.put_subscription(tx, topic, subscription)
    if subscription is None:
        raise invalid("Token")
    authenticated = owner == subscription.owner
    if subscription.pending or (lock and not subscription.locked):
        changed = replace(
            subscription,
            pending=False,
            authenticated=subscription.authenticated or authenticated,
            locked=subscription.locked or (lock and bool(owner)),
        )
        keys.put_subscription(tx, topic, changed)
    return subscription.arn


def is_elsewhere(tx: Reader, topic_arn: str, text: str) -> bool:
    """Whether a token belongs to a topic of another region than the one of `topic_arn`."""
    token = keys.tokens.get(tx, text)
    return token is not None and arn.parse(token.topic).region != arn.parse(topic_arn).region


def end(cloud: Cloud, tx: Transaction, topic: Topic, subscription: Subscription) -> None:
    """Remove a subscription; endpoints of HTTP are told so, and may take it back."""
    keys.delete_subscription(tx, topic, subscription)
    if subscription.protocol in ("http", "https") and not subscription.pending:
        ask(cloud, tx, topic, subscription, "UnsubscribeConfirmation")


def summary(subscription: Subscription) -> dict[str, Any]:
    """A subscription as lists show it."""
    return {
        "SubscriptionArn": "PendingConfirmation" if subscription.pending else subscription.arn,
        "Owner": subscription.owner,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "TopicArn": subscription.topic,
    }
