"""Who copies all blobs at the moment: while a record here says so, no node removes a blob.

Whoever copies writes a record under a name of its own and renews it while it goes on. Every node reads the records at
each of its beats and passes the latest end to `Blobs.hold`. The end is a time of the writer's clock, which others
compare with their own, so it lies far ahead (`LENGTH_NS`) of any difference between clocks: a hold that outlives its
writer, who was killed, only puts off removals.
"""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.ports import Reader, Transaction

from .table import Table

LENGTH_NS: Final = 3600 * 1_000_000_000
"""How far ahead a hold on a shared store ends: an hour, so that clocks may differ by most of one."""


class _Hold(msgspec.Struct, frozen=True):
    """One holder's wish: nothing is removed before `until_ns`."""

    until_ns: int


_holds: Final = Table("kv.hold", _Hold)


def put(tx: Transaction, holder: str, now_ns: int, until_ns: int) -> None:
    """Write or renew the hold of `holder`; those that ended long before `now_ns` go away."""
    for key, hold in _holds.scan(tx):
        if hold.until_ns + LENGTH_NS < now_ns:
            tx.delete(key)
    _holds.put(tx, _Hold(until_ns), holder)


def end(tx: Transaction, holder: str) -> None:
    """Take the hold of `holder` away, if there is one."""
    _holds.delete(tx, holder)


def until_ns(tx: Reader) -> int:
    """When the latest hold ends, perhaps in the past; 0 when there is none."""
    return max((hold.until_ns for _, hold in _holds.scan(tx)), default=0)
