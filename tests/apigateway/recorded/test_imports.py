"""Imported documents as AWS was recorded to show them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from . import documents
from .building import MEDIA, uri
from .documents import ECHO, ORIGIN, cors, http, mock, operation, pets, shown
from .wire import Like, Of, Wire, missing

ID = Like("[a-z0-9]{6,10}")
NO_STATUS = missing("Invalid Response status code specified")
STAR = {ORIGIN: "'*'"}


def api(name: str, **more: Any) -> dict[str, Any]:
    """An API as answers show it."""
    return {
        "id": ID,
        "name": name,
        "createdDate": Of(datetime),
        "apiKeySource": "HEADER",
        "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
        "disableExecuteApiEndpoint": False,
        "rootResourceId": ID,
        **more,
    }


class Imported:
    """An API that was imported; `ids` are its resources' by their paths."""

    def __init__(self, wire: Wire, id: str) -> None:
        self.wire, self.id = wire, id
        self.ids: dict[str, str] = {}

    async def resources(self) -> dict[str, list[str]]:
        """The verbs by path; the resources' members are asserted."""
        items = sorted((await self.wire.made("GetResources", restApiId=self.id))["items"], key=lambda one: one["path"])
        self.ids = {one["path"]: one["id"] for one in items}
        for one in items:
            above, _, part = one["path"].rpartition("/")
            expected = {"id": ID, "path": one["path"]}
            if part:
                expected |= {"parentId": self.ids[above or "/"], "pathPart": part}
            assert {name: value for name, value in one.items() if name != "resourceMethods"} == expected
            assert all(value == {} for value in one.get("resourceMethods", {}).values())
        return {one["path"]: sorted(one.get("resourceMethods", {})) for one in items}

    async def method(self, path: str, verb: str) -> dict[str, Any]:
        """A method; what the operations about its parts answer is asserted to be those parts."""
        where = {"restApiId": self.id, "resourceId": self.ids[path], "httpMethod": verb}
        method = await self.wire.made("GetMethod", **where)
        integration = method["methodIntegration"]
        assert await self.wire.ask("GetIntegration", **where) == (200, integration)
        for operation_, parts in (
            ("GetMethodResponse", method.get("methodResponses", {})),
            ("GetIntegrationResponse", integration.get("integrationResponses", {})),
        ):
            answer = (200, parts["200"]) if "200" in parts else NO_STATUS
            assert await self.wire.ask(operation_, **where, statusCode="200") == answer
        return method

    async def models(self) -> dict[str, dict[str, Any]]:
        """The models by name, their schemas read."""
        items = (await self.wire.made("GetModels", restApiId=self.id))["items"]
        for one in items:
            assert (one.pop("id"), one.pop("contentType")) == (ID, MEDIA)
        return {one.pop("name"): {**one, "schema": json.loads(one["schema"])} for one in items}


async def imported(document: dict[str, Any], expected: dict[str, Any]) -> Imported:
    wire = Wire()
    status, made = await wire.ask("ImportRestApi", body=json.dumps(document).encode())
    assert (status, made) == (201, expected)
    return Imported(wire, made["id"])


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_and_validate_rest_api[openapi.spec.tf.json]")
async def test_a_document_of_terraform() -> None:
    function = uri("s3OnObjectCreatedLambda-60c92b6").replace("us-east-1", "us-west-2")
    handled = {"contentHandling": "CONVERT_TO_TEXT"}
    proxy = {"type": "aws_proxy", "httpMethod": "POST", "uri": function, "passthroughBehavior": "when_no_match"}
    get = operation({**proxy, **handled}, STAR, model="Empty", oas=True, security=[{"api_key": []}])
    document = {
        "openapi": "3.0.1",
        "info": {"title": "books", "version": "1"},
        "paths": {"/": {"get": get, "options": operation(mock(), cors("GET,OPTIONS"), model="Empty", oas=True)}},
        "components": {
            "schemas": {"Empty": {"title": "Empty Schema", "type": "object"}},
            "securitySchemes": {"api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"}},
        },
    }
    found = await imported(document, api("books", version="1"))
    assert await found.models() == {"Empty": {"schema": {"title": "Empty Schema", "type": "object"}}}
    assert await found.resources() == {"/": ["GET", "OPTIONS"]}
    root = found.ids["/"]
    aws = {"type": "AWS_PROXY", "httpMethod": "POST", "uri": function, **handled}
    assert await found.method("/", "GET") == shown("GET", root, aws, STAR, model="Empty", apiKeyRequired=True)
    options = shown("OPTIONS", root, {"type": "MOCK"}, cors("GET,OPTIONS"), model="Empty")
    assert await found.method("/", "OPTIONS") == options


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_and_validate_rest_api[swagger-mock-cors.json]")
async def test_a_document_of_sam() -> None:
    headers = cors("OPTIONS,POST,GET", "Content-Type", "http://localhost:8080")
    paths: dict[str, Any] = {}
    parts = {
        "/product": uri("GetProductsFunction-c1359550:live"),
        "/product/{product_id}": uri("GetProductFunction-28378339:live"),
    }
    parameter = {"name": "product_id", "in": "path", "required": True, "type": "string"}
    for path, function in parts.items():
        more = {"parameters": [parameter]} if "{" in path else {}
        proxy = {"type": "aws_proxy", "httpMethod": "POST", "uri": function}
        paths[path] = {
            "get": operation(proxy, answers=False, **more),
            "options": operation(mock(), headers, templates={MEDIA: "{}\n"}, **more),
        }
    document = {"swagger": "2.0", "info": {"title": "products", "version": "1.0"}, "paths": paths}
    found = await imported(document, api("products", version="1.0"))
    assert await found.models() == {}
    verbs = ["GET", "OPTIONS"]
    assert await found.resources() == {"/": [], "/product": verbs, "/product/{product_id}": verbs}
    for path, function in parts.items():
        more = {"requestParameters": {"method.request.path.product_id": True}} if "{" in path else {}
        proxy = {"type": "AWS_PROXY", "httpMethod": "POST", "uri": function}
        get = shown("GET", found.ids[path], proxy, answers=False, **more)
        assert await found.method(path, "GET") == get
        templates: dict[str, str | None] = {MEDIA: "{}\n"}
        options = shown("OPTIONS", found.ids[path], {"type": "MOCK"}, headers, templates=templates, **more)
        assert await found.method(path, "OPTIONS") == options


async def put(wire: Wire, where: str, document: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """What PutRestApi answers."""
    body = json.dumps(document).encode()
    status, said = await wire.ask("PutRestApi", restApiId=where, mode="overwrite", body=body, parameters=parameters)
    assert status == 200, said
    return said


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_rest_api_with_base_path_oas30[prepend]")
@pytest.mark.parametrize(
    ("server", "base", "odd"),
    [
        ({"url": "/{basePath}", "variables": {"basePath": {"default": "/base-var"}}}, "/base-var", False),
        ({"url": "https://api.example.com/base-url/part"}, "/base-url/part", True),
    ],
)
async def test_base_paths_of_servers(server: dict[str, Any], base: str, odd: bool) -> None:
    place = "integration.request.header."
    texts = {f"{place}X-Amz-Invocation-Type": "'Event'", **({f"{place}double-single": "'True'"} if odd else {})}
    parameters = {**texts, **({f"{place}nothing": True} if odd else {})}
    document = {
        "openapi": "3.0.1",
        "info": {"title": "books", "version": "2.0"},
        "servers": [server],
        "paths": {
            "/test": {
                "get": operation(mock(requestParameters=parameters), STAR, model="Empty", oas=True),
                "options": operation(mock(), cors("GET,OPTIONS"), model="Empty", oas=True),
            }
        },
        "components": {"schemas": {"Empty": {"title": "Empty Schema", "type": "object"}}},
    }
    wire = Wire()
    made = await wire.made("CreateRestApi", name="books")
    warning = (
        "Invalid format for 'requestParameters'. Expected type string for property 'integration.request.header.nothing'"
        f" of resource '{base}/test' and method 'GET' but got 'true'"
    )
    warned = {"warnings": [warning]} if odd else {}
    answer = await put(wire, made["id"], document, basepath="prepend")
    assert answer == api("books", version="2.0", tags={}, **warned)
    found = Imported(wire, made["id"])
    steps = base.split("/")
    above = {"/".join(steps[: count + 1]) or "/": list[str]() for count in range(len(steps))}
    path = f"{base}/test"
    assert await found.resources() == {**above, path: ["GET", "OPTIONS"]}
    get = shown("GET", found.ids[path], {"type": "MOCK", "requestParameters": texts}, STAR, model="Empty")
    assert await found.method(path, "GET") == get
    options = shown("OPTIONS", found.ids[path], {"type": "MOCK"}, cors("GET,OPTIONS"), model="Empty")
    assert await found.method(path, "OPTIONS") == options


DEMO = "http://petstore-demo-endpoint.execute-api.com/petstore/pets"


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_rest_apis_with_base_path_swagger[ignore]")
@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_rest_apis_with_base_path_swagger[split]")
@pytest.mark.parametrize("mode", ["ignore", "split"])
async def test_base_paths_of_swagger(mode: str) -> None:
    authorizer = {"type": "token", "authorizerUri": uri("check"), "authorizerResultTtlInSeconds": 60}
    scheme = {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": authorizer,
    }
    security = {"security": [{"check": []}]}
    first = {
        "swagger": "2.0",
        "info": {"title": "books", "version": "2"},
        "basePath": "/base",
        "paths": {
            "/test": {
                "get": operation(mock(), STAR, **security),
                "options": operation(mock(), cors("GET,OPTIONS"), **security),
            }
        },
        "securityDefinitions": {"check": scheme},
    }
    wire = Wire()
    made = await wire.made("CreateRestApi", name="books")
    assert await put(wire, made["id"], first, basepath=mode) == api("books", version="2", tags={})
    found = Imported(wire, made["id"])
    assert await found.resources() == {"/": [], "/test": ["GET", "OPTIONS"]}
    [check] = (await wire.made("GetAuthorizers", restApiId=made["id"]))["items"]
    custom = {"authorizationType": "CUSTOM", "authorizerId": check["id"]}
    test = found.ids["/test"]
    assert await found.method("/test", "GET") == shown("GET", test, {"type": "MOCK"}, STAR, **custom)
    options = shown("OPTIONS", test, {"type": "MOCK"}, cors("GET,OPTIONS"), **custom)
    assert await found.method("/test", "OPTIONS") == options

    of_pet = {"name": "petId", "in": "path", "required": True, "type": "string"}
    mapped = {"requestParameters": {"integration.request.path.id": "method.request.path.petId"}}
    second = {
        "swagger": "2.0",
        "info": {"title": "books", "version": "2"},
        "paths": {
            "/pets": {"get": operation(http(DEMO, "GET"))},
            "/pets/{petId}": {"get": operation(http(f"{DEMO}/{{id}}", "GET", **mapped), parameters=[of_pet])},
        },
    }
    await put(wire, made["id"], second, basepath=mode)
    assert await found.resources() == {"/": [], "/pets": ["GET"], "/pets/{petId}": ["GET"]}
    plain = {"type": "HTTP", "httpMethod": "GET", "uri": DEMO}
    assert await found.method("/pets", "GET") == shown("GET", found.ids["/pets"], plain)
    one = {**plain, "uri": f"{DEMO}/{{id}}", **mapped}
    declared = {"requestParameters": {"method.request.path.petId": True}}
    path = "/pets/{petId}"
    assert await found.method(path, "GET") == shown("GET", found.ids[path], one, **declared)


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_swagger_api")
async def test_the_pet_store() -> None:
    role = "arn:aws:iam::000000000000:role/check"
    check = {
        "type": "token",
        "authorizerUri": uri("check"),
        "authorizerCredentials": role,
        "identityValidationExpression": "^x-[a-z]+",
    }
    scheme = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "oauth2"}
    document = pets(True)
    document["securityDefinitions"] = {
        "test-authorizer": {**scheme, "x-amazon-apigateway-authorizer": {**check, "authorizerResultTtlInSeconds": 60}},
        "test-authorizer-not-used": {**scheme, "x-amazon-apigateway-authorizer": check},
    }
    found = await imported(document, api("PetStore", version="1.0", description=documents.DESCRIPTION))
    items = (await found.wire.made("GetAuthorizers", restApiId=found.id))["items"]
    base = {
        "id": ID,
        "type": "TOKEN",
        "authType": "oauth2",
        "authorizerCredentials": role,
        "authorizerUri": uri("check"),
        "identitySource": "method.request.header.Authorization",
        "identityValidationExpression": "^x-[a-z]+",
    }
    assert sorted(items, key=lambda one: str(one["name"])) == [
        {**base, "name": "test-authorizer", "authorizerResultTtlInSeconds": 60},
        {**base, "name": "test-authorizer-not-used"},
    ]
    used = next(one["id"] for one in items if one["name"] == "test-authorizer")
    text = json.dumps(document["definitions"])
    address = f"https://apigateway.amazonaws.com/restapis/{found.id}/models/"
    schemas = json.loads(text.replace("#/definitions/", address))
    assert await found.models() == {name: {"schema": schema} for name, schema in schemas.items()}
    assert await found.resources() == {
        "/": ["GET"],
        "/pets": ["GET", "OPTIONS", "POST"],
        "/pets/{petId}": ["GET", "OPTIONS"],
    }
    custom = {"authorizationType": "CUSTOM", "authorizerId": used}
    templates: dict[str, str | None] = {"text/html": documents.PAGE}
    html = {"Content-Type": "'text/html'"}
    page = shown("GET", found.ids["/"], {"type": "MOCK"}, html, templates=templates, **custom)
    assert await found.method("/", "GET") == page
    await _pets(found, custom)


async def _pets(found: Imported, custom: dict[str, Any]) -> None:
    """Assert the methods of `/pets` and below."""
    pets_, backend = found.ids["/pets"], {"type": "HTTP", "uri": documents.PETSTORE}
    names = ("page", "type")
    mapped = {f"integration.request.querystring.{name}": f"method.request.querystring.{name}" for name in names}
    listing = {**backend, "httpMethod": "GET", "requestParameters": mapped}
    declared = {f"method.request.querystring.{name}": False for name in names}
    get = shown("GET", pets_, listing, STAR, model="Pets", requestParameters=declared, **custom)
    assert await found.method("/pets", "GET") == get
    more = {"operationName": "CreatePet", "requestModels": {MEDIA: "NewPet"}}
    post = shown("POST", pets_, {**backend, "httpMethod": "POST"}, STAR, model="NewPetResponse", **more)
    assert await found.method("/pets", "POST") == post
    headers = cors("POST,GET,OPTIONS", documents.ALLOWED)
    assert await found.method("/pets", "OPTIONS") == shown("OPTIONS", pets_, {"type": "MOCK"}, headers, model="Empty")
    path, one = "/pets/{petId}", {"requestParameters": {"method.request.path.petId": True}}
    mapped = {"integration.request.path.petId": "method.request.path.petId"}
    single = {"type": "HTTP", "uri": f"{documents.PETSTORE}/{{petId}}", "httpMethod": "GET"}
    whole = {**single, "requestParameters": mapped}
    get = shown("GET", found.ids[path], whole, STAR, model="Pet", operationName="GetPet", **one)
    assert await found.method(path, "GET") == get
    headers = cors("GET,OPTIONS", documents.ALLOWED)
    options = shown("OPTIONS", found.ids[path], {"type": "MOCK"}, headers, model="Empty", **one)
    assert await found.method(path, "OPTIONS") == options


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_with_circular_models")
@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_with_circular_models_and_request_validation")
@pytest.mark.parametrize("validated", [False, True])
async def test_models_in_circles(validated: bool) -> None:
    document = documents.circular(validated)
    found = await imported(document, api("Circular model reference", version="1.0"))
    address = f"https://apigateway.amazonaws.com/restapis/{found.id}/models/"
    schemas = json.loads(json.dumps(document["components"]["schemas"]).replace("#/components/schemas/", address))
    described = {name: {"description": one["description"]} for name, one in schemas.items() if "description" in one}
    assert await found.models() == {name: {"schema": one, **described.get(name, {})} for name, one in schemas.items()}
    assert await found.resources() == {"/": [], "/person": ["POST"]}
    more: dict[str, Any] = {}
    if validated:
        [basic] = (await found.wire.made("GetRequestValidators", restApiId=found.id))["items"]
        on = {"validateRequestBody": True, "validateRequestParameters": True}
        assert basic == {"id": ID, "name": "basic", **on}
        more["requestValidatorId"] = basic["id"]
    templates: dict[str, str | None] = {MEDIA: ECHO}
    person = found.ids["/person"]
    integration = {"type": "MOCK", "passthroughBehavior": "WHEN_NO_TEMPLATES"}
    named = {"operationName": "CreatePerson", "requestModels": {MEDIA: "Person"}}
    post = shown("POST", person, integration, model="Empty", templates=templates, **named, **more)
    assert await found.method("/person", "POST") == post


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_put_rest_api_mode_binary_media_types[overwrite]")
async def test_media_types_are_overwritten() -> None:
    wire = Wire()
    status, made = await wire.ask("CreateRestApi", name="books", binaryMediaTypes=["image/heif"])
    expected = api("books", binaryMediaTypes=["image/heif"])
    assert (status, made) == (201, expected)
    assert await wire.ask("GetRestApi", restApiId=made["id"]) == (200, {**expected, "tags": {}})
    types = ["image/png", "image/jpg"]
    document = {
        "openapi": "3.0.1",
        "info": {"title": "other", "version": "1.0.0"},
        "paths": {},
        "x-amazon-apigateway-binary-media-types": types,
    }
    answer = await put(wire, made["id"], document)
    assert answer == api("other", version="1.0.0", binaryMediaTypes=types, tags={})
