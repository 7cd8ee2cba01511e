"""AddPermission and RemovePermission: single statements of a topic's policy."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import keys, settings
from ..errors import invalid
from ..service import on_topic, sns, topic_arn


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@sns.operation(tx="write", authorize=on_topic("sns:AddPermission"))
def add_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    topic = keys.get_topic(tx, topic_arn(ctx, req))
    actions: list[str] = req.get("ActionName") or []
    for action in actions:
        if action != "*" and action not in settings.ACTIONS:
            raise invalid("Policy statement action out of service scope!")
    accounts: list[str] = req.get("AWSAccountId") or []
    if not actions or not accounts or not req.get("Label"):
        raise invalid("AWSAccountId" if actions else "ActionName")
    for account in accounts:
        if not (len(account) == 12 and account.isascii() and account.isdigit()):
            raise invalid("Policy Error: PrincipalNotFound")
    policy = orjson.loads(topic.policy or settings.default_policy(topic))
    statements = _list(policy["Statement"])
    if any(statement.get("Sid") == req["Label"] for statement in statements):
        raise invalid("Statement already exists")
    principals = [f"arn:aws:iam::{account}:root" for account in accounts]
    names = [f"SNS:{action}" for action in actions]
    statements.append(
        {
            "Sid": req["Label"],
            "Effect": "Allow",
            "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
            "Action": names if len(names) > 1 else names[0],
            "Resource": topic.arn,
        }
    )
    keys.put_topic(tx, replace(topic, policy=orjson.dumps({**policy, "Statement": statements}).decode()))


@sns.operation(tx="write", authorize=on_topic("sns:RemovePermission"))
def remove_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    topic = keys.get_topic(tx, topic_arn(ctx, req))
    policy = orjson.loads(topic.policy or settings.default_policy(topic))
    statements = [statement for statement in _list(policy["Statement"]) if statement.get("Sid") != req.get("Label")]
    text = orjson.dumps({**policy, "Statement": statements}).decode()
    keys.put_topic(tx, replace(topic, policy="" if text == settings.default_policy(topic) else text))
