"""What a cloud is made of on its way from one place to another.

A stream is a Head, then Pages of keys in order (after a Restart they begin anew), then Pieces of blobs in the order of
their names, then Totals. It travels as an asynchronous iterator of lists of items, about a megabyte each.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import msgspec

Rows = list[tuple[bytes, bytes]]

PIECE_BYTES: Final = 1024 * 1024
"""What pages, pieces and lists of items aim at."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Where the stream comes from: the program's version, the time, the store's engine."""

    program: str
    made_ms: int
    engine: str


class Page(msgspec.Struct, frozen=True):
    """Keys and values in the order of the keys, each page after the one before."""

    rows: Rows


class Restart(msgspec.Struct, frozen=True):
    """All pages so far are void: the store had to take its snapshot again."""


class Piece(msgspec.Struct, frozen=True):
    """The next bytes of the blob `name`; `last` ends it."""

    name: str
    data: bytes
    last: bool


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What the stream held. `missing` counts blobs that were named but not there, and were passed over on request."""

    keys: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    missing: int = 0


Item = Head | Page | Restart | Piece | Totals
Items = AsyncGenerator[list[Item], None]


class Count:
    """Counts what passes by."""

    def __init__(self) -> None:
        self.keys = 0
        self.blobs = 0
        self.blob_bytes = 0

    def add(self, item: Item) -> None:
        """Take one item into account."""
        if isinstance(item, Page):
            self.keys += len(item.rows)
        elif isinstance(item, Piece):
            self.blobs += item.last
            self.blob_bytes += len(item.data)
        elif isinstance(item, Restart):
            self.keys = 0

    def totals(self, missing: int = 0) -> Totals:
        """The sums so far."""
        return Totals(keys=self.keys, blobs=self.blobs, blob_bytes=self.blob_bytes, missing=missing)
