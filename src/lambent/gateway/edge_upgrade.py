"""A connection that has left HTTP: the edge keeps counting, timing and closing it; a `Successor` speaks on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lambent.contracts.http import Successor

if TYPE_CHECKING:
    from .edge import Server
    from .edge_connection import Connection


class TakenLine(asyncio.Protocol):
    """The protocol of a connection after its 101; implements `contracts.http.Line`.

    A client that takes nothing for `write_s` while more than the transport's high-water mark waits for it is given up.
    """

    __slots__ = ("_full", "_lost", "_paused", "_server", "_successor", "_transport", "deadline_ns")

    def __init__(self, server: Server, transport: asyncio.Transport, successor: Successor) -> None:
        self._server = server
        self._transport = transport
        self._successor = successor
        self._paused = False
        self._full = False
        self._lost = False
        self.deadline_ns = 0
        """When the server gives this connection up; 0 for never."""

    def take(self, old: Connection, data: bytes) -> None:
        """Take the place of `old`; `data` came behind the request's head."""
        self._server.replace(old, self)
        self._transport.set_protocol(self)
        self._successor.begin(self)
        if data and not self._lost:
            self._successor.received(data)

    # -- what asyncio calls ----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        self._successor.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._lost = True
        self._server.remove(self)
        self._successor.lost()

    def pause_writing(self) -> None:
        """asyncio: the client does not read as fast as it is written to."""
        self._full = True
        if not self.deadline_ns:
            self.expire(self._server.limits.write_s)

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        self._full = False
        if not self._transport.is_closing():
            self.deadline_ns = 0
            self._successor.relieved()

    # -- what the successor calls ----------------------------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """See `contracts.http.Line`."""
        return 0 if self._lost else self._transport.get_write_buffer_size()

    def write(self, data: bytes) -> None:
        """See `contracts.http.Line`."""
        if not self._lost and not self._transport.is_closing():
            self._transport.write(data)

    def pause(self) -> None:
        """See `contracts.http.Line`."""
        if not self._paused and not self._lost:
            self._paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """See `contracts.http.Line`."""
        if self._paused:
            self._paused = False
            if not self._lost and not self._transport.is_closing():
                self._transport.resume_reading()

    def expire(self, seconds: float) -> None:
        """See `contracts.http.Line`."""
        self.deadline_ns = self._server.now_ns + int(seconds * 1e9)

    def close(self) -> None:
        """See `contracts.http.Line`."""
        if not self._lost and not self._transport.is_closing():
            self.expire(self._server.limits.write_s)
            self._transport.close()

    def abort(self) -> None:
        """See `contracts.http.Line`."""
        if not self._lost:
            self._transport.abort()

    # -- what the server calls -------------------------------------------------------------------------------------

    def overdue(self) -> None:
        """The deadline has passed."""
        self.abort()

    def shut(self) -> None:
        """The server closes."""
        self._successor.shut()
