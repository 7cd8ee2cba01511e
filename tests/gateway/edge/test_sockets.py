"""The edge on real sockets, on uvloop: files, TLS and plain HTTP on one port, back-pressure, shutdown."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvloop

from lambent.contracts.clock import ManualClock, SystemClock
from lambent.contracts.http import FileSlice, Request, Response
from lambent.contracts.ids import Ids
from lambent.gateway import tls
from lambent.gateway.edge import Handler, Limits, Server, serve

from .support import answers, echo

pytestmark = pytest.mark.slow
DAY_NS = 86_400 * 1_000_000_000
LINES = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"


def on_server(
    work: Callable[[Server], Awaitable[None]],
    handler: Handler,
    limits: Limits | None = None,
    context: ssl.SSLContext | None = None,
) -> None:
    """Run `work` against a served handler, and close it."""

    async def main() -> None:
        server = await serve(
            handler, "127.0.0.1", 0, clock=SystemClock(), ids=Ids(1), limits=limits, ssl_context=context
        )
        try:
            async with asyncio.timeout(20):
                await work(server)
        finally:
            await server.close(grace_s=1)
        assert server.connections == 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def call(server: Server, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send bytes on a new connection and read until the edge closes it."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=context, server_hostname="localhost" if context else None
    )
    writer.write(data)
    out = await reader.read()
    writer.close()
    await writer.wait_closed()
    return out


def closing(path: bytes) -> bytes:
    return LINES.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % path


@pytest.fixture
def big(tmp_path: Path) -> tuple[Path, bytes]:
    data = bytes(range(256)) * 40_000
    path = tmp_path / "big"
    path.write_bytes(data)
    return path, data


def test_files_leave_by_sendfile(big: tuple[Path, bytes]) -> None:
    path, data = big

    async def handler(request: Request) -> Response:
        offset, length = map(int, request.query.split("-"))
        return Response(200, [], FileSlice(str(path), offset, length))

    async def work(server: Server) -> None:
        for offset, length in ((0, len(data)), (12_345, 5_000_000), (7, 100), (0, 0)):
            out = await call(server, closing(b"/?%d-%d" % (offset, length)))
            assert answers(out)[0].body == data[offset : offset + length]
        # One connection carries a large file, then a small one, then a large one.
        out = await call(server, LINES % b"/?0-9000000" + LINES % b"/?5-10" + closing(b"/?1-8000000"))
        assert [a.body for a in answers(out)] == [data[:9_000_000], data[5:15], data[1:8_000_001]]

    on_server(work, handler)


def test_a_file_that_is_too_short_breaks_the_connection(big: tuple[Path, bytes]) -> None:
    path, data = big

    async def handler(_: Request) -> Response:
        return Response(200, [], FileSlice(str(path), 0, len(data) + 1))

    async def work(server: Server) -> None:
        out = await call(server, LINES % b"/")
        head, _, body = out.partition(b"\r\n\r\n")
        assert b"Content-Length: %d" % (len(data) + 1) in head
        assert body == data

    on_server(work, handler)


def test_a_client_that_leaves_during_a_file_costs_nothing(big: tuple[Path, bytes]) -> None:
    path, data = big

    async def handler(_: Request) -> Response:
        return Response(200, [], FileSlice(str(path), 0, len(data)))

    async def work(server: Server) -> None:
        for _ in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
            writer.write(LINES % b"/")
            await reader.read(100)
            writer.transport.abort()
        while server.connections:
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.01)

    on_server(work, handler)


def test_both_directions_slow_down_for_the_slower_side() -> None:
    produced = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal produced
        for _ in range(2000):
            produced += 1
            yield b"x" * 50_000

    async def handler(request: Request) -> Response:
        if request.method == "PUT":
            await gate.wait()
            return await echo(request)
        return Response(200, [], endless())

    async def work(server: Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
        writer.write(LINES % b"/")
        await reader.read(1)
        await asyncio.wait([asyncio.ensure_future(gate.wait())], timeout=0.2)
        assert produced < 500
        writer.transport.abort()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        writer.transport.set_write_buffer_limits(0)
        sent = 0

        async def push() -> None:
            nonlocal sent
            for _ in range(100):
                writer.write(b"x" * 1_000_000)
                await writer.drain()
                sent += 1

        pushing = asyncio.ensure_future(push())
        await asyncio.wait([pushing], timeout=0.2)
        pushing.cancel()
        assert sent < 50
        writer.transport.abort()

    gate = asyncio.Event()
    on_server(work, handler)


def test_tls_and_plain_http_share_a_port(tmp_path: Path, big: tuple[Path, bytes]) -> None:
    path, data = big

    async def handler(request: Request) -> Response:
        if request.path == "/file":
            return Response(200, [], FileSlice(str(path), 0, len(data)))
        return Response(200, [], b"secure" if request.secure else b"plain")

    clock = SystemClock()
    context = tls.generated(tmp_path, clock)
    trusting = ssl.create_default_context(cafile=str(tls.authority(tmp_path)))

    async def work(server: Server) -> None:
        assert answers(await call(server, closing(b"/"), trusting))[0].body == b"secure"
        assert answers(await call(server, closing(b"/")))[0].body == b"plain"
        assert answers(await call(server, closing(b"/file"), trusting))[0].body == data
        assert answers(await call(server, closing(b"/file")))[0].body == data
        with pytest.raises(ssl.SSLError):
            await call(server, closing(b"/"), ssl.create_default_context())

    on_server(work, handler, context=context)


def test_every_name_that_a_client_asks_for_has_a_certificate(tmp_path: Path) -> None:
    context = tls.generated(tmp_path, SystemClock())
    trusting = ssl.create_default_context(cafile=str(tls.authority(tmp_path)))

    async def work(server: Server) -> None:
        for name in ("abc.execute-api.localhost", "api.example.com", "pictures.localhost", "localhost"):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting, server_hostname=name)
            shown = writer.get_extra_info("peercert")["subjectAltName"]
            assert ("DNS", name) in shown
            writer.close()

    on_server(work, echo, context=context)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["authority.key", tls.AUTHORITY, tls.LEAF]


def test_a_client_that_says_nothing_is_given_up_before_its_protocol_is_known(tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.read() == b""
        writer.close()
        assert answers(await call(server, closing(b"/")))[0].status == 200

    on_server(work, echo, Limits(head_s=0.1), tls.generated(tmp_path, SystemClock()))


def test_generated_certificates_are_kept_and_renewed(tmp_path: Path) -> None:
    clock = ManualClock()
    folder = tmp_path / "tls"
    tls.generated(folder, clock)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("authority.key", tls.LEAF):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    authority, leaf = (folder / tls.AUTHORITY).read_bytes(), (folder / tls.LEAF).read_bytes()
    clock.advance(300 * DAY_NS)
    tls.generated(folder, clock)
    assert (folder / tls.LEAF).read_bytes() == leaf
    tls.generated(folder, clock, ("cloud.example", "10.0.0.1"))
    named = (folder / tls.LEAF).read_bytes()
    assert named != leaf
    clock.advance(390 * DAY_NS)
    tls.generated(folder, clock, ("cloud.example",))
    assert (folder / tls.LEAF).read_bytes() != named
    assert (folder / tls.AUTHORITY).read_bytes() == authority


def test_a_given_certificate_is_used_and_a_wrong_one_refused(tmp_path: Path) -> None:
    clock = SystemClock()
    tls.generated(tmp_path, clock)
    leaf = tmp_path / tls.LEAF
    assert tls.server_context(tmp_path / "other", leaf, leaf, clock).cert_store_stats() is not None
    assert not (tmp_path / "other").exists()
    (tmp_path / "bad.pem").write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        tls.server_context(tmp_path, tmp_path / "bad.pem", None, clock)
    with pytest.raises(FileNotFoundError):
        tls.server_context(tmp_path, tmp_path / "none.pem", None, clock)
    tls.server_context(tmp_path / "own", None, None, clock)
    assert (tmp_path / "own" / tls.AUTHORITY).exists()


def test_shutdown_ends_what_does_not_finish() -> None:
    started = asyncio.Event()

    async def handler(_: Request) -> Response:
        started.set()
        await asyncio.get_running_loop().create_future()
        return Response(200)

    async def work(server: Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(LINES % b"/")
        await started.wait()
        await server.close(grace_s=0.05)
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", server.port)

    on_server(work, handler)


def test_an_idle_tls_connection_does_not_hold_the_server_up(tmp_path: Path) -> None:
    context = tls.server_context(tmp_path, None, None, SystemClock())
    trusting = ssl.create_default_context(cafile=tmp_path / tls.AUTHORITY)

    def client(port: int) -> ssl.SSLSocket:
        line = trusting.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
        line.sendall(LINES % b"/")
        assert b"200 OK" in line.recv(4096)
        return line  # and reads no more

    async def work(server: Server) -> None:
        loop = asyncio.get_running_loop()
        with await loop.run_in_executor(None, client, server.port):
            await asyncio.wait_for(server.close(grace_s=15), 5)

    on_server(work, echo, context=context)


def test_a_certificate_of_our_own_is_good_for_the_address_that_is_served(tmp_path: Path) -> None:
    from cryptography import x509  # deferred: of use to this test only

    def addresses(served: str) -> set[str]:
        tls.server_context(tmp_path, None, None, SystemClock(), served)
        leaf = x509.load_pem_x509_certificate((tmp_path / tls.LEAF).read_bytes())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return {str(address) for address in names.get_values_for_type(x509.IPAddress)}

    assert addresses("0.0.0.0") == {"127.0.0.1", "::1"}
    assert addresses("192.0.2.7") == {"127.0.0.1", "::1", "192.0.2.7"}
