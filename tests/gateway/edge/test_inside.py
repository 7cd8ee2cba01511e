"""The edge for functions: HTTP and HTTPS on the port of a sandbox, told apart by the first byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lambent.contracts.clock import SystemClock
from lambent.contracts.http import Request, Response
from lambent.contracts.ids import Ids
from lambent.gateway.edge import Limits, Server
from lambent.gateway.edge_inside import Inside

from .support import FakeTransport, settle

HEAD = b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
Work = Callable[[Inside, int], Awaitable[None]]


async def echo(request: Request) -> Response:
    """Says whether it was asked over TLS, and gives the body back."""
    body = await request.body.read(1 << 24)
    return Response(200, [("x-secure", str(request.secure)), ("x-peer", request.peer)], body)


def run(folder: Path, work: Work) -> None:
    """Serve what connects to a port, as the compute room serves a sandbox's, while `work(inside, port)` runs."""

    async def main() -> None:
        inside = Inside(Server(echo, Limits(), SystemClock(), Ids(1), "Lambent"), folder, SystemClock())
        listener = await asyncio.get_running_loop().create_server(inside.accept, "127.0.0.1", 0)
        await work(inside, listener.sockets[0].getsockname()[1])
        listener.close()
        await inside.server.close(0)
        assert inside.server.connections == 0

    asyncio.run(main())


async def call(port: int, body: bytes, context: ssl.SSLContext | None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(HEAD % len(body) + body)
    try:
        return await reader.read()
    finally:
        writer.close()


def trusting(inside: Inside) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(inside.authority()))


@pytest.mark.slow
def test_http_and_https_reach_the_same_handler(tmp_path: Path) -> None:
    async def work(inside: Inside, port: int) -> None:
        body = bytes(range(256)) * 12_000  # more than what any buffer on the way takes
        for context, secure in ((None, b"False"), (trusting(inside), b"True")):
            answer = await call(port, body, context)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b"x-secure: " + secure in answer
            assert b"x-peer: 127.0.0.1" in answer
            assert answer.endswith(body)

    run(tmp_path / "tls", work)


@pytest.mark.slow
def test_the_authority_stays_the_same(tmp_path: Path) -> None:
    async def work(inside: Inside, port: int) -> None:
        assert (await call(port, b"hello", trusting(inside))).endswith(b"hello")

    run(tmp_path / "tls", work)
    before = (tmp_path / "tls" / "authority.pem").read_bytes()
    run(tmp_path / "tls", work)
    assert (tmp_path / "tls" / "authority.pem").read_bytes() == before


@pytest.mark.slow
def test_who_does_not_trust_it_is_not_served(tmp_path: Path) -> None:
    async def work(inside: Inside, port: int) -> None:
        with pytest.raises(ssl.SSLError):
            await call(port, b"", ssl.create_default_context())
        assert (await call(port, b"hello", None)).endswith(b"hello")

    run(tmp_path / "tls", work)


def test_connections_are_counted_before_their_first_byte_and_nonsense_is_refused(tmp_path: Path) -> None:
    async def work(inside: Inside, port: int) -> None:
        silent, gone = FakeTransport(), FakeTransport()
        for transport in (silent, gone):
            protocol = inside.accept()
            assert isinstance(protocol, asyncio.Protocol)
            transport.protocol = protocol
            protocol.connection_made(transport)
        assert inside.server.connections == 2
        gone.close()
        await settle()
        assert inside.server.connections == 1
        first = silent.protocol
        assert isinstance(first, asyncio.Protocol)
        first.data_received(b"\x00\x01\x02\r\n\r\n")
        assert b" 400 " in silent.written
        assert silent.protocol is not first
        silent.close()
        await settle()

    run(tmp_path / "tls", work)
