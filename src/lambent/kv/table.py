"""A table: records of one type under keys that begin with the table's name. A service's keys.py is made of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from lambent.contracts.ports import Reader, Transaction

from .keys import Part, pack, unpack
from .records import Codec, Migration

R = TypeVar("R", bound=msgspec.Struct)

CACHED_RECORDS_MAX = 4096
CACHED_RECORD_BYTES_MAX = 8192


class Table(Generic[R]):
    """Records of type `record` (a frozen msgspec Struct). Names beginning with `kv.` are the store's own.

    Decoded records are shared: a record read twice is one object as long as its bytes are the same, so neither it nor
    a container inside it may be changed; use `msgspec.structs.replace`.
    """

    def __init__(
        self, name: str, record: type[R], version: int = 1, migrations: Mapping[int, Migration] | None = None
    ) -> None:
        if not record.__struct_config__.frozen:
            raise TypeError(f"{record.__name__} is not frozen; stored records are shared")
        self.name = name
        self.codec = Codec(record, version, migrations)
        self.prefix = pack((name,))
        # Two generations make a cheap LRU: a hit in the old one is moved to the young one.
        self._young: dict[bytes, R] = {}
        self._old: dict[bytes, R] = {}

    def key(self, *parts: Part) -> bytes:
        """The key of the record at `parts`."""
        return self.prefix + pack(parts)

    def parts(self, key: bytes) -> tuple[Part, ...]:
        """The parts of one of this table's keys, without the table's name."""
        if not key.startswith(self.prefix):
            raise ValueError(f"{key!r} is not a key of {self.name}")
        return unpack(key[len(self.prefix) :])

    def get(self, tx: Reader, *parts: Part) -> R | None:
        """The record at `parts`, or None."""
        raw = tx.get(self.prefix + pack(parts))
        return None if raw is None else self.decode(raw)

    def put(self, tx: Transaction, record: R, *parts: Part) -> None:
        """Store `record` at `parts`."""
        tx.put(self.prefix + pack(parts), self.codec.encode(record))

    def delete(self, tx: Transaction, *parts: Part) -> None:
        """Remove the record at `parts`, if there is one."""
        tx.delete(self.prefix + pack(parts))

    def scan(
        self,
        tx: Reader,
        *prefix: Part,
        after: bytes | None = None,
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[tuple[bytes, R]]:
        """Keys and records whose parts begin with `prefix` and go on, in key order (descending with `reverse`).

        `after` is a key: only what comes after it in the direction of the scan; it need not exist.
        """
        packed = self.prefix + pack(prefix)
        begin, end = packed + b"\x00", packed + b"\xff"
        if after is not None:
            if reverse:
                end = min(end, after)
            else:
                begin = max(begin, after + b"\x00")
        decode = self.decode
        return [(key, decode(raw)) for key, raw in tx.scan(begin, end, limit=limit, reverse=reverse)]

    def decode(self, raw: bytes) -> R:
        """The record in `raw`, from the cache when the same bytes were decoded lately."""
        record = self._young.get(raw)
        if record is not None:
            return record
        record = self._old.get(raw)
        if record is None:
            record = self.codec.decode(raw)
        if len(raw) <= CACHED_RECORD_BYTES_MAX:
            if len(self._young) >= CACHED_RECORDS_MAX // 2:
                self._old, self._young = self._young, {}
            self._young[raw] = record
        return record
