"""Bodies that a client compressed because the model's `requestcompression` let it (CloudWatch's PutMetricData).

An object that S3 stores, or a payload that a function gets, is never touched: its Content-Encoding is the user's own.
"""

from __future__ import annotations

import zlib

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request

from .errors import SerializationException

DECODED_BYTES_MAX = 32 * 1024 * 1024
"""A body that decodes to more is refused before it is decoded."""

_GZIP_WINDOW = 31


class RequestTooLarge(ServiceError):
    """A small body that would decode to a huge one."""

    code = "RequestEntityTooLargeException"
    status = 413


def gunzip(body: bytes) -> bytes:
    """Decode one gzip stream of at most `DECODED_BYTES_MAX`; `SerializationException` when it is none."""
    decoder = zlib.decompressobj(_GZIP_WINDOW)
    try:
        found = decoder.decompress(body, DECODED_BYTES_MAX)
    except zlib.error:
        raise SerializationException("The request body is not in the encoding that its headers name.") from None
    if decoder.unconsumed_tail:
        raise RequestTooLarge(f"The request body decodes to more than {DECODED_BYTES_MAX} bytes.")
    if not decoder.eof or decoder.unused_data:
        raise SerializationException("The request body is not in the encoding that its headers name.")
    return found


def decoded(request: Request, body: bytes) -> tuple[Request, bytes]:
    """The request without its last encoding where that is gzip, and the body decoded; else both as they are.

    The request is a copy: the one that came in stays as it was signed.
    """
    encodings = [part.strip() for part in request.headers.get("content-encoding", "").split(",")]
    if encodings[-1].lower() != "gzip":
        return request, body
    headers = dict(request.headers)
    headers["content-encoding"] = ", ".join(encodings[:-1])
    if not headers["content-encoding"]:
        del headers["content-encoding"]
    peer, secure, name = request.peer, request.secure, request.id
    plain = Request(
        request.method, request.path, request.query, headers, request.body, peer=peer, secure=secure, id=name
    )
    return plain, gunzip(body)
