"""Answers that are streams of events (application/vnd.amazon.eventstream): framing, and the members of each event.

A result's stream is a list of events, or an asynchronous iterator of them; an event is a structure of one member,
`{"PayloadChunk": {"Payload": b"..."}}`, as botocore hands it out. An error raised by the iterator becomes an
exception event where the model has it.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from struct import pack
from typing import Any

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Response
from lambent.model import Shape

from . import scalars

CONTENT_TYPE = "application/vnd.amazon.eventstream"
Headers = list[tuple[str, Any, str]]
"""Name, value and the kind of shape that the value has."""
WriteBody = Callable[[Shape, Any, str], bytes]
"""The bytes of a structure: (shape, value, name of the event)."""

_STRING, _BYTES, _TIMESTAMP = 7, 6, 8
_INTEGERS = {"byte": (2, ">Bb"), "short": (3, ">Bh"), "integer": (4, ">Bi"), "long": (5, ">Bq")}


def frame(headers: Headers, payload: bytes) -> bytes:
    """One message: lengths, their checksum, headers, payload, checksum of everything."""
    parts = [_header(*header) for header in headers]
    size = sum(map(len, parts))
    prelude = pack(">II", 16 + size + len(payload), size)
    message = b"".join((prelude, pack(">I", zlib.crc32(prelude)), *parts, payload))
    return message + pack(">I", zlib.crc32(message))


def _header(name: str, value: Any, kind: str) -> bytes:
    raw = name.encode()
    return bytes((len(raw),)) + raw + _header_value(value, kind)


def _header_value(value: Any, kind: str) -> bytes:
    if kind == "boolean":
        return b"\x00" if value else b"\x01"
    if kind in _INTEGERS:
        code, form = _INTEGERS[kind]
        return pack(form, code, value)
    if kind == "timestamp":
        return pack(">Bq", _TIMESTAMP, round(scalars.write_epoch(value) * 1000))
    raw = value.encode() if isinstance(value, str) else bytes(value)
    return pack(">BH", _BYTES if kind == "blob" else _STRING, len(raw)) + raw


class EventWriter:
    """Writes the events of one stream. `write` makes the bytes of an event's structure, of type `content_type`."""

    def __init__(self, shape: Shape, write: WriteBody, content_type: str) -> None:
        self._shape = shape
        self._write = write
        self._content_type = content_type

    def event(self, event: Mapping[str, Any]) -> bytes:
        """The message of one event."""
        ((name, value),) = event.items()
        shape = self._shape.members[name]
        headers: Headers = [(":message-type", "event", "string"), (":event-type", name, "string")]
        payload: Shape | None = None
        content: Any = {}
        for member_name, member in shape.members.items():
            item = value.get(member_name)
            if item is None:
                continue
            if member.trait("eventheader"):
                headers.append((member_name, item, member.kind))
            elif member.trait("eventpayload"):
                payload, content = member, item
            else:
                content[member_name] = item
        return self._message(headers, payload or shape, content, name)

    def initial(self, shape: Shape, result: Mapping[str, Any]) -> bytes:
        """The message with the members of the answer that are not in the stream, which RPC protocols send first."""
        headers: Headers = [(":message-type", "event", "string"), (":event-type", "initial-response", "string")]
        return self._message(headers, shape, result, "initial-response")

    def error(self, error: ServiceError) -> bytes:
        """The message that ends a stream with an error."""
        for name, member in self._shape.members.items():
            if error.code in (name, member.name):
                shown = {**error.fields, next((n for n in member.members if n.lower() == "message"), ""): error.message}
                headers: Headers = [(":message-type", "exception", "string"), (":exception-type", name, "string")]
                return self._message(headers, member, {key: item for key, item in shown.items() if key}, name)
        return frame(
            [
                (":message-type", "error", "string"),
                (":error-code", error.code, "string"),
                (":error-message", error.message, "string"),
            ],
            b"",
        )

    def _message(self, headers: Headers, shape: Shape, content: Any, name: str) -> bytes:
        if shape.kind == "blob":
            content_type, payload = "application/octet-stream", bytes(content)
        elif shape.kind == "string":
            content_type, payload = "text/plain", content.encode()
        else:
            content_type, payload = self._content_type, self._write(shape, content, name)
        return frame([*headers, (":content-type", content_type, "string")], payload)

    def fill(self, response: Response, events: Any, first: bytes = b"") -> None:
        """Make the stream the body of a response, after the `first` message."""
        kept = [pair for pair in response.headers if pair[0] != "content-type"]
        response.headers = [*kept, ("content-type", CONTENT_TYPE)]
        if hasattr(events, "__aiter__"):
            response.body = self._stream(events, first)
        else:
            response.body = first + b"".join(self.event(event) for event in events)

    async def _stream(self, events: AsyncIterator[Mapping[str, Any]], first: bytes) -> AsyncIterator[bytes]:
        if first:
            yield first
        try:
            async for event in events:
                yield self.event(event)
        except ServiceError as error:
            yield self.error(error)


def stream_member(shape: Shape | None) -> tuple[str, Shape] | None:
    """The member of an output that is a stream of events."""
    for name, member in shape.members.items() if shape is not None else ():
        if member.trait("eventstream"):
            return name, member
    return None
