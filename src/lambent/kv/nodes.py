"""Who is there: one record for each node that has the store open, and the roles that only one of them plays.

A node changes its record's `beat` again and again; one whose beat the others see standing still is dead. They compare
counters, never times, for the clocks of two machines may differ. A dead node's record goes away with everything that
the node held, in one transaction, so a node that finds its own record gone knows that its leases are gone too.
"""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts.ports import Reader, Transaction

from .table import Table


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A node. `id` is what its leases name; `name` tells people which process it is; `load` is what it last said of
    itself (requests_per_s, deliveries, warm, running, ...); `draining` that it is about to leave."""

    id: str
    name: str
    endpoint: str
    version: str
    started_ms: int
    beat: int = 0
    draining: bool = False
    load: dict[str, int] = {}


class _Role(msgspec.Struct, frozen=True):
    """Who plays a role."""

    node: str


_nodes: Final = Table("kv.nodes", NodeRecord)
_roles: Final = Table("kv.roles", _Role)


def say(tx: Transaction, record: NodeRecord) -> bool:
    """Write a node's record; False when it was not there (the first time, or after others took the node for dead)."""
    known = _nodes.get(tx, record.id) is not None
    _nodes.put(tx, record, record.id)
    return known


def everyone(tx: Reader) -> list[NodeRecord]:
    """All nodes that have said something and not left, by id."""
    return [record for _, record in _nodes.scan(tx)]


def find(tx: Reader, node: str) -> NodeRecord | None:
    """The record of a node; None when it has left or was taken for dead."""
    return _nodes.get(tx, node)


def leave(tx: Transaction, node: str) -> None:
    """Take a node's record away: it stops in order, or others have taken over all that it held."""
    _nodes.delete(tx, node)


def play(tx: Transaction, role: str, node: str) -> bool:
    """Take a role that nobody plays, or whose player is gone; True when `node` plays it now."""
    now = _roles.get(tx, role)
    if now is not None and now.node != node and find(tx, now.node) is not None:
        return False
    if now is None or now.node != node:
        _roles.put(tx, _Role(node), role)
    return True
