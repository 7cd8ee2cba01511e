"""The service that the modules in api/ register their operations with, and what they share: ARNs, questions to IAM."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from lambent.contracts import arn
from lambent.contracts.arn import Arn
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context, Service
from lambent.kit.paging import seal, unseal
from lambent.kit.service import Authorizer

from . import keys
from .errors import InvalidParameter, invalid
from .model import PAGE, Topic

sns = Service("sns")


@lru_cache(4096)
def parse(text: str, name: str) -> Arn:
    """The parts of an ARN given as the parameter `name`, or AWS's complaint."""
    count = text.count(":") + 1 if text else 1
    if count < 6:
        raise invalid(name, f"An ARN must have at least 6 elements, not {count}")
    try:
        place = arn.parse(text)
    except ValueError:
        raise invalid(name) from None
    if place.service != "sns":
        raise invalid(name)
    return place


def topic_arn(ctx: Context, req: dict[str, Any], name: str = "TopicArn") -> str:
    """The ARN of a topic of the call's region."""
    text: str = req.get(name) or ""
    place = parse(text, name)
    if place.region != ctx.region or ":" in place.resource:
        raise invalid(name)
    return text


def subscription_arn(req: dict[str, Any]) -> str:
    """The ARN of a subscription."""
    text: str = req.get("SubscriptionArn") or ""
    if not text:
        raise invalid("SubscriptionArn", "no value for required parameter")
    place = parse(text, "SubscriptionArn")
    if place.resource.count(":") != 1 or not place.resource.split(":")[1]:
        raise invalid("SubscriptionId")
    return text


def ask(action: str, topic_arn: str, topic: Topic | None) -> Check:
    """The question whether the caller may do something with a topic."""
    if topic is None:
        return Check(action, topic_arn, resource_account=arn.parse(topic_arn).account)
    conditions = {f"aws:resourcetag/{name.lower()}": value for name, value in topic.tags.items()} if topic.tags else {}
    # The default policy lets in nobody but services of the account: see events.py.
    return Check(action, topic_arn, conditions, topic.policy or None, topic.account)


def on_topic(action: str, name: str = "TopicArn") -> Authorizer:
    """Asks about the topic that a request names."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        found = topic_arn(ctx, req, name)
        return [ask(action, found, keys.topic_at(tx, found))]

    return authorize


def on_subscription(action: str) -> Authorizer:
    """Asks about the topic of the subscription that a request names."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        found, _ = keys.split(subscription_arn(req))
        return [ask(action, found, keys.topic_at(tx, found))]

    return authorize


def after(token: str | None) -> bytes | None:
    """The position that a paging token stands for."""
    if not token:
        return None

    def bad(message: str) -> InvalidParameter:
        return invalid("nextToken")

    return unseal(token, bad)


def paged(rows: list[tuple[bytes, Any]], name: str, view: Callable[[Any], Any], size: int = PAGE) -> dict[str, Any]:
    """An answer with a page of `size + 1` rows that were fetched."""
    result: dict[str, Any] = {name: [view(record) for _, record in rows[:size]]}
    if len(rows) > size:
        result["NextToken"] = seal(rows[size - 1][0])
    return result
