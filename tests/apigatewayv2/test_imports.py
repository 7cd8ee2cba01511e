"""OpenAPI documents to HTTP APIs, and back."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import yaml

from lambent.services.apigateway.v2 import keys
from tests.support import TestCloud

from .support import FUNCTION, Api, refused

URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
DOCUMENT: dict[str, Any] = {
    "openapi": "3.0.1",
    "info": {"title": "shop", "version": "1.2", "description": "d"},
    "servers": [{"url": "https://x.example/base/{v}", "variables": {"v": {"default": "v1"}}}],
    "tags": [{"name": "team", "x-amazon-apigateway-tag-value": "a"}, {"name": "plain"}],
    "x-amazon-apigateway-cors": {"allowOrigins": ["https://a.example"], "allowMethods": ["GET"], "maxAge": 5},
    "components": {
        "securitySchemes": {
            "jwt": {
                "type": "oauth2",
                "x-amazon-apigateway-authorizer": {
                    "type": "jwt",
                    "identitySource": "$request.header.Authorization",
                    "jwtConfiguration": {"issuer": "https://i.example", "audience": ["a"]},
                },
            },
            "fn": {
                "type": "apiKey",
                "name": "x",
                "in": "header",
                "x-amazon-apigateway-authorizer": {
                    "type": "request",
                    "identitySource": "$request.header.x,$request.querystring.y",
                    "authorizerUri": URI,
                    "authorizerPayloadFormatVersion": "2.0",
                    "authorizerResultTtlInSeconds": 60,
                    "enableSimpleResponses": True,
                },
            },
            "sigv4": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authtype": "awsSigv4",
            },
        },
        "x-amazon-apigateway-integrations": {
            "shared": {"type": "aws_proxy", "uri": URI, "httpMethod": "POST", "payloadFormatVersion": "2.0"}
        },
    },
    "security": [{"sigv4": []}],
    "paths": {
        "/a": {
            "get": {
                "operationId": "getA",
                "security": [{"jwt": ["read"]}],
                "x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/shared"},
            },
            "x-amazon-apigateway-any-method": {
                "security": [],
                "x-amazon-apigateway-integration": {"$ref": "#/components/x-amazon-apigateway-integrations/shared"},
            },
        },
        "/b/{proxy+}": {
            "post": {
                "security": [{"fn": []}],
                "x-amazon-apigateway-integration": {
                    "type": "http_proxy",
                    "uri": "https://back.example/{proxy}",
                    "httpMethod": "any",
                    "timeoutInMillis": 100,
                    "requestParameters": {"append:header.a": "b"},
                    "responseParameters": {"200": {"overwrite:statuscode": "201"}},
                },
            }
        },
        "/$default": {
            "x-amazon-apigateway-any-method": {
                "isDefaultRoute": True,
                "x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": URI, "payloadFormatVersion": "1.0"},
            }
        },
    },
}


async def _imported(document: dict[str, Any] | str, **params: Any) -> Api:
    cloud = TestCloud()
    body = document if isinstance(document, str) else json.dumps(document)
    made = await cloud.call("apigatewayv2", "ImportApi", Body=body, **params)
    return Api(cloud, made["ApiId"])


async def _shape(api: Api) -> dict[str, Any]:
    """What an API is, without its ids."""
    found = await api.cloud.store.read(lambda tx: keys.find_api(tx, api.id))
    assert found is not None
    frozen = await api.cloud.store.read(lambda tx: keys.freeze(tx, found))
    integrations = {one.id: (one.type, one.uri, one.method, one.payload_format) for one in frozen.integrations}
    names = {one.id: one.name for one in frozen.authorizers}
    routes = {
        route.key: (
            route.operation_name,
            route.authorization_type,
            names.get(route.authorizer or ""),
            route.scopes,
            integrations.get(route.integration),
        )
        for route in frozen.routes
    }
    return {"routes": routes, "integrations": len(integrations), "cors": found.cors, "tags": found.tags}


def test_a_document_becomes_an_api() -> None:
    async def run() -> None:
        api = await _imported(DOCUMENT)
        shown = await api("GetApi")
        assert (shown["Name"], shown["Version"], shown["Description"]) == ("shop", "1.2", "d")
        assert shown["Tags"] == {"team": "a"}
        assert shown["CorsConfiguration"] == {
            "AllowOrigins": ["https://a.example"],
            "AllowMethods": ["GET"],
            "MaxAge": 5,
        }
        shared = ("AWS_PROXY", URI, "POST", "2.0")
        assert (await _shape(api))["routes"] == {
            "GET /a": ("getA", "JWT", "jwt", ("read",), shared),
            "ANY /a": (None, "NONE", None, (), shared),
            "POST /b/{proxy+}": (
                None,
                "CUSTOM",
                "fn",
                (),
                ("HTTP_PROXY", "https://back.example/{proxy}", "ANY", "1.0"),
            ),
            "$default": (None, "AWS_IAM", None, (), ("AWS_PROXY", URI, "POST", "1.0")),
        }
        assert (await _shape(api))["integrations"] == 3
        authorizers = {item["Name"]: item for item in (await api("GetAuthorizers"))["Items"]}
        assert authorizers["fn"]["IdentitySource"] == ["$request.header.x", "$request.querystring.y"]
        assert (authorizers["fn"]["AuthorizerResultTtlInSeconds"], authorizers["fn"]["EnableSimpleResponses"]) == (
            60,
            True,
        )

    asyncio.run(run())


@pytest.mark.parametrize(("base", "key"), [("ignore", "GET /a"), ("prepend", "GET /base/v1/a"), ("split", "GET /v1/a")])
def test_the_base_path(base: str, key: str) -> None:
    async def run() -> None:
        assert key in (await _shape(await _imported(DOCUMENT, Basepath=base)))["routes"]

    asyncio.run(run())


@pytest.mark.parametrize("output", ["JSON", "YAML"])
def test_what_is_exported_can_be_imported(output: str) -> None:
    async def run() -> None:
        api = await _imported(DOCUMENT)
        exported = (await api("ExportApi", Specification="OAS30", OutputType=output))["body"]
        document = json.loads(exported) if output == "JSON" else yaml.safe_load(exported)
        assert document["info"] == DOCUMENT["info"]
        copy = await _imported(exported.decode())
        before, after = await _shape(api), await _shape(copy)
        # The document has each route's integration written out.
        assert {**after, "integrations": 0} == {**before, "integrations": 0}
        bare = json.loads(
            (await api("ExportApi", Specification="OAS30", OutputType="JSON", IncludeExtensions=False))["body"]
        )
        assert "x-amazon-apigateway-integration" not in bare["paths"]["/a"]["get"]
        for wrong in (
            {"Specification": "OAS20", "OutputType": "JSON"},
            {"Specification": "OAS30", "OutputType": "XML"},
        ):
            assert (await api.refused("ExportApi", **wrong))[0] == "BadRequestException"

    asyncio.run(run())


def test_an_export_of_a_stage_is_what_was_deployed() -> None:
    async def run() -> None:
        api = await _imported(DOCUMENT)
        await api("CreateStage", StageName="dev")
        asked = {"Specification": "OAS30", "OutputType": "JSON", "StageName": "dev"}
        assert (await api.refused("ExportApi", **asked))[0] == "BadRequestException"
        await api("CreateDeployment", StageName="dev")
        await api("CreateRoute", RouteKey="GET /new")
        document = json.loads((await api("ExportApi", **asked))["body"])
        assert "/new" not in document["paths"]
        assert document["servers"][0]["variables"]["basePath"]["default"] == "dev"

    asyncio.run(run())


def test_importing_again_replaces() -> None:
    async def run() -> None:
        api = await _imported(DOCUMENT)
        await api("CreateStage", StageName="$default", AutoDeploy=True)
        before = await api("GetStage", StageName="$default")
        ids = {route["RouteKey"]: route["RouteId"] for route in (await api("GetRoutes"))["Items"]}
        smaller = {**DOCUMENT, "paths": {"/a": DOCUMENT["paths"]["/a"]}, "info": {"title": "less", "version": "2"}}
        shown = await api("ReimportApi", Body=json.dumps(smaller))
        assert (shown["Name"], shown["ApiId"]) == ("less", api.id)
        routes = {route["RouteKey"]: route["RouteId"] for route in (await api("GetRoutes"))["Items"]}
        assert routes == {key: ids[key] for key in ("GET /a", "ANY /a")}
        assert len((await api("GetIntegrations"))["Items"]) == 1
        assert (await api("GetStage", StageName="$default"))["DeploymentId"] != before["DeploymentId"]

    asyncio.run(run())


@pytest.mark.parametrize(
    "document",
    [
        "no document",
        "{}",
        json.dumps({"swagger": "2.0", "info": {"title": "x", "version": "1"}, "paths": {}}),
        json.dumps({"openapi": "3.0.1", "info": {}, "paths": {}}),
        json.dumps(
            {
                "openapi": "3.0.1",
                "info": {"title": "x"},
                "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"type": "mock"}}}},
            }
        ),
        json.dumps({"openapi": "3.0.1", "info": {"title": "x"}, "x-amazon-apigateway-cors": {"maxAge": "soon"}}),
        json.dumps({"openapi": "3.0.1", "info": {"title": "x"}, "paths": {"a b": {"get": {}}}}),
        json.dumps(
            {
                "openapi": "3.0.1",
                "info": {"title": "x"},
                "paths": {"/a": {"get": {"x-amazon-apigateway-integration": {"$ref": "#/components/none"}}}},
            }
        ),
    ],
)
def test_documents_that_are_refused(document: str) -> None:
    async def run() -> None:
        cloud = TestCloud()
        assert (await refused(cloud, "ImportApi", Body=document))[0] == "BadRequestException"
        assert (await cloud.call("apigatewayv2", "GetApis"))["Items"] == []

    asyncio.run(run())


def test_warnings() -> None:
    async def run() -> None:
        document = {"openapi": "3.0.1", "info": {"title": "x"}, "paths": {"/a": {"get": {}}}}
        api = await _imported(document)
        assert (await api("GetApi"))["ImportInfo"] == ["The route GET /a has no integration."]
        failing = await refused(TestCloud(), "ImportApi", Body=json.dumps(document), FailOnWarnings=True)
        assert failing[0] == "BadRequestException"
        assert "no integration" in failing[1]

    asyncio.run(run())
