"""Variables by name: `context.requestId`, `method.request.header.Origin`, `stageVariables.table`, and what only logs
know (`context.status`, `context.responseLatency`). And the whole `$context` for templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from .events import request_context
from .exchange import Exchange


def context(x: Exchange) -> dict[str, Any]:
    """`$context` as templates see it; what is not known of the caller's identity is null."""
    found = request_context(x)
    if x.stage.canary is not None:
        found["isCanaryRequest"] = "true" if x.canary else "false"
    return found


def text(x: Exchange, name: str) -> str | None:
    """The text of a variable; None when there is no such thing in this request."""
    root, _, rest = name.partition(".")
    if root == "context":
        return _context(x, rest)
    if root == "stageVariables":
        return x.variables.get(rest)
    if name.startswith("method.request."):
        return _request(x, rest.removeprefix("request."))
    return None


def _request(x: Exchange, name: str) -> str | None:
    place, _, key = name.partition(".")
    if place == "header":
        return x.request.headers.get(key.lower())
    if place == "querystring":
        values = x.query_values.get(key)
        return values[-1] if values else None
    if place == "path":
        return x.parameters.get(key)
    if place == "multivaluequerystring":
        return ",".join(x.query_values.get(key, ())) or None
    if place == "multivalueheader":
        return x.request.headers.get(key.lower())
    if place == "body":
        return x.body.decode("utf-8", "replace") if not key else None
    return None


def _context(x: Exchange, name: str) -> str | None:
    known = _KNOWN.get(name)
    if known is not None:
        return known(x)
    value: Any = context(x)
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is None:
        return None
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _error(x: Exchange, attribute: str) -> str | None:
    return None if x.refusal is None else getattr(x.refusal, attribute)


def _latency(x: Exchange) -> str:
    return str((x.cloud.clock.now_ns() - x.started_ns) // 1_000_000)


def _backend(x: Exchange) -> str | None:
    return str(x.backend.status) if x.backend.status else None


def _integration_latency(x: Exchange) -> str | None:
    return str(round(x.backend.latency_ms)) if x.backend.status or x.backend.latency_ms else None


_KNOWN: Final[Mapping[str, Callable[[Exchange], str | None]]] = {
    "requestId": lambda x: x.request_id,
    "extendedRequestId": lambda x: x.extended_id,
    "requestTime": lambda x: x.time,
    "requestTimeEpoch": lambda x: str(x.started_ns // 1_000_000),
    "httpMethod": lambda x: x.request.method,
    "path": lambda x: x.full_path,
    "resourcePath": lambda x: x.route.resource.path if x.route.resource.id else None,
    "resourceId": lambda x: x.route.resource.id or None,
    "protocol": lambda x: "HTTP/1.1",
    "stage": lambda x: x.found.stage,
    "apiId": lambda x: x.found.api,
    "accountId": lambda x: x.found.account,
    "identity.sourceIp": lambda x: x.request.peer,
    "identity.userAgent": lambda x: x.request.headers.get("user-agent"),
    "xrayTraceId": lambda x: None,
    "status": lambda x: str(x.answer.status) if x.answer else None,
    "responseLength": lambda x: str(len(x.answer.body)) if x.answer else None,
    "responseLatency": _latency,
    "error.message": lambda x: _error(x, "message"),
    "error.messageString": lambda x: _error(x, "message_string"),
    "error.responseType": lambda x: _error(x, "type"),
    "error.validationErrorString": lambda x: _error(x, "validation"),
    "integrationErrorMessage": lambda x: x.backend.error or None,
    "integration.error": lambda x: x.backend.error or None,
    "integrationLatency": _integration_latency,
    "integration.latency": _integration_latency,
    "integration.integrationStatus": _backend,
    "integration.status": _backend,
    "integrationStatus": _backend,
    "integration.requestId": lambda x: x.backend.request_id or None,
    "awsEndpointRequestId": lambda x: x.backend.request_id or None,
    "authorizer.error": lambda x: x.authorizer_error or None,
    "isCanaryRequest": lambda x: ("true" if x.canary else "false") if x.stage.canary is not None else None,
    "responseOverride.status": lambda x: None,
}
