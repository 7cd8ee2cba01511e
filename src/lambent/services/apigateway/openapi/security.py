"""Security schemes to authorizers, and what a method's `security` asks for; and back."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..model import Authorizer, Method
from .document import mapping, objects, texts, whole

AUTHORIZER: Final = "x-amazon-apigateway-authorizer"
AUTH_TYPE: Final = "x-amazon-apigateway-authtype"
AUTH: Final = "x-amazon-apigateway-auth"
_SIGV4: Final = "awsSigv4"
_HEADER: Final = "method.request.header."


class Required(msgspec.Struct, frozen=True):
    """What a method asks of a caller: an authorization type, an authorizer by name, scopes, an API key."""

    authorization: str = "NONE"
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()
    api_key: bool = False


def authorizer(name: str, scheme: dict[str, Any]) -> Authorizer | None:
    """The authorizer of a security scheme; None when it has none. Its id is given when it is stored."""
    given = mapping(scheme.get(AUTHORIZER))
    if not given:
        return None
    kind = str(given.get("type", "token")).upper()
    source = given.get("identitySource")
    if source is None and kind != "REQUEST":
        source = _HEADER + str(scheme.get("name", "Authorization"))
    default = "cognito_user_pools" if kind == "COGNITO_USER_POOLS" else "custom"
    return Authorizer(
        id="",
        name=name,
        type=kind,
        provider_arns=texts(given.get("providerARNs")),
        auth_type=str(scheme.get(AUTH_TYPE, default)),
        uri=_text(given.get("authorizerUri")),
        credentials=_text(given.get("authorizerCredentials")),
        identity_source=None if source is None else ",".join(one.strip() for one in str(source).split(",")),
        identity_validation=_text(given.get("identityValidationExpression")),
        ttl_s=whole(given.get("authorizerResultTtlInSeconds"), None),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def required(security: Any, extension: Any, schemes: dict[str, Any]) -> Required:
    """What `security` (a list of requirements) asks for, by the document's schemes. `extension` is the value of
    `x-amazon-apigateway-auth`, which SAM writes; it decides only when no scheme does."""
    found = Required()
    for requirement in objects(security):
        for name, scopes in requirement.items():
            found = _with(found, name, texts(scopes), mapping(schemes.get(name)))
    kind = str(mapping(extension).get("type", "")).upper()
    if kind == "AWS_IAM" and found.authorization == "NONE":
        found = msgspec.structs.replace(found, authorization="AWS_IAM")
    return found


def _with(found: Required, name: str, scopes: tuple[str, ...], scheme: dict[str, Any]) -> Required:
    made = authorizer(name, scheme)
    if made is not None:
        kind = "COGNITO_USER_POOLS" if made.type == "COGNITO_USER_POOLS" else "CUSTOM"
        return Required(kind, name, scopes, found.api_key)
    if scheme.get(AUTH_TYPE) == _SIGV4:
        return Required("AWS_IAM", None, (), found.api_key)
    if scheme.get("type") == "apiKey" and str(scheme.get("name", "")).lower() == "x-api-key":
        return msgspec.structs.replace(found, api_key=True)
    return found


def schemes_of(methods: list[Method], authorizers: dict[str, Authorizer], extended: bool) -> dict[str, Any]:
    """The security schemes that methods need, by name; with Amazon's extensions when `extended`."""
    found: dict[str, Any] = {}
    for method in methods:
        if method.api_key_required:
            found["api_key"] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
        if method.authorization == "AWS_IAM":
            found["sigv4"] = {"type": "apiKey", "name": "Authorization", "in": "header", AUTH_TYPE: _SIGV4}
        used = authorizers.get(method.authorizer_id or "")
        if used is not None:
            found[used.name] = _scheme(used, extended)
    return dict(sorted(found.items()))


def _scheme(used: Authorizer, extended: bool) -> dict[str, Any]:
    source = used.identity_source or ""
    name = source.removeprefix(_HEADER) if source.startswith(_HEADER) and "," not in source else "Unused"
    scheme: dict[str, Any] = {"type": "apiKey", "name": name, "in": "header"}
    if not extended:
        return scheme
    scheme[AUTH_TYPE] = used.auth_type or "custom"
    written = {
        "type": used.type.lower(),
        "authorizerUri": used.uri,
        "authorizerCredentials": used.credentials,
        "authorizerResultTtlInSeconds": used.ttl_s,
        "identityValidationExpression": used.identity_validation,
        "identitySource": used.identity_source if used.type == "REQUEST" else None,
        "providerARNs": list(used.provider_arns) or None,
    }
    scheme[AUTHORIZER] = {key: value for key, value in written.items() if value is not None}
    return scheme


def security_of(method: Method, authorizers: dict[str, Authorizer]) -> list[dict[str, list[str]]]:
    """The requirements of a method, as a document has them."""
    found: list[dict[str, list[str]]] = []
    used = authorizers.get(method.authorizer_id or "")
    if used is not None:
        found.append({used.name: list(method.scopes)})
    if method.authorization == "AWS_IAM":
        found.append({"sigv4": []})
    if method.api_key_required:
        found.append({"api_key": []})
    return found
