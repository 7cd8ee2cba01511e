"""Documents that were imported, or such as give what was answered, and what answers showed of them."""

from __future__ import annotations

from typing import Any, Final

from .building import MEDIA

ORIGIN: Final = "Access-Control-Allow-Origin"
ALLOWED: Final = "Content-Type,X-Amz-Date,Authorization,X-Api-Key"
TOKENS: Final = f"{ALLOWED},X-Amz-Security-Token"
REQUEST: Final = {MEDIA: '{"statusCode": 200}'}


def named(headers: dict[str, Any], place: str = "method.response.header.") -> dict[str, Any]:
    """Headers as parameters name them."""
    return {f"{place}{name}": value for name, value in headers.items()}


def cors(verbs: str, headers: str = TOKENS, origin: str = "*") -> dict[str, str]:
    """What an OPTIONS method sets."""
    return {
        "Access-Control-Allow-Headers": f"'{headers}'",
        "Access-Control-Allow-Methods": f"'{verbs}'",
        ORIGIN: f"'{origin}'",
    }


def response(headers: dict[str, str] | None, model: str, oas: bool) -> dict[str, Any]:
    """A response of an operation in a document."""
    made: dict[str, Any] = {"description": "200 response"}
    if headers:
        kind = {"schema": {"type": "string"}} if oas else {"type": "string"}
        made["headers"] = {name: dict(kind) for name in headers}
    if model and oas:
        made["content"] = {MEDIA: {"schema": {"$ref": f"#/components/schemas/{model}"}}}
    elif model:
        made["schema"] = {"$ref": f"#/definitions/{model}"}
    return made


def operation(
    integration: dict[str, Any],
    headers: dict[str, str] | None = None,
    *,
    model: str = "",
    templates: dict[str, str] | None = None,
    oas: bool = False,
    answers: bool = True,
    **more: Any,
) -> dict[str, Any]:
    """An operation in a document that answers 200 with headers, a model and templates."""
    default: dict[str, Any] = {"statusCode": "200"}
    if headers:
        default["responseParameters"] = named(headers)
    if templates:
        default["responseTemplates"] = templates
    whole = {**integration, **({"responses": {"default": default}} if answers else {})}
    responses = {"200": response(headers, model, oas)} if answers else {}
    produces = {} if oas else {"produces": [MEDIA]}
    return {"responses": responses, "x-amazon-apigateway-integration": whole, **produces, **more}


def mock(**more: Any) -> dict[str, Any]:
    """A mock in a document."""
    return {"type": "mock", "passthroughBehavior": "when_no_match", "requestTemplates": REQUEST, **more}


def http(uri: str, verb: str, **more: Any) -> dict[str, Any]:
    """A backend in a document."""
    return {"type": "http", "passthroughBehavior": "when_no_match", "httpMethod": verb, "uri": uri, **more}


def shown(
    verb: str,
    namespace: str,
    integration: dict[str, Any],
    headers: dict[str, str] | None = None,
    *,
    model: str = "",
    templates: dict[str, str | None] | None = None,
    answers: bool = True,
    **more: Any,
) -> dict[str, Any]:
    """The method that an operation becomes, as GetMethod shows it."""
    answer: dict[str, Any] = {"statusCode": "200"}
    declared: dict[str, Any] = {"statusCode": "200"}
    if headers:
        answer["responseParameters"] = named(headers)
        declared["responseParameters"] = named(dict.fromkeys(headers, False))
    if templates:
        answer["responseTemplates"] = templates
    if model:
        declared["responseModels"] = {MEDIA: model}
    found = {
        "cacheKeyParameters": [],
        "cacheNamespace": namespace,
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
        **({"requestTemplates": REQUEST} if integration["type"] == "MOCK" else {}),
        **({"connectionType": "INTERNET"} if integration["type"] == "HTTP" else {}),
        **integration,
        **({"integrationResponses": {"200": answer}} if answers else {}),
    }
    method = {"httpMethod": verb, "authorizationType": "NONE", "apiKeyRequired": False, "methodIntegration": found}
    return {**method, **({"methodResponses": {"200": declared}} if answers else {}), **more}


PETSTORE: Final = "http://petstore.execute-api.us-east-1.amazonaws.com/petstore/pets"
PAGE: Final = "<html>\n    <body>\n        <h1>Welcome to your Pet Store API</h1>\n    </body>\n</html>"
_STAR: Final = {ORIGIN: "'*'"}
_TEXTS: Final = {"type": "string"}
DESCRIPTION: Final = (
    "Your first API with Amazon API Gateway. This is a sample API that integrates via HTTP with our demo Pet Store "
    "endpoints"
)


def pets(authorized: bool) -> dict[str, Any]:
    """The pet store; with `authorized` its listing methods have an authorizer."""
    security = {"security": [{"test-authorizer": []}]} if authorized else {}
    number = {"type": "number"}
    key = "petid" if authorized else "id"
    of_pet = {"name": "petId", "in": "path", "required": True, **_TEXTS}
    queries = [{"name": name, "in": "query", "required": False, **_TEXTS} for name in ("type", "page")]
    new = {"in": "body", "name": "NewPet", "required": True, "schema": {"$ref": "#/definitions/NewPet"}}
    body = {"consumes": [MEDIA], "parameters": [new]}

    def asked(place: str, *names: str) -> dict[str, Any]:
        return {"requestParameters": {f"integration.request.{place}.{n}": f"method.request.{place}.{n}" for n in names}}

    listing = http(PETSTORE, "GET", **asked("querystring", "type", "page"))
    single = http(f"{PETSTORE}/{{petId}}", "GET", **asked("path", "petId"))
    html = {"Content-Type": "'text/html'"}
    page = operation(mock(), html, templates={"text/html": PAGE}, **security)
    del page["produces"]
    options = {"consumes": [MEDIA]}
    return {
        "swagger": "2.0",
        "info": {"title": "PetStore", "description": DESCRIPTION, **({"version": "1.0"} if authorized else {})},
        "schemes": ["https"],
        "paths": {
            "/": {"get": page},
            "/pets": {
                "get": operation(listing, _STAR, model="Pets", parameters=queries, **security),
                "post": operation(
                    http(PETSTORE, "POST"), _STAR, model="NewPetResponse", operationId="CreatePet", **body
                ),
                "options": operation(mock(), cors("POST,GET,OPTIONS", ALLOWED), model="Empty", **options),
            },
            "/pets/{petId}": {
                "get": operation(single, _STAR, model="Pet", operationId="GetPet", parameters=[of_pet]),
                "options": operation(
                    mock(), cors("GET,OPTIONS", ALLOWED), model="Empty", parameters=[of_pet], **options
                ),
            },
        },
        "definitions": {
            "Pets": {"type": "array", "items": {"$ref": "#/definitions/Pet"}},
            "Empty": {"type": "object"},
            "NewPetResponse": {
                "type": "object",
                "properties": {"pet": {"$ref": "#/definitions/Pet"}, "message": _TEXTS},
            },
            "Pet": {"type": "object", "properties": {key: {"type": "integer"}, "type": _TEXTS, "price": number}},
            "NewPet": {"type": "object", "properties": {"type": {"$ref": "#/definitions/PetType"}, "price": number}},
            "PetType": {"type": "string", "enum": ["dog", "cat", "fish", "bird", "gecko"]},
        },
    }


def circular(validated: bool) -> dict[str, Any]:
    """Models that refer to one another, and a method whose bodies are such; with `validated` they are checked."""
    house = {
        "type": "object",
        "description": "Where a Person can live",
        "properties": {
            "randomProperty": {**_TEXTS, "description": "Random property", "format": "byte"},
            "contains": {
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/components/schemas/Person"},
                "description": "The information of who is living in the house",
            },
        },
    }
    person = {
        "type": "object",
        "description": "Random person schema.",
        "required": ["b", "name"],
        "properties": {
            "name": {**_TEXTS, "description": "Random property"},
            "b": {"type": "number"},
            "house": {"$ref": "#/components/schemas/House"},
        },
    }
    checks = {"basic": {"validateRequestBody": True, "validateRequestParameters": True}}
    post = operation(
        mock(passthroughBehavior="when_no_templates"),
        model="Empty",
        templates={MEDIA: ECHO},
        oas=True,
        operationId="CreatePerson",
        requestBody={"content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Person"}}}, "required": True},
        **({"x-amazon-apigateway-request-validator": "basic"} if validated else {}),
    )
    schemas = {"Empty": {"title": "Empty Schema", "type": "object"}, "House": house, "Person": person}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Circular model reference", "version": "1.0"},
        "paths": {"/person": {"post": post}},
        "components": {"schemas": schemas},
        **({"x-amazon-apigateway-request-validators": checks} if validated else {}),
    }


ECHO: Final = '{"echo": $input.json(\'$\'), "response": "mocked"}'
