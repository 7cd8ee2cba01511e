"""Names of blobs: many of them in little memory, and given ones for bodies that arrive."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextvars import ContextVar
from itertools import groupby
from typing import Final

from lambent.blobs.names import DIGITS
from lambent.contracts.ids import Ids

_NAME_BYTES: Final = DIGITS // 2
_BUCKETS: Final = 256


class NameSet:
    """A set of names in 16 bytes each, that gives them in order: as Python's own set a million names take 130 MB."""

    def __init__(self) -> None:
        self._buckets = [bytearray() for _ in range(_BUCKETS)]

    def add(self, name: str) -> None:
        """Take a name in; it may be there already. `ValueError` for what is no blob's name."""
        raw = bytes.fromhex(name)
        if len(raw) != _NAME_BYTES:
            raise ValueError(f"{name!r} is not a blob's name")
        self._buckets[raw[0]] += raw

    def __iter__(self) -> Iterator[str]:
        """Each name once, in order; names that are added meanwhile may be missed."""
        for bucket in self._buckets:
            raws = sorted(bytes(bucket[at : at + _NAME_BYTES]) for at in range(0, len(bucket), _NAME_BYTES))
            for raw, _ in groupby(raws):
                yield raw.hex()


_given: ContextVar[str] = ContextVar("given", default="")


class GivenNames(Ids):
    """Ids for the blob store that bodies arrive in. A blob's name is drawn from here by whoever keeps blobs; a body
    that arrives has its name already, for records name it, so what is drawn while it is written is that name."""

    def __init__(self, ids: Ids | None = None) -> None:
        super().__init__()
        if ids is not None:
            self.random: random.Random = ids.random

    def hex(self, n: int) -> str:
        """`n` hexadecimal digits: the given name, where one is being written."""
        return _given.get() or super().hex(n) if n == DIGITS else super().hex(n)

    @staticmethod
    def give(name: str) -> None:
        """From here on in this task, a blob that is written gets `name`."""
        _given.set(name)
