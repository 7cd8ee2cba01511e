"""An HTTP API as an OpenAPI 3 document, with the extensions from which `importing` makes it again."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from .model import DEFAULT, Authorizer, Cors, Integration, Route, Snapshot

_X: Final = "x-amazon-apigateway-"
_PARAMETER: Final = re.compile(r"\{([^{}+]+)\+?\}")


def write(snapshot: Snapshot, url: str, stage: str, extensions: bool) -> dict[str, Any]:
    """The document of an API as it was frozen. `url` is the API's address, `stage` the path of the server (empty for
    the root)."""
    api = snapshot.api
    created = datetime.fromtimestamp(api.created_ms / 1000, UTC)
    version = api.version or created.strftime("%Y-%m-%d %H:%M:%SZ")
    info = {"title": api.name, "version": version, **({"description": api.description} if api.description else {})}
    default = {"default": stage}
    document: dict[str, Any] = {
        "openapi": "3.0.1",
        "info": info,
        "servers": [{"url": f"{url}/{{basePath}}", "variables": {"basePath": default}}],
    }
    if api.tags:
        document["tags"] = [{"name": name, f"{_X}tag-value": value} for name, value in api.tags.items()]
    integrations = {found.id: found for found in snapshot.integrations}
    authorizers = {found.id: found for found in snapshot.authorizers}
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(snapshot.routes, key=lambda found: found.key):
        method, _, path = route.key.partition(" ")
        verb = f"{_X}any-method" if method in ("ANY", DEFAULT) else method.lower()
        integration = integrations.get(route.integration) if extensions else None
        paths.setdefault(path or f"/{DEFAULT}", {})[verb] = _operation(route, integration, authorizers)
    document["paths"] = paths
    schemes = {found.name: _scheme(found, extensions) for found in snapshot.authorizers}
    if any(route.authorization_type == "AWS_IAM" for route in snapshot.routes):
        schemes["sigv4"] = {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            f"{_X}authtype": "awsSigv4",
        }
    if schemes:
        document["components"] = {"securitySchemes": schemes}
    if extensions:
        if api.cors is not None:
            document[f"{_X}cors"] = _cors(api.cors)
        document[f"{_X}importexport-version"] = "1.0"
    return document


def _operation(route: Route, integration: Integration | None, authorizers: dict[str, Authorizer]) -> dict[str, Any]:
    operation: dict[str, Any] = {}
    if route.operation_name:
        operation["operationId"] = route.operation_name
    names = _PARAMETER.findall(route.key)
    if names:
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    operation["responses"] = {"default": {"description": f"Default response for {route.key}"}}
    authorizer = authorizers.get(route.authorizer or "")
    if route.authorization_type == "AWS_IAM":
        operation["security"] = [{"sigv4": []}]
    elif authorizer is not None:
        operation["security"] = [{authorizer.name: list(route.scopes)}]
    if route.key == DEFAULT:
        operation["isDefaultRoute"] = True
    if integration is not None:
        operation[f"{_X}integration"] = _integration(integration)
    return operation


def _integration(found: Integration) -> dict[str, Any]:
    made: dict[str, Any] = {
        "payloadFormatVersion": found.payload_format,
        "type": found.type.lower(),
        "httpMethod": found.method,
        "uri": found.uri,
        "integrationSubtype": found.subtype,
        "connectionType": found.connection_type,
        "connectionId": found.connection_id,
        "credentials": found.credentials,
        "requestParameters": found.request_parameters,
        "responseParameters": found.response_parameters,
        "timeoutInMillis": found.timeout_ms if found.timeout_ms != 30_000 else None,
        "tlsConfig": {"serverNameToVerify": found.tls_server_name} if found.tls_server_name else None,
    }
    return {name: value for name, value in made.items() if value is not None}


def _scheme(found: Authorizer, extensions: bool) -> dict[str, Any]:
    jwt = found.type == "JWT"
    scheme: dict[str, Any] = {"type": "oauth2", "flows": {}} if jwt else {"type": "apiKey"}
    if not jwt:
        scheme.update({"name": "Authorization", "in": "header"})
    if not extensions:
        return scheme
    made: dict[str, Any] = {
        "type": found.type.lower(),
        "identitySource": ",".join(found.identity_source) or None,
        "authorizerUri": found.uri,
        "authorizerCredentials": found.credentials,
        "authorizerPayloadFormatVersion": found.payload_format,
        "authorizerResultTtlInSeconds": found.ttl_s,
        "enableSimpleResponses": found.simple_responses,
    }
    if jwt:
        made["jwtConfiguration"] = {"audience": list(found.audience or ()), "issuer": found.issuer}
    scheme[f"{_X}authorizer"] = {name: value for name, value in made.items() if value is not None}
    return scheme


def _cors(cors: Cors) -> dict[str, Any]:
    made: dict[str, Any] = {
        "allowMethods": cors.allow_methods,
        "allowHeaders": cors.allow_headers,
        "exposeHeaders": cors.expose_headers,
        "maxAge": cors.max_age_s,
        "allowCredentials": cors.allow_credentials,
        "allowOrigins": cors.allow_origins,
    }
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in made.items() if value is not None
    }
