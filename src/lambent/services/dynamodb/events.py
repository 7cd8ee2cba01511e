"""Work that outlives a call, as events of the service to itself: removing what a deleted table held, filling a new
index, expiry, trimming streams.

Each event does a bounded part in one transaction and emits the next one in it, so that a crash loses nothing and a
repeated delivery does nothing twice. Their target and source are the table's ARN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.events import Delivery, Event, Undeliverable
from lambent.contracts.ports import Cloud, Transaction

from . import keys, writes
from .keys import Stored
from .model import BATCH, COUNTERS, DAY_MS, PRINCIPAL, RETENTION_MS, Counter, Index, Mark, StreamRecord, TableRecord
from .throttle import Throttle

_MS: Final = 1_000_000
SWEEP_MS: Final = 60_000
"""How often expired items are looked for."""


def emit_purge(tx: Transaction, table: TableRecord) -> None:
    """Have everything removed that a deleted table held."""
    _emit(tx, table, {"task": "purge", "prefix": table.prefix.hex()})


def emit_fill(tx: Transaction, table: TableRecord, index: Index, after: bytes = b"") -> None:
    """Have an index filled from the item key `after` on."""
    task = {"task": "fill", "name": table.name, "id": table.id, "index": index.number, "after": after.hex()}
    _emit(tx, table, task)


def emit_empty(tx: Transaction, table: TableRecord, index: Index) -> None:
    """Have the entries of a deleted index removed."""
    _emit(tx, table, {"task": "empty", "name": table.name, "id": table.id, "index": index.number})


def emit_mark(tx: Transaction, table: TableRecord, after: bytes = b"") -> None:
    """Have the items of a table marked that expire, from the item key `after` on."""
    _emit(tx, table, {"task": "mark", "name": table.name, "id": table.id, "ttl": table.ttl, "after": after.hex()})


def emit_unmark(tx: Transaction, table: TableRecord) -> None:
    """Have the marks of expiring items removed."""
    _emit(tx, table, {"task": "unmark", "name": table.name, "id": table.id})


def emit_sweep(tx: Transaction, table: TableRecord, at_ms: int = 0) -> None:
    """Have the expired items of a table removed, at `at_ms` or now."""
    _emit(tx, table, {"task": "sweep", "name": table.name, "id": table.id, "sweeper": table.sweeper}, at_ms)


def emit_trim(tx: Transaction, stream: StreamRecord, now_ms: int) -> None:
    """Have a stream's old records removed a day from now."""
    table_arn = stream.arn.partition("/stream/")[0]
    task = {"task": "trim", "table": stream.table, "label": stream.label}
    _emit_to(tx, table_arn, stream.account, stream.region, task, now_ms + DAY_MS)


def _emit(tx: Transaction, table: TableRecord, task: dict[str, Any], at_ms: int = 0) -> None:
    _emit_to(tx, table.arn, table.account, table.region, task, at_ms)


def _emit_to(tx: Transaction, target: str, account: str, region: str, task: dict[str, Any], at_ms: int) -> None:
    event = Event(
        target=target,
        payload=orjson.dumps(task),
        source=target,
        principal=PRINCIPAL,
        account=account,
        region=region,
    )
    tx.emit(event, at_ns=at_ms * _MS)


class DynamoTarget:
    """Receives the service's own events; holds what this node remembers of capacity."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.throttle = Throttle(cloud.clock)

    async def deliver(self, delivery: Delivery) -> None:
        """Do one part of a task."""
        event = delivery.event
        if event.principal != PRINCIPAL or event.source != event.target:
            raise Undeliverable("Tables are no targets of other services' events.")
        task = orjson.loads(event.payload)
        now_ms = self._cloud.clock.now_ns() // _MS
        await self._cloud.store.write(lambda tx: _TASKS[task["task"]](tx, event, task, now_ms))

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Tables are no destination."""
        raise Undeliverable("Tables are no targets of other services' events.")


def _table(tx: Transaction, event: Event, task: dict[str, Any]) -> TableRecord | None:
    """The table of a task, unless it has been deleted since."""
    table = keys.tables.get(tx, event.account, event.region, task["name"])
    return table if table is not None and table.id == task["id"] else None


def _index(table: TableRecord | None, task: dict[str, Any]) -> Index | None:
    found = table.indexes if table is not None else ()
    return next((index for index in found if index.number == task["index"]), None)


def _purge(tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    prefix = bytes.fromhex(task["prefix"])
    left = BATCH
    for start in (*keys.purged_prefixes(prefix),):
        rows = tx.scan(start, keys.after(start), limit=left)
        for key, _ in rows:
            tx.delete(key)
        left -= len(rows)
        if not left:
            _emit_to(tx, event.target, event.account, event.region, task, 0)
            return


def _fill(tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    table = _table(tx, event, task)
    index = _index(table, task)
    if table is None or index is None or index.status != "CREATING":
        return
    start = keys.items_prefix(table)
    rows = tx.scan(start + bytes.fromhex(task["after"]), keys.after(start), limit=BATCH)
    for key, stored in rows:
        json = Stored.json(stored)
        writes.fill_entry(
            tx, table, index, writes.Found(key[len(start) :], orjson.loads(json), json, Stored.size(stored))
        )
    if len(rows) == BATCH:
        emit_fill(tx, table, index, rows[-1][0][len(start) :] + b"\x00")
    else:
        keys.put_table(tx, with_index(table, replace(index, status="ACTIVE")))


def with_index(table: TableRecord, index: Index) -> TableRecord:
    """The table with another record of one of its indexes."""
    return replace(table, indexes=tuple(index if index.number == i.number else i for i in table.indexes))


def _empty(tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    table = _table(tx, event, task)
    index = _index(table, task)
    if table is None or index is None:
        return
    start = keys.entries_prefix(table, index)
    rows = tx.scan(start, keys.after(start), limit=BATCH)
    for key, _ in rows:
        tx.delete(key)
    if len(rows) == BATCH:
        emit_empty(tx, table, index)
        return
    for number in range(COUNTERS):
        counter = keys.counters.get(tx, table.prefix, number)
        if counter is not None and index.number in counter.indexes:
            kept = {i: figures for i, figures in counter.indexes.items() if i != index.number}
            keys.counters.put(tx, Counter(counter.items, counter.bytes, kept), table.prefix, number)
    left = tuple(i for i in table.indexes if i.number != index.number)
    used = {table.hash, table.range} | {name for i in left for name in (i.hash, i.range)}
    keys.put_table(
        tx, replace(table, indexes=left, attributes=tuple(pair for pair in table.attributes if pair[0] in used))
    )


def _mark(tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    table = _table(tx, event, task)
    if table is None or table.ttl != task["ttl"]:
        return
    start = keys.items_prefix(table)
    rows = tx.scan(start + bytes.fromhex(task["after"]), keys.after(start), limit=BATCH)
    for key, stored in rows:
        due_s = writes.expiry(table, orjson.loads(Stored.json(stored)))
        if due_s is not None:
            keys.expiries.put(tx, Mark(), table.prefix, due_s, key[len(start) :])
    if len(rows) == BATCH:
        emit_mark(tx, table, rows[-1][0][len(start) :] + b"\x00")


def _unmark(tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    table = _table(tx, event, task)
    if table is None or table.ttl:
        return
    rows = keys.expiries.scan(tx, table.prefix, limit=BATCH)
    for key, _ in rows:
        tx.delete(key)
    if len(rows) == BATCH:
        emit_unmark(tx, table)


def _sweep(tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Remove a batch of expired items; AWS leaves those alone that expired more than five years ago."""
    table = _table(tx, event, task)
    # Another number means that the setting was changed, or that this very event was delivered before.
    if table is None or not table.ttl or table.sweeper != task["sweeper"]:
        return
    found = keys.expiries.scan(tx, table.prefix, limit=BATCH)
    removed = 0
    for key, _ in found:
        _, due_s, own_key = keys.expiries.parts(key)
        assert isinstance(due_s, int)
        assert isinstance(own_key, bytes)
        if due_s * 1000 > now_ms:
            break
        removed += 1
        tx.delete(key)
        old = writes.find(tx, table, own_key)
        if writes.expiry(table, old.item) == due_s and due_s * 1000 > now_ms - _TOO_OLD_MS:
            writes.change(tx, table, old, None, 0, now_ms, by_service=True)
    table = replace(table, sweeper=table.sweeper + 1)
    keys.put_table(tx, table)
    emit_sweep(tx, table, 0 if removed == BATCH else now_ms + SWEEP_MS)


def _trim(tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    stream = keys.streams.get(tx, event.account, event.region, task["table"], task["label"])
    if stream is None:
        return
    rows = keys.changes.scan(tx, stream.prefix, limit=BATCH)
    old = [key for key, change in rows if change.at_ms <= now_ms - RETENTION_MS]
    for key in old:
        tx.delete(key)
    if stream.ended_ms and stream.ended_ms <= now_ms - RETENTION_MS and len(old) == len(rows) < BATCH:
        keys.streams.delete(tx, stream.account, stream.region, stream.table, stream.label)
        keys.tails.delete(tx, stream.prefix)
        return
    oldest_ms = rows[len(old)][1].at_ms if len(old) < len(rows) else now_ms
    next_ms = 0 if len(old) == BATCH else max(oldest_ms + RETENTION_MS, now_ms + SWEEP_MS)
    _emit_to(tx, event.target, event.account, event.region, task, next_ms)


_TOO_OLD_MS: Final = 5 * 365 * DAY_MS
_TASKS: Final[dict[str, Callable[[Transaction, Event, dict[str, Any], int], None]]] = {
    "purge": _purge,
    "fill": _fill,
    "empty": _empty,
    "mark": _mark,
    "unmark": _unmark,
    "sweep": _sweep,
    "trim": _trim,
}
