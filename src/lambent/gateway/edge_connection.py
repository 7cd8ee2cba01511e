"""One connection: heads and bodies in, one handler at a time, responses out in order.

A connection is in one of these states::

    HEAD     waiting for (the rest of) a head, or of a small body that is worth waiting for
    BODY     the handler runs, its body is still arriving
    BUSY     the handler runs, the whole request is here; what comes now is the next request
    LINGER   the last response is out; what still arrives is thrown away, so that the client gets to read it
    CLOSED   gone
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from lambent.contracts.http import BodyBroken, BodyTooLarge, BytesBody, FileSlice, Request, Response, Upgrade

from .edge_body import ChunkDecoder, StreamBody, gone
from .edge_file import FileMissing, send_file
from .edge_head import Head, HeadParser, Limits, Refused
from .edge_reply import BrokenResponse, Framing, HeadWriter, UnsafeResponse, closing, plain
from .edge_upgrade import TakenLine

if TYPE_CHECKING:
    from .edge import Server

Handler = Callable[[Request], Awaitable[Response]]
_END = b"\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_log = logging.getLogger("lambent.gateway.edge")


class State(Enum):
    """Where a connection is."""

    HEAD = 1
    BODY = 2
    BUSY = 3
    LINGER = 4
    CLOSED = 5


class Connection(asyncio.Protocol):
    """The protocol of one connection; made by the server for each."""

    def __init__(self, server: Server, secure: bool) -> None:
        self._server = server
        self._limits: Limits = server.limits
        self._parser: HeadParser = server.parser
        self._writer: HeadWriter = server.writer
        self._loop = server.loop
        self._secure = secure
        self._peer = ""
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._state = State.HEAD
        self._pending = bytearray()
        self._head: Head | None = None
        self._collect = 0
        self._body: StreamBody | None = None
        self._chunks: ChunkDecoder | None = None
        self._body_left = 0
        self._awaits_continue = False
        self._progress = 0
        self._paused = False
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._write_full = False
        self._discarded = 0
        self.deadline_ns = 0
        """When the server gives this connection up; 0 for never. Moved on as the client makes progress."""

    # -- what asyncio calls ----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client has connected."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its base class
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else "127.0.0.1"
        transport.set_write_buffer_limits(high=self._limits.buffer_bytes)
        if not self._server.add(self):
            self._refuse(Refused(503, "The server has as many connections as it accepts."))
            return
        self._wait(self._limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone; whoever works for it is told."""
        self._state = State.CLOSED
        self._server.remove(self)
        self.resume_writing()
        if self._body is not None:
            self._body.fail(gone())
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """asyncio: the client does not read as fast as we write."""
        self._write_full = True

    def resume_writing(self) -> None:
        """asyncio: there is room again."""
        self._write_full = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        state = self._state
        if state is State.BODY:
            self._body_data(data)
        elif state is State.HEAD:
            self._head_data(data)
        elif state is State.BUSY:
            self._pending += data
            if len(self._pending) > self._limits.head_bytes:
                self._pause_reading()
        elif state is State.LINGER:
            self._discarded += len(data)
            if self._discarded > 64 * self._limits.buffer_bytes:
                self._transport.abort()

    # -- heads -----------------------------------------------------------------------------------------------------

    def _head_data(self, data: bytes) -> None:
        pending = self._pending
        old = len(pending)
        if self._head is not None:
            pending += data
            if len(pending) >= self._collect:
                self._collected()
            return
        if old:
            pending += data
            data = bytes(pending) if pending.find(_END, max(0, old - 3)) >= 0 else b""
        try:
            if data:
                while data.startswith(b"\r\n"):
                    data = data[2:]
                end = data.find(_END)
                if end >= 0:
                    pending.clear()
                    self._request(data, end)
                    return
                if not old:
                    pending += data
            self._incomplete(old)
        except Refused as refused:
            self._refuse(refused)

    def _incomplete(self, old: int) -> None:
        """Refuse early what can no longer become an acceptable head."""
        pending = self._pending
        if not old and pending:
            self._wait(self._limits.head_s)
        start = max(0, old - 1)
        at = pending.find(b"\n", start)
        while at >= 0:
            if at == 0 or pending[at - 1] != 0x0D:
                raise Refused(400, "A line of the request's head does not end in CRLF.")
            at = pending.find(b"\n", at + 1)
        if pending[:1] == b"\x16":
            raise Refused(400, "This port does not speak TLS.")
        if len(pending) > self._limits.target_bytes and pending.find(b"\r\n", 0, self._limits.target_bytes + 300) < 0:
            raise Refused(414, "The request's target is too long.")
        if len(pending) > self._limits.head_bytes:
            raise Refused(431, "The request's head is too long.")

    def _request(self, data: bytes, end: int) -> None:
        """A whole head is here: `data[:end]`; its body may follow."""
        if end > self._limits.head_bytes:
            raise Refused(431, "The request's head is too long.")
        head = self._parser.parse(data[:end])
        length = head.length
        start = end + 4
        if length == 0:
            rest = data[start:]
            if rest:
                self._pending += rest
            self._start(head, BytesBody(b""))
            return
        if length is not None:
            stop = start + length
            if len(data) >= stop:
                if len(data) > stop:
                    self._pending += data[stop:]
                self._start(head, BytesBody(data[start:stop]))
                return
            if length <= self._limits.collect_bytes and not head.expect:
                # A small body comes at once as a rule: wait for it, so that the handler sees plain bytes.
                self._head, self._collect = head, length
                self._pending += data[start:]
                self._wait(self._limits.body_s)
                return
        self._stream(head, data[start:])

    def _collected(self) -> None:
        head, data, length = self._head, bytes(self._pending), self._collect
        assert head is not None
        self._head = None
        self._pending.clear()
        self._pending += data[length:]
        self._start(head, BytesBody(data[:length]))

    # -- bodies ----------------------------------------------------------------------------------------------------

    def _stream(self, head: Head, data: bytes) -> None:
        """Start the handler on a body that is still arriving; `data` is what is here of it."""
        body = StreamBody(self, head.length, self._limits.buffer_bytes)
        self._body = body
        self._body_left = head.length or 0
        self._chunks = ChunkDecoder(body.push) if head.length is None else None
        self._awaits_continue = head.expect and not data
        self._state = State.BODY
        self._run(head, body)
        if self._awaits_continue:
            self.deadline_ns = 0
        else:
            self._progress = 0
            self._wait(self._limits.body_s)
        if data:
            self._body_data(data)

    def _body_data(self, data: bytes) -> None:
        body = self._body
        assert body is not None
        self._awaits_continue = False
        self._progress += len(data)
        if self._progress >= self._limits.body_progress_bytes:
            self._progress = 0
            self._wait(self._limits.body_s)
        if self._chunks is not None:
            try:
                rest = self._chunks.feed(data)
            except Refused as refused:
                body.fail(BodyBroken(str(refused)))
                self._state = State.LINGER
                self._wait(self._limits.body_s)
                return
            if rest is None:
                return
        else:
            rest = data[self._body_left :]
            body.push(data[: self._body_left] if rest else data)
            self._body_left -= len(data) - len(rest)
            if self._body_left:
                return
        self._chunks = None
        self._state = State.BUSY
        if self._writable is None:
            self.deadline_ns = 0
        self._resume_reading()
        self._pending += rest
        body.finish()

    def body_wanted(self) -> None:
        """The handler waits for body bytes."""
        if self._awaits_continue:
            self._awaits_continue = False
            if self._state is State.BODY:
                self._transport.write(_CONTINUE)
                self._wait(self._limits.body_s)
        if self._paused:
            self._resume_reading()
            self._wait(self._limits.body_s)

    def body_slow(self) -> None:
        """The handler reads slower than the client sends: no fault of the client's."""
        if self._state is State.BODY:
            self._pause_reading()
            self.deadline_ns = 0

    def _pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused:
            self._paused = False
            if self._state is not State.CLOSED:
                self._transport.resume_reading()

    # -- the handler -----------------------------------------------------------------------------------------------

    def _start(self, head: Head, body: BytesBody) -> None:
        self._state = State.BUSY
        self.deadline_ns = 0
        if len(self._pending) > self._limits.head_bytes:
            self._pause_reading()
        self._run(head, body)

    def _run(self, head: Head, body: Any) -> None:
        server = self._server
        request = Request(
            head.method,
            head.path,
            head.query,
            head.headers,
            body,
            peer=self._peer,
            secure=self._secure,
            id=server.ids.request_id(),
            lines=head.lines,
        )
        self._task = self._loop.create_task(self._serve(head, request))

    async def _serve(self, head: Head, request: Request) -> None:
        try:
            response = await self._answer(request)
            if response.__class__ is Upgrade:
                response = self._hand_over(response, head)
            if self._state is State.CLOSED:
                return
            last = not head.keep_alive or self._server.closing or (self._body is not None and not self._body.done)
            try:
                framing = self._writer.frame(response, head.method, head.minor, last)
                await self._reply(framing, response.body)
            except (UnsafeResponse, FileMissing) as unsafe:
                # Nothing was sent yet.
                _log.error("request %s: %s", request.id, unsafe)
                response = plain(500, "Internal Server Error")
                framing = self._writer.frame(response, head.method, head.minor, last)
                await self._reply(framing, response.body)
        except asyncio.CancelledError:
            # The client is gone, or the server closes: nobody waits for an answer, and this task has no parent.
            self._task = None
            self._transport.abort()
            return
        except Exception as error:
            if not isinstance(error, ConnectionError):
                _log.exception("request %s: the response broke off", request.id)
            self._task = None
            self._transport.abort()
            return
        self._task = None
        self._finished(framing.close)

    def _hand_over(self, upgrade: Upgrade, head: Head) -> Response:
        """Give the connection to its next owner: it is CLOSED for us. Where that cannot be, the answer instead."""
        closing, body = self._server.closing, self._body
        if self._state is not State.BUSY or head.minor == 0 or closing or body is not None:
            upgrade.successor.lost()
            return plain(503 if closing else 400, "This connection cannot change to another protocol.")
        try:
            self._transport.write(self._writer.switching(upgrade))
        except UnsafeResponse:
            upgrade.successor.lost()
            raise
        self._resume_reading()
        self._state, self._task = State.CLOSED, None
        data = bytes(self._pending)
        self._pending.clear()
        TakenLine(self._server, self._transport, upgrade.successor).take(self, data)
        return upgrade

    async def _answer(self, request: Request) -> Response:
        try:
            return await self._server.handler(request)
        except BodyTooLarge:
            return plain(413, "The request's body is longer than is accepted.")
        except BodyBroken as broken:
            return plain(400, str(broken))
        except asyncio.CancelledError:
            if self._state is State.CLOSED or not self._task or self._task.cancelling():
                raise
            # Something that the handler waited for was cancelled, not the handler itself.
            _log.exception("request %s: %s %s was cancelled inside", request.id, request.method, request.path)
            return plain(500, "Internal Server Error")
        except Exception:
            _log.exception("request %s: %s %s failed", request.id, request.method, request.path)
            return plain(500, "Internal Server Error")

    # -- responses -------------------------------------------------------------------------------------------------

    async def _reply(self, framing: Framing, body: bytes | AsyncIterator[bytes] | FileSlice) -> None:
        if isinstance(body, bytes):
            self._transport.write(framing.head + body if framing.body and body else framing.head)
            if self._write_full:
                await self._drain()
        elif not isinstance(body, FileSlice):
            await self._send(framing, body)
        elif framing.body:
            await send_file(self._transport, framing.head, body, self._drain, self._patiently, self._secure)
        else:
            self._transport.write(framing.head)

    async def _send(self, framing: Framing, body: AsyncIterator[bytes]) -> None:
        async with closing(body) as pieces:
            self._transport.write(framing.head)
            if not framing.body:
                return
            left = framing.length
            async for piece in pieces:
                if not piece:
                    continue
                if left is not None:
                    left -= len(piece)
                    if left < 0:
                        raise BrokenResponse("the body is longer than its content-length")
                self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if framing.chunked else piece)
                if self._write_full or self._state is State.CLOSED:
                    await self._drain()
            if left:
                raise BrokenResponse(f"the body is {left} bytes shorter than its content-length")
            if framing.chunked:
                self._transport.write(b"0\r\n\r\n")

    async def _drain(self) -> None:
        """Wait until the client has read enough of what was written."""
        if self._state is State.CLOSED:
            raise ConnectionResetError("the client closed the connection")
        if self._write_full:
            await self._patiently(self._loop.create_future())

    async def _patiently(self, writable: asyncio.Future[None]) -> None:
        """Wait for the client to read; it has `write_s` for it. The connection's end finishes the wait too."""
        self._wait(self._limits.write_s)
        self._writable = writable
        try:
            await writable
        finally:
            self._writable = None
            self.deadline_ns = 0

    def _finished(self, close: bool) -> None:
        """A response is out: on to the next request, or to the end."""
        state = self._state
        body = self._body
        self._body = None
        if state is State.CLOSED:
            return
        if close:
            unread = body is not None and not body.done
            if body is not None:
                body.drop()
            self._close(linger=unread or bool(self._pending))
            return
        self._state = State.HEAD
        self._wait(self._limits.idle_s)
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            self._head_data(data)
        if self._paused and self._state is not State.BODY and len(self._pending) <= self._limits.head_bytes:
            self._resume_reading()

    def _refuse(self, refused: Refused) -> None:
        """Answer bytes that are no request, and close."""
        response = plain(refused.status, refused.reason)
        self._transport.write(self._writer.frame(response, "GET", 1, True).head + response.body)  # type: ignore[operator]
        self._close(linger=True)

    def _close(self, linger: bool) -> None:
        self._pending.clear()
        self._state = State.LINGER
        if not linger:
            self._wait(self._limits.write_s)
            self._transport.close()
            return
        # Closing with unread bytes would reset the connection and may take the response with it.
        self._resume_reading()
        self._wait(self._limits.linger_s)
        if self._transport.can_write_eof():
            self._transport.write_eof()

    # -- what the server calls -------------------------------------------------------------------------------------

    def _wait(self, seconds: float) -> None:
        self.deadline_ns = self._server.now_ns + int(seconds * 1e9)

    def overdue(self) -> None:
        """The deadline has passed."""
        if self._state is State.HEAD and (self._pending or self._head is not None):
            self._refuse(Refused(408, "The request took too long to arrive."))
        elif self._state is State.HEAD:
            self._close(linger=False)
        elif self._writable is not None:
            self._transport.abort()
        elif self._state is State.BODY and self._body is not None:
            self._body.fail(BodyBroken("the request's body took too long to arrive"))
            self.deadline_ns = 0
        else:
            self._transport.abort()

    def shut(self) -> None:
        """The server closes: an idle connection ends now, a busy one after its response."""
        if self._state is State.HEAD and self._secure and not self._transport.get_write_buffer_size():
            self._transport.abort()  # TLS would wait for a goodbye, which a client with an idle connection never reads
        elif self._state is State.HEAD:
            self._close(linger=False)

    def abort(self) -> None:
        """The server's patience is over."""
        self._transport.abort()
