"""Calls of API destinations and of servers that give tokens: a request per connection, no redirects followed, never to
the node's own doors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httptools

from lambent.contracts.clock import Clock
from lambent.kit import outward

TIMEOUT_S: Final = 5.0
_AGENT: Final = "Amazon/EventBridge/ApiDestinations"
_BODY_BYTES_MAX: Final = 1 << 20


class Unreachable(Exception):
    """No answer came; another time one may."""


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


async def ask(clock: Clock, request: Request) -> Answer:
    """Send a request and read the answer; `Unreachable` when none comes in time, `ValueError` for a bad address."""
    outward.address(request.url)
    try:
        return await outward.within(clock, TIMEOUT_S, _exchange(request))
    except (OSError, httptools.HttpParserError, asyncio.IncompleteReadError, UnicodeError) as error:
        raise Unreachable(f"{urlsplit(request.url).netloc}: {error or error.__class__.__name__}") from None


class _Reader:
    """What the parser tells of an answer."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self.body += data

    def on_message_complete(self) -> None:
        """All is there."""
        self.done = True


async def _exchange(request: Request) -> Answer:
    parts = urlsplit(request.url)
    secure = parts.scheme == "https"
    context = ssl.create_default_context() if secure else None
    port = parts.port if parts.port is not None else outward.PORTS[parts.scheme]
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        own = {
            "host": parts.netloc.rpartition("@")[2],
            "user-agent": _AGENT,
            "connection": "close",
            "content-length": str(len(request.body)),
        }
        lines = {name: value for name, value in request.headers.items() if name.lower() not in own}
        head = "".join(f"{name}: {_line(value)}\r\n" for name, value in {**own, **lines}.items())
        writer.write(f"{request.method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + request.body)
        await writer.drain()
        found = _Reader()
        parser = httptools.HttpResponseParser(found)
        while not found.done:
            data = await reader.read(1 << 16)
            if not data and parser.get_status_code():
                break  # the body ended with the connection
            if not data or len(found.body) > _BODY_BYTES_MAX:
                raise ConnectionError("the connection ended before an answer")
            parser.feed_data(data)
        return Answer(int(parser.get_status_code()), found.headers, bytes(found.body))
    finally:
        writer.close()


def _line(value: str) -> str:
    """A header's value, which must not become two."""
    return value.replace("\r", " ").replace("\n", " ")
