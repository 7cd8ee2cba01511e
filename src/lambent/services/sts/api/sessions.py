"""GetSessionToken and GetFederationToken."""

from __future__ import annotations

from typing import Any

from lambent.contracts.caller import Caller, Principal
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
from lambent.services.sts.errors import AccessDenied

Req = dict[str, Any]
_DEFAULT_S = 43_200
_ROOT_S_MAX = 3600


def _long_term(caller: Caller, operation: str) -> Caller:
    """The caller, a user or the root user with a key of its own."""
    if caller.kind not in (Principal.USER, Principal.ROOT) or caller.issued_at_ns:
        raise AccessDenied(f"Cannot call {operation} with session credentials")
    return caller


def _duration_s(caller: Caller, req: Req) -> int:
    duration_s: int = req.get("DurationSeconds", _DEFAULT_S)
    return min(duration_s, _ROOT_S_MAX) if caller.kind is Principal.ROOT else duration_s


@sts.operation(tx="write", open=True, unbuilt=("SerialNumber", "TokenCode"))
def get_session_token(ctx: Context, tx: Transaction, req: Req) -> Req:
    caller = _long_term(ctx.caller, "GetSessionToken")
    return {"Credentials": credentials_shape(ctx.cloud.directory.issue(tx, caller, _duration_s(caller, req)))}


def _may_federate(ctx: Context, tx: Reader, req: Req) -> list[Check]:
    check_form(req)
    _long_term(ctx.caller, "GetFederationToken")
    resource = f"arn:aws:sts::{ctx.account}:federated-user/{req['Name']}"
    tags = session_tags(req)
    conditions: dict[str, str | tuple[str, ...]] = {f"aws:requesttag/{key.lower()}": value for key, value in tags}
    if tags:
        conditions["aws:tagkeys"] = tuple(key for key, _ in tags)
    actions = ["sts:GetFederationToken", "sts:TagSession"] if tags else ["sts:GetFederationToken"]
    return [Check(action, resource, conditions) for action in actions]


@sts.operation(tx="write", authorize=_may_federate)
def get_federation_token(ctx: Context, tx: Transaction, req: Req) -> Req:
    issuer = ctx.caller
    session = Caller(
        kind=Principal.FEDERATED,
        account=ctx.account,
        arn=f"arn:aws:sts::{ctx.account}:federated-user/{req['Name']}",
        user_id=f"{ctx.account}:{req['Name']}",
        # Whose permissions the session shares.
        role_arn=issuer.arn,
        session_policies=session_policies(req),
        session_policy_arns=policy_arns(req),
        tags=session_tags(req),
    )
    percent = packed_percent(req)
    credential = ctx.cloud.directory.issue(tx, session, _duration_s(issuer, req))
    found: Req = {
        "Credentials": credentials_shape(credential),
        "FederatedUser": {"FederatedUserId": session.user_id, "Arn": session.arn},
    }
    return found if percent is None else found | {"PackedPolicySize": percent}
