"""aws-chunked bodies: chunks with a signature each, and trailing headers, inside an ordinary HTTP body.

    10000;chunk-signature=<hex>\\r\\n<data>\\r\\n ... 0;chunk-signature=<hex>\\r\\n
    [x-amz-checksum-crc32:<base64>\\r\\n[x-amz-trailer-signature:<hex>\\r\\n]]\\r\\n

`Decoder` takes bytes in any pieces and gives the data out; it holds no more than a chunk's header or the trailer. Every
chunk's signature is compared at the chunk's end, before the next one, and everything before the end of the body.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from typing import NamedTuple

from lambent.contracts.http import Body, BytesBody, Request

from . import errors
from .payload import collect

CHUNK_MIN = 8192
_LINE_MAX = 512
_TRAILER_MAX = 16 * 1024
_HEADER = re.compile(rb"([0-9a-fA-F]{1,15})(?:;chunk-signature=([0-9a-fA-F]{64}))?[ ]*").fullmatch
_TRAILER = re.compile(rb"([A-Za-z0-9\-]+):[ \t]*([\x21-\x7e]*)[ \t]*").fullmatch
_EMPTY = hashlib.sha256().hexdigest()
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your key and signing method."
)


class Signing(NamedTuple):
    """What chunk signatures are made with: the key, time and scope of the request, and its (seed) signature."""

    key: bytes
    time: str
    scope: str
    seed: str


class Decoder:
    """Takes the encoded bytes and gives the decoded ones; raises `ServiceError` for what does not fit.

    `length` is the decoded length that was announced; `expected` the names of the trailing headers announced;
    `trailing` whether trailing headers may come at all. After `finish`, `trailers` holds them by lower-case name.
    """

    def __init__(self, length: int, expected: frozenset[str], signing: Signing | None, *, trailing: bool) -> None:
        self.trailers: dict[str, str] = {}
        self._left = length
        self._expected = expected
        self._signing = signing
        self._trailing = trailing
        self._previous = signing.seed if signing is not None else ""
        self._buffer = bytearray()
        self._state = "header"
        self._chunk_left = 0
        self._given = ""
        self._digest = hashlib.sha256()
        self._short = False

    def feed(self, data: bytes) -> list[bytes]:
        """The pieces of the body that `data` completes."""
        out: list[bytes] = []
        if self._buffer:
            data = bytes(self._buffer) + data
            self._buffer.clear()
        at = 0
        while at < len(data):
            if self._state == "data":
                piece = data[at : at + self._chunk_left] if at or len(data) > self._chunk_left else data
                at += len(piece)
                self._take(piece)
                out.append(piece)
                continue
            if self._state == "end":
                raise _malformed()
            end = data.find(b"\n", at)
            if end < 0:
                if len(data) - at > _LINE_MAX and self._state != "trailer":
                    raise _malformed()
                if len(data) - at > _TRAILER_MAX:
                    raise _trailer_error()
                self._buffer += data[at:]
                break
            self._line(data[at:end])
            at = end + 1
        return out

    def _take(self, piece: bytes) -> None:
        self._chunk_left -= len(piece)
        if self._signing is not None:
            self._digest.update(piece)
        if self._chunk_left == 0:
            self._close_chunk()
            self._state = "after"

    def _line(self, line: bytes) -> None:
        if not line.endswith(b"\r") and self._state != "trailer":
            raise _malformed()
        line = line.removesuffix(b"\r")
        if self._state == "header":
            self._open_chunk(line)
        elif self._state == "after":
            if line:
                raise _malformed()
            self._state = "header"
        elif line:
            self._trailer(line)
        elif self._signing is None or not self.trailers or "x-amz-trailer-signature" in self.trailers:
            self._state = "end"
        # A blank line between the trailing headers and their signature is what some clients send: passed over.

    def _open_chunk(self, line: bytes) -> None:
        match = _HEADER(line)
        if match is None or (match[2] is None) != (self._signing is None):
            raise _malformed()
        size = int(match[1], 16)
        self._given = match[2].decode() if match[2] else ""
        if size > self._left:
            raise errors.IncompleteBody("The request body terminated unexpectedly")
        if self._short and size:
            raise errors.InvalidChunkSizeError(
                "Only the last chunk is allowed to have a size less than 8192 bytes", BadChunkSize=str(size)
            )
        self._short = size < CHUNK_MIN
        self._left -= size
        self._chunk_left = size
        self._state = "data"
        if size == 0:
            if self._left:
                raise errors.IncompleteBody("The request body terminated unexpectedly")
            self._close_chunk()
            self._state = "trailer"

    def _close_chunk(self) -> None:
        """Compare the finished chunk's signature, which the next one builds on."""
        signing = self._signing
        if signing is None:
            return
        head = f"AWS4-HMAC-SHA256-PAYLOAD\n{signing.time}\n{signing.scope}\n{self._previous}\n{_EMPTY}\n"
        self._compare(signing, head + self._digest.hexdigest(), self._given)
        self._digest = hashlib.sha256()

    def _compare(self, signing: Signing, to_sign: str, given: str) -> None:
        made = hmac.digest(signing.key, to_sign.encode(), "sha256").hex()
        if not hmac.compare_digest(made.encode(), given.encode()):
            raise errors.SignatureDoesNotMatch(_MISMATCH, StringToSign=to_sign, SignatureProvided=given)
        self._previous = made

    def _trailer(self, line: bytes) -> None:
        match = _TRAILER(line)
        if match is None or not self._trailing:
            raise _trailer_error()
        name, value = match[1].decode().lower(), match[2].decode()
        if name in self.trailers or (name not in self._expected and name != "x-amz-trailer-signature"):
            raise _trailer_error()
        self.trailers[name] = value

    def finish(self) -> None:
        """Say that no more comes; raises unless the body and its trailing headers are whole."""
        if self._state not in ("trailer", "end") or self._buffer:
            raise errors.IncompleteBody("The request body terminated unexpectedly")
        given = self.trailers.pop("x-amz-trailer-signature", None)
        if self._expected - self.trailers.keys():
            raise _trailer_error()
        signing = self._signing
        if signing is None or not self._trailing:
            return
        if given is None:
            raise _trailer_error()
        text = "".join(f"{name}:{self.trailers[name]}\n" for name in sorted(self.trailers))
        digest = hashlib.sha256(text.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256-TRAILER\n{signing.time}\n{signing.scope}\n{self._previous}\n{digest}"
        self._compare(signing, to_sign, given)


def _malformed() -> errors.IncompleteBody:
    return errors.IncompleteBody("The request body terminated unexpectedly")


def _trailer_error() -> errors.MalformedTrailerError:
    return errors.MalformedTrailerError(
        "The request contained trailing data that was not well-formed or did not conform to our published schema."
    )


class DecodedBytes(BytesBody):
    """A chunked body that was here as a whole, decoded and verified. `trailers` are its trailing headers."""

    def __init__(self, data: bytes, trailers: dict[str, str]) -> None:
        super().__init__(data)
        self.trailers = trailers


class ChunkedBody:
    """A chunked body, decoded and verified while it is read; `length` is the decoded length.

    `trailers` holds the trailing headers (x-amz-checksum-crc32, ...) once the body has been read to its end.
    """

    def __init__(self, body: Body, decoder: Decoder, length: int) -> None:
        self.length: int | None = length
        self._decoder = decoder
        self._pieces = self._decoded(body, decoder)

    @property
    def trailers(self) -> dict[str, str]:
        """The trailing headers, by lower-case name; complete at the body's end."""
        return self._decoder.trailers

    @staticmethod
    async def _decoded(body: Body, decoder: Decoder) -> AsyncIterator[bytes]:
        async for data in body:
            for piece in decoder.feed(data):
                yield piece
        decoder.finish()

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The decoded pieces; `ServiceError` instead of the end where a signature or the form is wrong."""
        return self._pieces

    async def read(self, limit: int) -> bytes:
        """The (rest of the) decoded body; `BodyTooLarge` beyond `limit` bytes."""
        return await collect(self._pieces, limit)


def decode(request: Request, body: Body, signing: Signing | None, *, trailing: bool) -> DecodedBytes | ChunkedBody:
    """The decoded body of `request`: at once when it is here, else as it is read.

    `aws-chunked` is taken out of the request's content-encoding, for it is no property of the object.
    """
    text = request.headers.get("x-amz-decoded-content-length")
    if text is None or not re.fullmatch(r"[0-9]{1,15}", text):
        raise errors.MissingContentLength("You must provide the Content-Length HTTP header.")
    length = int(text)
    _strip_encoding(request.headers)
    names = request.headers.get("x-amz-trailer", "") if trailing else ""
    expected = frozenset(name.strip().lower() for name in names.split(",") if name.strip())
    decoder = Decoder(length, expected, signing, trailing=trailing)
    if not isinstance(body, BytesBody):
        return ChunkedBody(body, decoder, length)
    pieces = decoder.feed(body.data)
    decoder.finish()
    return DecodedBytes(pieces[0] if len(pieces) == 1 else b"".join(pieces), decoder.trailers)


def _strip_encoding(headers: dict[str, str]) -> None:
    encoding = headers.get("content-encoding")
    if encoding is None:
        return
    kept = [part.strip() for part in encoding.split(",") if part.strip().lower() != "aws-chunked"]
    if kept:
        headers["content-encoding"] = ",".join(kept)
    else:
        del headers["content-encoding"]
