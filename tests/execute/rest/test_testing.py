"""TestInvokeMethod and TestInvokeAuthorizer."""

from __future__ import annotations

from lambent.execute.testing import TestingRoom
from lambent.services.apigateway.model import Authorizer
from lambent.services.apigateway.testing import Trial
from tests.execute.rest.making import FUNCTION, INVOCATIONS, Functions, Making, lambda_proxy
from tests.execute.rest.test_authorization import grant
from tests.support import TestCloud


async def test_a_method_is_tested_without_a_stage() -> None:
    cloud = TestCloud()
    made = Functions(foo=lambda event: {"statusCode": 200, "body": f"response: {event['body']}", "headers": {}})
    cloud.targets["lambda"] = made  # type: ignore[assignment]
    making = Making(cloud)
    making.method("/foo/{id}", "ANY", lambda_proxy("foo"), authorization="AWS_IAM", api_key_required=True)
    room = cloud.targets["apigateway"]
    assert isinstance(room, TestingRoom)
    [resource] = making.snapshot().resources
    trial = Trial(
        path="/foo/1?queryTest=value",
        headers={"content-type": ["application/json"]},
        body='{"test": "val123"}',
        stage_variables={"a": "b"},
    )
    tested = await room.test_invoke(making.snapshot(), resource, resource.methods["ANY"], trial)
    assert (tested.status, tested.body) == (200, 'response: {"test": "val123"}')
    assert tested.headers["Content-Type"] == ["application/json"]
    assert tested.headers["X-Amzn-Trace-Id"][0].startswith("Root=1-")
    lines = tested.log.splitlines()
    assert lines[0].startswith("Execution log for request ")
    texts = [line.partition(" : ")[2] for line in lines[1:]]
    assert texts[0].startswith("Starting execution for request: ")
    assert texts[1:6] == [
        "HTTP Method: GET, Resource Path: /foo/1",
        "Method request path: {id=1}",
        "Method request query string: {queryTest=value}",
        "Method request headers: {content-type=application/json}",
        'Method request body before transformations: {"test": "val123"}',
    ]
    address = f"https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{FUNCTION}foo/invocations"
    assert texts[6] == f"Endpoint request URI: {address}"
    assert texts[7].startswith("Endpoint request headers: {x-amzn-lambda-integration-tag=")
    assert texts[8].startswith('Endpoint request body after transformations: {"resource":"/foo/{id}"')
    assert texts[9:11] == [
        f"Sending request to {address}",
        "Received response. Status: 200, Integration latency: 0 ms",
    ]
    assert texts[11].startswith("Endpoint response headers: {Content-Type=application/json, Content-Length=")
    assert texts[12].startswith('Endpoint response body before transformations: {"statusCode":200,')
    assert texts[13] == 'Method response body after transformations: response: {"test": "val123"}'
    assert texts[14].startswith("Method response headers: {X-Amzn-Trace-Id=Root=1-")
    assert texts[14].endswith(", Content-Type=application/json}")
    assert texts[-2:] == ["Successfully completed execution", "Method completed with status: 200"]
    assert lines[1].startswith("Tue Nov 14 22:13:20 UTC 2023 : ")
    event = made.events[0][1]
    assert event["requestContext"]["stage"] == "test-invoke-stage"
    assert event["requestContext"]["identity"]["sourceIp"] == "test-invoke-source-ip"
    assert (event["pathParameters"], event["stageVariables"]) == ({"id": "1"}, {"a": "b"})


async def test_an_authorizer_is_tested() -> None:
    cloud = TestCloud()
    cloud.targets["lambda"] = Functions(auth=lambda event: grant(context={"a": 1}))  # type: ignore[assignment]
    making = Making(cloud)
    room = cloud.targets["apigateway"]
    assert isinstance(room, TestingRoom)
    one = Authorizer(
        id="a", name="a", type="TOKEN", uri=INVOCATIONS % "auth", identity_source="method.request.header.Authorization"
    )
    tested = await room.test_authorizer(making.snapshot(), one, Trial(headers={"Authorization": ["x"]}))
    assert (tested.client_status, tested.principal_id) == (200, "me")
    assert '"Effect":"Allow"' in tested.policy
    assert tested.authorization == {"a": ["1"]}
    tested = await room.test_authorizer(making.snapshot(), one, Trial())
    assert (tested.client_status, tested.policy) == (401, "")
