"""A request and a response as the gateway, the wire and the services know them: no sockets, no bytes on the line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec


class Body(Protocol):
    """A request's body, which may still be arriving. It is read once, by one reader."""

    length: int | None
    """Bytes announced by Content-Length; None when chunked."""

    async def read(self, limit: int) -> bytes:
        """The whole (rest of the) body; `BodyTooLarge` beyond `limit` bytes."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive; reading slowly pauses the sender."""
        ...


class BodyTooLarge(Exception):
    """A body is longer than the reader accepts."""


class BodyBroken(Exception):
    """The sender went away, or sent something that is not a body, before the body's end."""


class BytesBody:
    """A body that is already here."""

    def __init__(self, data: bytes) -> None:
        self.length: int | None = len(data)
        self.data = data

    async def read(self, limit: int) -> bytes:
        """The bytes, all at once."""
        if len(self.data) > limit:
            raise BodyTooLarge
        return self.data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data


class Request:
    """One HTTP request. `path` and `query` are raw, as they were sent (percent-encoding kept, no `?`).

    `headers` has lower-case names; repeated headers are joined by a comma. `host` is the Host header without its port,
    in lower case. `peer` is the client's address. `lines` are the header lines as they were sent, where the request
    came over a connection: `fields` reads them.
    """

    __slots__ = ("body", "headers", "host", "id", "lines", "method", "path", "peer", "query", "secure")

    def __init__(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: Body | None = None,
        *,
        peer: str = "127.0.0.1",
        secure: bool = False,
        id: str = "",
        lines: list[str] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers: dict[str, str] = headers if headers is not None else {}
        self.body: Body = body if body is not None else BytesBody(b"")
        self.peer = peer
        self.secure = secure
        self.id = id
        self.lines = lines
        host = self.headers.get("host", "")
        self.host = host[: host.rindex(":")].lower() if ":" in host and not host.endswith("]") else host.lower()

    @property
    def is_local(self) -> bool:
        """Whether it came from this machine, or from inside the cloud (an empty `peer`)."""
        return self.peer.startswith("127.") or self.peer in ("::1", "")

    def fields(self) -> list[tuple[str, str]]:
        """The headers one by one, in their order, with names as they were written; those that were added or taken away
        since are as `headers` has them."""
        if self.lines is None:
            return list(self.headers.items())
        found = []
        for line in self.lines:
            name, _, value = line.partition(":")
            if name.lower() in self.headers:
                found.append((name, value.strip(" \t")))
        sent = {name.lower() for name, _ in found}
        return found + [(name, value) for name, value in self.headers.items() if name not in sent]


class FileSlice(msgspec.Struct, frozen=True):
    """A part of a file to be sent by sendfile: bytes `[offset, offset + length)` of `path`."""

    path: str
    offset: int
    length: int


class Response:
    """One HTTP response. A body that is an iterator is sent chunked unless a content-length header is given."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        headers: list[tuple[str, str]] | None = None,
        body: bytes | AsyncIterator[bytes] | FileSlice = b"",
    ) -> None:
        self.status = status
        self.headers: list[tuple[str, str]] = headers if headers is not None else []
        self.body = body


class Line(Protocol):
    """A connection that has left HTTP, as whoever took it over (`Successor`) holds it. After `close`, `abort` or
    `Successor.lost` the other methods do nothing."""

    @property
    def unsent(self) -> int:
        """Bytes that were written and that the client has not taken yet."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes, without waiting; look at `unsent` before sending much."""
        ...

    def pause(self) -> None:
        """Receive no more for now: the client's sending is held up in turn."""
        ...

    def resume(self) -> None:
        """Receive again."""
        ...

    def expire(self, seconds: float) -> None:
        """Break the connection unless it has ended within `seconds` from now (give or take one)."""
        ...

    def close(self) -> None:
        """End the connection, once what was written is sent."""
        ...

    def abort(self) -> None:
        """Break the connection now."""
        ...


class Successor(Protocol):
    """Takes a connection over from HTTP. Its methods are called on the event loop and must neither block nor raise."""

    def begin(self, line: Line) -> None:
        """The head of the 101 was written, and the connection is yours."""
        ...

    def received(self, data: bytes) -> None:
        """Bytes have come; the first ones may have come with the request."""
        ...

    def relieved(self) -> None:
        """A client that had fallen behind has taken most of what was written."""
        ...

    def shut(self) -> None:
        """The server is about to close: say goodbye, and close soon."""
        ...

    def lost(self) -> None:
        """The connection is gone; also called, without `begin`, when it could not be handed over. Comes once."""
        ...


class Upgrade(Response):
    """Status 101: after this head the connection speaks another protocol, which `successor` knows. `headers` name it
    (Upgrade, Connection and what the protocol wants besides)."""

    __slots__ = ("successor",)

    def __init__(self, headers: list[tuple[str, str]], successor: Successor) -> None:
        super().__init__(101, headers)
        self.successor = successor
