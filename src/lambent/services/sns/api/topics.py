"""Topics and their attributes."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.errors import generic
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import keys, settings, tasks
from ..errors import NotFound, invalid
from ..model import PAGE, Topic
from ..service import after, ask, on_topic, paged, sns, topic_arn
from ..tagging import read_tags
from ..tasks import Task


def _authorize_create(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    arn = ctx.arn("sns", req.get("Name") or "")
    found = [Check("sns:CreateTopic", arn)]
    if req.get("Tags"):
        found.append(Check("sns:TagResource", arn))
    return found


@sns.operation(tx="write", authorize=_authorize_create)
def create_topic(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name, attributes = req.get("Name") or "", req.get("Attributes") or {}
    fifo = settings.check_name(name, attributes)
    tags = read_tags(req.get("Tags") or [])
    existing = keys.topics.get(tx, ctx.account, ctx.region, name)
    topic = Topic(
        account=ctx.account,
        region=ctx.region,
        name=name,
        id=ctx.cloud.ids.hex(16),
        created_ms=ctx.now_ms,
        fifo=fifo,
        tags=tags,
    )
    for attribute, value in attributes.items():
        topic = settings.change(topic, attribute, value, ctx.now_ms, creating=True)
    settings.check_principals(tx, ctx.cloud.directory, topic)
    if "DataProtectionPolicy" in req:
        topic = replace(topic, protection=_protection(req["DataProtectionPolicy"]))
    if existing is None:
        keys.put_topic(tx, topic)
    else:
        _check_same(existing, topic, attributes, bool(req.get("Tags")))
    return {"TopicArn": topic.arn}


def _check_same(existing: Topic, asked: Topic, attributes: dict[str, str], tagged: bool) -> None:
    """A topic may be created again with what it has, or less."""
    named = {name for name in attributes if name not in ("FifoTopic", "Policy")}
    same = all(_value(existing, name) == _value(asked, name) for name in named)
    if not same or (asked.policy and asked.policy != existing.policy):
        raise invalid("Attributes", "Topic already exists with different attributes")
    if tagged and asked.tags != existing.tags:
        raise invalid("Tags", "Topic already exists with different tags")


def _value(topic: Topic, name: str) -> str:
    return topic.attributes.get(name) or settings.DEFAULTS.get(name, "")


@sns.operation(tx="write", authorize=on_topic("sns:DeleteTopic"))
def delete_topic(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    topic = keys.topic_at(tx, topic_arn(ctx, req))
    if topic is None:
        return
    if topic.attributes.get("ArchivePolicy"):
        raise generic("InvalidState", "Cannot delete a topic with an ArchivePolicy. Remove the ArchivePolicy first.")
    keys.topics.delete(tx, topic.account, topic.region, topic.name)
    for subscription in keys.of_topic(tx, topic):
        keys.delete_subscription(tx, topic, subscription)
    keys.counts.delete(tx, topic.id)
    keys.sequences.delete(tx, topic.id)
    if topic.fifo:
        tasks.emit(tx, topic, Task(kind="purge", topic=topic.id))


@sns.operation(tx="read", authorize=on_topic("sns:GetTopicAttributes"))
def get_topic_attributes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Attributes": settings.show(tx, keys.get_topic(tx, topic_arn(ctx, req)))}


@sns.operation(tx="write", authorize=on_topic("sns:SetTopicAttributes"))
def set_topic_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    topic = keys.get_topic(tx, topic_arn(ctx, req))
    name = req.get("AttributeName") or ""
    changed = settings.change(topic, name, req.get("AttributeValue") or "", ctx.now_ms, creating=False)
    if name == "Policy":
        settings.check_principals(tx, ctx.cloud.directory, changed)
    keys.put_topic(tx, changed)


@sns.operation(tx="read")
def list_topics(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    rows = keys.topics.scan(tx, ctx.account, ctx.region, after=after(req.get("NextToken")), limit=PAGE + 1)
    return paged(rows, "Topics", lambda topic: {"TopicArn": topic.arn})


def _protection(text: str) -> str:
    if not text:
        return ""
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid("DataProtectionPolicy", "failed to parse JSON.") from None
    if not isinstance(policy, dict) or "Statement" not in policy or "Name" not in policy:
        raise invalid("DataProtectionPolicy", "Name and Statement are required")
    return text


def _authorize_protection(action: str) -> Any:
    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        found = topic_arn(ctx, req, "ResourceArn")
        return [ask(action, found, keys.topic_at(tx, found))]

    return authorize


@sns.operation(tx="read", authorize=_authorize_protection("sns:GetDataProtectionPolicy"))
def get_data_protection_policy(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    topic = keys.get_topic(tx, topic_arn(ctx, req, "ResourceArn"))
    return {"DataProtectionPolicy": topic.protection} if topic.protection else {}


@sns.operation(tx="write", authorize=_authorize_protection("sns:PutDataProtectionPolicy"))
def put_data_protection_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    topic = keys.topic_at(tx, topic_arn(ctx, req, "ResourceArn"))
    if topic is None:
        raise NotFound("Topic does not exist")
    if topic.fifo:
        raise invalid("ResourceArn", "Data protection policies are not supported for FIFO topics")
    keys.put_topic(tx, replace(topic, protection=_protection(req.get("DataProtectionPolicy") or "")))
