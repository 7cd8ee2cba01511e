"""The Runtime API of one environment: HTTP on the listening socket that only this environment can reach.

Whoever speaks here is the user's code, and may speak garbage. Heads, bodies and connections are bounded; whatever is
out of order ends the connection; nothing said here can touch another environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from .report import RESPONSE_BYTES_MAX

CONNECTIONS_MAX = 64
_HEAD_BYTES_MAX = 1_200_000  # awslambdaric sends an X-Ray cause of up to 1 MiB in a header
_PREFIX = "/2018-06-01/runtime/"
_REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
}


class Desk(Protocol):
    """The environment, as its runtime sees it."""

    def on_next(self, connection: Connection) -> None:
        """The runtime asks for work; the connection waits until `Connection.answer`."""
        ...

    def on_response(self, request_id: str, body: bytes | None) -> bool:
        """The answer to a call; None: it was too large. False when no such call is open."""
        ...

    def on_error(self, request_id: str, body: bytes) -> bool:
        """The error of a call. False when no such call is open."""
        ...

    def on_init_error(self, body: bytes, kind: str) -> bool:
        """Init failed, the runtime says. False when Init is over."""
        ...

    def on_gone(self, connection: Connection) -> None:
        """A connection was closed."""
        ...


class Connection(asyncio.Protocol):
    """One connection; parses with llhttp. Requests are served one after another."""

    def __init__(self, desk: Desk, open_connections: set[Connection]) -> None:
        self._desk = desk
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting = False
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio calls this when the runtime has connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's class
        if len(self._open) >= CONNECTIONS_MAX:
            self._transport.abort()
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio calls this when the connection is gone."""
        self._transport = None
        self._open.discard(self)
        self._desk.on_gone(self)

    def data_received(self, data: bytes) -> None:
        """asyncio calls this with what the runtime sent."""
        if self._waiting:  # speaking out of turn
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, _Refused):
            self.abort()

    def on_url(self, url: bytes) -> None:
        """llhttp calls this with (a part of) the target."""
        self._grow(len(url))
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp calls this with a header."""
        self._grow(len(name) + len(value))
        self._headers[name.lower()] = value

    def _grow(self, count: int) -> None:
        self._head_bytes += count + 4
        if self._head_bytes > _HEAD_BYTES_MAX:
            raise _Refused

    def on_headers_complete(self) -> None:
        """llhttp calls this after the head."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """llhttp calls this with a part of the body; what is beyond the limit is counted and forgotten."""
        self._body_bytes += len(body)
        if self._body_bytes <= RESPONSE_BYTES_MAX:
            self._body.append(body)
        else:
            self._body.clear()

    def on_message_complete(self) -> None:
        """llhttp calls this at a request's end."""
        if self._waiting:
            raise _Refused
        method, url, headers = self._parser.get_method(), self._url.decode("latin-1"), self._headers
        body = b"".join(self._body) if self._body_bytes <= RESPONSE_BYTES_MAX else None
        self._begin()
        if not url.startswith(_PREFIX):
            self._say(404)
            return
        parts = url[len(_PREFIX) :].split("/")
        if method == b"GET" and parts == ["invocation", "next"]:
            self._waiting = True
            self._desk.on_next(self)
        elif method == b"POST" and len(parts) == 3 and parts[0] == "invocation" and parts[2] == "response":
            taken = self._desk.on_response(parts[1], body)
            self._say(400 if not taken else 413 if body is None else 202)
        elif method == b"POST" and len(parts) == 3 and parts[0] == "invocation" and parts[2] == "error":
            self._say(202 if self._desk.on_error(parts[1], body or b"") else 400)
        elif method == b"POST" and parts == ["init", "error"]:
            kind = headers.get(b"lambda-runtime-function-error-type", b"").decode("latin-1")
            self._say(202 if self._desk.on_init_error(body or b"", kind) else 403)
        else:
            self._say(404)

    def _say(self, status: int) -> None:
        if self._transport is None:
            return
        body = b'{"status":"OK"}\n' if status == 202 else b'{"errorMessage":"%s"}' % _REASONS[status].encode()
        self._transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (status, _REASONS[status].encode(), len(body), body)
        )

    def answer(self, message: bytes) -> None:
        """Answer the waiting `next` with a whole HTTP response."""
        self._waiting = False
        if self._transport is not None:
            self._transport.write(message)

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


class _Refused(Exception):
    """The request breaks a limit; raised through llhttp, which hands it back as a parser error."""


def protocol_factory(desk: Desk, open_connections: set[Connection] | None = None) -> Callable[[], Connection]:
    """A factory of connections to `desk`, for an event loop's server; `open_connections` holds those that are open."""
    found: set[Connection] = set() if open_connections is None else open_connections
    return lambda: Connection(desk, found)


def header_value(text: str) -> bytes:
    """A value that is safe in a response's head: one line of Latin-1, everything else replaced."""
    return "".join(c if " " <= c <= "~" else "?" for c in text).encode("latin-1")


def next_message(headers: list[tuple[bytes, str]], payload: bytes) -> bytes:
    """The HTTP response that hands a call to the runtime."""
    head = b"".join(b"%s: %s\r\n" % (name, header_value(value)) for name, value in headers)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n" % (head, len(payload))
    ) + payload
