"""May this caller invoke this method? The API's resource policy and the method's own kind of authorization, in AWS's
order ("How API Gateway resource policies affect authorization workflow"):

- NONE: the policy alone, where there is one, must allow;
- AWS_IAM: the caller's policies and the API's, as between any identity and resource;
- CUSTOM: an explicit deny of the policy ends it; then the authorizer's policy and the API's together;
- COGNITO_USER_POOLS: the token first, then the policy alone must allow.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from lambent import policy
from lambent.auth import Endpoint
from lambent.auth.claim import ALGORITHM
from lambent.contracts.access import AccessRequest, Decision, PolicySet
from lambent.contracts.caller import ANONYMOUS, Caller, Credential
from lambent.contracts.errors import ServiceError
from lambent.policy.surroundings import Surroundings, surroundings

from ..authorizers import ACTION, resource_policies
from . import custom
from .exchange import Exchange
from .refusals import Refusal


async def authorize(x: Exchange) -> None:
    """Let the request pass, or raise its `Refusal`."""
    if x.test:
        return
    await _KINDS.get(x.route.method.authorization, _open)(x)


async def _open(x: Exchange) -> None:
    document = x.plan.policy
    if document:
        _require(x, ask(x, ANONYMOUS), "anonymous")


async def _iam(x: Exchange) -> None:
    who = await authenticate(x)
    document = x.plan.policy
    cloud, arn, account = x.cloud, x.arn, x.found.account
    surroundings = conditions(x)
    decision = await cloud.store.read(
        lambda tx: cloud.guard.decide(tx, who, ACTION, arn, surroundings, document or None, account)
    )
    _require(x, decision, who.arn)


async def authenticate(x: Exchange) -> Caller:
    """Who signed the request; a `Refusal` for an unsigned or wrongly signed one."""
    cloud = x.cloud

    async def find(access_key: str) -> Credential | None:
        return await cloud.store.read(lambda tx: cloud.directory.credential(tx, access_key))

    refuse_scheme(x)
    endpoint = Endpoint("execute-api", "rest-json", x.found.region)
    try:
        claim = x.room.verifier.claim(x.request, endpoint)
        if claim is None:
            raise Refusal("MISSING_AUTHENTICATION_TOKEN")
        who = await x.room.verifier.authenticate(x.request, endpoint, find, cloud.clock.outside_ns())
    except ServiceError as error:
        raise _unsigned(error) from None
    x.caller = who.caller
    x.access_key = claim.scope.access_key
    return who.caller


def refuse_scheme(x: Exchange, kind: str = "INVALID_SIGNATURE") -> None:
    """Refuse an Authorization header that is no signature, in the words that those meet who send a token where none is
    asked for: to a method with AWS_IAM, or to no method at all."""
    given = x.request.headers.get("authorization", "").strip()
    if not given or given.startswith(ALGORITHM):
        return
    digest = b64encode(hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()).decode()
    _, space, rest = given.partition(" ")
    if space and any("=" not in part for part in rest.split(",")):
        text = (
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with "
            f"Base64): '{digest}'."
        )
    else:
        needs = " ".join(f"Authorization header requires '{name}' parameter." for name in _PARAMETERS)
        date = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        dated = "x-amz-date" in x.request.headers or "date" in x.request.headers
        text = (
            f"{needs} {'' if dated else f'{date} '}(Hashed with SHA-256 and encoded with Base64) Authorization={digest}"
        )
    raise Refusal(kind, text, status=403, error="IncompleteSignatureException")


_PARAMETERS: Final = ("Credential", "Signature", "SignedHeaders")


def _unsigned(error: ServiceError) -> Refusal:
    code = error.code if error.code.endswith("Exception") else f"{error.code}Exception"
    kind = _SIGNATURE_TYPES.get(code, "INVALID_SIGNATURE")
    return Refusal(kind, error.message, status=403, error=code)


_SIGNATURE_TYPES: Final = {
    "ExpiredTokenException": "EXPIRED_TOKEN",
    "MissingAuthenticationTokenException": "MISSING_AUTHENTICATION_TOKEN",
}


async def _custom(x: Exchange) -> None:
    if x.plan.policy and (decision := ask(x, ANONYMOUS)).explicit and not decision.allowed:
        _require(x, decision, "anonymous")
    decision = await custom.authorize(x, conditions(x), x.plan.policy)
    if not decision.allowed:
        text = "User is not authorized to access this resource"
        raise Refusal("ACCESS_DENIED", f"{text} with an explicit deny" if decision.explicit else text)


async def _cognito(x: Exchange) -> None:
    from . import cognito  # deferred: it loads a library of tokens, which most APIs do without

    await cognito.authorize(x)
    if x.plan.policy:
        _require(x, ask(x, ANONYMOUS), "anonymous")


_KINDS: Final[Mapping[str, Callable[[Exchange], Awaitable[None]]]] = {
    "AWS_IAM": _iam,
    "CUSTOM": _custom,
    "COGNITO_USER_POOLS": _cognito,
}


def ask(x: Exchange, caller: Caller) -> Decision:
    """What the API's policy alone says about a caller without policies of its own."""
    request = AccessRequest(caller, ACTION, x.arn, conditions(x), resource_policies(x.plan.policy), x.found.account)
    return policy.evaluate(request, PolicySet())


def _require(x: Exchange, decision: Decision, who: str) -> None:
    if decision.allowed:
        return
    account = x.found.account
    arn = x.arn.replace(f":{account}:", f":********{account[-4:]}:", 1)
    text = f"User: {who} is not authorized to perform: {ACTION} on resource: {arn}"
    raise Refusal("ACCESS_DENIED", f"{text} with an explicit deny" if decision.explicit else text)


def conditions(x: Exchange) -> Surroundings:
    """The condition keys of the request."""
    return surroundings(x.request, x.found.region, x.started_ns)
