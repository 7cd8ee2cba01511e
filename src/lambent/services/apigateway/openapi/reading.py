"""A whole document to what an API is made of."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from ..limits import RESOURCES_MAX, too_many
from ..model import Authorizer, DocumentationPart, GatewayResponse, Method, Model, Validator
from . import schemas, security
from .document import is_v3, mapping, objects, texts, whole
from .operations import Reading, methods

BasePath = Literal["ignore", "prepend", "split"]
PATH_CHARACTERS_MAX: Final = 8192
ERRORS_MAX: Final = 1000
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_VARIABLE_CHARACTERS_MAX: Final = 300
_X: Final = "x-amazon-apigateway-"
_PART: Final = re.compile(r"^(\{[A-Za-z0-9._:-]+\+?\}|[A-Za-z0-9._:-]+)$")
PART_RULE: Final = (
    "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning "
    "and the end."
)


class ImportFailed(Exception):
    """A document that can be read says something that cannot be; `errors` are AWS's sentences."""

    def __init__(self, errors: list[str], warnings: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors
        self.warnings = warnings


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says of the API itself. None: it says nothing."""

    api_key_source: str | None = None
    binary_media_types: tuple[str, ...] = ()
    minimum_compression: int | None = None
    policy: str | None = None
    vpc_endpoints: tuple[str, ...] | None = None
    ip_address_type: str | None = None
    disable_execute_api: bool | None = None
    tags: dict[str, str] = {}


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A document, read. `resources` are methods by verb by path, parents among them; methods name their authorizer and
    validator instead of having ids, and no record has an id yet."""

    name: str
    description: str | None
    version: str | None
    settings: Settings
    resources: dict[str, dict[str, Method]]
    authorizers: dict[str, Authorizer]
    validators: dict[str, Validator]
    models: dict[str, Model]
    gateway_responses: dict[str, GatewayResponse]
    parts: tuple[DocumentationPart, ...]
    documentation_version: str | None
    warnings: tuple[str, ...]


def read(document: dict[str, Any], api: str, base_path: BasePath = "ignore") -> Imported:
    """Read a loaded document for the API with the id `api`; `ImportFailed` when it cannot be imported."""
    reading = Reading(document, api)
    info = mapping(document.get("info"))
    resources = _resources(reading, _prefix(document, base_path))
    authorizers = {
        name: made
        for name, scheme in reading.schemes.items()
        if (made := security.authorizer(name, mapping(scheme))) is not None
    }
    validators = _validators(document)
    _check(reading, resources, validators)
    documentation = mapping(document.get(_X + "documentation"))
    version = documentation.get("version")
    if reading.errors:
        raise ImportFailed(reading.errors, reading.warnings)
    return Imported(
        name=str(info.get("title", "")),
        description=_text(info.get("description")),
        version=_text(info.get("version")),
        settings=_settings(document),
        resources=resources,
        authorizers=authorizers,
        validators=validators,
        models=dict(sorted(reading.models.items())),
        gateway_responses=_gateway_responses(document),
        parts=parts(documentation),
        documentation_version=_text(version),
        warnings=tuple(reading.warnings),
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def base_path(document: dict[str, Any]) -> str:
    """The path that a document says its paths lie below, without slashes at its ends."""
    if not is_v3(document):
        return str(document.get("basePath", "")).strip("/")
    servers = objects(document.get("servers"))
    if not servers:
        return ""
    variables = mapping(servers[0].get("variables"))

    def value(match: re.Match[str]) -> str:
        found = mapping(variables.get(match[1])).get("default", match[0])
        return str(found).strip("/")[:_VARIABLE_CHARACTERS_MAX]

    # Once: variables that stand in one another's values could make gigabytes of a line.
    url = _VARIABLE.sub(value, str(servers[0].get("url", ""))[:PATH_CHARACTERS_MAX])
    try:
        return urlsplit(url).path.strip("/")
    except ValueError:
        raise ImportFailed(["Invalid URL of a server specified"], []) from None


def _prefix(document: dict[str, Any], mode: BasePath) -> str:
    if mode == "ignore":
        return ""
    path = base_path(document)
    if mode == "split":
        path = path.partition("/")[2]
    return f"/{path}" if path else ""


def _resources(reading: Reading, prefix: str) -> dict[str, dict[str, Method]]:
    """Methods by path, with each path's parents before it."""
    found: dict[str, dict[str, Method]] = {"/": {}}
    for given, item in mapping(reading.document.get("paths")).items():
        if given.startswith("x-"):
            continue
        path = "/" + (prefix + "/" + given.strip("/")).strip("/")
        if len(path) > PATH_CHARACTERS_MAX:
            reading.errors.append(f"Unable to create resource at path '{path[:100]}...': the path is too long.")
        if len(reading.errors) > ERRORS_MAX:
            break  # each names a path, and there may be a million of them
        if len(path) > PATH_CHARACTERS_MAX or not _grow(reading, found, path):
            continue
        found[path] = {**found[path], **methods(reading, path, reading.resolve(item))}
    return found


def _grow(reading: Reading, found: dict[str, dict[str, Method]], path: str) -> bool:
    """Add a path and its parents; False, with an error noted, when a part of it cannot be. `LimitExceededException`
    when there are more than an API may have: each is as long as all above it together."""
    grown = ""
    for part in path.strip("/").split("/") if path != "/" else ():
        if not _PART.match(part):
            reading.errors.append(f"Unable to create resource at path '{path}': {PART_RULE}")
            return False
        grown += f"/{part}"
        found.setdefault(grown, {})
        if len(found) > RESOURCES_MAX:
            raise too_many("resources for this API", "resources")
    return True


def _check(reading: Reading, resources: dict[str, dict[str, Method]], validators: dict[str, Validator]) -> None:
    for name in reading.models:
        if not schemas.NAME.match(name):
            reading.errors.append(f"Unable to create model for '{name}': Model name must be alphanumeric: {name}")
    for path, methods_there in resources.items():
        for verb, method in methods_there.items():
            where = f"Unable to put method '{verb}' on resource at path '{path}': "
            if method.validator_id is not None and method.validator_id not in validators:
                reading.errors.append(where + "Invalid Request Validator identifier specified")
            responses = [response.models for response in method.responses.values()]
            for name in {name for models in (method.models, *responses) for name in (models or {}).values()}:
                if name not in reading.models:
                    reading.errors.append(f"{where}Invalid model identifier specified: {name}")


def _validators(document: dict[str, Any]) -> dict[str, Validator]:
    return {
        name: Validator(
            id="",
            name=name,
            body=mapping(given).get("validateRequestBody") is True,
            parameters=mapping(given).get("validateRequestParameters") is True,
        )
        for name, given in mapping(document.get(_X + "request-validators")).items()
    }


def _gateway_responses(document: dict[str, Any]) -> dict[str, GatewayResponse]:
    found = {}
    for kind, given in mapping(document.get(_X + "gateway-responses")).items():
        one = mapping(given)
        found[kind] = GatewayResponse(
            type=kind,
            status_code=_text(one.get("statusCode")),
            parameters={key: str(value) for key, value in mapping(one.get("responseParameters")).items()},
            templates={key: str(value) for key, value in mapping(one.get("responseTemplates")).items()},
        )
    return found


def _settings(document: dict[str, Any]) -> Settings:
    servers = objects(document.get("servers"))
    endpoint = mapping(document.get(_X + "endpoint-configuration"))
    for server in servers:
        endpoint = {**endpoint, **mapping(server.get(_X + "endpoint-configuration"))}
    policy = document.get(_X + "policy")
    source = document.get(_X + "api-key-source")
    disabled = endpoint.get("disableExecuteApiEndpoint")
    return Settings(
        api_key_source=str(source).upper() if source is not None else None,
        binary_media_types=tuple(t.replace("~1", "/") for t in texts(document.get(_X + "binary-media-types"))),
        minimum_compression=whole(document.get(_X + "minimum-compression-size"), None),
        policy=(policy if isinstance(policy, str) else json.dumps(policy)) if policy else None,
        vpc_endpoints=texts(endpoint["vpcEndpointIds"]) if "vpcEndpointIds" in endpoint else None,
        ip_address_type=_text(endpoint.get("ipAddressType")),
        disable_execute_api=None if disabled is None else str(disabled).lower() == "true",
        tags={
            str(tag["name"]): str(tag[_X + "tag-value"])
            for tag in objects(document.get("tags"))
            if "name" in tag and _X + "tag-value" in tag
        },
    )


def parts(documentation: dict[str, Any]) -> tuple[DocumentationPart, ...]:
    """The parts of a value of `x-amazon-apigateway-documentation`; their ids are given when they are stored."""
    return tuple(
        DocumentationPart(
            id="",
            location={key: str(value) for key, value in mapping(one.get("location")).items()},
            properties=json.dumps(one.get("properties", {})),
        )
        for one in objects(documentation.get("documentationParts"))
    )
