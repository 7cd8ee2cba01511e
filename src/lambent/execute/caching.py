"""Values that are kept for a time on the clock, in the memory of one node: answers, decisions of authorizers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

V = TypeVar("V")

ENTRIES_MAX: Final = 10_000
_OVERHEAD_BYTES: Final = 512


class Kept(Generic[V]):
    """Values by key, each until its own time; the one that was used the longest ago goes first when there are too many
    or they take more than `bytes_max` bytes together."""

    __slots__ = ("_bytes", "_bytes_max", "_entries_max", "_found")

    def __init__(self, bytes_max: int = 0, entries_max: int = ENTRIES_MAX) -> None:
        self._found: OrderedDict[Hashable, tuple[V, int, int]] = OrderedDict()
        self._bytes = 0
        self._bytes_max = bytes_max
        self._entries_max = entries_max

    def get(self, key: Hashable, now_ns: int) -> V | None:
        """The value of `key`, or None when there is none or its time is over."""
        found = self._found.get(key)
        if found is None:
            return None
        if found[1] <= now_ns:
            self.drop(key)
            return None
        self._found.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, value: V, until_ns: int, size: int = 0) -> None:
        """Keep `value`, of about `size` bytes, until `until_ns` of the clock."""
        self.drop(key)
        size += _OVERHEAD_BYTES
        if self._bytes_max and size > self._bytes_max:
            return
        self._found[key] = (value, until_ns, size)
        self._bytes += size
        while len(self._found) > self._entries_max or (self._bytes_max and self._bytes > self._bytes_max):
            _, (_, _, gone) = self._found.popitem(last=False)
            self._bytes -= gone

    def drop(self, key: Hashable) -> None:
        """Forget a value, if it is there."""
        found = self._found.pop(key, None)
        if found is not None:
            self._bytes -= found[2]

    def __contains__(self, key: Hashable) -> bool:
        """Whether a value is there, over or not; changes nothing, so it may be asked while the store is read."""
        return key in self._found

    def __len__(self) -> int:
        return len(self._found)
