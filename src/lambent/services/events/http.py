"""Calls of API destinations and of servers that give tokens, through the cloud's one client for such addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from lambent.contracts.ports import Cloud
from lambent.kit import calling
from lambent.kit.calling import Unreachable

__all__ = ["Answer", "Request", "Unreachable", "ask"]

TIMEOUT_S: Final = 5.0
_AGENT: Final = "Amazon/EventBridge/ApiDestinations"
_BODY_BYTES_MAX: Final = 1 << 20


class Request(NamedTuple):
    """What is asked: `url` with its query."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What came: headers by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(cloud: Cloud, request: Request) -> Answer:
    """Send a request and read the answer; `Unreachable` when none comes in time, `ValueError` for a bad address."""
    headers = [(name, one_line(value)) for name, value in request.headers.items() if name.lower() != "user-agent"]
    asked = calling.Request(request.method, request.url, [*headers, ("User-Agent", _AGENT)], request.body)
    answer = await calling.of(cloud).call(asked, TIMEOUT_S, body_bytes_max=_BODY_BYTES_MAX)
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers}, answer.body)


def one_line(value: str) -> str:
    """A header's value, which must not become two."""
    return value.replace("\r", " ").replace("\n", " ").replace("\0", " ")
