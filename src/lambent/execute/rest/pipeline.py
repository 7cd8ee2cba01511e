"""What a request to a REST API passes, in order: the list on one screen.

1. route        which resource and method
2. receive      the body, at most 10 MiB
3. authorize    resource policy; AWS_IAM, a Lambda authorizer or Cognito
4. admit        API key and usage plan; throttling of account, stage and method
5. validate     required parameters, the body against its model
6. cached       the stage's cache, where it is on
7. integrate    the backend, and what mappings make of request and answer
8. finish       headers of every answer, compression
9. record       metrics, access log, execution log

Each step works on one `Exchange`. A step that refuses raises `Refusal`, which becomes a gateway response.
"""

from __future__ import annotations

import logging
from urllib.parse import unquote

from lambent.blobs.errors import BlobsUnreachable
from lambent.contracts.http import BodyBroken, BodyTooLarge, BytesBody, Response
from lambent.kv.errors import StoreUnreachable

from ..mapping import parameters
from . import admission, authorization, caching, compression, integrations, logs, validation, variables
from .exchange import Answer, Exchange
from .headers import clean
from .refusals import Refusal, misconfigured, write

BODY_BYTES_MAX = 10 * 1024 * 1024
BODILESS = frozenset((204, 304))
"""Statuses whose answers end with their headers, whatever a backend says."""

_log = logging.getLogger("lambent.execute")


async def answer(x: Exchange) -> Response:
    """Serve one request; raises only for a client that went away, and for a store or bodies that are out of reach."""
    try:
        try:
            made = await _serve(x)
            if not 200 <= made.status <= 599:
                made = refused(x, misconfigured(f"{made.status} is no status of an answer."))
        except Refusal as refusal:
            made = refused(x, refusal)
        except (BodyBroken, StoreUnreachable, BlobsUnreachable):
            raise  # the front door has answers for those
        except Exception as error:
            _log.error("request %s: %s failed", x.request_id, x.arn, exc_info=error)
            made = refused(x, misconfigured(str(error)))
        x.answer = made
        response = finish(x, made)
    finally:
        logs.record(x)
    return response


async def _serve(x: Exchange) -> Answer:
    route(x)
    await receive(x)
    await authorization.authorize(x)
    compression.decompress(x)
    await admission.admit(x)
    validation.validate(x)
    if x.stage.cache_enabled and x.settings.caching and not x.test:
        return await caching.cached(x, integrations.integrate)
    return await integrations.integrate(x)


def route(x: Exchange) -> None:
    """Find the method that answers."""
    path = x.found.path
    found = x.plan.route(path, x.request.method) if not climbs(path) else None
    if found is None:
        authorization.refuse_scheme(x, "MISSING_AUTHENTICATION_TOKEN")
        raise Refusal("MISSING_AUTHENTICATION_TOKEN")
    x.route, x.parameters = found
    x.settings_key, x.settings = x.route.settings(x.stage, x.request.method)
    logs.begin(x)


def climbs(path: str) -> bool:
    """Whether a path has a segment `.` or `..`, escaped or not: such a path means another one to some backends than to
    the policies that were asked about it, so it leads nowhere."""
    return ("." in path or "%2" in path) and parameters.climbs(unquote(path))


async def receive(x: Exchange) -> None:
    """Have the body here."""
    body = x.request.body
    if isinstance(body, BytesBody) and len(body.data) <= BODY_BYTES_MAX:
        x.body = body.data
        return
    try:
        x.body = await body.read(BODY_BYTES_MAX)
    except BodyTooLarge:
        raise Refusal("REQUEST_TOO_LARGE") from None
    x.request.body = BytesBody(x.body)


def refused(x: Exchange, refusal: Refusal) -> Answer:
    """The gateway response of a refusal."""
    x.refusal = refusal
    if refusal.note:
        x.note(refusal.note)
    accept = x.request.headers.get("accept", "")
    written = write(refusal, x.plan.snapshot.gateway_responses, accept, lambda name: variables.text(x, name))
    headers = [(name, clean(value)) for name, value in written.headers]
    return Answer(written.status, headers, written.body)


def finish(x: Exchange, made: Answer) -> Response:
    """The response, with the headers that every answer has."""
    headers = made.headers
    headers.append(("x-amzn-RequestId", x.request_id))
    headers.append(("x-amz-apigw-id", x.extended_id))
    if x.traced:
        headers.append(("X-Amzn-Trace-Id", x.trace_id))
    headers.extend(x.warnings)
    if made.status in BODILESS:
        return Response(made.status, headers, b"")
    return Response(made.status, headers, compression.compress(x, made))


async def tested(x: Exchange) -> Answer:
    """The answer of a method that is tested: as it would be, without asking who may and how often."""
    try:
        validation.validate(x)
        return await integrations.integrate(x)
    except Refusal as refusal:
        return refused(x, refusal)
