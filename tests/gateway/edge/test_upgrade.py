"""Connections that leave HTTP: what takes them over gets every byte, back-pressure, and word of the end."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.http import Line, Request, Response, Upgrade
from lambent.gateway import tls
from lambent.gateway.edge import Limits, Server

from .support import Wire, answers, run, settle
from .test_sockets import on_server

ASK = b"GET /up HTTP/1.1\r\nHost: localhost\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
HEADERS = [("Upgrade", "echo"), ("Connection", "Upgrade")]


class Echo:
    """Sends back what it gets; remembers what it was told."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self.told: list[str] = []
        self.got = b""

    def begin(self, line: Line) -> None:
        self.line = line
        self.told.append("begin")

    def received(self, data: bytes) -> None:
        assert self.line is not None
        self.got += data
        self.line.write(data.upper())

    def relieved(self) -> None:
        self.told.append("relieved")

    def shut(self) -> None:
        assert self.line is not None
        self.told.append("shut")
        self.line.write(b"goodbye")
        self.line.close()

    def lost(self) -> None:
        self.told.append("lost")


def wire(echo: Echo, limits: Limits | None = None, headers: list[tuple[str, str]] = HEADERS) -> Wire:
    async def handler(request: Request) -> Response:
        return Upgrade(headers, echo) if request.path == "/up" else Response(200, body=b"plain")

    return Wire(handler, limits)


def test_the_head_is_written_and_the_rest_is_the_successors() -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo)
        out = await edge.send(ASK + b"early ", b"bytes")
        head, _, rest = out.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        assert lines[0] == "HTTP/1.1 101 Switching Protocols"
        assert {"Upgrade: echo", "Connection: Upgrade", "Server: Lambent"} <= set(lines)
        assert not any(line.startswith(("Content-Length", "Transfer-Encoding")) for line in lines)
        assert rest == b"EARLY BYTES"
        await edge.send(b" and later")
        assert (echo.got, echo.told) == (b"early bytes and later", ["begin"])
        assert edge.server.connections == 1
        edge.transport.close()
        await settle()
        assert echo.told == ["begin", "lost"]
        assert edge.server.connections == 0

    run(main())


def test_a_request_before_it_on_the_same_connection_is_answered_first() -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo)
        out = await edge.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + ASK + b"now")
        assert out.startswith(b"HTTP/1.1 200 OK")
        assert b"101 Switching" in out
        assert out.endswith(b"\r\n\r\nNOW")

    run(main())


@pytest.mark.parametrize(
    "ask",
    [
        ASK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ASK.replace(b"\r\n\r\n", b"\r\nContent-Length: 100000\r\n\r\n"),
        ASK.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
    ],
)
def test_what_cannot_change_is_told_so(ask: bytes) -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo)
        (answer,) = answers(await edge.send(ask))
        assert answer.status == 400
        assert echo.told == ["lost"]

    run(main())


def test_headers_cannot_be_injected() -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo, headers=[*HEADERS, ("Sec-WebSocket-Protocol", "a\r\nSet-Cookie: b=c")])
        assert b"Set-Cookie" not in await edge.send(ASK)
        assert echo.told == ["lost"]
        assert edge.transport.closed

    run(main())


def test_nothing_times_out_unless_it_was_asked_to() -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo)
        await edge.send(ASK)
        await edge.advance(10_000)
        assert not edge.transport.closed
        assert echo.line is not None
        echo.line.expire(5)
        await edge.advance(3)
        assert not edge.transport.closed
        await edge.advance(4)
        assert echo.told == ["begin", "lost"]

    run(main())


def test_a_client_that_reads_nothing_is_given_up() -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo, Limits(write_s=10))
        await edge.send(ASK)
        taken = edge.transport.protocol
        assert taken is not None
        taken.pause_writing()  # type: ignore[attr-defined]
        edge.transport.buffered = 300_000
        assert echo.line is not None
        assert echo.line.unsent == 300_000
        await edge.advance(8)
        taken.resume_writing()  # type: ignore[attr-defined]
        assert echo.told == ["begin", "relieved"]
        await edge.advance(50)
        assert not edge.transport.closed
        taken.pause_writing()  # type: ignore[attr-defined]
        await edge.advance(12)
        assert echo.told == ["begin", "relieved", "lost"]
        echo.line.write(b"to nobody")
        echo.line.pause()
        echo.line.resume()
        echo.line.close()
        echo.line.abort()
        assert echo.line.unsent == 0

    run(main())


def test_reading_can_be_paused() -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo)
        await edge.send(ASK)
        assert echo.line is not None
        echo.line.pause()
        assert not edge.transport.reading
        echo.line.resume()
        assert edge.transport.reading

    run(main())


def test_the_servers_end_is_told() -> None:
    async def main() -> None:
        echo = Echo()
        edge = wire(echo)
        await edge.send(ASK)
        await edge.server.close(1)
        assert echo.told == ["begin", "shut", "lost"]
        assert edge.transport.written.endswith(b"goodbye")

    run(main())


def test_a_client_that_left_during_the_handshake_is_none() -> None:
    async def main() -> None:
        echo = Echo()

        async def handler(request: Request) -> Response:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                return Upgrade(HEADERS, echo)
            raise AssertionError

        edge = Wire(handler)
        await edge.send(ASK)
        edge.transport.close()
        await settle()
        assert echo.told == ["lost"]

    run(main())


@pytest.mark.slow
@pytest.mark.parametrize("secure", [False, True])
def test_on_real_sockets(tmp_path: Path, secure: bool) -> None:
    echo = Echo()

    async def handler(request: Request) -> Response:
        return Upgrade(HEADERS, echo)

    server_side = client_side = None
    if secure:
        server_side = tls.server_context(tmp_path, None, None, ManualClock(1_900_000_000_000_000_000), "127.0.0.1")
        client_side = ssl.create_default_context()
        client_side.check_hostname = False
        client_side.verify_mode = ssl.CERT_NONE

    async def work(server: Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=client_side)
        writer.write(ASK + b"abc")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        assert await reader.readexactly(3) == b"ABC"
        writer.write(b"x" * 1_000_000)
        assert await reader.readexactly(1_000_000) == b"X" * 1_000_000
        closing = asyncio.ensure_future(server.close(5))
        assert await reader.read() == b"goodbye"
        writer.close()
        await closing
        assert echo.told[0] == "begin"
        assert echo.told[-2:] == ["shut", "lost"]

    on_server(work, handler, context=server_side)
