"""The journal of a table: what every changed item was before, by time. From it and the items as they are, the items of
any time since it was begun can be read, while writers go on.

An item's entries are in the order of its changes, whatever the clocks of the nodes say: an entry is never put before
the item's last one, nor before the table's last cut. A cut (`Moment.epoch`) is exact by its number, not by its time.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction

from .. import keys
from ..keys import Stored
from ..model import Mark, TableRecord
from . import tasks
from .records import Moment, Undo, holds, undo_times, undos

_PREFIX_BYTES: Final = 8
PAGE_BYTES_MAX: Final = 4 << 20
"""A page of a copy ends when it has this much."""


def record(tx: Transaction, table: TableRecord, own_key: bytes, before: bytes, now_ms: int) -> None:
    """Note what an item was before a change (`before` is its stored form, empty where there was none)."""
    at_ms, number = max(now_ms, table.cut_ms + 1), 0
    last = undos.scan(tx, table.journal, own_key, limit=1, reverse=True)
    if last:
        _, _, last_ms, last_number = undos.parts(last[0][0])
        assert isinstance(last_ms, int)
        assert isinstance(last_number, int)
        if last_ms >= at_ms:
            at_ms, number = last_ms, last_number + 1
    undos.put(tx, Undo(table.epoch, before), table.journal, own_key, at_ms, number)
    undo_times.put(tx, Mark(), table.journal, at_ms, own_key, number)


def settled(tx: Transaction, ids: Ids, table: TableRecord) -> TableRecord:
    """The table with a journal if recovery or a copy needs one, else without; the caller stores it."""
    needed = bool(table.pitr_since_ms) or bool(holds.scan(tx, table.prefix, limit=1))
    if needed and not table.journal:
        return replace(table, journal=ids.bytes(_PREFIX_BYTES))
    if table.journal and not needed:
        tasks.emit_drop(tx, table, table.journal)
        return replace(table, journal=b"")
    return table


def cut(tx: Transaction, ids: Ids, table: TableRecord, now_ms: int) -> tuple[TableRecord, Moment]:
    """The table with a cut through its changes at this transaction, and the moment before all that come later. The
    caller stores the table and puts a hold."""
    journal = table.journal or ids.bytes(_PREFIX_BYTES)
    cut_ms = max(now_ms, table.cut_ms)
    table = replace(table, journal=journal, epoch=table.epoch + 1, cut_ms=cut_ms)
    return table, Moment(prefix=table.prefix, journal=journal, at_ms=cut_ms, epoch=table.epoch)


def stored_at(tx: Reader, moment: Moment, own_key: bytes, current: bytes | None) -> bytes | None:
    """An item's stored form at a moment; `current` is the present one."""
    if not moment.journal:
        return current
    after = undos.key(moment.journal, own_key, moment.at_ms + 1)
    while True:
        found = undos.scan(tx, moment.journal, own_key, after=after, limit=1)
        if not found:
            return current
        after, undo = found[0]
        if undo.epoch >= moment.epoch:
            return undo.stored or None


def page(tx: Reader, moment: Moment, begin: bytes, limit: int) -> tuple[list[tuple[bytes, bytes]], bytes | None]:
    """Items of a moment from the item key `begin` on, as (key, stored form), and where the next page begins (None at
    the end). `limit` bounds the keys that are looked at."""
    prefix = keys.prefixed(moment.prefix)
    rows = tx.scan(prefix + begin, keys.after(prefix), limit=limit)
    current = {key[len(prefix) :]: value for key, value in rows}
    bound = rows[-1][0][len(prefix) :] if len(rows) == limit else None
    changed = changed_keys(tx, moment.journal, begin, bound, limit) if moment.journal else []
    if len(changed) == limit:
        bound = changed[-1] if bound is None else min(bound, changed[-1])
    size = 0
    found: list[tuple[bytes, bytes]] = []
    for own_key in sorted({*current, *changed}):
        if bound is not None and own_key > bound:
            break
        stored = stored_at(tx, moment, own_key, current.get(own_key))
        if stored is None:
            continue
        found.append((own_key, stored))
        size += Stored.size(stored)
        if size >= PAGE_BYTES_MAX:
            return found, own_key + b"\x00"
    return found, None if bound is None else bound + b"\x00"


def changed_keys(tx: Reader, journal: bytes, begin: bytes, bound: bytes | None, limit: int) -> list[bytes]:
    """The keys of up to `limit` items that have entries, from `begin` up to and with `bound`."""
    found: list[bytes] = []
    after = undos.key(journal, begin)
    while len(found) < limit:
        rows = undos.scan(tx, journal, after=after, limit=1)
        if not rows:
            break
        own_key = undos.parts(rows[0][0])[1]
        assert isinstance(own_key, bytes)
        if bound is not None and own_key > bound:
            break
        found.append(own_key)
        after = undos.key(journal, own_key) + b"\xff"
    return found


def last_change_ms(tx: Reader, journal: bytes, own_key: bytes, until_ms: int) -> int | None:
    """When an item was last changed until a time; None where it was not."""
    found = undos.scan(tx, journal, own_key, after=undos.key(journal, own_key, until_ms + 1), limit=1, reverse=True)
    if not found:
        return None
    at_ms = undos.parts(found[0][0])[2]
    assert isinstance(at_ms, int)
    return at_ms
