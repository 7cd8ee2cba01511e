"""Compression of payloads, by the API's minimum size: none where that is not set."""

from __future__ import annotations

import gzip
import zlib
from typing import Final

from .exchange import Answer, Exchange
from .refusals import Refusal

BYTES_MAX: Final = 10 * 1024 * 1024


def compress(x: Exchange, made: Answer) -> bytes:
    """The body to send; adds Content-Encoding when it was compressed."""
    least = x.plan.snapshot.api.minimum_compression
    if least is None or len(made.body) < least or not made.body:
        return made.body
    coding = _coding(x.request.headers.get("accept-encoding", ""))
    if not coding or any(name.lower() == "content-encoding" for name, _ in made.headers):
        return made.body
    made.headers.append(("Content-Encoding", coding))
    return gzip.compress(made.body, 5, mtime=0) if coding == "gzip" else zlib.compress(made.body, 5)


def _coding(accepted: str) -> str:
    """The first coding of the client's that is offered here; empty for none."""
    for part in accepted.split(","):
        name, _, weight = part.partition(";")
        name = name.strip().lower()
        if name in ("gzip", "deflate", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return "gzip" if name == "*" else name
    return ""


def decompress(x: Exchange) -> None:
    """Undo the Content-Encoding of a request where the API compresses: its backend and models see the payload."""
    if x.plan.snapshot.api.minimum_compression is None or not x.body:
        return
    coding = x.request.headers.get("content-encoding", "").strip().lower()
    if coding not in ("gzip", "deflate"):
        return
    try:
        inflate = zlib.decompressobj(31 if coding == "gzip" else 15)
        body = inflate.decompress(x.body, BYTES_MAX)
    except zlib.error:
        raise Refusal("BAD_REQUEST_BODY", "Could not decompress the request body") from None
    if inflate.unconsumed_tail:
        raise Refusal("REQUEST_TOO_LARGE")
    x.body = body
    x.request.headers.pop("content-encoding", None)
