"""`x-amazon-apigateway-integration` to an `Integration`, and back."""

from __future__ import annotations

import json
from typing import Any, Final

from ..model import Integration, IntegrationResponse
from .document import mapping, texts, whole

INTEGRATION: Final = "x-amazon-apigateway-integration"
TIMEOUT_MS: Final = 29_000
_TYPES: Final = {"HTTP": "HTTP", "AWS": "AWS", "MOCK": "MOCK", "HTTP_PROXY": "HTTP_PROXY", "AWS_PROXY": "AWS_PROXY"}


class Malformed(Exception):
    """An integration cannot be; the text says why."""


def read(given: dict[str, Any], where: str, warnings: list[str]) -> Integration:
    """The integration of a method; `where` is `of resource '/a' and method 'GET'`, for warnings. `Malformed` when it
    cannot be."""
    kind = _TYPES.get(str(given.get("type", "")).upper().replace("-", "_"))
    if kind is None:
        raise Malformed("Enumeration value for IntegrationType must be non-empty")
    method = _text(given.get("httpMethod"))
    connection = _upper(given.get("connectionType"))
    if connection is None and kind in ("HTTP", "HTTP_PROXY"):
        connection = "INTERNET"
    return Integration(
        type=kind,
        http_method=method.upper() if method else None,
        uri=_text(given.get("uri")),
        connection_type=connection,
        connection_id=_text(given.get("connectionId")),
        credentials=_text(given.get("credentials")),
        parameters=_strings(given, "requestParameters", where, warnings),
        templates=_templates(given.get("requestTemplates")),
        passthrough=_upper(given.get("passthroughBehavior")) or "WHEN_NO_MATCH",
        content_handling=_upper(given.get("contentHandling")),
        timeout_ms=whole(given.get("timeoutInMillis"), TIMEOUT_MS),
        cache_namespace=_text(given.get("cacheNamespace")),
        cache_key_parameters=texts(given.get("cacheKeyParameters")),
        tls_insecure=_flag(mapping(given.get("tlsConfig")).get("insecureSkipVerification")),
        response_transfer_mode=_upper(given.get("responseTransferMode")) or "BUFFERED",
        integration_target=_text(given.get("integrationTarget")),
        responses=_responses(given.get("responses"), where, warnings),
    )


def _responses(given: Any, where: str, warnings: list[str]) -> dict[str, IntegrationResponse]:
    found: dict[str, IntegrationResponse] = {}
    for pattern, response in mapping(given).items():
        one = mapping(response)
        status = str(one.get("statusCode", pattern))
        found[status] = IntegrationResponse(
            status_code=status,
            selection_pattern=None if pattern == "default" else str(pattern),
            parameters=_strings(one, "responseParameters", where, warnings),
            templates=_templates(one.get("responseTemplates")),
            content_handling=_upper(one.get("contentHandling")),
        )
    return dict(sorted(found.items()))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _upper(value: Any) -> str | None:
    return None if value is None else str(value).upper()


def _flag(value: Any) -> bool | None:
    return None if value is None else str(value).lower() == "true"


def _strings(given: dict[str, Any], name: str, where: str, warnings: list[str]) -> dict[str, str]:
    """Parameters whose expressions are texts; others are left out with AWS's warning."""
    found = {}
    for key, value in mapping(given.get(name)).items():
        if isinstance(value, str):
            found[key] = value
        else:
            warnings.append(
                f"Invalid format for '{name}'. Expected type string for property '{key}' {where} "
                f"but got '{json.dumps(value)}'"
            )
    return found


def _templates(given: Any) -> dict[str, str | None]:
    """Templates by content type; one that is written as an object is its JSON text."""
    return {
        str(key): value if isinstance(value, str) else json.dumps(value) if value is not None else ""
        for key, value in mapping(given).items()
    }


def write(integration: Integration, resource: str) -> dict[str, Any]:
    """The extension of an integration of the resource with the id `resource`, without what is the default."""
    namespace = integration.cache_namespace
    transfer = integration.response_transfer_mode
    written: dict[str, Any] = {
        "type": integration.type.lower(),
        "httpMethod": integration.http_method,
        "uri": integration.uri,
        "connectionType": integration.connection_type if integration.connection_type == "VPC_LINK" else None,
        "connectionId": integration.connection_id,
        "credentials": integration.credentials,
        "cacheNamespace": namespace if namespace != resource else None,
        "cacheKeyParameters": list(integration.cache_key_parameters) or None,
        "responses": _written_responses(integration) or None,
        "requestParameters": integration.parameters or None,
        "requestTemplates": integration.templates or None,
        "passthroughBehavior": integration.passthrough.lower(),
        "timeoutInMillis": integration.timeout_ms if integration.timeout_ms != TIMEOUT_MS else None,
        "contentHandling": integration.content_handling,
        "tlsConfig": None
        if integration.tls_insecure is None
        else {"insecureSkipVerification": integration.tls_insecure},
        "responseTransferMode": transfer if transfer != "BUFFERED" else None,
        "integrationTarget": integration.integration_target,
    }
    return {key: value for key, value in written.items() if value is not None}


def _written_responses(integration: Integration) -> dict[str, Any]:
    found = {}
    for response in integration.responses.values():
        written = {
            "statusCode": response.status_code,
            "responseParameters": response.parameters or None,
            "responseTemplates": response.templates or None,
            "contentHandling": response.content_handling,
        }
        found[response.selection_pattern or "default"] = {k: v for k, v in written.items() if v is not None}
    return found
