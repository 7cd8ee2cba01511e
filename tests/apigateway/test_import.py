"""Import and export of APIs: what AWS answered to the same documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import yaml

from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import ServiceError
from tests.support import ACCOUNT, TestCloud

MOCK = {
    "type": "mock",
    "requestTemplates": {"application/json": '{"statusCode": 200}'},
    "responses": {"default": {"statusCode": "200"}},
}
PERSON = {
    "openapi": "3.0.0",
    "info": {"title": "Circular model reference", "version": "1.0"},
    "paths": {
        "/person": {
            "post": {
                "operationId": "CreatePerson",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Person"}}}},
                "responses": {
                    "200": {
                        "description": "200 response",
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Empty"}}},
                    }
                },
                "x-amazon-apigateway-request-validator": "basic",
                "x-amazon-apigateway-integration": {**MOCK, "passthroughBehavior": "when_no_templates"},
            }
        }
    },
    "components": {
        "schemas": {
            "Empty": {"title": "Empty Schema", "type": "object"},
            "House": {
                "type": "object",
                "description": "Where a Person can live",
                "properties": {"contains": {"type": "array", "items": {"$ref": "#/components/schemas/Person"}}},
            },
            "Person": {"type": "object", "properties": {"house": {"$ref": "#/components/schemas/House"}}},
        }
    },
    "x-amazon-apigateway-request-validators": {
        "basic": {"validateRequestBody": True, "validateRequestParameters": True}
    },
}


class Cloud(TestCloud):
    """A cloud with short words for REST APIs."""

    __test__ = False

    async def v1(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.call("apigateway", operation, **params)

    async def imported(self, document: dict[str, Any], **params: Any) -> dict[str, Any]:
        return await self.v1("ImportRestApi", body=json.dumps(document).encode(), **params)

    async def paths(self, api: str) -> dict[str, list[str]]:
        items = (await self.v1("GetResources", restApiId=api))["items"]
        return {one["path"]: sorted(one.get("resourceMethods", {})) for one in items}

    async def method(self, api: str, path: str, verb: str) -> dict[str, Any]:
        items = (await self.v1("GetResources", restApiId=api, embed=["methods"]))["items"]
        found: dict[str, Any] = next(one for one in items if one["path"] == path)["resourceMethods"][verb]
        return found


def run(body: Callable[[Cloud], Awaitable[None]]) -> None:
    async def main() -> None:
        await body(Cloud())

    asyncio.run(main())


def document(**more: Any) -> dict[str, Any]:
    return {"swagger": "2.0", "info": {"title": "shop", "version": "1.0"}, "paths": {}, **more}


def test_models_in_circles_and_a_validator() -> None:
    async def body(cloud: Cloud) -> None:
        api = await cloud.imported(PERSON)
        created = api.pop("createdDate")
        assert created is not None
        assert api == {
            "apiKeySource": "HEADER",
            "disableExecuteApiEndpoint": False,
            "endpointConfiguration": {"ipAddressType": "ipv4", "types": ["EDGE"]},
            "id": api["id"],
            "name": "Circular model reference",
            "rootResourceId": api["rootResourceId"],
            "version": "1.0",
        }
        models = (await cloud.v1("GetModels", restApiId=api["id"]))["items"]
        base = f"https://apigateway.amazonaws.com/restapis/{api['id']}/models"
        assert {one["name"]: json.loads(one["schema"]) for one in models} == {
            "Empty": {"title": "Empty Schema", "type": "object"},
            "House": {
                "description": "Where a Person can live",
                "properties": {"contains": {"items": {"$ref": f"{base}/Person"}, "type": "array"}},
                "type": "object",
            },
            "Person": {"properties": {"house": {"$ref": f"{base}/House"}}, "type": "object"},
        }
        validators = (await cloud.v1("GetRequestValidators", restApiId=api["id"]))["items"]
        id = validators[0]["id"]
        assert validators == [
            {"id": id, "name": "basic", "validateRequestBody": True, "validateRequestParameters": True}
        ]
        method = await cloud.method(api["id"], "/person", "POST")
        namespace = method["methodIntegration"]["cacheNamespace"]
        assert method == {
            "apiKeyRequired": False,
            "authorizationType": "NONE",
            "httpMethod": "POST",
            "methodIntegration": {
                "cacheKeyParameters": [],
                "cacheNamespace": namespace,
                "integrationResponses": {"200": {"statusCode": "200"}},
                "passthroughBehavior": "WHEN_NO_TEMPLATES",
                "requestTemplates": {"application/json": '{"statusCode": 200}'},
                "timeoutInMillis": 29000,
                "type": "MOCK",
            },
            "methodResponses": {"200": {"responseModels": {"application/json": "Empty"}, "statusCode": "200"}},
            "operationName": "CreatePerson",
            "requestModels": {"application/json": "Person"},
            "requestValidatorId": id,
        }

    run(body)


def test_a_second_document_in_the_place_of_the_first() -> None:
    async def body(cloud: Cloud) -> None:
        made = await cloud.v1("CreateRestApi", name="first", binaryMediaTypes=["image/heif"])
        api, get = made["id"], {"get": {"responses": {}, "x-amazon-apigateway-integration": MOCK}}
        first = document(paths={"/a/b": get})
        await cloud.v1("PutRestApi", restApiId=api, mode="overwrite", body=json.dumps(first).encode())
        kept = {one["path"]: one["id"] for one in (await cloud.v1("GetResources", restApiId=api))["items"]}
        second = document(paths={"/a": get, "/c": get})
        second["x-amazon-apigateway-binary-media-types"] = ["image/png", "image/jpg"]
        put = await cloud.v1("PutRestApi", restApiId=api, mode="overwrite", body=json.dumps(second).encode())
        assert put["binaryMediaTypes"] == ["image/png", "image/jpg"]
        assert (put["name"], put["tags"], put["version"]) == ("shop", {}, "1.0")
        assert put["rootResourceId"] == made["rootResourceId"]
        assert await cloud.paths(api) == {"/": [], "/a": ["GET"], "/c": ["GET"]}
        now = {one["path"]: one["id"] for one in (await cloud.v1("GetResources", restApiId=api))["items"]}
        assert now["/a"] == kept["/a"]
        assert (await cloud.v1("GetModels", restApiId=api))["items"] == []

    run(body)


def test_a_second_document_merged_with_the_first() -> None:
    async def body(cloud: Cloud) -> None:
        get, post = ({verb: {"responses": {}, "x-amazon-apigateway-integration": MOCK}} for verb in ("get", "post"))
        first = document(paths={"/a": get, "/b": get}, definitions={"One": {}})
        api = (await cloud.imported({**first, "x-amazon-apigateway-binary-media-types": ["a/b"]}))["id"]
        second = document(paths={"/a": post}, definitions={"Two": {}})
        second["x-amazon-apigateway-binary-media-types"] = ["c/d"]
        put = await cloud.v1("PutRestApi", restApiId=api, mode="merge", body=json.dumps(second).encode())
        assert put["binaryMediaTypes"] == ["a/b", "c/d"]
        assert await cloud.paths(api) == {"/": [], "/a": ["GET", "POST"], "/b": ["GET"]}
        assert [one["name"] for one in (await cloud.v1("GetModels", restApiId=api))["items"]] == ["One", "Two"]

    run(body)


def test_an_authorizer_for_all() -> None:
    scheme = {
        "type": "apiKey",
        "name": "Custom-Authorization",
        "in": "header",
        "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": {
            "type": "request",
            "identitySource": "method.request.header.Custom-Authorization",
            "authorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:f/invocations",
            "authorizerResultTtlInSeconds": 300,
        },
    }
    any_method = {
        "parameters": [{"name": "data", "in": "path", "required": True, "type": "string"}],
        "responses": {},
        "x-amazon-apigateway-integration": MOCK,
    }
    given = document(
        paths={"/echo/{data}": {"x-amazon-apigateway-any-method": any_method}},
        security=[{"auth": []}],
        securityDefinitions={"auth": scheme},
    )
    given["x-amazon-apigateway-api-key-source"] = "AUTHORIZER"

    async def body(cloud: Cloud) -> None:
        api = await cloud.imported(given)
        assert api["apiKeySource"] == "AUTHORIZER"
        authorizer = (await cloud.v1("GetAuthorizers", restApiId=api["id"]))["items"][0]
        assert {name: value for name, value in authorizer.items() if name not in ("id", "authorizerUri")} == {
            "authType": "custom",
            "authorizerResultTtlInSeconds": 300,
            "identitySource": "method.request.header.Custom-Authorization",
            "name": "auth",
            "type": "REQUEST",
        }
        method = await cloud.method(api["id"], "/echo/{data}", "ANY")
        assert (method["authorizationType"], method["authorizerId"]) == ("CUSTOM", authorizer["id"])
        assert method["requestParameters"] == {"method.request.path.data": True}
        assert method["apiKeyRequired"] is False

    run(body)


def test_parameters_of_an_import() -> None:
    async def body(cloud: Cloud) -> None:
        given = document(basePath="/v1/shop", paths={"/a": {}})
        parameters = {"endpointConfigurationTypes": "REGIONAL", "basepath": "prepend"}
        api = await cloud.imported(given, parameters=parameters)
        assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
        assert list(await cloud.paths(api["id"])) == ["/", "/v1", "/v1/shop", "/v1/shop/a"]

    run(body)


def test_warnings_and_errors_of_an_import() -> None:
    integration = {**MOCK, "requestParameters": {"integration.request.header.nothing": True}}
    given = document(paths={"/test": {"get": {"responses": {}, "x-amazon-apigateway-integration": integration}}})
    warning = (
        "Invalid format for 'requestParameters'. Expected type string for property "
        "'integration.request.header.nothing' of resource '/test' and method 'GET' but got 'true'"
    )

    async def body(cloud: Cloud) -> None:
        assert (await cloud.imported(given))["warnings"] == [warning]
        with pytest.raises(ServiceError) as failed:
            await cloud.imported(given, failOnWarnings=True)
        assert failed.value.message == f"Warnings found during import:\n\t{warning}"
        with pytest.raises(ServiceError) as failed:
            await cloud.imported({**given, "definitions": {"a-b": {}}})
        assert failed.value.message == (
            "Errors found during import:\n\tUnable to create model for 'a-b': Model name must be alphanumeric: a-b\n"
            f"Additionally, these warnings were found:\n\t{warning}"
        )
        for text in (b"", b"{", b"openapi: 4.0.0"):
            with pytest.raises(ServiceError) as failed:
                await cloud.v1("ImportRestApi", body=text)
            assert failed.value.code == "BadRequestException"
        siblings = document(paths={"/a/{b}": {}, "/a/{c}": {}})
        with pytest.raises(ServiceError, match="A sibling"):
            await cloud.imported(siblings)
        assert len((await cloud.v1("GetRestApis"))["items"]) == 1

    run(body)


PETS = document(
    info={"title": "PetStore", "description": "pets"},
    paths={
        "/pets": {
            "post": {
                "operationId": "CreatePet",
                "consumes": ["application/json"],
                "parameters": [{"in": "body", "name": "NewPet", "schema": {"$ref": "#/definitions/NewPet"}}],
                "responses": {
                    "200": {
                        "schema": {"$ref": "#/definitions/Pet"},
                        "headers": {"Access-Control-Allow-Origin": {"type": "string"}},
                    }
                },
                "x-amazon-apigateway-integration": {
                    "type": "http",
                    "httpMethod": "POST",
                    "uri": "http://petstore.example.com/pets",
                    "responses": {
                        "default": {
                            "statusCode": "200",
                            "responseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"},
                        }
                    },
                },
            }
        },
        "/pets/{petId}": {
            "get": {
                "operationId": "GetPet",
                "parameters": [
                    {"in": "path", "name": "petId", "required": True, "type": "string"},
                    {"in": "query", "name": "type", "type": "string"},
                ],
                "responses": {"200": {}},
                "x-amazon-apigateway-integration": MOCK,
            }
        },
    },
    definitions={
        "NewPet": {"type": "object", "properties": {"type": {"$ref": "#/definitions/PetType"}}},
        "Pet": {"type": "object"},
        "PetType": {"type": "string", "enum": ["dog"]},
        "Unused": {"type": "object"},
    },
)


def test_export() -> None:
    async def body(cloud: Cloud) -> None:
        api = (await cloud.imported(PETS))["id"]
        await cloud.v1("CreateDeployment", restApiId=api, stageName="local")
        where = {"restApiId": api, "stageName": "local", "exportType": "oas30"}
        plain = await cloud.v1("GetExport", **where)
        assert plain["contentType"] == "application/octet-stream"
        date = "2023-11-14T22:13:20Z"
        assert plain["contentDisposition"] == f'attachment; filename="oas30_{date}.json"'
        found = json.loads(plain["body"])
        assert found["info"] == {"title": "PetStore", "description": "pets", "version": date}
        assert found["servers"] == [
            {
                "url": f"http://{api}.execute-api.localhost:4566/{{basePath}}",
                "variables": {"basePath": {"default": "local"}},
            }
        ]
        post = {
            "operationId": "CreatePet",
            "requestBody": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewPet"}}},
                "required": True,
            },
            "responses": {
                "200": {
                    "description": "200 response",
                    "headers": {"Access-Control-Allow-Origin": {"schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}},
                }
            },
        }
        assert found["paths"]["/pets"] == {"post": post}
        assert found["paths"]["/pets/{petId}"]["get"]["parameters"] == [
            {"name": "petId", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "type", "in": "query", "schema": {"type": "string"}},
        ]
        assert found["components"] == {
            "schemas": {
                "NewPet": {"type": "object", "properties": {"type": {"$ref": "#/components/schemas/PetType"}}},
                "Pet": {"type": "object"},
                "PetType": {"type": "string", "enum": ["dog"]},
            }
        }
        extended = await cloud.v1("GetExport", **where, parameters={"extensions": "integrations"})
        assert json.loads(extended["body"])["paths"]["/pets"]["post"] == {
            **post,
            "x-amazon-apigateway-integration": {
                "type": "http",
                "httpMethod": "POST",
                "uri": "http://petstore.example.com/pets",
                "passthroughBehavior": "when_no_match",
                "responses": {
                    "default": {
                        "statusCode": "200",
                        "responseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"},
                    }
                },
            },
        }

    run(body)


def test_export_as_swagger_in_yaml_reads_again() -> None:
    async def body(cloud: Cloud) -> None:
        api = (await cloud.imported(PETS))["id"]
        await cloud.v1("CreateDeployment", restApiId=api, stageName="local")
        where = {"restApiId": api, "stageName": "local", "exportType": "swagger", "accepts": "application/yaml"}
        made = await cloud.v1("GetExport", **where, parameters={"extensions": "apigateway"})
        found = yaml.safe_load(made["body"])
        assert (found["swagger"], found["basePath"]) == ("2.0", "/local")
        again = (await cloud.v1("ImportRestApi", body=made["body"]))["id"]
        assert await cloud.paths(again) == await cloud.paths(api)
        for wrong in ({"exportType": "raml"}, {"accepts": "text/html"}, {"stageName": "no"}):
            with pytest.raises(ServiceError):
                await cloud.v1("GetExport", **{**where, **wrong})

    run(body)


def test_what_single_operations_refuse_is_refused_in_a_document() -> None:
    integration = {"type": "aws", "uri": "arn:x", "responses": {"default": {"responseParameters": {"a": "b"}}}}
    get = {"responses": {}, "security": [{"auth": []}], "x-amazon-apigateway-integration": integration}
    scheme = {"type": "apiKey", "name": "A", "in": "header", "x-amazon-apigateway-authorizer": {"type": "token"}}
    given = document(paths={"/": {"get": get}}, securityDefinitions={"auth": scheme})
    given["x-amazon-apigateway-gateway-responses"] = {"NO": {}}

    async def body(cloud: Cloud) -> None:
        with pytest.raises(ServiceError) as failed:
            await cloud.imported(given)
        assert [line.strip() for line in failed.value.message.split("\n")] == [
            "Errors found during import:",
            "Unable to create authorizer 'auth': Invalid Authorizer URI: None. Authorizer URI should be a valid API "
            "Gateway ARN that represents a Lambda function invocation.",
            "Unable to put gateway response 'NO': Invalid response type specified",
            "Unable to put integration on 'GET' for resource at path '/': Enumeration value for HttpMethod must be "
            "non-empty",
            "Unable to put integration response on 'GET' for resource at path '/': Invalid mapping expression "
            "specified: Validation Result: warnings : [], errors : [Invalid mapping expression parameter specified: a]",
        ]

    run(body)


def test_a_role_that_the_caller_may_not_hand_on() -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/admin"
    given = document(
        paths={"/": {"get": {"responses": {}, "x-amazon-apigateway-integration": {**MOCK, "credentials": role}}}}
    )

    async def body(cloud: Cloud) -> None:
        made = (await cloud.call("iam", "CreateUser", UserName="dev"))["User"]
        user = Caller(kind=Principal.USER, account=ACCOUNT, arn=made["Arn"], user_id=made["UserId"])

        async def allow(*actions: str) -> None:
            statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            await cloud.call("iam", "PutUserPolicy", UserName="dev", PolicyName="p", PolicyDocument=policy)

        await allow("apigateway:*")
        text = json.dumps(given).encode()
        with pytest.raises(ServiceError) as failed:
            await cloud.call("apigateway", "ImportRestApi", user, body=text)
        assert failed.value.code == "AccessDeniedException"
        assert failed.value.message == (
            f"User: {user.arn} is not authorized to perform: iam:PassRole on resource: {role} because no "
            "identity-based policy allows the iam:PassRole action"
        )
        await allow("apigateway:*", "iam:PassRole")
        assert (await cloud.call("apigateway", "ImportRestApi", user, body=text))["name"] == "shop"

    run(body)


def test_as_many_resources_as_there_may_be() -> None:
    async def body(cloud: Cloud) -> None:
        given = document(paths={f"/a{number}": {} for number in range(300)})
        given["info"]["description"] = "x" * (65 << 10)  # long enough to be parsed beside the loop
        with pytest.raises(ServiceError, match="Maximum number of resources for this API has been reached"):
            await cloud.imported(given)
        del given["paths"]["/a0"]
        assert (
            len((await cloud.v1("GetResources", restApiId=(await cloud.imported(given))["id"], limit=500))["items"])
            == 300
        )

    run(body)
