"""How far the cloud's clock was set ahead of the machine's: one record, so that a restart finds it where it was.

What the cloud has written down (due times, retention, expiry) is of its own time; without this record all of it would
lie in a future that the machine's clock reaches much later.
"""

from __future__ import annotations

import msgspec

from lambent.contracts.ports import Reader, Transaction

from .table import Table


class Moved(msgspec.Struct, frozen=True):
    """Nanoseconds ahead of the machine's clock."""

    ahead_ns: int


_moved = Table("cloud.clock", Moved)


def ahead_ns(tx: Reader) -> int:
    """How far the clock is ahead; 0 where nobody has moved it."""
    found = _moved.get(tx)
    return found.ahead_ns if found is not None else 0


def move(tx: Transaction, by_ns: int) -> None:
    """Write down that it is `by_ns` further ahead."""
    _moved.put(tx, Moved(ahead_ns(tx) + by_ns))
