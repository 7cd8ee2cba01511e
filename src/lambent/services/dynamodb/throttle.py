"""Provisioned capacity as token buckets, in the memory of this node: 300 s of unused capacity are kept for bursts."""

from __future__ import annotations

from lambent.contracts.clock import Clock

from .errors import ProvisionedThroughputExceededException

BURST_S = 300
_SECOND_NS = 1_000_000_000


class Throttle:
    """The buckets of one node, by table prefix, index number (0: the table) and kind (read or write)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[bytes, int, str], tuple[float, int]] = {}

    def take(self, prefix: bytes, index: int, kind: str, rate: int, units: float) -> None:
        """Use up `units` of a bucket that fills by `rate` a second; it may go below nothing once, as the cost of a read
        is known only after it. Raises `ProvisionedThroughputExceededException` while nothing is left."""
        now_ns = self._clock.now_ns()
        name = (prefix, index, kind)
        level, at_ns = self._buckets.get(name, (float(rate * BURST_S), now_ns))
        level = min(rate * BURST_S, level + rate * (now_ns - at_ns) / _SECOND_NS)
        if level <= 0:
            raise ProvisionedThroughputExceededException(
                "The level of configured provisioned throughput for the table was exceeded. "
                "Consider increasing your provisioning level with the UpdateTable API."
            )
        self._buckets[name] = (level - units, now_ns)
