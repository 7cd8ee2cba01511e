"""Tags."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.tags import pairs, without

from .. import keys
from ..errors import ResourceNotFound
from ..model import Topic
from ..service import on_topic, sns, topic_arn
from ..tagging import merged, read_tags


def _topic(ctx: Context, tx: Reader, req: dict[str, Any]) -> Topic:
    found = keys.topic_at(tx, topic_arn(ctx, req, "ResourceArn"))
    if found is None:
        raise ResourceNotFound("Resource does not exist")
    return found


@sns.operation(tx="read", authorize=on_topic("sns:ListTagsForResource", "ResourceArn"))
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    tags = _topic(ctx, tx, req).tags
    return {"Tags": pairs(dict(sorted(tags.items())))}


@sns.operation(tx="write", authorize=on_topic("sns:TagResource", "ResourceArn"))
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    topic = _topic(ctx, tx, req)
    keys.put_topic(tx, replace(topic, tags=merged(topic.tags, read_tags(req["Tags"]))))


@sns.operation(tx="write", authorize=on_topic("sns:UntagResource", "ResourceArn"))
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    topic = _topic(ctx, tx, req)
    keys.put_topic(tx, replace(topic, tags=without(topic.tags, req["TagKeys"])))
