"""Integrations and their responses; texts as AWS words them."""

from __future__ import annotations

from typing import Any

import pytest

from .rest import NO_INTEGRATION, NO_METHOD, NO_RESOURCE, NO_STATUS, RestCloud, patch, refused

BAD = "BadRequestException"
FUNCTION = "arn:aws:lambda:us-east-1:111111111111:function:MyLambda"
LAMBDA = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
S3 = "arn:aws:apigateway:us-east-1:s3:path/b/k"
ROLE = "arn:aws:iam::000000000000:role/service-role/testfunction-role-oe783psq"
WEB = "http://example.com"
NO_VERB = (BAD, "Enumeration value for HttpMethod must be non-empty")
NO_URL = (BAD, "Invalid HTTP endpoint specified for URI")
NO_ARN = (BAD, "Invalid ARN specified in the request")
NO_PATH = (BAD, "AWS ARN for integration must contain path or action")
NO_PROXY = (
    BAD,
    "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations.",
)


async def cloud_with_method(verb: str = "GET", **params: Any) -> RestCloud:
    cloud = await RestCloud.with_api()
    await cloud.method(verb=verb, **params)
    return cloud


def put(cloud: RestCloud, **params: Any) -> Any:
    given = {"resourceId": cloud.root, "httpMethod": "GET", "integrationHttpMethod": "POST", **params}
    return cloud.do("PutIntegration", **given)


def shown(cloud: RestCloud, **members: Any) -> dict[str, Any]:
    first = {
        "cacheKeyParameters": [],
        "cacheNamespace": cloud.root,
        "httpMethod": "POST",
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
    }
    return {**first, **members}


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
async def test_web_integrations(kind: str) -> None:
    cloud = await cloud_with_method()
    made = await put(cloud, type=kind, uri=WEB)
    assert made == shown(cloud, type=kind, uri=WEB, connectionType="INTERNET")
    assert await refused(put(cloud, type=kind, uri="non-a-url")) == NO_URL
    assert await refused(cloud.do("PutIntegration", resourceId=cloud.root, httpMethod="GET", type=kind)) == NO_VERB


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
async def test_integrations_of_functions(kind: str) -> None:
    cloud = await cloud_with_method()
    assert await put(cloud, type=kind, uri=LAMBDA) == shown(cloud, type=kind, uri=LAMBDA)


async def test_an_integration_of_a_service() -> None:
    cloud = await cloud_with_method()
    made = await put(cloud, type="AWS", uri=S3, credentials=ROLE)
    assert made == shown(cloud, type="AWS", uri=S3, credentials=ROLE)
    assert (await refused(put(cloud, type="AWS", uri=S3)))[0] == BAD


async def test_a_mock_needs_no_verb() -> None:
    cloud = await cloud_with_method()
    made = await cloud.do("PutIntegration", resourceId=cloud.root, httpMethod="GET", type="MOCK")
    expected = shown(cloud, type="MOCK")
    del expected["httpMethod"]
    assert made == expected


@pytest.mark.parametrize(
    ("kind", "uri", "expected"),
    [
        ("AWS_PROXY", S3, NO_PROXY),
        ("AWS_PROXY", "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", NO_PROXY),
        ("AWS_PROXY", "arn:aws:apigateway:us-east-1:firehose:path/PutRecord", NO_PROXY),
        ("AWS_PROXY", "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/x/invocations", NO_PROXY),
        ("AWS_PROXY", FUNCTION, NO_PATH),
        ("AWS_PROXY", "arn:aws:apigateway:us-east-1:lambda:test/2015-03-31/x", NO_PATH),
        ("AWS_PROXY", "apigateway:us-east-1:lambda:path", NO_ARN),
        ("AWS", "arn:aws:iam::0000000000:role/rolename", NO_PATH),
        ("AWS", "non-an-arn", NO_ARN),
    ],
)
async def test_an_integration_of_a_service_is_refused(kind: str, uri: str, expected: tuple[str, str]) -> None:
    cloud = await cloud_with_method()
    assert await refused(put(cloud, type=kind, uri=uri, credentials=ROLE)) == expected


async def test_what_is_not_there() -> None:
    cloud = await cloud_with_method()
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "GET", "statusCode": "200"}
    assert await refused(put(cloud, type="MOCK", resourceId="nothing")) == NO_RESOURCE
    assert await refused(put(cloud, type="MOCK", httpMethod="POST")) == NO_METHOD
    response = "PutIntegrationResponse"
    assert await refused(cloud.do(response, **{**where, "resourceId": "nothing"})) == NO_RESOURCE
    assert await refused(cloud.do(response, **{**where, "httpMethod": "POST"})) == NO_METHOD
    assert await refused(cloud.do(response, **where)) == NO_INTEGRATION
    await put(cloud, type="MOCK")
    assert await refused(cloud.do(response, **where)) == NO_STATUS
    await cloud.do("PutMethodResponse", **where)
    made = await cloud.do(response, **where, selectionPattern="", responseTemplates={"application/json": '"created"'})
    assert made == {"responseTemplates": {"application/json": '"created"'}, "selectionPattern": "", "statusCode": "200"}
    delete = "DeleteIntegrationResponse"
    assert await refused(cloud.do(delete, **{**where, "restApiId": "nothing"})) == NO_RESOURCE
    assert await refused(cloud.do(delete, **{**where, "resourceId": "nothing"})) == NO_RESOURCE
    assert await refused(cloud.do(delete, **{**where, "httpMethod": "POST"})) == NO_INTEGRATION
    assert await refused(cloud.do(delete, **{**where, "statusCode": "201"})) == NO_STATUS
    assert await refused(cloud.do("GetIntegrationResponse", **{**where, "statusCode": "201"})) == NO_STATUS
    await cloud.do(delete, **where)
    assert await refused(cloud.do("GetIntegrationResponse", **where)) == NO_STATUS


async def test_responses_show_what_was_given_empty() -> None:
    cloud = await cloud_with_method()
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "GET", "statusCode": "200"}
    await put(cloud, type="HTTP", uri=WEB)
    await cloud.do("PutMethodResponse", **where)
    pattern = r"2\d{2}"
    made = await cloud.do("PutIntegrationResponse", **where, selectionPattern=pattern, responseTemplates={})
    assert made == {"responseTemplates": {}, "selectionPattern": pattern, "statusCode": "200"}
    assert await cloud.do("GetIntegrationResponse", **where) == made
    method = await cloud.do("GetMethod", resourceId=cloud.root, httpMethod="GET")
    assert method == {
        "apiKeyRequired": False,
        "authorizationType": "NONE",
        "httpMethod": "GET",
        "methodIntegration": shown(
            cloud, type="HTTP", uri=WEB, connectionType="INTERNET", integrationResponses={"200": made}
        ),
        "methodResponses": {"200": {"statusCode": "200"}},
    }
    made = await cloud.do(
        "PutIntegrationResponse", **where, selectionPattern=pattern, contentHandling="CONVERT_TO_BINARY"
    )
    assert made == {"contentHandling": "CONVERT_TO_BINARY", "selectionPattern": pattern, "statusCode": "200"}
    passed = await cloud.do("PutIntegrationResponse", **where, responseTemplates={"application/json": ""})
    assert passed == {"responseTemplates": {"application/json": None}, "statusCode": "200"}
    await cloud.do("DeleteIntegrationResponse", **where)
    method = await cloud.do("GetMethod", resourceId=cloud.root, httpMethod="GET")
    assert "integrationResponses" not in method["methodIntegration"]


async def test_mappings_name_what_is_declared() -> None:
    cloud = await cloud_with_method(requestParameters={"method.request.path.testPath": True})
    name = "integration.request.path.testPath"

    def with_source(source: str) -> Any:
        return put(cloud, type="HTTP", uri=WEB, requestParameters={name: source})

    def wrong(expression: str, noun: str = "expression") -> tuple[str, str]:
        errors = f"[Invalid mapping {noun} specified: {expression}]"
        return BAD, f"Invalid mapping expression specified: Validation Result: warnings : [], errors : {errors}"

    assert await refused(with_source("true")) == wrong("true")
    other = "method.request.path.other"
    assert await refused(with_source(other)) == wrong(other, "expression parameter")
    for source in ("method.request.path.testPath", "'static'", "context.requestId", "stageVariables.a"):
        assert (await with_source(source))["requestParameters"] == {name: source}
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "GET", "statusCode": "200"}
    await cloud.do("PutMethodResponse", **where, responseParameters={"method.response.header.ETag": False})
    etag = {"method.response.header.ETag": "integration.response.header.ETag"}
    made = await cloud.do("PutIntegrationResponse", **where, responseParameters=etag)
    assert made == {"responseParameters": etag, "statusCode": "200"}
    undeclared = {"method.response.header.X": "'1'"}
    assert (await refused(cloud.do("PutIntegrationResponse", **where, responseParameters=undeclared)))[0] == BAD


async def test_an_integration_changes() -> None:
    cloud = await cloud_with_method()
    await put(
        cloud,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri="http://my-vpclink.amazonaws.com",
        connectionType="VPC_LINK",
        connectionId="${stageVariables.vpcLinkId}",
    )
    where = {"resourceId": cloud.root, "httpMethod": "GET"}
    beta = "${stageVariables.vpcLinkIdBeta}"
    changed = await cloud.update("UpdateIntegration", patch("replace", "/connectionId", beta), **where)
    assert changed == shown(
        cloud,
        type="HTTP_PROXY",
        httpMethod="GET",
        uri="http://my-vpclink.amazonaws.com",
        connectionType="VPC_LINK",
        connectionId=beta,
    )
    assert await cloud.do("GetIntegration", **where) == changed
    changed = await cloud.update(
        "UpdateIntegration",
        patch("add", "/requestTemplates/application~1json", "{}"),
        patch("replace", "/timeoutInMillis", "100"),
        patch("add", "/cacheKeyParameters/method.request.path.x"),
        **where,
    )
    assert changed["requestTemplates"] == {"application/json": "{}"}
    assert changed["timeoutInMillis"] == 100
    assert changed["cacheKeyParameters"] == ["method.request.path.x"]
    for wrong in (patch("replace", "/timeoutInMillis", "7"), patch("replace", "/type", "AWS")):
        assert (await refused(cloud.update("UpdateIntegration", wrong, **where)))[0] == BAD
    await cloud.do("DeleteIntegration", **where)
    assert await refused(cloud.do("GetIntegration", **where)) == NO_INTEGRATION


async def test_a_response_changes_its_content_handling() -> None:
    cloud = await cloud_with_method()
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "GET", "statusCode": "200"}
    await put(cloud, type="MOCK")
    await cloud.do("PutMethodResponse", **where)
    template = {"application/json": '{"data": "$input.body"}'}
    await cloud.do("PutIntegrationResponse", **where, contentHandling="CONVERT_TO_TEXT", responseTemplates=template)
    change = patch("replace", "/contentHandling", "CONVERT_TO_BINARY")
    changed = await cloud.update("UpdateIntegrationResponse", change, **where)
    expected = {"contentHandling": "CONVERT_TO_BINARY", "responseTemplates": template, "statusCode": "200"}
    assert changed == await cloud.do("GetIntegrationResponse", **where) == expected
