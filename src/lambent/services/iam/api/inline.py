"""Inline policies of users, groups and roles."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.policy import parse_document
from lambent.services.iam import keys, model
from lambent.services.iam.base import NAMES, about, get, iam, page, replace
from lambent.services.iam.errors import LimitExceeded, NoSuchEntity

from .policies import non_blank
from .roles import modifiable

Req = dict[str, Any]
SIZES_MAX = {"user": 2048, "group": 5120, "role": 10_240}
"""Characters, white space not counted, of all inline policies of one entity together."""


def _put(ctx: Context, tx: Transaction, req: Req, kind: str) -> None:
    entity = get(tx, kind, ctx, req[NAMES[kind]])
    if isinstance(entity, model.RoleRecord):
        modifiable(entity)
    parse_document(req["PolicyDocument"], "identity")
    policies = dict(entity.inline)
    policies[req["PolicyName"]] = req["PolicyDocument"]
    if sum(non_blank(document) for document in policies.values()) > SIZES_MAX[kind]:
        raise LimitExceeded(f"Maximum policy size of {SIZES_MAX[kind]} bytes exceeded for {kind} {entity.name}")
    keys.save(tx, replace(entity, inline=tuple(sorted(policies.items()))))


def _get(ctx: Context, tx: Reader, req: Req, kind: str) -> Req:
    entity = get(tx, kind, ctx, req[NAMES[kind]])
    document = _document(entity, req["PolicyName"], kind)
    return {
        NAMES[kind]: entity.name,
        "PolicyName": req["PolicyName"],
        "PolicyDocument": model.encoded(document),
    }


def _document(entity: model.AnyEntity, name: str, kind: str) -> str:
    document = dict(entity.inline).get(name)
    if document is None:
        raise NoSuchEntity(f"The {kind} policy with name {name} cannot be found.")
    return document


def _delete(ctx: Context, tx: Transaction, req: Req, kind: str) -> None:
    entity = get(tx, kind, ctx, req[NAMES[kind]])
    if isinstance(entity, model.RoleRecord):
        modifiable(entity)
    _document(entity, req["PolicyName"], kind)
    keys.save(tx, replace(entity, inline=tuple(pair for pair in entity.inline if pair[0] != req["PolicyName"])))


def _list(ctx: Context, tx: Reader, req: Req, kind: str) -> Req:
    entity = get(tx, kind, ctx, req[NAMES[kind]])
    return page([name for name, _ in entity.inline], req, "PolicyNames", str)


@iam.operation(tx="write", authorize=about("user", "PutUserPolicy"))
def put_user_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _put(ctx, tx, req, "user")


@iam.operation(tx="write", authorize=about("group", "PutGroupPolicy"))
def put_group_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _put(ctx, tx, req, "group")


@iam.operation(tx="write", authorize=about("role", "PutRolePolicy"))
def put_role_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _put(ctx, tx, req, "role")


@iam.operation(tx="read", authorize=about("user", "GetUserPolicy"))
def get_user_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    return _get(ctx, tx, req, "user")


@iam.operation(tx="read", authorize=about("group", "GetGroupPolicy"))
def get_group_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    return _get(ctx, tx, req, "group")


@iam.operation(tx="read", authorize=about("role", "GetRolePolicy"))
def get_role_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    return _get(ctx, tx, req, "role")


@iam.operation(tx="write", authorize=about("user", "DeleteUserPolicy"))
def delete_user_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _delete(ctx, tx, req, "user")


@iam.operation(tx="write", authorize=about("group", "DeleteGroupPolicy"))
def delete_group_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _delete(ctx, tx, req, "group")


@iam.operation(tx="write", authorize=about("role", "DeleteRolePolicy"))
def delete_role_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _delete(ctx, tx, req, "role")


@iam.operation(tx="read", authorize=about("user", "ListUserPolicies"))
def list_user_policies(ctx: Context, tx: Reader, req: Req) -> Req:
    return _list(ctx, tx, req, "user")


@iam.operation(tx="read", authorize=about("group", "ListGroupPolicies"))
def list_group_policies(ctx: Context, tx: Reader, req: Req) -> Req:
    return _list(ctx, tx, req, "group")


@iam.operation(tx="read", authorize=about("role", "ListRolePolicies"))
def list_role_policies(ctx: Context, tx: Reader, req: Req) -> Req:
    return _list(ctx, tx, req, "role")
