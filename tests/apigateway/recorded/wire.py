"""A whole cloud in memory, asked as boto3 asks: what it answers has gone over the wire, there and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lambent.contracts.http import BytesBody, Request, Response
from lambent.execute.testing import TestingRoom
from tests.client import Client, Refused
from tests.support import TestCloud

NO_API = "Invalid API identifier specified 000000000000:"

Answer = tuple[int, dict[str, Any]]
"""The status, and the members as boto3 gives them (those of a refusal: `Error`, and `message` where it is modelled)."""


class Like:
    """Equal to every text that the pattern matches whole."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and re.fullmatch(self.pattern, other, re.DOTALL) is not None

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __repr__(self) -> str:
        return f"Like({self.pattern!r})"


class Of:
    """Equal to everything of a type."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, self.kind)

    def __hash__(self) -> int:
        return hash(self.kind)

    def __repr__(self) -> str:
        return f"Of({self.kind.__name__})"


def refusal(status: int, code: str, message: str, *, modelled: bool = True) -> Answer:
    """A refusal as boto3 tells it; the constraints' and the serializer's errors are not in the model."""
    told: dict[str, Any] = {"Error": {"Code": code, "Message": message}}
    return status, {**told, "message": message} if modelled else told


def bad(message: str) -> Answer:
    """A parameter is wrong."""
    return refusal(400, "BadRequestException", message)


def missing(message: str) -> Answer:
    """There is no such thing."""
    return refusal(404, "NotFoundException", message)


def conflict(message: str) -> Answer:
    """The name is taken, or the thing is in use."""
    return refusal(409, "ConflictException", message)


def invalid(message: str) -> Answer:
    """A constraint of the model does not hold."""
    return refusal(400, "ValidationException", message, modelled=False)


def patch(op: str, path: str | None = None, value: str | None = None, source: str | None = None) -> dict[str, str]:
    """One patch operation."""
    found = {"op": op, "path": path, "value": value, "from": source}
    return {name: text for name, text in found.items() if text is not None}


class Wire:
    """Make one inside a running loop. `ask` calls an operation, `send` a stage of an API."""

    def __init__(self) -> None:
        self.cloud = TestCloud()
        self.cloud.targets["apigateway"] = TestingRoom(self.cloud)

    async def ask(self, operation: str, /, **params: Any) -> Answer:
        """What an operation answers (of API Gateway, or `s3.PutObject`); nothing validates the parameters here."""
        service, _, name = operation.rpartition(".")
        client = Client(self.cloud, service or "apigateway")
        try:
            said = await client.call(name, **params)
        except Refused as refused:
            said = refused.answer
        return client.status, said

    async def made(self, operation: str, /, **params: Any) -> dict[str, Any]:
        """What an operation answers that must succeed."""
        status, said = await self.ask(operation, **params)
        assert status < 300, said
        return said

    async def send(
        self,
        verb: str,
        api: str,
        path: str,
        *,
        stage: str = "dev",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        by_path: bool = False,
    ) -> Response:
        """What a stage answers, asked by the API's host or (`by_path`) by the path form."""
        bare, _, query = path.partition("?")
        host = "localhost:4566" if by_path else f"{api}.execute-api.localhost:4566"
        full = f"/_aws/execute-api/{api}/{stage}{bare}" if by_path else f"/{stage}{bare}"
        sent = {"Host": host, **(headers or {})}
        named = {name.lower(): value for name, value in sent.items()}
        lines = [f"{name}: {value}" for name, value in sent.items()]
        return await self.cloud.front(Request(verb, full, query, named, BytesBody(body), lines=lines))
