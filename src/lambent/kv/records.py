"""How a record becomes bytes: one version byte, then MessagePack. Old versions are migrated as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from .errors import RecordTooNew

R = TypeVar("R", bound=msgspec.Struct)

Migration = Callable[[Any], Any]
"""Takes the plain value (a dict of fields) of version n and returns that of version n + 1."""


class Codec(Generic[R]):
    """Encodes and decodes one type of record.

    `version` (1 to 255) is written in front. `migrations[n]` turns the plain value of version n into that of n + 1;
    every version from the oldest named one to `version - 1` must be there.
    """

    def __init__(self, record: type[R], version: int = 1, migrations: Mapping[int, Migration] | None = None) -> None:
        self.record = record
        self.version = version
        self.migrations = dict(migrations or {})
        if not 1 <= version <= 255:
            raise ValueError(f"version {version} of {record.__name__} is not between 1 and 255")
        oldest = min(self.migrations, default=version)
        if sorted(self.migrations) != list(range(oldest, version)):
            raise ValueError(f"migrations of {record.__name__} do not lead to version {version} without a gap")
        self._head = bytes((version,))
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(record).decode

    def encode(self, record: R) -> bytes:
        """The bytes of `record`."""
        return self._head + self._encode(record)

    def decode(self, raw: bytes) -> R:
        """The record in `raw`, migrated if need be; `RecordTooNew` when it is of a later version."""
        if raw[0] == self.version:
            return self._decode(memoryview(raw)[1:])
        return self._migrate(raw)

    def _migrate(self, raw: bytes) -> R:
        found = raw[0]
        if found > self.version:
            raise RecordTooNew(f"{self.record.__name__} of version {found}; this program knows {self.version}")
        value = msgspec.msgpack.decode(memoryview(raw)[1:])
        for version in range(found, self.version):
            if version not in self.migrations:
                raise RecordTooNew(f"{self.record.__name__} of version {found} has no migration")
            value = self.migrations[version](value)
        # The plain value went through MessagePack, which has bytes but writes decimals and times as strings.
        return msgspec.convert(value, self.record, builtin_types=(bytes, bytearray, memoryview))
