"""Metrics, access logs, and the edges of sizes and of shutdown."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from wsproto import events

from lambent.services.apigateway.connections.switchboard import switchboard
from tests.support import ACCOUNT, REGION

from .support import SECOND_NS, Chat, FunctionFailure, run, settle


class Metrics:
    """Notes measurements: (name, dimensions) to the sum of values."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, tuple[str, ...]], float] = {}

    def note(
        self, account: str, region: str, namespace: str, name: str, value: float, unit: str = "", dimensions: Any = ()
    ) -> None:
        assert (account, region, namespace) == (ACCOUNT, REGION, "AWS/ApiGateway")
        key = (name, tuple(dimension for dimension, _ in dimensions))
        self.sums[key] = self.sums.get(key, 0) + value


def test_metrics_by_api_stage_and_route() -> None:
    async def main() -> None:
        def fails(event: dict[str, Any]) -> Any:
            raise FunctionFailure("no")

        chat = await Chat().create()
        metrics = Metrics()
        chat.cloud.metrics = metrics
        await chat.route("$connect", "connect", lambda event: {"statusCode": 200})
        await chat.route("fine", "fine", lambda event: {"statusCode": 200})
        await chat.route("bad", "bad", fails)
        await chat.route("five", "five", lambda event: {"statusCode": 503})
        await chat.deploy(DefaultRouteSettings={"DetailedMetricsEnabled": True})
        client = await chat.connect()
        for action in ("fine", "bad", "five", "nowhere"):
            await client.send({"action": action})
        for dimensions in (("ApiId",), ("ApiId", "Stage"), ("ApiId", "Stage", "Route")):
            found = {name: total for (name, of), total in metrics.sums.items() if of == dimensions}
            assert found == {
                "ConnectCount": 1,
                "MessageCount": 4,
                "ClientError": 1,
                "ExecutionError": 1,
                "IntegrationError": 1,
                "IntegrationLatency": 0,
            }

    run(main())


def test_a_line_for_each_event() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.cloud.call("logs", "CreateLogGroup", logGroupName="access")
        await chat.route("$connect", "connect", lambda event: {"statusCode": 200})
        await chat.route("fine", "fine", lambda event: {"statusCode": 200})
        line = '$context.eventType $context.routeKey $context.status $context.connectionId "$context.error.message"'
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:access"
        await chat.deploy(AccessLogSettings={"DestinationArn": group, "Format": line})
        client = await chat.connect()
        await client.send({"action": "fine"})
        await client.send({"action": "nowhere"})
        found: list[str] = []
        for _ in range(20):
            await settle()
            told = await chat.cloud.call("logs", "FilterLogEvents", logGroupName="access")
            found = [event["message"] for event in told["events"]]
            if len(found) == 3:
                break
        assert found == [
            f'CONNECT $connect 200 {client.id} "-"',
            f'MESSAGE fine 200 {client.id} "-"',
            f'MESSAGE $default 403 {client.id} "Forbidden"',
        ]

    run(main())


def test_long_messages_find_their_route_and_long_answers_are_errors() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.two_way("big", "big", lambda event: {"body": "x" * 131_073})
        await chat.deploy()
        client = await chat.connect()
        message = json.dumps({"text": "x" * 120_000, "action": "big"})
        connection = client.line.client
        for at in range(0, len(message), 30_000):
            piece = events.TextMessage(message[at : at + 30_000], message_finished=at + 30_000 >= len(message))
            client.line.session.received(connection.send(piece))
        await settle()
        assert [name for name, _ in chat.functions.called] == ["big"]
        assert client.answers[0]["message"] == "Internal server error"

    run(main())


def test_a_stopping_server_waits_for_disconnect() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$disconnect", "disconnect", lambda event: {})
        await chat.deploy()
        client = await chat.connect()
        chat.functions.hold = asyncio.Event()
        client.line.session.shut()
        await client.close(1001)
        assert client.goodbye == 1001
        assert not client.line.closed
        chat.functions.hold.set()
        await settle()
        assert client.line.closed
        (event,) = chat.functions.of("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1001

    run(main())


def test_a_handshake_that_nobody_takes_over_is_no_connection() -> None:
    async def main() -> None:
        chat = await Chat().create()
        await chat.route("$disconnect", "disconnect", lambda event: {})
        await chat.deploy()
        await chat.answer(chat.request())
        client = await chat.connect()
        chat.cloud.clock.advance(61 * SECOND_NS)
        await settle()
        (event,) = chat.functions.of("disconnect")
        assert event["requestContext"]["disconnectStatusCode"] == 1006
        assert event["requestContext"]["connectionId"] != client.id
        assert switchboard(chat.cloud).count == 1

    run(main())
