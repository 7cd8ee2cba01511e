"""Copies in the background: a table into a backup, a backup or a table's past into a new table. Each event copies a
page in one transaction and emits the next; an event that comes a second time finds that its step has been taken."""

from __future__ import annotations

from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.events import Event
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud, Transaction

from .. import describe, events, keys, writes
from ..errors import ResourceInUseException
from ..keys import Stored
from ..model import BATCH, DAY_MS, TableRecord
from ..replication import log
from . import journal, tasks
from .records import BackupRecord, Hold, Job, Turn, backups, holds, jobs, trimmers, undo_times, undos

SYSTEM_BACKUP_DAYS: Final = 35
_TRIM_MS: Final = 3_600_000


def start(tx: Transaction, job: Job) -> None:
    """Begin a copy; the journal that it reads is held from now on."""
    jobs.put(tx, job, job.account, job.region, job.id)
    holds.put(tx, Hold(job.moment.at_ms), job.moment.prefix, job.id)
    tasks.emit_job(tx, job)


def copy(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Copy a page."""
    job = jobs.get(tx, event.account, event.region, task["job"])
    if job is None or job.step != task["step"]:
        return
    rows, rest = journal.page(tx, job.moment, job.done, BATCH)
    going = _into_backup(tx, job, rows) if job.kind == "backup" else _into_table(tx, job, rows, now_ms)
    if going and rest is not None:
        job = replace(job, done=rest, step=job.step + 1)
        jobs.put(tx, job, job.account, job.region, job.id)
        tasks.emit_job(tx, job)
        return
    _end(tx, cloud.ids, job)


def _into_backup(tx: Transaction, job: Job, rows: list[tuple[bytes, bytes]]) -> bool:
    backup = backups.get(tx, job.account, job.region, job.table, job.backup)
    if backup is None:
        return False
    prefix = keys.prefixed(backup.prefix)
    for own_key, stored in rows:
        tx.put(prefix + own_key, stored)
    return True


def _into_table(tx: Transaction, job: Job, rows: list[tuple[bytes, bytes]], now_ms: int) -> bool:
    table = keys.tables.get(tx, job.account, job.region, job.table)
    if table is None or table.id != job.table_id:
        return False
    for own_key, stored in rows:
        item, size = orjson.loads(Stored.json(stored)), Stored.size(stored)
        writes.change(tx, table, writes.Found(own_key, None, b"", 0), item, size, now_ms)
    return True


def _end(tx: Transaction, ids: Ids, job: Job) -> None:
    jobs.delete(tx, job.account, job.region, job.id)
    holds.delete(tx, job.moment.prefix, job.id)
    table = keys.tables.get(tx, job.account, job.region, job.table)
    if job.kind == "backup":
        backup = backups.get(tx, job.account, job.region, job.table, job.backup)
        if backup is not None:
            put_backup(tx, replace(backup, status="AVAILABLE"))
    elif table is not None and table.id == job.table_id:
        assert table.restored is not None
        restored = replace(table.restored, in_progress=False)
        keys.put_table(tx, replace(table, status="ACTIVE", restored=restored))
    source = keys.tables.get(tx, job.account, job.region, job.source)
    if source is not None and source.prefix == job.moment.prefix:
        keys.put_table(tx, journal.settled(tx, ids, source))


def put_backup(tx: Transaction, backup: BackupRecord) -> None:
    """Store a backup."""
    backups.put(tx, backup, backup.account, backup.region, backup.source.name, backup.id)


def new_backup(tx: Transaction, ids: Ids, table: TableRecord, name: str, kind: str, now_ms: int) -> BackupRecord:
    """The record of a backup of a table as it is now; USER ones get a place of their own for their items."""
    figures = describe.totals(tx, table)
    system = kind == "SYSTEM"
    return BackupRecord(
        account=table.account,
        region=table.region,
        id=f"{now_ms:014d}-{ids.hex(8)}",
        name=name,
        kind=kind,
        status="AVAILABLE" if system else "CREATING",
        prefix=table.prefix if system else ids.bytes(8),
        created_ms=now_ms,
        expires_ms=now_ms + SYSTEM_BACKUP_DAYS * DAY_MS if system else 0,
        source=table,
        count=figures.items,
        size=figures.bytes,
    )


def retire(tx: Transaction, ids: Ids, table: TableRecord, now_ms: int) -> None:
    """Let go of what a deleted table held: at once, or with recovery on after 35 days, for which its items are a system
    backup."""
    if holds.scan(tx, table.prefix, limit=1):
        raise ResourceInUseException(f"Attempt to change a resource which is still in use: {table.name}")
    log.leave(tx, table)
    if table.journal:
        tasks.emit_drop(tx, table, table.journal)
    if not table.pitr_since_ms:
        events.emit_purge(tx, table)
        return
    source = replace(table, journal=b"", replicas=())
    backup = new_backup(tx, ids, source, f"{table.name}$DeletedTableBackup", "SYSTEM", now_ms)
    put_backup(tx, backup)
    task = {"task": "expire backup", "backup": backup.id, "name": table.name}
    tasks.emit(tx, table.account, table.region, table.name, task, backup.expires_ms)


def drop_backup(tx: Transaction, backup: BackupRecord) -> None:
    """Remove a backup, and in the background its items."""
    backups.delete(tx, backup.account, backup.region, backup.source.name, backup.id)
    events.emit_purge(tx, replace(backup.source, prefix=backup.prefix))


def expire_backup(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Remove a system backup whose time is over; later when a table is being restored from it."""
    backup = backups.get(tx, event.account, event.region, task["name"], task["backup"])
    if backup is None:
        return
    if holds.scan(tx, backup.prefix, limit=1):
        tasks.emit(tx, event.account, event.region, task["name"], task, now_ms + _TRIM_MS)
    else:
        drop_backup(tx, backup)


def start_trimming(tx: Transaction, table: TableRecord, now_ms: int) -> None:
    """Have the table's journal trimmed from now on; an earlier round of it ends."""
    turn = trimmers.get(tx, table.journal)
    number = turn.number + 1 if turn is not None else 1
    trimmers.put(tx, Turn(number), table.journal)
    tasks.emit_trim(tx, table, number, now_ms + _TRIM_MS)


def trim(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Remove a page of what is older than the recovery period and needed by no job."""
    table = keys.tables.get(tx, event.account, event.region, task["name"])
    if table is None or table.journal.hex() != task["journal"] or not table.pitr_since_ms:
        return
    turn = trimmers.get(tx, table.journal)
    if turn is None or turn.number != task["number"]:
        return
    until_ms = now_ms - table.pitr_days * DAY_MS
    until_ms = min([until_ms, *(hold.at_ms for _, hold in holds.scan(tx, table.prefix))])
    removed = 0
    for key, _ in undo_times.scan(tx, table.journal, limit=BATCH):
        _, at_ms, own_key, number = undo_times.parts(key)
        assert isinstance(at_ms, int)
        if at_ms > until_ms:
            break
        tx.delete(key)
        undos.delete(tx, table.journal, own_key, at_ms, number)
        removed += 1
    trimmers.put(tx, Turn(turn.number + 1), table.journal)
    tasks.emit_trim(tx, table, turn.number + 1, 0 if removed == BATCH else now_ms + _TRIM_MS)


def settle(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Take a table's journal away if nothing needs it any more."""
    table = keys.tables.get(tx, event.account, event.region, task["name"])
    if table is not None:
        keys.put_table(tx, journal.settled(tx, cloud.ids, table))


def drop_journal(cloud: Cloud, tx: Transaction, event: Event, task: dict[str, Any], now_ms: int) -> None:
    """Remove a page of a journal that is not needed any more."""
    prefix = bytes.fromhex(task["journal"])
    left = BATCH
    for table in (undos, undo_times):
        rows = table.scan(tx, prefix, limit=left)
        for key, _ in rows:
            tx.delete(key)
        left -= len(rows)
        if not left:
            tasks.emit(tx, event.account, event.region, event.target.rpartition("/")[2], task)
            return
    trimmers.delete(tx, prefix)
