"""The outbox: events on their way from a transaction to their targets, and timers, which are events of a later time.

An entry lies in one of three places, each ordered by (due_ns, id) within its shard:

- waiting: nobody works on it; it is due at due_ns. Timers and retries wait here.
- leased: the node `owner` delivers it; when the lease ends at due_ns without a word, another may claim it again. On a
  shared store only from an owner that is gone (kv/nodes.py): the end of a living node's lease is a time of its clock.
- suspect: it waits, but lost its lease so often that it may be what brings nodes down. A node takes one of these at a
  time, so that what merely lay beside such an event is not blamed with it.

An event for immediate delivery is written as already leased to the node that emits it: that node is told in memory
(`Store.subscribe`) and delivers without searching. Delivery is at least once; an entry's key changes with every move,
so whoever lost a lease finds its key gone and has no say any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

from lambent.contracts.events import Event
from lambent.contracts.ports import Reader, Store, Transaction

from . import nodes
from .table import Table

LEASE_NS: Final = 30_000_000_000
"""How long the emitting node has for a first delivery before others may claim the entry."""

SHARDS: Final = 4
"""Heads of the queue, so that nodes which claim at the same time need not meet at one. Part of the stored format."""

PAGE_ROWS: Final = 500
"""How many leases are read at a time when all are looked through."""


SUSPECT_LOSSES: Final = 2
"""An entry that lost so many leases in a row is delivered with no other such entry beside it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event in the outbox.

    `emitted_ns` is when the event was emitted, of a timer its time. `attempts` counts the deliveries that failed so far
    (0 at first); `losses` the leases that ran out in a row, which is how an event shows that it brings its node down.
    `owner` is the leasing node, empty while the entry waits.
    """

    id: str
    event: Event
    emitted_ns: int
    attempts: int = 0
    losses: int = 0
    owner: str = ""


class Claimed(NamedTuple):
    """An entry and the key that it now lies under."""

    key: bytes
    entry: Entry


_waiting = Table("kv.outbox.waiting", Entry)
_leased = Table("kv.outbox.leased", Entry)
_suspect = Table("kv.outbox.suspect", Entry)
_TABLES: Final = (_waiting, _leased, _suspect)


def emit(tx: Transaction, event: Event, id: str, now_ns: int, at_ns: int, node: str) -> tuple[bytes, int]:
    """Write an event; returns its key and when it is to be delivered. Engines call this from `Transaction.emit`."""
    if at_ns > now_ns:
        # A timer's age counts from its time on: it may have waited longer than events may be tried again.
        return _put(tx, _waiting, Entry(id=id, event=event, emitted_ns=at_ns), at_ns), at_ns
    entry = Entry(id=id, event=event, emitted_ns=now_ns, owner=node)
    return _put(tx, _leased, entry, now_ns + LEASE_NS), now_ns


def load(tx: Reader, key: bytes) -> Entry | None:
    """The entry at `key`; None when it has been done, moved or claimed by another node."""
    raw = tx.get(key)
    return None if raw is None else _table(key).decode(raw)


def claim(
    tx: Transaction,
    now_ns: int,
    limit: int,
    lease_ns: int,
    owner: str,
    shards: Iterable[int] = range(SHARDS),
    *,
    suspects: int = 1,
    takes: Callable[[str], bool] = lambda owner: True,
) -> list[Claimed]:
    """Lease up to `limit` entries that are due at `now_ns` to `owner` until `now_ns + lease_ns`, longest due first.

    `suspects` of them may be such. `takes(owner)` says whether a lease of that owner that has ended is up for taking.
    Nodes that claim at the same time do best to name different `shards`; see `claim_due`.
    """
    due: list[tuple[int, bytes, Entry]] = []
    for shard in shards:
        for table, most in ((_waiting, limit), (_suspect, min(limit, suspects))):
            for key, raw in tx.scan(table.key(shard), table.key(shard, now_ns + 1), limit=most):
                due.append((_due_ns(table, key), key, table.decode(raw)))
        for key, raw in tx.scan(_leased.key(shard), _leased.key(shard, now_ns + 1), limit=limit):
            entry = _leased.decode(raw)
            if takes(entry.owner):
                due.append((_due_ns(_leased, key), key, msgspec.structs.replace(entry, losses=entry.losses + 1)))
    due.sort(key=lambda row: row[:2])
    found: list[Claimed] = []
    for _, key, entry in due:
        if len(found) == limit:
            break
        if entry.losses >= SUSPECT_LOSSES and not suspects:
            if entry.owner:
                tx.delete(key)
                _wait(tx, msgspec.structs.replace(entry, owner=""), now_ns)
            continue
        suspects -= entry.losses >= SUSPECT_LOSSES
        tx.delete(key)
        entry = msgspec.structs.replace(entry, owner=owner)
        found.append(Claimed(_put(tx, _leased, entry, now_ns + lease_ns), entry))
    return found


async def claim_due(
    store: Store, now_ns: int, limit: int, lease_ns: int, owner: str, *, suspects: int = 1
) -> list[Claimed]:
    """Claim as `claim` does, in the way that suits the store.

    Where other nodes claim too, each shard has a transaction of its own, nodes begin at different shards, and a shard
    that another node claims from at this moment is passed over: that node goes on until nothing is due there.
    """
    if not store.shared:
        return await store.write(lambda tx: claim(tx, now_ns, limit, lease_ns, owner, suspects=suspects))
    found: list[Claimed] = []
    for step in range(SHARDS):
        shard, wanted = (crc32(owner.encode()) + step) % SHARDS, limit - len(found)
        if wanted > 0:
            left = suspects - sum(claimed.entry.losses >= SUSPECT_LOSSES for claimed in found)
            found += await store.write(partial(_claim_alone, now_ns, wanted, lease_ns, owner, shard, left))
    return found


def _claim_alone(
    now_ns: int, limit: int, lease_ns: int, owner: str, shard: int, suspects: int, tx: Transaction
) -> list[Claimed]:
    if not tx.try_lock(_leased.key(shard)):
        return []

    def takes(other: str) -> bool:
        return other == owner or nodes.find(tx, other) is None

    return claim(tx, now_ns, limit, lease_ns, owner, (shard,), suspects=suspects, takes=takes)


def extend(tx: Transaction, key: bytes, lease_until_ns: int) -> bytes | None:
    """Keep a leased entry until `lease_until_ns`; returns its new key, or None when the lease was lost."""
    entry = load(tx, key)
    if entry is None:
        return None
    tx.delete(key)
    return _put(tx, _leased, entry, lease_until_ns)


def done(tx: Transaction, key: bytes) -> bool:
    """Remove an entry: delivered, or given up. False when it was no longer there under this key."""
    if tx.get(key) is None:
        return False
    tx.delete(key)
    return True


def retry(tx: Transaction, key: bytes, entry: Entry, due_ns: int, *, count: bool = True) -> bytes | None:
    """Let a leased entry wait until `due_ns`, counting a failed attempt unless `count` is False (throttling).

    Its losses are forgotten, for its delivery has come to an end with the node alive. Returns its new key, or None when
    the lease was lost (then another node has it, and nothing is done).
    """
    if not done(tx, key):
        return None
    attempts = entry.attempts + 1 if count else entry.attempts
    return _put(tx, _waiting, msgspec.structs.replace(entry, owner="", attempts=attempts, losses=0), due_ns)


def reclaim(tx: Transaction, now_ns: int, owner: str, limit: int = 1000) -> int:
    """Make up to `limit` entries that are leased by others than `owner` due now; returns how many.

    For the start of an engine with one node, whose other owners are dead: call until it returns less than `limit`.
    """
    return _take_back(tx, now_ns, limit, lambda raw: _not_of(owner, raw), losses=1)


def reclaim_from(tx: Transaction, now_ns: int, owner: str, limit: int = 500) -> int:
    """Make up to `limit` entries that are leased by `owner`, a node found dead, due now; returns how many.

    Each counts a loss, for it may have brought the node down. Call until it returns less than `limit`. Should the node
    live after all, it finds its keys gone: it cannot put away what it delivers, and another delivers that again.
    """
    return _take_back(tx, now_ns, limit, lambda raw: _of(owner, raw), losses=1)


def release(tx: Transaction, now_ns: int, owner: str, limit: int = 1000) -> int:
    """Make up to `limit` entries that are leased by `owner` due now, which is no loss; returns how many.

    For a node that stops in order: call until it returns less than `limit`.
    """
    return _take_back(tx, now_ns, limit, lambda raw: _of(owner, raw), losses=0)


def _take_back(tx: Transaction, now_ns: int, limit: int, wanted: Callable[[bytes], Entry | None], losses: int) -> int:
    count = 0
    for key, raw in _leases(tx):
        entry = wanted(raw)
        if entry is None:
            continue
        if count == limit:
            break
        tx.delete(key)
        _wait(tx, msgspec.structs.replace(entry, owner="", losses=entry.losses + losses), now_ns)
        count += 1
    return count


def _leases(tx: Reader) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of all leased entries, read a page at a time; what was passed may be deleted meanwhile."""
    for shard in range(SHARDS):
        begin, end = _leased.key(shard), _leased.key(shard + 1)
        page = PAGE_ROWS
        while page == PAGE_ROWS:
            rows = tx.scan(begin, end, limit=PAGE_ROWS)
            yield from rows
            page = len(rows)
            begin = rows[-1][0] + b"\x00" if rows else end


def _of(owner: str, raw: bytes) -> Entry | None:
    """The entry, if `owner` leases it."""
    if owner.encode() not in raw:  # spares decoding what others hold
        return None
    entry = _leased.decode(raw)
    return entry if entry.owner == owner else None


def _not_of(owner: str, raw: bytes) -> Entry | None:
    entry = _leased.decode(raw)
    return entry if entry.owner != owner else None


def next_due_ns(tx: Reader, *, leases: bool = True, suspects: bool = True) -> int | None:
    """When the next entry is due that waits, and with `leases` when the next lease ends; None when there is none.
    Without `suspects` those do not count."""
    tables = [_waiting, *([_leased] if leases else []), *([_suspect] if suspects else [])]
    heads: list[int] = []
    for shard in range(SHARDS):
        for table in tables:
            heads += [_due_ns(table, key) for key, _ in tx.scan(table.key(shard), table.key(shard + 1), limit=1)]
    return min(heads, default=None)


def pending(tx: Reader, limit: int | None = None) -> list[tuple[int, Claimed]]:
    """(due_ns, entry) of everything in the outbox; to look at, not to deliver."""
    rows: list[tuple[int, Claimed]] = []
    for table in _TABLES:
        for key, raw in tx.scan(table.prefix + b"\x00", table.prefix + b"\xff", limit=limit):
            rows.append((_due_ns(table, key), Claimed(key, table.decode(raw))))
    rows.sort(key=lambda row: row[0])
    return rows if limit is None else rows[:limit]


def _wait(tx: Transaction, entry: Entry, due_ns: int) -> bytes:
    return _put(tx, _suspect if entry.losses >= SUSPECT_LOSSES else _waiting, entry, due_ns)


def _put(tx: Transaction, table: Table[Entry], entry: Entry, due_ns: int) -> bytes:
    key = table.key(crc32(entry.id.encode()) % SHARDS, due_ns, entry.id)
    tx.put(key, table.codec.encode(entry))
    return key


def _due_ns(table: Table[Entry], key: bytes) -> int:
    due_ns = table.parts(key)[1]
    assert isinstance(due_ns, int)
    return due_ns


def _table(key: bytes) -> Table[Entry]:
    return next(table for table in _TABLES if key.startswith(table.prefix))
