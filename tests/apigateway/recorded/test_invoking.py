"""What stages answered: mocks, routing, templates over bodies, tested methods."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.execute.rest.making import Functions

from .building import MEDIA, Building, kind, said
from .wire import Like, Wire, missing


@pytest.mark.recorded("TestIntegrations::test_mock_integration_response[NEVER-UrlType.HOST_BASED-GET]")
@pytest.mark.recorded("TestIntegrations::test_mock_integration_response[NEVER-UrlType.HOST_BASED-POST]")
@pytest.mark.recorded("TestIntegrations::test_mock_integration_response[NEVER-UrlType.PATH_BASED-GET]")
@pytest.mark.recorded("TestIntegrations::test_mock_integration_response[WHEN_NO_MATCH-UrlType.HOST_BASED-GET]")
@pytest.mark.recorded("TestIntegrations::test_mock_integration_response[WHEN_NO_MATCH-UrlType.HOST_BASED-POST]")
@pytest.mark.recorded("TestIntegrations::test_mock_integration_response[WHEN_NO_TEMPLATES-UrlType.HOST_BASED-GET]")
@pytest.mark.recorded("TestIntegrations::test_mock_integration_response[WHEN_NO_TEMPLATES-UrlType.PATH_BASED-POST]")
@pytest.mark.parametrize("passthrough", ["NEVER", "WHEN_NO_MATCH", "WHEN_NO_TEMPLATES"])
@pytest.mark.parametrize("by_path", [False, True])
@pytest.mark.parametrize("verb", ["GET", "POST"])
async def test_a_mock(passthrough: str, by_path: bool, verb: str) -> None:
    api = await Building.begin()
    await api.mock("/mock", verb, '{"statusCode": 200, "id": 42}', passthroughBehavior=passthrough)
    await api.deploy()
    answer = await api.send(verb, "/mock", by_path=by_path)
    assert (answer.status, said(answer)) == (200, {"statusCode": 200, "id": 42})


@pytest.mark.recorded("TestAPIGateway::test_api_gateway_mock_integration")
async def test_a_mock_of_a_document() -> None:
    wire = Wire()
    mock = {
        "type": "mock",
        "passthroughBehavior": "when_no_templates",
        "requestTemplates": {MEDIA: '{"statusCode": 200}'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseTemplates": {MEDIA: '{"echo": "$input.params(\'data\')", "response": "mocked"}'},
            }
        },
    }
    operation = {"responses": {"200": {"description": "echo"}}, "x-amazon-apigateway-integration": mock}
    paths = {"/echo/{data}": {"x-amazon-apigateway-any-method": operation}}
    body = json.dumps({"swagger": "2.0", "info": {"version": "1", "title": "echo"}, "paths": paths}).encode()
    made = await wire.made("ImportRestApi", body=body)
    await wire.made("CreateDeployment", restApiId=made["id"], stageName="dev")
    answer = await wire.send("POST", made["id"], "/echo/foobar", body=b"{}")
    assert (answer.status, said(answer)) == (200, {"echo": "foobar", "response": "mocked"})


@pytest.mark.recorded("TestApigatewayRouting::test_routing_not_found")
async def test_what_is_not_there() -> None:
    api = await Building.begin()
    await api.mock("/existing", "GET", '{"statusCode": 200, "message": "exists"}')
    await api.deploy()
    answer = await api.send("GET", "/existing")
    assert (answer.status, said(answer)) == (200, {"statusCode": 200, "message": "exists"})
    for verb, path in (("GET", "/random-path"), ("POST", "/existing")):
        answer = await api.send(verb, path)
        assert (answer.status, said(answer)) == (403, {"message": "Missing Authentication Token"})
        assert kind(answer) == "MissingAuthenticationTokenException"


@pytest.mark.recorded("TestApiGatewayCommon::test_input_path_template_formatting")
@pytest.mark.parametrize(
    ("template", "body", "text"),
    [
        ("$input.path('$.json')", {"json": [{"foo": "bar"}]}, '[{"foo":"bar"}]'),
        ("$input.path('$.json[0]')", {"json": [{"foo": "bar"}]}, "{foo=bar}"),
        ("$input.path('$.json')", {"json": {"foo": "bar"}}, "{foo=bar}"),
        ("$input.path('$.json')", {"json": {"foo": [{"nested": "bar"}]}}, '{foo=[{"nested":"bar"}]}'),
        (
            "$input.path('$.json')",
            {"json": {"bigger": "dict", "to": "test", "with": "separators"}},
            "{bigger=dict, to=test, with=separators}",
        ),
        ("$input.path('$')", {"foo": "bar"}, "{foo=bar}"),
        ("$input.path('$')", {"list": [{"foo": "bar"}]}, '{list=[{"foo":"bar"}]}'),
        ("$input.path('$').toString()", {"foo": "bar"}, "{foo=bar}"),
        ("$input.path('$').toString()", {"list": [{"foo": "bar"}]}, '{list=[{"foo":"bar"}]}'),
        ("$input.path('$.nested.list')", {"nested": {"list": [{"foo": "bar"}]}}, '[{"foo":"bar"}]'),
        ("$input.path('$.nested')", {"nested": {"foo": "bar"}}, "{foo=bar}"),
    ],
)
async def test_values_of_paths(template: str, body: Any, text: str) -> None:
    api = await Building.begin()
    await api.mock("/path", "POST", template)
    await api.deploy()
    assert (await api.send("POST", "/path", body=json.dumps(body).encode())).body == text.encode()


NULLS = """#set($result = $input.path('$.json'))
{"body": $result, "nested": $result.nested, \
"isNull": "#if($result == $null)true#{else}false#end", "isEmptyString": "#if($result == '')true#{else}false#end"}"""


@pytest.mark.recorded("TestApiGatewayCommon::test_input_path_template_formatting")
@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"json": []}', '{"body": [], "nested": , "isNull": "false", "isEmptyString": "false"}'),
        (b'{"json": null}', '{"body": , "nested": , "isNull": "true", "isEmptyString": "true"}'),
        (b"", '{"body": , "nested": , "isNull": "true", "isEmptyString": "true"}'),
    ],
)
async def test_paths_that_find_nothing(body: bytes, text: str) -> None:
    api = await Building.begin()
    await api.mock("/path", "POST", NULLS)
    await api.deploy()
    assert (await api.send("POST", "/path", body=body)).body == text.encode()


PETS = """#set($id = $input.params('petId')){"petId": "$id"}"""
WHEN = r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4} : "


def log(verb: str, path: str, names: str, query: str, body: str, answer: str) -> Like:
    """The log of a tested mock."""
    lines = (
        f"HTTP Method: {verb}, Resource Path: {path}",
        f"Method request path: {names}",
        f"Method request query string: {query}",
        "Method request headers: {}",
        f"Method request body before transformations: {body}",
        f"Method response body after transformations: {answer}",
        f"Method response headers: {{Content-Type={MEDIA}}}",
        "Successfully completed execution",
        "Method completed with status: 200",
    )
    return _log(*lines)


def _log(*lines: str) -> Like:
    wanted = "".join(f"{WHEN}{re.escape(line)}\n" for line in lines)
    identity = "[0-9a-f-]{36}"
    return Like(f"Execution log for request ({identity})\n{WHEN}Starting execution for request: \\1\n{wanted}")


@pytest.mark.recorded("TestApigatewayTestInvoke::test_invoke_test_method")
async def test_mocks_are_tested() -> None:
    api = await Building.begin()
    await api.mock("/pets", "GET", '{"pets": "all the pets"}')
    pets = dict(api.where)
    await api.mock("/pets/{petId}", "POST", PETS)
    await api.mock("/pets/{petId}", "GET", PETS)
    pet = dict(api.where)
    for where, verb, given, expected, names, query in (
        (pets, "GET", {}, '{"pets": "all the pets"}', "{}", "{}"),
        (pets, "GET", {"pathWithQueryString": "/random/test"}, '{"pets": "all the pets"}', "{}", "{}"),
        (pet, "GET", {"pathWithQueryString": "/pets/123"}, '{"petId": "123"}', "{petId=123}", "{}"),
        (pet, "GET", {"pathWithQueryString": "/random/test"}, '{"petId": ""}', "{}", "{}"),
        (pet, "GET", {}, '{"petId": "{petId}"}', "{petId={petId}}", "{}"),
        (pet, "GET", {"pathWithQueryString": "/pets/123?foo=bar"}, '{"petId": "123"}', "{petId=123}", "{foo=bar}"),
        (
            pet,
            "POST",
            {"pathWithQueryString": "/pets/123", "body": '{"foo": "bar"}'},
            '{"petId": "123"}',
            "{petId=123}",
            "{}",
        ),
    ):
        default = "/pets" if where is pets else "/pets/{petId}"
        path = given.get("pathWithQueryString", default).partition("?")[0]
        tested = await api.wire.ask("TestInvokeMethod", **{**where, "httpMethod": verb}, **given)
        assert tested == (
            200,
            {
                "status": 200,
                "body": expected,
                "headers": {"Content-Type": MEDIA},
                "multiValueHeaders": {"Content-Type": [MEDIA]},
                "latency": 0,
                "log": log(verb, path, names, query, given.get("body", ""), expected),
            },
        )
    none = missing("Invalid Resource identifier specified")
    assert await api.wire.ask("TestInvokeMethod", **{**pets, "restApiId": "none"}) == none
    assert await api.wire.ask("TestInvokeMethod", **{**pets, "resourceId": "none"}) == none
    no_method = missing("Invalid Method identifier specified")
    assert await api.wire.ask("TestInvokeMethod", **{**pets, "httpMethod": "POST"}) == no_method


@pytest.mark.recorded("TestAPIGateway::test_apigw_test_invoke_method_api")
async def test_a_function_is_tested() -> None:
    api = await Building.begin()

    def answer(event: Any) -> bytes:
        text = f"response from localstack lambda: {json.dumps(event, separators=(',', ':'))}"
        body = {"statusCode": 200, "body": json.dumps(text), "isBase64Encoded": False, "headers": {}}
        return json.dumps(body, separators=(",", ":")).encode()

    api.wire.cloud.targets["lambda"] = Functions(foo=answer)  # type: ignore[assignment]
    function = "arn:aws:lambda:us-east-1:000000000000:function:foo"
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
    await api.method("/foo", "GET", {"type": "AWS", "uri": uri, "integrationHttpMethod": "POST"})
    address = f"https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{function}/invocations"
    for given, query, headers, body, event in (
        ({}, "{}", "{}", "", {}),
        (
            {"queryTest": "value"},
            "{queryTest=value}",
            "{content-type=application/json}",
            '{"test": "val123"}',
            {"test": "val123"},
        ),
    ):
        path = "/foo?queryTest=value" if given else "/foo"
        more = {"body": body, "headers": {"content-type": "application/json"}} if body else {}
        status, tested = await api.wire.ask("TestInvokeMethod", **api.where, pathWithQueryString=path, **more)
        expected = answer(event).decode()
        trace = tested["headers"]["X-Amzn-Trace-Id"]
        assert (status, tested["status"], tested["body"]) == (200, 200, expected)
        assert tested["headers"] == {"Content-Type": MEDIA, "X-Amzn-Trace-Id": Like("Root=1-.*")}
        assert tested["multiValueHeaders"] == {"Content-Type": [MEDIA], "X-Amzn-Trace-Id": [trace]}
        texts = [line.partition(" : ")[2] for line in tested["log"].split("\n")]
        assert texts[2:7] == [
            "HTTP Method: GET, Resource Path: /foo",
            "Method request path: {}",
            f"Method request query string: {query}",
            f"Method request headers: {headers}",
            f"Method request body before transformations: {body}",
        ]
        assert texts[7] == f"Endpoint request URI: {address}"
        assert texts[8] == Like(
            "Endpoint request headers: {x-amzn-lambda-integration-tag=[0-9a-f-]{36}, "
            f"x-amzn-apigateway-api-id={api.id}, Accept=application/json, User-Agent=AmazonAPIGateway_{api.id}}}"
        )
        assert texts[9:12] == [
            f"Endpoint request body after transformations: {body}",
            f"Sending request to {address}",
            "Received response. Status: 200, Integration latency: 0 ms",
        ]
        assert texts[12] == Like(
            f"Endpoint response headers: {{Content-Type={MEDIA}, Content-Length={len(expected)}, "
            f"X-Amzn-Trace-Id={trace}}}"
        )
        assert texts[13:] == [
            f"Endpoint response body before transformations: {expected}",
            f"Method response body after transformations: {expected}",
            f"Method response headers: {{X-Amzn-Trace-Id={trace}, Content-Type={MEDIA}}}",
            "Successfully completed execution",
            "Method completed with status: 200",
            "",
        ]
