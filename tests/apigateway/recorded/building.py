"""REST APIs built over the wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from lambent.contracts.http import Response
from lambent.kit import calling
from tests.execute.rest.making import Functions
from tests.execute.rest.test_http import Backend
from tests.support import TestCloud

from .wire import Wire

MEDIA: Final = "application/json"


def said(answer: Response) -> Any:
    """An answer's body, as JSON."""
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


def kind(answer: Response) -> str:
    """The kind of an error."""
    return next(value for name, value in answer.headers if name.lower() == "x-amzn-errortype")


class Building:
    """A REST API that is built over the wire; `where` is its newest method."""

    def __init__(self, wire: Wire, made: dict[str, Any]) -> None:
        self.wire, self.id, self.root = wire, str(made["id"]), str(made["rootResourceId"])
        self.paths = {"/": self.root}
        self.where: dict[str, str] = {}

    @classmethod
    async def begin(cls, **params: Any) -> Building:
        """A new API in a new cloud."""
        wire = Wire()
        return cls(wire, await wire.made("CreateRestApi", name="books", **params))

    async def resource(self, path: str) -> str:
        """The resource at a path, made with those above it."""
        if path not in self.paths:
            above, _, part = path.rpartition("/")
            parent = await self.resource(above or "/")
            made = await self.wire.made("CreateResource", restApiId=self.id, parentId=parent, pathPart=part)
            self.paths[path] = made["id"]
        return self.paths[path]

    async def method(self, path: str, verb: str, integration: dict[str, Any], **params: Any) -> None:
        """A method that answers 200 by an integration; `response` is the integration's response."""
        response = params.pop("response", {})
        self.where = {"restApiId": self.id, "resourceId": await self.resource(path), "httpMethod": verb}
        await self.wire.made("PutMethod", **self.where, **{"authorizationType": "NONE", **params})
        declared = dict.fromkeys(response.get("responseParameters", {}), False)
        more = {"responseParameters": declared} if declared else {}
        await self.wire.made("PutMethodResponse", **self.where, statusCode="200", **more)
        await self.wire.made("PutIntegration", **self.where, **integration)
        await self.wire.made("PutIntegrationResponse", **self.where, statusCode="200", **response)

    async def mock(
        self, path: str, verb: str, template: str, request: str = '{"statusCode": 200}', **more: Any
    ) -> None:
        """A method that answers a template by itself."""
        integration = {"type": "MOCK", "requestTemplates": {MEDIA: request}, **more}
        await self.method(path, verb, integration, response={"responseTemplates": {MEDIA: template}})

    async def deploy(self) -> None:
        """Put the stage `dev` on what there is."""
        await self.wire.made("CreateDeployment", restApiId=self.id, stageName="dev")

    async def send(self, verb: str, path: str, **params: Any) -> Response:
        """What the stage answers."""
        return await self.wire.send(verb, self.id, path, **params)

    def functions(self, **named: Callable[[Any], Any]) -> Functions:
        """Let there be functions."""
        made = Functions(**named)
        self.wire.cloud.targets["lambda"] = made  # type: ignore[assignment]
        return made

    def backend(self, answer: Callable[[calling.Request], calling.Answer]) -> Answering:
        """Let there be one backend for all HTTP integrations."""
        made = Answering(self.wire.cloud, answer)
        self.wire.cloud.caller = made
        return made


class Answering(Backend):
    """A backend whose answer depends on what it is asked."""

    def __init__(self, cloud: TestCloud, answer: Callable[[calling.Request], calling.Answer]) -> None:
        super().__init__(cloud)
        self._by = answer

    async def call(
        self, request: calling.Request, timeout_s: float, *, body_bytes_max: int = calling.BODY_BYTES_MAX
    ) -> calling.Answer:
        """Keep the request and answer."""
        self.answer = self._by(request)
        return await super().call(request, timeout_s, body_bytes_max=body_bytes_max)


def uri(name: str) -> str:
    """The address of a function, as integrations name it."""
    function = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    return f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations"
