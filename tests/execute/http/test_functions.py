"""Routes that functions answer: what they are told, and what is made of what they return."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import orjson
import pytest

from lambent.contracts.functions import Outcome, TooManyRequests
from lambent.execute.http.answers import from_payload
from lambent.execute.http.refusals import Refusal
from tests.support import ACCOUNT, REGION, TestCloud

from .support import body, function_arn, header, new_api


def test_format_two() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("POST /a/{id}", lambda event: "")
        await api.v2("UpdateStage", StageName="$default", StageVariables={"v": "1"})
        await api.ask(
            "POST",
            "/a/x%20y?p=1&q=a%26b&p=2&e",
            b'{"k":1}',
            content_type="application/json",
            cookie="c1=1; c2=2",
            user_agent="agent",
            x_forwarded_for="203.0.113.9",
        )
        event = api.functions.events[0]
        context = event.pop("requestContext")
        headers = event.pop("headers")
        assert event == {
            "version": "2.0",
            "routeKey": "POST /a/{id}",
            "rawPath": "/a/x y",
            "rawQueryString": "p=1&q=a%26b&p=2&e",
            "cookies": ["c1=1", "c2=2"],
            "queryStringParameters": {"p": "1,2", "q": "a&b", "e": ""},
            "pathParameters": {"id": "x y"},
            "stageVariables": {"v": "1"},
            "body": '{"k":1}',
            "isBase64Encoded": False,
        }
        trace = headers.pop("x-amzn-trace-id")
        assert trace.startswith("Root=1-6553f100-")
        assert headers == {
            "content-length": "7",
            "content-type": "application/json",
            "host": f"{api.id}.execute-api.localhost:4566",
            "user-agent": "agent",
            "x-forwarded-for": "203.0.113.9, 192.0.2.7",
            "x-forwarded-port": "4566",
            "x-forwarded-proto": "http",
        }
        assert len(context.pop("requestId")) == 16
        assert context == {
            "accountId": ACCOUNT,
            "apiId": api.id,
            "domainName": f"{api.id}.execute-api.localhost",
            "domainPrefix": api.id,
            "http": {
                "method": "POST",
                "path": "/a/x y",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.7",
                "userAgent": "agent",
            },
            "routeKey": "POST /a/{id}",
            "stage": "$default",
            "time": "14/Nov/2023:22:13:20 +0000",
            "timeEpoch": 1_700_000_000_000,
        }
        assert api.functions.sources == [f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/$default/POST/a/{{id}}"]

    asyncio.run(run())


def test_format_two_leaves_out_what_is_not_there() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("$default", lambda event: "")
        await api.ask("GET", "/")
        assert set(api.functions.events[0]) == {
            *("version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded")
        }
        assert api.functions.sources[0].endswith("/$default/$default")

    asyncio.run(run())


def test_format_one() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("ANY /a/{id}", lambda event: {"statusCode": 200}, version="1.0")
        await api.ask("GET", "/a/7?p=1&p=2", cookie="c=1")
        event = api.functions.events[0]
        context = event.pop("requestContext")
        headers = event.pop("headers")
        assert event.pop("multiValueHeaders") == {name: [value] for name, value in headers.items()}
        assert headers["cookie"] == "c=1"
        assert event == {
            "version": "1.0",
            "resource": "/a/{id}",
            "path": "/a/7",
            "httpMethod": "GET",
            "queryStringParameters": {"p": "2"},
            "multiValueQueryStringParameters": {"p": ["1", "2"]},
            "pathParameters": {"id": "7"},
            "stageVariables": None,
            "body": None,
            "isBase64Encoded": False,
        }
        assert (context["resourcePath"], context["stage"], context["identity"]["sourceIp"]) == (
            "/a/{id}",
            "$default",
            "192.0.2.7",
        )
        assert (context["requestTime"], context["requestTimeEpoch"]) == (
            "14/Nov/2023:22:13:20 +0000",
            1_700_000_000_000,
        )

    asyncio.run(run())


@pytest.mark.parametrize(
    ("content_type", "sent", "encoded"),
    [
        ("text/plain", b"x", False),
        ("application/json; charset=utf-8", b"{}", False),
        ("application/problem+json", b"{}", False),
        ("application/x-www-form-urlencoded", b"a=b", True),
        ("image/png", b"\x89PNG", True),
        ("text/plain", b"\xff\xfe", True),
        ("", b"plain", False),
    ],
)
def test_bodies_that_are_no_text_are_in_base64(content_type: str, sent: bytes, encoded: bool) -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("POST /", lambda event: "")
        await api.ask("POST", "/", sent, content_type=content_type)
        event = api.functions.events[0]
        assert event["isBase64Encoded"] is encoded
        assert event["body"] == (base64.b64encode(sent).decode() if encoded else sent.decode())

    asyncio.run(run())


@pytest.mark.parametrize(
    ("told", "status", "sent", "content_type"),
    [
        ({"statusCode": 201, "body": "x"}, 201, b"x", "text/plain;charset=utf-8"),
        ({"statusCode": "202", "headers": {"Content-Type": "a/b"}}, 202, b"", "a/b"),
        ({"statusCode": 200, "body": "AAH/", "isBase64Encoded": True}, 200, b"\0\1\xff", "text/plain;charset=utf-8"),
        ({"message": "hi"}, 200, b'{"message":"hi"}', "application/json"),
        ("Hello", 200, b"Hello", "application/json"),
        ([1, 2], 200, b"[1,2]", "application/json"),
        (None, 200, b"null", "application/json"),
    ],
)
def test_answers_of_format_two(told: Any, status: int, sent: bytes, content_type: str) -> None:
    answer = from_payload(orjson.dumps(told), "2.0")
    assert (answer.status, answer.body, dict(answer.headers)["content-type"]) == (status, sent, content_type)


def test_headers_and_cookies() -> None:
    told: dict[str, Any] = {
        "statusCode": 200,
        "headers": {"X-A": "1", "x-b": 2, "x-c": True, "x-d": None, "Content-Length": "5", "Connection": "close"},
        "cookies": ["a=1; HttpOnly", "b=2"],
        "multiValueHeaders": {"x-e": ["1", "2"], "x-a": ["3", "4"]},
    }
    two = from_payload(orjson.dumps(told), "2.0").headers
    assert two == [
        ("x-a", "1"),
        ("x-b", "2"),
        ("x-c", "true"),
        ("set-cookie", "a=1; HttpOnly"),
        ("set-cookie", "b=2"),
        ("content-type", "text/plain;charset=utf-8"),
    ]
    one = from_payload(orjson.dumps(told), "1.0").headers
    assert one[:6] == [("x-b", "2"), ("x-c", "true"), ("x-e", "1"), ("x-e", "2"), ("x-a", "3"), ("x-a", "4")]


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ({"body": "x"}, "1.0"),
        ("Hello", "1.0"),
        ({"statusCode": 99}, "2.0"),
        ({"statusCode": "ok"}, "2.0"),
        ({"statusCode": True}, "2.0"),
        ({"statusCode": 200, "body": {"a": 1}}, "2.0"),
        ({"statusCode": 200, "body": "%%%", "isBase64Encoded": True}, "2.0"),
        ({"statusCode": 200, "headers": ["a"]}, "2.0"),
        ({"statusCode": 200, "headers": {"a": ["b"]}}, "2.0"),
        ({"statusCode": 200, "headers": {"a": "b\r\nset-cookie: evil=1"}}, "2.0"),
        ({"statusCode": 200, "headers": {"a\r\nb": "c"}}, "2.0"),
        ({"statusCode": 200, "headers": {"a b": "c"}}, "2.0"),
        ({"statusCode": 200, "cookies": ["a=1\r\nlocation: http://evil.example"]}, "2.0"),
        ({"statusCode": 200, "multiValueHeaders": {"a": ["b\nc"]}}, "1.0"),
    ],
)
def test_answers_that_are_none(told: Any, version: str) -> None:
    with pytest.raises(Refusal) as refused:
        from_payload(orjson.dumps(told), version)
    assert refused.value.status == 500


def _fail(event: dict[str, Any]) -> None:
    raise RuntimeError("boom")


def test_failures() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("GET /error", _fail)
        await api.function("GET /odd", lambda event: {"statusCode": 1000})
        await api.function("GET /text", lambda event: b"not json")
        await api.route(
            "GET /gone", IntegrationType="AWS_PROXY", IntegrationUri=function_arn("x"), PayloadFormatVersion="2.0"
        )
        await api.v2("CreateRoute", RouteKey="GET /none")
        for path in ("/error", "/odd", "/text", "/gone", "/none"):
            answer = await api.ask("GET", path)
            assert (answer.status, body(answer)) == (500, b'{"message":"Internal Server Error"}'), path
        api.functions.allowed = "arn:aws:execute-api:us-east-1:000000000000:other"
        api.functions.by_name["f9"] = lambda event: ""
        assert (await api.ask("GET", "/odd")).status == 500

    asyncio.run(run())


def test_a_function_that_takes_too_long() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        id = await api.function("GET /", lambda event: "late")
        await api.v2("UpdateIntegration", IntegrationId=id, TimeoutInMillis=500)
        answers = asyncio.Event()
        quick = api.functions.invoke

        async def slow(arn: str, payload: bytes, **more: str) -> Outcome:
            await answers.wait()
            return await quick(arn, payload, **more)

        api.functions.invoke = slow  # type: ignore[method-assign, assignment]
        asked = asyncio.ensure_future(api.ask("GET", "/"))
        await _idle()
        api.cloud.clock.advance(499_000_000)
        await _idle()
        assert not asked.done()
        api.cloud.clock.advance(1_000_000)
        answer = await asked
        assert (answer.status, body(answer)) == (503, b'{"message":"Service Unavailable"}')
        answers.set()  # the function goes on; nobody waits for it
        await _idle()

    asyncio.run(run())


async def _idle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_no_more_functions_may_run() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("GET /", lambda event: "")

        async def full(arn: str, payload: bytes, **more: str) -> Outcome:
            raise TooManyRequests

        api.functions.invoke = full  # type: ignore[method-assign, assignment]
        assert (await api.ask("GET", "/")).status == 503

    asyncio.run(run())


def test_stage_variables_choose_the_function() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        api.functions.by_name["f:live"] = lambda event: "live"
        uri = (
            f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
            f"{function_arn('f:${stageVariables.alias}')}/invocations"
        )
        await api.route("GET /", IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0")
        await api.v2("UpdateStage", StageName="$default", StageVariables={"alias": "live"})
        assert body(await api.ask("GET", "/")) == b"live"

    asyncio.run(run())


def test_mappings_of_the_request() -> None:
    async def run() -> None:
        api = await new_api(TestCloud(), CorsConfiguration={"AllowOrigins": ["*"]})
        id = await api.function("GET /a/{id}", lambda event: "")
        mappings = {
            "overwrite:path": "/other/${request.path.id}",
            "append:header.x-a": "$request.querystring.q",
            "remove:querystring.q": "''",
            "overwrite:querystring.r": "a b",
        }
        await api.v2("UpdateIntegration", IntegrationId=id, RequestParameters=mappings)
        answer = await api.ask("GET", "/a/7?q=1&s=2", x_a="0", origin="https://page.example")
        assert header(answer, "access-control-allow-origin") == "*"
        event = api.functions.events[0]
        assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/other/7"
        assert event["headers"]["x-a"] == "0,1"
        assert event["rawQueryString"] == "s=2&r=a+b"
        assert event["queryStringParameters"] == {"s": "2", "r": "a b"}
        assert event["pathParameters"] == {"id": "7"}

    asyncio.run(run())


def test_mappings_of_the_answer() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        id = await api.function(
            "GET /", lambda event: {"statusCode": 500, "headers": {"a": "1", "b": "2"}, "body": "{}"}
        )
        await api.v2(
            "UpdateIntegration",
            IntegrationId=id,
            ResponseParameters={
                "500": {
                    "overwrite:statuscode": "403",
                    "append:header.a": "$context.stage",
                    "remove:header.b": "''",
                    "overwrite:header.c": "${request.header.user-agent}!",
                }
            },
        )
        answer = await api.ask("GET", "/", user_agent="me")
        assert answer.status == 403
        given = [pair for pair in answer.headers if pair[0] in "abc"]
        assert given == [("a", "1"), ("a", "$default"), ("c", "me!")]

    asyncio.run(run())


def test_metrics_and_access_log() -> None:
    class Metrics:
        def __init__(self) -> None:
            self.noted: list[tuple[str, float, tuple[tuple[str, str], ...]]] = []

        def note(self, account: str, region: str, namespace: str, name: str, value: float, *more: Any) -> None:
            assert namespace == "AWS/ApiGateway"
            self.noted.append((name, value, more[1]))

    async def run() -> None:
        cloud = TestCloud()
        metrics = cloud.metrics = Metrics()  # type: ignore[assignment]
        api = await new_api(cloud)
        await api.function("GET /a", lambda event: "12345")
        await cloud.call("logs", "CreateLogGroup", logGroupName="/api")
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/api"
        format = '{"m":"$context.httpMethod","r":"$context.routeKey","s":$context.status,"l":$context.responseLength}'
        await api.v2("UpdateStage", StageName="$default", AccessLogSettings={"DestinationArn": arn, "Format": format})
        await api.ask("GET", "/a")
        await api.ask("GET", "/b")
        one = (("ApiId", api.id), ("Stage", "$default"))
        assert [value for name, value, where in metrics.noted if name == "4xx" and where == one] == [0.0, 1.0]
        assert {name for name, _, _ in metrics.noted} == {
            *("Count", "4xx", "5xx", "Latency", "IntegrationLatency", "DataProcessed")
        }
        await _idle()
        found = await cloud.call("logs", "FilterLogEvents", logGroupName="/api")
        assert [event["message"] for event in found["events"]] == [
            '{"m":"GET","r":"GET /a","s":200,"l":5}',
            '{"m":"GET","r":"-","s":404,"l":23}',
        ]

    asyncio.run(run())


def test_request_ids_are_of_the_node() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.function("GET /", lambda event: event["requestContext"]["requestId"])
        answer = await api.ask("GET", "/")
        assert header(answer, "apigw-requestid") == body(answer).decode()

    asyncio.run(run())
