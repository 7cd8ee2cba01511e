"""AssumeRole."""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.contracts import arn as arns
from lambent.contracts.caller import Caller, Principal, Role
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.services.sts.base import (
    check_form,
    credentials_shape,
    packed_percent,
    policy_arns,
    session_policies,
    session_tags,
    sts,
)
from lambent.services.sts.errors import AccessDenied, InvalidParameterValue, ValidationError

Req = dict[str, Any]
CHAINED_S_MAX = 3600
_DEFAULT_S = 3600


def _parsed(role_arn: str) -> arns.Arn:
    try:
        parsed = arns.parse(role_arn)
    except ValueError:
        parsed = None
    if parsed is None or not parsed.resource or not parsed.account:
        raise ValidationError(f"{role_arn} is invalid")
    return parsed


def _inherited(caller: Caller) -> tuple[tuple[str, str], ...]:
    """The tags that a session passes on to those assumed from it."""
    keys = {key.lower() for key in caller.transitive_tags}
    return tuple(tag for tag in caller.tags if tag[0].lower() in keys)


def _conditions(caller: Caller, role: Role | None, req: Req) -> dict[str, str | tuple[str, ...]]:
    found: dict[str, str | tuple[str, ...]] = {"sts:rolesessionname": req["RoleSessionName"]}
    if "ExternalId" in req:
        found["sts:externalid"] = req["ExternalId"]
    if "SourceIdentity" in req:
        found["sts:sourceidentity"] = req["SourceIdentity"]
    tags = session_tags(req) + _inherited(caller)
    if tags:
        found["aws:tagkeys"] = tuple(key for key, _ in tags)
        found.update({f"aws:requesttag/{key.lower()}": value for key, value in tags})
    if req.get("TransitiveTagKeys"):
        found["sts:transitivetagkeys"] = tuple(req["TransitiveTagKeys"])
    for key, value in role.tags if role is not None else ():
        found[f"aws:resourcetag/{key.lower()}"] = value
        found[f"iam:resourcetag/{key.lower()}"] = value
    return found


def _may_assume(ctx: Context, tx: Reader, req: Req) -> list[Check]:
    """The role's trust policy is asked, as the policy of a resource; tags and source identity each need a permission
    of their own."""
    check_form(req)
    account = _parsed(req["RoleArn"]).account
    role = ctx.cloud.directory.role(tx, req["RoleArn"])
    conditions = _conditions(ctx.caller, role, req)
    actions = ["sts:AssumeRole"]
    if "aws:tagkeys" in conditions:
        actions.append("sts:TagSession")
    if "SourceIdentity" in req or ctx.caller.source_identity:
        actions.append("sts:SetSourceIdentity")
    trust = role.trust if role is not None else None
    return [Check(action, req["RoleArn"], conditions, trust, account) for action in actions]


@sts.operation(tx="write", authorize=_may_assume, unbuilt=("SerialNumber", "TokenCode", "ProvidedContexts"))
def assume_role(ctx: Context, tx: Transaction, req: Req) -> Req:
    role = ctx.cloud.directory.role(tx, req["RoleArn"])
    if role is None:
        raise AccessDenied(
            f"User: {ctx.caller.arn} is not authorized to perform: sts:AssumeRole on resource: {req['RoleArn']}"
        )
    duration_s = _duration_s(ctx.caller, role, req)
    session = _session(ctx.caller, role, req)
    percent = packed_percent(req)
    credential = ctx.cloud.directory.issue(tx, session, duration_s)
    found: Req = {
        "Credentials": credentials_shape(credential),
        "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
    }
    if percent is not None:
        found["PackedPolicySize"] = percent
    if session.source_identity:
        found["SourceIdentity"] = session.source_identity
    return found


def _duration_s(caller: Caller, role: Role, req: Req) -> int:
    duration_s: int = req.get("DurationSeconds", _DEFAULT_S)
    if caller.kind is Principal.ROLE and duration_s > CHAINED_S_MAX:
        raise ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        )
    if duration_s > role.session_s_max:
        raise ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return duration_s


def _session(caller: Caller, role: Role, req: Req) -> Caller:
    """The session as a caller: the role's tags, under those passed on, under the request's."""
    tags = session_tags(req)
    inherited = _inherited(caller)
    passed_on = {key.lower() for key, _ in inherited}
    if any(key.lower() in passed_on for key, _ in tags):
        raise InvalidParameterValue(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
            "from the calling session."
        )
    transitive = tuple(req.get("TransitiveTagKeys", ()))
    named = {key.lower() for key, _ in tags}
    if not all(key.lower() in named for key in transitive):
        raise InvalidParameterValue("The specified transitive tag key must be included in the requested tags.")
    source_identity = caller.source_identity or req.get("SourceIdentity", "")
    if req.get("SourceIdentity", source_identity) != source_identity:
        raise AccessDenied("The source identity of a session cannot be changed by role chaining.")
    kept = tuple(tag for tag in role.tags if tag[0].lower() not in named | passed_on)
    name = req["RoleSessionName"]
    session = Caller(
        kind=Principal.ROLE,
        account=role.account,
        arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{name}",
        user_id=f"{role.id}:{name}",
        role_arn=role.arn,
        tags=kept + inherited + tags,
        session_policies=session_policies(req),
        session_policy_arns=policy_arns(req),
        source_identity=source_identity,
    )
    return msgspec.structs.replace(session, transitive_tags=tuple(key for key, _ in inherited) + transitive)
