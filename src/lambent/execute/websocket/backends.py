"""Integrations that lead to HTTP endpoints, and to services of this cloud as the integration's role."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from lambent import model
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import BytesBody, FileSlice, Request, Response
from lambent.kit import calling, outward
from lambent.model import index

from .. import identity, sessions
from ..calls import in_time
from ..http.selecting import fill
from ..mapping import MappingError
from ..mapping import parameters as mappings
from ..mapping.expressions import Answer
from ..mapping.parameters import RequestParameters
from ..rest.integrations.service import to_json, without
from .call import Call, request_body
from .refusals import Failed

_BODY_BYTES_MAX: Final = 1 << 20
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_ALSO_QUERY: Final = frozenset(("sqs",))
"""Services whose actions API Gateway asks by the query protocol though their own SDKs no longer do."""
_NOT_THROUGH: Final = ("host", "sec-websocket-", "content-length", "transfer-encoding", "authorization")


async def http(call: Call) -> Answer:
    """Ask an HTTP endpoint. A proxy also gets the headers and the query string of a handshake."""
    integration = call.integration
    made = _mapped(call)
    body = request_body(call)
    headers = {"content-type": _JSON, "user-agent": f"AmazonAPIGateway_{call.event.client.api}"}
    query = [(name, value) for name, values in made.query.items() for value in values]
    if integration.type == "HTTP_PROXY":
        shown = {name.lower(): ",".join(values) for name, values in call.headers.items()}
        headers |= {name: text for name, text in shown.items() if not name.startswith(_NOT_THROUGH)}
        query += [(name, value) for name, values in call.query.items() for value in values if name not in made.query]
    headers |= {name.lower(): ",".join(values) for name, values in made.headers.items()}
    try:
        uri = fill(integration.uri or "", call.stage.variables)
        url = mappings.filled(uri, made.path)
        if not mappings.same_host(uri, url):
            raise ValueError("a value leads to another host")
        client = call.event.client
        mine = await identity.shown(call.room.cloud, client.account, client.region, call.stage.client_certificate)
        request = calling.Request(
            integration.method or "POST", _with_query(url, query), list(headers.items()), body, identity=mine
        )
        found = await calling.of(call.room.cloud).call(
            request, integration.timeout_ms / 1000, body_bytes_max=_BODY_BYTES_MAX
        )
    except calling.TooLate:
        raise Failed("the endpoint did not answer in time", 504) from None
    except calling.Unreachable as error:
        raise Failed(f"the endpoint cannot be reached: {error}", 502) from None
    except (MappingError, ValueError) as error:
        raise Failed(f"invalid endpoint address: {error}") from None
    return Answer(found.status, found.by_name(), found.body)


async def service(call: Call) -> Answer:
    """Ask a service of this cloud, signed as the integration's role, through the front door."""
    integration, cloud = call.integration, call.room.cloud
    if not integration.credentials:
        raise Failed("a service integration needs credentials")
    made = _mapped(call)
    try:
        uri = mappings.filled(fill(integration.uri or "", call.stage.variables), made.path)
    except MappingError as error:
        raise Failed(f"invalid endpoint address: {error}") from None
    parts = uri.split(":", 5)
    kind, _, rest = parts[-1].partition("/")
    name = parts[4].rpartition(".")[2] if len(parts) == 6 else ""
    names = index.by_signing_name().get(name, ())
    if not uri.startswith("arn:aws:apigateway:") or kind not in ("path", "action") or not names:
        raise Failed(f"invalid endpoint address: {uri}")
    region = parts[3]
    request = _request(call, made, names[0], f"{parts[4]}.{region}.amazonaws.com", kind, rest)
    try:
        credential = await cloud.directory.role_session(
            integration.credentials, "BackplaneAssumeRoleSession", sessions.PRINCIPAL, source_arn=call.source
        )
        sessions.sign(request, credential, region, index.entries()[names[0]].signing, cloud.clock)
        response = await in_time(cloud, integration.timeout_ms, cloud.front(request))
        body = await in_time(cloud, integration.timeout_ms, _whole(response))
    except TimeoutError:
        raise Failed("the service did not answer in time", 504) from None
    except ServiceError as error:
        raise Failed(f"the role cannot be assumed: {error}") from None
    headers = {key.lower(): [text] for key, text in response.headers}
    if "xml" in headers.get("content-type", [""])[-1] and request.headers.get("content-type") == _FORM:
        body = to_json(body)
    return Answer(response.status, headers, body)


def _request(call: Call, made: RequestParameters, name: str, host: str, kind: str, rest: str) -> Request:
    """The request to the service `name`, not signed yet."""
    entry = index.entries()[name]
    body = request_body(call)
    headers = {"host": host, "accept": _JSON, "content-type": _JSON}
    query = [(key, value) for key, values in made.query.items() for value in values]
    path, verb = f"/{rest}", call.integration.method or "POST"
    if outward.is_door(path):
        raise Failed("the integration leads to one of the cloud's own doors")
    if kind == "action":
        path, verb = "/", "POST"
        if entry.protocol == "query" or name in _ALSO_QUERY:
            query = [("Action", rest), ("Version", entry.version), *query]
            form, body = _with_query("", query)[1:].encode(), without(body, {name for name, _ in query})
            body = form if body.lstrip().startswith(b"{") or not body else form + b"&" + body
            headers["content-type"], query = _FORM, []
        elif entry.prefix:
            version = model.service_model(name).metadata.get("jsonVersion", "1.1")
            headers |= {"x-amz-target": f"{entry.prefix}.{rest}", "content-type": f"application/x-amz-json-{version}"}
        else:
            raise Failed(f"{name} has no actions by name")
    headers |= {key.lower(): ",".join(values) for key, values in made.headers.items() if key.lower() != "host"}
    id = call.room.cloud.ids.request_id()
    return Request(verb, path, _with_query("", query)[1:], headers, BytesBody(body), secure=True, id=id)


def _mapped(call: Call) -> RequestParameters:
    """What the integration's request parameters set."""
    given = call.integration.request_parameters or {}
    # Sources are named as those of REST APIs are, but for the first word.
    as_rest = {
        target: f"method.{source.removeprefix('route.')}" if source.startswith("route.request.") else source
        for target, source in given.items()
    }
    try:
        return mappings.rest_request(as_rest, call.scope)
    except MappingError as error:
        raise Failed(f"a request parameter cannot be mapped: {error}") from None


def _with_query(url: str, query: list[tuple[str, str]]) -> str:
    text = "&".join(f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}" for name, value in query)
    return f"{url}{'&' if '?' in url else '?'}{text}" if text else url


async def _whole(response: Response) -> bytes:
    """A response's body, of a bounded length."""
    body = response.body
    if isinstance(body, bytes):
        return body
    if isinstance(body, FileSlice):
        raise Failed("the service answered with a file")
    found = bytearray()
    async for piece in body:
        found += piece
        if len(found) > _BODY_BYTES_MAX:
            raise Failed("the service's answer is too long")
    return bytes(found)
