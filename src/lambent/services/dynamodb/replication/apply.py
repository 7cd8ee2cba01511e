"""What other regions wrote is written here too: one by one, and all of it into a new member."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.events import Event
from lambent.contracts.ports import Cloud, Transaction

from .. import keys, writes
from ..model import BATCH, DAY_MS, TableRecord
from ..recovery.records import trimmers
from ..recovery.tasks import emit
from . import log
from .members import FORGET_MS, emit_filling, emit_forgetting, members_of
from .records import Filling, Version, fillings, tombstones, versions

TOMBSTONE_MS: Final = 2 * DAY_MS
"""How long it is known of an item that it is gone. Events do not live that long."""


def replicate(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Write an item as it is in another region, unless this region has had a later write."""
    target = keys.tables.get(tx, event.account, event.region, task["name"])
    source = keys.tables.get(tx, event.account, task["from"], task["name"])
    if target is None or source is None or not any(one.region == source.region for one in target.replicas):
        return
    own_key = bytes.fromhex(task["key"])
    version = versions.get(tx, source.prefix, own_key)
    if version is not None:
        write(tx, source, target, own_key, version, now_ms)


def write(
    tx: Transaction, source: TableRecord, target: TableRecord, own_key: bytes, version: Version, now_ms: int
) -> None:
    """Write the source's item, whose last write is `version`, where that stands against the target's own."""
    mine = versions.get(tx, target.prefix, own_key)
    if not version.beats(mine):
        return
    found, old = writes.find(tx, source, own_key), writes.find(tx, target, own_key)
    if found.item is None and old.item is None:
        log.put_version(tx, target, own_key, version, mine)
    else:
        writes.change(tx, target, old, found.item, found.size, now_ms, version=version)


def fill(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Bring a page of a member's items to a new one."""
    target = keys.tables.get(tx, event.account, event.region, task["name"])
    if target is None or target.id != task["id"]:
        return
    filling = fillings.get(tx, target.prefix, task["from"])
    if filling is None or filling.step != task["step"]:
        return
    source = keys.tables.get(tx, event.account, task["from"], task["name"])
    rest = None
    if source is not None:
        page = _gone if filling.gone else _items
        rest = page(tx, source, target, filling.after, now_ms)
        if rest is not None or not filling.gone:
            further = Filling(rest or b"", filling.step + 1, filling.gone or rest is None)
            fillings.put(tx, further, target.prefix, source.region)
            emit_filling(tx, target, source.region, further.step)
            return
    fillings.delete(tx, target.prefix, task["from"])
    if not fillings.scan(tx, target.prefix, limit=1):
        _activate(tx, target)


def _items(tx: Transaction, source: TableRecord, target: TableRecord, begin: bytes, now_ms: int) -> bytes | None:
    """Bring a page of items; the item key at which the next page begins, None at the end."""
    prefix = keys.items_prefix(source)
    rows = tx.scan(prefix + begin, keys.after(prefix), limit=BATCH)
    for key, _ in rows:
        own_key = key[len(prefix) :]
        version = versions.get(tx, source.prefix, own_key)
        if version is None:  # written before the table was global
            version = Version(0, 0, source.region)
            versions.put(tx, version, source.prefix, own_key)
        write(tx, source, target, own_key, version, now_ms)
    return rows[-1][0][len(prefix) :] + b"\x00" if len(rows) == BATCH else None


def _gone(tx: Transaction, source: TableRecord, target: TableRecord, begin: bytes, now_ms: int) -> bytes | None:
    """Bring a page of versions of items that are gone; as `_items`."""
    after = versions.key(source.prefix, begin) if begin else None
    rows = versions.scan(tx, source.prefix, after=after, limit=BATCH)
    last = None
    for key, version in rows:
        own_key = versions.parts(key)[1]
        assert isinstance(own_key, bytes)
        last = own_key
        if version.gone:
            write(tx, source, target, own_key, version, now_ms)
    return last if len(rows) == BATCH else None


def _activate(tx: Transaction, target: TableRecord) -> None:
    keys.put_table(tx, replace(target, status="ACTIVE"))
    for other in members_of(tx, target):
        replicas = tuple(
            replace(one, status="ACTIVE") if one.region == target.region else one for one in other.replicas
        )
        keys.put_table(tx, replace(other, replicas=replicas))


def forget(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Forget a page of items that have been gone for long."""
    table = keys.tables.get(tx, event.account, event.region, task["name"])
    if table is None or table.id != task["id"] or not table.replicas:
        return
    turn = trimmers.get(tx, table.prefix)
    if turn is None or turn.number != task["number"]:
        return
    removed = 0
    for key, _ in tombstones.scan(tx, table.prefix, limit=BATCH):
        _, at_ms, own_key = tombstones.parts(key)
        assert isinstance(at_ms, int)
        if at_ms > now_ms - TOMBSTONE_MS:
            break
        tx.delete(key)
        versions.delete(tx, table.prefix, own_key)
        removed += 1
    emit_forgetting(tx, table, turn.number + 1, 0 if removed == BATCH else now_ms + FORGET_MS)


def drop(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Remove a page of the versions of a table that is no member any more."""
    prefix = bytes.fromhex(task["prefix"])
    left = BATCH
    for table in (versions, tombstones, fillings):
        rows = table.scan(tx, prefix, limit=left)
        for key, _ in rows:
            tx.delete(key)
        left -= len(rows)
        if not left:
            emit(tx, event.account, event.region, event.target.rpartition("/")[2], task)
            return
    trimmers.delete(tx, prefix)
