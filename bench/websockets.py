"""WebSocket APIs: what an open connection takes, what a message costs, and one to a client through the management API.

`python -m bench.websockets [--open N] [--seconds S]`, or `python -m bench --only WebSocket`. One route answers by a
mock integration, so that its figures are those of the gateway: routing, the templates, the answer; one by a function.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import uvloop

from .apigateway import make_function
from .cases import client
from .server import FAILED, Server, cpu_s, lambent, resident_mb
from .signed import REGION, sign

ROWS = "WebSocket"
OPEN = 1000
BUSY = 16
FUNCTIONS = 4
"""Messages to the function at the same time."""
_MESSAGE = b'{"action": "echo", "text": "' + b"x" * 200 + b'"}'
_TO_FUNCTION = _MESSAGE.replace(b"echo", b"call")
_TEMPLATE = '{"id": "$context.connectionId", "text": "pong"}'
_HANDSHAKE = (
    b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_SETTLE_S = 2.0


def prepare(url: str) -> str:
    """An API with a route whose mock answers and one that a function answers; the URL of its stage."""
    apis = client("apigatewayv2", url)
    api = apis.create_api(Name="bench", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")[
        "ApiId"
    ]
    integration = apis.create_integration(
        ApiId=api, IntegrationType="MOCK", RequestTemplates={"$default": '{"statusCode": 200}'}
    )["IntegrationId"]
    apis.create_integration_response(
        ApiId=api,
        IntegrationId=integration,
        IntegrationResponseKey="$default",
        ResponseTemplates={"$default": _TEMPLATE},
    )
    function = make_function(url, "bench-websocket", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
    called = apis.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri)["IntegrationId"]
    for key, target in (("echo", integration), ("call", called)):
        route = apis.create_route(
            ApiId=api, RouteKey=key, Target=f"integrations/{target}", RouteResponseSelectionExpression="$default"
        )["RouteId"]
        apis.create_route_response(ApiId=api, RouteId=route, RouteResponseKey="$default")
    deployment = apis.create_deployment(ApiId=api)["DeploymentId"]
    limits = {"ThrottlingRateLimit": 1e6, "ThrottlingBurstLimit": 100_000}
    apis.create_stage(ApiId=api, StageName="prod", DeploymentId=deployment, DefaultRouteSettings=limits)
    return f"{url}/_aws/execute-api/{api}/prod"


def _masked(message: bytes) -> bytes:
    """A text frame of a client's, with a mask of zeros."""
    length = len(message)
    head = bytes((0x81, 0x80 | length)) if length < 126 else bytes((0x81, 0xFE)) + length.to_bytes(2, "big")
    return head + bytes(4) + message


class _Client(asyncio.Protocol):
    """One connection: `ready` when it was accepted, `answered` called for each message that comes."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._hello = _HANDSHAKE % (parts.path.encode(), parts.netloc.encode())
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered: Callable[[bytes], None] = lambda message: None
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        self._transport = transport  # type: ignore[assignment]
        self.send(self._hello)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        """Break off."""
        assert self._transport is not None
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        self._data += data
        if not self.ready.done():
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                raise SystemExit(f"not accepted: {self._data!r}")
            self._data = rest
            self.ready.set_result(None)
        while len(self._data) >= 2:
            length, start = self._data[1], 2
            if length == 126:
                length, start = int.from_bytes(self._data[2:4], "big"), 4
            if len(self._data) < start + length:
                return
            message, self._data = self._data[start : start + length], self._data[start + length :]
            self.answered(message)


async def _connect(url: str) -> _Client:
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: _Client(url), parts.hostname, parts.port)
    await protocol.ready
    return protocol


async def _opened(server: Server, url: str, count: int) -> tuple[list[str], list[_Client]]:
    """The row of `count` connections, and they. The first few load what the others share."""
    warm = [await _connect(url) for _ in range(20)]
    await asyncio.sleep(_SETTLE_S)
    before_mb, spent_s, started = resident_mb(server.pid), cpu_s(server.pid), time.perf_counter()
    opened: list[_Client] = []
    while len(opened) < count:
        opened += await asyncio.gather(*(_connect(url) for _ in range(min(50, count - len(opened)))))
    taken_s, spent_s = time.perf_counter() - started, cpu_s(server.pid) - spent_s
    await asyncio.sleep(_SETTLE_S)
    each_kb = (resident_mb(server.pid) - before_mb) * 1024 / count
    for one in warm:
        one.close()
    cells = [f"{count / taken_s:,.0f}", f"{count / spent_s:,.0f}" if spent_s else "?", f"{spent_s / count * 1e6:,.0f}"]
    return [f"WebSocket, {count} opened", *cells, "", "", f"{each_kb:.1f} KB resident each"], opened


async def _load(
    server: Server, name: str, seconds: float, ask: list[Callable[[Callable[[], None]], None]], failed: list[bytes]
) -> list[str]:
    """A row: each of `ask` asks once and calls back, again and again for `seconds`. `failed` is what they were
    answered instead."""
    taken_ms: list[float] = []
    until = time.perf_counter() + seconds
    running = len(ask)
    done = asyncio.get_running_loop().create_future()

    def go(one: Callable[[Callable[[], None]], None]) -> None:
        began = time.perf_counter()

        def answered() -> None:
            nonlocal running
            now = time.perf_counter()
            taken_ms.append((now - began) * 1e3)
            if now < until:
                go(one)
                return
            running -= 1
            if not running:
                done.set_result(None)

        one(answered)

    before_s, started = cpu_s(server.pid), time.perf_counter()
    for one in ask:
        go(one)
    await done
    spent_s, rate = cpu_s(server.pid) - before_s, len(taken_ms) / (time.perf_counter() - started)
    cost_us = spent_s / len(taken_ms) * 1e6
    taken_ms.sort()
    p50, p99 = statistics.median(taken_ms), taken_ms[int(len(taken_ms) * 0.99)]
    per_core = f"{1e6 / cost_us:,.0f}" if cost_us else "?"
    note = f"{FAILED}: {len(failed):,} of {len(taken_ms):,}" if failed else ""
    return [name, f"{rate:,.0f}", per_core, f"{cost_us:,.0f}", f"{p50:.2f}", f"{p99:.2f}", note]


def _message(
    one: _Client, failed: list[bytes], message: bytes = _MESSAGE, wanted: bytes = b"pong"
) -> Callable[[Callable[[], None]], None]:
    """Asks for a message, and puts an answer that has not `wanted` in it among those that `failed`."""
    frame = _masked(message)

    def ask(answered: Callable[[], None]) -> None:
        def come(answer: bytes) -> None:
            if wanted not in answer:
                failed.append(answer)
            answered()

        one.answered = come
        one.send(frame)

    return ask


async def _posts(url: str, one: _Client, id: str) -> Callable[[Callable[[], None]], None]:
    """Asks for a message to the client `id` through the management API, over a connection of its own; done when it has
    come and the request is answered."""
    request = sign("execute-api", "POST", f"{url}/@connections/{quote(id, safe='')}", _MESSAGE)
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)

    async def answer(answered: Callable[[], None]) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"not posted: {head!r}")
        answered()

    def ask(answered: Callable[[], None]) -> None:
        one.answered = lambda message: None
        writer.write(request)
        tasks.add(asyncio.ensure_future(answer(answered)))

    tasks: set[asyncio.Future[None]] = set()
    return ask


async def _id(one: _Client) -> str:
    """A client's id, from the mock's answer."""
    told: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    one.answered = told.set_result
    one.send(_masked(_MESSAGE))
    return (await told).split(b'"')[3].decode()


async def _measure(server: Server, url: str, count: int, seconds: float) -> list[list[str]]:
    row, opened = await _opened(server, url, count)
    rows = [row]
    busy = opened[:BUSY]
    bad: list[bytes] = []
    asks = [_message(one, bad) for one in busy]
    rows.append(await _load(server, "WebSocket message to a mock and back", seconds, asks, bad))
    calls = [_message(one, bad, _TO_FUNCTION, b"hello") for one in busy[:FUNCTIONS]]
    await _load(server, "warm-up", 1, calls, bad)
    bad.clear()
    rows.append(await _load(server, "WebSocket message to a warm function and back", seconds, calls, bad))
    posts = [await _posts(url, one, await _id(one)) for one in busy]
    rows.append(await _load(server, "WebSocket PostToConnection", seconds, posts, []))
    for one in opened:
        one.close()
    return rows


def rows(server: Server, count: int = OPEN, seconds: float = 5) -> list[list[str]]:
    """Rows for the table of `python -m bench`."""
    url = prepare(server.url)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(server, url, count, seconds))


def main() -> None:
    """Measure a Lambent of its own, and print."""
    # Deferred: __main__ knows this module.
    from .__main__ import table, unfit

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=OPEN)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lambent(Path(folder)) as server:
        found = rows(server, options.open, options.seconds)
    print(table(found))
    sys.exit(unfit(found) or 0)


if __name__ == "__main__":
    main()
