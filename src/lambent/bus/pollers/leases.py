"""Leases: which node polls what. Only the holder acts; what a dead node held is free with its record.

A lease has no end in time, for nobody's clock is trusted: it is the holder's until the holder gives it back, or is in
no list of nodes any more (`kv.nodes`). Whoever holds one asks before each step whether that is still so.
"""

from __future__ import annotations

from typing import NamedTuple

from lambent.contracts.ports import Reader, Transaction
from lambent.kv import nodes
from lambent.services.lambda_.mappings.keys import CHANGED

from . import keys
from .keys import Lease


class Place(NamedTuple):
    """What a lease is for: a mapping, and the share of its source."""

    mapping: str
    share: str


class Held(NamedTuple):
    """A lease as its holder knows it."""

    place: Place
    lease: Lease

    def still(self, tx: Reader) -> bool:
        """Whether it has not changed hands."""
        return keys.leases.get(tx, *self.place) == self.lease


def every_lease(tx: Reader) -> dict[Place, Lease]:
    """All leases."""
    found = {}
    for key, lease in keys.leases.scan(tx):
        id, share = keys.leases.parts(key)
        found[Place(str(id), str(share))] = lease
    return found


def living(tx: Reader, node: str, shared: bool) -> set[str]:
    """The nodes whose leases hold: all that have a record, and `node` itself."""
    return {node, *(record.id for record in nodes.everyone(tx))} if shared else {node}


def willing(tx: Reader, node: str, shared: bool) -> list[str]:
    """The nodes that take work on, in order: those that poll at all and are not about to leave."""
    everyone = nodes.everyone(tx) if shared else []
    others = [record.id for record in everyone if not record.draining and "pollers" in record.load]
    return sorted({node, *others})


def take(tx: Transaction, place: Place, lease: Lease, shared: bool) -> Held | None:
    """Take a lease that nobody living holds; None when somebody does."""
    now = keys.leases.get(tx, *place)
    if now is not None and now.node != lease.node and now.node in living(tx, lease.node, shared):
        return None
    keys.leases.put(tx, lease, *place)
    return Held(place, lease)


def give_back(tx: Transaction, held: Held) -> None:
    """Leave a lease to whoever wants it, unless somebody has it already."""
    if held.still(tx):
        keys.leases.delete(tx, *held.place)
        tx.wake(CHANGED)


def forget_node(tx: Transaction, node: str) -> None:
    """Free everything that a dead node held, and have the others look."""
    for place, lease in every_lease(tx).items():
        if lease.node == node:
            keys.leases.delete(tx, *place)
            tx.wake(CHANGED)
