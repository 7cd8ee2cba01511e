"""Routes that another HTTP server answers: the request is passed on, and its answer passed back."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from lambent.contracts.errors import NotBuilt
from lambent.services.apigateway.v2.model import Integration

from ..calls import in_time
from ..mapping.errors import MappingError
from ..mapping.parameters import filled
from .answers import Answer, passed_on
from .exchange import Exchange
from .mapping import mapped_request
from .outside import send
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
_PLAIN_HOST: Final = re.compile(r"[A-Za-z0-9._~\-:\[\]@%]+")


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
    started_ms = integration.timeout_ms
    try:
        work = send(exchange.cloud, str(method), url, headers, exchange.body, started_ms / 1000)
        status, got, body = await in_time(exchange.cloud, started_ms, work)
    except ValueError as error:
        raise broken(f"The integration's address is not valid: {error}") from None
    except TimeoutError:
        raise unavailable("The integration took too long to answer.") from None
    except OSError as error:
        raise unavailable(f"The integration cannot be reached: {error}") from None
    exchange.backend.status = status
    dropped = {part.strip().lower() for name, value in got if name.lower() == "connection" for part in value.split(",")}
    answered = [
        found for name, value in got if name.lower() not in dropped and (found := passed_on(name, value)) is not None
    ]
    return Answer(status, answered, b"" if status in _STATUS_OF_NONE else body)


def _url(exchange: Exchange, integration: Integration) -> str:
    uri = fill(integration.uri or "", exchange.stage.variables)
    try:
        url = filled(uri, exchange.parameters)
    except MappingError as error:
        raise Refusal(400, str(error)) from None
    before, after = urlsplit(uri), urlsplit(url)
    # A path parameter in the host chooses among hosts; it may not turn the address into another one.
    if ("{" not in before.netloc and before.netloc != after.netloc) or not _PLAIN_HOST.fullmatch(after.netloc):
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
    headers["via"] = f"{via}, HTTP/1.1 AmazonAPIGateway" if via else "HTTP/1.1 AmazonAPIGateway"
    return headers


def _forwarded(peer: str) -> str:
    return f'"[{peer}]"' if ":" in peer else peer
