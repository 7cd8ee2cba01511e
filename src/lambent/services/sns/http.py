"""Posts messages to HTTP endpoints: a request per connection, no redirects followed, never to the node's own doors."""

from __future__ import annotations

import asyncio
import base64
import ssl
from typing import Final, NamedTuple
from urllib.parse import unquote

import httptools

from lambent.contracts.clock import Clock
from lambent.contracts.events import TryAgain, Undeliverable
from lambent.kit import outward

TIMEOUT_S: Final = 15.0
_AGENT: Final = "Amazon Simple Notification Service Agent"
_HEAD_BYTES_MAX: Final = 65_536


class Place(NamedTuple):
    """Where a URL leads. `target` is the path and query as they are sent."""

    secure: bool
    host: str
    port: int
    target: str
    authorization: str

    @property
    def shown_host(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == outward.PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def place(url: str) -> Place:
    """The parts of a URL; `ValueError` for one that is none, or that leads to a door of the node."""
    parts = outward.address(url)
    port = parts.port if parts.port is not None else outward.PORTS[parts.scheme]
    path = parts.path or "/"
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    target = f"{path}?{parts.query}" if parts.query else path
    return Place(parts.scheme == "https", parts.hostname or "", port, target, authorization)


async def post(clock: Clock, url: str, headers: dict[str, str], body: bytes) -> int:
    """Post a body; returns the status of an answer of 200 to 299. Other answers raise `Undeliverable` (the endpoint
    does not want it) or `TryAgain` (it may later)."""
    try:
        where = place(url)
    except ValueError as error:
        raise Undeliverable(f"{url}: {error}") from None
    try:
        status = await outward.within(clock, TIMEOUT_S, _exchange(where, headers, body))
    except (OSError, httptools.HttpParserError, asyncio.IncompleteReadError, UnicodeError) as error:
        raise TryAgain(f"{where.shown_host}: {error or error.__class__.__name__}") from None
    if 200 <= status < 300:
        return status
    if status == 429 or status >= 500 or status < 200:
        raise TryAgain(f"{where.shown_host} answered {status}")
    raise Undeliverable(f"{where.shown_host} answered {status}")


class _Answer:
    """What the parser tells of an answer; its body is of no interest."""

    def __init__(self) -> None:
        self.known = False

    def on_headers_complete(self) -> None:
        """The status is known."""
        self.known = True


async def _exchange(where: Place, headers: dict[str, str], body: bytes) -> int:
    context = ssl.create_default_context() if where.secure else None
    reader, writer = await asyncio.open_connection(where.host, where.port, ssl=context)
    try:
        lines = {
            **headers,
            "Content-Length": str(len(body)),
            "Host": where.shown_host,
            "Connection": "close",
            "User-Agent": _AGENT,
            "Accept-Encoding": "gzip,deflate",
        }
        if where.authorization:
            lines["Authorization"] = where.authorization
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"POST {where.target} HTTP/1.1\r\n{head}\r\n".encode("latin-1", "replace") + body)
        await writer.drain()
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        read = 0
        while not answer.known:
            data = await reader.read(_HEAD_BYTES_MAX)
            read += len(data)
            if not data or read > _HEAD_BYTES_MAX:
                raise ConnectionError("the connection ended before an answer")
            parser.feed_data(data)
        return int(parser.get_status_code())
    finally:
        writer.close()
