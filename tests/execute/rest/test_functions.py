"""Lambda integrations: the proxy's event and answers, and mappings around a function."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.kv import outbox
from lambent.services.apigateway.model import Integration, IntegrationResponse
from tests.execute.rest.making import INVOCATIONS, Functions, Making, echo, header, json, lambda_proxy, mock
from tests.support import ACCOUNT, REGION, TestCloud

HEADERS = {
    "Accept": "application/json",
    "Content-Type": "application/json",
    "Host": "abcdefghij.execute-api.localhost:4566",
    "User-Agent": "test/integration",
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Port": "4566",
    "X-Forwarded-Proto": "http",
    "headervar": "request-value",
}
"""What the function is shown of the headers that are sent below."""
NOBODY = dict.fromkeys(
    (
        *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
        *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn"),
    )
)
"""The identity of a caller of whom nothing is known."""


def functions(cloud: TestCloud, **named: Any) -> Functions:
    made = Functions(**named)
    cloud.targets["lambda"] = made  # type: ignore[assignment]
    return made


async def test_the_event_of_the_proxy() -> None:
    cloud = TestCloud()
    functions(cloud, echo=echo)
    making = Making(cloud)
    making.method("/{pathVariable}", "POST", lambda_proxy("echo"))
    await making.deploy("test")
    answer = await making.ask(
        "POST",
        "/foo%20bar?testQueryString=foo&testVar=a&testVar=b%20c&empty",
        stage="test",
        headers={
            "Accept": "application/json",
            "User-Agent": "test/integration",
            "headerVar": "request-value",
            "Content-Type": "application/json",
            "Content-Length": "2",
            "Connection": "close",
        },
        body=b'{"message": "hello world"}',
    )
    event = json(answer)
    context = event.pop("requestContext")
    trace = event["headers"].pop("X-Amzn-Trace-Id")
    assert event["multiValueHeaders"].pop("X-Amzn-Trace-Id") == [trace]
    assert header(answer, "X-Amzn-Trace-Id") == trace
    headers = HEADERS
    assert event == {
        "resource": "/{pathVariable}",
        "path": "/foo%20bar",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {"testQueryString": "foo", "testVar": "b c", "empty": ""},
        "multiValueQueryStringParameters": {"testQueryString": ["foo"], "testVar": ["a", "b c"], "empty": [""]},
        "pathParameters": {"pathVariable": "foo%20bar"},
        "stageVariables": None,
        "body": '{"message": "hello world"}',
        "isBase64Encoded": False,
    }
    assert context == {
        "accountId": ACCOUNT,
        "apiId": "abcdefghij",
        "deploymentId": "d1",
        "domainName": "abcdefghij.execute-api.localhost",
        "domainPrefix": "abcdefghij",
        "extendedRequestId": header(answer, "x-amz-apigw-id"),
        "httpMethod": "POST",
        "identity": {**NOBODY, "sourceIp": "127.0.0.1", "userAgent": "test/integration"},
        "path": "/test/foo%20bar",
        "protocol": "HTTP/1.1",
        "requestId": header(answer, "x-amzn-RequestId"),
        "requestTime": "14/Nov/2023:22:13:20 +0000",
        "requestTimeEpoch": 1_700_000_000_000,
        "resourceId": "r0",
        "resourcePath": "/{pathVariable}",
        "stage": "test",
    }


async def test_an_event_without_anything_has_nulls() -> None:
    cloud = TestCloud()
    made = functions(cloud, echo=echo)
    making = Making(cloud)
    making.method("/", "ANY", lambda_proxy("echo"))
    await making.deploy()
    event = json(await making.ask("GET", "/"))
    empty = ("queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body")
    assert [event[name] for name in empty] == [None] * 5
    assert (event["path"], event["resource"], event["requestContext"]["path"]) == ("/", "/", "/dev/")
    assert made.sources == [f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abcdefghij/dev/GET/"]


async def test_what_a_function_answers() -> None:
    cloud = TestCloud()
    result: dict[str, Any] = {}
    functions(cloud, it=lambda event: result)
    making = Making(cloud)
    making.method("/", "GET", lambda_proxy("it"))
    await making.deploy()
    result |= {
        "statusCode": "201",
        "headers": {"x-one": 1, "X-Two": "no\r\nX-Evil: 1", "set-cookie": "a=1", "Date": "today", "x-true": True},
        "multiValueHeaders": {"Set-Cookie": ["b=2", "c=3"]},
        "body": "text",
    }
    answer = await making.ask("GET", "")
    assert (answer.status, answer.body) == (201, b"text")
    assert [value for name, value in answer.headers if name.lower() == "set-cookie"] == ["b=2", "c=3"]
    assert header(answer, "x-one") == "1"
    assert header(answer, "x-true") == "true"
    assert header(answer, "x-two") == "noX-Evil: 1"
    assert header(answer, "x-amzn-remapped-date") == "today"
    assert header(answer, "content-type") == "application/json"


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "unknown": 1},
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 100},
        {"statusCode": 600},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": {}}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a\r\nb": "c"}},
        {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
        ["a"],
        "text",
        None,
        b"no json",
    ],
)
async def test_a_malformed_answer_is_a_bad_gateway(result: Any) -> None:
    cloud = TestCloud()
    functions(cloud, it=lambda event: result)
    making = Making(cloud)
    making.method("/", "GET", lambda_proxy("it"))
    await making.deploy()
    answer = await making.ask("GET", "")
    assert (answer.status, json(answer)) == (502, {"message": "Internal server error"})
    assert header(answer, "x-amzn-ErrorType") == "InternalServerErrorException"


async def test_functions_that_fail_are_missing_or_not_posted_to() -> None:
    cloud = TestCloud()

    def fail(event: Any) -> Any:
        raise ValueError("no")

    functions(cloud, fail=fail, echo=echo)
    making = Making(cloud)
    making.method("/fail", "GET", lambda_proxy("fail"))
    making.method("/missing", "GET", lambda_proxy("missing"))
    making.method("/get", "GET", Integration(type="AWS_PROXY", http_method="GET", uri=INVOCATIONS % "echo"))
    making.method("/elsewhere", "GET", Integration(type="AWS_PROXY", http_method="POST", uri="arn:aws:nothing"))
    await making.deploy()
    statuses = [(await making.ask("GET", path)).status for path in ("/fail", "/missing", "/get", "/elsewhere")]
    assert statuses == [502, 500, 500, 500]


async def test_binary_bodies_go_as_base64_both_ways() -> None:
    cloud = TestCloud()

    def binary(event: Any) -> Any:
        assert event["isBase64Encoded"] is (event["headers"].get("Content-Type") == "image/png")
        return {"statusCode": 200, "body": event["body"], "isBase64Encoded": True}

    functions(cloud, binary=binary)
    making = Making(cloud, binary_media_types=("image/*",))
    making.method("/", "POST", lambda_proxy("binary"))
    await making.deploy()
    image = {"Content-Type": "image/png", "Accept": "image/png, */*"}
    assert (await making.ask("POST", "", headers=image, body=b"\x00\xff")).body == b"\x00\xff"
    image["Accept"] = "*/*"
    assert (await making.ask("POST", "", headers=image, body=b"\x00\xff")).body == b"AP8="
    text = {"Content-Type": "text/plain", "Accept": "image/png"}
    assert (await making.ask("POST", "", headers=text, body=b"AP8=")).body == b"\x00\xff"


async def test_stage_variables_choose_the_function() -> None:
    cloud = TestCloud()
    made = functions(cloud, blue=lambda event: {"body": "blue"}, green=lambda event: {"body": "green"})
    making = Making(cloud)
    uri = INVOCATIONS % "${stageVariables.colour}"
    making.method("/", "GET", Integration(type="AWS_PROXY", http_method="POST", uri=uri))
    await making.deploy(variables={"colour": "blue"})
    assert (await making.ask("GET", "")).body == b"blue"
    await making.stage(variables={"colour": "green"})
    assert (await making.ask("GET", "")).body == b"green"
    assert made.events[-1][1]["stageVariables"] == {"colour": "green"}


async def test_a_function_with_mappings() -> None:
    cloud = TestCloud()

    def it(event: Any) -> Any:
        if event.get("fail"):
            raise ValueError("Not Found: " + event["fail"])
        return {"message": "hello world", "event": event}

    functions(cloud, it=it)
    making = Making(cloud)
    responses = {
        "200": IntegrationResponse(status_code="200"),
        "404": IntegrationResponse(
            status_code="404",
            selection_pattern="Not Found:.*",
            templates={"application/json": '{"error": "$input.path(\'$.errorMessage\')"}'},
            parameters={"method.response.header.x-type": "integration.response.body.errorType"},
        ),
    }
    making.method(
        "/{id}",
        "POST",
        Integration(
            type="AWS",
            http_method="POST",
            uri=INVOCATIONS % "it",
            templates={"application/json": '{"id": "$input.params(\'id\')", "fail": $input.json(\'$.fail\')}'},
            responses=responses,
        ),
    )
    await making.deploy()
    answer = await making.ask("POST", "/a%20b", body=b'{"fail": ""}')
    assert json(answer) == {"message": "hello world", "event": {"id": "a b", "fail": ""}}
    answer = await making.ask("POST", "/7", body=b'{"fail": "seven"}')
    assert (answer.status, json(answer)) == (404, {"error": "Not Found: seven"})
    assert header(answer, "x-type") == "ValueError"
    answer = await making.ask("POST", "/7", body=b"no json")
    assert answer.status == 400


@pytest.mark.parametrize("name", ["authorization", "connection", "content-length", "expect", "te", "transfer-encoding"])
async def test_some_headers_are_not_to_be_mapped(name: str) -> None:
    cloud = TestCloud()
    functions(cloud, echo=lambda event: event)
    making = Making(cloud)
    making.method(
        "/",
        "GET",
        Integration(
            type="AWS",
            http_method="POST",
            uri=INVOCATIONS % "echo",
            parameters={f"integration.request.header.{name}": "'value'"},
            responses={"200": IntegrationResponse(status_code="200")},
        ),
    )
    await making.deploy()
    answer = await making.ask("GET", "")
    assert (answer.status, json(answer)) == (500, {"message": "Internal server error"})


async def test_a_function_that_takes_too_long_times_out() -> None:
    cloud = TestCloud()

    class Slow(Functions):
        async def invoke(self, *args: Any, **named: Any) -> Any:
            cloud.clock.advance(50_000_000)

            await asyncio.Event().wait()

    cloud.targets["lambda"] = Slow()  # type: ignore[assignment]
    making = Making(cloud)
    making.method("/", "GET", lambda_proxy("slow", timeout_ms=50))
    await making.deploy()
    answer = await making.ask("GET", "")
    assert (answer.status, json(answer)) == (504, {"message": "Endpoint request timed out"})
    await cloud.cancel_spawned()


async def test_a_function_that_nobody_waits_for() -> None:
    cloud = TestCloud()
    made = functions(cloud, it=echo)
    making = Making(cloud)
    integration = Integration(
        type="AWS",
        http_method="POST",
        uri=INVOCATIONS % "it",
        parameters={"integration.request.header.X-Amz-Invocation-Type": "'Event'"},
        responses={"202": IntegrationResponse(status_code="202")},
    )
    making.method("/", "POST", integration)
    await making.deploy()
    answer = await making.ask("POST", "", body=b'{"a": 1}')
    assert (answer.status, answer.body) == (202, b"")
    assert made.events == []
    [(_, claimed)] = await cloud.store.read(outbox.pending)
    event = claimed.entry.event
    assert (event.target.split(":")[6], event.payload, event.principal) == (
        "it",
        b'{"a": 1}',
        "apigateway.amazonaws.com",
    )


async def test_templates_see_no_headers_of_the_connection() -> None:
    making = Making(TestCloud())
    names = [
        "Accept",
        "Authorization",
        "Connection",
        "Content-Length",
        "Content-MD5",
        "Expect",
        "Host",
        "TE",
        "Upgrade",
    ]
    template = "\n".join(f"{name}=$input.params('{name}')" for name in names)
    responses = {"200": IntegrationResponse(status_code="200", templates={"application/json": template})}
    making.method("/", "GET", mock(responses=responses))
    await making.deploy()
    answer = await making.ask("GET", "", headers={name: "sent" for name in names if name != "Host"})
    assert isinstance(answer.body, bytes)
    seen = dict(line.split("=", 1) for line in answer.body.decode().splitlines())
    assert {name for name, value in seen.items() if value} == {"Accept", "Authorization", "Host"}


async def test_what_a_mapping_sends_to_the_client_under_another_name() -> None:
    remapped = (
        *("Authorization", "Connection", "Content-Length", "Content-MD5", "Date", "Expect", "Host", "Max-Forwards"),
        *("Proxy-Authenticate", "Server", "Trailer", "Upgrade", "User-Agent", "WWW-Authenticate"),
    )
    same = ("Accept", "Age", "Content-Encoding", "Content-Type", "Pragma", "Range", "Referer", "TE", "Via", "Warn")
    names = (*remapped, *same, "Transfer-Encoding")
    parameters = {f"method.response.header.{name}": f"'param_{name}'" for name in names}
    responses = {"200": IntegrationResponse(status_code="200", parameters=parameters)}
    making = Making(TestCloud())
    making.method("/", "GET", mock(responses=responses))
    await making.deploy()
    answer = await making.ask("GET", "")
    sent = {name: value for name, value in answer.headers if value.startswith("param_")}
    assert sent == {
        **{f"x-amzn-Remapped-{name}": f"param_{name}" for name in remapped},
        **{name: f"param_{name}" for name in same},
    }
