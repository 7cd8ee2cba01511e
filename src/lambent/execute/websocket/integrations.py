"""The integrations of WebSocket APIs: functions, other services, HTTP endpoints, mocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import orjson

from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import TooManyRequests
from lambent.services.apigateway.v2.checks import function_of

from ..calls import in_time, invoke, invoke_as
from ..http.selecting import fill
from ..mapping.expressions import Answer
from . import backends
from .call import Call, lambda_event, proxy_answer, request_body
from .refusals import Failed


async def run(call: Call) -> Answer:
    """Call the integration; `Failed` when that cannot be done."""
    kind = _KINDS.get(call.integration.type)
    if kind is None:
        raise NotBuilt(f"Lambent has not built {call.integration.type} integrations of WebSocket APIs yet.")
    return await kind(call)


async def _function_proxy(call: Call) -> Answer:
    return proxy_answer(await _function(call, orjson.dumps(lambda_event(call))))


async def _service(call: Call) -> Answer:
    """A function that gets what the template makes, or any other service."""
    if not function_of(call.integration.uri):
        return await backends.service(call)
    return Answer(200, {}, await _function(call, request_body(call)))


async def _function(call: Call, payload: bytes) -> bytes:
    integration, cloud = call.integration, call.room.cloud
    arn = fill(function_of(integration.uri), call.stage.variables)
    try:
        if integration.credentials:
            role = fill(integration.credentials, call.stage.variables)
            session = await call.room.sessions.assume(role, call.source)
            work = invoke_as(cloud, session.caller, arn, payload)
        else:
            work = invoke(cloud, arn, payload, call.source, call.event.client.account)
        outcome = await in_time(cloud, integration.timeout_ms, work)
    except TimeoutError:
        raise Failed("the function did not answer in time", 504) from None
    except (ServiceError, Undeliverable, TooManyRequests) as error:
        raise Failed(f"the function cannot be called: {error}") from None
    if outcome.error:
        raise Failed(f"the function failed: {outcome.payload[:500]!r}", 502)
    return outcome.payload


async def _mock(call: Call) -> Answer:
    """Answers with the status that the request template names."""
    try:
        told = orjson.loads(request_body(call) or b"{}")
    except orjson.JSONDecodeError:
        raise Failed("a mock integration wants a template that makes JSON") from None
    status = told.get("statusCode") if isinstance(told, dict) else None
    if not isinstance(status, int):
        raise Failed("a mock integration wants a template with a statusCode")
    return Answer(status, {}, b"")


_KINDS: Final[dict[str, Callable[[Call], Awaitable[Answer]]]] = {
    "AWS_PROXY": _function_proxy,
    "AWS": _service,
    "HTTP": backends.http,
    "HTTP_PROXY": backends.http,
    "MOCK": _mock,
}
