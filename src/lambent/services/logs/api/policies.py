"""Resource policies: which services may write into the log groups of an account and region. events.py asks them."""

from __future__ import annotations

from typing import Any

import orjson

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page

from .. import keys
from ..errors import InvalidParameterException, LimitExceededException, ResourceNotFoundException
from ..model import POLICIES_MAX, ResourcePolicy
from ..service import logs, position

PAGE = 50
_SCOPED = ("resourceArn", "expectedRevisionId")


def _name(req: dict[str, Any]) -> str:
    name: str = req.get("policyName", "")
    if not name:
        raise InvalidParameterException("Policy name must be specified.")
    return name


def _document(req: dict[str, Any]) -> str:
    document: str = req.get("policyDocument", "")
    try:
        given = orjson.loads(document)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict) or "Statement" not in given:
        raise InvalidParameterException("The policy document is not valid: it must be a JSON object with statements.")
    return document


@logs.operation(tx="write", unbuilt=_SCOPED)
def put_resource_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name, document = _name(req), _document(req)
    there = keys.policies.scan(tx, ctx.account, ctx.region)
    if len([policy for _, policy in there if policy.name != name]) >= POLICIES_MAX:
        raise LimitExceededException("Resource limit exceeded.")
    policy = ResourcePolicy(name, document, ctx.now_ms)
    keys.policies.put(tx, policy, ctx.account, ctx.region, name)
    return {"resourcePolicy": _view(policy)}


def _view(policy: ResourcePolicy) -> dict[str, Any]:
    return {
        "policyName": policy.name,
        "policyDocument": policy.document,
        "lastUpdatedTime": policy.updated_ms,
        "policyScope": "ACCOUNT",
    }


@logs.operation(tx="read", unbuilt=("resourceArn",))
def describe_resource_policies(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("policyScope", "ACCOUNT") != "ACCOUNT":
        return {"resourcePolicies": []}
    limit = req.get("limit", PAGE)
    after = position(req.get("nextToken"), keys.policies)
    found = keys.policies.scan(tx, ctx.account, ctx.region, after=after, limit=limit + 1)
    shown, token = page(found, limit, lambda row: row[0])
    result: dict[str, Any] = {"resourcePolicies": [_view(policy) for _, policy in shown]}
    return result | {"nextToken": token} if token else result


@logs.operation(tx="write", unbuilt=_SCOPED)
def delete_resource_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    name = _name(req)
    if keys.policies.get(tx, ctx.account, ctx.region, name) is None:
        raise ResourceNotFoundException(f"Policy with name [{name}] does not exist.")
    keys.policies.delete(tx, ctx.account, ctx.region, name)
