"""The authorize room: asks the policy engine, and words the refusal as each service does."""

from __future__ import annotations

from collections.abc import Mapping

from lambent import policy
from lambent.contracts.access import AccessRequest, Decision, NamedPolicy
from lambent.contracts.caller import ANONYMOUS, Caller, Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud, Reader
from lambent.kit import Check, Context
from lambent.policy.surroundings import Surroundings, surroundings

Conditions = Mapping[str, str | tuple[str, ...]]


class AccessDenied(ServiceError):
    """The refusal of the query, REST-XML and EC2 services."""

    status = 403


class AccessDeniedException(ServiceError):
    """The refusal of the REST-JSON services."""

    status = 403


class JsonAccessDenied(ServiceError):
    """The refusal of the JSON services, which answer 400."""

    code = "AccessDeniedException"
    status = 400


_ALLOWED = Decision(allowed=True, explicit=True, kind="root")


class PolicyGuard:
    """Decides with the caller's policies as the directory has them; implements `contracts.ports.Guard`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def decide(
        self,
        tx: Reader,
        caller: Caller,
        action: str,
        resource: str,
        conditions: Conditions,
        resource_policy: str | None = None,
        resource_account: str = "",
    ) -> Decision:
        """Evaluate one question; never raises."""
        return self._evaluate(tx, caller, Check(action, resource, conditions, resource_policy, resource_account))[1]

    def enforce(self, tx: Reader, ctx: Context, checks: list[Check], protocol: str) -> None:
        """Raise the service's access-denied error unless every check is allowed."""
        caller = ctx.caller
        surroundings: dict[str, str | tuple[str, ...]] | None = None
        for check in checks:
            if _is_plain_root(caller, check):
                continue
            if surroundings is None:
                surroundings = self.surroundings(ctx)
            asked = check._replace(conditions={**surroundings, **check.conditions})
            request, decision = self._evaluate(tx, caller, asked)
            if not decision.allowed:
                raise _refusal(caller, request, decision, protocol)

    def _evaluate(self, tx: Reader, caller: Caller, check: Check) -> tuple[AccessRequest, Decision]:
        resource_policies: tuple[NamedPolicy, ...] = ()
        if check.resource_policy is not None:
            resource_policies = (NamedPolicy(check.policy_owner or check.resource, check.resource_policy),)
        request = AccessRequest(
            caller, check.action, check.resource, check.conditions, resource_policies, check.resource_account
        )
        if _is_plain_root(caller, check):
            return request, _ALLOWED
        return request, policy.evaluate(request, self._cloud.directory.policies(tx, caller))

    def surroundings(self, ctx: Context) -> Surroundings:
        """The global condition keys that describe the call rather than the caller."""
        return surroundings(ctx.request, ctx.region, self._cloud.clock.now_ns())


def _is_plain_root(caller: Caller, check: Check) -> bool:
    """Root of the owning account, and no resource policy that could deny even root: nothing to evaluate."""
    return (
        caller.kind is Principal.ROOT
        and check.resource_policy is None
        and check.resource_account in ("", caller.account)
    )


def _refusal(caller: Caller, request: AccessRequest, decision: Decision, protocol: str) -> ServiceError:
    message = "Access Denied" if caller == ANONYMOUS else policy.explain(request, decision)
    if protocol == "json":
        return JsonAccessDenied(message)
    if protocol == "rest-json":
        return AccessDeniedException(message)
    return AccessDenied(message)
