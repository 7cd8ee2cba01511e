"""Integrations and their responses as AWS was recorded to answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from .wire import Answer, Like, Of, Wire, bad, invalid, missing, patch, refusal

NO_RESOURCE = missing("Invalid Resource identifier specified")
NO_METHOD = missing("Invalid Method identifier specified")
NO_INTEGRATION = missing("Invalid Integration identifier specified")
NO_STATUS = missing("Invalid Response status code specified")
NO_VERB = bad("Enumeration value for HttpMethod must be non-empty")
NO_ARN = bad("Invalid ARN specified in the request")
NO_PATH = bad("AWS ARN for integration must contain path or action")
PROXIES = bad(
    "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
)
SERIALIZED = refusal(
    400, "SerializationException", "class java.lang.Boolean can not be converted to an String", modelled=False
)
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:MyLambda"
INVOCATIONS = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
OBJECT = "arn:aws:apigateway:us-east-1:s3:path/b/k"
ROLE = "arn:aws:iam::000000000000:role/service-role/testfunction-role-oe783psq"


def shown(kind: str, **more: Any) -> dict[str, Any]:
    """An integration as answers show it."""
    found = {
        "type": kind,
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29000,
        "cacheNamespace": Like("[a-z0-9]{6,10}"),
        "cacheKeyParameters": [],
    }
    web = {"connectionType": "INTERNET"} if kind.startswith("HTTP") else {}
    return {**found, **web, **more}


async def method(wire: Wire, verb: str = "GET", **params: Any) -> dict[str, Any]:
    """Where a new method is."""
    made = await wire.made("CreateRestApi", name="books")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": verb}
    await wire.made("PutMethod", **where, authorizationType="NONE", **params)
    return where


@pytest.mark.recorded("test_put_integration_validation")
@pytest.mark.recorded("test_error_aws_proxy_not_supported")
@pytest.mark.recorded("test_put_integration_aws_proxy_uri")
@pytest.mark.recorded("TestApigatewayIntegration::test_put_integration_wrong_type")
@pytest.mark.parametrize(
    ("kind", "verb", "uri", "expected"),
    [
        ("AWS", "", OBJECT, NO_VERB),
        ("HTTP", "", "http://example.com", NO_VERB),
        ("HTTP_PROXY", "", "http://example.com", NO_VERB),
        ("HTTP", "POST", "non-sensical-uri", bad("Invalid HTTP endpoint specified for URI")),
        ("HTTP_PROXY", "POST", "non-sensical-uri", bad("Invalid HTTP endpoint specified for URI")),
        ("AWS", "POST", "non-sensical-arn", NO_ARN),
        ("AWS", "POST", "arn:aws:iam::0000000000:role/service-role/asdf", NO_PATH),
        ("AWS_PROXY", "POST", OBJECT, PROXIES),
        ("AWS_PROXY", "POST", "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", PROXIES),
        ("AWS_PROXY", "POST", INVOCATIONS.replace(FUNCTION, "MyLambda"), PROXIES),
        ("AWS_PROXY", "POST", "arn:aws:apigateway:us-east-1:firehose:path/PutRecord", PROXIES),
        ("AWS_PROXY", "POST", FUNCTION, NO_PATH),
        ("AWS_PROXY", "POST", "arn:aws:apigateway:us-east-1:lambda:wrong/x", NO_PATH),
        ("AWS_PROXY", "POST", "function:MyLambda", NO_ARN),
        (
            "HTTPS_PROXY",
            "POST",
            "http://example.com",
            invalid(
                "1 validation error detected: Value 'HTTPS_PROXY' at 'putIntegrationInput.type' failed to satisfy "
                "constraint: Member must satisfy enum value set: [HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]"
            ),
        ),
    ],
)
async def test_integrations_that_cannot_be(kind: str, verb: str, uri: str, expected: Answer) -> None:
    wire = Wire()
    where = await method(wire)
    given = {"type": kind, "uri": uri, "credentials": ROLE, **({"integrationHttpMethod": verb} if verb else {})}
    assert await wire.ask("PutIntegration", **where, **given) == expected


@pytest.mark.recorded("test_put_integration_validation")
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("MOCK", {}),
        ("HTTP", {"uri": "http://example.com"}),
        ("HTTP_PROXY", {"uri": "http://example.com"}),
        ("AWS", {"uri": INVOCATIONS}),
        ("AWS_PROXY", {"uri": INVOCATIONS}),
        ("AWS", {"uri": OBJECT, "credentials": ROLE}),
    ],
)
async def test_integrations(kind: str, given: dict[str, str]) -> None:
    wire = Wire()
    where = await method(wire)
    verb = {} if kind == "MOCK" else {"integrationHttpMethod": "POST"}
    answer = await wire.ask("PutIntegration", **where, type=kind, **verb, **given)
    there = {} if kind == "MOCK" else {"httpMethod": "POST"}
    assert answer == (201, shown(kind, **there, **given))


@pytest.mark.recorded("TestApigatewayIntegration::test_create_integration_with_vpc_link")
async def test_a_link_by_a_stage_variable() -> None:
    wire = Wire()
    where = await method(wire)
    uri = "http://my-vpclink-test-nlb-1234567890abcdef.us-east-1.amazonaws.com"
    link = {"connectionType": "VPC_LINK", "connectionId": "${stageVariables.vpcLinkId}"}
    made = shown("HTTP_PROXY", httpMethod="GET", uri=uri, **link)
    put = {"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": uri, **link}
    assert await wire.ask("PutIntegration", **where, **put) == (201, made)
    assert await wire.ask("GetIntegration", **where) == (200, made)
    patches = [patch("replace", "/connectionId", "${stageVariables.vpcLinkIdBeta}")]
    changed = (200, {**made, "connectionId": "${stageVariables.vpcLinkIdBeta}"})
    assert await wire.ask("UpdateIntegration", **where, patchOperations=patches) == changed
    assert await wire.ask("GetIntegration", **where) == changed


@pytest.mark.recorded("TestApigatewayIntegration::test_put_integration_request_parameter_bool_type")
async def test_parameters_that_are_no_texts() -> None:
    wire = Wire()
    made = await wire.made("CreateRestApi", name="books")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    declared = {"method.request.path.testPath": True}
    method = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": "GET", "requestParameters": declared}
    assert await wire.ask("PutMethod", **where, authorizationType="NONE", requestParameters=declared) == (201, method)
    put = {**where, "type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "http://example.com"}
    target = "integration.request.path.testPath"
    assert await wire.ask("PutIntegration", **put, requestParameters={target: True}) == SERIALIZED
    wrong = {target: True, "integration.request.path.other": "method.request.path.testPath"}
    assert await wire.ask("PutIntegration", **put, requestParameters=wrong) == SERIALIZED
    assert await wire.ask("PutIntegration", **put, requestParameters={target: "true"}) == bad(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : "
        "[Invalid mapping expression specified: true]"
    )


@pytest.mark.recorded("TestApigatewayIntegration::test_put_integration_response_validation")
async def test_what_an_integration_is_put_to_is_there() -> None:
    wire = Wire()
    where = await method(wire)
    mock, status = {"type": "MOCK"}, {"statusCode": "200"}
    await wire.made("PutMethodResponse", **where, **status)
    elsewhere, otherwise = {**where, "resourceId": "badres"}, {**where, "httpMethod": "POST"}
    assert await wire.ask("PutIntegration", **elsewhere, **mock) == NO_RESOURCE
    assert await wire.ask("PutIntegration", **otherwise, **mock) == NO_METHOD
    await wire.made("PutIntegration", **where, **mock)
    assert await wire.ask("PutIntegrationResponse", **elsewhere, **status) == NO_RESOURCE
    assert await wire.ask("PutIntegrationResponse", **otherwise, **status) == NO_METHOD


@pytest.mark.recorded("TestApigatewayIntegrationResponse::test_delete_integration_response_errors")
@pytest.mark.recorded("TestApigatewayIntegrationResponse::test_integration_response_wrong_status_code")
@pytest.mark.recorded("TestApigatewayIntegrationResponse::test_integration_response_invalid_statuscode")
async def test_responses_that_are_not_there() -> None:
    wire = Wire()
    where = await method(wire)
    await wire.made("PutMethodResponse", **where, statusCode="200")
    await wire.made("PutIntegration", **where, type="MOCK")
    templates = {"application/json": '"created"'}
    put = {"statusCode": "200", "selectionPattern": "", "responseTemplates": templates}
    assert await wire.ask("PutIntegrationResponse", **where, **put) == (201, put)
    for given, expected in (
        ({"restApiId": "badapi"}, NO_RESOURCE),
        ({"resourceId": "badresource"}, NO_RESOURCE),
        ({"httpMethod": "POST"}, NO_INTEGRATION),
        ({"httpMethod": "WRONG"}, NO_INTEGRATION),
        ({"statusCode": "201"}, NO_STATUS),
    ):
        one = {**where, "statusCode": "200", **given}
        assert await wire.ask("DeleteIntegrationResponse", **one) == expected, given
    assert await wire.ask("GetIntegrationResponse", **where, statusCode="201") == NO_STATUS
    wrong = invalid(
        "1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy constraint: Member must satisfy "
        r"regular expression pattern: [1-5]\d\d"
    )
    assert await wire.ask("GetIntegrationResponse", **where, statusCode="wrong") == wrong
    assert await wire.ask("PutIntegrationResponse", **where, statusCode="wrong") == wrong


@pytest.mark.recorded("test_put_integration_responses")
async def test_responses_of_an_integration() -> None:
    wire = Wire()
    made = await wire.made("CreateRestApi", name="books")
    given: dict[str, dict[str, Any]] = {
        "GET": {"selectionPattern": "2\\d{2}", "responseTemplates": {}},
        "PUT": {"selectionPattern": "2\\d{2}", "contentHandling": "CONVERT_TO_BINARY"},
    }
    put = {"type": "HTTP", "uri": "http://example.com"}
    integration = shown("HTTP", uri="http://example.com", httpMethod="POST")
    for verb, response in given.items():
        where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": verb}
        method = {"apiKeyRequired": False, "authorizationType": "NONE", "httpMethod": verb}
        status = {"statusCode": "200"}
        assert await wire.ask("PutMethod", **where, authorizationType="NONE") == (201, method)
        assert await wire.ask("PutMethodResponse", **where, **status) == (201, status)
        assert await wire.ask("PutIntegration", **where, **put, integrationHttpMethod="POST") == (201, integration)
        answer = (201, {**status, **response})
        assert await wire.ask("PutIntegrationResponse", **where, **status, **response) == answer
        assert await wire.ask("GetIntegrationResponse", **where, **status) == (200, answer[1])
        method["methodResponses"] = {"200": status}
        whole = {**method, "methodIntegration": {**integration, "integrationResponses": {"200": answer[1]}}}
        assert await wire.ask("GetMethod", **where) == (200, whole)
        if verb == "GET":
            deployed = (201, {"id": Like("[a-z0-9]{6}"), "createdDate": Of(datetime)})
            assert await wire.ask("CreateDeployment", restApiId=made["id"], stageName="local") == deployed
            assert await wire.ask("DeleteIntegrationResponse", **where, **status) == (204, {})
            assert await wire.ask("GetMethod", **where) == (200, {**method, "methodIntegration": integration})


@pytest.mark.recorded("test_put_integration_response_with_response_template")
async def test_a_response_with_a_template() -> None:
    wire = Wire()
    where = await method(wire)
    await wire.made("PutMethodResponse", **where, statusCode="200")
    await wire.made("PutIntegration", **where, type="HTTP", uri="http://example.com", integrationHttpMethod="POST")
    template = {"application/json": '{"data": "test"}'}
    response = {"statusCode": "200", "selectionPattern": "foobar", "responseTemplates": template}
    assert await wire.ask("PutIntegrationResponse", **where, **response) == (201, response)
    assert await wire.ask("GetIntegrationResponse", **where, statusCode="200") == (200, response)
