"""The edge for functions: what connects from their sandboxes speaks HTTP or HTTPS, and the first byte tells which.

Almost all of it is plain HTTP, to AWS_ENDPOINT_URL. But code that is written for AWS makes addresses of its own, such
as `https://{domainName}/{stage}` to answer WebSocket clients: so there is a certificate, by an authority that the
functions' SDK is told to trust.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lambent.contracts.clock import Clock

from .edge_connection import Connection

if TYPE_CHECKING:
    from .edge import Server

_TLS_HANDSHAKE = 0x16
_log = logging.getLogger("lambent.gateway.edge")


class Inside:
    """The edge of `server` for functions. Its authority and certificate are kept in `folder`."""

    def __init__(self, server: Server, folder: Path, clock: Clock) -> None:
        self.server = server
        self._folder = folder
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._working: set[asyncio.Task[None]] = set()

    def accept(self) -> asyncio.Protocol:
        """A protocol for a connection that a function has made."""
        return _Unsorted(self)

    def authority(self) -> Path:
        """The certificate that functions have to trust. Blocking: the first time, it is made."""
        # Deferred: certificates are of use to nobody who runs no functions.
        from . import tls

        found = tls.authority(self._folder)
        if not found.exists():
            self._context = tls.generated(self._folder, self._clock)
        return found

    def secure(self, outside: _Piece, began: bytes) -> None:
        """Speak TLS on a connection that began with `began`."""
        task = self.server.loop.create_task(self._secure(outside, began))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _secure(self, outside: _Piece, began: bytes) -> None:
        try:
            context = self._context or await asyncio.to_thread(self._make)
            near, far = socket.socketpair()
            near.setblocking(False)
            far.setblocking(False)
            piece = _Piece()
            await self.server.loop.connect_accepted_socket(lambda: piece, near)
            piece.join(outside)
            piece.write(began)
            await self.server.loop.connect_accepted_socket(
                lambda: Connection(self.server, True),
                far,
                ssl=context,
                ssl_handshake_timeout=self.server.limits.head_s,
            )
        except (OSError, ValueError, ssl.SSLError) as error:
            _log.debug("a function's connection ended before its first request: %s", error)
            outside.abort()

    def _make(self) -> ssl.SSLContext:
        from . import tls

        self._context = self._context or tls.generated(self._folder, self._clock)
        return self._context


class _Piece(asyncio.Protocol):
    """One end of the way between a function and the TLS of its connection; what comes goes to the other end, which
    holds this one back while it is full."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self._other: _Piece | None = None

    def join(self, other: _Piece) -> None:
        """Make two ends one way."""
        self._other, other._other = other, self
        if other.transport is None:
            self.abort()
        else:
            other.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """Send to whoever is at this end."""
        if self.transport is not None:
            self.transport.write(data)

    def abort(self) -> None:
        """End it here."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the end is there."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are not of asyncio's class

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        if self._other is not None:
            self._other.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the end is gone."""
        self.transport = None
        if self._other is not None and self._other.transport is not None:
            self._other.transport.close()

    def pause_writing(self) -> None:
        """asyncio: this end does not read as fast as it is written to."""
        if self._other is not None and self._other.transport is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        if self._other is not None and self._other.transport is not None:
            self._other.transport.resume_reading()


class _Unsorted(asyncio.Protocol):
    """A connection before its first byte: counted and timed as one of plain HTTP, which most are."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._plain = Connection(inside.server, False)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a function has connected."""
        self._transport = cast("asyncio.Transport", transport)
        self._plain.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: the first bytes."""
        transport = self._transport
        assert transport is not None
        if data[0] != _TLS_HANDSHAKE:
            transport.set_protocol(self._plain)
            self._plain.data_received(data)
            return
        self._plain.connection_lost(None)
        transport.pause_reading()
        outside = _Piece()
        outside.connection_made(transport)
        transport.set_protocol(outside)
        self._inside.secure(outside, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: it is gone before it said anything."""
        self._plain.connection_lost(exc)

    def pause_writing(self) -> None:
        """asyncio: see `Connection`."""
        self._plain.pause_writing()

    def resume_writing(self) -> None:
        """asyncio: see `Connection`."""
        self._plain.resume_writing()
