"""`$context` of an HTTP API: what access logs, parameter mappings and identity sources read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import orjson

from .exchange import Exchange

Read = Callable[[Exchange], Any]


def _iam(name: str) -> Read:
    return lambda exchange: (exchange.authorizer or {}).get("iam", {}).get(name)


def _latency(exchange: Exchange) -> int | None:
    return round(exchange.backend.latency_ms) if exchange.backend.latency_ms >= 0 else None


_READ: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "accountId": lambda exchange: exchange.found.account,
        "apiId": lambda exchange: exchange.found.api,
        "authorizer.principalId": lambda exchange: exchange.principal_id or None,
        "authorizer.error": lambda exchange: exchange.authorizer_error or None,
        "awsEndpointRequestId": lambda exchange: exchange.backend.request_id or None,
        "customDomain.basePathMatched": lambda exchange: exchange.found.base_path or None,
        "domainName": lambda exchange: exchange.domain,
        "domainPrefix": lambda exchange: exchange.domain.partition(".")[0],
        "error.message": lambda exchange: exchange.error or None,
        "error.messageString": lambda exchange: orjson.dumps(exchange.error).decode() if exchange.error else None,
        "error.responseType": lambda exchange: _kind(exchange.error),
        "extendedRequestId": lambda exchange: exchange.request_id,
        "httpMethod": lambda exchange: exchange.request.method,
        "identity.accountId": _iam("accountId"),
        "identity.caller": _iam("callerId"),
        "identity.sourceIp": lambda exchange: exchange.request.peer,
        "identity.user": _iam("userId"),
        "identity.userAgent": lambda exchange: exchange.request.headers.get("user-agent"),
        "identity.userArn": _iam("userArn"),
        "path": lambda exchange: exchange.shown_path,
        "protocol": lambda exchange: "HTTP/1.1",
        "requestId": lambda exchange: exchange.request_id,
        "requestTime": lambda exchange: exchange.time,
        "requestTimeEpoch": lambda exchange: exchange.started_ns // 1_000_000_000,
        "routeKey": lambda exchange: exchange.step.key or None,
        "stage": lambda exchange: exchange.stage.name,
    }
)
_INTEGRATION: Final[Mapping[str, Read]] = MappingProxyType(
    {
        "error": lambda exchange: exchange.backend.error or None,
        "integrationStatus": lambda exchange: exchange.backend.status or None,
        "latency": _latency,
        "requestId": lambda exchange: exchange.backend.request_id or None,
        "status": lambda exchange: exchange.backend.status or None,
    }
)
NAMES: Final = (*_READ, *(f"integration.{name}" for name in _INTEGRATION))
"""The names of the variables that do not depend on an authorizer."""


def _kind(text: str) -> str | None:
    return text.upper().replace(" ", "_") or None


def variable(exchange: Exchange, name: str) -> str | None:
    """A variable by its name without `$context.`; None where there is no such thing, or it has no value here."""
    read = _READ.get(name)
    if read is not None:
        return _text(read(exchange))
    if name == "requestTimeISO8601":
        return exchange.iso_time
    if name.startswith("integration."):
        read = _INTEGRATION.get(name[12:])
        return _text(read(exchange)) if read is not None else None
    if name == "integrationLatency":
        return _text(_latency(exchange))
    if name in ("integrationStatus", "integrationErrorMessage"):
        value = exchange.backend.status if name == "integrationStatus" else exchange.backend.error
        return _text(value or None)
    if name.startswith("authorizer."):
        return _authorizer(exchange.authorizer or {}, name[11:])
    return None


def _authorizer(given: Mapping[str, Any], name: str) -> str | None:
    if name.startswith("claims."):
        return _text((given.get("jwt") or {}).get("claims", {}).get(name[7:]))
    return _text((given.get("lambda") or {}).get(name))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
