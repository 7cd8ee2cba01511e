"""Functions and IAM as authorizers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from lambent.contracts.http import BytesBody, Request
from lambent.execute.sessions import sign
from tests.support import ACCOUNT, REGION, TestCloud

from .support import HttpApi, body, function_arn, new_api

_SECOND = 1_000_000_000


async def _guarded(decide: Callable[[dict[str, Any]], Any], **params: Any) -> HttpApi:
    api = await new_api(TestCloud())
    api.functions.by_name["auth"] = decide
    path = f"lambda:path/2015-03-31/functions/{function_arn('auth')}/invocations"
    given: dict[str, Any] = {
        "Name": "fn",
        "AuthorizerType": "REQUEST",
        "AuthorizerUri": f"arn:aws:apigateway:{REGION}:{path}",
        "AuthorizerPayloadFormatVersion": "2.0",
        "EnableSimpleResponses": True,
        "IdentitySource": ["$request.header.Authorization"],
        **params,
    }
    made = await api.v2("CreateAuthorizer", **given)
    route = {"AuthorizationType": "CUSTOM", "AuthorizerId": made["AuthorizerId"]}
    await api.function("GET /a/{id}", lambda event: event["requestContext"].get("authorizer"), **route)
    await api.function("GET /b", lambda event: event["requestContext"].get("authorizer"), "2.0", **route)
    return api


def _asked(api: HttpApi) -> list[dict[str, Any]]:
    return [event for event in api.functions.events if event.get("type") == "REQUEST"]


def test_a_simple_answer() -> None:
    async def run() -> None:
        api = await _guarded(
            lambda event: {"isAuthorized": event["headers"]["authorization"] == "yes", "context": {"k": [1]}}
        )
        answer = await api.ask("GET", "/a/7?q=1", authorization="yes")
        assert orjson.loads(body(answer)) == {"lambda": {"k": [1]}}
        refused = await api.ask("GET", "/a/7", authorization="no")
        assert (refused.status, body(refused)) == (403, b'{"message":"Forbidden"}')
        missing = await api.ask("GET", "/a/7")
        assert (missing.status, body(missing)) == (401, b'{"message":"Unauthorized"}')
        event = _asked(api)[0]
        arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api.id}/$default/GET/a/7"
        shown = ("version", "type", "routeArn", "identitySource", "routeKey", "rawPath", "pathParameters")
        assert [event[name] for name in shown] == ["2.0", "REQUEST", arn, ["yes"], "GET /a/{id}", "/a/7", {"id": "7"}]
        assert event["requestContext"]["http"]["method"] == "GET"
        assert len(_asked(api)) == 2
        assert "/authorizers/" in api.functions.sources[0]

    asyncio.run(run())


def _policy(effect: str, resource: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {"principalId": "me", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def test_a_policy_is_kept_and_asked_for_each_route() -> None:
    async def run() -> None:
        def decide(event: dict[str, Any]) -> dict[str, Any]:
            allowed = event["methodArn"].rsplit("/", 1)[0] + "/*"
            return {**_policy("Allow", allowed), "context": {"n": 1, "m": {"x": "y"}}}

        api = await _guarded(
            decide, AuthorizerPayloadFormatVersion="1.0", EnableSimpleResponses=False, AuthorizerResultTtlInSeconds=60
        )
        answer = await api.ask("GET", "/a/1", authorization="t")
        assert orjson.loads(body(answer)) == {"lambda": {"n": 1, "m": {"x": "y"}}}
        assert (await api.ask("GET", "/a/2", authorization="t")).status == 200
        assert (await api.ask("GET", "/b", authorization="t")).status == 403
        assert len(_asked(api)) == 1
        first = _asked(api)[0]
        assert (first["version"], first["identitySource"], first["authorizationToken"]) == ("1.0", "t", "t")
        assert (await api.ask("GET", "/b", authorization="u")).status == 200
        assert len(_asked(api)) == 2
        api.cloud.clock.advance(60 * _SECOND)
        await api.ask("GET", "/a/1", authorization="t")
        assert len(_asked(api)) == 3
        await api.v2("ResetAuthorizersCache", StageName="$default")
        await api.ask("GET", "/a/1", authorization="t")
        assert len(_asked(api)) == 4

    asyncio.run(run())


def test_identity_sources_of_every_kind() -> None:
    async def run() -> None:
        sources = ["$request.querystring.q", "$stageVariables.v", "$context.routeKey", "$request.header.x-a"]
        api = await _guarded(lambda event: {"isAuthorized": True}, IdentitySource=sources)
        assert (await api.ask("GET", "/b?q=1", x_a="h")).status == 401  # no such stage variable
        await api.v2("UpdateStage", StageName="$default", StageVariables={"v": "2"})
        assert (await api.ask("GET", "/b?q=1", x_a="h")).status == 200
        assert _asked(api)[0]["identitySource"] == ["1", "2", "GET /b", "h"]
        assert (await api.ask("GET", "/b", x_a="h")).status == 401

    asyncio.run(run())


def _raise(text: str) -> Callable[[dict[str, Any]], Any]:
    def fail(event: dict[str, Any]) -> Any:
        raise RuntimeError(text)

    return fail


@pytest.mark.parametrize(
    ("decide", "simple", "status"),
    [
        (_raise("boom"), True, 500),
        (_raise("Unauthorized"), True, 401),
        (lambda event: {"isAuthorized": "true"}, True, 500),
        (lambda event: "yes", True, 500),
        (lambda event: {"isAuthorized": True, "context": 5}, True, 500),
        (lambda event: {"isAuthorized": True}, False, 500),
        (lambda event: {"principalId": "me"}, False, 500),
        (lambda event: _policy("Deny", "*"), False, 403),
        (lambda event: _policy("Allow", "*"), False, 200),
        (lambda event: _policy("Allow", "arn:aws:execute-api:*:*:other/*"), False, 403),
    ],
)
def test_what_an_authorizer_may_say(decide: Callable[[dict[str, Any]], Any], simple: bool, status: int) -> None:
    async def run() -> None:
        api = await _guarded(decide, EnableSimpleResponses=simple)
        assert (await api.ask("GET", "/b", authorization="t")).status == status

    asyncio.run(run())


def test_format_one_shows_the_context_flat() -> None:
    async def run() -> None:
        api = await _guarded(lambda event: {"isAuthorized": True, "context": {"k": "v"}})
        authorizers = (await api.v2("GetAuthorizers"))["Items"]
        route = {"AuthorizationType": "CUSTOM", "AuthorizerId": authorizers[0]["AuthorizerId"]}
        told = lambda event: {"statusCode": 200, "body": json.dumps(event["requestContext"]["authorizer"])}  # noqa: E731
        await api.function("GET /one", told, "1.0", **route)
        assert orjson.loads(body(await api.ask("GET", "/one", authorization="t"))) == {"k": "v"}

    asyncio.run(run())


async def _signed(policy: str) -> tuple[HttpApi, Callable[..., Any]]:
    api = await new_api(TestCloud())
    await api.function("POST /a", lambda event: event["requestContext"]["authorizer"], AuthorizationType="AWS_IAM")
    call = api.cloud.call
    await call("iam", "CreateUser", UserName="u")
    if policy:
        await call("iam", "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=policy.replace("API", api.id))
    key = (await call("iam", "CreateAccessKey", UserName="u"))["AccessKey"]
    credential = await api.cloud.store.read(lambda tx: api.cloud.directory.credential(tx, key["AccessKeyId"]))
    assert credential is not None

    async def ask(service: str = "execute-api", change: Callable[[Request], None] | None = None) -> Any:
        host = f"{api.id}.execute-api.localhost:4566"
        request = Request("POST", "/a", "x=1", {"host": host, "content-type": "text/plain"}, BytesBody(b"hello"))
        sign(request, credential, REGION, service, api.cloud.clock)
        if change is not None:
            change(request)
        return await api.send(request)

    return api, ask


def _allow(resource: str) -> str:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_iam() -> None:
    async def run() -> None:
        api, ask = await _signed(_allow(f"arn:aws:execute-api:{REGION}:{ACCOUNT}:API/*/POST/a"))
        answer = await ask()
        assert answer.status == 200
        iam = orjson.loads(body(answer))["iam"]
        assert iam["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/u"
        assert iam["accountId"] == ACCOUNT
        assert api.functions.events[0]["body"] == "hello"

        def forge(request: Request) -> None:
            request.body = BytesBody(b"other")

        assert (await ask(change=forge)).status == 403
        assert (await ask(service="s3")).status == 403
        assert (await api.ask("POST", "/a")).status == 403

    asyncio.run(run())


@pytest.mark.parametrize("resource", ["", "arn:aws:execute-api:*:*:API/*/GET/a", "arn:aws:execute-api:*:*:other/*"])
def test_iam_without_the_right(resource: str) -> None:
    async def run() -> None:
        api, ask = await _signed(_allow(resource) if resource else "")
        answer = await ask()
        assert (answer.status, body(answer)) == (403, b'{"message":"Forbidden"}')
        assert api.functions.events == []

    asyncio.run(run())


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, 200),
        ({"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}, 403),
        ({"DateLessThan": {"aws:CurrentTime": "2023-11-15T00:00:00Z"}}, 200),
        ({"DateLessThan": {"aws:CurrentTime": "2023-11-14T00:00:00Z"}}, 403),
        ({"Bool": {"aws:SecureTransport": "true"}}, 403),
    ],
)
def test_conditions(condition: dict[str, Any], status: int) -> None:
    async def run() -> None:
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*", "Condition": condition}
        _, ask = await _signed(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

        def elsewhere(request: Request) -> None:
            request.peer = "192.0.2.7"

        assert (await ask(change=elsewhere)).status == status

    asyncio.run(run())


async def test_a_policy_is_asked_about_the_path_that_backends_take_it_for() -> None:
    cloud = TestCloud()
    api = await new_api(cloud)
    statement = [
        {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"},
        {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:*/*/GET/admin/*"},
    ]
    answer = {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": statement}}
    api.functions.by_name["allow"] = lambda event: answer
    made = await api.v2(
        "CreateAuthorizer", Name="a", AuthorizerType="REQUEST", AuthorizerPayloadFormatVersion="1.0",
        AuthorizerUri=f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function_arn('allow')}/invocations",
        IdentitySource=["$request.header.Authorization"],
    )  # fmt: skip
    own = {"AuthorizationType": "CUSTOM", "AuthorizerId": made["AuthorizerId"]}
    await api.function("GET /{proxy+}", lambda event: "in", **own)
    for path, status in (("/open/x", 200), ("/admin/x", 403), ("//admin/x", 403), ("/%2Fadmin//x", 403)):
        assert (await api.ask("GET", path, authorization="me")).status == status, path
