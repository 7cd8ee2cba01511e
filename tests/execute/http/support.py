"""A small cloud with an HTTP API in it, and functions that are Python functions of the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from lambent.contracts.events import Delivery, Undeliverable
from lambent.contracts.functions import Outcome
from lambent.contracts.http import BytesBody, Request, Response
from lambent.execute import serve
from lambent.execute.room import Room
from tests.support import ACCOUNT, REGION, TestCloud

Function = Callable[[dict[str, Any]], Any]


class Functions:
    """Stands for Lambda's target: functions by name, what they were told, and who they let in (`allowed`, a prefix of
    the source's ARN)."""

    def __init__(self) -> None:
        self.by_name: dict[str, Function] = {}
        self.events: list[dict[str, Any]] = []
        self.sources: list[str] = []
        self.allowed = "arn:aws:execute-api:"

    async def invoke(self, arn: str, payload: bytes, *, principal: str, source: str, account: str) -> Outcome:
        """Run a function of the test; what it raises is the function's own error."""
        name = arn.split(":function:")[1]
        self.sources.append(source)
        if name not in self.by_name or principal != "apigateway.amazonaws.com" or not source.startswith(self.allowed):
            raise Undeliverable(name)
        event = orjson.loads(payload)
        self.events.append(event)
        try:
            told = self.by_name[name](event)
        except RuntimeError as error:
            return Outcome(payload=orjson.dumps({"errorMessage": str(error)}), error="Unhandled")
        return Outcome(payload=told if isinstance(told, bytes) else orjson.dumps(told))

    async def deliver(self, delivery: Delivery) -> None:
        """Not used by these tests."""
        raise AssertionError

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Not used by these tests."""
        raise AssertionError


def function_arn(name: str) -> str:
    """The ARN of a function of the test."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


class HttpApi:
    """An HTTP API with a `$default` stage that deploys by itself."""

    def __init__(self, cloud: TestCloud, id: str) -> None:
        self.cloud = cloud
        self.id = id
        self.functions = Functions()
        cloud.targets["lambda"] = self.functions
        cloud.targets["apigateway"] = Room(cloud)

    async def v2(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation on the API."""
        return await self.cloud.call("apigatewayv2", operation, ApiId=self.id, **params)

    async def function(self, key: str, fn: Function, version: str = "2.0", **route: Any) -> str:
        """A route that a function answers; gives the integration's id."""
        name = f"f{len(self.functions.by_name)}"
        self.functions.by_name[name] = fn
        return await self.route(
            key, route, IntegrationType="AWS_PROXY", IntegrationUri=function_arn(name), PayloadFormatVersion=version
        )

    async def route(self, key: str, route: dict[str, Any] | None = None, **integration: Any) -> str:
        """A route with an integration; gives the integration's id."""
        made = await self.v2("CreateIntegration", **integration)
        await self.v2("CreateRoute", RouteKey=key, Target=f"integrations/{made['IntegrationId']}", **(route or {}))
        return str(made["IntegrationId"])

    async def ask(self, method: str, url: str, body: bytes = b"", host: str = "", **headers: str) -> Response:
        """Send a request to the API's own address; header names have `_` for `-`."""
        path, _, query = url.partition("?")
        given = {"host": host or f"{self.id}.execute-api.localhost:4566"}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        if body:
            given.setdefault("content-length", str(len(body)))
        request = Request(method, path, query, given, BytesBody(body), peer="192.0.2.7", id=self.cloud.ids.request_id())
        return await self.send(request)

    async def send(self, request: Request) -> Response:
        """Send a request as it is."""
        answer = await serve(self.cloud, request)
        assert answer is not None
        return answer


async def new_api(cloud: TestCloud, **params: Any) -> HttpApi:
    """An HTTP API."""
    made = await cloud.call("apigatewayv2", "CreateApi", Name="test", ProtocolType="HTTP", **params)
    api = HttpApi(cloud, made["ApiId"])
    await api.v2("CreateStage", StageName="$default", AutoDeploy=True)
    return api


def body(response: Response) -> bytes:
    """A response's body."""
    assert isinstance(response.body, bytes)
    return response.body


def header(response: Response, name: str) -> str | None:
    """A header of a response; None where it is absent."""
    return next((value for found, value in response.headers if found == name), None)
