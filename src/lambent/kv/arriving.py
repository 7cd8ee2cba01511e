"""A restore that is under way in a store which others could open: until it is complete, nobody serves from it.

The record is there before the first key and goes with the last transaction. A node that starts asks `refuse`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.ports import Reader, Store, Transaction

from .errors import StoreUnreadable
from .table import Table


class _Arriving(msgspec.Struct, frozen=True):
    """Since when, by the clock of whoever restores."""

    since_ms: int


_arriving: Final = Table("kv.arriving", _Arriving)


def begin(tx: Transaction, now_ms: int) -> None:
    """A restore begins."""
    _arriving.put(tx, _Arriving(now_ms))


def end(tx: Transaction) -> None:
    """The restore is complete, or nothing is left of it."""
    _arriving.delete(tx)


def unfinished(tx: Reader) -> bool:
    """Whether a restore is under way here, or broke off."""
    return _arriving.get(tx) is not None


async def refuse(store: Store) -> None:
    """`StoreUnreadable` when the store holds a part of a cloud only."""
    if await store.read(unfinished):
        raise StoreUnreadable(
            "the store holds a restore that is not complete; wait for its end, or empty the store and restore again"
        )
