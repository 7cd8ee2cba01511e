"""Posts messages to HTTP endpoints: a request per connection, no redirects followed, never to the node's own doors."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Awaitable
from typing import Final, NamedTuple, TypeVar
from urllib.parse import unquote, urlsplit

import httptools

from lambent.contracts.clock import Clock
from lambent.contracts.events import TryAgain, Undeliverable

TIMEOUT_S: Final = 15.0
_AGENT: Final = "Amazon Simple Notification Service Agent"
_DOORS: Final = frozenset(("_lambent", "2018-06-01", "2020-01-01", "2020-08-15", "2022-07-01"))
"""Where the node's own doors begin, and the Runtime API's, which functions without a network of their own have on
loopback."""
_HEAD_BYTES_MAX: Final = 65_536
_PORTS: Final = {"http": 80, "https": 443}
T = TypeVar("T")


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
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


def place(url: str) -> Place:
    """The parts of a URL; `ValueError` for one that is none, or that leads to a door of the node."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("not a URL of HTTP")
    port = parts.port if parts.port is not None else _PORTS[parts.scheme]
    path = parts.path or "/"
    if _is_door(path):
        raise ValueError("the address is one of the cloud's own doors")
    if any(character <= " " or character == "\x7f" for character in url) or not url.isascii():
        raise ValueError("a character that no URL has")
    authorization = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(pair.encode()).decode()
    target = f"{path}?{parts.query}" if parts.query else path
    return Place(parts.scheme == "https", parts.hostname, port, target, authorization)


def _is_door(path: str) -> bool:
    """Whether a path is a door's, however it is written."""
    before = ""
    while path != before:
        before, path = path, unquote(path)
    steps: list[str] = []
    for step in path.replace("\\", "/").split("/"):
        if step == "..":
            steps = steps[:-1]
        elif step not in ("", "."):
            steps.append(step)
    return bool(steps) and steps[0].lower() in _DOORS


async def post(clock: Clock, url: str, headers: dict[str, str], body: bytes) -> int:
    """Post a body; returns the status of an answer of 200 to 299. Other answers raise `Undeliverable` (the endpoint
    does not want it) or `TryAgain` (it may later)."""
    try:
        where = place(url)
    except ValueError as error:
        raise Undeliverable(f"{url}: {error}") from None
    try:
        status = await _within(clock, TIMEOUT_S, _exchange(where, headers, body))
    except (OSError, httptools.HttpParserError, asyncio.IncompleteReadError, UnicodeError) as error:
        raise TryAgain(f"{where.shown_host}: {error or error.__class__.__name__}") from None
    if 200 <= status < 300:
        return status
    if status == 429 or status >= 500 or status < 200:
        raise TryAgain(f"{where.shown_host} answered {status}")
    raise Undeliverable(f"{where.shown_host} answered {status}")


async def _within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """`work`, or `TimeoutError` when the clock says that it takes too long."""
    task = asyncio.ensure_future(work)
    late = False

    def end() -> None:
        nonlocal late
        late = True
        task.cancel()

    alarm = clock.call_at(clock.now_ns() + int(seconds * 1e9), end)
    try:
        return await task
    except asyncio.CancelledError:
        if late:
            raise TimeoutError(f"no answer within {seconds:.0f} s") from None
        task.cancel()
        raise
    finally:
        alarm.cancel()


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
