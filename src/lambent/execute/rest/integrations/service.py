"""AWS service integrations: a request to a service of this cloud, signed as the integration's role, through the front
door.

What the mappings made goes out as it is: paths (`s3:path/{bucket}/{key}`) and actions (`dynamodb:action/PutItem`,
`sqs:action/SendMessage`). Services of the query protocol answer in JSON, as AWS's do when API Gateway asks.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree

import orjson

from lambent import model
from lambent.contracts.http import BytesBody, Request, Response
from lambent.kit import outward
from lambent.model import index

from ... import calls, sessions
from ...mapping import parameters as mappings
from .. import transform
from ..exchange import Answer, Exchange
from ..headers import clean
from ..refusals import JSON, Refusal, misconfigured
from . import hops, uris
from .answers import body_of, headers_of
from .roles import caller_of

_ALSO_QUERY: Final = frozenset(("sqs",))
"""Services whose actions API Gateway asks by the query protocol though their own SDKs no longer do."""
_FORM: Final = "application/x-www-form-urlencoded"


async def service(x: Exchange) -> Answer:
    """Answer by a service of this cloud."""
    integration = x.route.integration
    assert integration is not None
    made = transform.outgoing(x, mappings.REFUSED_OF_AWS)
    if not integration.credentials:
        raise misconfigured("The integration has no credentials.")
    credential = await caller_of(x, integration.credentials)
    uri = uris.fill(integration.uri or "", x.variables)
    to = transform.guarded(lambda: uris.service(mappings.filled(uri, made.path)))
    request = build(x, to, made)
    sessions.sign(request, credential, to.region, _signing_name(to.name), x.cloud.clock)
    x.note(f"Sending request to https://{request.headers['host']}{request.path}")
    try:
        response, body = await calls.in_time(x.cloud, integration.timeout_ms, _ask(x, request))
    except TimeoutError:
        raise Refusal("INTEGRATION_TIMEOUT") from None
    x.backend.status = response.status
    headers = headers_of(response)
    x.backend.request_id = (headers.get("x-amzn-requestid") or headers.get("x-amz-request-id") or [""])[-1]
    if "xml" in (headers.get("content-type") or [""])[-1] and _speaks_query(to, request):
        body, headers["content-type"] = to_json(body), [JSON]
    return transform.answer(x, transform.Backed(str(response.status), headers, body))


async def _ask(x: Exchange, request: Request) -> tuple[Response, bytes]:
    response = await x.cloud.front(request)
    return response, await body_of(x, response)


def build(x: Exchange, to: uris.Service, made: transform.Outgoing) -> Request:
    """The request to a service, not signed yet."""
    integration = x.route.integration
    assert integration is not None
    host = ".".join(part for part in (to.prefix, to.name, to.region, "amazonaws.com") if part)
    headers = {"host": host, "accept": JSON, "user-agent": f"AmazonAPIGateway_{x.found.api}"}
    headers |= {"x-amzn-apigateway-api-id": x.found.api, "x-amzn-trace-id": hops.trace_of(x)}
    path, query, body = f"/{to.rest}", list(made.query), made.body
    if outward.is_door(path):
        raise misconfigured("The integration leads to one of the cloud's own doors.")
    if to.kind == "action":
        path = "/"
        if _by_query(to.name):
            headers["content-type"] = _FORM
            query = [("Action", to.rest), ("Version", _version(to.name)), *query]
            if body.lstrip().startswith(b"{"):
                body = b""  # what passed through as JSON is no form
        else:
            headers |= _json_target(to)
    elif body:
        headers["content-type"] = made.kind
    for name, values in made.headers.items():
        headers[name.lower()] = clean(",".join(values))
    verb = integration.http_method or x.request.method
    verb = x.request.method if verb == "ANY" else verb
    if to.kind == "action" and _by_query(to.name) and query:
        # Parameters and the form are one; services read them where the verb says.
        text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
        body = b"&".join(part for part in (text.encode(), without(body, {name for name, _ in query})) if part)
        query, verb = [], "POST"
    text = "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in query)
    return Request(
        verb, path, text, headers, BytesBody(body), peer=x.request.peer, secure=True, id=x.cloud.ids.request_id()
    )


def without(form: bytes, names: set[str]) -> bytes:
    """A form without some fields: what the API itself says (its action, what its mappings set) no caller says anew."""
    if not form:
        return form
    parts = form.split(b"&")
    return b"&".join(part for part in parts if unquote_plus(part.partition(b"=")[0].decode("latin-1")) not in names)


def _entry(name: str) -> tuple[str, index.ServiceEntry]:
    """The model of a service by the name that URIs call it."""
    names = index.by_signing_name().get(name, ())
    if not names:
        raise misconfigured(f"AWS has no service {name}.")
    return names[0], index.entries()[names[0]]


def _signing_name(name: str) -> str:
    return _entry(name)[1].signing


def _by_query(name: str) -> bool:
    return name in _ALSO_QUERY or _entry(name)[1].protocol == "query"


def _speaks_query(to: uris.Service, request: Request) -> bool:
    return _by_query(to.name) and request.headers.get("content-type", "").startswith(_FORM)


def _version(name: str) -> str:
    return _entry(name)[1].version


def _json_target(to: uris.Service) -> dict[str, str]:
    name, entry = _entry(to.name)
    if not entry.prefix:
        raise misconfigured(f"{to.name} has no actions by name.")
    version = model.service_model(name).metadata.get("jsonVersion", "1.1")
    return {"x-amz-target": f"{entry.prefix}.{to.rest}", "content-type": f"application/x-amz-json-{version}"}


def to_json(body: bytes) -> bytes:
    """An answer of the query protocol as JSON: elements are members, elements of `member`s lists."""
    if b"<!DOCTYPE" in body[:1024] or b"<!ENTITY" in body:
        return body
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return body
    return orjson.dumps({_name(root): _value(root)})


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _value(element: ElementTree.Element) -> Any:
    children = list(element)
    if not children:
        return element.text
    names = [_name(child) for child in children]
    if set(names) == {"member"}:
        return [_value(child) for child in children]
    found: dict[str, Any] = {}
    for name, child in zip(names, children, strict=True):
        value = _value(child)
        if names.count(name) > 1:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found
