"""Exported documents, and an authorizer for a whole document, as AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from . import documents
from .building import MEDIA, uri
from .documents import ORIGIN, PETSTORE, REQUEST, cors, http, mock, named, operation, pets, shown
from .test_imports import ID, Imported, api, imported
from .wire import Like, Wire

TEXT = {"type": "string"}
OF_PET = {"name": "petId", "in": "path", "required": True, "schema": TEXT}


def answers(headers: dict[str, str], model: str) -> dict[str, Any]:
    """The responses of an exported operation."""
    content = {MEDIA: {"schema": {"$ref": f"#/components/schemas/{model}"}}} if model else {}
    told = {name: {"schema": TEXT} for name in headers}
    return {"200": {"description": "200 response", "headers": told, "content": content}}


def integration(headers: dict[str, str], template: str = "", **more: Any) -> dict[str, Any]:
    """The integration of an exported operation."""
    default: dict[str, Any] = {"statusCode": "200", "responseParameters": named(headers)}
    if template:
        default["responseTemplates"] = {"text/html": template}
    own = {"type": "mock", "requestTemplates": REQUEST} if "uri" not in more else {"type": "http"}
    return {"passthroughBehavior": "when_no_match", "responses": {"default": default}, **own, **more}


def exported(extensions: bool, id: str) -> dict[str, Any]:
    """The pet store as GetExport shows it."""

    def one(headers: dict[str, str], model: str, behind: dict[str, Any], **more: Any) -> dict[str, Any]:
        found = {**more, "responses": answers(headers, model)}
        return {**found, "x-amazon-apigateway-integration": behind} if extensions else found

    star, html = {ORIGIN: "'*'"}, {"Content-Type": "'text/html'"}
    texts = {
        f"integration.request.querystring.{name}": f"method.request.querystring.{name}" for name in ("page", "type")
    }
    of_one = {"integration.request.path.petId": "method.request.path.petId"}
    queries = [{"name": name, "in": "query", "schema": TEXT} for name in ("type", "page")]
    many, single = cors("POST,GET,OPTIONS", documents.ALLOWED), cors("GET,OPTIONS", documents.ALLOWED)
    body = {"required": True, "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/NewPet"}}}}
    listing = integration(star, uri=PETSTORE, httpMethod="GET", requestParameters=texts)
    getting = integration(star, uri=f"{PETSTORE}/{{petId}}", httpMethod="GET", requestParameters=of_one)
    posting = integration(star, uri=PETSTORE, httpMethod="POST")
    definitions = json.dumps(pets(False)["definitions"]).replace("#/definitions/", "#/components/schemas/")
    return {
        "openapi": "3.0.1",
        "info": {"title": "PetStore", "description": documents.DESCRIPTION, "version": Like(r"\d{4}-\d\d-\d\dT.*Z")},
        "servers": [
            {
                "url": Like(rf"https?://{id}\.execute-api\..*/{{basePath}}"),
                "variables": {"basePath": {"default": "local"}},
            }
        ],
        "paths": {
            "/": {"get": one(html, "", integration(html, documents.PAGE))},
            "/pets": {
                "get": one(star, "Pets", listing, parameters=queries),
                "options": one(many, "Empty", integration(many)),
                "post": one(star, "NewPetResponse", posting, operationId="CreatePet", requestBody=body),
            },
            "/pets/{petId}": {
                "get": one(star, "Pet", getting, operationId="GetPet", parameters=[OF_PET]),
                "options": one(single, "Empty", integration(single), parameters=[OF_PET]),
            },
        },
        "components": {"schemas": json.loads(definitions)},
    }


@pytest.mark.recorded("test_export_oas30_openapi[TEST_IMPORT_PETSTORE_SWAGGER]")
@pytest.mark.parametrize("extensions", [False, True])
async def test_an_export(extensions: bool) -> None:
    wire = Wire()
    status, made = await wire.ask("ImportRestApi", body=json.dumps(pets(False)).encode())
    assert (status, made) == (201, api("PetStore", description=documents.DESCRIPTION))
    await wire.made("CreateDeployment", restApiId=made["id"], stageName="local")
    asked = {"parameters": {"extensions": "apigateway"}} if extensions else {}
    status, export = await wire.ask("GetExport", restApiId=made["id"], stageName="local", exportType="oas30", **asked)
    assert status == 200
    assert json.loads(export.pop("body")) == exported(extensions, made["id"])
    assert export == {
        "contentType": "application/octet-stream",
        "contentDisposition": Like(r'attachment; filename="oas30_\d{4}-\d\d-\d\dT.*Z\.json"'),
    }


DEMO = "http://petstore-demo-endpoint.execute-api.com/petstore/pets"
ECHO = '{"echo": "$input.params(\'data\')", "response": "mocked"}'


@pytest.mark.recorded("TestApiGatewayImportRestApi::test_import_with_global_api_key_authorizer")
async def test_an_authorizer_of_a_whole_document() -> None:
    check = {
        "type": "request",
        "identitySource": "method.request.header.Custom-Authorization",
        "authorizerUri": uri("check"),
        "authorizerResultTtlInSeconds": 300,
    }
    scheme = {
        "type": "apiKey",
        "name": "Custom-Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": check,
    }
    data = {"name": "data", "in": "path", "required": True, "type": "string"}
    echo = mock(passthroughBehavior="when_no_templates")
    document = {
        "swagger": "2.0",
        "info": {"title": "books", "version": "1.0"},
        "schemes": ["https"],
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "security": [{"check": []}],
        "securityDefinitions": {"check": scheme},
        "paths": {
            "/pets": {"get": operation(http(DEMO, "GET"))},
            "/echo/{data}": {
                "x-amazon-apigateway-any-method": operation(
                    echo, model="Empty", templates={MEDIA: ECHO}, parameters=[data]
                )
            },
        },
        "definitions": {"Empty": {"type": "object", "title": "Empty Schema"}},
    }
    found: Imported = await imported(document, {**api("books", version="1.0"), "apiKeySource": "AUTHORIZER"})
    [one] = (await found.wire.made("GetAuthorizers", restApiId=found.id))["items"]
    assert one == {
        "id": ID,
        "name": "check",
        "type": "REQUEST",
        "authType": "custom",
        "authorizerUri": uri("check"),
        "authorizerResultTtlInSeconds": 300,
        "identitySource": "method.request.header.Custom-Authorization",
    }
    assert await found.resources() == {"/": [], "/echo": [], "/echo/{data}": ["ANY"], "/pets": ["GET"]}
    custom = {"authorizationType": "CUSTOM", "authorizerId": one["id"]}
    path, templates = "/echo/{data}", {MEDIA: ECHO}
    behind = {"type": "MOCK", "passthroughBehavior": "WHEN_NO_TEMPLATES"}
    declared = {"requestParameters": {"method.request.path.data": True}}
    assert await found.method(path, "ANY") == shown(
        "ANY", found.ids[path], behind, model="Empty", templates=dict(templates), **declared, **custom
    )
    plain = {"type": "HTTP", "httpMethod": "GET", "uri": DEMO}
    assert await found.method("/pets", "GET") == shown("GET", found.ids["/pets"], plain, **custom)
