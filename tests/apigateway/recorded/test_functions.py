"""Functions behind stages, validators before them and authorizers, as AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.caller import Caller
from lambent.contracts.functions import Outcome
from lambent.contracts.ports import Cloud
from lambent.execute import calls
from tests.execute.rest.making import echo, role

from .building import MEDIA, Building, said, uri
from .wire import Like, patch

HELLO = b'{"message": "hello world"}'


@pytest.mark.recorded("test_lambda_aws_integration")
async def test_a_function_with_mappings(monkeypatch: pytest.MonkeyPatch) -> None:
    api = await Building.begin()
    callers = []

    async def invoke(cloud: Cloud, caller: Caller, arn: str, payload: bytes, *, wait: bool) -> Outcome:
        callers.append(caller.arn)
        return Outcome(payload=payload)

    monkeypatch.setattr(calls, "invoke_as", invoke)
    where = {"restApiId": api.id, "resourceId": await api.resource("/test"), "httpMethod": "POST"}
    method = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "POST"}
    assert await api.wire.ask("PutMethod", **where, authorizationType="NONE") == (201, method)
    assert await api.wire.ask("PutMethodResponse", **where, statusCode="200") == (201, {"statusCode": "200"})
    given = {"type": "AWS", "uri": uri("echo"), "credentials": await role(api.wire.cloud)}
    assert await api.wire.ask("PutIntegration", **where, **given, integrationHttpMethod="POST") == (
        201,
        {
            **given,
            "httpMethod": "POST",
            "cacheKeyParameters": [],
            "cacheNamespace": where["resourceId"],
            "passthroughBehavior": "WHEN_NO_MATCH",
            "timeoutInMillis": 29000,
        },
    )
    assert await api.wire.ask("PutIntegrationResponse", **where, statusCode="200") == (201, {"statusCode": "200"})
    await api.deploy()
    answer = await api.send("POST", "/test", body=HELLO)
    assert (answer.status, said(answer)) == (200, {"message": "hello world"})
    assert callers == ["arn:aws:sts::000000000000:assumed-role/api/BackplaneAssumeRoleSession"]


@pytest.mark.recorded("test_lambda_aws_proxy_integration_non_post_method")
async def test_a_proxy_that_is_not_posted_to() -> None:
    api = await Building.begin()
    api.functions(echo=echo)
    await api.method("/", "GET", {"type": "AWS_PROXY", "uri": uri("echo"), "integrationHttpMethod": "GET"})
    await api.deploy()
    answer = await api.send("GET", "/")
    assert (answer.status, said(answer)) == (500, {"message": "Internal server error"})


SENT = {
    "Accept": MEDIA,
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": MEDIA,
    "User-Agent": "test/integration",
    "foobar": "mapped-value",
    "headerVar": "request-value",
}
IDENTITY = (
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn"),
)


@pytest.mark.recorded("test_lambda_aws_proxy_integration_request_data_mapping")
async def test_a_proxys_event_shows_no_mappings() -> None:
    api = await Building.begin()
    api.functions(echo=echo)
    declared = {
        "method.request.header.foobar": False,
        "method.request.path.pathVariable": True,
        "method.request.querystring.testQueryString": False,
    }
    mapped = {
        "integration.request.header.headerVar": "method.request.header.foobar",
        "integration.request.path.qs1": "method.request.querystring.testQueryString",
        "integration.request.querystring.testVar": "method.request.path.pathVariable",
    }
    proxy = {"type": "AWS_PROXY", "uri": uri("echo"), "integrationHttpMethod": "POST", "requestParameters": mapped}
    await api.method("/{pathVariable}", "POST", proxy, requestParameters=declared)
    made = await api.wire.made("CreateDeployment", restApiId=api.id, stageName="test")
    path = "/foobar?testQueryString=foo&testVar=bar"
    answer = await api.send("POST", path, stage="test", headers=SENT, body=HELLO)
    given = dict(answer.headers)
    host = f"{api.id}.execute-api.localhost"
    headers = {
        **SENT,
        "Host": f"{host}:4566",
        "X-Amzn-Trace-Id": given["X-Amzn-Trace-Id"],
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": "4566",
        "X-Forwarded-Proto": "http",
    }
    identity: dict[str, Any] = dict.fromkeys(IDENTITY)
    assert (answer.status, said(answer)) == (
        200,
        {
            "body": HELLO.decode(),
            "headers": headers,
            "httpMethod": "POST",
            "isBase64Encoded": False,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "multiValueQueryStringParameters": {"testQueryString": ["foo"], "testVar": ["bar"]},
            "path": "/foobar",
            "pathParameters": {"pathVariable": "foobar"},
            "queryStringParameters": {"testQueryString": "foo", "testVar": "bar"},
            "requestContext": {
                "accountId": "000000000000",
                "apiId": api.id,
                "deploymentId": made["id"],
                "domainName": host,
                "domainPrefix": api.id,
                "extendedRequestId": given["x-amz-apigw-id"],
                "httpMethod": "POST",
                "identity": {**identity, "sourceIp": "127.0.0.1", "userAgent": "test/integration"},
                "path": "/test/foobar",
                "protocol": "HTTP/1.1",
                "requestId": given["x-amzn-RequestId"],
                "requestTime": "14/Nov/2023:22:13:20 +0000",
                "requestTimeEpoch": 1_700_000_000_000,
                "resourceId": api.paths["/{pathVariable}"],
                "resourcePath": "/{pathVariable}",
                "stage": "test",
            },
            "resource": "/{pathVariable}",
            "stageVariables": None,
        },
    )


@pytest.mark.recorded("TestAPIGateway::test_apigateway_with_custom_authorization_method")
async def test_an_authorizer_of_a_method() -> None:
    api = await Building.begin()
    given = {"name": "lambda_authorizer", "type": "TOKEN", "identitySource": "method.request.header.Auth"}
    status, made = await api.wire.ask("CreateAuthorizer", restApiId=api.id, authorizerUri=uri("check"), **given)
    expected = {**given, "id": Like("[a-z0-9]{6}"), "authType": "custom", "authorizerUri": uri("check")}
    assert (status, made) == (201, expected)
    method = {"httpMethod": "GET", "authorizationType": "CUSTOM", "authorizerId": made["id"], "apiKeyRequired": True}
    assert await api.wire.ask("PutMethod", restApiId=api.id, resourceId=api.root, **method) == (201, method)


SCHEMA = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "title": "testSchema",
    "type": "object",
    "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
    "required": ["a", "b"],
}
REFUSED = {"message": "Invalid request body"}


async def model(api: Building, name: str, schema: dict[str, Any]) -> None:
    given = {"name": name, "contentType": MEDIA, "schema": json.dumps(schema)}
    await api.wire.made("CreateModel", restApiId=api.id, **given)


async def validator(api: Building, *, parameters: bool) -> str:
    given = {"name": "test-validator", "validateRequestBody": True, "validateRequestParameters": parameters}
    made: str = (await api.wire.made("CreateRequestValidator", restApiId=api.id, **given))["id"]
    return made


@pytest.mark.recorded("TestApiGatewayCommon::test_api_gateway_request_validator")
async def test_a_validator() -> None:
    api = await Building.begin()
    api.functions(echo=lambda event: {"statusCode": 200, "body": "ok"})
    await model(api, "testSchema", SCHEMA)
    checks = await validator(api, parameters=True)
    names = ("path.issuer", "header.x-header-param", "querystring.qs1")
    required = {f"method.request.{name}": True for name in names}
    proxy = {"type": "AWS_PROXY", "uri": uri("echo"), "integrationHttpMethod": "POST"}
    for verb, models in (("GET", {}), ("POST", {"requestModels": {MEDIA: "testSchema"}})):
        await api.method("/{test}", verb, proxy, requestParameters=required, requestValidatorId=checks, **models)
    path = "/requestParameters/method.request.path."

    async def rename(old: str, new: str) -> None:
        for verb in ("GET", "POST"):
            where = {**api.where, "httpMethod": verb}
            patches = [patch("remove", f"{path}{old}"), patch("add", f"{path}{new}", "true")]
            answer = await api.wire.ask("UpdateMethod", **where, patchOperations=patches)
            models = {"requestModels": {MEDIA: "testSchema"}} if verb == "POST" else {}
            assert answer == (
                200,
                {
                    "apiKeyRequired": False,
                    "authorizationType": "NONE",
                    "httpMethod": verb,
                    "methodIntegration": {
                        "cacheKeyParameters": [],
                        "cacheNamespace": api.paths["/{test}"],
                        "httpMethod": "POST",
                        "integrationResponses": {"200": {"statusCode": "200"}},
                        "passthroughBehavior": "WHEN_NO_MATCH",
                        "timeoutInMillis": 29000,
                        "type": "AWS_PROXY",
                        "uri": uri("echo"),
                    },
                    "methodResponses": {"200": {"statusCode": "200"}},
                    **models,
                    "requestParameters": {**{n: True for n in required if "path" not in n}, f"{path[19:]}{new}": True},
                    "requestValidatorId": checks,
                },
            )
        await api.deploy()

    await rename("issuer", "test")
    good, header = b'{"a": 1, "b": 2}', {"x-header-param": "x"}
    for verb, sent, query, body, expected in (
        ("POST", header, "?qs1=1", good, None),
        ("POST", header, "?qs1=1", b'{"a": 1}', "Invalid request body"),
        ("POST", header, "?qs1=1", b"", "Invalid request body"),
        ("GET", {}, "?qs1=1", b"", "Missing required request parameters: [x-header-param]"),
        ("GET", header, "", b"", "Missing required request parameters: [qs1]"),
    ):
        answer = await api.send(verb, f"/value{query}", headers=sent, body=body)
        if expected is None:
            assert (answer.status, answer.body) == (200, b"ok")
        else:
            assert (answer.status, said(answer)) == (400, {"message": expected})
    await rename("test", "issuer")
    answer = await api.send("POST", "/value")
    lacking = {"message": "Missing required request parameters: [x-header-param, issuer, qs1]"}
    assert (answer.status, said(answer)) == (400, lacking)
    await rename("issuer", "test")
    off = [patch("replace", f"/validateRequest{what}", "false") for what in ("Body", "Parameters")]
    one = {"restApiId": api.id, "requestValidatorId": checks}
    plain = {"name": "test-validator", "validateRequestBody": False, "validateRequestParameters": False}
    assert await api.wire.ask("UpdateRequestValidator", **one, patchOperations=off) == (200, {"id": checks, **plain})
    await api.deploy()
    assert (await api.send("POST", "/value")).body == b"ok"


OWN = {"contentType": MEDIA, "id": Like("[a-z0-9]{6}")}
FIRST = [
    {
        **OWN,
        "name": "Empty",
        "description": "This is a default empty schema model",
        "schema": {"$schema": SCHEMA["$schema"], "title": "Empty Schema", "type": "object"},
    },
    {
        **OWN,
        "name": "Error",
        "description": "This is a default error schema model",
        "schema": {
            "$schema": SCHEMA["$schema"],
            "title": "Error Schema",
            "type": "object",
            "properties": {"message": {"type": "string"}},
        },
    },
]
"""The models that every API begins with."""


async def models(api: Building) -> list[dict[str, Any]]:
    """All models, their schemas read."""
    items = (await api.wire.made("GetModels", restApiId=api.id))["items"]
    return sorted(({**one, "schema": json.loads(one["schema"])} for one in items), key=lambda one: str(one["name"]))


async def validated(api: Building, name: str) -> None:
    """A mock whose bodies are of a model."""
    checks = {"requestValidatorId": await validator(api, parameters=False), "requestModels": {MEDIA: name}}
    mock = {"type": "MOCK", "requestTemplates": {MEDIA: '{"statusCode": 200}'}}
    await api.method("/path", "POST", mock, response={"responseTemplates": {MEDIA: '{"data": "ok"}'}}, **checks)
    await api.deploy()


async def check(api: Building, body: Any, good: bool) -> None:
    answer = await api.send("POST", "/path", body=json.dumps(body).encode())
    assert (answer.status, said(answer)) == ((200, {"data": "ok"}) if good else (400, REFUSED)), body


@pytest.mark.recorded("TestApiGatewayCommon::test_api_gateway_request_validator_with_ref_models")
async def test_models_that_refer_to_models() -> None:
    api = await Building.begin()
    await model(api, "testSchema", SCHEMA)
    address = f"https://apigateway.amazonaws.com/restapis/{api.id}/models"
    many = {"type": "array", "items": {"$ref": f"{address}/testSchema"}}
    await model(api, "testSchemaList", many)
    second = {**OWN, "name": "testSchemaList", "schema": many}
    assert await models(api) == [*FIRST, {**OWN, "name": "testSchema", "schema": SCHEMA}, second]
    await validated(api, "testSchemaList")
    await check(api, [{"a": 1, "b": 2}], True)
    await check(api, [{"a": 1, "b": 2}, {"a": 1}], False)


@pytest.mark.recorded("TestApiGatewayCommon::test_api_gateway_request_validator_with_ref_one_ofmodels")
async def test_models_that_may_be_one_of_others() -> None:
    api = await Building.begin()
    status = {
        "type": "object",
        "properties": {"Status": {"type": "string"}, "Order": {"type": "integer"}},
        "required": ["Status", "Order"],
    }
    await model(api, "StatusModel", status)
    reference = {"$ref": f"https://apigateway.amazonaws.com/restapis/{api.id}/models/StatusModel"}
    test = {
        "type": "object",
        "properties": {"status": {"oneOf": [{"type": "null"}, reference]}},
        "required": ["status"],
    }
    await model(api, "TestModel", test)
    expected = [{**OWN, "name": "StatusModel", "schema": status}, {**OWN, "name": "TestModel", "schema": test}]
    assert await models(api) == [*FIRST, *expected]
    await validated(api, "TestModel")
    await check(api, {"status": None}, True)
    await check(api, {"status": {"Status": "works", "Order": 1}}, True)
    await check(api, {}, False)
    await check(api, {"status": {"BadStatus": "?", "Order": "2"}}, False)
