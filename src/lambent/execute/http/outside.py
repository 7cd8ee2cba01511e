"""Requests to servers outside: a request per connection, no redirects followed, never to the node's own doors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult

import httptools

from lambent.contracts.ports import Cloud
from lambent.kit import outward

ANSWER_BYTES_MAX: Final = 10 << 20
_HEAD_BYTES_MAX: Final = 65_536
_PIECE: Final = 65_536
_DOCUMENT_S: Final = 5.0
Header = tuple[str, str]
Received = tuple[int, list[Header], bytes]
"""An answer: status, headers as they were written, body."""


async def send(cloud: Cloud, method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float) -> Received:
    """Ask a server. Raises `ValueError` for a URL or header that is none, `OSError` when it cannot be reached or does
    not speak HTTP, `TimeoutError` when it takes too long."""
    parts = outward.address(url)
    try:
        return await outward.within(cloud.clock, timeout_s, _exchange(parts, method, headers, body))
    except (httptools.HttpParserError, asyncio.IncompleteReadError, UnicodeError) as error:
        raise ConnectionError(f"{parts.hostname}: {error or error.__class__.__name__}") from None


def get(cloud: Cloud) -> Callable[[str], Awaitable[bytes]]:
    """Reads a document: the body of an answer of 200; `OSError` for any other."""

    async def read(url: str) -> bytes:
        status, _, body = await send(cloud, "GET", url, {"accept": "application/json"}, b"", _DOCUMENT_S)
        if status != 200:
            raise ConnectionError(f"{url} answered {status}")
        return body

    return read


@lru_cache(1)
def _trusted() -> ssl.SSLContext:
    # Loading the system's certificates takes some milliseconds.
    return ssl.create_default_context()


class _Answer:
    """What the parser tells."""

    def __init__(self) -> None:
        self.headers: list[Header] = []
        self.pieces: list[bytes] = []
        self.size = 0
        self.known = self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The status is known."""
        self.known = True

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self.size += len(piece)
        if self.size > ANSWER_BYTES_MAX:
            raise ConnectionError("the answer is too long")
        self.pieces.append(piece)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self.done = True


def _head(parts: SplitResult, method: str, headers: dict[str, str], length: int) -> bytes:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    if parts.port is not None and parts.port != outward.PORTS[parts.scheme]:
        host = f"{host}:{parts.port}"
    sent = {**headers, "host": host, "connection": "close"}
    if length or method in ("POST", "PUT", "PATCH"):
        sent["content-length"] = str(length)
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    if any("\r" in line or "\n" in line or "\0" in line for line in lines):
        raise ValueError("a line break in a header")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


async def _exchange(parts: SplitResult, method: str, headers: dict[str, str], body: bytes) -> Received:
    head = _head(parts, method, headers, len(body))
    port = parts.port if parts.port is not None else outward.PORTS[parts.scheme]
    context = _trusted() if parts.scheme == "https" else None
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    try:
        writer.write(head + body)
        await writer.drain()
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.done:
            data = await reader.read(_PIECE)
            if not data:
                break
            try:
                parser.feed_data(data)
            except httptools.HttpParserCallbackError as error:
                raise error.__context__ or error from None
            if method == "HEAD" and answer.known:
                break
            if not answer.known and len(data) > _HEAD_BYTES_MAX:
                raise ConnectionError("the answer's head is too long")
        if not answer.known:
            raise ConnectionError("the connection ended before an answer")
        length = next((value for name, value in answer.headers if name.lower() == "content-length"), "")
        if not answer.done and method != "HEAD" and (length or _chunked(answer)):
            raise ConnectionError("the connection ended within the answer")
        return int(parser.get_status_code()), answer.headers, b"".join(answer.pieces)
    finally:
        writer.close()


def _chunked(answer: _Answer) -> bool:
    return any(name.lower() == "transfer-encoding" for name, _ in answer.headers)
