"""Who may call a route: by IAM's signatures, JSON Web Tokens, or a function of the user's.

Each returns when the caller is let in, having set `exchange.authorizer`, and raises `Refusal` otherwise: 401 without a
usable proof, 403 with one that is not enough, 500 where the authorizer itself fails.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import orjson

from lambent.auth import Endpoint
from lambent.contracts.caller import Caller, Credential, Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Outcome, TooManyRequests
from lambent.contracts.http import BytesBody
from lambent.contracts.ports import Reader
from lambent.policy.surroundings import Surroundings, surroundings
from lambent.services.apigateway.v2.checks import function_of
from lambent.services.apigateway.v2.model import Authorizer

from .. import authorizers as shared
from ..calls import in_time, invoke, invoke_as
from ..jwt import IssuerUnreachable, TokenRefused, scopes_of, shown_claims
from .events import authorizer_event
from .exchange import Exchange
from .memory import Memory, Verdict
from .refusals import Refusal
from .selecting import fill, select

BODY_BYTES_MAX: Final = 10 << 20
_ENDPOINT: Final = Endpoint("execute-api", "rest-json")
_TIMEOUT_MS: Final = 10_000
_NS: Final = 1_000_000_000


async def authorize(exchange: Exchange) -> None:
    """Let the caller in by the way that the route asks for, or raise `Refusal`."""
    kind = exchange.step.route.authorization_type
    if kind == "NONE":
        return
    if kind == "AWS_IAM":
        await _by_signature(exchange)
        return
    authorizer = exchange.step.authorizer
    if authorizer is None:
        raise Refusal(500, "The authorizer of the route does not exist.", authorizer=True)
    if authorizer.type == "JWT":
        await _by_token(exchange, authorizer)
    else:
        await _by_function(exchange, authorizer)


async def _by_signature(exchange: Exchange) -> None:
    cloud, request = exchange.cloud, exchange.request

    async def find(access_key: str) -> Credential | None:
        return await cloud.store.read(lambda tx: cloud.directory.credential(tx, access_key))

    try:
        who = await exchange.room.verifier.authenticate(
            request, _ENDPOINT, find, cloud.clock.outside_ns(), body_limit=BODY_BYTES_MAX
        )
    except ServiceError as error:
        raise Refusal(403, error.message, authorizer=True) from None
    if not who.signed:
        raise Refusal(403, "The request is not signed.", authorizer=True)
    caller, arn = who.caller, exchange.call_arn
    if caller.account != exchange.found.account:
        raise Refusal(403, "The caller is of another account.", authorizer=True)
    known = conditions(exchange)

    def ask(tx: Reader) -> bool:
        return cloud.guard.decide(tx, caller, shared.ACTION, arn, known).allowed

    if not await cloud.store.read(ask):
        raise Refusal(403, f"{caller.arn} is not authorized to perform execute-api:Invoke on {arn}", authorizer=True)
    if isinstance(who.body, BytesBody):
        request.body = who.body
    exchange.authorizer = {"iam": _identity(caller)}


def conditions(exchange: Exchange) -> Surroundings:
    """The condition keys of the request that policies may ask for."""
    return surroundings(exchange.request, exchange.found.region, exchange.started_ns)


def _identity(caller: Caller) -> dict[str, Any]:
    id = caller.account if caller.kind is Principal.ROOT else caller.user_id
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "callerId": id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": id,
    }


async def _by_token(exchange: Exchange, authorizer: Authorizer) -> None:
    source = authorizer.identity_source[0] if authorizer.identity_source else "$request.header.Authorization"
    token = (select(exchange, source) or "").strip()
    scheme, space, rest = token.partition(" ")
    if space and scheme.lower() == "bearer":
        token = rest.strip()
    if not token:
        raise Refusal(401, "no token", (("www-authenticate", "Bearer"),), authorizer=True)
    memory = exchange.room.part(Memory)
    wanted = exchange.step.route.scopes
    shown = f'Bearer scope="{" ".join(wanted)}"' if _plain(" ".join(wanted)) else "Bearer"
    try:
        claims = await memory.tokens.verify(token, authorizer.issuer or "", authorizer.audience or ())
    except TokenRefused as refused:
        challenge = f'{shown} error="invalid_token" error_description="{refused}"'
        raise Refusal(401, str(refused), (("www-authenticate", challenge),), authorizer=True) from None
    except IssuerUnreachable as unreachable:
        challenge = f'{shown} error="invalid_token" error_description="unable to read the issuer\'s keys"'
        raise Refusal(401, str(unreachable), (("www-authenticate", challenge),), authorizer=True) from None
    scopes = scopes_of(claims)
    if wanted and not set(wanted) & set(scopes):
        challenge = f'{shown} error="insufficient_scope" error_description="the token does not have a valid scope"'
        raise Refusal(403, "insufficient scope", (("www-authenticate", challenge),), authorizer=True)
    exchange.authorizer = {"jwt": {"claims": shown_claims(claims), "scopes": scopes if wanted else None}}
    exchange.principal_id = str(claims.get("sub", ""))


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and '"' not in text


async def _by_function(exchange: Exchange, authorizer: Authorizer) -> None:
    identity: list[str] = []
    for source in authorizer.identity_source:
        value = select(exchange, source)
        if not value:
            raise Refusal(401, f"The identity source {source} is missing.", authorizer=True)
        identity.append(value)
    memory = exchange.room.part(Memory)
    now_ns = exchange.cloud.clock.now_ns()
    stage = exchange.stage
    # Identities are of any length; the caller chooses them.
    digest = hashlib.sha256(orjson.dumps(identity)).digest()
    key = (exchange.found.api, stage.name, stage.deployment, stage.authorizer_epoch, authorizer.id, digest)
    # Without an identity all callers would be one.
    kept_s = authorizer.ttl_s or 0 if identity else 0
    verdict = memory.verdicts.get(key, now_ns) if kept_s else None
    if verdict is None:
        outcome = await _ask(exchange, authorizer, identity)
        verdict = _verdict(outcome, bool(authorizer.simple_responses))
        if kept_s:
            memory.verdicts.put(key, verdict, now_ns + kept_s * _NS, len(outcome.payload))
    if not _allows(exchange, verdict):
        raise Refusal(403, "The authorizer refused the request.", authorizer=True)
    exchange.authorizer = {"lambda": verdict.context}
    exchange.principal_id = verdict.principal


def _allows(exchange: Exchange, verdict: Verdict) -> bool:
    if not verdict.document:
        return verdict.allowed
    told = shared.Verdict(verdict.principal, verdict.document, {}, {}, "")
    return shared.decide(told, exchange.call_arn, exchange.found.account, conditions(exchange)).allowed


async def _ask(exchange: Exchange, authorizer: Authorizer, identity: list[str]) -> Outcome:
    version = authorizer.payload_format or "1.0"
    event = authorizer_event(exchange, version, identity, exchange.call_arn)
    arn = fill(function_of(authorizer.uri), exchange.stage.variables)
    api = exchange.plan.api
    source = f"arn:aws:execute-api:{api.region}:{api.account}:{api.id}/authorizers/{authorizer.id}"
    payload = orjson.dumps(event)
    try:
        if authorizer.credentials:
            session = await exchange.room.sessions.assume(authorizer.credentials, source)
            work = invoke_as(exchange.cloud, session.caller, arn, payload)
        else:
            work = invoke(exchange.cloud, arn, payload, source, api.account)
        return await in_time(exchange.cloud, _TIMEOUT_MS, work)
    except (ServiceError, Undeliverable, TooManyRequests, TimeoutError) as error:
        raise Refusal(500, f"The authorizer could not be asked: {error}", authorizer=True) from None


def _verdict(outcome: Outcome, simple: bool) -> Verdict:
    try:
        told = orjson.loads(outcome.payload) if outcome.payload else None
    except orjson.JSONDecodeError:
        told = None
    if outcome.error:
        if isinstance(told, dict) and told.get("errorMessage") == "Unauthorized":
            raise Refusal(401, "The authorizer said Unauthorized.", authorizer=True)
        raise Refusal(500, "The authorizer failed.", authorizer=True)
    if not isinstance(told, dict):
        raise Refusal(500, "The authorizer's answer is no object.", authorizer=True)
    context = told.get("context")
    if context is not None and not isinstance(context, dict):
        raise Refusal(500, "The authorizer's context is no object.", authorizer=True)
    if simple:
        allowed = told.get("isAuthorized")
        if not isinstance(allowed, bool):
            raise Refusal(500, "The authorizer's answer has no isAuthorized.", authorizer=True)
        return Verdict(allowed, context)
    try:
        # The context of HTTP APIs may hold lists and objects, which that of others may not.
        read = shared.read(orjson.dumps({**told, "context": None}))
    except shared.InvalidAnswer as invalid:
        raise Refusal(500, str(invalid), authorizer=True) from None
    return Verdict(True, context, read.principal, read.document)
