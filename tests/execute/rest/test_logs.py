"""Access logs, execution logs, metrics."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from lambent.contracts.ports import Transaction
from lambent.execute.access_log import LogWriter, Place, written
from lambent.execute.room import room
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import AccessLog, Account, Authorizer, Canary, MethodSettings
from tests.execute.rest.making import INVOCATIONS, Functions, Making, echo, header, lambda_proxy, mock, role
from tests.execute.rest.test_caching import Noted
from tests.support import ACCOUNT, REGION, TestCloud

GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:books"


def test_a_format_is_filled_and_nothing_breaks_out_of_it() -> None:
    values = {"requestId": "r1", "identity.userAgent": 'a"b\n\\', "status": "200"}
    format = '{"id": "$context.requestId", "agent": "$context.identity.userAgent", "no": "$context.none"}'
    line = written(format, values.get)
    assert orjson.loads(line.replace("\\u000a", "\\n")) == {"id": "r1", "agent": 'a"b\n\\', "no": "-"}
    assert written("$context.identity.userAgent [$context.requestId] $contextual", values.get) == (
        'a"b\\u000a\\ [r1] $contextual'
    )


async def logging(cloud: TestCloud, policy: str | None = None) -> Making:
    making = Making(cloud)
    cloud.targets["lambda"] = Functions(echo=echo)  # type: ignore[assignment]
    making.method("/books/{id}", "GET", lambda_proxy("echo"))
    making.method("/mock", "GET", mock("{}"))
    arn = await role(cloud, "logger") if policy is None else await role(cloud, "logger", policy)

    def write(tx: Transaction) -> None:
        keys.accounts.put(tx, Account(cloudwatch_role=arn), ACCOUNT, REGION)

    await cloud.store.write(write)
    return making


async def events(cloud: TestCloud, group: str) -> list[str]:
    for _ in range(30):
        await asyncio.sleep(0)
    found = await cloud.call("logs", "FilterLogEvents", logGroupName=group)
    return [event["message"] for event in found["events"]]


async def test_access_logs_go_to_their_group() -> None:
    cloud = TestCloud()
    await cloud.call("logs", "CreateLogGroup", logGroupName="books")
    making = await logging(cloud)
    names = "requestId httpMethod resourcePath status responseLength identity.sourceIp error.message"
    format = " ".join(f"$context.{name}" for name in names.split())
    await making.deploy(access_log=AccessLog(GROUP, format))
    one = await making.ask("GET", "/books/1")
    two = await making.ask("GET", "/nothing")
    assert isinstance(one.body, bytes)
    assert await events(cloud, "books") == [
        f"{header(one, 'x-amzn-RequestId')} GET /books/{{id}} 200 {len(one.body)} 127.0.0.1 -",
        f"{header(two, 'x-amzn-RequestId')} GET - 403 42 127.0.0.1 Missing Authentication Token",
    ]


async def test_execution_logs_tell_what_happened() -> None:
    cloud = TestCloud()
    making = await logging(cloud)
    settings = {"*/*": MethodSettings(logging_level="INFO", data_trace=True)}
    await making.deploy(settings=settings)
    answer = await making.ask("GET", "/books/1?a=b", headers={"Authorization": "x" * 30 + "abcdef"})
    lines = await events(cloud, "API-Gateway-Execution-Logs_abcdefghij/dev")
    prefix = f"({header(answer, 'x-amzn-RequestId')}) "
    assert all(line.startswith(prefix) for line in lines)
    told = [line.removeprefix(prefix) for line in lines]
    assert "HTTP Method: GET, Resource Path: /books/1" in told
    assert "Method request path: {id=1}" in told
    assert "Method request query string: {a=b}" in told
    assert "Method completed with status: 200" in told
    assert not any("x" * 20 in line for line in told if line.startswith("Method request headers"))


async def test_a_canary_logs_beside_the_stage() -> None:
    cloud = TestCloud()
    making = await logging(cloud)
    await making.deploy(deployment="d2")
    await making.deploy(
        canary=Canary(percent=100.0, deployment="d2"),
        access_log=AccessLog(GROUP, "$context.resourcePath"),
        settings={"*/*": MethodSettings(logging_level="INFO")},
    )
    await making.ask("GET", "/mock")
    assert await events(cloud, "books/Canary") == ["/mock"]
    assert await events(cloud, "API-Gateway-Execution-Logs_abcdefghij/dev/Canary")


async def test_errors_alone_and_nothing_without_a_role() -> None:
    cloud = TestCloud()
    making = await logging(cloud)
    await making.deploy(settings={"*/*": MethodSettings(logging_level="ERROR")})
    cloud.targets["lambda"] = Functions(echo=lambda event: "malformed")  # type: ignore[assignment]
    await making.ask("GET", "/mock")
    failed = await making.ask("GET", "/books/1")
    lines = await events(cloud, "API-Gateway-Execution-Logs_abcdefghij/dev")
    assert {line.split()[0] for line in lines} == {f"({header(failed, 'x-amzn-RequestId')})"}
    assert any("Malformed Lambda proxy response" in line for line in lines)
    await cloud.store.write(lambda tx: keys.accounts.put(tx, Account(), ACCOUNT, REGION))
    await making.ask("GET", "/books/1")
    assert await events(cloud, "API-Gateway-Execution-Logs_abcdefghij/dev") == lines


async def test_a_log_that_nobody_may_write_is_lost_and_no_request_fails() -> None:
    cloud = TestCloud()
    nothing = '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}'
    making = await logging(cloud, nothing)
    await making.deploy(access_log=AccessLog(GROUP, "$context.requestId"))
    assert (await making.ask("GET", "/mock")).status == 200
    for _ in range(30):
        await asyncio.sleep(0)
    assert room(cloud).part(LogWriter).dropped == 1


async def test_what_waits_is_bounded() -> None:
    cloud = TestCloud()
    waiting: list[Any] = []
    cloud.spawn = waiting.append
    writer = LogWriter(cloud)
    place = Place(ACCOUNT, REGION, "books", "stream")
    for _ in range(100):
        writer.add(place, 0, "x" * 60_000)
    assert writer.dropped == 31
    assert len(waiting) == 1
    waiting[0].close()


async def test_metrics_of_stage_and_method() -> None:
    cloud = TestCloud()
    noted = Noted()
    cloud.metrics = noted
    making = await logging(cloud)
    await making.deploy(settings={"*/*": MethodSettings(metrics=True)})
    await making.ask("GET", "/books/1")
    await making.ask("GET", "/nothing")
    assert [noted.count(name) for name in ("Count", "4XXError", "5XXError")] == [2, 1, 0]
    stage = (("ApiName", "books"), ("Stage", "dev"))
    detailed = (("ApiName", "books"), ("Method", "GET"), ("Resource", "/books/{id}"), ("Stage", "dev"))
    assert ("Count", 1, stage) in noted.found
    assert [value for name, value, dimensions in noted.found if name == "Count" and dimensions == detailed] == [1]
    assert {name for name, _, _ in noted.found} >= {"Latency", "Count", "4XXError", "5XXError"}


async def test_no_secret_of_a_caller_is_logged() -> None:
    cloud = TestCloud()
    making = await logging(cloud)
    authorizer = Authorizer(
        id="a", name="a", type="TOKEN", identity_source="method.request.header.Pass", uri=INVOCATIONS % "allow"
    )
    making.parts["authorizers"] = {"a": authorizer}
    making.method("/own/{id}", "GET", lambda_proxy("echo"), authorization="CUSTOM", authorizer_id="a")
    allow = {"Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]}
    answer = {"principalId": "p", "policyDocument": {"Version": "2012-10-17", **allow}}
    cloud.targets["lambda"] = Functions(echo=echo, allow=lambda event: answer)  # type: ignore[assignment]
    secrets = {
        "authorization": 'Bearer "correct-horse"-battery',
        "x-api-key": "0123456789abcdefghij",
        "cookie": "session=staple-staple-staple",
        "pass": "let-me-in-please",
    }
    for trace in (True, False):
        own = {"*/*": MethodSettings(logging_level="INFO", data_trace=trace)}
        await making.deploy(settings=own)
        assert (await making.ask("GET", "/own/1", headers={**secrets, "x-other": "shown"})).status == 200
        logged = "\n".join(await events(cloud, "API-Gateway-Execution-Logs_abcdefghij/dev"))
        for value in ("correct-horse", "0123456789abcd", "session=staple", "let-me-in"):
            assert value not in logged, (trace, value)
    assert "Endpoint request body after transformations" in logged
    assert logged.count("Endpoint request body after transformations") == 1, "bodies are logged where they are traced"


def test_what_a_client_says_ends_no_quotation_however_far_it_began() -> None:
    values = {"path": '/" 200 "', "identity.userAgent": 'x" "status": "500'}
    assert written('"GET $context.path HTTP" $context.path', values.get) == '"GET /\\" 200 \\" HTTP" /" 200 "'
    assert orjson.loads(written('{"agent": "by $context.identity.userAgent!"}', values.get)) == {
        "agent": 'by x" "status": "500!'
    }
