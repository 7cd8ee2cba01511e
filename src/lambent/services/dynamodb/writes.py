"""A change of one item with everything that goes with it: index entries, expiry, figures, collection, stream record.

All of it is in the caller's transaction. Handlers decide what the new item is; nothing else writes items.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zlib import crc32

import orjson

from lambent.contracts.ports import Transaction

from . import followers, keys
from .changes import record_change
from .errors import ItemCollectionSizeLimitExceededException
from .keys import Stored
from .model import COLLECTION_BYTES_MAX, COUNTERS, Counter, Index, Mark, Size, TableRecord
from .replication.records import Version
from .sizes import item_size, write_units
from .values import Item

Units = dict[str, float]


class Found(NamedTuple):
    """An item as it is stored, before a change. `item` is None and `size` 0 where there is none."""

    key: bytes
    item: Item | None
    json: bytes
    size: int


class Written(NamedTuple):
    """What a change has cost: the table's size for capacity, and units by index name."""

    size: int
    indexes: Units


class _Figures:
    """What a change adds to the table's counters."""

    __slots__ = ("bytes", "indexes", "items", "local_bytes")

    def __init__(self, items: int, size: int) -> None:
        self.items = items
        self.bytes = size
        self.local_bytes = size
        self.indexes: dict[int, tuple[int, int]] = {}

    def add(self, index: Index, entries: int, size: int) -> None:
        before = self.indexes.get(index.number, (0, 0))
        self.indexes[index.number] = (before[0] + entries, before[1] + size)
        if index.local:
            self.local_bytes += size


def find(tx: Any, table: TableRecord, own_key: bytes) -> Found:
    """The stored item at an item key (`keys.item_key`)."""
    stored = tx.get(keys.items_prefix(table) + own_key)
    if stored is None:
        return Found(own_key, None, b"", 0)
    json = Stored.json(stored)
    return Found(own_key, orjson.loads(json), json, Stored.size(stored))


def change(
    tx: Transaction,
    table: TableRecord,
    old: Found,
    new: Item | None,
    size: int,
    now_ms: int,
    *,
    by_service: bool = False,
    version: Version | None = None,
) -> Written:
    """Replace, make or (`new` None) remove an item. `size` is the new item's; `version` comes with a write that another
    region made."""
    whole_key = keys.items_prefix(table) + old.key
    before = old.item
    if new is None:
        if before is None:
            return Written(0, {})
        tx.delete(whole_key)
    else:
        json = orjson.dumps(new)
        tx.put(whole_key, Stored.write(json, size))
    figures = _Figures((new is not None) - (before is not None), size - old.size)
    units: Units = {}
    for index in table.indexes:
        cost = _change_entry(tx, table, index, old, new, size, figures)
        if cost:
            units[index.name] = cost
    if table.ttl:
        _change_expiry(tx, table, old, new)
    if figures.items or figures.bytes or figures.indexes:
        _count(tx, table, old.key, figures)
        if table.has_local and figures.local_bytes:
            _grow_collection(tx, table, new if new is not None else before, figures.local_bytes)  # type: ignore[arg-type]
    if table.stream and before != new:
        record_change(tx, table, before, new, now_ms, by_service=by_service)
    if table.followed:
        was = old.json if before is not None else None
        followers.note(tx, table, old.key, was, old.size, now_ms, removed=new is None, version=version)
    return Written(max(old.size, size), units)


def entry_of(table: TableRecord, index: Index, item: Item, size: int) -> tuple[Item, int]:
    """What an index holds of an item, and its size."""
    names = table.projections[index.number]
    if names is None:
        return item, size
    projected = {name: value for name, value in item.items() if name in names}
    return projected, item_size(projected)


def _change_entry(
    tx: Transaction, table: TableRecord, index: Index, old: Found, new: Item | None, size: int, figures: _Figures
) -> float:
    """Bring an item's entry in an index up to date; its cost in write units."""
    if index.status == "DELETING":
        return 0.0
    old_key = keys.entry_key(table, index, old.item, old.key) if old.item is not None else None
    new_key = keys.entry_key(table, index, new, old.key) if new is not None else None
    if old_key is not None and index.status == "CREATING" and tx.get(old_key) is None:
        old_key = None  # the back-fill has not come to this item yet
    if old_key is None and new_key is None:
        return 0.0
    was, was_size = entry_of(table, index, old.item, old.size) if old_key and old.item is not None else (None, 0)
    entry, entry_size = entry_of(table, index, new, size) if new_key and new is not None else (None, 0)
    if old_key == new_key and was == entry:
        return 0.0
    cost = 0.0
    if old_key is not None and old_key != new_key:
        tx.delete(old_key)
        figures.add(index, -1, -was_size)
        cost = write_units(was_size)
        was_size = 0
    if new_key is not None:
        tx.put(new_key, Stored.write(orjson.dumps(entry), entry_size))
        figures.add(index, old_key != new_key, entry_size - was_size)
        cost += write_units(max(was_size, entry_size))
    return cost


def fill_entry(tx: Transaction, table: TableRecord, index: Index, found: Found) -> bool:
    """Make an item's entry in a new index, if it is to have one and has none; says whether it was made."""
    assert found.item is not None
    key = keys.entry_key(table, index, found.item, found.key)
    if key is None or tx.get(key) is not None:
        return False
    entry, size = entry_of(table, index, found.item, found.size)
    tx.put(key, Stored.write(orjson.dumps(entry), size))
    figures = _Figures(0, 0)
    figures.add(index, 1, size)
    _count(tx, table, found.key, figures)
    return True


def expiry(table: TableRecord, item: Item | None) -> int | None:
    """When an item expires, in seconds since the epoch; None when it does not: the attribute is a number."""
    text = item.get(table.ttl, {}).get("N") if item is not None else None
    if text is None or text[0] == "-":
        return None
    return int(text.partition(".")[0])


def _change_expiry(tx: Transaction, table: TableRecord, old: Found, new: Item | None) -> None:
    was, now = expiry(table, old.item), expiry(table, new)
    if was == now:
        return
    if was is not None:
        keys.expiries.delete(tx, table.prefix, was, old.key)
    if now is not None:
        keys.expiries.put(tx, Mark(), table.prefix, now, old.key)


def _count(tx: Transaction, table: TableRecord, own_key: bytes, figures: _Figures) -> None:
    number = crc32(own_key) % COUNTERS
    was = keys.counters.get(tx, table.prefix, number) or Counter()
    indexes = dict(was.indexes)
    for index, (entries, size) in figures.indexes.items():
        before = indexes.get(index, (0, 0))
        indexes[index] = (before[0] + entries, before[1] + size)
    counter = Counter(was.items + figures.items, was.bytes + figures.bytes, indexes)
    keys.counters.put(tx, counter, table.prefix, number)


def _grow_collection(tx: Transaction, table: TableRecord, item: Item, size: int) -> None:
    hash_key = keys.key_bytes(item[table.hash])
    was = keys.collections.get(tx, table.prefix, hash_key)
    now = size + (was.bytes if was is not None else 0)
    if size > 0 and now > COLLECTION_BYTES_MAX:
        raise ItemCollectionSizeLimitExceededException("Item collection size limit of 10GB exceeded")
    if now > 0:
        keys.collections.put(tx, Size(now), table.prefix, hash_key)
    else:
        keys.collections.delete(tx, table.prefix, hash_key)


def collection_metrics(tx: Transaction, table: TableRecord, item: Item) -> dict[str, Any]:
    """ItemCollectionMetrics: whole gigabytes around the collection's size."""
    size = keys.collections.get(tx, table.prefix, keys.key_bytes(item[table.hash]))
    low = (size.bytes if size is not None else 0) >> 30
    return {"ItemCollectionKey": {table.hash: item[table.hash]}, "SizeEstimateRangeGB": [low, low + 1]}
