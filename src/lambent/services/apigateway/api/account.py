"""Settings of an account in a region."""

from __future__ import annotations

import json
from typing import Any, Final

from lambent.contracts.caller import Caller, Principal, Role
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context, pass_role

from .. import keys
from ..errors import BadRequestException
from ..model import Account
from ..patching import Patcher, Rule, text
from ..service import PRINCIPAL, apigateway, operation
from ..views import shown

THROTTLE: Final = {"burstLimit": 5_000, "rateLimit": 10_000.0}
"""What an account may ask of all its APIs together."""
_ROLE: Final = "/cloudwatchRoleArn"
_PATCHES: Final = Patcher(Rule(_ROLE, text("cloudwatch_role", ""), ("add", "replace", "remove")), listed=True)


def _show(account: Account) -> dict[str, Any]:
    return shown(
        {
            "cloudwatchRoleArn": account.cloudwatch_role or None,
            "throttleSettings": THROTTLE,
            "features": list(account.features),
            "apiKeyVersion": account.api_key_version,
        }
    )


def _find(ctx: Context, tx: Reader) -> Account:
    return keys.accounts.get(tx, ctx.account, ctx.region) or Account()


@operation(tx="read")
def get_account(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show(_find(ctx, tx))


def _trusts(trust: str) -> bool:
    """Whether a trust policy lets API Gateway assume its role."""
    statements = json.loads(trust).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else principal
        if statement.get("Effect") == "Allow" and (services == PRINCIPAL or "*" in services or PRINCIPAL in services):
            return True
    return False


def _may_log(ctx: Context, tx: Reader, role: Role) -> bool:
    """Whether a role's policies let it write some log of API Gateway."""
    arn = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/BackplaneAssumeRoleSession"
    user_id = f"{role.id}:BackplaneAssumeRoleSession"
    caller = Caller(kind=Principal.ROLE, account=role.account, arn=arn, user_id=user_id, role_arn=role.arn)
    groups = f"arn:aws:logs:{ctx.region}:{ctx.account}:log-group:"
    decide, action, account = ctx.cloud.guard.decide, "logs:PutLogEvents", ctx.account
    return any(
        decide(tx, caller, action, f"{groups}{name}:log-stream:*", {}, resource_account=account).allowed
        for name in ("/aws/apigateway/welcome", "API-Gateway-Execution-Logs_*")
    )


def _authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    roles = {one.get("value") for one in req.get("patchOperations") or () if one.get("path") == _ROLE}
    passing = [pass_role(role, PRINCIPAL) for role in sorted(filter(None, roles))]
    return [Check("apigateway:PATCH", f"arn:aws:apigateway:{ctx.region}::/account"), *passing]


@apigateway.operation(tx="write", authorize=_authorize)
def update_account(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    account = _PATCHES.apply(_find(ctx, tx), req.get("patchOperations") or ())
    if account.cloudwatch_role:
        role = ctx.cloud.directory.role(tx, account.cloudwatch_role)
        if role is None or role.account != ctx.account or not _trusts(role.trust) or not _may_log(ctx, tx, role):
            raise BadRequestException(
                "The role ARN does not have required permissions configured. Please grant trust permission for API "
                "Gateway and add the required role policy."
            )
    keys.accounts.put(tx, account, ctx.account, ctx.region)
    return _show(account)
