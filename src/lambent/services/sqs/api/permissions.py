"""AddPermission and RemovePermission: statements of the queue's policy, made from labels, accounts and actions."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import keys
from ..errors import InvalidParameterValueException, OverLimit, bad_value, missing
from ..model import Queue
from ..service import on_queue, queue_in

ACTIONS_MAX: Final = 7
_LABEL: Final = re.compile(r"[A-Za-z0-9_\-]{1,80}", re.ASCII).fullmatch
_ACCOUNT: Final = re.compile(r"\d{12}", re.ASCII).fullmatch
_ACTIONS: Final = frozenset(
    (
        "*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes",
        "GetQueueUrl", "ListDeadLetterSourceQueues", "PurgeQueue",
    )
)  # fmt: skip


def _statements(queue: Queue) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The policy as it stands, or a new one, and its statements."""
    policy: dict[str, Any] = json.loads(queue.policy) if queue.policy else {}
    found = policy.get("Statement", [])
    policy = policy or {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy"}
    return policy, found if isinstance(found, list) else [found]


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


@on_queue("write")
def add_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Add a statement to the queue's policy."""
    queue = queue_in(req)
    label = _label(req)
    accounts, actions = req.get("AWSAccountIds") or [], req.get("Actions") or []
    if not accounts:
        raise missing("AWSAccountIds")
    if not actions:
        raise missing("Actions")
    if len(actions) > ACTIONS_MAX:
        raise OverLimit(f"{len(actions)} Actions were found, maximum allowed is {ACTIONS_MAX}.")
    for action in actions:
        if action not in _ACTIONS:
            raise bad_value(f"SQS:{action}", "ActionName", "Please refer to the appropriate WSDL for valid actions.")
    for account in accounts:
        if not _ACCOUNT(account):
            raise InvalidParameterValueException(
                f"Value {accounts} for parameter PrincipalId is invalid. Reason: Unable to verify."
            )
    policy, statements = _statements(queue)
    if any(statement.get("Sid") == label for statement in statements):
        raise bad_value(label, "Label", "Already exists.")
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in accounts])},
        "Action": _one_or_all([f"SQS:{action}" for action in actions]),
        "Resource": queue.arn,
    }
    text = json.dumps({**policy, "Statement": [*statements, statement]}, separators=(",", ":"))
    keys.put_queue(tx, replace(queue, policy=text, modified_ms=ctx.now_ms))


@on_queue("write")
def remove_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Take a statement out of the queue's policy."""
    queue = queue_in(req)
    label = _label(req)
    policy, statements = _statements(queue)
    left = [statement for statement in statements if statement.get("Sid") != label]
    if len(left) == len(statements):
        raise bad_value(label, "Label", "can't find label.")
    text = json.dumps({**policy, "Statement": left}, separators=(",", ":")) if left else ""
    keys.put_queue(tx, replace(queue, policy=text, modified_ms=ctx.now_ms))


def _label(req: dict[str, Any]) -> str:
    label = req.get("Label")
    if not label:
        raise missing("Label")
    if not _LABEL(label):
        reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length."
        raise bad_value(label, "Label", reason)
    return str(label)
