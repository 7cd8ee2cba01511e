"""The way of a request through an HTTP API, on one screen: stage, route, throttling, authorizer, preflight, body,
integration, mapping; then headers, measurements and a line of the access log.
"""

from __future__ import annotations

from typing import Final

import orjson

from lambent.contracts.errors import NotBuilt
from lambent.contracts.http import BodyTooLarge, Request, Response
from lambent.contracts.ports import Reader
from lambent.services.apigateway.v2 import keys
from lambent.services.apigateway.v2.model import DEFAULT, Stage

from ..addresses import Found
from ..requests import short_id
from ..room import Room
from . import lambdas, proxy, services
from .answers import Answer
from .authorizers import BODY_BYTES_MAX, authorize
from .cors import is_preflight, without
from .exchange import Exchange
from .mapping import mapped_answer
from .measuring import finish
from .memory import Memory
from .refusals import Refusal

RATE_MAX: Final = 10_000.0
BURST_MAX: Final = 5_000
"""What an account may do by default: what a stage does not say of its limits when it says one of them."""


async def serve(here: Room, request: Request, exchange: Exchange | None) -> Response:
    """Answer a request to an HTTP API; `exchange` is what `look` gave."""
    if exchange is None:
        refused = Refusal(404)
        id = short_id(request.id or here.cloud.ids.request_id())
        return Response(404, [("content-type", "application/json"), ("apigw-requestid", id)], refused.body)
    try:
        answer = await _answer(exchange)
    except Refusal as refused:
        answer = _refused(exchange, refused)
    except NotBuilt as unbuilt:
        exchange.backend.error = unbuilt.message
        answer = Answer(501, [("content-type", "application/json")], orjson.dumps({"message": unbuilt.message}))
    return _sent(exchange, answer)


def look(tx: Reader, here: Room, request: Request, found: Found) -> Exchange | None:
    """The exchange with the stage and plan that a request to the API `found` is for; None when it has no such stage, or
    no deployment in it, or does not answer at this address."""
    stage, path = _stage(tx, found)
    if stage is None:
        return None
    plan = here.part(Memory).plan(tx, found.api, stage.deployment)
    if plan is None or (plan.api.execute_api_disabled and not found.custom):
        return None
    return Exchange(here, request, found, stage, plan, path or "/")


def _stage(tx: Reader, found: Found) -> tuple[Stage | None, str]:
    """The stage, and the path behind it. At the default endpoint the first segment is a stage only if there is one of
    that name; else `$default` answers."""
    if found.stage is not None:
        return keys.get_stage(tx, found.api, found.stage), found.path
    name, slash, rest = found.path[1:].partition("/")
    named = keys.get_stage(tx, found.api, name) if name and name != DEFAULT else None
    if named is not None:
        return named, slash + rest
    return keys.get_stage(tx, found.api, DEFAULT), found.path


async def _answer(exchange: Exchange) -> Answer:
    request, plan = exchange.request, exchange.plan
    matched = plan.router.match(request.method, exchange.path)
    if matched is None:
        if plan.cors is not None and request.method == "OPTIONS":
            return Answer(204, plan.cors.on_preflight(request), b"")
        raise Refusal(404)
    exchange.step, exchange.parameters = matched
    _throttle(exchange)
    await authorize(exchange)
    if plan.cors is not None and is_preflight(request):
        return Answer(204, plan.cors.on_preflight(request), b"")
    try:
        exchange.body = await request.body.read(BODY_BYTES_MAX)
    except BodyTooLarge:
        raise Refusal(413) from None
    return await _integrate(exchange)


def _throttle(exchange: Exchange) -> None:
    stage, step = exchange.stage, exchange.step
    default, own = stage.default_settings, stage.route_settings.get(step.key)
    rate = own.rate_limit if own is not None and own.rate_limit is not None else default.rate_limit
    burst = own.burst_limit if own is not None and own.burst_limit is not None else default.burst_limit
    if rate is None and burst is None:
        return
    key = ("http", exchange.found.api, stage.name, step.key)
    rate, burst = RATE_MAX if rate is None else rate, BURST_MAX if burst is None else burst
    if not exchange.room.buckets.take(key, rate, burst, exchange.started_ns):
        raise Refusal(429)


async def _integrate(exchange: Exchange) -> Answer:
    integration = exchange.step.integration
    if integration is None:
        raise Refusal(500, "The route has no integration.", integration=True)
    clock, backend = exchange.cloud.clock, exchange.backend
    began_ns = clock.now_ns()
    try:
        if integration.subtype:
            answer = await services.answer(exchange, integration)
        elif integration.type == "AWS_PROXY":
            answer = await lambdas.answer(exchange, integration)
        else:
            answer = await proxy.answer(exchange, integration)
    finally:
        backend.latency_ms = (clock.now_ns() - began_ns) / 1_000_000
    if integration.response_parameters:
        answer = mapped_answer(exchange, answer, integration.response_parameters)
    cors = exchange.plan.cors
    if cors is not None:
        answer.headers = [*without(answer.headers), *cors.on_answer(exchange.request)]
    return answer


def _refused(exchange: Exchange, refused: Refusal) -> Answer:
    if refused.from_integration:
        exchange.backend.error = refused.reason
    if refused.from_authorizer:
        exchange.authorizer_error = refused.reason
    exchange.error = refused.text
    cors = exchange.plan.cors
    headers = [("content-type", "application/json"), *refused.headers]
    if cors is not None:
        headers.extend(cors.on_answer(exchange.request))
    return Answer(refused.status, headers, refused.body)


def _sent(exchange: Exchange, answer: Answer) -> Response:
    answer.headers.append(("apigw-requestid", exchange.request_id))
    finish(exchange, answer)
    return Response(answer.status, answer.headers, answer.body)
