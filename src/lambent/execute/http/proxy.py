"""Routes that another HTTP server answers: the request is passed on, and its answer passed back."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from lambent.contracts.errors import NotBuilt
from lambent.kit import calling
from lambent.services.apigateway.v2.model import Integration

from ..mapping.errors import MappingError
from ..mapping.parameters import filled, same_host
from .answers import Answer, passed_on
from .exchange import Exchange
from .mapping import mapped_request
from .refusals import Refusal, broken, unavailable
from .selecting import fill

_NOT_SENT: Final = frozenset(
    (
        *("connection", "content-length", "expect", "forwarded", "host", "keep-alive", "proxy-authenticate"),
        *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via"),
        *("x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto"),
    )
)
"""Headers of a request that belong to one connection, or that are written anew for the next."""
_STATUS_OF_NONE: Final = frozenset((204, 304))
_NAME: Final = "AmazonAPIGateway"
_HOPS_MAX: Final = 10
"""How often a request may be passed on by APIs that lead to one another."""


async def answer(exchange: Exchange, integration: Integration) -> Answer:
    """Pass the request on; `Refusal` when no answer comes back."""
    if integration.connection_type == "VPC_LINK" and not (integration.uri or "").startswith("http"):
        raise NotBuilt("Lambent has not built integrations through VPC links that name a listener or service yet.")
    headers = _headers(exchange)
    url = _url(exchange, integration)
    mappings = integration.request_parameters
    query = exchange.request.query
    if mappings:
        made = mapped_request(exchange, mappings, headers)
        headers = {name: ",".join(values) for name, values in made.headers.items()}
        query = urlencode([(name, value) for name, values in made.query.items() for value in values])
        if made.path:
            parts = urlsplit(url)
            url = f"{parts.scheme}://{parts.netloc}{quote(made.path, safe='/%:@!$&()*+,;=-._~')}"
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{query}"
    method = integration.method if integration.method not in (None, "ANY") else exchange.request.method
    asked = calling.Request(str(method), url, headers.items(), exchange.body)
    try:
        got = await calling.of(exchange.cloud).call(asked, integration.timeout_ms / 1000)
    except ValueError as error:
        raise broken(f"The integration's address is not valid: {error}") from None
    except calling.TooLate:
        raise unavailable("The integration took too long to answer.") from None
    except calling.Unreachable as error:
        raise unavailable(f"The integration cannot be reached: {error}") from None
    exchange.backend.status = got.status
    dropped = {part.strip().lower() for value in got.values("connection") for part in value.split(",")}
    answered = [
        found
        for name, value in got.headers
        if name.lower() not in dropped and (found := passed_on(name, value)) is not None
    ]
    return Answer(got.status, answered, b"" if got.status in _STATUS_OF_NONE else got.body)


def _url(exchange: Exchange, integration: Integration) -> str:
    uri = fill(integration.uri or "", exchange.stage.variables)
    try:
        url = filled(uri, exchange.parameters)
    except MappingError as error:
        raise Refusal(400, str(error)) from None
    if not same_host(uri, url):
        raise Refusal(400, "A path parameter leads to another host.")
    return url


def _headers(exchange: Exchange) -> dict[str, str]:
    """The headers that are sent on: the client's, and who passed them on."""
    request = exchange.request
    named = {part.strip().lower() for part in request.headers.get("connection", "").split(",")}
    headers = {name: value for name, value in request.headers.items() if name not in _NOT_SENT and name not in named}
    headers["x-amzn-trace-id"] = exchange.headers["x-amzn-trace-id"]
    scheme = "https" if request.secure else "http"
    host = re.sub(r"[^A-Za-z0-9.:\[\]-]", "", request.headers.get("host", ""))
    hop = f"by=127.0.0.1;for={_forwarded(request.peer)};host={host};proto={scheme}"
    before = request.headers.get("forwarded")
    headers["forwarded"] = f"{before},{hop}" if before else hop
    via = request.headers.get("via")
    if via and via.count(_NAME) >= _HOPS_MAX:
        raise unavailable("The request came through API Gateway too often: an API that leads to itself.")
    headers["via"] = f"{via}, HTTP/1.1 {_NAME}" if via else f"HTTP/1.1 {_NAME}"
    return headers


def _forwarded(peer: str) -> str:
    return f'"[{peer}]"' if ":" in peer else peer
