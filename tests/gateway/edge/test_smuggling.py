"""Whatever two parsers could read in two ways is refused, and nothing after it is read as a request."""

from __future__ import annotations

from itertools import pairwise

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.http import Request
from lambent.gateway.edge import Limits
from lambent.gateway.edge_head import HeadParser, Refused

from .support import Wire, answers, echo, run, settle

HOST = b"Host: localhost\r\n"
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
VECTORS = {
    "both lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, other order": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
    "two equal lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
    "list of lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\nabcde",
    "negative length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",
    "signed length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nabcde",
    "hexadecimal length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nabcde",
    "underscored length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1_0\r\n\r\nabcde",
    "empty length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n",
    "length in other digits": b"POST / HTTP/1.1\r\n" + HOST + "Content-Length: ٥\r\n\r\n".encode(),
    "huge length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n",
    "space before colon": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n\r\nabcde",
    "tab before colon": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding\t: chunked\r\n\r\n",
    "folded line": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\r\n chunked\r\n\r\n",
    "folded first line": b"POST / HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "bare line feeds": b"POST / HTTP/1.1\nHost: localhost\nContent-Length: 5\n\nabcde",
    "bare line feed in a header": b"POST / HTTP/1.1\r\n" + HOST + b"X: a\nContent-Length: 5\r\n\r\nabcde",
    "bare carriage return": b"POST / HTTP/1.1\r\n" + HOST + b"X: a\rContent-Length: 5\r\n\r\nabcde",
    "zero byte": b"POST / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n",
    "unknown coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
    "two codings": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
    "identity": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n",
    "odd coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n",
    "coding with a control": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n",
    "chunked in 1.0": b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "host with a user": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "host list": b"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\n" + HOST + b"X\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n\r\n",
    "name with a blank": b"GET / HTTP/1.1\r\n" + HOST + b"a b: x\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab in the request line": b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "blank in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /\r\n" + HOST + b"\r\n",
    "unescaped target": "GET /ü HTTP/1.1\r\n".encode() + HOST + b"\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "authority form": b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "relative target": b"GET a HTTP/1.1\r\n" + HOST + b"\r\n",
    "two authorizations": b"GET / HTTP/1.1\r\n" + HOST + b"Authorization: a\r\nAuthorization: b\r\n\r\n",
    "TLS on this port": b"\x16\x03\x01\x02\x00\x01\x00",
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_what_can_be_read_in_two_ways_is_refused(name: str) -> None:
    async def work() -> None:
        for split in (0, 1, 7):
            wire = Wire(echo)
            data = VECTORS[name] + SECOND
            parts = [data[at : at + split] for at in range(0, len(data), split)] if split else [data]
            out = answers(await wire.send(*parts))
            assert [answer.status for answer in out] == [400]
            assert out[0].headers["connection"] == "close"
            assert wire.ended
            assert wire.seen == []

    run(work())


OTHER = [
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 505),
    (b"GET /" + b"a" * 20_000, 414),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000, 431),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + HOST + b"X: 1\r\n" * 300 + b"\r\n", 431),
    (b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: a-miracle\r\nContent-Length: 3\r\n\r\n", 417),
]


@pytest.mark.parametrize(("data", "status"), OTHER)
def test_too_long_or_too_new(data: bytes, status: int) -> None:
    async def work() -> None:
        wire = Wire(echo)
        out = answers(await wire.send(*[data[at : at + 999] for at in range(0, len(data), 999)]))
        assert [answer.status for answer in out] == [status]
        assert wire.ended
        assert wire.seen == []

    run(work())


CHUNKS = {
    "size with a sign": b"+5\r\nabcde\r\n0\r\n\r\n",
    "size with a prefix": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "size with an underscore": b"1_0\r\n",
    "size with a blank before": b" 5\r\nabcde\r\n0\r\n\r\n",
    "size that overflows": b"10000000000000005\r\nabcde\r\n0\r\n\r\n",
    "no size": b"\r\nabcde\r\n0\r\n\r\n",
    "no digits": b"zz\r\nabcde\r\n0\r\n\r\n",
    "size ended by a line feed": b"5\nabcde\r\n0\r\n\r\n",
    "data ended by a line feed": b"5\r\nabcde\n0\r\n\r\n",
    "more data than the size": b"5\r\nabcdefg\r\n0\r\n\r\n",
    "bare carriage return in an extension": b"5;a\rb\r\nabcde\r\n0\r\n\r\n",
    "extension without an end": b"5;" + b"a" * 5000,
    "malformed trailer": b"0\r\nContent-Length 5\r\n\r\n",
    "folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "trailer without an end": b"0\r\n" + b"a: b\r\n" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("name", CHUNKS)
def test_a_chunked_body_is_read_strictly(name: str) -> None:
    async def work() -> None:
        wire = Wire(echo)
        head = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        out = answers(await wire.send(head + CHUNKS[name], SECOND))
        assert [answer.status for answer in out] == [400]
        assert out[0].headers["connection"] == "close"
        assert wire.ended
        assert len(wire.seen) == 1

    run(work())


def test_trailing_fields_never_become_headers() -> None:
    async def work() -> None:
        wire = Wire(echo)
        head = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: Chunked\r\n\r\n"
        out = answers(await wire.send(head, b"3;x=y\r\nabc\r\n0\r\nAuthorization: x\r\n\r\n", SECOND))
        assert [answer.body for answer in out] == [b"POST:abc", b"GET:"]
        assert "authorization" not in wire.seen[0].headers

    run(work())


TOKEN = st.text("abXY-_1", min_size=1, max_size=6)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12).map(str.strip)


@given(TOKEN, st.text("abc/%20?=&.", max_size=20), st.lists(st.tuples(TOKEN, VALUE), max_size=6), st.binary(max_size=2))
@settings(max_examples=200)
def test_every_accepted_head_reads_the_same_to_another_parser(
    method: str, target: str, fields: list[tuple[str, str]], noise: bytes
) -> None:
    lines = "".join(f"x-{name}: {value}\r\n" for name, value in fields).encode()
    head = f"PUT /{target} HTTP/1.1\r\nHost: a\r\nx-method: {method}\r\n".encode() + lines
    at = len(head) // 2
    head = head[:at] + noise + head[at:]
    try:
        mine = HeadParser(Limits()).parse(head.removesuffix(b"\r\n"))
    except Refused:
        return
    theirs: dict[str, list[str]] = {}
    url = b""

    class Reader:
        def on_url(self, data: bytes) -> None:
            nonlocal url
            url += data

        def on_header(self, name: bytes, value: bytes) -> None:
            theirs.setdefault(name.decode().lower(), []).append(value.decode("latin-1").strip(" \t"))

    parser = httptools.HttpRequestParser(Reader())
    if mine.length or mine.length is None:
        return
    parser.feed_data(head + b"\r\n")
    assert parser.get_method().decode() == mine.method
    assert url.decode() == mine.path + ("?" + mine.query if b"?" in url else "")
    assert {name: ",".join(values) for name, values in theirs.items()} == mine.headers


REQUESTS = [
    b"GET /one?x=1 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"\r\nPOST /two HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
    b"PUT /three HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;e=f\r\nde\r\n0\r\nt: u\r\n\r\n",
    b"PUT /four HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nxyz",
    b"DELETE /five HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
]
WANTED = [
    ("/one", b"GET:"),
    ("/two", b"POST:hello"),
    ("/three", b"PUT:abcde"),
    ("/four", b"PUT:xyz"),
    ("/five", b"DELETE:"),
]


@given(st.lists(st.integers(0, sum(map(len, REQUESTS))), max_size=12))
def test_where_the_bytes_are_cut_makes_no_difference(cuts: list[int]) -> None:
    async def work() -> None:
        data = b"".join(REQUESTS)
        wire = Wire(echo)
        bounds = [0, *sorted(cuts), len(data)]
        for start, end in pairwise(bounds):
            if start < end:
                wire.connection.data_received(data[start:end])
                if (start + end) % 2:
                    await settle()
        out = await wire.send()
        found = answers(out.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b""))
        assert [(answer.headers["x-path"], answer.body) for answer in found] == WANTED
        assert not wire.ended

    run(work())


@given(
    st.lists(
        st.one_of(st.binary(max_size=40), st.sampled_from([*REQUESTS, *VECTORS.values(), HOST, b"\r\n\r\n"])),
        max_size=6,
    )
)
def test_garbage_never_breaks_the_connection_in_another_way(parts: list[bytes]) -> None:
    async def work() -> None:
        wire = Wire(echo)
        out = await wire.send(*parts)
        for answer in answers(out.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")):
            assert answer.status in (200, 400, 414, 417, 431, 505)
        wire.connection.connection_lost(None)
        await settle()
        assert wire.server.connections == 0

    run(work())


def test_the_absolute_form_names_the_host() -> None:
    async def work() -> Request:
        wire = Wire(echo)
        await wire.send(b"GET http://photos.localhost:4566?list-type=2 HTTP/1.1\r\nHost: other\r\n\r\n")
        return wire.seen[0]

    request = run(work())
    assert (request.host, request.path, request.query) == ("photos.localhost", "/", "list-type=2")


def test_a_request_tells_its_headers_as_they_were_sent() -> None:
    text = b"GET / HTTP/1.1\r\nHost: h\r\nX-Custom: 1\r\nx-custom:2\r\nUser-Agent: me\r\nAge: 5"
    head = HeadParser(Limits()).parse(text)
    request = Request(head.method, head.path, head.query, head.headers, lines=head.lines)
    assert request.headers["x-custom"] == "1,2"
    del request.headers["age"]
    request.headers["x-added"] = "3"
    assert request.fields() == [
        ("Host", "h"),
        ("X-Custom", "1"),
        ("x-custom", "2"),
        ("User-Agent", "me"),
        ("x-added", "3"),
    ]
    assert Request("GET", "/", headers={"a": "b"}).fields() == [("a", "b")]
