"""Managed policies on users, groups and roles, and permissions boundaries."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import NAMES, about, about_arn, get, iam, page, replace
from lambent.services.iam.errors import LimitExceeded, NoSuchEntity

from .policies import require_policy
from .roles import modifiable

Req = dict[str, Any]
ATTACHED_MAX = 10
_QUOTAS = {"user": "PoliciesPerUser", "group": "PoliciesPerGroup", "role": "PoliciesPerRole"}


def _changeable(ctx: Context, tx: Reader, req: Req, kind: str) -> Any:
    entity = get(tx, kind, ctx, req[NAMES[kind]])
    return modifiable(entity) if isinstance(entity, model.RoleRecord) else entity


def _attach(ctx: Context, tx: Transaction, req: Req, kind: str) -> None:
    entity = _changeable(ctx, tx, req, kind)
    require_policy(tx, ctx, req["PolicyArn"])
    if req["PolicyArn"] in entity.attached:
        return
    if len(entity.attached) >= ATTACHED_MAX:
        raise LimitExceeded(f"Cannot exceed quota for {_QUOTAS[kind]}: {ATTACHED_MAX}")
    keys.save(tx, replace(entity, attached=tuple(sorted((*entity.attached, req["PolicyArn"]), key=_policy_name))))


def _detach(ctx: Context, tx: Transaction, req: Req, kind: str) -> None:
    entity = _changeable(ctx, tx, req, kind)
    if req["PolicyArn"] not in entity.attached:
        raise NoSuchEntity(f"Policy {req['PolicyArn']} was not found.")
    keys.save(tx, replace(entity, attached=tuple(arn for arn in entity.attached if arn != req["PolicyArn"])))


def _policy_name(arn: str) -> str:
    return f"{arn.rpartition('/')[2].lower()} {arn}"


def _list(ctx: Context, tx: Reader, req: Req, kind: str) -> Req:
    entity = get(tx, kind, ctx, req[NAMES[kind]])
    prefix = f"policy{req.get('PathPrefix', '/')}"
    arns = [arn for arn in entity.attached if arn.split(":", 5)[5].startswith(prefix)]
    found = page(arns, req, "AttachedPolicies", _policy_name)
    found["AttachedPolicies"] = [
        {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in found["AttachedPolicies"]
    ]
    return found


@iam.operation(tx="write", authorize=about("user", "AttachUserPolicy"))
def attach_user_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _attach(ctx, tx, req, "user")


@iam.operation(tx="write", authorize=about("group", "AttachGroupPolicy"))
def attach_group_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _attach(ctx, tx, req, "group")


@iam.operation(tx="write", authorize=about("role", "AttachRolePolicy"))
def attach_role_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _attach(ctx, tx, req, "role")


@iam.operation(tx="write", authorize=about("user", "DetachUserPolicy"))
def detach_user_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _detach(ctx, tx, req, "user")


@iam.operation(tx="write", authorize=about("group", "DetachGroupPolicy"))
def detach_group_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _detach(ctx, tx, req, "group")


@iam.operation(tx="write", authorize=about("role", "DetachRolePolicy"))
def detach_role_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _detach(ctx, tx, req, "role")


@iam.operation(tx="read", authorize=about("user", "ListAttachedUserPolicies"))
def list_attached_user_policies(ctx: Context, tx: Reader, req: Req) -> Req:
    return _list(ctx, tx, req, "user")


@iam.operation(tx="read", authorize=about("group", "ListAttachedGroupPolicies"))
def list_attached_group_policies(ctx: Context, tx: Reader, req: Req) -> Req:
    return _list(ctx, tx, req, "group")


@iam.operation(tx="read", authorize=about("role", "ListAttachedRolePolicies"))
def list_attached_role_policies(ctx: Context, tx: Reader, req: Req) -> Req:
    return _list(ctx, tx, req, "role")


@iam.operation(tx="write", authorize=about("user", "PutUserPermissionsBoundary"))
def put_user_permissions_boundary(ctx: Context, tx: Transaction, req: Req) -> None:
    _bound(ctx, tx, req, "user")


@iam.operation(tx="write", authorize=about("role", "PutRolePermissionsBoundary"))
def put_role_permissions_boundary(ctx: Context, tx: Transaction, req: Req) -> None:
    _bound(ctx, tx, req, "role")


@iam.operation(tx="write", authorize=about("user", "DeleteUserPermissionsBoundary"))
def delete_user_permissions_boundary(ctx: Context, tx: Transaction, req: Req) -> None:
    _unbound(ctx, tx, req, "user")


@iam.operation(tx="write", authorize=about("role", "DeleteRolePermissionsBoundary"))
def delete_role_permissions_boundary(ctx: Context, tx: Transaction, req: Req) -> None:
    _unbound(ctx, tx, req, "role")


def _bound(ctx: Context, tx: Transaction, req: Req, kind: str) -> None:
    entity = _changeable(ctx, tx, req, kind)
    require_policy(tx, ctx, req["PermissionsBoundary"])
    keys.save(tx, replace(entity, boundary=req["PermissionsBoundary"]))


def _unbound(ctx: Context, tx: Transaction, req: Req, kind: str) -> None:
    entity = _changeable(ctx, tx, req, kind)
    if not entity.boundary:
        raise NoSuchEntity(f"The permissions boundary of {kind} {entity.name} cannot be found.")
    keys.save(tx, replace(entity, boundary=""))


@iam.operation(tx="read", authorize=about_arn("PolicyArn", "ListEntitiesForPolicy"))
def list_entities_for_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    require_policy(tx, ctx, req["PolicyArn"])
    wanted = {"User": "user", "Group": "group", "Role": "role"}.get(req.get("EntityFilter", ""))
    table = keys.BOUNDARIES if req.get("PolicyUsageFilter") == "PermissionsBoundary" else keys.ATTACHMENTS
    rows = keys.users_of_policy(tx, table, ctx.account, req["PolicyArn"])
    entities = [keys.find(tx, kind, ctx.account, name) for kind, name in rows if wanted in (None, kind)]
    prefix = req.get("PathPrefix", "/")
    kept = [entity for entity in entities if entity is not None and entity.path.startswith(prefix)]
    found = page(kept, req, "Entities", lambda entity: f"{keys.kind_of(entity)} {entity.name.lower()}")
    shown: list[model.AnyEntity] = found.pop("Entities")
    for kind, member in (("group", "Group"), ("user", "User"), ("role", "Role")):
        found[f"Policy{member}s"] = [
            {f"{member}Name": entity.name, f"{member}Id": entity.id} for entity in shown if keys.kind_of(entity) == kind
        ]
    return found
