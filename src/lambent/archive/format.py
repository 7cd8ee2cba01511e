"""The file: a line that names the format, then frames. Nothing here waits or opens anything.

A frame is its kind (one byte), the length of its payload (4 bytes, big-endian), a checksum (4 bytes) and the payload.
The checksum is a CRC-32 over kind, length and payload that goes on from the frame before, so a frame that is missing,
doubled or out of place is found as surely as one that is damaged.

| kind | payload |
|---|---|
| H | Head, MessagePack |
| K | a page: zlib of a MessagePack array of [key, value] |
| R | empty: all pages before are void |
| B, L | 16 bytes of a blob's name, then its next bytes; L ends the blob |
| Z | Totals, MessagePack; the last frame |
| X | the reason why the backup broke off, UTF-8; the last frame of a stream that is no backup |
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final

import msgspec

from .errors import BackupFailed, Damaged, TooNew
from .items import Count, Head, Item, Page, Piece, Restart, Rows, Totals

VERSION: Final = 1
FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
"""Longer frames are not written, and a length that says so is not believed."""
NAME_BYTES: Final = 16

_LINE: Final = re.compile(rb"lambent-backup ([0-9]{1,9})\n")
_LINE_BYTES_MAX: Final = 32
_FRAME: Final = struct.Struct(">cII")
_KIND_LENGTH: Final = struct.Struct(">cI")
_ZLIB_LEVEL: Final = 1
_rows_decoder: Final = msgspec.msgpack.Decoder(list[tuple[bytes, bytes]])
_encode: Final = msgspec.msgpack.encode


class Encoder:
    """Turns items into the bytes of a file, in order."""

    def __init__(self) -> None:
        self._checksum = 0
        self._started = False

    def encode(self, items: list[Item]) -> list[bytes]:
        """The next bytes, in pieces. Compresses, so it belongs into a thread."""
        out: list[bytes] = []
        if not self._started:
            self._started = True
            line = b"lambent-backup %d\n" % VERSION
            self._checksum = zlib.crc32(line)
            out.append(line)
        for item in items:
            if isinstance(item, Piece):
                out += self._frame(b"L" if item.last else b"B", bytes.fromhex(item.name), item.data)
            elif isinstance(item, Page):
                out += self._frame(b"K", zlib.compress(_encode(item.rows), _ZLIB_LEVEL))
            elif isinstance(item, Restart):
                out += self._frame(b"R")
            else:
                out += self._frame(b"H" if isinstance(item, Head) else b"Z", _encode(item))
        return out

    def broken_off(self, reason: str) -> list[bytes]:
        """The end of a stream that could not be completed."""
        return [*self.encode([]), *self._frame(b"X", reason.encode(errors="replace"))]

    def _frame(self, kind: bytes, *payload: bytes) -> tuple[bytes, ...]:
        length = sum(map(len, payload))
        if length > FRAME_BYTES_MAX:
            raise BackupFailed(f"a frame of {length} bytes; a backup holds frames of up to {FRAME_BYTES_MAX}")
        checksum = zlib.crc32(_KIND_LENGTH.pack(kind, length), self._checksum)
        for part in payload:
            checksum = zlib.crc32(part, checksum)
        self._checksum = checksum
        return (_FRAME.pack(kind, length, checksum), *payload)


class Decoder:
    """Turns the bytes of a file into items, and refuses every file that is not as an encoder wrote it.

    Raises `Damaged`, `TooNew`, and `BackupFailed` when the stream says that it broke off.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        """Of the buffer's first byte in the file."""
        self._frame = 0
        self._checksum = 0
        self._stage = b""
        """The kind of the last frame, K for R and L for B; empty before the format's line."""
        self._last_key: bytes | None = None
        self._last_name = ""
        self._open_name = ""
        self._count = Count()
        self._totals: Totals | None = None

    def feed(self, data: bytes) -> list[Item]:
        """The items that `data` completes. Decompresses, so it belongs into a thread."""
        buffer = self._buffer
        buffer += data
        at = 0
        if not self._stage:
            at = self._line()
        items: list[Item] = []
        while at >= 0 and len(buffer) - at >= _FRAME.size:
            kind, length, checksum = _FRAME.unpack_from(buffer, at)
            end = at + _FRAME.size + length
            if length > FRAME_BYTES_MAX:
                raise self._damaged(f"its length of {length} bytes cannot be true", at)
            if len(buffer) < end:
                break
            with memoryview(buffer) as view:
                payload = bytes(view[at + _FRAME.size : end])
            self._checksum = zlib.crc32(payload, zlib.crc32(_KIND_LENGTH.pack(kind, length), self._checksum))
            if self._checksum != checksum:
                raise self._damaged("its checksum differs", at)
            items.append(self._item(kind, payload, at))
            self._frame += 1
            at = end
        if at > 0:
            del buffer[:at]
            self._position += at
        return items

    def finish(self) -> Totals:
        """The end of the file has come; what it held."""
        if self._buffer or self._totals is None:
            raise self._damaged("the file ends before it is complete", 0)
        return self._totals

    def _line(self) -> int:
        """Where the format's line ends; -1 when more bytes are needed to tell."""
        line, newline, _ = bytes(self._buffer[:_LINE_BYTES_MAX]).partition(b"\n")
        if not newline and len(line) < _LINE_BYTES_MAX:
            return -1
        match = _LINE.fullmatch(line + b"\n")
        if match is None:
            raise Damaged(0, 0, "this is not a backup of a Lambent cloud")
        if int(match[1]) > VERSION:
            raise TooNew(f"the backup has format {int(match[1])}; this program knows formats up to {VERSION}")
        if int(match[1]) != VERSION or line != b"lambent-backup %d" % VERSION:
            raise Damaged(0, 0, "there is no such format")
        self._stage = b"start"
        self._checksum = zlib.crc32(line + b"\n")
        return len(line) + 1

    def _item(self, kind: bytes, payload: bytes, at: int) -> Item:
        allowed = _FOLLOWS.get(kind, ())
        if self._stage not in allowed or (self._open_name and kind not in (b"B", b"L", b"X")):
            raise self._damaged(f"a frame of kind {kind!r} has no place here", at)
        if kind == b"X":
            raise BackupFailed(payload.decode(errors="replace"))
        try:
            item = self._parse(kind, payload)
        except (ValueError, zlib.error) as error:  # msgspec's errors are ValueErrors
            raise self._damaged(str(error), at) from error
        self._stage = {b"R": b"K", b"B": b"L"}.get(kind, kind)
        self._count.add(item)
        return item

    def _parse(self, kind: bytes, payload: bytes) -> Item:
        """The item of a frame; `ValueError` when it does not fit what came before."""
        if kind == b"K":
            return Page(self._rows(payload))
        if kind == b"R":
            self._last_key = None
            return Restart()
        if kind in (b"B", b"L"):
            return self._piece(payload, last=kind == b"L")
        if kind == b"H":
            return msgspec.msgpack.decode(payload, type=Head)
        totals = msgspec.msgpack.decode(payload, type=Totals)
        if self._count.totals(totals.missing) != totals:
            raise ValueError("it counts other keys and blobs than there were")
        self._totals = totals
        return totals

    def _rows(self, payload: bytes) -> Rows:
        inflating = zlib.decompressobj()
        data = inflating.decompress(payload, FRAME_BYTES_MAX)
        if not inflating.eof or inflating.unused_data:
            raise ValueError("a page does not unpack")
        rows = _rows_decoder.decode(data)
        last = self._last_key
        for key, _ in rows:
            if last is not None and key <= last:
                raise ValueError("its keys are out of order")
            last = key
        self._last_key = last
        return rows

    def _piece(self, payload: bytes, *, last: bool) -> Piece:
        if len(payload) < NAME_BYTES:
            raise ValueError("it names no blob")
        name = payload[:NAME_BYTES].hex()
        if name != self._open_name if self._open_name else name <= self._last_name:
            raise ValueError("its blob is out of order")
        self._last_name = name
        self._open_name = "" if last else name
        return Piece(name, payload[NAME_BYTES:], last)

    def _damaged(self, what: str, at: int) -> Damaged:
        return Damaged(self._position + at, self._frame, what)


_FOLLOWS: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"H": (b"start",),
    b"K": (b"H", b"K"),
    b"R": (b"K",),
    b"B": (b"H", b"K", b"L"),
    b"L": (b"H", b"K", b"L"),
    b"Z": (b"H", b"K", b"L"),
    b"X": (b"start", b"H", b"K", b"L"),
}
"""After which kinds a kind may come."""
