"""What Lambda authorizers answer, for every kind of API: their policies, read and evaluated."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from lambent import policy
from lambent.contracts.access import AccessRequest, Decision, NamedPolicy, PolicySet
from lambent.contracts.caller import Caller, Principal

ACTION: Final = "execute-api:Invoke"
_PLAIN: Final = (str, int, float, bool)


class InvalidAnswer(Exception):
    """What an authorizer answered is not a policy with a principal."""


class Verdict(NamedTuple):
    """An authorizer's answer. `document` is its policy as JSON text; `context` the values it hands on, as texts; `raw`
    the same as it sent them; `usage_key` an API key, or empty."""

    principal: str
    document: str
    context: dict[str, str]
    raw: dict[str, Any]
    usage_key: str


def read(payload: bytes) -> Verdict:
    """An authorizer's answer with a policy (the only form of REST and WebSocket APIs); `InvalidAnswer` otherwise."""
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise InvalidAnswer("The authorizer's answer is no JSON.") from None
    if not isinstance(answer, dict):
        raise InvalidAnswer("The authorizer's answer is no object.")
    principal = answer.get("principalId")
    if not isinstance(principal, str | int) or isinstance(principal, bool) or principal == "":
        raise InvalidAnswer("The authorizer's answer has no principalId.")
    document = _document(answer.get("policyDocument"))
    context = answer.get("context") or {}
    if not isinstance(context, dict) or not all(
        value is None or isinstance(value, _PLAIN) for value in context.values()
    ):
        raise InvalidAnswer("The authorizer's context has values that are no texts, numbers or booleans.")
    texts = {name: text(value) for name, value in context.items() if value is not None}
    usage_key = answer.get("usageIdentifierKey")
    return Verdict(str(principal), document, texts, context, usage_key if isinstance(usage_key, str) else "")


def text(value: Any) -> str:
    """A value of a context as variables show it."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _document(given: Any) -> str:
    """A policy as JSON text, checked."""
    if not isinstance(given, dict):
        raise InvalidAnswer("The authorizer's answer has no policyDocument.")
    written = orjson.dumps(given).decode()
    statements = given.get("Statement")
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise InvalidAnswer("The authorizer's policy has a statement without an effect.")
        if not ("Action" in statement or "NotAction" in statement):
            raise InvalidAnswer("The authorizer's policy has a statement without an action.")
        if not ("Resource" in statement or "NotResource" in statement):
            raise InvalidAnswer("The authorizer's policy has a statement without a resource.")
    try:
        policy.compile_document(written)
    except Exception as error:  # of whatever kind: the document is a stranger's
        raise InvalidAnswer(f"The authorizer's policy cannot be read: {error}") from None
    return written


def decide(
    verdict: Verdict,
    arn: str,
    account: str,
    conditions: dict[str, str | tuple[str, ...]],
    resource_policy: str = "",
) -> Decision:
    """Whether the authorizer's policy, together with the API's own, lets its principal invoke `arn`."""
    # A name of the authorizer's making is no user of IAM's: it is often what people have called themselves.
    caller = Caller(
        kind=Principal.USER,
        account=account,
        arn=f"arn:aws:apigateway:::principal/{verdict.principal}",
        user_id=f"principal/{verdict.principal}",
    )
    policies = PolicySet(identity=(NamedPolicy("authorizer", verdict.document),))
    return policy.evaluate(
        AccessRequest(caller, ACTION, arn, conditions, resource_policies(resource_policy), account), policies
    )


def resource_policies(document: str) -> tuple[NamedPolicy, ...]:
    """An API's policy as the policy room takes it; empty for none."""
    return (NamedPolicy("api", document),) if document else ()
