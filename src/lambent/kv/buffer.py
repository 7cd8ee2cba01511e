"""Writes that are not in the engine yet, and reading through them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import islice

Rows = list[tuple[bytes, bytes]]
Scan = Callable[[bytes, bytes, int | None, bool], Rows]
"""An engine's own scan: begin, end, limit, reverse."""


class Layer:
    """Buffered writes: `writes` maps keys to their new values, None for a deleted key. Keys are never taken out."""

    __slots__ = ("_order", "writes")

    def __init__(self) -> None:
        self.writes: dict[bytes, bytes | None] = {}
        self._order: list[bytes] = []

    def between(self, begin: bytes, end: bytes) -> list[bytes]:
        """The written keys of `begin <= key < end`, in order."""
        order = self._order
        if len(order) != len(self.writes):
            # A dict keeps the order of insertion, so the keys not sorted in yet are its last ones.
            order.extend(islice(self.writes, len(order), None))
            order.sort()
        return order[bisect_left(order, begin) : bisect_left(order, end)]


def merged_scan(
    base: Scan, over: dict[bytes, bytes | None], begin: bytes, end: bytes, limit: int | None, reverse: bool
) -> Rows:
    """Scan `base` as if the writes in `over`, all inside the range, had been applied to it."""
    live = [(key, value) for key, value in over.items() if value is not None]
    if limit is None:
        rows = [row for row in base(begin, end, None, reverse) if row[0] not in over]
    else:
        rows = _uncovered(base, over, begin, end, limit, reverse)
    if live:
        rows += live
        rows.sort(reverse=reverse)
    return rows if limit is None else rows[:limit]


def _uncovered(
    base: Scan, over: dict[bytes, bytes | None], begin: bytes, end: bytes, limit: int, reverse: bool
) -> Rows:
    """The first `limit` rows of `base` whose keys are not in `over`."""
    found: Rows = []
    size = limit + min(len(over), 16)
    while True:
        rows = base(begin, end, size, reverse)
        found += [row for row in rows if row[0] not in over]
        if len(found) >= limit or len(rows) < size:
            return found
        # What `over` hides can be long (a bulk delete): go on in growing steps behind the last row.
        if reverse:
            end = rows[-1][0]
        else:
            begin = rows[-1][0] + b"\x00"
        size *= 2
