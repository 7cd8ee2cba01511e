"""OpenAPI documents to records and back, without a store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.services.apigateway import openapi
from lambent.services.apigateway.model import Resource, RestApi, Snapshot
from lambent.services.apigateway.openapi.document import DEPTH_MAX

MOCK = {"type": "mock", "requestTemplates": {"application/json": '{"statusCode": 200}'}}


def swagger(**more: Any) -> dict[str, Any]:
    return {"swagger": "2.0", "info": {"title": "shop", "version": "1.0"}, "paths": {}, **more}


def oas(**more: Any) -> dict[str, Any]:
    return {"openapi": "3.0.1", "info": {"title": "shop", "version": "1.0"}, "paths": {}, **more}


def read(document: dict[str, Any], **more: Any) -> openapi.Imported:
    return openapi.read(openapi.load(json.dumps(document).encode()), "a1", **more)


def test_a_swagger_document() -> None:
    get = {
        "operationId": "GetPet",
        "produces": ["application/json"],
        "parameters": [
            {"name": "petId", "in": "path", "required": True, "type": "string"},
            {"name": "page", "in": "query", "type": "string"},
        ],
        "responses": {
            "200": {
                "schema": {"$ref": "#/definitions/Pet"},
                "headers": {"Access-Control-Allow-Origin": {"type": "string"}},
            },
            "default": {"description": "anything"},
        },
        "x-amazon-apigateway-integration": {
            "type": "http",
            "httpMethod": "GET",
            "uri": "http://pets.example.com/{petId}",
            "requestParameters": {"integration.request.path.petId": "method.request.path.petId"},
            "responses": {"default": {"statusCode": "200"}, "4\\d{2}": {"statusCode": "404"}},
        },
    }
    found = read(swagger(paths={"/pets/{petId}": {"get": get}}, definitions={"Pet": {"type": "object"}}))
    assert list(found.resources) == ["/", "/pets", "/pets/{petId}"]
    method = found.resources["/pets/{petId}"]["GET"]
    assert method.operation_name == "GetPet"
    assert method.parameters == {"method.request.path.petId": True, "method.request.querystring.page": False}
    assert list(method.responses) == ["200"]
    assert method.responses["200"].models == {"application/json": "Pet"}
    assert method.responses["200"].parameters == {"method.response.header.Access-Control-Allow-Origin": False}
    integration = method.integration
    assert integration is not None
    assert (integration.type, integration.connection_type, integration.timeout_ms) == ("HTTP", "INTERNET", 29_000)
    assert {s: r.selection_pattern for s, r in integration.responses.items()} == {"200": None, "404": "4\\d{2}"}


def test_models_refer_to_one_another_by_address_also_in_circles() -> None:
    schemas = {
        "House": {"properties": {"of": {"$ref": "#/components/schemas/Person"}}, "description": "Where one lives"},
        "Person": {"properties": {"house": {"$ref": "#/components/schemas/House"}}},
    }
    found = read(oas(components={"schemas": schemas}))
    base = "https://apigateway.amazonaws.com/restapis/a1/models/"
    assert json.loads(found.models["Person"].schema) == {"properties": {"house": {"$ref": base + "House"}}}
    assert found.models["House"].description == "Where one lives"


def test_a_schema_that_is_written_out_becomes_a_model() -> None:
    content = {"application/json": {"schema": {"type": "object", "required": ["name"]}}}
    post = {"requestBody": {"content": content}, "responses": {}}
    found = read(oas(paths={"/books": {"post": post}}))
    name = (found.resources["/books"]["POST"].models or {})["application/json"]
    assert name.startswith("MODEL")
    assert json.loads(found.models[name].schema)["required"] == ["name"]


def test_security() -> None:
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:f/invocations"
    schemes = {
        "key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
        "iam": {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"},
        "token": {
            "type": "apiKey",
            "name": "Auth",
            "in": "header",
            "x-amazon-apigateway-authtype": "custom",
            "x-amazon-apigateway-authorizer": {
                "type": "token",
                "authorizerUri": uri,
                "authorizerResultTtlInSeconds": 60,
            },
        },
        "pool": {
            "type": "apiKey",
            "name": "Authorization",
            "in": "header",
            "x-amazon-apigateway-authtype": "cognito_user_pools",
            "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": ["arn:pool"]},
        },
    }
    verbs = {
        "get": {"responses": {}, "security": [{"token": [], "key": []}]},
        "put": {"responses": {}, "security": [{"pool": ["a/read"]}]},
        "post": {"responses": {}, "security": [{"iam": []}]},
        "delete": {"responses": {}, "security": []},
        "head": {"responses": {}},
        "patch": {"responses": {}, "security": [{"NONE": []}], "x-amazon-apigateway-auth": {"type": "AWS_IAM"}},
    }
    found = read(swagger(paths={"/": verbs}, securityDefinitions=schemes, security=[{"key": []}]))
    assert {
        verb: (m.authorization, m.authorizer_id, m.scopes, m.api_key_required)
        for verb, m in found.resources["/"].items()
    } == {
        "GET": ("CUSTOM", "token", (), True),
        "PUT": ("COGNITO_USER_POOLS", "pool", ("a/read",), False),
        "POST": ("AWS_IAM", None, (), False),
        "DELETE": ("NONE", None, (), False),
        "HEAD": ("NONE", None, (), True),
        "PATCH": ("AWS_IAM", None, (), False),
    }
    token, pool = found.authorizers["token"], found.authorizers["pool"]
    assert (token.type, token.identity_source, token.ttl_s) == ("TOKEN", "method.request.header.Auth", 60)
    assert (pool.type, pool.provider_arns, pool.ttl_s) == ("COGNITO_USER_POOLS", ("arn:pool",), None)


@pytest.mark.parametrize(
    ("mode", "paths"),
    [("ignore", ["/", "/e"]), ("prepend", ["/", "/a", "/a/b", "/a/b/e"]), ("split", ["/", "/b", "/b/e"])],
)
def test_base_paths(mode: Any, paths: list[str]) -> None:
    assert list(read(swagger(basePath="/a/b", paths={"/e": {}}), base_path=mode).resources) == paths
    server = {"url": "https://x.example.com/{base}", "variables": {"base": {"default": "a/b"}}}
    assert list(read(oas(servers=[server], paths={"/e": {}}), base_path=mode).resources) == paths


def test_parameters_that_are_no_texts_are_left_out_with_a_warning() -> None:
    integration = {
        **MOCK,
        "requestParameters": {"integration.request.header.nothing": True, "integration.request.header.b": "'1'"},
    }
    found = read(oas(paths={"/test": {"get": {"responses": {}, "x-amazon-apigateway-integration": integration}}}))
    assert found.warnings == (
        "Invalid format for 'requestParameters'. Expected type string for property "
        "'integration.request.header.nothing' of resource '/test' and method 'GET' but got 'true'",
    )
    made = found.resources["/test"]["GET"].integration
    assert made is not None
    assert made.parameters == {"integration.request.header.b": "'1'"}


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (
            swagger(paths={"/a b": {}}),
            "Unable to create resource at path '/a b': Resource's path part only allow a-zA-Z0-9._-: or a valid greedy "
            "path variable and curly braces at the beginning and the end.",
        ),
        (
            swagger(definitions={"a.b": {}}),
            "Unable to create model for 'a.b': Model name must be alphanumeric: a.b",
        ),
        (
            swagger(paths={"/": {"post": {"parameters": [{"in": "body", "schema": {"$ref": "#/definitions/No"}}]}}}),
            "Unable to put method 'POST' on resource at path '/': Invalid model identifier specified: No",
        ),
        (
            swagger(paths={"/": {"get": {"x-amazon-apigateway-integration": {"uri": "arn:x"}}}}),
            "Unable to put integration on 'GET' for resource at path '/': Enumeration value for IntegrationType must "
            "be non-empty",
        ),
    ],
)
def test_what_cannot_be_imported(document: dict[str, Any], error: str) -> None:
    with pytest.raises(openapi.ImportFailed) as failed:
        read(document)
    assert failed.value.errors == [error]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b"swagger: '1.2'",
        b"\xff\xfe",
        b"swagger: '2.0'\na: &a [1]\nb: *a",
        b'{"swagger": "2.0", "a": ' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_document(text: bytes) -> None:
    with pytest.raises(openapi.Unreadable):
        openapi.load(text)


def test_yaml_keeps_dates_and_statuses_as_texts() -> None:
    found = openapi.load(b"openapi: 3.0.0\ninfo: {version: 2012-10-17}\npaths: {/: {get: {responses: {200: {}}}}}\n")
    assert found["info"]["version"] == "2012-10-17"
    assert list(found["paths"]["/"]["get"]["responses"]) == ["200"]


def snapshot(imported: openapi.Imported) -> Snapshot:
    api = RestApi(id="a1", account="0", region="us-east-1", name=imported.name, root="r", created_ms=0)
    resources = tuple(Resource(id=path, path=path, methods=there) for path, there in imported.resources.items())
    return Snapshot(
        api=api,
        resources=resources,
        authorizers=imported.authorizers,
        validators=imported.validators,
        models=imported.models,
        gateway_responses=imported.gateway_responses,
    )


@pytest.mark.parametrize("kind", ["oas30", "swagger"])
def test_what_was_written_reads_the_same(kind: Any) -> None:
    post = {
        "operationId": "Create",
        "parameters": [{"in": "header", "name": "X-A", "required": True, "schema": {"type": "string"}}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}},
        "responses": {"201": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/New"}}}}},
        "security": [{"token": []}],
        "x-amazon-apigateway-request-validator": "all",
        "x-amazon-apigateway-integration": {
            **MOCK,
            "responses": {"default": {"statusCode": "201"}},
            "timeoutInMillis": 5,
        },
    }
    scheme = {
        "type": "apiKey",
        "name": "A",
        "in": "header",
        "x-amazon-apigateway-authorizer": {"type": "token", "authorizerUri": "arn:x"},
    }
    document = oas(
        paths={"/books/{proxy+}": {"post": post, "x-amazon-apigateway-any-method": {"responses": {}}}},
        components={
            "schemas": {"New": {"items": {"$ref": "#/components/schemas/Book"}}, "Book": {"type": "object"}},
            "securitySchemes": {"token": scheme},
        },
    )
    document["x-amazon-apigateway-request-validators"] = {"all": {"validateRequestBody": True}}
    document["x-amazon-apigateway-gateway-responses"] = {"DEFAULT_4XX": {"responseTemplates": {"text/plain": "no"}}}
    first = read(document)
    export = openapi.Export(
        kind=kind, version="1.0", scheme="https", host="h", stage="s", integrations=True, authorizers=True, gateway=True
    )
    second = read(openapi.write(snapshot(first), export))
    assert second == first
