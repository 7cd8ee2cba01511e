"""Which keys transactions have collided on lately: those are locked before they are read, without being asked to.

Two transactions that read and write one key can only run one after the other; without a lock the second finds that out
at its end, and has run for nothing. A key is hot for some uses after each collision, so a lock that is not needed any
more costs little, and no time has to be measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

USES: Final = 64
"""How many transactions lock a key after a collision, before one tries again without."""
KEYS_MAX: Final = 1024
LOCKED_MAX: Final = 8
"""A transaction that collided with more keys than these is a bulk of work, and tries again as it is."""

WORK_MAX: Final = 10_000


class Heat:
    """The hot keys of one store, the oldest forgotten first."""

    def __init__(self) -> None:
        self._uses: dict[bytes, int] = {}

    def add(self, keys: Iterable[bytes]) -> None:
        """Transactions have collided on `keys`."""
        for key in keys:
            self._uses.pop(key, None)
            self._uses[key] = USES
        while len(self._uses) > KEYS_MAX:
            del self._uses[next(iter(self._uses))]

    def use(self, key: bytes) -> bool:
        """Whether `key` is to be locked; counts as a use."""
        left = self._uses.get(key)
        if left is None:
            return False
        if left > 1:
            self._uses[key] = left - 1
        else:
            del self._uses[key]
        return True


class Footprint:
    """What a transaction read, to say on what it may have collided."""

    def __init__(self) -> None:
        self._keys: set[bytes] = set()
        self._ranges: dict[bytes, bytes] = {}

    def read(self, key: bytes) -> None:
        """A key was read."""
        self._keys.add(key)

    def scanned(self, begin: bytes, end: bytes) -> None:
        """A range was read."""
        self._ranges[begin] = max(end, self._ranges.get(begin, end))

    def contended(self, writes: Iterable[bytes]) -> frozenset[bytes]:
        """The keys that were read and written, and the beginnings of ranges that were read and written into."""
        written = list(writes)
        if len(written) * len(self._ranges) > WORK_MAX:
            return frozenset()
        found = {key for key in written if key in self._keys}
        # Heads of queues: whoever takes from one begins to read where the others do.
        found |= {begin for begin, end in self._ranges.items() if any(begin <= key < end for key in written)}
        return frozenset(found) if len(found) <= LOCKED_MAX else frozenset()
