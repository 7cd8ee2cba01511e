"""What clients send reaches the routes' integrations, in AWS's form, and what comes back reaches them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from wsproto import events

from .support import SECOND_NS, Chat, FunctionFailure, run, settle


def ok(event: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": 200}


def test_events_have_the_form_of_aws() -> None:
    async def main() -> None:
        chat = await Chat().create()
        for key in ("$connect", "$disconnect", "$default", "send"):
            await chat.route(key, key.strip("$"), ok)
        await chat.deploy(StageVariables={"table": "rooms"})
        request = chat.request(query="name=ann&name=bob", sec_websocket_extensions="permessage-deflate")
        client = await chat.connect(request)
        (connect,) = chat.functions.of("connect")
        context = connect["requestContext"]
        at_ms = chat.cloud.clock.now_ns() // 1_000_000
        assert context == {
            "routeKey": "$connect",
            "eventType": "CONNECT",
            "extendedRequestId": context["requestId"],
            "requestTime": "14/Nov/2023:22:13:20 +0000",
            "messageDirection": "IN",
            "stage": "prod",
            "connectedAt": at_ms,
            "requestTimeEpoch": at_ms,
            "identity": {"userAgent": "tests", "sourceIp": "192.0.2.1"},
            "requestId": context["requestId"],
            "domainName": f"127.0.0.1:4566/_aws/execute-api/{chat.api}",
            "connectionId": client.id,
            "apiId": chat.api,
        }
        assert connect["headers"]["Sec-WebSocket-Extensions"] == "permessage-deflate"
        assert connect["headers"]["Host"] == f"{chat.api}.execute-api.localhost:4566"
        assert connect["headers"]["X-Forwarded-For"] == "192.0.2.1"
        assert connect["multiValueHeaders"]["Sec-WebSocket-Version"] == ["13"]
        assert connect["queryStringParameters"] == {"name": "bob"}
        assert connect["multiValueQueryStringParameters"] == {"name": ["ann", "bob"]}
        assert connect["stageVariables"] == {"table": "rooms"}
        assert connect["isBase64Encoded"] is False
        assert "body" not in connect
        chat.cloud.clock.advance(2 * SECOND_NS)
        await client.send({"action": "send", "text": "hü"})
        (message,) = chat.functions.of("send")
        assert set(message) == {"requestContext", "stageVariables", "body", "isBase64Encoded"}
        assert message["body"] == '{"action": "send", "text": "h\\u00fc"}'
        context = message["requestContext"]
        assert (context["routeKey"], context["eventType"]) == ("send", "MESSAGE")
        assert (context["connectedAt"], context["requestTimeEpoch"]) == (at_ms, at_ms + 2000)
        assert context["messageId"].endswith("=")
        assert client.texts == []
        await client.close(1000)
        assert client.goodbye == 1000
        (disconnect,) = chat.functions.of("disconnect")
        context = disconnect["requestContext"]
        assert (context["eventType"], context["routeKey"]) == ("DISCONNECT", "$disconnect")
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (1000, "Connection Closed Normally")
        assert disconnect["headers"]["x-restapi"] == ""
        region_account = "us-east-1:000000000000"
        expected = [f"arn:aws:execute-api:{region_account}:{chat.api}/prod/{key}" for key in ("$connect", "send")]
        assert chat.functions.sources[:2] == expected

    run(main())


@pytest.mark.parametrize(
    ("message", "route"),
    [
        ('{"action": "send"}', "send"),
        ('{"action": "other"}', "default"),
        ('{"action": "$connect"}', "default"),
        ('{"action": "$disconnect"}', "default"),
        ('{"action": 5}', "five"),
        ('{"action": {"deep": 1}}', "default"),
        ("no JSON", "default"),
        ("", "default"),
        ("[1, 2]", "default"),
    ],
)
def test_a_message_finds_its_route(message: str, route: str) -> None:
    async def main() -> None:
        chat = await Chat().create()
        for key, name in (("$default", "default"), ("send", "send"), ("5", "five"), ("$connect", "connect")):
            await chat.route(key, name, ok)
        await chat.deploy()
        client = await chat.connect()
        await client.send(message)
        assert [name for name, _ in chat.functions.called] == ["connect", route]

    run(main())


def test_without_a_route_it_is_forbidden() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("send", "send", ok)
        await chat.deploy()
        client = await chat.connect()
        await client.send({"action": "other"})
        (answer,) = client.answers
        assert answer == {"message": "Forbidden", "connectionId": client.id, "requestId": answer["requestId"]}

    run(main())


def fails(event: dict[str, Any]) -> Any:
    raise FunctionFailure("no")


@pytest.mark.parametrize(
    ("function", "shown"),
    [
        (fails, "Internal server error"),
        (lambda event: "text", "Internal server error"),
        (lambda event: {"statusCode": "x"}, "Internal server error"),
        (lambda event: {"statusCode": 200, "body": "%%%", "isBase64Encoded": True}, "Internal server error"),
    ],
)
def test_functions_that_fail(function: Any, shown: str) -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.two_way("$default", "default", function)
        await chat.route("nothing", "gone")
        await chat.deploy()
        client = await chat.connect()
        await client.send("x")
        await client.send({"action": "nothing"})
        assert [answer["message"] for answer in client.answers] == [shown, "Internal server error"]

    run(main())


def test_answers_go_back_only_where_a_route_response_says_so() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.two_way("echo", "echo", lambda event: {"statusCode": 200, "body": event["body"].upper()})
        await chat.route("quiet", "quiet", lambda event: {"statusCode": 200, "body": "nobody hears this"})
        await chat.two_way("object", "object", lambda event: {"body": {"a": 1}})
        await chat.two_way("binary", "binary", lambda event: {"body": "/wA=", "isBase64Encoded": True})
        await chat.deploy()
        client = await chat.connect()
        for action in ("echo", "quiet", "object"):
            await client.send({"action": action})
        assert client.texts == ['{"ACTION": "ECHO"}', '{"a":1}']
        await client.send({"action": "binary"})
        assert [event.data for event in client.line.got if isinstance(event, events.BytesMessage)] == [b"\xff\x00"]

    run(main())


def test_templates_of_integrations_that_are_no_proxies() -> None:
    async def main() -> None:
        chat = await Chat().create()
        chat.functions.by_name["sum"] = lambda event: {"total": event["a"] + event["b"]}
        integration = await chat.integrate(
            "sum",
            "AWS",
            RequestTemplates={
                "sum": '{"a": $input.json("$.x"), "b": $stageVariables.b, "id": "$context.connectionId"}'
            },
            TemplateSelectionExpression="${request.body.action}",
        )
        await chat.call(
            "CreateIntegrationResponse",
            ApiId=chat.api,
            IntegrationId=integration,
            IntegrationResponseKey="/2\\d\\d/",
            ResponseTemplates={"$default": 'total $input.path("$.total") for $context.routeKey'},
        )
        await chat.two_way("sum", Target=f"integrations/{integration}")
        mock = await chat.integrate(type="MOCK", RequestTemplates={"$default": '{"statusCode": 201}'})
        await chat.call(
            "CreateIntegrationResponse",
            ApiId=chat.api,
            IntegrationId=mock,
            IntegrationResponseKey="$default",
            ResponseTemplates={"$default": "pong"},
        )
        await chat.two_way("ping", Target=f"integrations/{mock}")
        await chat.deploy(StageVariables={"b": "4"})
        client = await chat.connect()
        await client.send({"action": "sum", "x": 3})
        assert client.texts == ["total 7 for sum"]
        assert chat.functions.of("sum") == [{"a": 3, "b": 4, "id": client.id}]
        await client.send({"action": "ping"})
        assert client.texts[-1] == "pong"

    run(main())


def test_messages_must_fit_the_models_of_their_route() -> None:
    async def main() -> None:
        chat = await Chat().create()
        schema = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "maxLength": 5}}}
        for name, extra in (("Short", {}), ("Loud", {"required": ["text", "loud"]})):
            await chat.call(
                "CreateModel",
                ApiId=chat.api,
                Name=name,
                ContentType="application/json",
                Schema=json.dumps({**schema, **extra}),
            )
        await chat.two_way(
            "say",
            "say",
            lambda event: {"body": "said"},
            RequestModels={"$default": "Short", "loud": "Loud"},
            ModelSelectionExpression="$request.body.kind",
        )
        await chat.deploy()
        client = await chat.connect()
        for message in ({"text": "hello"}, {"text": "too long"}, {"text": "a", "kind": "loud"}):
            await client.send({"action": "say", **message})
        assert client.texts[0] == "said"
        assert [json.loads(text)["message"] for text in client.texts[1:]] == ["Invalid request body"] * 2
        assert len(chat.functions.called) == 1

    run(main())


def test_binary_frames_are_refused_as_aws_does() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$default", "default", ok)
        await chat.route("$disconnect", "disconnect", ok)
        await chat.deploy()
        client = await chat.connect()
        await client.send(b"\x00")
        assert client.goodbye == 1003
        assert chat.functions.of("default") == []
        await client.close(1003)
        context = chat.functions.of("disconnect")[0]["requestContext"]
        assert context["disconnectStatusCode"] == 1003
        assert context["disconnectReason"] == "Binary frames are not supported"

    run(main())


def test_a_frame_of_33_kilobytes_is_too_big_and_a_message_in_pieces_is_not() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.two_way("$default", "default", lambda event: {"body": str(len(event["body"]))})
        await chat.deploy()
        client = await chat.connect()
        connection = client.line.client
        for number in range(4):
            piece = events.TextMessage("x" * 32_000, message_finished=number == 3)
            client.line.session.received(connection.send(piece))
        await settle()
        assert client.texts == ["128000"]
        await client.send("x" * 33_000)
        assert client.goodbye == 1009
        assert client.line.expires is not None

    run(main())


def test_pings_are_answered() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$default", "default", ok)
        await chat.deploy()
        client = await chat.connect()
        await client.ping()
        assert isinstance(client.line.got[-1], events.Pong)
        assert bytes(client.line.got[-1].payload) == b"there?"

    run(main())


def test_who_is_idle_for_ten_minutes_is_sent_away() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$default", "default", ok)
        await chat.route("$disconnect", "disconnect", ok)
        await chat.deploy()
        idle, busy = await chat.connect(), await chat.connect()
        for _ in range(3):
            chat.cloud.clock.advance(250 * SECOND_NS)
            await settle()
            await busy.ping()
        assert (idle.goodbye, busy.goodbye) == (1001, None)
        await idle.close(1001)
        context = chat.functions.of("disconnect")[0]["requestContext"]
        assert (context["connectionId"], context["disconnectStatusCode"]) == (idle.id, 1001)
        assert context["disconnectReason"] == "Going away"

    run(main())


def test_nobody_stays_for_more_than_two_hours() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$default", "default", ok)
        await chat.deploy()
        client = await chat.connect()
        for _ in range(14):
            chat.cloud.clock.advance(500 * SECOND_NS)
            await client.ping()
        assert client.goodbye is None
        chat.cloud.clock.advance(200 * SECOND_NS)
        assert client.goodbye == 1001

    run(main())


def test_a_client_with_many_messages_under_way_is_held_up() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.two_way("$default", "default", lambda event: {"body": event["body"]})
        await chat.deploy()
        client = await chat.connect()
        chat.functions.hold = asyncio.Event()
        for number in range(32):
            await client.send(str(number), settle_after=False)
        await settle()
        assert client.line.paused
        assert len(chat.functions.called) == 32
        chat.functions.hold.set()
        await settle()
        assert not client.line.paused
        assert client.texts == [str(number) for number in range(32)]

    run(main())


def test_throttling_says_limit_exceeded() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.two_way("$default", "default", lambda event: {"body": "fine"})
        await chat.deploy(DefaultRouteSettings={"ThrottlingRateLimit": 1.0, "ThrottlingBurstLimit": 2})
        client = await chat.connect()
        for _ in range(3):
            await client.send("x")
        assert client.texts[:2] == ["fine", "fine"]
        (refused,) = client.texts[2:]
        assert json.loads(refused)["message"] == "Limit Exceeded"
        chat.cloud.clock.advance(SECOND_NS)
        await client.send("x")
        assert client.texts[-1] == "fine"

    run(main())


def test_a_broken_connection_is_told_too() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$disconnect", "disconnect", ok)
        await chat.deploy()
        client = await chat.connect()
        await client.vanish()
        client.line.session.lost()  # comes once, whatever the edge says
        await settle()
        (event,) = chat.functions.of("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1006
        silent = await chat.connect()
        await silent.close(None)
        polite = await chat.connect()
        await polite.close(4001, "time for tea")
        context = chat.functions.of("disconnect")[2]["requestContext"]
        assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4001, "time for tea")
        assert chat.functions.of("disconnect")[1]["requestContext"]["disconnectStatusCode"] == 1005

    run(main())


def test_a_deleted_stage_sends_its_clients_away() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$default", "default", ok)
        await chat.deploy()
        client = await chat.connect()
        await chat.call("DeleteStage", ApiId=chat.api, StageName="prod")
        chat.cloud.clock.advance(6 * SECOND_NS)
        await settle()
        assert client.goodbye == 1001

    run(main())


def test_a_stopping_server_says_goodbye() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$disconnect", "disconnect", ok)
        await chat.deploy()
        client = await chat.connect()
        client.line.session.shut()
        assert client.goodbye == 1001
        await client.close(1001)
        assert chat.functions.of("disconnect")[0]["requestContext"]["disconnectReason"] == "Going away"

    run(main())
