"""The head of an HTTP response: the framing that the body needs, and nothing that a handler could inject."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, NamedTuple

from lambent.contracts.http import FileSlice, Response, Upgrade

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {code: f"HTTP/1.1 {code} {reason}\r\n" for code, reason in _REASONS.items()}
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_BODILESS = frozenset({204, 304})
_WATCHED = frozenset({4, 6, 10, 14, 17})
"""Lengths of the names that the edge must know about; any other header passes unlooked at."""


class UnsafeResponse(Exception):
    """A handler's response cannot be sent as it is: a line break in a header, a wrong length, an impossible status."""


class BrokenResponse(Exception):
    """A streamed body is not as long as its content-length: the client must see the connection break."""


class Framing(NamedTuple):
    """How a response goes out: its head's bytes; `length` bytes of body, or None: chunked when `chunked`, else up to
    the connection's end; `close` the connection afterwards; `body` False when only the head is sent."""

    head: bytes
    length: int | None
    chunked: bool
    close: bool
    body: bool


class HeadWriter:
    """Writes heads. The Server and Date headers are made once a second, by `tick`."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._server_line = f"Server: {server}\r\n"
        self._date_line = ""

    def tick(self, now_ns: int) -> None:
        """Remember the time for the Date header."""
        stamp = time.gmtime(now_ns // 1_000_000_000)
        day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[stamp.tm_wday]
        month = "JanFebMarAprMayJunJulAugSepOctNovDec"[stamp.tm_mon * 3 - 3 : stamp.tm_mon * 3]
        self._date_line = time.strftime(f"Date: {day}, %d {month} %Y %H:%M:%S GMT\r\n", stamp)

    def frame(self, response: Response, method: str, minor: int, close: bool) -> Framing:
        """The head and framing of `response` to a request of `method` in HTTP/1.`minor`; raises `UnsafeResponse`."""
        status, body = response.status, response.body
        line = _STATUS_LINES.get(status)
        if line is None or status < 200:
            line = _status_line(status)
        date, server, length_text = self._date_line, self._server_line, None
        kept: list[tuple[str, str]] = []
        for pair in response.headers:
            name = pair[0]
            if len(name) in _WATCHED:
                lower = name.lower()
                if lower == "content-length":
                    length_text = pair[1]
                    continue
                if lower == "connection":
                    close = close or "close" in pair[1].lower()
                    continue
                if lower == "transfer-encoding":
                    continue
                if lower == "date":
                    date = ""
                elif lower == "server":
                    server = ""
            kept.append(pair)
        bodiless = method == "HEAD" or status in _BODILESS
        length, chunked = _length(body, length_text, bodiless, minor)
        close = close or (length is None and not chunked and not bodiless)
        if length is not None and status != 204 and not (status == 304 and length_text is None):
            kept.append(("Content-Length", str(length)))
        elif chunked:
            kept.append(("Transfer-Encoding", "chunked"))
        if close:
            kept.append(("Connection", "close"))
        elif minor == 0:
            kept.append(("Connection", "keep-alive"))
        fields = "".join([f"{name}: {value}\r\n" for name, value in kept])
        if fields.count("\n") != len(kept) or fields.count("\r") != len(kept) or "\0" in fields:
            raise UnsafeResponse("a response header has a line break or a zero byte")
        text = f"{line}{server}{date}{fields}\r\n"
        try:
            head = text.encode("latin-1")
        except UnicodeEncodeError:
            head = text.encode("utf-8", "replace")
        return Framing(head, length, chunked, close, not bodiless)

    def switching(self, upgrade: Upgrade) -> bytes:
        """The head of a 101, after which the connection speaks another protocol; raises `UnsafeResponse`."""
        fields = "".join([f"{name}: {value}\r\n" for name, value in upgrade.headers])
        breaks = (fields.count("\n"), fields.count("\r"))
        if breaks != (len(upgrade.headers), len(upgrade.headers)) or "\0" in fields:
            raise UnsafeResponse("a response header has a line break or a zero byte")
        text = f"{_STATUS_LINES[101]}{self._server_line}{self._date_line}{fields}\r\n"
        return text.encode("latin-1", "replace")


def plain(status: int, text: str) -> Response:
    """The edge's own answer: a line of text."""
    return Response(status, [("Content-Type", "text/plain; charset=utf-8")], f"{text}\n".encode())


def closing(body: AsyncIterator[bytes]) -> aclosing[Any]:
    """A generator is closed when the client goes away; any other iterator has nothing to close."""
    return aclosing(body if hasattr(body, "aclose") else _relay(body))


async def _relay(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in body:
        yield piece


def _status_line(status: int) -> str:
    if not 200 <= status <= 999:
        raise UnsafeResponse(f"{status} is no status of a final response")
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"


def _length(body: object, declared: str | None, bodiless: bool, minor: int) -> tuple[int | None, bool]:
    """The body's length, or None; and whether it is sent chunked."""
    if declared is not None and not (declared.isascii() and declared.isdigit()):
        raise UnsafeResponse(f"{declared!r} is no content-length")
    if bodiless and declared is not None:
        return int(declared), False
    if isinstance(body, bytes):
        if declared is not None and int(declared) != len(body):
            raise UnsafeResponse(f"content-length {declared} on a body of {len(body)} bytes")
        return len(body), False
    if isinstance(body, FileSlice):
        return body.length, False
    if declared is not None:
        return int(declared), False
    return None, minor == 1 and not bodiless
