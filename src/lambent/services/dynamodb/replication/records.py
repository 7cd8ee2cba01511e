"""What global tables keep.

====================  ================================================================================================
dynamodb.version      table's prefix, item's key: the last write of an item, also of one that is gone
dynamodb.tombstone    table's prefix, time (ms), item's key: versions of items that are gone, to forget by
dynamodb.fill         table's prefix, region: a new replica that is being filled
dynamodb.globaltable  account, name: a global table of version 2017.11.29
====================  ================================================================================================
"""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.kv.table import Table

from ..model import Mark


class Version(msgspec.Struct, frozen=True):
    """When and where an item was last written. Of two writes that of the greater (`at_ms`, `number`, `region`) stands,
    in every region. `gone` says that the write removed it."""

    at_ms: int
    number: int
    region: str
    gone: bool = False

    def beats(self, other: Version | None) -> bool:
        """Whether this write stands against another."""
        if other is None:
            return True
        return (self.at_ms, self.number, self.region) > (other.at_ms, other.number, other.region)


class Filling(msgspec.Struct, frozen=True):
    """How far a new replica has been filled: the next item key, and how many pages that were. `gone`: all items are
    there, and those that are gone follow, lest another member that has not heard of it brings them back."""

    after: bytes = b""
    step: int = 0
    gone: bool = False


class GlobalTable(msgspec.Struct, frozen=True):
    """A global table as the operations of version 2017.11.29 made it."""

    created_ms: int


versions: Final = Table("dynamodb.version", Version)
tombstones: Final = Table("dynamodb.tombstone", Mark)
fillings: Final = Table("dynamodb.fill", Filling)
global_tables: Final = Table("dynamodb.globaltable", GlobalTable)
