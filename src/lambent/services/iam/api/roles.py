"""Roles."""

from __future__ import annotations

import json
from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.policy import MalformedPolicyDocument, named_principals, parse_document
from lambent.services.iam import keys, model
from lambent.services.iam.base import about, about_path, get, iam, replace, scan_page, tags_of
from lambent.services.iam.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded, UnmodifiableEntity

from .policies import non_blank, require_policy
from .users import extras

Req = dict[str, Any]
TRUST_SIZE_MAX = 2048
SERVICE_PATH = "/aws-service-role/"


def role_shape(role: model.RoleRecord, *, session: bool = True, full: bool = True) -> Req:
    """A role as the model has it. `session` adds the longest session, which CreateRole leaves out; `full` what
    ListRoles leaves out."""
    found: Req = {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": model.when(role.created_ms),
        "AssumeRolePolicyDocument": model.encoded(role.trust),
    }
    if role.description:
        found["Description"] = role.description
    if session:
        found["MaxSessionDuration"] = role.session_s_max
    return found | extras(role) if full else found


def check_trust(ctx: Context, tx: Reader, document: str) -> str:
    """Check a trust policy's grammar and size, and that the users and roles that it trusts exist."""
    parse_document(document, "trust")
    statements = json.loads(document)["Statement"]
    for statement in [statements] if isinstance(statements, dict) else statements:
        for arn in named_principals(statement):
            if not ctx.cloud.directory.principal_exists(tx, arn):
                raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{arn}"')
    if non_blank(document) > TRUST_SIZE_MAX:
        raise LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE_MAX}")
    return document


def modifiable(role: model.RoleRecord) -> model.RoleRecord:
    """The role, unless it is a service's own."""
    if role.path.startswith(SERVICE_PATH):
        raise UnmodifiableEntity(
            f"Cannot perform the operation on the protected role '{role.name}' - this role is only modifiable by AWS"
        )
    return role


@iam.operation(tx="write", authorize=about("role", "CreateRole"))
def create_role(ctx: Context, tx: Transaction, req: Req) -> Req:
    if keys.find(tx, "role", ctx.account, req["RoleName"]) is not None:
        raise EntityAlreadyExists(f"Role with name {req['RoleName']} already exists.")
    if "PermissionsBoundary" in req:
        require_policy(tx, ctx, req["PermissionsBoundary"])
    role = model.RoleRecord(
        account=ctx.account,
        name=req["RoleName"],
        path=req.get("Path", "/"),
        id=ctx.cloud.ids.unique("AROA"),
        created_ms=ctx.now_ms,
        trust=check_trust(ctx, tx, req["AssumeRolePolicyDocument"]),
        description=req.get("Description", ""),
        session_s_max=req.get("MaxSessionDuration", 3600),
        tags=tags_of(req),
        boundary=req.get("PermissionsBoundary", ""),
    )
    return {"Role": role_shape(keys.save(tx, role), session=False)}


@iam.operation(tx="read", authorize=about("role", "GetRole"))
def get_role(ctx: Context, tx: Reader, req: Req) -> Req:
    role: model.RoleRecord = get(tx, "role", ctx, req["RoleName"])
    return {"Role": role_shape(role) | {"RoleLastUsed": {}}}


@iam.operation(tx="read", authorize=about_path("role", "ListRoles"))
def list_roles(ctx: Context, tx: Reader, req: Req) -> Req:
    found, more = scan_page(tx, keys.ROLES, ctx.account, req)
    return {"Roles": [role_shape(role, full=False) for role in found], **more}


@iam.operation(tx="write", authorize=about("role", "UpdateRole"))
def update_role(ctx: Context, tx: Transaction, req: Req) -> Req:
    role = modifiable(get(tx, "role", ctx, req["RoleName"]))
    role = replace(
        role,
        description=req.get("Description", role.description),
        session_s_max=req.get("MaxSessionDuration", role.session_s_max),
    )
    keys.save(tx, role)
    return {}


@iam.operation(tx="write", authorize=about("role", "UpdateRoleDescription"))
def update_role_description(ctx: Context, tx: Transaction, req: Req) -> Req:
    role = modifiable(get(tx, "role", ctx, req["RoleName"]))
    return {"Role": role_shape(keys.save(tx, replace(role, description=req["Description"])))}


@iam.operation(tx="write", authorize=about("role", "UpdateAssumeRolePolicy"))
def update_assume_role_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    role = modifiable(get(tx, "role", ctx, req["RoleName"]))
    keys.save(tx, replace(role, trust=check_trust(ctx, tx, req["PolicyDocument"])))


@iam.operation(tx="write", authorize=about("role", "DeleteRole"))
def delete_role(ctx: Context, tx: Transaction, req: Req) -> None:
    role = modifiable(get(tx, "role", ctx, req["RoleName"]))
    for held, what in (
        (role.attached, "must detach all policies first"),
        (role.inline, "must delete policies first"),
        (
            keys.PROFILES_OF_ROLE.scan(tx, ctx.account, role.name.lower(), limit=1),
            "must remove roles from instance profile first",
        ),
    ):
        if held:
            raise DeleteConflict(f"Cannot delete entity, {what}.")
    keys.remove(tx, role)
