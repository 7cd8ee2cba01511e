"""Lambda authorizers of REST APIs: TOKEN and REQUEST, with their policies kept for a time."""

from __future__ import annotations

from typing import Any, Final

import orjson

from lambent.contracts.access import Decision
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Outcome, TooManyRequests
from lambent.contracts.ports import Cloud
from lambent.services.apigateway.model import Authorizer

from .. import calls
from ..authorizers import InvalidAnswer, Verdict, decide, read
from ..caching import Kept
from ..mapping import MappingError, patterns
from ..mapping.budget import Budget
from . import variables
from .events import authorizer_event
from .exchange import Exchange
from .integrations import uris
from .integrations.roles import caller_of
from .refusals import Refusal

TTL_S: Final = 300
TIMEOUT_MS: Final = 29_000
BYTES_MAX: Final = 32 << 20
"""What the policies that are kept may take of a node's memory."""
_NS: Final = 1_000_000_000


class Verdicts(Kept[Verdict]):
    """The policies that authorizers gave on this node."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(BYTES_MAX)


async def authorize(x: Exchange, conditions: dict[str, str | tuple[str, ...]], resource_policy: str) -> Decision:
    """What the method's authorizer says; raises `Refusal` when it cannot be asked or answers nonsense. What it hands on
    is in the exchange afterwards."""
    authorizer = x.plan.snapshot.authorizers.get(x.route.method.authorizer_id or "")
    if authorizer is None or not authorizer.uri:
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR", note="The method's authorizer does not exist.")
    values = sources(x, authorizer)
    ttl_s = TTL_S if authorizer.ttl_s is None else authorizer.ttl_s
    verdicts = x.room.part(Verdicts)
    key = (x.found.api, x.found.stage, x.deployment, authorizer.id, x.stage.authorizers_flushed, *values)
    now_ns = x.cloud.clock.now_ns()
    verdict = verdicts.get(key, now_ns) if ttl_s > 0 and values else None
    latency_ms = 0
    if verdict is None:
        verdict = await consult(x, authorizer, values)
        latency_ms = (x.cloud.clock.now_ns() - now_ns) // 1_000_000
        if ttl_s > 0 and values:
            size = len(verdict.document) + sum(len(text) + 100 for text in (*verdict.context.values(), *values))
            verdicts.put(key, verdict, x.cloud.clock.now_ns() + ttl_s * _NS, size)
    x.authorizer = {"principalId": verdict.principal, "integrationLatency": latency_ms, **verdict.context}
    x.usage_key = verdict.usage_key
    return decide(verdict, x.arn, x.found.account, conditions, resource_policy)


def sources(x: Exchange, authorizer: Authorizer) -> tuple[str, ...]:
    """The values that identify the caller to the authorizer, which are also the key of its policy; 401 without asking
    the function when one is missing or does not look right."""
    if authorizer.type == "TOKEN":
        token = variables.text(x, authorizer.identity_source or "method.request.header.Authorization")
        if not token:
            raise Refusal("UNAUTHORIZED")
        pattern = authorizer.identity_validation
        if pattern and not _matches(pattern, token):
            raise Refusal("UNAUTHORIZED")
        return (token,)
    names = [name.strip() for name in (authorizer.identity_source or "").split(",") if name.strip()]
    found = [variables.text(x, name) for name in names]
    if authorizer.ttl_s != 0 and not all(found):
        raise Refusal("UNAUTHORIZED")
    return tuple(value or "" for value in found)


def _matches(pattern: str, token: str) -> bool:
    """Whether all of a token matches; not where the expression is none, or takes too long on it."""
    try:
        return patterns.matches(patterns.compiled(pattern), token, Budget())
    except MappingError:
        return False


async def consult(x: Exchange, authorizer: Authorizer, sources: tuple[str, ...]) -> Verdict:
    """Ask the authorizer's function."""
    event: dict[str, Any]
    if authorizer.type == "TOKEN":
        event = {"type": "TOKEN", "methodArn": x.arn, "authorizationToken": sources[0]}
    else:
        event = authorizer_event(x)
    outcome = await _call(x, authorizer, orjson.dumps(event))
    if outcome.error:
        raise _failed(x, outcome)
    try:
        return read(outcome.payload)
    except InvalidAnswer as invalid:
        x.authorizer_error = str(invalid)
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR", note=str(invalid)) from None


def _failed(x: Exchange, outcome: Outcome) -> Refusal:
    """The function failed: with the text `Unauthorized` that is what it means."""
    try:
        error = orjson.loads(outcome.payload)
    except orjson.JSONDecodeError:
        error = {}
    message = error.get("errorMessage") if isinstance(error, dict) else None
    if message == "Unauthorized":
        return Refusal("UNAUTHORIZED")
    x.authorizer_error = str(message)
    return Refusal("AUTHORIZER_FAILURE", note=f"The authorizer failed: {message}")


async def _call(x: Exchange, authorizer: Authorizer, payload: bytes) -> Outcome:
    found = x.found
    source = f"arn:aws:execute-api:{found.region}:{found.account}:{found.api}/authorizers/{authorizer.id}"
    try:
        arn = uris.function(uris.fill(authorizer.uri or "", x.variables))
        if authorizer.credentials:
            credential = await caller_of(x, authorizer.credentials)
            work = calls.invoke_as(x.cloud, credential.caller, arn, payload)
        else:
            work = calls.invoke(x.cloud, arn, payload, source, found.account)
        return await calls.in_time(x.cloud, TIMEOUT_MS, work)
    except TimeoutError:
        raise Refusal("AUTHORIZER_FAILURE", note="The authorizer did not answer in time.") from None
    except (Undeliverable, TooManyRequests, ServiceError) as error:
        x.authorizer_error = str(error)
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR", note=f"The authorizer cannot be called: {error}") from None
    except Refusal as refusal:
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR", note=refusal.note) from None
