"""The client for addresses of users: what it sends, what it refuses, when it gives up."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lambent.contracts.clock import ManualClock
from lambent.kit import calling
from lambent.kit.calling import Caller, Identity, Request, TooLarge, TooLate, Unreachable

SECOND_NS = 1_000_000_000


class Server:
    """A server that keeps connections: `answers` are what it sends next, `heard` what it was sent."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.heard: list[tuple[str, list[str], bytes]] = []
        self.connections = 0
        self.arrived = asyncio.Event()
        self._never: list[asyncio.Future[None]] = []

    async def __aenter__(self) -> Server:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
                length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
                self.heard.append((first, lines, await reader.readexactly(length)))
                self.arrived.set()
                answer = self.answers.pop(0) if self.answers else b"HTTP/1.1 204 No Content\r\n\r\n"
                if answer == b"":
                    # Held, or the collector takes what nothing else refers to, and the connection with it.
                    self._never.append(asyncio.get_running_loop().create_future())
                    await self._never[-1]
                writer.write(answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def _run(test: Callable[[Server, Caller, ManualClock], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = ManualClock()
        async with Server() as server:
            caller = Caller(clock)
            try:
                await test(server, caller, clock)
            finally:
                await caller.close()

    asyncio.run(run())


def test_another_host_is_named_than_is_asked() -> None:
    async def test(server: Server, caller: Caller, clock: ManualClock) -> None:
        await caller.call(Request("GET", f"{server.url}/", own=[("Host", "mapped.example"), ("Trailer", "x")]), 1)
        [(_, lines, _)] = server.heard
        assert [line for line in lines if line.lower().startswith("host:")] == ["Host: mapped.example"]
        assert "Trailer: x" in lines
        for wrong in (("Host", "a\r\nx: y"), ("Content-Length", "1"), ("Transfer-Encoding", "chunked")):
            with pytest.raises(ValueError, match=wrong[0]):
                await caller.call(Request("GET", f"{server.url}/", own=[wrong]), 1)

    _run(test)


@pytest.mark.slow
def test_an_answer_has_all_its_headers_and_its_raw_body_and_the_connection_is_kept() -> None:
    async def test(server: Server, caller: Caller, clock: ManualClock) -> None:
        server.answers = [
            b"HTTP/1.1 301 X\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nLocation: /e\r\nContent-Encoding: gzip\r\n"
            b"Content-Length: 3\r\n\r\n\x1f\x8bx"
        ]
        sent = [("X-A", "1"), ("X-A", "2"), ("Host", "evil"), ("Content-Length", "9"), ("Connection", "close")]
        answer = await caller.call(Request("POST", f"{server.url}/a%2Fb?c=%20d&e", sent, b"body"), 5)
        assert (answer.status, answer.body) == (301, b"\x1f\x8bx")
        assert answer.values("Set-Cookie") == ["a=1", "b=2"]
        assert answer.by_name()["set-cookie"] == ["a=1", "b=2"]
        await caller.call(Request("GET", server.url), 5)
        (line, headers, body), (second, bare, _) = server.heard
        assert (line, body) == ("POST /a%2Fb?c=%20d&e HTTP/1.1", b"body")
        host = server.url.removeprefix("http://")
        assert sorted(headers) == ["Content-Length: 4", f"Host: {host}", "X-A: 1", "X-A: 2"]
        assert (second, bare) == ("GET / HTTP/1.1", [f"Host: {host}"])
        assert server.connections == 1

    _run(test)


@pytest.mark.slow
def test_an_answer_that_is_too_long_or_too_late_or_missing() -> None:
    async def test(server: Server, caller: Caller, clock: ManualClock) -> None:
        server.answers = [b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\n123456789", b"", b"not http at all\r\n\r\n"]
        with pytest.raises(TooLarge):
            await caller.call(Request("GET", server.url), 5, body_bytes_max=8)
        server.arrived.clear()
        waiting = asyncio.ensure_future(caller.call(Request("GET", server.url), 5))
        await server.arrived.wait()
        clock.advance(5 * SECOND_NS)
        with pytest.raises(TooLate, match="no answer within 5 s"):
            await waiting
        with pytest.raises(Unreachable):
            await caller.call(Request("GET", server.url), 5)
        with pytest.raises(Unreachable):
            await caller.call(Request("GET", "http://127.0.0.1:1/"), 5)

    _run(test)


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "http://h/", [("X", "a\r\nY: b")]),
        Request("GET", "http://h/", [("X\r\nY", "a")]),
        Request("GET", "http://h/", [("X Y", "a")]),
        Request("GET", "http://h/", [("X", "a\x00")]),
        Request("GET /x HTTP/1.1\r\nX: y", "http://h/"),
        Request("", "http://h/"),
        Request("CONNECT", "http://h/"),
        Request("Trace", "http://h/"),
        Request("GET", "ftp://h/"),
        Request("GET", "http:///x"),
        Request("GET", "http://h/a b"),
        Request("GET", "http://h/\r\nX: y"),
        Request("GET", "http://h:0/"),
        Request("GET", "http://h:99999/"),
        Request("GET", "http://h/_lambent/state"),
        Request("GET", "http://user@h/%5Flambent/x"),
    ],
)
def test_what_is_no_request_is_refused_before_anything_is_sent(request_: Request) -> None:
    async def run() -> None:
        with pytest.raises(ValueError):
            await Caller(ManualClock()).call(request_, 1)

    asyncio.run(run())


def test_the_user_of_an_address_becomes_a_header_and_leaves_the_address() -> None:
    found = calling.place("https://me:p%40ss@example.com:8443/a?b=c#d")
    assert found.url == "https://example.com:8443/a?b=c"
    sent = calling.fields(Request("GET", "", [("A", "b")]), found.authorization)
    assert sent == [("A", "b"), ("Authorization", "Basic bWU6cEBzcw==")]
    own = calling.fields(Request("GET", "", [("authorization", "Bearer x")]), found.authorization)
    assert own == [("authorization", "Bearer x")]


@pytest.mark.slow
def test_connections_end_with_the_loop_when_nobody_closes_them() -> None:
    async def run() -> None:
        async with Server() as server:
            assert (await caller.call(Request("GET", server.url), 5)).status == 204

    caller = Caller(ManualClock())
    for _ in range(2):  # and another loop opens others
        asyncio.run(run())  # an open connection would be a warning, and so an error


@pytest.mark.slow
def test_certificates_are_verified_unless_an_integration_says_otherwise(tmp_path: Path) -> None:
    async def run() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(_self_signed(tmp_path))

        server = await asyncio.start_server(_answer_ok, "127.0.0.1", 0, ssl=context)
        caller = Caller(ManualClock())
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            with pytest.raises(Unreachable, match="certificate"):
                await caller.call(Request("GET", url), 5)
            assert (await caller.call(Request("GET", url, verified=False), 5)).body == b"ok"
        finally:
            await caller.close()
            server.close()
            await server.wait_closed()

    asyncio.run(run())


def test_servers_that_ask_who_calls_are_shown_the_certificate_of_the_request(tmp_path: Path) -> None:
    async def run() -> None:
        theirs, mine, other = (_self_signed(tmp_path, name) for name in ("theirs", "mine", "other"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(theirs)
        context.load_verify_locations(mine)
        context.verify_mode = ssl.CERT_REQUIRED
        server = await asyncio.start_server(_answer_ok, "127.0.0.1", 0, ssl=context)
        caller = Caller(ManualClock())
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            shown = Request("GET", url, verified=False, identity=_identity(mine))
            assert (await caller.call(shown, 5)).body == b"ok"
            with pytest.raises(Unreachable):
                await caller.call(Request("GET", url, verified=False), 5)
            with pytest.raises(Unreachable):
                await caller.call(shown._replace(identity=_identity(other)), 5)
            with pytest.raises(Unreachable, match="certificate"):
                await caller.call(shown._replace(verified=True), 5)
        finally:
            await caller.close()
            server.close()
            await server.wait_closed()

    asyncio.run(run())


def _identity(file: Path) -> Identity:
    key, _, certificate = file.read_text().partition("-----BEGIN CERTIFICATE")
    return Identity(f"-----BEGIN CERTIFICATE{certificate}", key)


async def _answer_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    await writer.drain()
    writer.close()


def _self_signed(folder: Path, called: str = "pair") -> Path:
    """A key and its certificate, which nobody signed, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin.replace(year=2099))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{called}.pem"
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.slow
def test_the_library_is_loaded_by_the_first_call_only() -> None:
    modules = "lambent.kit.calling, lambent.services.sns, lambent.services.events, sys"
    code = f"import {modules}; print(sorted({{'aiohttp', 'yarl'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
