"""Connections and API destinations, against a server of the test's own."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from lambent.kit import outward
from lambent.services.events import connecting
from tests.support import ACCOUNT, REGION

from .support import DETAIL, MINUTE_NS, SECOND_NS, EventsCloud, run

BASIC = {"BasicAuthParameters": {"Username": "user", "Password": "pass"}}
KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}}


class Server:
    """An HTTP server on a free port: `answers` are its next statuses (200 after them), `asked` what it was sent."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.asked: list[tuple[str, dict[str, str], str]] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in lines[1:] if line}
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        self.asked.append((lines[0], headers, body))
        status, answer = self.answers.pop(0) if self.answers else (200, {})
        text = json.dumps(answer)
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        await writer.drain()
        writer.close()


async def connection(c: EventsCloud, kind: str, auth: dict[str, Any]) -> str:
    made = await c.do("CreateConnection", Name="c", AuthorizationType=kind, AuthParameters=auth)
    return str(made["ConnectionArn"])


async def destination(c: EventsCloud, connection_arn: str, url: str, **more: Any) -> str:
    params = {"HttpMethod": "POST", **more}
    made = await c.do("CreateApiDestination", Name="d", ConnectionArn=connection_arn, InvocationEndpoint=url, **params)
    return str(made["ApiDestinationArn"])


def test_a_connection_is_made_shown_changed_and_deleted() -> None:
    async def scenario(c: EventsCloud) -> None:
        extra = {"HeaderParameters": [{"Key": "a", "Value": "b"}, {"Key": "s", "Value": "x", "IsValueSecret": True}]}
        arn = await connection(c, "API_KEY", {**KEY, "InvocationHttpParameters": extra})
        assert arn.startswith(f"arn:aws:events:{REGION}:{ACCOUNT}:connection/c/")
        shown = await c.do("DescribeConnection", Name="c")
        times = {"CreationTime", "LastModifiedTime", "LastAuthorizedTime"}
        assert set(shown) - times == {
            "ConnectionArn", "Name", "AuthorizationType", "ConnectionState", "SecretArn", "AuthParameters",
        }  # fmt: skip
        hidden = {"HeaderParameters": [{"Key": "a", "Value": "b"}, {"Key": "s", "IsValueSecret": True}]}
        expected = {"ApiKeyAuthParameters": {"ApiKeyName": "x-key"}, "InvocationHttpParameters": hidden}
        assert shown["AuthParameters"] == expected
        assert shown["SecretArn"].startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:events!connection/c/")
        await c.do("UpdateConnection", Name="c", AuthorizationType="BASIC", AuthParameters=BASIC)
        shown = await c.do("DescribeConnection", Name="c")
        assert shown["AuthParameters"]["BasicAuthParameters"] == {"Username": "user"}
        assert "ApiKeyAuthParameters" not in shown["AuthParameters"]
        (listed,) = (await c.do("ListConnections", ConnectionState="AUTHORIZED"))["Connections"]
        assert listed["AuthorizationType"] == "BASIC"
        assert (await c.do("DeauthorizeConnection", Name="c"))["ConnectionState"] == "DEAUTHORIZING"
        assert (await c.do("DescribeConnection", Name="c"))["ConnectionState"] == "DEAUTHORIZED"
        assert (await c.do("DeleteConnection", Name="c"))["ConnectionState"] == "DELETING"
        gone = await c.error("DescribeConnection", Name="c")
        message = "Failed to describe the connection(s). Connection 'c' does not exist."
        assert gone == {"Code": "ResourceNotFoundException", "Message": message}

    run(scenario)


def test_the_recorded_errors_of_parameters() -> None:
    async def scenario(c: EventsCloud) -> None:
        name = "This should fail with two errors 123467890123412341234123412341234"
        wrong = await c.error("CreateConnection", Name=name, AuthorizationType="INVALID", AuthParameters=BASIC)
        assert wrong["Message"] == (
            f"3 validation errors detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy "
            f"regular expression pattern: [\\.\\-_A-Za-z0-9]+; Value '{name}' at 'name' failed to satisfy constraint: "
            "Member must have length less than or equal to 64; Value 'INVALID' at 'authorizationType' failed to "
            "satisfy constraint: Member must satisfy enum value set: [BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"
        )
        wrong = await c.error(
            "CreateApiDestination",
            Name="d",
            ConnectionArn="invalid-connection-arn",
            InvocationEndpoint="https://example.com/api",
            HttpMethod="INVALID_METHOD",
        )
        assert wrong["Message"].startswith(
            "2 validation errors detected: Value 'invalid-connection-arn' at 'connectionArn' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
        )
        assert wrong["Message"].endswith("enum value set: [HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]")

    run(scenario)


def test_an_api_destination_is_made_shown_changed_and_deleted() -> None:
    async def scenario(c: EventsCloud) -> None:
        made = await connection(c, "BASIC", BASIC)
        arn = await destination(c, made, "https://example.com/api", Description="Test")
        shown = await c.do("DescribeApiDestination", Name="d")
        assert {name: value for name, value in shown.items() if not name.endswith("Time")} == {
            "ApiDestinationArn": arn,
            "ApiDestinationState": "ACTIVE",
            "ConnectionArn": made,
            "Description": "Test",
            "HttpMethod": "POST",
            "InvocationEndpoint": "https://example.com/api",
            "InvocationRateLimitPerSecond": 300,
            "Name": "d",
        }
        await c.do("UpdateApiDestination", Name="d", HttpMethod="PUT", InvocationEndpoint="https://example.com/api/v2")
        (listed,) = (await c.do("ListApiDestinations", NamePrefix="d"))["ApiDestinations"]
        assert (listed["HttpMethod"], listed["InvocationEndpoint"]) == ("PUT", "https://example.com/api/v2")
        await c.do("DeleteConnection", Name="c")
        assert (await c.do("DescribeApiDestination", Name="d"))["ApiDestinationState"] == "INACTIVE"
        await c.do("DeleteApiDestination", Name="d")
        gone = await c.error("DescribeApiDestination", Name="d")
        message = "Failed to describe the api-destination(s). An api-destination 'd' does not exist."
        assert gone == {"Code": "ResourceNotFoundException", "Message": message}

    run(scenario)


def test_a_call_has_what_connection_and_target_say() -> None:
    async def scenario(c: EventsCloud) -> None:
        async with Server() as server:
            extra = {
                "HeaderParameters": [{"Key": "X-From", "Value": "connection"}],
                "QueryStringParameters": [{"Key": "q", "Value": "1 2"}],
                "BodyParameters": [{"Key": "more", "Value": "of it"}],
            }
            made = await connection(c, "API_KEY", {**KEY, "InvocationHttpParameters": extra})
            arn = await destination(c, made, f"{server.url}/orders/*?a=b")
            role = await c.role("caller", "events:InvokeApiDestination")
            parameters = {"PathParameterValues": ["7/8"], "HeaderParameters": {"X-From": "target", "X-More": "y"}}
            await c.rule("r", arn, RoleArn=role, HttpParameters=parameters, InputPath="$.detail")
            await c.put()
            ((line, headers, body),) = server.asked
            assert line == "POST /orders/7%2F8?a=b&q=1%202 HTTP/1.1"
            assert (headers["x-key"], headers["x-from"], headers["x-more"]) == ("secret", "connection", "y")
            assert json.loads(body) == {**DETAIL, "more": "of it"}
            await c.do("UpdateConnection", Name="c", AuthorizationType="BASIC", AuthParameters=BASIC)
            await c.later(SECOND_NS)
            await c.put()
            assert server.asked[1][1]["authorization"] == "Basic " + base64.b64encode(b"user:pass").decode()

    run(scenario)


def test_a_token_is_got_once_and_anew_when_it_is_refused() -> None:
    async def scenario(c: EventsCloud) -> None:
        async with Server() as server:
            server.answers = [(500, {}), (200, {"access_token": "one", "token_type": "bearer", "expires_in": 3600})]
            oauth = {
                "ClientParameters": {"ClientID": "id", "ClientSecret": "shh"},
                "AuthorizationEndpoint": f"{server.url}/token",
                "HttpMethod": "POST",
                "OAuthHttpParameters": {"BodyParameters": [{"Key": "scope", "Value": "all"}]},
            }
            made = await connection(c, "OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": oauth})
            assert (await c.do("DescribeConnection", Name="c"))["ConnectionState"] == "AUTHORIZING"
            await c.later(MINUTE_NS)
            shown = await c.do("DescribeConnection", Name="c")
            assert shown["ConnectionState"] == "AUTHORIZED"
            assert shown["AuthParameters"]["OAuthParameters"]["ClientParameters"] == {"ClientID": "id"}
            fields = {name: values[0] for name, values in parse_qs(server.asked[1][2]).items()}
            expected = {"grant_type": "client_credentials", "client_id": "id", "client_secret": "shh", "scope": "all"}
            assert fields == expected
            role = await c.role("caller", "events:InvokeApiDestination")
            await c.rule("r", await destination(c, made, f"{server.url}/x"), RoleArn=role)
            server.asked.clear()
            await c.put()
            assert [headers.get("authorization") for _, headers, _ in server.asked] == ["Bearer one"]
            server.asked.clear()
            await c.later(SECOND_NS)
            server.answers = [(401, {}), (200, {"access_token": "two"})]
            await c.put()
            await c.later(MINUTE_NS)
            seen = [(line.split()[1], headers.get("authorization")) for line, headers, _ in server.asked]
            assert seen == [("/x", "Bearer one"), ("/token", None), ("/x", "Bearer two")]
            server.asked.clear()
            await c.later(SECOND_NS)
            server.answers = [(503, {})]
            await c.put()
            await c.later(MINUTE_NS)
            seen = [(line.split()[1], headers.get("authorization")) for line, headers, _ in server.asked]
            assert seen == [("/x", "Bearer two")] * 2, "a server that is busy has refused no token"

    run(scenario)


def test_parameters_of_a_call_may_be_paths_into_the_event() -> None:
    async def scenario(c: EventsCloud) -> None:
        async with Server() as server:
            extra = {"HeaderParameters": [{"Key": "X-Over", "Value": "connection"}]}
            made = await connection(c, "BASIC", {**BASIC, "InvocationHttpParameters": extra})
            arn = await destination(c, made, f"{server.url}/users/*/*")
            http = {
                "PathParameterValues": ["$.detail.payload.acc_id", "plain $.detail.command"],
                "QueryStringParameters": {"n": "$.detail.numbers[1]", "none": "$.detail.none"},
                "HeaderParameters": {
                    "content-type": "text/x",
                    "x-over": "target",
                    "authorization": "mine",
                    "Referer": "x",
                    "X-Command": "$.detail.command",
                    "X-Money": "$5",
                },
            }
            role = await c.role("caller", "events:InvokeApiDestination")
            await c.rule("r", arn, RoleArn=role, HttpParameters=http, InputPath="$.detail.command")
            await c.put(Detail=json.dumps({**DETAIL, "numbers": [1, 2.5]}))
            ((line, headers, body),) = server.asked
            assert line.split()[1] == "/users/0a787ecb-4015/plain%20%24.detail.command?n=2.5&none="
            assert body == '"update-account"'
            pair = base64.b64encode(b"user:pass").decode()
            expected = {"content-type": "text/x", "x-over": "connection", "authorization": f"Basic {pair}"}
            expected |= {"x-command": "update-account", "x-money": "$5", "range": "bytes=0-1048575"}
            assert headers.items() >= expected.items()
            assert "referer" not in headers
            await c.put(Detail=json.dumps({**DETAIL, "payload": {"acc_id": ".."}}))
            assert len(server.asked) == 1, "no value of an event leads elsewhere"

    run(scenario)


@pytest.mark.parametrize(("status", "attempts"), [(503, 3), (429, 3), (400, 1), (302, 1)])
def test_which_answers_are_tried_again(status: int, attempts: int) -> None:
    async def scenario(c: EventsCloud) -> None:
        async with Server() as server:
            server.answers = [(status, {})] * 10
            dead = await c.queue("dead")
            made = await connection(c, "BASIC", BASIC)
            arn = await destination(c, made, server.url)
            role = await c.role("caller", "events:InvokeApiDestination")
            more: dict[str, Any] = {"RetryPolicy": {"MaximumRetryAttempts": 2}, "DeadLetterConfig": {"Arn": dead}}
            await c.rule("r", arn, RoleArn=role, **more)
            await c.put()
            for _ in range(4):
                await c.later(MINUTE_NS)
            assert len(server.asked) == attempts
            (message,) = await c.messages(dead)
            assert message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"].endswith(f"answered {status}")

    run(scenario)


def test_a_destination_is_called_as_often_as_it_wants() -> None:
    async def scenario(c: EventsCloud) -> None:
        async with Server() as server:
            made = await connection(c, "BASIC", BASIC)
            arn = await destination(c, made, server.url, InvocationRateLimitPerSecond=1)
            role = await c.role("caller", "events:InvokeApiDestination")
            await c.rule("r", arn, RoleArn=role)
            for _ in range(3):
                await c.put()
            assert len(server.asked) == 1
            await c.later(2 * SECOND_NS)
            assert len(server.asked) == 2
            await c.later(2 * SECOND_NS)
            assert len(server.asked) == 3

    run(scenario)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566/_lambent/mail",
        "http://h/%5flambent/x",
        "http://h/a/../_lambent",
        "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
        "ftp://h/",
        "x",
    ],
)
def test_the_clouds_own_doors_are_no_destination(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        outward.address(url)


@pytest.mark.parametrize(
    ("address", "value"),
    [("https://h/users/*/own", ".."), ("https://h/*", "."), ("https://h/a/.*", "."), ("https://h/*?x=1", "..")],
)
def test_a_value_of_an_event_is_no_step_to_elsewhere(address: str, value: str) -> None:
    with pytest.raises(ValueError, match="elsewhere"):
        connecting.filled(address, [value])


def test_values_of_events_stay_within_their_segment() -> None:
    filled = connecting.filled("https://h/*/x/*?q=*", ["a/../b?#", "*", "1&admin=yes", "left over"])
    assert filled == "https://h/a%2F..%2Fb%3F%23/x/%2A?q=1%26admin%3Dyes"
