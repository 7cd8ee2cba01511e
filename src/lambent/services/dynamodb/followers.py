"""Who is told of a changed item besides its table's stream, in the same transaction: the journal, and the replicas."""

from __future__ import annotations

from lambent.contracts.ports import Transaction

from .keys import Stored
from .model import TableRecord
from .recovery import journal
from .replication import log
from .replication.records import Version


def note(
    tx: Transaction,
    table: TableRecord,
    own_key: bytes,
    before: bytes | None,
    before_size: int,
    now_ms: int,
    *,
    removed: bool,
    version: Version | None,
) -> None:
    """An item was changed. `before` is its JSON before, None where there was none; `version` is that of a write that
    came from another region, None for one of this region's."""
    if table.journal:
        stored = Stored.write(before, before_size) if before is not None else b""
        journal.record(tx, table, own_key, stored, now_ms)
    if table.replicas:
        log.record(tx, table, own_key, removed, now_ms, version)
