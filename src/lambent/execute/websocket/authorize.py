"""Who may connect: everybody, who signs as IAM lets them, or whom a function lets in."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from lambent.auth import Endpoint
from lambent.contracts.caller import Caller, Credential, Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import TooManyRequests
from lambent.contracts.http import Request
from lambent.contracts.ports import Reader
from lambent.policy.surroundings import Surroundings, surroundings
from lambent.services.apigateway.v2.checks import function_of
from lambent.services.apigateway.v2.model import CONNECT, Authorizer, Stage

from .. import authorizers as shared
from ..calls import in_time, invoke, invoke_as
from ..http.selecting import fill
from ..mapping import Scope, sources
from ..room import Room
from .client import Client
from .plan import Step
from .refusals import Refusal

_ENDPOINT: Final = Endpoint("execute-api", "rest-json")
_TIMEOUT_MS: Final = 29_000


class Asked(NamedTuple):
    """A handshake: the request, and what mappings read of it."""

    room: Room
    request: Request
    client: Client
    stage: Stage
    scope: Scope


async def authorize(asked: Asked, step: Step) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """What the authorizer hands on (None without one), and what is added to the identity; raises `Refusal`."""
    kind = step.route.authorization_type
    if kind == "AWS_IAM":
        return None, await _by_signature(asked)
    if kind == "CUSTOM":
        if step.authorizer is None:
            raise Refusal(500, "Internal server error")
        return await _by_function(asked, step.authorizer), {}
    return None, {}


async def _by_signature(asked: Asked) -> dict[str, Any]:
    cloud, request = asked.room.cloud, asked.request

    async def find(access_key: str) -> Credential | None:
        return await cloud.store.read(lambda tx: cloud.directory.credential(tx, access_key))

    try:
        who = await asked.room.verifier.authenticate(request, _ENDPOINT, find, cloud.clock.outside_ns(), body_limit=0)
    except ServiceError as error:
        raise Refusal(403, error.message) from None
    if not who.signed:
        raise Refusal(403, "Missing Authentication Token")
    caller, arn = who.caller, asked.client.arn(CONNECT)
    known = conditions(asked)

    def ask(tx: Reader) -> bool:
        account = asked.client.account
        if caller.kind is Principal.ROOT and caller.account == account:
            return True
        return cloud.guard.decide(tx, caller, shared.ACTION, arn, known, resource_account=account).allowed

    if not await cloud.store.read(ask):
        text = f"User: {caller.arn} is not authorized to perform: {shared.ACTION} on resource: {_masked(arn)}"
        raise Refusal(403, text, member="Message")
    return _identity(caller)


def conditions(asked: Asked) -> Surroundings:
    """The condition keys of a handshake that policies may ask for."""
    return surroundings(asked.request, asked.client.region, asked.room.cloud.clock.now_ns())


def _masked(arn: str) -> str:
    """An ARN as refusals show it: with the last four digits of its account only."""
    head, _, rest = arn.partition(":execute-api:")
    region, account, resource = rest.split(":", 2)
    return f"{head}:execute-api:{region}:{'*' * 8}{account[-4:]}:{resource}"


def _identity(caller: Caller) -> dict[str, Any]:
    id = caller.account if caller.kind is Principal.ROOT else caller.user_id
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "caller": id,
        "principalOrgId": None,
        "user": id,
        "userArn": caller.arn,
    }


async def _by_function(asked: Asked, authorizer: Authorizer) -> dict[str, Any]:
    if not all(_source(asked, source) for source in authorizer.identity_source):
        raise Refusal(401, "Unauthorized")
    cloud, client, scope = asked.room.cloud, asked.client, asked.scope
    arn = client.arn(CONNECT)
    event = {
        "type": "REQUEST",
        "methodArn": arn,
        "headers": {name: values[-1] for name, values in scope.headers.items()},
        "multiValueHeaders": dict(scope.headers),
        "queryStringParameters": {name: values[-1] for name, values in scope.query.items()},
        "multiValueQueryStringParameters": dict(scope.query),
        "stageVariables": asked.stage.variables,
        "requestContext": scope.context,
    }
    source = f"arn:aws:execute-api:{client.region}:{client.account}:{client.api}/authorizers/{authorizer.id}"
    function = fill(function_of(authorizer.uri), asked.stage.variables)
    began_ns = cloud.clock.now_ns()
    try:
        if authorizer.credentials:
            session = await asked.room.sessions.assume(authorizer.credentials, source)
            work = invoke_as(cloud, session.caller, function, orjson.dumps(event))
        else:
            work = invoke(cloud, function, orjson.dumps(event), source, client.account)
        outcome = await in_time(cloud, _TIMEOUT_MS, work)
    except (ServiceError, Undeliverable, TooManyRequests, TimeoutError):
        raise Refusal(500, "Internal server error") from None
    if outcome.error:
        raise _failure(outcome.payload)
    try:
        verdict = shared.read(outcome.payload)
    except shared.InvalidAnswer:
        raise Refusal(500, "Internal server error") from None
    decision = shared.decide(verdict, arn, client.account, conditions(asked))
    if not decision.allowed:
        explicit = " with an explicit deny" if decision.explicit else ""
        raise Refusal(403, f"User is not authorized to access this resource{explicit}", member="Message")
    latency_ms = (cloud.clock.now_ns() - began_ns) // 1_000_000
    found = {"principalId": verdict.principal, "integrationLatency": latency_ms, **verdict.context}
    return {**found, "usageIdentifierKey": verdict.usage_key} if verdict.usage_key else found


def _failure(payload: bytes) -> Refusal:
    """A function that fails with the text `Unauthorized` means just that."""
    try:
        error = orjson.loads(payload)
    except orjson.JSONDecodeError:
        error = None
    if isinstance(error, dict) and error.get("errorMessage") == "Unauthorized":
        return Refusal(401, "Unauthorized")
    return Refusal(500, "Internal server error")


def _source(asked: Asked, source: str) -> str | None:
    """The value of an identity source: `route.request.header.Auth`, `route.request.querystring.q`, `context.x`,
    `stageVariables.x`; None where the handshake has none."""
    name = source.removeprefix("$").removeprefix("route.")
    kind, _, name = name.partition(".")
    if kind == "context":
        return sources.from_context(asked.scope.context, name)
    if kind == "stageVariables":
        return sources.stage_variable(asked.scope, name)
    place, _, name = name.partition(".")
    if kind != "request":
        return None
    if place == "header":
        return sources.joined(sources.header(asked.scope.headers, name))
    return sources.joined(asked.scope.query.get(name)) if place == "querystring" else None
