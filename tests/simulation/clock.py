"""The clock of one simulated node: the world's time, and the error of the node's own."""

from __future__ import annotations

from collections.abc import Callable

from lambent.contracts.clock import Alarm

from .loop import Host


class NodeClock:
    """Implements `contracts.clock.Clock`. Like the machine's, it can jump, and does not move what was already set."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def now_ns(self) -> int:
        """The time as the node believes it to be."""
        return self._host.loop.now_ns + self._host.skew_ns

    def outside_ns(self) -> int:
        """The same: programs outside the node are in the same world."""
        return self.now_ns()

    def call_at(self, when_ns: int, fn: Callable[[], None]) -> Alarm:
        """Call `fn` after as long as it is until `when_ns` by now."""
        loop = self._host.loop
        return loop.call_at_ns(max(when_ns - self._host.skew_ns, loop.now_ns), fn)
