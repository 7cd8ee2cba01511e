"""One connection: framing of responses, bodies that stream, patience, and who is told when the client goes away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lambent.contracts.http import BodyBroken, BytesBody, FileSlice, Request, Response
from lambent.gateway.edge import Limits

from .support import Wire, answers, echo, pieces, run

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def put(length: int, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"PUT /b/k HTTP/1.1\r\nHost: localhost\r\n" + lines + b"Content-Length: %d\r\n\r\n" % length


def answering(response: Callable[[], Response]) -> Callable[[Request], Any]:
    async def handler(_: Request) -> Response:
        return response()

    return handler


def test_a_response_has_the_heads_of_the_house() -> None:
    async def work() -> None:
        wire = Wire(echo)
        out = await wire.send(GET)
        assert out.startswith(b"HTTP/1.1 200 OK\r\nServer: Lambent\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n")
        (answer,) = answers(out)
        assert answer.headers["content-length"] == "4"
        assert "connection" not in answer.headers
        await wire.advance(5)
        assert b"22:13:25 GMT" in await wire.send(GET)
        assert wire.seen[0].id != wire.seen[1].id
        assert (wire.seen[0].peer, wire.seen[0].secure, wire.seen[0].host) == ("127.0.0.1", False, "localhost")

    run(work())


def test_a_handlers_own_date_and_server_stay_alone() -> None:
    async def work() -> bytes:
        fields = [("Date", "x"), ("server", "AmazonS3"), ("Transfer-Encoding", "chunked"), ("Content-Length", "2")]
        return await Wire(answering(lambda: Response(200, fields, b"ab"))).send(GET)

    assert run(work()) == b"HTTP/1.1 200 OK\r\nDate: x\r\nserver: AmazonS3\r\nContent-Length: 2\r\n\r\nab"


@pytest.mark.parametrize(
    ("status", "head", "declared", "expected"),
    [
        (204, False, None, b""),
        (304, False, None, b""),
        (304, False, "17", b"Content-Length: 17\r\n"),
        (200, True, None, b"Content-Length: 4\r\n"),
        (200, True, "4000", b"Content-Length: 4000\r\n"),
    ],
)
def test_responses_without_a_body(status: int, head: bool, declared: str | None, expected: bytes) -> None:
    async def work() -> None:
        fields = [("Content-Length", declared)] if declared else []
        wire = Wire(answering(lambda: Response(status, list(fields), b"body" if head else b"")))
        out = await wire.send(GET.replace(b"GET", b"HEAD" if head else b"GET"))
        line_break = out.index(b"GMT\r\n") + 5
        assert out[line_break:] == expected + b"\r\n"
        assert not wire.ended

    run(work())


@pytest.mark.parametrize(
    "response",
    [
        Response(200, [("x-a", "b\r\nSet-Cookie: c")]),
        Response(200, [("x-a", "b\nc")]),
        Response(200, [("x-a\r\nx-b", "c")]),
        Response(200, [("x-a", "b\0")]),
        Response(200, [("content-length", "3")], b"four"),
        Response(200, [("content-length", "3\r\nx: y")], b"abc"),
        Response(100, []),
        Response(200, [], FileSlice("/nowhere/at/all", 0, 5)),
    ],
)
def test_an_unsafe_response_is_not_sent(response: Response, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        wire = Wire(answering(lambda: response))
        with caplog.at_level(logging.ERROR):
            (answer,) = answers(await wire.send(GET))
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
        assert "set-cookie" not in answer.headers
        assert not wire.ended

    run(work())
    assert len(caplog.records) == 1


def test_a_handler_that_fails_costs_one_response(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> Response:
        if request.path == "/cancelled":
            inner = asyncio.get_running_loop().create_future()
            inner.cancel()
            await inner
        if request.path == "/":
            raise RuntimeError("broken")
        return Response(200)

    async def work() -> list[int]:
        wire = Wire(handler)
        with caplog.at_level(logging.ERROR):
            out = await wire.send(GET, GET.replace(b" / ", b" /fine "), GET.replace(b" / ", b" /cancelled "))
        assert not wire.ended
        return [answer.status for answer in answers(out)]

    assert run(work()) == [500, 200, 500]
    assert "broken" in caplog.text


def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    gates: dict[str, asyncio.Event] = {}

    async def handler(request: Request) -> Response:
        gates[request.path] = asyncio.Event()
        await gates[request.path].wait()
        return Response(200, [], request.path.encode())

    async def work() -> None:
        wire = Wire(handler, Limits(head_bytes=1000))
        await wire.send(b"".join(GET.replace(b" / ", b" /%d " % i) for i in range(40)))
        assert list(gates) == ["/0"]
        assert not wire.transport.reading
        for i in range(40):
            assert list(gates) == [f"/{n}" for n in range(i + 1)]
            gates[f"/{i}"].set()
            await wire.send()
        assert [a.body for a in answers(await wire.send())] == [b"/%d" % i for i in range(40)]
        assert wire.transport.reading

    run(work())


@pytest.mark.parametrize(
    ("version", "connection", "stays"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"close", False),
        (b"1.1", b"keep-alive, Close", False),
        (b"1.0", b"", False),
        (b"1.0", b"Keep-Alive", True),
    ],
)
def test_who_keeps_the_connection(version: bytes, connection: bytes, stays: bool) -> None:
    async def work() -> None:
        wire = Wire(echo)
        line = b"Connection: " + connection + b"\r\n" if connection else b""
        out = await wire.send(b"GET / HTTP/" + version + b"\r\nHost: localhost\r\n" + line + b"\r\n")
        assert (b"Connection: close" in out) is not stays
        assert wire.ended is not stays

    run(work())


def test_streamed_responses() -> None:
    async def work() -> None:
        chunked = Wire(answering(lambda: Response(200, [], pieces(b"ab", b"", b"c"))))
        assert (await chunked.send(GET)).endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
        assert not chunked.ended
        sized = Wire(answering(lambda: Response(200, [("content-length", "3")], pieces(b"ab", b"c"))))
        assert (await sized.send(GET)).endswith(b"Content-Length: 3\r\n\r\nabc")
        assert not sized.ended
        old = Wire(answering(lambda: Response(200, [], pieces(b"ab", b"c"))))
        out = await old.send(GET.replace(b"1.1", b"1.0"))
        assert out.endswith(b"Connection: close\r\n\r\nabc")
        assert old.ended

    run(work())


@pytest.mark.parametrize("length", ["2", "4"])
def test_a_streamed_response_of_another_length_breaks(length: str, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        wire = Wire(answering(lambda: Response(200, [("content-length", length)], pieces(b"ab", b"c"))))
        await wire.send(GET)
        assert wire.transport.closed

    with caplog.at_level(logging.ERROR):
        run(work())
    assert "content-length" in caplog.text


def test_a_streamed_response_waits_for_the_client_and_is_closed_with_it() -> None:
    sent: list[int] = []
    closed: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                sent.append(len(sent))
                yield b"x"
        finally:
            closed.append(True)

    async def work() -> None:
        wire = Wire(answering(lambda: Response(200, [], endless())))
        wire.connection.pause_writing()
        await wire.send(GET)
        assert len(sent) == 1
        wire.connection.resume_writing()
        wire.connection.pause_writing()
        await wire.send()
        assert len(sent) == 2
        wire.transport.close()
        await wire.send()
        assert closed == [True]

    run(work())


def test_a_client_that_does_not_read_is_given_up() -> None:
    async def work() -> None:
        wire = Wire(answering(lambda: Response(200, [], pieces(*[b"x"] * 9))), Limits(write_s=5))
        wire.connection.pause_writing()
        await wire.send(GET)
        await wire.advance(4)
        assert not wire.transport.closed
        await wire.advance(2)
        assert wire.transport.closed

    run(work())


def test_a_small_body_is_plain_bytes_however_it_arrives() -> None:
    async def work() -> None:
        wire = Wire(echo)
        await wire.send(put(5), b"he", b"llo")
        await wire.send(put(5) + b"hello")
        assert [type(request.body) for request in wire.seen] == [BytesBody, BytesBody]
        assert [a.body for a in answers(await wire.send())] == [b"PUT:hello"] * 2

    run(work())


def test_continue_is_sent_when_the_body_is_first_read() -> None:
    gate = asyncio.Event()

    async def handler(request: Request) -> Response:
        await gate.wait()
        return await echo(request)

    async def work() -> None:
        wire = Wire(handler)
        assert await wire.send(put(5, b"Expect: 100-continue")) == b""
        gate.set()
        assert await wire.send() == CONTINUE
        out = await wire.send(b"hello")
        assert answers(out[len(CONTINUE) :])[0].body == b"PUT:hello"
        assert not wire.ended

    run(work())


def test_a_refused_body_is_never_asked_for() -> None:
    async def work() -> None:
        wire = Wire(answering(lambda: Response(403, [], b"no")))
        out = await wire.send(put(5_000_000, b"Expect: 100-continue"))
        (answer,) = answers(out)
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert wire.transport.ended
        await wire.send(GET)
        assert len(wire.seen) == 1
        too_large = Wire(echo)
        assert answers(await too_large.send(put(5_000_000, b"Expect: 100-continue")))[0].status == 413

    run(work())


def test_a_client_that_sends_on_gets_to_read_its_refusal() -> None:
    async def work() -> None:
        wire = Wire(answering(lambda: Response(403, [], b"no")), Limits(linger_s=2))
        (answer,) = answers(await wire.send(put(5_000_000), b"x" * 100_000))
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        await wire.send(b"x" * 100_000)
        assert wire.transport.ended
        assert not wire.transport.closed
        await wire.advance(3)
        assert wire.transport.closed

    run(work())


def test_a_slow_reader_slows_its_sender_down() -> None:
    taken: list[bytes] = []
    gate = asyncio.Semaphore(0)

    async def handler(request: Request) -> Response:
        async for piece in request.body:
            await gate.acquire()
            taken.append(piece)
        return Response(200)

    async def work() -> None:
        wire = Wire(handler, Limits(collect_bytes=10, buffer_bytes=1000))
        await wire.send(put(3000), b"x" * 600)
        assert wire.transport.reading
        await wire.send(b"y" * 600, b"z" * 600)
        assert not wire.transport.reading
        await wire.advance(100)
        assert not wire.ended
        for _ in range(3):
            gate.release()
        await wire.send()
        assert wire.transport.reading
        gate.release()
        await wire.send(b"w" * 1200)
        assert answers(bytes(wire.transport.written))[0].status == 200
        assert sum(map(len, taken)) == 3000

    run(work())


def test_a_client_that_goes_away_ends_the_work_for_it() -> None:
    ended: list[str] = []

    async def handler(request: Request) -> Response:
        try:
            if request.method == "PUT":
                await request.body.read(1 << 30)
            await asyncio.get_running_loop().create_future()
        except BodyBroken:
            ended.append("broken")
            raise
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return Response(200)

    async def work() -> None:
        for data in (GET, put(5_000_000) + b"x"):
            wire = Wire(handler)
            await wire.send(data)
            wire.transport.close()
            assert await wire.send() == b""
            assert wire.server.connections == 0

    run(work())
    # The read that was under way is cancelled with its handler; one that asks later is told that the body broke.
    assert ended == ["cancelled", "cancelled"]


def test_slow_clients_are_given_up() -> None:
    async def work() -> None:
        limits = Limits(head_s=5, idle_s=20, body_s=5, body_progress_bytes=100, collect_bytes=10)
        head = Wire(echo, limits)
        for byte in b"GET / HT":
            await head.send(bytes([byte]))
            out = await head.advance(1)
        assert [answer.status for answer in answers(out)] == [408]
        silent = Wire(echo, limits)
        await silent.advance(6)
        assert silent.transport.closed
        idle = Wire(echo, limits)
        await idle.send(GET)
        await idle.advance(19)
        assert not idle.transport.closed
        await idle.advance(2)
        assert idle.transport.closed
        body = Wire(echo, limits)
        await body.send(put(1000))
        for _ in range(8):
            await body.send(b"x")
            out = await body.advance(1)
        assert [answer.status for answer in answers(out)] == [400]
        assert body.ended
        steady = Wire(echo, limits)
        await steady.send(put(1000))
        for _ in range(10):
            await steady.advance(4)
            out = await steady.send(b"x" * 100)
        assert [answer.status for answer in answers(out)] == [200]

    run(work())


def test_a_slow_small_body_is_given_up() -> None:
    async def work() -> None:
        wire = Wire(echo, Limits(body_s=5))
        await wire.send(put(10), b"x")
        assert answers(await wire.advance(6))[0].status == 408

    run(work())


def test_too_many_connections_are_told() -> None:
    async def work() -> None:
        wire = Wire(echo, Limits(connections=2))
        wire.connect()
        third, _ = wire.connect()
        assert answers(bytes(third.written))[0].status == 503
        wire.transport.close()
        third.close()
        await wire.send()
        fourth, _ = wire.connect()
        assert fourth.written == b""
        assert wire.server.connections == 2

    run(work())


def test_closing_lets_running_requests_finish() -> None:
    gate = asyncio.Event()

    async def handler(_: Request) -> Response:
        await gate.wait()
        return Response(200, [], b"done")

    async def work() -> None:
        wire = Wire(handler)
        idle, _ = wire.connect()
        await wire.send(GET)
        closing = asyncio.ensure_future(wire.server.close(5))
        await wire.send()
        assert idle.closed
        assert not closing.done()
        gate.set()
        (answer,) = answers(await wire.send())
        assert (answer.body, answer.headers["connection"]) == (b"done", "close")
        await closing
        assert wire.server.connections == 0

    run(work())


def test_an_idle_server_sets_no_alarm() -> None:
    async def work() -> None:
        wire = Wire(echo)
        wire.transport.close()
        await wire.send()
        before = wire.server.now_ns
        await wire.advance(10)
        assert wire.server.now_ns == before

    run(work())
