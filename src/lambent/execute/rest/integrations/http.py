"""HTTP and HTTP_PROXY integrations: a backend at a URL, with mappings or as it is. VPC links lead to the URL, too."""

from __future__ import annotations

import re
import zlib
from typing import Final
from urllib.parse import quote

from lambent.kit import calling

from ... import identity
from ...mapping import parameters as mappings
from .. import media, transform
from ..events import forwarded
from ..exchange import Answer, Exchange
from ..headers import TO_BACKENDS_DROPPED, clean, is_signature, to_client
from ..refusals import JSON, Refusal, misconfigured
from . import hops, uris

_BODY_BYTES_MAX: Final = 10 * 1024 * 1024
_MAPPABLE: Final = ("host", "trailer", "upgrade")
_USER: Final = re.compile(r"//[^/?#]*@")
_OWN_OF_PROXY: Final = frozenset(("x-amzn-trace-id", "content-encoding"))


async def http(x: Exchange) -> Answer:
    """Answer by a backend and the integration's mappings."""
    made = transform.outgoing(x, mappings.REFUSED_OF_HTTP)
    headers = {"accept": ("Accept", [JSON]), "user-agent": ("User-Agent", [f"AmazonAPIGateway_{x.found.api}"])}
    if made.body:
        headers["content-type"] = ("Content-Type", [made.kind])
    headers |= _own(x)
    headers |= {name.lower(): (name, values) for name, values in made.headers.items()}
    answer = await _call(x, made, [(name, value) for name, values in headers.values() for value in values], made.query)
    backed = transform.Backed(str(answer.status), answer.by_name(), _plain(answer))
    return transform.answer(x, backed)


async def http_proxy(x: Exchange) -> Answer:
    """Answer by a backend alone: headers, query and body go through, both ways."""
    integration = x.route.integration
    assert integration is not None
    made = transform.outgoing(x, mappings.REFUSED_OF_HTTP)
    sent = ((name, value) for name, value in x.request.headers.items() if not is_signature(name, value))
    # What Connection names was for this hop alone.
    dropped = TO_BACKENDS_DROPPED | {
        name.strip().lower() for name in x.request.headers.get("connection", "").split(",")
    }
    headers = {name: (name, [value]) for name, value in sent if name not in dropped}
    headers |= {name.lower(): (name, [value]) for name, value in forwarded(x).items()}
    headers |= _own(x)
    headers |= {name.lower(): (name, values) for name, values in made.headers.items()}
    query = [*made.query, *((name, value) for name, values in x.query_values.items() for value in values)]
    answer = await _call(x, made, [(name, value) for name, values in headers.values() for value in values], query)
    kind = (answer.values("content-type") or [""])[-1]
    wanted = x.request.headers.get("accept", "") in x.plan.media
    body = media.outgoing(_plain(answer), kind in x.plan.media, wanted, None)
    return Answer(answer.status, _through(answer), body)


def _own(x: Exchange) -> dict[str, tuple[str, list[str]]]:
    """The headers that API Gateway adds to every request."""
    return {
        "x-amzn-apigateway-api-id": ("x-amzn-apigateway-api-id", [x.found.api]),
        "x-amzn-trace-id": ("X-Amzn-Trace-Id", [hops.trace_of(x)]),
    }


def url_of(x: Exchange, made: transform.Outgoing, query: list[tuple[str, str]]) -> str:
    """The backend's URL: the integration's with stage variables, path variables and query."""
    integration = x.route.integration
    assert integration is not None
    uri = uris.fill(integration.uri or "", x.variables)
    if "://" not in uri:
        uri = f"http://{uri}"
    url = transform.guarded(lambda: mappings.filled(uri, made.path))
    if not mappings.same_host(uri, url):
        raise misconfigured("A path parameter leads to another host.")
    text = "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in query)
    if not text:
        return url
    return f"{url}{'&' if '?' in url else '?'}{text}"


async def _call(
    x: Exchange, made: transform.Outgoing, headers: list[tuple[str, str]], query: list[tuple[str, str]]
) -> calling.Answer:
    integration = x.route.integration
    assert integration is not None
    verb = integration.http_method or x.request.method
    verb = x.request.method if verb == "ANY" else verb
    url = url_of(x, made, query)
    x.note(f"Sending request to {_USER.sub('//', url, count=1)}")
    cleaned = [(name, clean(value)) for name, value in headers]
    shown = await identity.shown(x.cloud, x.found.account, x.found.region, x.stage.client_certificate)
    request = calling.Request(
        verb, url, cleaned, made.body, verified=not integration.tls_insecure, identity=shown, own=_mapped(made)
    )
    try:
        answer = await calling.of(x.cloud).call(request, integration.timeout_ms / 1000, body_bytes_max=_BODY_BYTES_MAX)
    except calling.TooLate:
        raise Refusal("INTEGRATION_TIMEOUT") from None
    except calling.TooLarge:
        raise misconfigured("The integration's answer is longer than 10 MiB.") from None
    except calling.Unreachable as error:
        x.backend.error = str(error)
        raise Refusal("INTEGRATION_FAILURE", note=str(error)) from None
    except ValueError as error:
        raise misconfigured(f"Invalid endpoint address: {error}") from None
    x.backend.status = answer.status
    x.note(f"Received response. Status: {answer.status}")
    return answer


def _mapped(made: transform.Outgoing) -> list[tuple[str, str]]:
    """Headers of the connection that mappings set: those are sent, the client's own are not."""
    found = {name.lower(): (name, clean(values[-1])) for name, values in made.headers.items()}
    return [found[name] for name in _MAPPABLE if name in found]


def _plain(answer: calling.Answer) -> bytes:
    """The body without its coding: mappings and the client's side see the payload."""
    coding = (answer.values("content-encoding") or [""])[-1].strip().lower()
    if coding not in ("gzip", "deflate") or not answer.body:
        return answer.body
    try:
        inflate = zlib.decompressobj(31 if coding == "gzip" else 15)
        body = inflate.decompress(answer.body, _BODY_BYTES_MAX)
    except zlib.error:
        return answer.body
    if inflate.unconsumed_tail:
        raise misconfigured("The integration's answer is longer than 10 MiB.")
    return body


def _through(answer: calling.Answer) -> list[tuple[str, str]]:
    """The backend's headers as the client gets them."""
    found: list[tuple[str, str]] = []
    for name, value in answer.headers:
        header = to_client(name, value) if name.lower() not in _OWN_OF_PROXY else None
        if header is not None:
            found.append(header)
    if not any(name.lower() == "content-type" for name, _ in found):
        found.append(("Content-Type", JSON))
    return found
