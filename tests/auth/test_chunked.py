"""aws-chunked bodies: AWS's published examples, in any pieces; nothing tampered with reaches its end."""

from __future__ import annotations

import asyncio
import calendar
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.auth import ChunkedBody, DecodedBytes, Endpoint
from lambent.auth.chunked import Decoder, Signing
from lambent.auth.verify import derive_key
from lambent.contracts.caller import root
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Body, BodyTooLarge, BytesBody, Request

from .support import S3, SECOND_NS, Trickle, copy, credential, signed, verify

# The two examples of the S3 API reference: 65 KiB of "a" in chunks of 64 KiB and 1 KiB.
NOW_NS = calendar.timegm((2013, 5, 24, 0, 0, 0)) * SECOND_NS
KEY = credential(
    access_key="AKIAIOSFODNN7EXAMPLE",
    secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    caller=root("123456789012", "AKIAIOSFODNN7EXAMPLE"),
)
SCOPE = "20130524/us-east-1/s3/aws4_request"
DATA = b"a" * 66560
PLAIN = (
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
)
TRAILING = (
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
)
TRAILER = (
    b"x-amz-checksum-crc32c:sOO8/Q==\r\n"
    b"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
)


def encode(example: tuple[str, ...], trailer: bytes = b"") -> bytes:
    first, second, last = (s.encode() for s in example[2:])
    return (
        b"10000;chunk-signature=" + first + b"\r\n" + DATA[:65536] + b"\r\n"
        b"400;chunk-signature=" + second + b"\r\n" + DATA[65536:] + b"\r\n"
        b"0;chunk-signature=" + last + b"\r\n" + trailer + b"\r\n"
    )  # fmt: skip


def example(kind: tuple[str, ...], body: Any, **changes: str) -> Request:
    headers = {
        "host": "s3.amazonaws.com",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
        "x-amz-content-sha256": kind[0],
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "66560",
    }
    if kind is TRAILING:
        headers["x-amz-trailer"] = "x-amz-checksum-crc32c"
        names = (
            "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;"
            "x-amz-storage-class;x-amz-trailer"
        )
    else:
        headers["content-length"] = "66824"
        names = (
            "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;"
            "x-amz-decoded-content-length;x-amz-storage-class"
        )
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{SCOPE},SignedHeaders={names},Signature={kind[1]}"
    )
    return Request("PUT", "/examplebucket/chunkObject.txt", "", {**headers, **changes}, body)


def accept(request: Request) -> Any:
    return asyncio.run(verify(request, S3, KEY, now_ns=NOW_NS, streaming=True)).body


@pytest.mark.parametrize(
    ("kind", "encoded", "trailers"),
    [
        (PLAIN, encode(PLAIN), {}),
        (TRAILING, encode(TRAILING, TRAILER), {"x-amz-checksum-crc32c": "sOO8/Q=="}),
        (
            TRAILING,
            encode(TRAILING, TRAILER.replace(b"\r\nx-amz-t", b"\n\r\nx-amz-t")),
            {"x-amz-checksum-crc32c": "sOO8/Q=="},
        ),
    ],
)
def test_the_published_examples(kind: tuple[str, ...], encoded: bytes, trailers: dict[str, str]) -> None:
    request = example(kind, BytesBody(encoded))
    whole = accept(request)
    assert isinstance(whole, DecodedBytes)
    assert (whole.data, whole.length, whole.trailers) == (DATA, 66560, trailers)
    assert "content-encoding" not in request.headers
    for sizes in ((1000,), (65536 + 86, 1), (5, 80, 4000)):
        body = accept(example(kind, Trickle(encoded, *sizes)))
        assert isinstance(body, ChunkedBody)
        assert body.length == 66560
        assert asyncio.run(body.read(66560)) == DATA
        assert body.trailers == trailers


def test_other_content_encodings_stay() -> None:
    kind = signed(
        "s3",
        "PUT",
        "http://localhost/b/k",
        {
            "content-encoding": "aws-chunked,gzip",
            "x-amz-decoded-content-length": "3",
            "x-amz-trailer": "x-amz-checksum-crc32",
        },
        service="s3",
        trailer=True,
    )
    body = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
    request = copy(kind, body=BytesBody(body))
    done = asyncio.run(verify(request, S3, streaming=True)).body
    assert isinstance(done, DecodedBytes)
    assert (done.data, done.trailers) == (b"abc", {"x-amz-checksum-crc32": "NSRBwg=="})
    assert request.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("arrive", [BytesBody, Trickle])
def test_what_trails_a_document_counts_as_headers(arrive: Callable[[bytes], Body]) -> None:
    headers = {"x-amz-decoded-content-length": "3", "x-amz-trailer": "x-amz-checksum-crc32"}
    url = "http://localhost/b?delete"
    kind = signed("s3", "POST", url, {"content-encoding": "aws-chunked", **headers}, service="s3", trailer=True)
    request = copy(kind, body=arrive(b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"))

    async def whole() -> bytes:
        return await (await verify(request, S3)).body.read(3)

    assert asyncio.run(whole()) == b"abc"
    assert request.headers["x-amz-checksum-crc32"] == "NSRBwg=="


def test_a_reader_never_reaches_the_end_of_a_tampered_body() -> None:
    encoded = encode(PLAIN)
    at = encoded.index(b"aaaa") + 70
    body = accept(example(PLAIN, Trickle(encoded[:at] + b"b" + encoded[at + 1 :], 4096)))
    got = bytearray()

    async def consume() -> None:
        async for piece in body:
            got.extend(piece)

    with pytest.raises(ServiceError) as refused:
        asyncio.run(consume())
    assert refused.value.code == "SignatureDoesNotMatch"
    assert len(got) < 66560


@settings(max_examples=40)
@given(st.integers(0, len(encode(TRAILING, TRAILER)) - 3), st.integers(0, 255), st.integers(1, 70000))
def test_any_changed_byte_of_a_signed_body_is_refused(at: int, value: int, size: int) -> None:
    encoded = bytearray(encode(TRAILING, TRAILER))
    same = encoded[at] == value or chr(encoded[at]).swapcase() == chr(value)
    encoded[at] = value
    signing = Signing(derive_key(KEY.secret, "20130524", "us-east-1", "s3"), "20130524T000000Z", SCOPE, TRAILING[1])
    decoder = Decoder(66560, frozenset({"x-amz-checksum-crc32c"}), signing, trailing=True)

    def run() -> bytes:
        out = b"".join(
            piece
            for start in range(0, len(encoded), size)
            for piece in decoder.feed(bytes(encoded[start : start + size]))
        )
        decoder.finish()
        return out

    if same:
        return
    try:
        out = run()
    except ServiceError:
        return
    # What may change unnoticed is only how the trailing lines end or are padded: neither data nor checksums.
    assert out == DATA
    assert decoder.trailers == {"x-amz-checksum-crc32c": "sOO8/Q=="}


FORMS = [
    (b"", "IncompleteBody"),
    (b"0\r\n\r\n", "IncompleteBody"),
    (b"3\r\nabc", "IncompleteBody"),
    (b"3\r\nabc\r\n", "IncompleteBody"),
    (b"4\r\nabcd\r\n0\r\n\r\n", "IncompleteBody"),
    (b"3\r\nabcd\r\n0\r\n\r\n", "IncompleteBody"),
    (b"3\nabc\r\n0\r\n\r\n", "IncompleteBody"),
    (b"-3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"),
    (b"0x3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"),
    (b"3;chunk-signature=" + b"0" * 64 + b"\r\nabc\r\n0\r\n\r\n", "IncompleteBody"),
    (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "InvalidChunkSizeError"),
    (b"3\r\nabc\r\n0\r\n\r\n", "MalformedTrailerError"),
    (b"3\r\nabc\r\n0\r\nx-other:1\r\n\r\n", "MalformedTrailerError"),
    (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32 NSRBwg==\r\n\r\n", "MalformedTrailerError"),
    (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:1\r\nx-amz-checksum-crc32:1\r\n\r\n", "MalformedTrailerError"),
    (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\nmore", "IncompleteBody"),
    (b"9" * 600, "IncompleteBody"),
]


@pytest.mark.parametrize(("encoded", "code"), FORMS)
def test_what_is_no_chunked_body(encoded: bytes, code: str) -> None:
    decoder = Decoder(3, frozenset({"x-amz-checksum-crc32"}), None, trailing=True)
    with pytest.raises(ServiceError) as refused:
        (decoder.feed(encoded), decoder.finish())
    assert refused.value.code == code


def test_a_chunked_body_needs_its_decoded_length_and_a_signature() -> None:
    for changes in ({"x-amz-decoded-content-length": "ten"}, {"x-amz-decoded-content-length": "-1"}):
        request = example(PLAIN, BytesBody(encode(PLAIN)), **changes)
        with pytest.raises(ServiceError) as refused:
            asyncio.run(verify(request, Endpoint("s3", "rest-xml"), KEY, now_ns=NOW_NS, streaming=True))
        assert refused.value.code == "SignatureDoesNotMatch"
    unsigned = example(PLAIN, BytesBody(encode(PLAIN)))
    del unsigned.headers["authorization"]
    with pytest.raises(ServiceError) as denied:
        asyncio.run(verify(unsigned, S3, KEY, now_ns=NOW_NS, streaming=True))
    assert denied.value.code == "AccessDenied"
    open_to_all = Request(
        "PUT",
        "/b/k",
        headers={"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
        body=BytesBody(b"0\r\n\r\n"),
    )
    with pytest.raises(ServiceError) as lengthless:
        asyncio.run(verify(open_to_all, S3, streaming=True))
    assert (lengthless.value.code, lengthless.value.status) == ("MissingContentLength", 411)


def test_a_reader_sets_its_limit() -> None:
    body = accept(example(PLAIN, Trickle(encode(PLAIN), 4096)))
    with pytest.raises(BodyTooLarge):
        asyncio.run(body.read(66559))


@given(st.binary(max_size=300), st.integers(0, 50), st.booleans())
def test_nothing_but_a_service_error_comes_of_garbage(data: bytes, length: int, sign: bool) -> None:
    signing = Signing(b"key", "20130524T000000Z", SCOPE, "0" * 64) if sign else None
    decoder = Decoder(length, frozenset(), signing, trailing=True)
    out = b""
    try:
        for at in range(0, len(data), 7):
            out += b"".join(decoder.feed(data[at : at + 7]))
        decoder.finish()
    except ServiceError:
        return
    assert len(out) == length
