"""A WebSocket API in a small cloud, functions that are Python, and clients without sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import orjson
from wsproto import events
from wsproto.connection import CLIENT, Connection
from wsproto.frame_protocol import CloseReason

from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Outcome
from lambent.contracts.http import Request, Response, Upgrade
from lambent.execute import addresses
from lambent.execute.room import Room
from lambent.execute.websocket import serve
from tests.support import REGION, TestCloud

T = TypeVar("T")
Function = Callable[[dict[str, Any]], Any]
FUNCTION = f"arn:aws:lambda:{REGION}:000000000000:function:"
SECOND_NS = 1_000_000_000


class FunctionFailure(Exception):
    """What a function of a test raises to fail."""


class Functions:
    """The Lambda service's target: functions by name; `called` has (name, event) in order."""

    def __init__(self) -> None:
        self.by_name: dict[str, Function] = {}
        self.called: list[tuple[str, Any]] = []
        self.sources: list[str] = []
        self.hold: asyncio.Event | None = None

    async def invoke(self, arn: str, payload: bytes, *, principal: str, source: str, account: str) -> Outcome:
        name = arn.rpartition(":")[2]
        event = json.loads(payload)
        assert principal == "apigateway.amazonaws.com"
        self.called.append((name, event))
        self.sources.append(source)
        if self.hold is not None:
            await self.hold.wait()
        if name not in self.by_name:
            raise Undeliverable(f"no function {name}")
        try:
            return Outcome(payload=orjson.dumps(self.by_name[name](event)))
        except FunctionFailure as failure:
            return Outcome(payload=orjson.dumps({"errorMessage": str(failure)}), error="Unhandled")

    def of(self, name: str) -> list[dict[str, Any]]:
        """The events of one function."""
        return [event for called, event in self.called if called == name]


class FakeLine:
    """A `contracts.http.Line` whose other end is a wsproto client."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.client = Connection(CLIENT)
        self.got: list[events.Event] = []
        self.unsent = 0
        self.paused = False
        self.closed = False
        self.expires: float | None = None

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.client.receive_data(data)
            self.got += self.client.events()

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def expire(self, seconds: float) -> None:
        self.expires = seconds

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.session.lost)

    def abort(self) -> None:
        self.close()


class Client:
    """A connected client."""

    def __init__(self, upgrade: Upgrade, id: str) -> None:
        self.headers = dict(upgrade.headers)
        self.id = id
        self.line = FakeLine(upgrade.successor)
        upgrade.successor.begin(self.line)

    async def send(self, message: Any, settle_after: bool = True) -> None:
        """Send a text (or what JSON makes of it), or bytes."""
        event: events.Event
        if isinstance(message, bytes):
            event = events.BytesMessage(message)
        else:
            event = events.TextMessage(message if isinstance(message, str) else json.dumps(message))
        self.line.session.received(self.line.client.send(event))
        if settle_after:
            await settle()

    async def settled(self, done: Callable[[], bool]) -> None:
        """Let things run until `done`, for a while."""
        for _ in range(50):
            await settle()
            if done():
                return

    async def ping(self) -> None:
        self.line.session.received(self.line.client.send(events.Ping(b"there?")))
        await settle()

    async def close(self, code: int | None = 1000, reason: str | None = None) -> None:
        """Say goodbye."""
        goodbye = events.CloseConnection(code, reason) if code else events.CloseConnection(CloseReason.NO_STATUS_RCVD)
        self.line.session.received(self.line.client.send(goodbye))
        await settle()

    async def vanish(self) -> None:
        """Break off."""
        self.line.abort()
        await settle()

    @property
    def texts(self) -> list[str]:
        """What has come, whole messages."""
        found, partial = [], ""
        for event in self.line.got:
            if isinstance(event, events.TextMessage):
                partial += event.data
                if event.message_finished and event.frame_finished:
                    found.append(partial)
                    partial = ""
        return found

    @property
    def answers(self) -> list[Any]:
        """What has come, as JSON."""
        return [json.loads(text) for text in self.texts]

    @property
    def goodbye(self) -> int | None:
        """The close code that has come."""
        codes = [event.code for event in self.line.got if isinstance(event, events.CloseConnection)]
        return int(codes[-1]) if codes else None


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(60):
        await asyncio.sleep(0)


class Chat:
    """A cloud with one WebSocket API, `self.api`, and its stage `prod` once `deploy` was called."""

    def __init__(self, cloud: TestCloud | None = None) -> None:
        self.cloud = cloud or TestCloud()
        self.functions = Functions()
        self.cloud.targets["lambda"] = self.functions  # type: ignore[assignment]
        self.cloud.targets["apigateway"] = Room(self.cloud)
        self.api = ""

    async def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.cloud.call("apigatewayv2", operation, **params)

    async def create(self, **params: Any) -> Chat:
        params = {"RouteSelectionExpression": "$request.body.action", **params}
        made = await self.call("CreateApi", Name="chat", ProtocolType="WEBSOCKET", **params)
        self.api = made["ApiId"]
        return self

    async def integrate(self, name: str = "", type: str = "AWS_PROXY", **params: Any) -> str:
        """An integration's id; with the function `name`."""
        if name:
            params["IntegrationUri"] = (
                f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}{name}/invocations"
            )
            params.setdefault("IntegrationMethod", "POST")
        made = await self.call("CreateIntegration", ApiId=self.api, IntegrationType=type, **params)
        return str(made["IntegrationId"])

    async def route(self, key: str, name: str = "", function: Function | None = None, **params: Any) -> str:
        """A route to a function; its id."""
        if name:
            if function is not None:
                self.functions.by_name[name] = function
            params["Target"] = f"integrations/{await self.integrate(name)}"
        return str((await self.call("CreateRoute", ApiId=self.api, RouteKey=key, **params))["RouteId"])

    async def two_way(self, key: str, name: str = "", function: Function | None = None, **params: Any) -> str:
        """A route whose answer goes back."""
        id = await self.route(key, name, function, RouteResponseSelectionExpression="$default", **params)
        await self.call("CreateRouteResponse", ApiId=self.api, RouteId=id, RouteResponseKey="$default")
        return id

    async def deploy(self, stage: str = "prod", **params: Any) -> None:
        deployment = (await self.call("CreateDeployment", ApiId=self.api))["DeploymentId"]
        await self.call("CreateStage", ApiId=self.api, StageName=stage, DeploymentId=deployment, **params)

    def request(self, path: str = "/prod", query: str = "", method: str = "GET", **headers: str) -> Request:
        """A handshake."""
        found = {
            "host": f"{self.api}.execute-api.localhost:4566",
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
            "user-agent": "tests",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return Request(method, path, query, found, peer="192.0.2.1", id=self.cloud.ids.request_id())

    async def answer(self, request: Request, cloud: TestCloud | None = None) -> Response:
        """What the API answers."""
        node = cloud or self.cloud
        found = await node.store.read(lambda tx: addresses.find(tx, addresses.spot(request)))
        assert found is not None
        response = await serve(node, request, found)
        assert response is not None
        return response

    async def connect(self, request: Request | None = None, cloud: TestCloud | None = None) -> Client:
        """A client, let in."""
        upgrade = await self.answer(request or self.request(), cloud)
        assert isinstance(upgrade, Upgrade), (upgrade.status, upgrade.body)
        return Client(upgrade, upgrade.successor.about.connection.id)  # type: ignore[attr-defined]


def beside(chat: Chat) -> TestCloud:
    """Another node of the same cloud, with the same functions."""
    other = TestCloud(2, beside=chat.cloud)
    other.targets["lambda"] = chat.functions  # type: ignore[assignment]
    other.targets["apigateway"] = Room(other)
    return other


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine."""
    return asyncio.run(work)
