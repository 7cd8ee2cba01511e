"""Subscriptions."""

from __future__ import annotations

from functools import partial
from typing import Any

from lambent.contracts import arn
from lambent.contracts.caller import Principal
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import archiving, keys, subscribing
from ..errors import AuthorizationError, SubscriptionLimitExceeded, invalid
from ..model import CONFIRMED, FIFO_SUBSCRIPTIONS_MAX, PAGE, Subscription, Topic
from ..service import after, ask, on_subscription, on_topic, paged, sns, subscription_arn, topic_arn


def _authorize_subscribe(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    subscribing.check_protocol(req.get("Protocol") or "")
    found = topic_arn(ctx, req)
    question = ask("sns:Subscribe", found, keys.topic_at(tx, found))
    conditions = {"sns:protocol": req["Protocol"], "sns:endpoint": req.get("Endpoint") or ""}
    return [question._replace(conditions={**question.conditions, **conditions})]


@sns.operation(tx="none", authorize=_authorize_subscribe)
async def subscribe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if req["Protocol"] == "lambda":
        await subscribing.check_function(ctx.cloud, req.get("Endpoint") or "")
    answer: dict[str, Any] = await ctx.cloud.store.write(partial(_subscribe, ctx, req))
    return answer


def _subscribe(ctx: Context, req: dict[str, Any], tx: Transaction) -> dict[str, Any]:
    topic = keys.get_topic(tx, topic_arn(ctx, req))
    protocol, endpoint = req["Protocol"], req.get("Endpoint") or ""
    subscribing.check_endpoint(tx, topic, protocol, endpoint)
    given: dict[str, str] = req.get("Attributes") or {}
    new = Subscription(
        topic=topic.arn,
        id=ctx.cloud.ids.uuid(),
        protocol=protocol,
        endpoint=endpoint,
        owner=ctx.account,
        principal=ctx.caller.role_arn or ctx.caller.arn,
        created_ms=ctx.now_ms,
        pending=protocol in CONFIRMED or (protocol == "sqs" and arn.parse(endpoint).account != ctx.account),
    )
    new = new if new.pending else _authenticated(new)
    new, replays = subscribing.with_attributes(topic, new, given)
    old = keys.same_endpoint(tx, topic, protocol, endpoint)
    if old is not None:
        return _again(ctx, tx, topic, old, new, given, req)
    if topic.fifo and len(keys.of_topic(tx, topic, limit=FIFO_SUBSCRIPTIONS_MAX)) >= FIFO_SUBSCRIPTIONS_MAX:
        raise SubscriptionLimitExceeded("Subscription limit exceeded for the FIFO topic")
    if new.filter:
        subscribing.check_limits(tx, topic)
    if replays:
        new = archiving.begin(ctx.cloud, tx, topic, new)
    keys.put_subscription(tx, topic, new)
    if new.pending:
        subscribing.ask(ctx.cloud, tx, topic, new, "SubscriptionConfirmation")
    return _answer(new, req)


def _authenticated(new: Subscription) -> Subscription:
    return Subscription(**{name: getattr(new, name) for name in new.__struct_fields__} | {"authenticated": True})


def _again(
    ctx: Context,
    tx: Transaction,
    topic: Topic,
    old: Subscription,
    new: Subscription,
    given: dict[str, str],
    req: dict[str, Any],
) -> dict[str, Any]:
    """The endpoint is subscribed already: the same answer, and where it has not confirmed it is asked once more."""
    if any(old.attributes.get(name) != new.attributes.get(name) for name in given):
        raise invalid("Attributes", "Subscription already exists with different attributes")
    if old.pending:
        subscribing.ask(ctx.cloud, tx, topic, old, "SubscriptionConfirmation")
    return _answer(old, req)


def _answer(subscription: Subscription, req: dict[str, Any]) -> dict[str, Any]:
    if subscription.pending and not req.get("ReturnSubscriptionArn"):
        return {"SubscriptionArn": "pending confirmation"}
    return {"SubscriptionArn": subscription.arn}


@sns.operation(tx="write", open=True, anonymous=True)
def confirm_subscription(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    # The token is the permission.
    try:
        found = topic_arn(ctx, req)
    except Exception:
        raise invalid("Topic") from None
    topic = keys.topic_at(tx, found)
    if topic is None:
        raise invalid("Topic" if subscribing.is_elsewhere(tx, found, req.get("Token") or "") else "Token")
    signed = ctx.caller.kind is not Principal.ANONYMOUS
    lock = (req.get("AuthenticateOnUnsubscribe") or "").lower() == "true"
    owner = ctx.account if signed else ""
    return {
        "SubscriptionArn": subscribing.confirm(ctx.cloud, tx, topic, req.get("Token") or "", owner=owner, lock=lock)
    }


def _authorize_unsubscribe(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    found = subscription_arn(req)
    place, id = keys.split(found)
    subscription = keys.subscription_at(tx, place, id)
    if ctx.caller.kind is Principal.ANONYMOUS:
        if subscription is not None and subscription.locked:
            raise AuthorizationError("Only the owner of the subscription may unsubscribe")
        return []
    if subscription is not None and subscription.owner == ctx.account:
        return [Check("sns:Unsubscribe", place)]
    return [ask("sns:Unsubscribe", place, keys.topic_at(tx, place))]


@sns.operation(tx="write", authorize=_authorize_unsubscribe, anonymous=True)
def unsubscribe(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    place, id = keys.split(subscription_arn(req))
    topic, subscription = keys.topic_at(tx, place), keys.subscription_at(tx, place, id)
    if topic is not None and subscription is not None:
        subscribing.end(ctx.cloud, tx, topic, subscription)


@sns.operation(tx="read")
def list_subscriptions(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    rows = keys.owned.scan(tx, ctx.account, ctx.region, after=after(req.get("NextToken")), limit=PAGE + 1)
    found: list[tuple[bytes, Subscription]] = []
    for key, row in rows:
        subscription = keys.subscription_at(tx, row.topic, str(keys.owned.parts(key)[-1]))
        if subscription is not None:
            found.append((key, subscription))
    return paged(found, "Subscriptions", subscribing.summary)


@sns.operation(tx="read", authorize=on_topic("sns:ListSubscriptionsByTopic"))
def list_subscriptions_by_topic(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    topic = keys.get_topic(tx, topic_arn(ctx, req))
    place = (topic.account, topic.region, topic.name)
    rows = keys.subscriptions.scan(tx, *place, after=after(req.get("NextToken")), limit=PAGE + 1)
    return paged(rows, "Subscriptions", subscribing.summary)


@sns.operation(tx="read", authorize=on_subscription("sns:GetSubscriptionAttributes"))
def get_subscription_attributes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    subscription = keys.get_subscription(tx, subscription_arn(req))
    return {"Attributes": subscribing.show(keys.get_topic(tx, subscription.topic), subscription)}


@sns.operation(tx="write", authorize=on_subscription("sns:SetSubscriptionAttributes"))
def set_subscription_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    old = keys.get_subscription(tx, subscription_arn(req))
    topic = keys.get_topic(tx, old.topic)
    name, value = req.get("AttributeName") or "", req.get("AttributeValue") or ""
    if name == "FilterPolicy" and value and not old.filter:
        subscribing.check_limits(tx, topic)
    new, replays = subscribing.change(topic, old, name, value, subscribing=False)
    if replays:
        new = archiving.begin(ctx.cloud, tx, topic, new)
    keys.put_subscription(tx, topic, new)
