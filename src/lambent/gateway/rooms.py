"""The front door: the rooms that a request to the AWS API passes, in their order.

1. edge (edge.py) reads the head; the body stays a stream
2. identify     which service and operation
3. authenticate who is calling
4. parse        bytes to parameters, checked against the model
5. authorize    may they
6. dispatch     run the handler in its transaction
7. serialize    result or error to bytes, here and nowhere else
8. journal      what happened, for whoever listens

Doors that are not the AWS API (health, browser preflights, uploads of forms) branch off after step 2.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from lambent import wire
from lambent.auth import Endpoint, Verifier, missing_token
from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts.caller import Caller, Credential
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, BodyBroken, BodyTooLarge, BytesBody, Request, Response
from lambent.contracts.ports import Cloud
from lambent.kit import Context
from lambent.kit.service import BODY_BYTES_MAX
from lambent.kv.errors import StoreUnreachable
from lambent.wire import Codec, Route

from . import browsers
from .beginning import begin
from .dispatch import Dispatcher

Door = Callable[[Cloud, Request], Awaitable[Response]]
Branch = Callable[[Cloud, Verifier, Request, Route], Awaitable[Response]]
Site = Callable[[Cloud, Request], Awaitable[Response | None]]
Decorate = Callable[[Cloud, Request, Route, Response], Awaitable[None]]
Journal = Callable[[Context, Route, Response], None]

_log = logging.getLogger("lambent.gateway")


class InternalFailure(ServiceError):
    """Something broke in Lambent itself; the log has the rest."""

    status = 500


class InternalError(ServiceError):
    """S3's name for the same."""

    status = 500


class ServiceUnavailable(ServiceError):
    """The store or the bodies are out of reach at the moment. Clients try again, as they do after AWS's own 503."""

    status = 503


class UnknownService(ServiceError):
    """The request is no request to any service that AWS has."""

    code = "UnknownOperationException"
    status = 404


class RequestEntityTooLarge(ServiceError):
    """The body is longer than the operation accepts."""

    code = "RequestEntityTooLargeException"
    status = 413


class FrontDoor:
    """Answers requests. `doors` are tried by path prefix before the AWS API; then `sites`, which tells what users have
    built (APIs, websites) by host or path; `branches` by the name that identify gives to requests that are no operation
    of a model (a browser's form upload, a preflight)."""

    def __init__(
        self,
        cloud: Cloud,
        dispatcher: Dispatcher,
        *,
        bases: tuple[str, ...],
        doors: Mapping[str, Door],
        branches: Mapping[str, Branch],
        sites: Callable[[Request], Site | None] = lambda request: None,
        decorate: Decorate | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._cloud = cloud
        self._dispatcher = dispatcher
        self._bases = bases
        self._doors = doors
        self._branches = branches
        self._sites = sites
        self._decorate = decorate
        self._journal = journal
        self._verifier = Verifier()

    async def __call__(self, request: Request) -> Response:
        """Answer one request; never raises but for a client that went away."""
        if request.path.startswith("/_lambent/"):
            return await self._open_door(request)
        site = self._sites(request)
        if site is not None:
            answer = await self._visit(site, request)
            if answer is not None:
                return answer
        try:
            route = wire.identify(request, self._bases)
            if route is None:
                raise UnknownService("No AWS service answers to this request.")
        except ServiceError as error:
            return wire.plain_error(error, request)
        ctx: Context | None = None
        try:
            if not route.operation:
                route = wire.resolve(route, request, await _form(request))
            codec = wire.codec(route)
            branch = self._branches.get(route.operation)
            if branch is not None:
                response = codec.stamp(await branch(self._cloud, self._verifier, request, route), request.id)
            else:
                ctx, body = await self._authenticate(request, route, codec)
                await self._refuse_page(ctx.caller, request, route)
                wire.check_operation(route)
                params = codec.parse(route, request, body)
                result = await self._dispatcher.run(ctx, route.service, route.operation, params)
                response = codec.serialize(result, request.id)
            if response.body.__class__ is not bytes and request.method != "HEAD":
                await begin(response)
        except BodyBroken:
            raise
        except Exception as error:
            response = wire.codec(route).serialize_error(_told(error, request, route), request.id, request)
        if self._decorate is not None and "origin" in request.headers and route.operation != wire.PREFLIGHT:
            await self._decorate(self._cloud, request, route, response)
        if self._journal is not None and ctx is not None:
            self._journal(ctx, route, response)
        return response

    async def _visit(self, site: Site, request: Request) -> Response | None:
        try:
            answer = await site(self._cloud, request)
            if answer is not None and answer.body.__class__ is not bytes and request.method != "HEAD":
                await begin(answer)
            return answer
        except BodyBroken:
            raise
        except (StoreUnreachable, BlobsUnreachable) as error:
            _log.error("request %s: %s%s failed: %s", request.id, request.host, request.path, error)
            return _message(503, "Service Unavailable")
        except Exception as error:
            _log.error("request %s: %s%s failed", request.id, request.host, request.path, exc_info=error)
            return _message(500, "Internal Server Error")

    async def _authenticate(self, request: Request, route: Route, codec: Codec) -> tuple[Context, bytes | Body]:
        """Who is calling, and the body, whole unless the operation streams; refuses the unsigned where need be."""
        operation = self._dispatcher.built(route.service, route.operation)
        limit = operation.body_bytes_max if operation is not None else BODY_BYTES_MAX
        endpoint = _endpoint(route.service, route.protocol)
        who = await self._verifier.authenticate(
            request,
            endpoint,
            self._find,
            self._cloud.clock.outside_ns(),
            streaming=codec.streaming,
            body_limit=limit,
            resource=_resource(route) if route.service == "s3" else None,
        )
        if not who.signed and operation is not None and not operation.anonymous:
            raise missing_token(endpoint)
        region = who.region or route.region or self._cloud.settings.region
        ctx = Context(self._cloud, who.caller, region, request.id, request)
        return ctx, who.body if codec.streaming else await who.body.read(limit)

    async def _refuse_page(self, caller: Caller, request: Request, route: Route) -> None:
        """Refuse what a page of the web has signed with a key that everybody knows, unless it may see the answer: a
        bucket's own rules say so."""
        settings = self._cloud.settings
        if not browsers.known_to_all(settings, caller):
            return
        if browsers.of_foreign_page(settings, request, route.service):
            shown = Response()
            if self._decorate is not None and "origin" in request.headers:
                await self._decorate(self._cloud, request, route, shown)
            if not any(name.lower() == "access-control-allow-origin" for name, _ in shown.headers):
                raise browsers.AccessDenied

    async def _find(self, access_key: str) -> Credential | None:
        directory = self._cloud.directory
        return await self._cloud.store.read(lambda tx: directory.credential(tx, access_key))

    async def _open_door(self, request: Request) -> Response:
        name = request.path.split("/", 3)[2]
        door = self._doors.get(name)
        answer = await door(self._cloud, request) if door is not None else None
        return answer or Response(404, [("content-type", "text/plain")], b"Lambent has no such door.\n")


async def _form(request: Request) -> bytes:
    """The body of a query request, which names its operation there and is therefore read first."""
    body = await request.body.read(BODY_BYTES_MAX)
    request.body = BytesBody(body)
    return body


def _told(error: Exception, request: Request, route: Route) -> ServiceError:
    """What the client is told of an error; the log has the rest where it is ours."""
    if isinstance(error, ServiceError):
        return error
    if isinstance(error, BodyTooLarge):
        return RequestEntityTooLarge("Request is too large.")
    if isinstance(error, StoreUnreachable | BlobsUnreachable):
        _log.error("request %s: %s %s failed: %s", request.id, route.service, route.operation, error)
        return ServiceUnavailable("Service is unable to handle request.")
    _log.error("request %s: %s %s failed", request.id, route.service, route.operation, exc_info=error)
    return (InternalError if route.service == "s3" else InternalFailure)(_SORRY)


@cache
def _endpoint(service: str, protocol: str) -> Endpoint:
    return Endpoint(wire.signing_name(service), protocol)


def _resource(route: Route) -> str:
    """What a presigned URL of the old signature is bound to: it does not sign the host."""
    return f"/{route.labels.get('Bucket', '')}/{route.labels.get('Key', '')}"


def _message(status: int, text: str) -> Response:
    return Response(status, [("content-type", "application/json")], b'{"message":"%s"}' % text.encode())


_SORRY = "We encountered an internal error. Please try again."


def json_response(value: Any, status: int = 200) -> Response:
    """A JSON answer of a door."""
    # Deferred to the doors, which are not on the fast path: orjson is loaded by the wire anyway.
    import orjson

    return Response(status, [("content-type", "application/json")], orjson.dumps(value, option=orjson.OPT_INDENT_2))
