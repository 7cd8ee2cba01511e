"""Token buckets on the clock: at most `burst` requests at once, and `rate` a second in the long run.

Buckets live in the memory of one node. Nodes do not share them: with n nodes behind a balancer, a limit lets through up
to n times its rate. AWS calls its own limits best effort, too.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

BUCKETS_MAX: Final = 20_000
"""Buckets that are kept; beyond it, those that have filled up again are dropped: a new one is full, too."""
_NS: Final = 1_000_000_000


class Buckets:
    """Many token buckets, told apart by a key; each comes into being full."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[float, int]] = {}

    def take(self, key: Hashable, rate: float, burst: float, now_ns: int) -> bool:
        """Take one token of the bucket `key`, which holds `burst` at most and gains `rate` a second; False when it is
        empty. A changed rate or burst counts from now on."""
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= BUCKETS_MAX:
                self._prune(now_ns)
            tokens = burst
        else:
            tokens, since_ns = found
            tokens = min(burst, tokens + rate * max(0, now_ns - since_ns) / _NS)
        if tokens < 1:
            self._found[key] = (tokens, now_ns)
            return False
        self._found[key] = (tokens - 1, now_ns)
        return True

    def give(self, key: Hashable) -> None:
        """Put one token back: what it was taken for was refused by another limit."""
        found = self._found.get(key)
        if found is not None:
            self._found[key] = (found[0] + 1, found[1])

    def _prune(self, now_ns: int) -> None:
        """Drop the half of the buckets that were used the longest ago: they are the likeliest to be full."""
        oldest = sorted(self._found.items(), key=lambda item: item[1][1])
        for key, _ in oldest[: BUCKETS_MAX // 2]:
            del self._found[key]
