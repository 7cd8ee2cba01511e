"""What a log-structured engine forgets: that the keys at the head of a queue are long gone.

A deleted key stays in RocksDB as a mark until files are merged, and a scan that begins before it has to pass it. The
head of a queue, which is read and deleted from again and again, so becomes slower with every message. This remembers,
for scans that begin at the same key again and again, how far from there nothing lives.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

RANGES_MAX = 512
SEEN_MAX = 4096


class Empties:
    """Disjoint ranges `begin <= key < end` in which no key is stored. Ranges may only shrink by what is put into them,
    and grow by what a scan has seen, so a missing one costs time and a wrong one cannot be."""

    def __init__(self) -> None:
        self._ends: dict[bytes, bytes] = {}
        self._begins: list[bytes] = []
        self._seen: set[bytes] = set()

    def skip(self, begin: bytes) -> bytes:
        """Where a scan from `begin` may start: nothing is stored before."""
        return self._ends.get(begin, begin)

    def learn(self, begin: bytes, end: bytes) -> None:
        """A scan from `begin` found nothing before `end`. What is scanned from once is not remembered."""
        if begin in self._ends:
            self._ends[begin] = self._clip(begin, end)
        elif begin in self._seen:
            self._seen.discard(begin)
            self._add(begin, end)
        else:
            if len(self._seen) >= SEEN_MAX:
                self._seen.clear()
            self._seen.add(begin)

    def put(self, key: bytes) -> None:
        """`key` is about to be stored."""
        at = bisect_right(self._begins, key) - 1
        if at >= 0:
            begin = self._begins[at]
            self._ends[begin] = min(self._ends[begin], key)

    def _add(self, begin: bytes, end: bytes) -> None:
        if len(self._ends) >= RANGES_MAX:
            oldest = next(iter(self._ends))
            del self._ends[oldest]
            del self._begins[bisect_left(self._begins, oldest)]
        at = bisect_left(self._begins, begin)
        if at:
            before = self._begins[at - 1]
            self._ends[before] = min(self._ends[before], begin)
        insort(self._begins, begin)
        self._ends[begin] = self._clip(begin, end)

    def _clip(self, begin: bytes, end: bytes) -> bytes:
        """`end`, or the next range's beginning where that comes first."""
        after = bisect_right(self._begins, begin)
        return min(end, self._begins[after]) if after < len(self._begins) else end
