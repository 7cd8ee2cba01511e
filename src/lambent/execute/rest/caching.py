"""The response cache of a stage: whole answers, by the method's cache key parameters.

As on AWS, a path parameter tells answers apart only when it is among the cache key parameters. Only GET is cached
unless another method has settings of its own that say so, and only answers of status 2xx. Each node keeps what it has
served, of all stages together at most `BYTES_MAX`. A flush of the stage changes the number in the key, so no node
serves what it had before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from lambent.contracts.ports import Cloud

from ..caching import Kept
from . import authorization, variables
from .exchange import Answer, Exchange
from .integrations.roles import CALLERS
from .plan import EVERY
from .refusals import Refusal

BYTES_MAX: Final = 128 << 20
"""What all stages together may take of a node's memory, less than the smallest cache cluster of AWS has."""
ENTRIES_MAX: Final = 100_000
ENTRY_BYTES_MAX: Final = 1_048_576
INVALIDATE: Final = "execute-api:InvalidateCache"
_NS: Final = 1_000_000_000


class Answers(Kept[Answer]):
    """The answers of all stages, on this node."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(BYTES_MAX, ENTRIES_MAX)


async def cached(x: Exchange, integrate: Callable[[Exchange], Awaitable[Answer]]) -> Answer:
    """The answer from the cache, or the integration's, which is then kept."""
    integration = x.route.integration
    if integration is not None and integration.credentials == CALLERS:
        return await integrate(x)  # what one caller may see is nothing for the next
    canary = x.canary and x.stage.canary is not None and not x.stage.canary.use_cache
    if (x.request.method != "GET" and x.settings_key == EVERY) or canary:
        return await integrate(x)
    cache = x.room.part(Answers)
    key = _key(x)
    x.cache_asked = True
    kept = None
    if not await _invalidated(x):
        kept = cache.get(key, x.started_ns)
    if kept is not None:
        x.cache_hit = True
        return Answer(kept.status, list(kept.headers), kept.body)
    answer = await integrate(x)
    if 200 <= answer.status < 300 and len(answer.body) <= ENTRY_BYTES_MAX and x.settings.cache_ttl_s > 0:
        size = len(answer.body) + sum(len(name) + len(value) + 100 for name, value in answer.headers)
        copy = Answer(answer.status, list(answer.headers), answer.body)
        cache.put(key, copy, x.cloud.clock.now_ns() + x.settings.cache_ttl_s * _NS, size)
    return answer


def _key(x: Exchange) -> tuple[object, ...]:
    integration = x.route.integration
    assert integration is not None
    values = tuple(_value(x, _source(x, name)) for name in integration.cache_key_parameters)
    space = integration.cache_namespace or x.route.resource.id
    return (x.found.api, x.found.stage, x.stage.cache_flushed, space, x.request.method, values)


def _value(x: Exchange, source: str) -> object:
    """The value of a parameter. One of the query that is sent twice is both: backends differ in which one they take,
    and an answer to the one must not be served to who asks for the other."""
    place, _, name = source.removeprefix("method.request.").partition(".")
    if place in ("querystring", "multivaluequerystring"):
        return tuple(x.query_values.get(name, ())) or None
    return variables.text(x, source)


def _source(x: Exchange, name: str) -> str:
    """What a cache key parameter stands for: those of the integration request name what they are mapped from."""
    if not name.startswith("integration.request."):
        return name
    integration = x.route.integration
    assert integration is not None
    return integration.parameters.get(name, name)


async def _invalidated(x: Exchange) -> bool:
    """Whether the client asks for a fresh answer and may."""
    directives = x.request.headers.get("cache-control", "").replace(" ", "").lower().split(",")
    if "max-age=0" not in directives:
        return False
    if not x.settings.cache_authorization or await _may(x):
        return True
    if x.settings.cache_unauthorized == "FAIL_WITH_403":
        raise Refusal("ACCESS_DENIED", "Cache-Control: max-age=0 is not allowed for this caller.")
    if x.settings.cache_unauthorized == "SUCCEED_WITH_RESPONSE_HEADER":
        x.warnings.append(("Warning", '199 - "Request is not authorized to invalidate the cache"'))
    return False


async def _may(x: Exchange) -> bool:
    caller = x.caller
    if caller is None:
        if "authorization" not in x.request.headers:
            return False
        try:
            caller = await authorization.authenticate(x)
        except Refusal:
            return False
    cloud, surroundings = x.cloud, authorization.conditions(x)
    policy, account, arn, who = x.plan.policy, x.found.account, x.arn, caller
    decision = await cloud.store.read(
        lambda tx: cloud.guard.decide(tx, who, INVALIDATE, arn, surroundings, policy or None, account)
    )
    return decision.allowed
