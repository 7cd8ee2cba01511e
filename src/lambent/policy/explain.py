"""A refusal in AWS's words, with the name of the statement that refused."""

from __future__ import annotations

from lambent.contracts.access import AccessRequest, Decision
from lambent.contracts.caller import Principal

_DENIED = {
    "identity": "an identity-based policy",
    "resource": "a resource-based policy",
    "boundary": "a permissions boundary",
    "session": "a session policy",
    "service-control": "a service control policy",
}
_MISSING = {
    "identity": "identity-based policy",
    "resource": "resource-based policy",
    "boundary": "permissions boundary",
    "session": "session policy",
    "service-control": "service control policy",
}


def explain(request: AccessRequest, decision: Decision) -> str:
    """The sentence of an AccessDenied error, or, for an allow, which statement granted it."""
    who = "anonymous" if request.caller.kind is Principal.ANONYMOUS else request.caller.arn
    action = request.action
    # S3 puts the resource in quotes, as no other service does.
    resource = f'"{request.resource}"' if action.startswith("s3:") else request.resource
    if decision.allowed:
        by = _statement(decision) or ", the root user of the account"
        return f"User: {who} is authorized to perform: {action} on resource: {resource}{by}"
    trust = decision.kind == "resource" and action.startswith("sts:")
    if decision.explicit:
        policy = "the role trust policy" if trust else _DENIED[decision.kind]
        reason = f"with an explicit deny in {policy}{_statement(decision)}"
    else:
        policy = "role trust policy" if trust else _MISSING[decision.kind]
        reason = f"because no {policy} allows the {action} action"
    return f"User: {who} is not authorized to perform: {action} on resource: {resource} {reason}"


def _statement(decision: Decision) -> str:
    if not decision.policy and not decision.statement:
        return ""
    verb = "allowed" if decision.allowed else "denied"
    return f" ({verb} by statement {decision.statement} of policy {decision.policy})"
