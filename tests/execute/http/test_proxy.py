"""Routes that other HTTP servers and services of AWS answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest

from lambent.kit import calling
from tests.support import ACCOUNT, REGION, TestCloud

from .support import HttpApi, body, header, new_api


class Web(calling.Caller):
    """Stands for the web: what it was asked, and what it answers."""

    def __init__(self, cloud: TestCloud) -> None:
        super().__init__(cloud.clock)
        self.asked: list[calling.Request] = []
        self.answer: calling.Answer | Exception = calling.Answer(200, [("Content-Type", "a/b")], b"hello")

    async def call(self, request: calling.Request, timeout_s: float, *, body_bytes_max: int = 0) -> calling.Answer:
        """The next answer; headers are checked as the real client checks them."""
        calling.fields(request, calling.place(request.url).authorization)
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def _proxied(key: str, uri: str, **integration: Any) -> tuple[HttpApi, Web]:
    api = await new_api(TestCloud())
    web = api.cloud.caller = Web(api.cloud)
    given = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "IntegrationUri": uri, **integration}
    await api.route(key, **given)
    return api, web


def test_a_request_is_passed_on_and_its_answer_back() -> None:
    async def run() -> None:
        api, web = await _proxied("ANY /pets/{proxy+}", "http://backend.example/base/{proxy}")
        web.answer = calling.Answer(
            201,
            [
                *(("X-A", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Connection", "close, X-Hop")),
                *(("X-Hop", "1"), ("Transfer-Encoding", "chunked"), ("Keep-Alive", "5")),
            ],
            b"made",
        )
        answer = await api.ask(
            "PUT",
            "/pets/1/a%20b?x=1&y=%2F",
            b"data",
            content_type="text/plain",
            connection="close, x-secret",
            x_secret="1",
            te="trailers",
            via="1.1 before",
            forwarded="for=203.0.113.9",
        )
        assert (answer.status, body(answer)) == (201, b"made")
        assert [pair for pair in answer.headers if pair[0] != "apigw-requestid"] == [
            *(("x-a", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2"))
        ]
        asked = web.asked[0]
        assert (asked.method, asked.url) == ("PUT", "http://backend.example/base/1/a%20b?x=1&y=%2F")
        assert asked.body == b"data"
        headers = dict(asked.headers)
        assert headers.pop("x-amzn-trace-id").startswith("Root=1-")
        host = f"{api.id}.execute-api.localhost:4566"
        assert headers == {
            "content-type": "text/plain",
            "forwarded": f"for=203.0.113.9,by=127.0.0.1;for=192.0.2.7;host={host};proto=http",
            "via": "1.1 before, HTTP/1.1 AmazonAPIGateway",
        }

    asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    [
        "/pets/../admin",
        "/pets/a/../../admin",
        "/pets/%2e%2e/admin",
        "/pets/..%2fadmin",
        "/pets/%2e%2e%5cadmin",
        "/pets/..",
        "/pets/.",
    ],
)
def test_no_path_leads_upwards(path: str) -> None:
    async def run() -> None:
        api, web = await _proxied("ANY /pets/{proxy+}", "http://backend.example/base/{proxy}")
        answer = await api.ask("GET", path)
        assert (answer.status, body(answer)) == (400, b'{"message":"Bad Request"}')
        assert web.asked == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/p/a%0d%0aX-Evil:%201", "http://backend.example/a%0D%0AX-Evil:%201"),
        ("/p/a%20HTTP/1.1", "http://backend.example/a%20HTTP/1.1"),
        ("/p/a%3Fq=1%23f", "http://backend.example/a%3Fq=1%23f"),
        ("/p/%252e%252e", "http://backend.example/%252e%252e"),
        ("/p/a//b", "http://backend.example/a//b"),
    ],
)
def test_what_a_path_carries_stays_in_the_path(path: str, url: str) -> None:
    async def run() -> None:
        api, web = await _proxied("ANY /p/{proxy+}", "http://backend.example/{proxy}")
        assert (await api.ask("GET", path)).status == 200
        assert web.asked[0].url == url

    asyncio.run(run())


@pytest.mark.parametrize(
    ("value", "status"), [("one", 200), ("evil.example%2f", 400), ("a%40b", 400), ("a%3a1%2f", 400), ("a%23", 400)]
)
def test_a_parameter_in_the_host_names_no_other_host(value: str, status: int) -> None:
    async def run() -> None:
        api, web = await _proxied("ANY /{tenant}", "http://{tenant}.backend.example/x")
        assert (await api.ask("GET", f"/{value}")).status == status
        assert [asked.url for asked in web.asked] == (["http://one.backend.example/x"] if status == 200 else [])

    asyncio.run(run())


def test_the_nodes_own_doors_stay_shut() -> None:
    async def run() -> None:
        api, web = await _proxied("ANY /{proxy+}", "http://127.0.0.1:4566/{proxy}")
        assert (await api.ask("GET", "/_lambent/mail")).status == 500
        assert web.asked == []

    asyncio.run(run())


def test_no_answer() -> None:
    async def run() -> None:
        api, web = await _proxied("ANY /", "http://backend.example")
        for error in (calling.Unreachable("down"), calling.TooLate("late"), calling.TooLarge("large")):
            web.answer = error
            answer = await api.ask("GET", "/")
            assert (answer.status, body(answer)) == (503, b'{"message":"Service Unavailable"}')
        web.answer = calling.Answer(200, [("X-A", "1\r\nSet-Cookie: evil=1")], b"")
        assert (await api.ask("GET", "/")).status == 500

    asyncio.run(run())


def test_an_api_that_leads_to_itself_comes_to_an_end() -> None:
    async def run() -> None:
        api, web = await _proxied("ANY /", "http://backend.example")
        hop = "HTTP/1.1 AmazonAPIGateway"
        assert (await api.ask("GET", "/", via=", ".join([hop] * 9))).status == 200
        assert (await api.ask("GET", "/", via=", ".join([hop] * 10))).status == 503
        assert len(web.asked) == 1

    asyncio.run(run())


def test_mapped_requests() -> None:
    async def run() -> None:
        mappings = {
            "overwrite:path": "/v2/${request.path.id}",
            "append:header.x-stage": "$context.stage",
            "overwrite:header.x-who": "${request.header.user-agent}",
            "remove:header.x-gone": "''",
            "overwrite:querystring.k": "$stageVariables.k",
            "remove:querystring.q": "''",
            "append:header.x-id": "$request.body.id",
        }
        api, web = await _proxied("POST /a/{id}", "http://backend.example/base", RequestParameters=mappings)
        await api.v2("UpdateStage", StageName="$default", StageVariables={"k": "a b"})
        await api.ask("POST", "/a/7?q=1&r=2", b'{"id": 5}', user_agent="me", x_gone="1")
        asked = web.asked[0]
        headers = dict(asked.headers)
        assert asked.url == "http://backend.example/v2/7?r=2&k=a+b"
        assert (headers["x-stage"], headers["x-who"], headers["x-id"]) == ("$default", "me", "5")
        assert "x-gone" not in headers

    asyncio.run(run())


def test_mappings_inject_nothing() -> None:
    async def run() -> None:
        mappings = {"append:header.x-a": "$request.querystring.v", "overwrite:path": "$request.querystring.p"}
        api, web = await _proxied("GET /", "http://backend.example", RequestParameters=mappings)
        for query in ("v=a%0d%0aX-Evil:1&p=/", "v=a&p=/../x", "v=a&p=/a%20HTTP/1.1%0d%0aX:1"):
            answer = await api.ask("GET", f"/?{query}")
            assert (answer.status, body(answer)) == (400, b'{"message":"Bad Request"}')
        assert web.asked == []

    asyncio.run(run())


TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


async def _role(cloud: TestCloud, *actions: str) -> str:
    made = await cloud.call("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST))
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.call("iam", "PutRolePolicy", RoleName="r", PolicyName="p", PolicyDocument=document)
    arn: str = made["Role"]["Arn"]
    return arn


def test_a_queue_answers() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        url = (await api.cloud.call("sqs", "CreateQueue", QueueName="q"))["QueueUrl"]
        role = await _role(api.cloud, "sqs:SendMessage")
        given: dict[str, Any] = {"IntegrationType": "AWS_PROXY", "CredentialsArn": role, "PayloadFormatVersion": "1.0"}
        attributes = '{"a": {"DataType": "String", "StringValue": "${request.header.x-a}"}}'
        parameters = {"QueueUrl": url, "MessageBody": "$request.body.text", "MessageAttributes": attributes}
        await api.route("POST /", IntegrationSubtype="SQS-SendMessage", RequestParameters=parameters, **given)
        await api.route("DELETE /", IntegrationSubtype="SQS-PurgeQueue", RequestParameters={"QueueUrl": url}, **given)
        answer = await api.ask("POST", "/", b'{"text": "hello"}', x_a="v")
        assert answer.status == 200, body(answer)
        assert b"<MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>" in body(answer)
        assert b"<RequestId></RequestId>" not in body(answer)
        assert header(answer, "content-type") == "text/xml"
        found = await api.cloud.call("sqs", "ReceiveMessage", QueueUrl=url, MessageAttributeNames=["All"])
        assert found["Messages"][0]["Body"] == "hello"
        assert found["Messages"][0]["MessageAttributes"]["a"]["StringValue"] == "v"
        refused = await api.ask("DELETE", "/")  # the role may only send
        assert refused.status in (400, 403)
        assert "AccessDenied" in body(refused).decode()

    asyncio.run(run())


def test_an_event_bus_answers() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        role = await _role(api.cloud, "events:PutEvents")
        await api.route(
            "POST /",
            IntegrationType="AWS_PROXY",
            IntegrationSubtype="EventBridge-PutEvents",
            CredentialsArn=role,
            RequestParameters={"Source": "shop", "DetailType": "$request.header.x-type", "Detail": "$request.body"},
        )
        answer = await api.ask("POST", "/", b'{"id": 1}', x_type="sold")
        assert (answer.status, orjson.loads(body(answer))["FailedEntryCount"]) == (200, 0)
        assert header(answer, "content-type") == "application/x-amz-json-1.1"

    asyncio.run(run())


def test_what_is_not_built_says_so() -> None:
    async def run() -> None:
        api = await new_api(TestCloud())
        await api.route(
            "POST /",
            IntegrationType="AWS_PROXY",
            IntegrationSubtype="StepFunctions-StartExecution",
            CredentialsArn=f"arn:aws:iam::{ACCOUNT}:role/r",
            RequestParameters={"StateMachineArn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:x"},
        )
        answer = await api.ask("POST", "/")
        assert answer.status == 501
        assert "StepFunctions-StartExecution" in body(answer).decode()

    asyncio.run(run())
