"""What a write to a global table leaves behind: the item's version, and an event to each other region.

An event names the item only. Whoever delivers it reads what the item is by then, so that events may come late, twice or
in any order: what is written in the other region is always a write that stood in this one.
"""

from __future__ import annotations

from msgspec.structs import replace

from lambent.contracts.ports import Transaction

from .. import keys
from ..model import Mark, TableRecord
from ..recovery.tasks import emit
from .records import Version, tombstones, versions


def record(
    tx: Transaction, table: TableRecord, own_key: bytes, removed: bool, now_ms: int, version: Version | None
) -> None:
    """An item was changed: here (`version` None), and the other regions are to hear of it, or by another region."""
    before = versions.get(tx, table.prefix, own_key)
    made_here = version is None
    if version is None:
        at_ms, number = now_ms, 0
        if before is not None and before.at_ms >= at_ms:
            at_ms, number = before.at_ms, before.number + 1
        version = Version(at_ms, number, table.region, removed)
    put_version(tx, table, own_key, version, before)
    if made_here:
        for replica in table.replicas:
            if replica.status != "DELETING":
                emit_change(tx, table, own_key, replica.region)


def put_version(tx: Transaction, table: TableRecord, own_key: bytes, version: Version, before: Version | None) -> None:
    """Store an item's version."""
    if before is not None and before.gone:
        tombstones.delete(tx, table.prefix, before.at_ms, own_key)
    if version.gone:
        tombstones.put(tx, Mark(), table.prefix, version.at_ms, own_key)
    versions.put(tx, version, table.prefix, own_key)


def emit_change(tx: Transaction, table: TableRecord, own_key: bytes, region: str) -> None:
    """Have an item brought to another region."""
    task = {"task": "replicate", "name": table.name, "from": table.region, "key": own_key.hex()}
    emit(tx, table.account, table.region, table.name, task, to=region)


def leave(tx: Transaction, table: TableRecord) -> None:
    """A table is no member of its global table any more: the others forget it."""
    for replica in table.replicas:
        other = keys.tables.get(tx, table.account, replica.region, table.name)
        if other is not None:
            kept = tuple(one for one in other.replicas if one.region != table.region)
            keys.put_table(tx, replace(other, replicas=kept))
    if table.replicas or versions.scan(tx, table.prefix, limit=1):
        task = {"task": "drop versions", "prefix": table.prefix.hex()}
        emit(tx, table.account, table.region, table.name, task)
