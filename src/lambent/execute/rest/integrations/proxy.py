"""Lambda proxy integrations: the request becomes an event, the function's result the answer."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import orjson

from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Outcome, TooManyRequests

from ... import calls
from ...mapping import parameters as mappings
from .. import transform
from ..events import proxy_event
from ..exchange import Answer, Exchange
from ..headers import clean, is_name
from ..refusals import JSON, Refusal, misconfigured
from . import uris
from .roles import caller_of

_KEYS: Final = frozenset(("statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"))
PAYLOAD_BYTES_MAX: Final = 6 * 1024 * 1024
"""What a function takes at once."""
_SHOWN_MAX: Final = 1024
_LOOKED_AT_MAX: Final = 128 << 10
"""More than all headers of a request."""
_MALFORMED: Final = "Execution failed due to configuration error: Malformed Lambda proxy response"


async def proxy(x: Exchange) -> Answer:
    """Answer by a function that speaks the proxy's format."""
    integration = x.route.integration
    assert integration is not None
    if integration.http_method != "POST":
        raise misconfigured("Lambda functions are invoked by POST alone.")
    arn = uris.function(uris.fill(integration.uri or "", x.variables))
    if integration.parameters:
        # The event shows nothing of them, but AWS refuses the same headers here as where they are sent.
        scope, refused = transform.scope_of(x), mappings.REFUSED_OF_AWS
        transform.guarded(lambda: mappings.rest_request(integration.parameters, scope, refused=refused))
    outcome = await run(x, arn, proxy_event(x))
    if outcome.error:
        x.backend.error = outcome.payload.decode("utf-8", "replace")
        raise misconfigured("Lambda execution failed with status 200 due to customer function error.", 502)
    return parse(x, outcome.payload)


async def run(x: Exchange, arn: str, payload: bytes, *, wait: bool = True, said: bytes | None = None) -> Outcome:
    """Run the integration's function as API Gateway, or as the integration's role; a `Refusal` when that cannot be.
    Without `wait` it runs later, by itself, and the outcome is empty. `said`: what the execution log shows as the
    payload, where that is not the event itself."""
    integration = x.route.integration
    assert integration is not None
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise Refusal("REQUEST_TOO_LARGE")
    _before(x, arn, payload if said is None else said)
    began_ns = x.cloud.clock.now_ns()
    try:
        if integration.credentials:
            credential = await caller_of(x, integration.credentials)
            work = calls.invoke_as(x.cloud, credential.caller, arn, payload, wait=wait)
        elif wait:
            work = calls.invoke(x.cloud, arn, payload, x.source_arn, x.found.account)
        else:
            await calls.send(x.cloud, arn, payload, x.source_arn, x.found.account)
            return Outcome(payload=b"")
        outcome = await calls.in_time(x.cloud, integration.timeout_ms, work)
    except TimeoutError:
        raise Refusal("INTEGRATION_TIMEOUT") from None
    except (Undeliverable, TooManyRequests, ServiceError) as error:
        x.backend.error = str(error)
        raise misconfigured(f"Invalid permissions on Lambda function, or it cannot run: {error}") from None
    x.backend.status = 200
    _after(x, outcome, (x.cloud.clock.now_ns() - began_ns) // 1_000_000)
    return outcome


def _before(x: Exchange, arn: str, payload: bytes) -> None:
    """The execution log's lines about what is asked."""
    if x.lines is None:
        return
    address = f"https://lambda.{x.found.region}.amazonaws.com/2015-03-31/functions/{arn}/invocations"
    x.note(f"Endpoint request URI: {address}")
    headers = f"x-amzn-lambda-integration-tag={x.request_id}, x-amzn-apigateway-api-id={x.found.api}, Accept={JSON}, "
    x.note(f"Endpoint request headers: {{{headers}User-Agent=AmazonAPIGateway_{x.found.api}}}")
    if x.test or x.settings.data_trace:
        x.note(f"Endpoint request body after transformations: {_shown(x, payload)}")
    x.note(f"Sending request to {address}")


def _after(x: Exchange, outcome: Outcome, latency_ms: int) -> None:
    """The execution log's lines about what came back."""
    if x.lines is None:
        return
    x.note(f"Received response. Status: 200, Integration latency: {latency_ms} ms")
    headers = f"Content-Type={JSON}, Content-Length={len(outcome.payload)}, X-Amzn-Trace-Id={x.trace_id}"
    x.note(f"Endpoint response headers: {{{headers}}}")
    if x.test or x.settings.data_trace:
        x.note(f"Endpoint response body before transformations: {_shown(x, outcome.payload)}")


def _shown(x: Exchange, payload: bytes) -> str:
    # Masked before it is cut, or the cut could leave a part of a secret.
    text = x.masked(payload[:_LOOKED_AT_MAX].decode("utf-8", "replace"))
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]} [TRUNCATED]"


def parse(x: Exchange, payload: bytes) -> Answer:
    """The answer that a function's result stands for; a `Refusal` of 502 when it is malformed."""
    try:
        result: Any = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise misconfigured(_MALFORMED, 502) from None
    if not isinstance(result, dict) or not _KEYS.issuperset(result):
        raise misconfigured(_MALFORMED, 502)
    body = _body(x, result)
    headers = _headers(result)
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", JSON))
    return Answer(_status(result.get("statusCode")), headers, body)


def _status(given: Any) -> int:
    if given is None:
        return 200
    try:
        status = int(given)
    except (TypeError, ValueError):
        raise misconfigured(_MALFORMED, 502) from None
    if isinstance(given, bool) or not 200 <= status <= 599:
        raise misconfigured(_MALFORMED, 502)
    return status


def _body(x: Exchange, result: dict[str, Any]) -> bytes:
    text = result.get("body")
    if text is None:
        return b""
    if not isinstance(text, str):
        raise misconfigured(_MALFORMED, 502)
    body = text.encode("utf-8", "replace")
    if result.get("isBase64Encoded") is True and x.request.headers.get("accept", "*/*") in x.plan.media:
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise misconfigured("Unable to base64 decode the body.") from None
    return body


def _headers(result: dict[str, Any]) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    multiple = result.get("multiValueHeaders") or {}
    single = result.get("headers") or {}
    if not isinstance(multiple, dict) or not isinstance(single, dict):
        raise misconfigured(_MALFORMED, 502)
    named = {name.lower() for name in multiple}
    for name, values in multiple.items():
        if not isinstance(values, list):
            raise misconfigured(_MALFORMED, 502)
        headers += [(name, _text(value)) for value in values]
    headers += [(name, _text(value)) for name, value in single.items() if name.lower() not in named]
    for name, _ in headers:
        if not is_name(name):
            raise misconfigured(_MALFORMED, 502)
    return headers


def _text(value: Any) -> str:
    """A header's value as text. Line ends are taken out, so that no value can add a header."""
    if isinstance(value, str):
        return clean(value)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise misconfigured(_MALFORMED, 502)
    return orjson.dumps(value).decode()
