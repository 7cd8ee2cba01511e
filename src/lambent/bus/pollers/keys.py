"""What pollers keep, in the store: who polls what, and how far a shard has been read.

=====================  ================================================================
bus.poller_lease       mapping's UUID, share of its source
bus.poller_position    mapping's UUID, shard
bus.poller_shares      mapping's UUID: how many nodes poll a busy queue
=====================  ================================================================
"""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table


class Lease(msgspec.Struct, frozen=True):
    """Who polls a share of a source (a shard; of queues, numbered shares): a node. `token` is new with every change of
    hands, so that a poller that lost its lease is not taken for the next one of the same node."""

    node: str
    token: str


class LanePosition(msgspec.Struct, frozen=True):
    """How far one lane of a shard is: the sequence number of its last record that is done; and of a tumbling window
    that is open, when it began (s since the epoch; 0: none is) and its state (JSON)."""

    after: str = ""
    window_s: int = 0
    state: str = ""


class Position(msgspec.Struct, frozen=True):
    """How far a shard has been read. All records up to the sequence number `after` are done (empty: none, begin with
    the oldest); of later ones, those that `lanes` say. They hold for `parallel` lanes only."""

    after: str = ""
    parallel: int = 1
    lanes: dict[str, LanePosition] = {}


class Shares(msgspec.Struct, frozen=True):
    """How many shares a busy queue's polling is divided into."""

    count: int


leases: Final = Table("bus.poller_lease", Lease)
positions: Final = Table("bus.poller_position", Position)
shares: Final = Table("bus.poller_shares", Shares)


def forget_mapping(tx: Transaction, id: str) -> None:
    """Remove everything that was kept for a mapping that is no more."""
    for key, _ in positions.scan(tx, id):
        tx.delete(key)
    shares.delete(tx, id)


def share_count(tx: Reader, id: str) -> int:
    """How many shares a queue's polling has."""
    found = shares.get(tx, id)
    return 1 if found is None else found.count
