"""What answers a method: one module per kind of integration, each `async (exchange) -> Answer`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from ..exchange import Answer, Exchange
from ..headers import to_client
from ..refusals import misconfigured
from .function import function
from .http import http, http_proxy
from .mock import mock
from .proxy import proxy
from .service import service

Integrate = Callable[[Exchange], Awaitable[Answer]]


async def integrate(x: Exchange) -> Answer:
    """Answer the request by its method's integration."""
    route = x.route
    answerer = route.integrate
    if answerer is None:
        answerer = route.integrate = _chosen(x)
    began_ns = x.cloud.clock.now_ns()
    try:
        return await answerer(x)
    finally:
        x.backend.latency_ms = (x.cloud.clock.now_ns() - began_ns) / 1_000_000


async def _proxy(x: Exchange) -> Answer:
    answer = await proxy(x)
    answer.headers = [header for one in answer.headers if (header := to_client(*one)) is not None]
    return answer


def _chosen(x: Exchange) -> Integrate:
    integration = x.route.integration
    if integration is None:
        raise misconfigured("No integration defined for method.")
    if integration.type == "AWS" and ":lambda:path/" in (integration.uri or ""):
        return function
    found = _KINDS.get(integration.type)
    if found is None:
        raise misconfigured(f"Unknown type of integration: {integration.type}")
    return found


_KINDS: Final[Mapping[str, Integrate]] = {
    "AWS_PROXY": _proxy,
    "AWS": service,
    "HTTP": http,
    "HTTP_PROXY": http_proxy,
    "MOCK": mock,
}
