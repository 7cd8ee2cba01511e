"""A snapshot of an API to a document: OpenAPI 3.0.1 or Swagger 2.0."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec
import orjson

from ..model import DocumentationPart, Method, MethodResponse, Resource, Snapshot
from . import integrations, schemas, security
from .integrations import INTEGRATION
from .operations import ANY, VALIDATOR

Kind = Literal["oas30", "swagger"]
_X: Final = "x-amazon-apigateway-"
_PLACES: Final = {"path": "path", "querystring": "query", "header": "header"}


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What to write. `version` is the document's (the API's own, or the deployment's date), `url` the host and path of
    the stage without its name. `integrations`, `authorizers` and `gateway` say which of Amazon's extensions are
    written; `parts` is the documentation of a version, None to leave it out."""

    kind: Kind
    version: str
    scheme: str
    host: str
    stage: str
    integrations: bool = False
    authorizers: bool = False
    gateway: bool = False
    parts: tuple[DocumentationPart, ...] | None = None
    documentation_version: str = ""


def write(snapshot: Snapshot, export: Export) -> dict[str, Any]:
    """The document of an API."""
    v3 = export.kind == "oas30"
    api = snapshot.api
    info = {"title": api.name, "description": api.description, "version": export.version}
    document: dict[str, Any] = {"openapi": "3.0.1"} if v3 else {"swagger": "2.0"}
    document["info"] = {key: value for key, value in info.items() if value is not None}
    if v3:
        base = {"default": export.stage}
        document["servers"] = [
            {"url": f"{export.scheme}://{export.host}/{{basePath}}", "variables": {"basePath": base}}
        ]
    else:
        document |= {"host": export.host, "basePath": f"/{export.stage}", "schemes": [export.scheme]}
    document["paths"] = _paths(snapshot, export)
    methods = [method for resource in snapshot.resources for method in resource.methods.values()]
    schemes = security.schemes_of(methods, snapshot.authorizers, export.authorizers)
    prefix = "#/components/schemas/" if v3 else "#/definitions/"
    models = {name: _schema(snapshot.models[name].schema, prefix) for name in sorted(_used(snapshot, methods))}
    parts = {
        ("schemas" if v3 else "definitions"): models,
        ("securitySchemes" if v3 else "securityDefinitions"): schemes,
    }
    named = {key: value for key, value in parts.items() if value}
    if v3:
        document["components"] = named
    else:
        document |= named
    return document | _extensions(snapshot, export)


def _schema(text: str, prefix: str) -> Any:
    try:
        return schemas.inward(orjson.loads(text), prefix)
    except ValueError:
        return {"type": "object"}


def _used(snapshot: Snapshot, methods: list[Method]) -> set[str]:
    """The names of the models that methods use, and of those which they refer to."""
    pending = [
        name
        for method in methods
        for models in (method.models, *(response.models for response in method.responses.values()))
        for name in (models or {}).values()
    ]
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name in found or name not in snapshot.models:
            continue
        found.add(name)
        text = snapshot.models[name].schema
        pending.extend(other for other in snapshot.models if f'/models/{other}"' in text)
    return found


def _paths(snapshot: Snapshot, export: Export) -> dict[str, Any]:
    found = {}
    for resource in sorted(snapshot.resources, key=lambda resource: resource.path):
        if resource.methods:
            found[resource.path] = {
                ANY if verb == "ANY" else verb.lower(): _operation(snapshot, export, resource, method)
                for verb, method in sorted(resource.methods.items())
            }
    return found


def _operation(snapshot: Snapshot, export: Export, resource: Resource, method: Method) -> dict[str, Any]:
    v3 = export.kind == "oas30"
    found: dict[str, Any] = {}
    if method.operation_name is not None:
        found["operationId"] = method.operation_name
    parameters = _parameters(method, v3)
    if not v3:
        if method.models:
            found["consumes"] = list(method.models)
        found["produces"] = _produced(method) or [schemas.JSON]
        parameters += _body_parameter(method)
    elif method.models:
        found["requestBody"] = {"content": _content(method.models), "required": True}
    if parameters:
        found["parameters"] = parameters
    found["responses"] = {status: _response(one, v3) for status, one in sorted(method.responses.items())}
    asked = security.security_of(method, snapshot.authorizers)
    if asked:
        found["security"] = asked
    validator = snapshot.validators.get(method.validator_id or "")
    if export.gateway and validator is not None:
        found[VALIDATOR] = validator.name
    if export.integrations and method.integration is not None:
        found[INTEGRATION] = integrations.write(method.integration, resource.id)
    return found


def _parameters(method: Method, v3: bool) -> list[dict[str, Any]]:
    found = []
    for expression, required in (method.parameters or {}).items():
        _, _, place, name = expression.split(".", 3)
        if place not in _PLACES:
            continue
        one: dict[str, Any] = {"name": name, "in": _PLACES[place]}
        if required or place == "path":
            one["required"] = True
        elif not v3:
            one["required"] = False
        found.append(one | ({"schema": {"type": "string"}} if v3 else {"type": "string"}))
    return found


def _body_parameter(method: Method) -> list[dict[str, Any]]:
    for name in (method.models or {}).values():
        return [{"in": "body", "name": name, "required": True, "schema": {"$ref": f"#/definitions/{name}"}}]
    return []


def _produced(method: Method) -> list[str]:
    return sorted({kind for response in method.responses.values() for kind in response.models or {}})


def _content(models: dict[str, str]) -> dict[str, Any]:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}} for kind, name in models.items()}


def _response(response: MethodResponse, v3: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"description": f"{response.status_code} response"}
    prefix = "method.response.header."
    names = [name.removeprefix(prefix) for name in response.parameters or {}]
    if names:
        found["headers"] = {name: {"schema": {"type": "string"}} if v3 else {"type": "string"} for name in names}
    if v3:
        found["content"] = _content(response.models or {})
    else:
        for name in (response.models or {}).values():
            found["schema"] = {"$ref": f"#/definitions/{name}"}
    return found


def _extensions(snapshot: Snapshot, export: Export) -> dict[str, Any]:
    """What of Amazon's extensions stands at a document's root."""
    found: dict[str, Any] = {}
    api = snapshot.api
    if export.parts is not None:
        listed = [{"location": one.location, "properties": json.loads(one.properties)} for one in export.parts]
        found[_X + "documentation"] = {"version": export.documentation_version, "documentationParts": listed}
    if not export.gateway:
        return found
    if snapshot.gateway_responses:
        found[_X + "gateway-responses"] = {
            one.type: _gateway_response(one.status_code, one.parameters, one.templates)
            for one in snapshot.gateway_responses.values()
        }
    if snapshot.validators:
        found[_X + "request-validators"] = {
            one.name: {"validateRequestParameters": one.parameters, "validateRequestBody": one.body}
            for one in snapshot.validators.values()
        }
    if api.binary_media_types:
        found[_X + "binary-media-types"] = list(api.binary_media_types)
    if api.minimum_compression is not None:
        found[_X + "minimum-compression-size"] = api.minimum_compression
    if api.api_key_source != "HEADER":
        found[_X + "api-key-source"] = api.api_key_source
    if api.policy:
        found[_X + "policy"] = json.loads(api.policy)
    return found


def _gateway_response(status: str | None, parameters: dict[str, str], templates: dict[str, str]) -> dict[str, Any]:
    found = {"statusCode": status, "responseParameters": parameters or None, "responseTemplates": templates or None}
    return {key: value for key, value in found.items() if value is not None}
