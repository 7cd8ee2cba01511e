"""May the caller hand on the roles that a document names? What the request itself says is asked in service.py."""

from __future__ import annotations

from lambent.contracts.access import AccessRequest
from lambent.contracts.errors import generic
from lambent.contracts.ports import Reader
from lambent.kit import Context, pass_role
from lambent.policy import explain

from .common.roles import handed_on
from .openapi import Imported
from .service import PRINCIPAL

_ACTION = "iam:PassRole"


def roles(imported: Imported) -> set[str]:
    """The ARNs of the roles that integrations and authorizers of a document would act as."""
    given = {one.credentials for one in imported.authorizers.values()}
    for methods in imported.resources.values():
        given |= {method.integration.credentials for method in methods.values() if method.integration is not None}
    return handed_on(given)


def refuse_roles(ctx: Context, tx: Reader, imported: Imported) -> None:
    """Raise AccessDeniedException for the first role that the caller may not pass to API Gateway."""
    refuse(ctx, tx, roles(imported))


def refuse(ctx: Context, tx: Reader, given: set[str]) -> None:
    """As `refuse_roles`, for these roles."""
    for role in sorted(given):
        check = pass_role(role, PRINCIPAL)
        conditions, account = check.conditions, check.resource_account
        decision = ctx.cloud.guard.decide(tx, ctx.caller, _ACTION, role, conditions, resource_account=account)
        if not decision.allowed:
            asked = AccessRequest(ctx.caller, _ACTION, role, conditions, resource_account=account)
            raise generic("AccessDeniedException", explain(asked, decision), 403)
