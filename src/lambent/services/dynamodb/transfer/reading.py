"""Items out of the objects of an import: bytes to lines to items, a piece at a time."""

from __future__ import annotations

import asyncio
import csv
import zlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import ValidationError, convert

from lambent.contracts.http import FileSlice

from ..numbers import Invalid
from ..requests import AttributeValue
from ..values import Item, canonical_item

_PIECE_BYTES: Final = 1 << 20
LINE_BYTES_MAX: Final = 16 << 20
Pieces = AsyncIterator[bytes]
csv.field_size_limit(LINE_BYTES_MAX)  # Python's own limit is below an item's


async def pieces_of(body: bytes | FileSlice | Pieces) -> Pieces:
    """A body as another service's answer has it, in pieces."""
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, FileSlice):
        left, offset = body.length, body.offset
        while left:
            piece = await asyncio.to_thread(_read, body.path, offset, min(left, _PIECE_BYTES))
            if not piece:
                return
            yield piece
            left, offset = left - len(piece), offset + len(piece)
    else:
        async for piece in body:
            yield piece


def _read(path: str, offset: int, length: int) -> bytes:
    with Path(path).open("rb") as file:
        file.seek(offset)
        return file.read(length)


async def unzipped(pieces: Pieces) -> Pieces:
    """The content of a gzip file, also of one with several members. `Invalid` where it is none, or ends too early."""
    inflater = zlib.decompressobj(wbits=31)
    begun = False
    async for piece in pieces:
        data = piece
        while data:
            begun = True
            try:
                content = inflater.decompress(data, _PIECE_BYTES)
            except zlib.error as error:
                raise Invalid(f"The file is not in gzip format: {error}") from error
            if content:
                yield content
            data = inflater.unconsumed_tail
            if inflater.eof:
                data = inflater.unused_data
                inflater = zlib.decompressobj(wbits=31)
                begun = bool(data)
    if begun:
        raise Invalid("The gzip file ends too early")


async def lines_of(pieces: Pieces, *, quoted: bool = False) -> AsyncIterator[str]:
    """The lines of a text that are not empty. With `quoted` a line goes on while a double quote is open (CSV)."""
    rest = b""
    held = ""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            raise Invalid("A line of the file is too long")
        for line in whole:
            held = _joined(held, line)
            if held.strip() and not (quoted and held.count('"') % 2):
                yield held
                held = ""
    held = _joined(held, rest)
    if held.strip():
        yield held


def _joined(held: str, line: bytes) -> str:
    try:
        text = line.decode().removesuffix("\r")
    except UnicodeDecodeError as error:
        raise Invalid(f"The file is not in UTF-8: {error}") from error
    return f"{held}\n{text}" if held else text


def item_of_json(line: str) -> Item:
    """The item of a line as exports write it. `Invalid` where there is none."""
    try:
        given = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"The line is not JSON: {error}") from error
    item = given.get("Item") if isinstance(given, dict) else None
    if not isinstance(item, dict):
        raise Invalid("The line has no Item")
    try:
        convert(item, dict[str, AttributeValue])
    except ValidationError as error:
        raise Invalid(f"The Item is not one: {error}") from error
    return canonical_item(item)


class CsvReader:
    """Rows to items: all attributes are strings but the keys, which are of the types that the table gives them. Empty
    fields make no attribute."""

    def __init__(self, options: Mapping[str, Any], types: Mapping[str, str]) -> None:
        self._delimiter: str = options.get("Delimiter", ",")
        self._types = types
        self.header: list[str] = list(options.get("HeaderList", ()))

    def row(self, line: str) -> list[str]:
        """The fields of a line. `Invalid` where it has none."""
        try:
            return next(csv.reader([line], delimiter=self._delimiter))
        except csv.Error as error:
            raise Invalid(f"The row is not CSV: {error}") from error

    def item(self, line: str) -> Item:
        """The item of a line. `Invalid` where the fields do not fit the header."""
        fields = self.row(line)
        if len(fields) > len(self.header):
            raise Invalid("The row has more fields than the header")
        given = zip(self.header, fields, strict=False)
        return canonical_item({name: {self._types.get(name, "S"): field} for name, field in given if field})
