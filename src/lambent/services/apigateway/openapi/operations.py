"""An operation of a path to a `Method`."""

from __future__ import annotations

import re
from typing import Any, Final

from ..model import Method, MethodResponse
from . import integrations, schemas, security
from .document import is_v3, mapping, objects, resolve, texts
from .integrations import INTEGRATION, Malformed

VERBS: Final = ("get", "put", "post", "delete", "options", "head", "patch")
ANY: Final = "x-amazon-apigateway-any-method"
VALIDATOR: Final = "x-amazon-apigateway-request-validator"
_PLACES: Final = {"path": "path", "query": "querystring", "header": "header"}
_STATUS: Final = re.compile(r"^[1-5]\d\d$")


class Reading:
    """What reading a document gathers: models that are written out in place, warnings and errors. `api` is the id of
    the API that the models' references will name."""

    def __init__(self, document: dict[str, Any], api: str) -> None:
        self.document = document
        self.api = api
        self.v3 = is_v3(document)
        components = mapping(document.get("components"))
        self.schemas = mapping(components.get("schemas") if self.v3 else document.get("definitions"))
        self.schemes = mapping(components.get("securitySchemes") if self.v3 else document.get("securityDefinitions"))
        self.models = {name: schemas.model(name, schema, api) for name, schema in self.schemas.items()}
        self.warnings: list[str] = []
        self.errors: list[str] = []

    def resolve(self, value: Any) -> dict[str, Any]:
        """A part of the document, its reference followed; an empty object where there is none."""
        return mapping(resolve(self.document, value))

    def model(self, schema: Any) -> str | None:
        """The name of the model of a schema, made when the schema is written out; None when there is no schema."""
        if not isinstance(schema, dict) or not schema:
            return None
        name = schemas.referred(schema)
        if name is None:
            name = schemas.generated_name(schema)
            self.models.setdefault(name, schemas.model(name, schema, self.api))
        return name


def methods(reading: Reading, path: str, item: dict[str, Any]) -> dict[str, Method]:
    """The methods of a path, by verb. Authorizers and validators are named, not yet known by id."""
    found = {}
    for key in (*VERBS, ANY):
        if isinstance(item.get(key), dict):
            verb = "ANY" if key == ANY else key.upper()
            found[verb] = _method(reading, path, verb, item, item[key])
    return found


def _method(reading: Reading, path: str, verb: str, item: dict[str, Any], operation: dict[str, Any]) -> Method:
    document = reading.document
    parameters = _merged(reading, item.get("parameters"), operation.get("parameters"))
    asked = security.required(
        operation.get("security", document.get("security")),
        operation.get(security.AUTH, document.get(security.AUTH)),
        reading.schemes,
    )
    validator = operation.get(VALIDATOR, document.get(VALIDATOR))
    name = operation.get("operationId")
    return Method(
        http_method=verb,
        authorization=asked.authorization,
        authorizer_id=asked.authorizer,
        scopes=asked.scopes,
        api_key_required=asked.api_key,
        validator_id=str(validator) if validator is not None else None,
        operation_name=str(name) if name is not None else None,
        parameters=_declared(parameters) or None,
        models=_request_models(reading, operation, parameters) or None,
        responses=_responses(reading, operation),
        integration=_integration(reading, path, verb, operation),
    )


def _merged(reading: Reading, *lists: Any) -> list[dict[str, Any]]:
    """Parameters of a path and of an operation, which come later and win."""
    found = {}
    for given in lists:
        for item in objects(given):
            one = reading.resolve(item)
            found[str(one.get("in")), str(one.get("name"))] = one
    return list(found.values())


def _declared(parameters: list[dict[str, Any]]) -> dict[str, bool]:
    found = {}
    for one in parameters:
        place = _PLACES.get(str(one.get("in")))
        if place is not None and one.get("name"):
            found[f"method.request.{place}.{one['name']}"] = place == "path" or one.get("required") is True
    return found


def _types(reading: Reading, operation: dict[str, Any], name: str) -> tuple[str, ...]:
    """The content types of a Swagger 2 operation: `consumes` or `produces`."""
    return texts(operation.get(name, reading.document.get(name))) or (schemas.JSON,)


def _request_models(reading: Reading, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> dict[str, str]:
    if reading.v3:
        return _content(reading, reading.resolve(operation.get("requestBody")).get("content"))
    for one in parameters:
        name = reading.model(one.get("schema")) if one.get("in") == "body" else None
        if name is not None:
            return dict.fromkeys(_types(reading, operation, "consumes"), name)
    return {}


def _content(reading: Reading, content: Any) -> dict[str, str]:
    """Models by content type of an OpenAPI 3 `content`."""
    found = {}
    for kind, value in mapping(content).items():
        name = reading.model(mapping(value).get("schema"))
        if name is not None:
            found[kind] = name
    return found


def _responses(reading: Reading, operation: dict[str, Any]) -> dict[str, MethodResponse]:
    found = {}
    for status, given in mapping(operation.get("responses")).items():
        # A method response has a status; `default` and `4XX` describe none that API Gateway could send.
        if not _STATUS.match(str(status)):
            continue
        response = reading.resolve(given)
        headers = {f"method.response.header.{name}": False for name in mapping(response.get("headers"))}
        if reading.v3:
            models = _content(reading, response.get("content"))
        else:
            name = reading.model(response.get("schema"))
            models = dict.fromkeys(_types(reading, operation, "produces"), name) if name is not None else {}
        found[str(status)] = MethodResponse(status_code=str(status), parameters=headers or None, models=models or None)
    return dict(sorted(found.items()))


def _integration(reading: Reading, path: str, verb: str, operation: dict[str, Any]) -> Any:
    if INTEGRATION not in operation:
        return None
    where = f"of resource '{path}' and method '{verb}'"
    try:
        return integrations.read(reading.resolve(operation[INTEGRATION]), where, reading.warnings)
    except Malformed as malformed:
        reading.errors.append(f"Unable to put integration on '{verb}' for resource at path '{path}': {malformed}")
        return None
