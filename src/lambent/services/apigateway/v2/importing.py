"""OpenAPI 3 documents to what an HTTP API is made of: routes, integrations, authorizers, CORS, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from ..openapi import reading
from ..openapi.document import Unreadable, load, mapping, objects, resolve, texts
from .errors import BadRequestException
from .model import DEFAULT, Authorizer, Cors, Integration, Route

_X: Final = "x-amazon-apigateway-"
_PREFIX_CHARACTERS_MAX: Final = 512
_VERBS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
_ANY: Final = f"{_X}any-method"
_INTEGRATION_TYPES: Final = ("AWS_PROXY", "HTTP_PROXY")


class Imported(msgspec.Struct, kw_only=True):
    """A document, read. `routes` name their integration and authorizer by their ids."""

    name: str
    description: str | None = None
    version: str | None = None
    cors: Cors | None = None
    execute_api_disabled: bool | None = None
    tags: dict[str, str] = {}
    routes: list[Route] = []
    integrations: list[Integration] = []
    authorizers: dict[str, Authorizer] = {}
    warnings: list[str] = []


def document_of(body: bytes) -> dict[str, Any]:
    """The document in a text; `BadRequestException` when there is none."""
    try:
        return load(body)
    except Unreadable:
        raise BadRequestException("Invalid OpenAPI input.") from None


def read(body: str, base_path: str, new_id: Callable[[int], str]) -> Imported:
    """Read a document's text, as `read_document` does."""
    return read_document(document_of(body.encode()), base_path, new_id)


def read_document(document: dict[str, Any], base_path: str, new_id: Callable[[int], str]) -> Imported:
    """What a document says; `BadRequestException` when it cannot be imported. `new_id(length)` makes ids."""
    if not str(document.get("openapi", "")).startswith("3."):
        raise BadRequestException("HTTP APIs only support OpenAPI 3.0 documents.")
    return _Reader(document, new_id).read(base_path)


class _Reader:
    """One document on its way to records."""

    def __init__(self, document: dict[str, Any], new_id: Callable[[int], str]) -> None:
        self._document = document
        self._new_id = new_id
        self._shared: dict[str, Integration] = {}
        self._schemes = mapping(mapping(document.get("components")).get("securitySchemes"))
        info = mapping(document.get("info"))
        self._made = Imported(
            name=str(info.get("title") or ""),
            description=_text(info.get("description")),
            version=_text(info.get("version")),
        )

    def read(self, base_path: str) -> Imported:
        """The whole document."""
        made, document = self._made, self._document
        if not made.name:
            raise BadRequestException("The OpenAPI document has no title.")
        cors = document.get(f"{_X}cors")
        made.cors = _cors(cors) if isinstance(cors, dict) else None
        endpoint = mapping(document.get(f"{_X}endpoint-configuration"))
        for server in objects(document.get("servers")):
            endpoint = {**mapping(server.get(f"{_X}endpoint-configuration")), **endpoint}
        if isinstance(endpoint.get("disableExecuteApiEndpoint"), bool):
            made.execute_api_disabled = endpoint["disableExecuteApiEndpoint"]
        for tag in objects(document.get("tags")):
            value = tag.get(f"{_X}tag-value")
            if value is not None:
                made.tags[str(tag.get("name"))] = str(value)
        prefix = self._prefix(base_path)
        for key, operation in self._operations(prefix):
            made.routes.append(self._route(key, operation))
        return made

    def _prefix(self, base_path: str) -> str:
        if base_path not in ("prepend", "split"):
            return ""
        try:
            path = reading.base_path(self._document)
        except reading.ImportFailed as failed:
            raise BadRequestException(str(failed)) from None
        if base_path == "split":
            path = path.partition("/")[2]
        if len(path) > _PREFIX_CHARACTERS_MAX:
            raise BadRequestException("The base path of the OpenAPI document is too long.")
        return f"/{path}" if path else ""

    def _operations(self, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for path, given in mapping(self._document.get("paths")).items():
            item = mapping(resolve(self._document, given))
            for verb, operation in item.items():
                if verb not in (*_VERBS, _ANY) or not isinstance(operation, dict):
                    continue
                if path.strip("/") == DEFAULT or operation.get("isDefaultRoute") is True:
                    yield DEFAULT, operation
                    continue
                method = "ANY" if verb == _ANY else verb.upper()
                whole = f"{prefix}{path}" if not prefix or path != "/" else prefix
                yield f"{method} {whole}", operation

    def _route(self, key: str, operation: dict[str, Any]) -> Route:
        route = Route(id=self._new_id(7), key=key, operation_name=_text(operation.get("operationId")))
        given = operation.get(f"{_X}integration")
        if given is not None:
            integration = self._integration(given)
            route = msgspec.structs.replace(route, target=f"integrations/{integration.id}")
        else:
            self._made.warnings.append(f"The route {key} has no integration.")
        own = mapping(operation.get(f"{_X}auth")).get("type")
        if own is not None:
            return msgspec.structs.replace(route, authorization_type=str(own).upper())
        security = operation.get("security", self._document.get("security"))
        return self._secured(route, objects(security))

    def _integration(self, given: Any) -> Integration:
        reference = given.get("$ref") if isinstance(given, dict) else None
        if isinstance(reference, str) and reference in self._shared:
            return self._shared[reference]
        found = resolve(self._document, given)
        if not isinstance(found, dict):
            raise BadRequestException(f"Unable to resolve the integration {reference}")
        made = _integration(found, self._new_id(7))
        self._made.integrations.append(made)
        if isinstance(reference, str):
            self._shared[reference] = made
        return made

    def _secured(self, route: Route, security: list[dict[str, Any]]) -> Route:
        """The route with the first of its security requirements that means something here."""
        for requirement in security:
            for name, scopes in requirement.items():
                scheme = mapping(resolve(self._document, self._schemes.get(name)))
                if str(scheme.get(f"{_X}authtype", "")).lower() == "awssigv4":
                    return msgspec.structs.replace(route, authorization_type="AWS_IAM")
                authorizer = self._authorizer(name, scheme)
                if authorizer is None:
                    self._made.warnings.append(f"The security scheme {name} has no authorizer and is ignored.")
                    continue
                jwt = authorizer.type == "JWT"
                return msgspec.structs.replace(
                    route,
                    authorization_type="JWT" if jwt else "CUSTOM",
                    authorizer=authorizer.id,
                    scopes=texts(scopes) if jwt else (),
                )
        return route

    def _authorizer(self, name: str, scheme: dict[str, Any]) -> Authorizer | None:
        known = self._made.authorizers.get(name)
        given = scheme.get(f"{_X}authorizer")
        if known is not None or not isinstance(given, dict):
            return known
        source = given.get("identitySource", ())
        sources = source.split(",") if isinstance(source, str) else texts(source)
        jwt = mapping(given.get("jwtConfiguration"))
        ttl = given.get("authorizerResultTtlInSeconds")
        simple = given.get("enableSimpleResponses")
        made = Authorizer(
            id=self._new_id(6),
            name=name,
            type=str(given.get("type", "")).upper(),
            identity_source=tuple(part.strip() for part in sources if part.strip()),
            credentials=_text(given.get("authorizerCredentials")),
            payload_format=_text(given.get("authorizerPayloadFormatVersion")),
            ttl_s=_number(ttl),
            uri=_text(given.get("authorizerUri")),
            simple_responses=simple if isinstance(simple, bool) else None,
            issuer=_text(jwt.get("issuer")),
            audience=texts(jwt.get("audience")) or None,
        )
        self._made.authorizers[name] = made
        return made


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> int | None:
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise BadRequestException(f"{str(value)[:100]} is not a number") from None


def _map(value: Any) -> dict[str, str] | None:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else None


def _integration(given: dict[str, Any], id: str) -> Integration:
    kind = str(given.get("type", "")).upper()
    if kind not in _INTEGRATION_TYPES:
        raise BadRequestException(f"Integration type {kind} is not supported for HTTP APIs")
    responses = given.get("responseParameters")
    subtype = _text(given.get("integrationSubtype"))
    payload = _text(given.get("payloadFormatVersion"))
    timeout = _number(given.get("timeoutInMillis"))
    return Integration(
        id=id,
        type=kind,
        uri=_text(given.get("uri")),
        method=_method(given, kind, subtype),
        subtype=subtype,
        connection_type=str(given.get("connectionType") or "INTERNET").upper(),
        connection_id=_text(given.get("connectionId")),
        credentials=_text(given.get("credentials")),
        payload_format=payload or "1.0",
        request_parameters=_map(given.get("requestParameters")),
        response_parameters={str(status): _map(found) or {} for status, found in responses.items()}
        if isinstance(responses, dict)
        else None,
        timeout_ms=30_000 if timeout is None else timeout,
        tls_server_name=_text(mapping(given.get("tlsConfig")).get("serverNameToVerify")),
    )


def _method(given: dict[str, Any], kind: str, subtype: str | None) -> str | None:
    method = _text(given.get("httpMethod"))
    if method is not None:
        return "ANY" if method.lower() in ("any", _ANY) else method.upper()
    return "POST" if kind == "AWS_PROXY" and subtype is None else None


def _cors(given: dict[str, Any]) -> Cors:
    def several(name: str) -> tuple[str, ...] | None:
        value = given.get(name)
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(","))
        return texts(value) if isinstance(value, list) else None

    age = _number(given.get("maxAge"))
    credentials = given.get("allowCredentials")
    return Cors(
        allow_credentials=credentials if isinstance(credentials, bool) else None,
        allow_headers=several("allowHeaders"),
        allow_methods=several("allowMethods"),
        allow_origins=several("allowOrigins"),
        expose_headers=several("exposeHeaders"),
        max_age_s=age,
    )
