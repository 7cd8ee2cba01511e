"""The WebSocket protocol (RFC 6455) as a server speaks it, without sockets: bytes to events, messages to bytes.

wsproto's frame decoder reads the frames: masks, lengths, reserved bits, control frames. Built on it here is what limits
need: a frame's length is known from its header, so one that is too long is refused before it has arrived. No extension
is offered, so permessage-deflate stays off. Imported by whoever accepts a WebSocket, not by `lambent.wire`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from wsproto.frame_protocol import FrameDecoder, Opcode, ParseFailed

from lambent.contracts.http import Request

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SENDABLE: Final = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
_REASON_BYTES_MAX: Final = 123
_FINAL: Final = 0x80


class HandshakeRefused(Exception):
    """The request is no handshake that can be answered: `status` and `headers` for the refusal."""

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class Limits(NamedTuple):
    """The longest message and the longest frame that a client may send, in bytes."""

    message_bytes: int = 128 * 1024
    frame_bytes: int = 32 * 1024


LIMITS: Final = Limits()
"""API Gateway's."""


class _Violation(Exception):
    """The client broke the protocol or a limit."""

    def __init__(self, reason: str, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.code = code


class Message(NamedTuple):
    """A whole message of the client's. `data` of a text is valid UTF-8."""

    data: bytes
    text: bool


class Ping(NamedTuple):
    """The client wants this back."""

    data: bytes


class Pong(NamedTuple):
    """The client's answer to a ping."""

    data: bytes


class Closed(NamedTuple):
    """The client says goodbye; `code` is 1005 when it gave none."""

    code: int
    reason: str


class Broken(NamedTuple):
    """The client broke the protocol or a limit: say goodbye with this code. Nothing of it is read any more."""

    code: int
    reason: str


Event = Message | Ping | Pong | Closed | Broken


def is_handshake(request: Request) -> bool:
    """Whether a request asks for a WebSocket, well or badly."""
    return "websocket" in request.headers.get("upgrade", "").lower()


def handshake(request: Request) -> list[tuple[str, str]]:
    """The headers of the 101 that accepts a handshake, without a subprotocol; `HandshakeRefused` for what is none."""
    headers = request.headers
    if request.method != "GET":
        raise HandshakeRefused(405, "A WebSocket is opened by GET.", (("Allow", "GET"),))
    upgrade = [protocol.strip().lower() for protocol in headers.get("upgrade", "").split(",")]
    options = [option.strip().lower() for option in headers.get("connection", "").split(",")]
    if "websocket" not in upgrade or "upgrade" not in options:
        raise HandshakeRefused(426, "This address speaks WebSocket.", (("Upgrade", "websocket"),))
    if headers.get("sec-websocket-version", "").strip() != "13":
        raise HandshakeRefused(426, "The WebSocket version must be 13.", (("Sec-WebSocket-Version", "13"),))
    key = headers.get("sec-websocket-key", "")
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        raise HandshakeRefused(400, "Sec-WebSocket-Key must be 16 bytes in base 64.")
    accept = base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest()).decode()
    return [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]


def subprotocols(request: Request) -> list[str]:
    """What the client offers to speak, the liked ones first."""
    offered = request.headers.get("sec-websocket-protocol", "")
    return [name.strip() for name in offered.split(",") if name.strip()]


class Receiver:
    """What a client sends, decoded. It keeps one message that is still arriving, of a bounded length."""

    __slots__ = ("_decoder", "_ended", "_limits", "_message", "_text")

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._decoder = FrameDecoder(client=False)
        self._limits = limits
        self._message: bytearray | None = None
        self._text = False
        self._ended = False

    def receive(self, data: bytes) -> Iterator[Event]:
        """What `data` completes, one by one. After `Closed` or `Broken` nothing more comes."""
        if self._ended:
            return
        decoder = self._decoder
        decoder.receive_bytes(data)
        try:
            while not self._ended:
                began = decoder.header is not None
                within = began and decoder.payload_consumed > 0
                frame = decoder.process_buffer()
                if decoder.header is not None and not began:
                    self._announced(decoder.header.opcode, decoder.header.payload_len)
                if frame is None:
                    return
                payload = frame.payload
                assert isinstance(payload, bytes)
                if frame.opcode.iscontrol():
                    yield self._control(frame.opcode, payload)
                    continue
                self._piece(frame.opcode, payload, within)
                if frame.frame_finished and frame.message_finished:
                    yield self._complete()
        except (ParseFailed, _Violation) as failed:
            self._ended = True
            yield Broken(int(failed.code), str(failed))

    def _announced(self, opcode: Opcode, length: int) -> None:
        """A frame's header is here, its payload perhaps not yet."""
        if opcode.iscontrol():
            return
        if length > self._limits.frame_bytes:
            raise _Violation("Frame too long", 1009)
        if length + len(self._message or b"") > self._limits.message_bytes:
            raise _Violation("Message too long", 1009)

    def _piece(self, opcode: Opcode, payload: bytes, within: bool) -> None:
        """Some of a frame; `within` when its beginning came before."""
        if not within:
            if opcode is not Opcode.CONTINUATION:
                if self._message is not None:
                    raise _Violation("A new message begins within another")
                self._message = bytearray()
                self._text = opcode is Opcode.TEXT
            elif self._message is None:
                raise _Violation("A message goes on that never began")
            if len(payload) > self._limits.frame_bytes:
                raise _Violation("Frame too long", 1009)
        assert self._message is not None
        self._message += payload
        if len(self._message) > self._limits.message_bytes:
            raise _Violation("Message too long", 1009)

    def _complete(self) -> Message:
        assert self._message is not None
        data, self._message = bytes(self._message), None
        if self._text and not data.isascii():
            try:
                data.decode()
            except UnicodeDecodeError:
                raise _Violation("A text is not UTF-8", 1007) from None
        return Message(data, self._text)

    def _control(self, opcode: Opcode, payload: bytes) -> Event:
        if opcode is Opcode.PING:
            return Ping(payload)
        if opcode is Opcode.PONG:
            return Pong(payload)
        if not payload:
            self._ended = True
            return Closed(NO_STATUS, "")
        if len(payload) == 1:
            raise _Violation("A close code has two bytes")
        code = int.from_bytes(payload[:2], "big")
        if code not in _SENDABLE and not 3000 <= code <= 4999:
            raise _Violation("No such close code")
        try:
            reason = payload[2:].decode()
        except UnicodeDecodeError:
            raise _Violation("A close reason is not UTF-8", 1007) from None
        self._ended = True
        return Closed(code, reason)


def message(data: bytes, text: bool, frame_bytes: int = LIMITS.frame_bytes) -> bytes:
    """The frames of a message, none longer than `frame_bytes` of payload. A text must be UTF-8."""
    opcode = int(Opcode.TEXT if text else Opcode.BINARY)
    if len(data) <= frame_bytes:
        return _frame(opcode | _FINAL, data)
    pieces = [data[at : at + frame_bytes] for at in range(0, len(data), frame_bytes)]
    first = _frame(opcode, pieces[0])
    middle = [_frame(Opcode.CONTINUATION, piece) for piece in pieces[1:-1]]
    return b"".join([first, *middle, _frame(Opcode.CONTINUATION | _FINAL, pieces[-1])])


def pong(data: bytes) -> bytes:
    """The answer to a ping."""
    return _frame(Opcode.PONG | _FINAL, data)


def ping(data: bytes = b"") -> bytes:
    """A question whether the client is there."""
    return _frame(Opcode.PING | _FINAL, data)


def close(code: int, reason: str = "") -> bytes:
    """Goodbye. A code that may not be sent (1005, 1006) becomes a close frame without one."""
    if code not in _SENDABLE and not 3000 <= code <= 4999:
        return _frame(Opcode.CLOSE | _FINAL, b"")
    text = reason.encode()[:_REASON_BYTES_MAX].decode("utf-8", "ignore").encode()
    return _frame(Opcode.CLOSE | _FINAL, code.to_bytes(2, "big") + text)


def _frame(head: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        return bytes((head, length)) + payload
    if length < 65536:
        return struct.pack("!BBH", head, 126, length) + payload
    return struct.pack("!BBQ", head, 127, length) + payload
