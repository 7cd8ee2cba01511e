"""An edge without sockets: a transport that remembers what was written, and bytes put in by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import httptools

from lambent.contracts.clock import ManualClock
from lambent.contracts.http import Request, Response
from lambent.contracts.ids import Ids
from lambent.gateway.edge import Limits, Server
from lambent.gateway.edge_connection import Connection

T = TypeVar("T")
SECOND_NS = 1_000_000_000


class FakeTransport(asyncio.Transport):
    """Remembers writes; `full` makes the writer wait until `relieve`."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reading = True
        self.ended = False
        self.closed = False
        self.protocol: asyncio.BaseProtocol | None = None
        self.buffered = 0

    def write(self, data: Any) -> None:
        assert not self.closed
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def can_write_eof(self) -> bool:
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing is ever buffered here."""

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return self.closed

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if self.protocol is not None:
                asyncio.get_running_loop().call_soon(lambda: self.protocol.connection_lost(None))  # type: ignore[union-attr]

    def abort(self) -> None:
        self.close()


async def settle() -> None:
    """Let everything run that can run."""
    for _ in range(20):
        await asyncio.sleep(0)


class Wire:
    """One connection to an edge whose handler is `handler`."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]], limits: Limits | None = None) -> None:
        self.clock = ManualClock()
        self.seen: list[Request] = []

        async def remember(request: Request) -> Response:
            self.seen.append(request)
            return await handler(request)

        self.server = Server(remember, limits or Limits(), self.clock, Ids(1), "Lambent")
        self.transport, self.connection = self.connect()

    def connect(self) -> tuple[FakeTransport, Connection]:
        """A further connection."""
        transport = FakeTransport()
        connection = Connection(self.server, False)
        transport.protocol = connection
        connection.connection_made(transport)
        return transport, connection

    @property
    def ended(self) -> bool:
        """Whether the edge has said that no more requests are taken on this connection."""
        return self.transport.ended or self.transport.closed

    async def send(self, *pieces: bytes) -> bytes:
        """Put bytes in, and what has come out by then."""
        for piece in pieces:
            if self.transport.closed:
                break
            self.transport.protocol.data_received(piece)  # type: ignore[union-attr]
        await settle()
        return bytes(self.transport.written)

    async def advance(self, seconds: float) -> bytes:
        """Move the clock on."""
        self.clock.advance(int(seconds * SECOND_NS))
        await settle()
        return bytes(self.transport.written)


class Answer:
    """A response as a client parses it."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""


def answers(data: bytes) -> list[Answer]:
    """The responses in `data`, read by an independent parser; none of them may be to a HEAD request."""
    found: list[Answer] = []

    class Reader:
        def on_message_begin(self) -> None:
            found.append(Answer())

        def on_header(self, name: bytes, value: bytes) -> None:
            found[-1].headers[name.decode().lower()] = value.decode("latin-1")

        def on_headers_complete(self) -> None:
            found[-1].status = parser.get_status_code()

        def on_body(self, data: bytes) -> None:
            found[-1].body += data

    parser = httptools.HttpResponseParser(Reader())
    parser.feed_data(data)
    return found


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run one test's coroutine."""
    return asyncio.run(work)


async def echo(request: Request) -> Response:
    """Answers with what it got."""
    body = await request.body.read(1 << 20)
    return Response(200, [("x-path", request.path), ("x-query", request.query)], request.method.encode() + b":" + body)


async def pieces(*data: bytes) -> AsyncIterator[bytes]:
    """A streamed response body."""
    for piece in data:
        yield piece
