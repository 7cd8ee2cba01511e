"""The HTTP edge: accepts connections, keeps their limits and times, and hands requests to one handler.

`serve` starts it. The parts: edge_head (the grammar of a head), edge_body (bodies that are still arriving),
edge_reply (a response's head), edge_file (sendfile), edge_connection (one connection), edge_upgrade (one that has left
HTTP), and this file (all of them together). DESIGN-edge.md has the rules.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl

from lambent.contracts.clock import Alarm, Clock
from lambent.contracts.ids import Ids

from .edge_connection import Connection, Handler
from .edge_head import HeadParser, Limits
from .edge_reply import HeadWriter
from .edge_upgrade import TakenLine

__all__ = ["Handler", "Limits", "Server", "serve"]
_TICK_NS = 1_000_000_000
_TLS_HANDSHAKE = b"\x16"
_log = logging.getLogger("lambent.gateway.edge")


class Server:
    """A running edge. `port` is the one it listens on (0 when it was not told to listen, and serves what `accept` gets
    only); `connections` how many are open."""

    def __init__(self, handler: Handler, limits: Limits, clock: Clock, ids: Ids, name: str) -> None:
        self.handler = handler
        self.limits = limits
        self.ids = ids
        self.parser = HeadParser(limits)
        self.writer = HeadWriter(name)
        self.loop = asyncio.get_running_loop()
        self.closing = False
        self.now_ns = clock.now_ns()
        self.port = 0
        self._clock = clock
        self._open: set[Connection | TakenLine] = set()
        self._alarm: Alarm | None = None
        self._listener: asyncio.Server | None = None
        self._door: _Door | None = None
        self._empty: asyncio.Future[None] | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    async def listen(self, host: str, port: int, context: ssl.SSLContext | None, reuse_port: bool = False) -> None:
        """Open the port. With a TLS context the port speaks both: the first byte of a connection tells."""
        if context is None:
            self._listener = await self.loop.create_server(
                lambda: Connection(self, False),
                host,
                port,
                backlog=1024,
                reuse_address=True,
                reuse_port=reuse_port or None,
            )
            self.port = self._listener.sockets[0].getsockname()[1]
        else:
            self._door = _Door(self, _listen(host, port, reuse_port), context)
            self.port = self._door.socket.getsockname()[1]

    def accept(self) -> asyncio.Protocol:
        """A protocol for a connection that somebody else has accepted: plain HTTP, on a port of theirs."""
        return Connection(self, False)

    def add(self, connection: Connection) -> bool:
        """A connection has opened; False when there are too many."""
        if self._alarm is None:
            self._tick()
        self._open.add(connection)
        return len(self._open) <= self.limits.connections and not self.closing

    def replace(self, old: Connection, new: TakenLine) -> None:
        """A connection speaks another protocol from now on."""
        self._open.discard(old)
        self._open.add(new)

    def remove(self, connection: Connection | TakenLine) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        if not self._open:
            if self._alarm is not None:
                # Nothing to watch: an idle node does not wake up every second.
                self._alarm.cancel()
                self._alarm = None
            if self._empty is not None and not self._empty.done():
                self._empty.set_result(None)

    def _tick(self) -> None:
        """Once a second while anyone is connected: take the time, give up on whoever is overdue."""
        now_ns = self.now_ns = self._clock.now_ns()
        self.writer.tick(now_ns)
        self._alarm = self._clock.call_at(now_ns + _TICK_NS, self._tick)
        for connection in [c for c in self._open if 0 < c.deadline_ns <= now_ns]:
            connection.overdue()

    async def close(self, grace_s: float = 10) -> None:
        """Stop accepting, let running requests finish for `grace_s` seconds, then end the rest."""
        self.closing = True
        if self._listener is not None:
            self._listener.close()
        if self._door is not None:
            await self._door.close()
        for connection in list(self._open):
            connection.shut()
        if self._open:
            self._empty = self.loop.create_future()
            await asyncio.wait([self._empty], timeout=grace_s)
        for connection in list(self._open):
            connection.abort()
        if self._open:
            self._empty = self.loop.create_future()
            await self._empty
        if self._listener is not None:
            await self._listener.wait_closed()


class _Door:
    """Accepts connections of a port that speaks HTTP and HTTPS, and looks at the first byte of each."""

    def __init__(self, server: Server, listener: socket.socket, context: ssl.SSLContext) -> None:
        self.socket = listener
        self._server = server
        self._context = context
        self._sorting: set[asyncio.Task[None]] = set()
        self._accepting = server.loop.create_task(self._accept())

    async def _accept(self) -> None:
        loop = self._server.loop
        while True:
            try:
                connected, _ = await loop.sock_accept(self.socket)
            except OSError as error:
                # Out of descriptors, or the client has gone again: the next one may fare better.
                _log.warning("cannot accept a connection: %s", error)
                await asyncio.wait([loop.create_future()], timeout=0.05)
                continue
            if len(self._sorting) >= self._server.limits.connections:
                connected.close()
                continue
            task = loop.create_task(self._sort(connected))
            self._sorting.add(task)
            task.add_done_callback(self._sorting.discard)

    async def _sort(self, connected: socket.socket) -> None:
        server = self._server
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(server.limits.head_s):
                first = await self._peek(connected)
            if first == _TLS_HANDSHAKE:
                await server.loop.connect_accepted_socket(
                    lambda: Connection(server, True),
                    connected,
                    ssl=self._context,
                    ssl_handshake_timeout=server.limits.head_s,
                )
            else:
                await server.loop.connect_accepted_socket(lambda: Connection(server, False), connected)
        except (OSError, TimeoutError, ssl.SSLError) as error:
            _log.debug("a connection ended before its first request: %s", error)
            connected.close()
        except asyncio.CancelledError:
            connected.close()
            raise

    async def _peek(self, connected: socket.socket) -> bytes:
        loop = self._server.loop
        while True:
            try:
                return connected.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                pass
            readable = asyncio.Event()
            loop.add_reader(connected.fileno(), readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(connected.fileno())

    async def close(self) -> None:
        """Stop accepting."""
        tasks = [self._accepting, *self._sorting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.socket.close()


def _listen(host: str, port: int, reuse_port: bool) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.listen(1024)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


async def serve(
    handler: Handler,
    host: str,
    port: int,
    *,
    clock: Clock,
    ids: Ids,
    limits: Limits | None = None,
    ssl_context: ssl.SSLContext | None = None,
    reuse_port: bool = False,
    name: str = "Lambent",
) -> Server:
    """Listen on `host:port` (port 0: any free one) and answer every request with what `handler` returns.

    `clock` times clients out and dates responses; `ids` names requests. With `ssl_context` the port speaks HTTPS and
    HTTP. With `reuse_port` other processes of this user may listen on the same port, and the kernel deals connections
    out among them. `name` is the Server header. `OSError` when the port cannot be had.
    """
    server = Server(handler, limits or Limits(), clock, ids, name)
    await server.listen(host, port, ssl_context, reuse_port)
    return server
