"""The head of an HTTP request: one strict grammar, so that nobody in front of us can read it differently.

Lines end in CRLF; names are tokens directly before the colon; nothing is folded; a body has one length or is chunked,
never both; what does not fit is refused and the connection closed, for after it nobody knows where the next request
begins. Written here rather than taken from a parser library because the edge must know the exact byte where a head
and a body end, and because libraries are lenient where smuggling begins; it costs the same (DESIGN-edge.md).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}").fullmatch
_TARGET = re.compile(r"[!-\"$-~]+").fullmatch
_HOST = re.compile(r"(?:[A-Za-z0-9\-._~%!$&'()*+;=]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?").fullmatch
_LENGTH = re.compile(r"[0-9]{1,15}").fullmatch
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search
_NAMES_MAX = 1024
_ONCE = frozenset({"host", "content-length", "transfer-encoding", "expect", "authorization", "content-type"})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may send, and how slowly. Times are checked about once a second."""

    target_bytes: int = 16 * 1024
    head_bytes: int = 64 * 1024
    headers: int = 200
    head_s: float = 10
    idle_s: float = 75
    body_s: float = 30
    body_progress_bytes: int = 4096
    write_s: float = 60
    linger_s: float = 2
    collect_bytes: int = 64 * 1024
    buffer_bytes: int = 256 * 1024
    connections: int = 10_000


class Refused(Exception):
    """The bytes are no acceptable request: answer `status` and close. `reason` is for the answer's body."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Head(NamedTuple):
    """A parsed head. `length` is Content-Length, 0 without a body, None when `chunked`; `lines` the header lines."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    minor: int
    length: int | None
    keep_alive: bool
    expect: bool
    lines: list[str]


class HeadParser:
    """Parses heads; remembers the header names that it has checked (a bounded number)."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._names: dict[str, str] = {}

    def parse(self, data: bytes) -> Head:
        """The head in `data`, which ends before the empty line; raises `Refused`."""
        text = data.decode("latin-1")
        lines = text.split("\r\n")
        if text.count("\n") != len(lines) - 1 or text.count("\r") != len(lines) - 1 or _CONTROL(text) is not None:
            raise Refused(400, "The request's head has a control character or a line that does not end in CRLF.")
        if len(lines) > self._limits.headers:
            raise Refused(431, "The request has too many header fields.")
        method, path, query, host, minor = self._request_line(lines[0])
        del lines[0]
        headers = self._fields(lines)
        if host is not None:
            headers["host"] = host
        elif "host" not in headers:
            if minor:
                raise Refused(400, "The request has no Host header.")
        elif _HOST(headers["host"]) is None:
            raise Refused(400, "The request's Host header is invalid.")
        length = _body_length(headers, minor)
        expect = "expect" in headers and minor == 1
        if expect and headers["expect"].lower() != "100-continue":
            raise Refused(417, "The only expectation that can be met is 100-continue.")
        connection = headers.get("connection")
        keep_alive = minor == 1
        if connection is not None:
            options = connection.lower()
            keep_alive = "close" not in options if minor else "keep-alive" in options
        return Head(method, path, query, headers, minor, length, keep_alive, expect, lines)

    def _request_line(self, line: str) -> tuple[str, str, str, str | None, int]:
        parts = line.split(" ")
        if len(parts) != 3 or _TOKEN(parts[0]) is None:
            raise Refused(400, "The request line is malformed.")
        method, target, version = parts
        if version == "HTTP/1.1":
            minor = 1
        elif version == "HTTP/1.0":
            minor = 0
        else:
            known = version.startswith("HTTP/")
            raise Refused(505 if known else 400, "This server speaks HTTP/1.1 and HTTP/1.0.")
        if len(target) > self._limits.target_bytes:
            raise Refused(414, "The request's target is too long.")
        if _TARGET(target) is None:
            raise Refused(400, "The request's target has a character that must be escaped.")
        host = None
        if target[0] != "/":
            target, host = _other_form(method, target)
        path, _, query = target.partition("?")
        return method, path, query, host, minor

    def _fields(self, lines: list[str]) -> dict[str, str]:
        headers: dict[str, str] = {}
        names = self._names
        for line in lines:
            name, colon, value = line.partition(":")
            known = names.get(name)
            if known is None:
                known = self._name(name)
            if not colon:
                raise Refused(400, "A header line has no colon.")
            value = value.strip(" \t")
            if known in headers:
                if known in _ONCE:
                    raise Refused(400, f"The header {known} may come only once.")
                value = f"{headers[known]},{value}"
            headers[known] = value
        return headers

    def _name(self, name: str) -> str:
        if _TOKEN(name) is None:
            raise Refused(400, "A header name is malformed.")
        lower = name.lower()
        if len(self._names) < _NAMES_MAX and len(name) <= 64:
            self._names[name] = lower
        return lower


def _other_form(method: str, target: str) -> tuple[str, str | None]:
    """Targets that are no path: `*` of OPTIONS, and the absolute form, whose host takes the Host header's place."""
    if target == "*" and method == "OPTIONS":
        return target, None
    scheme, _, rest = target.partition("://")
    if scheme.lower() in ("http", "https") and rest:
        cut = min((i for i in (rest.find("/"), rest.find("?")) if i >= 0), default=len(rest))
        host, path = rest[:cut], rest[cut:]
        if host and _HOST(host) is not None:
            return (path if path.startswith("/") else f"/{path}"), host
    raise Refused(400, "The request's target is malformed.")


def _body_length(headers: dict[str, str], minor: int) -> int | None:
    """How the body is framed; None means chunked."""
    coding = headers.get("transfer-encoding")
    text = headers.get("content-length")
    if coding is None:
        if text is None:
            return 0
        if _LENGTH(text) is None:
            raise Refused(400, "The Content-Length is not a number.")
        return int(text)
    if text is not None:
        raise Refused(400, "A request cannot have both Content-Length and Transfer-Encoding.")
    if minor == 0 or coding.lower() != "chunked":
        raise Refused(400, "The only transfer encoding is chunked, in HTTP/1.1.")
    return None
