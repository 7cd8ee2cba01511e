"""What backups and recovery keep.

====================  ================================================================================================
dynamodb.undo         journal, item's key, time (ms), number: what the item was before a change
dynamodb.undotime     journal, time (ms), item's key, number: the same by time, to trim by
dynamodb.trimmer      journal: which turn of trimming comes next
dynamodb.hold         prefix of what is read, job: a job that reads the past of a table, or a backup
dynamodb.job          account, region, id: a copy that is on its way
dynamodb.backup       account, region, table name, id
====================  ================================================================================================
"""

from __future__ import annotations

from typing import Final

import msgspec

from lambent.contracts import arn
from lambent.kv.table import Table

from ..model import Mark, TableRecord


class Undo(msgspec.Struct, frozen=True):
    """An item as it was stored before a change, empty where there was none; `epoch` is the table's at the change."""

    epoch: int
    stored: bytes


class Turn(msgspec.Struct, frozen=True):
    """The turn that is next: an event of another one has been delivered before."""

    number: int


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """The items of a table at one time: what lies under `prefix`, taken back by the journal's entries that are later
    than `at_ms` and at least of `epoch`. Without a journal the items do not change (a backup)."""

    prefix: bytes
    journal: bytes = b""
    at_ms: int = 0
    epoch: int = 0


class Hold(msgspec.Struct, frozen=True):
    """What a job needs of the past; the journal is kept from there on."""

    at_ms: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a moment, page by page: into a backup (`kind` backup) or a table (restore). `table` names the table
    that is backed up or made, `table_id` is its id; `source` names the table that is read. `done` is the key up to
    which it got, `step` how many pages that were."""

    account: str
    region: str
    id: str
    kind: str
    moment: Moment
    table: str
    table_id: str
    source: str = ""
    backup: str = ""
    done: bytes = b""
    step: int = 0


class BackupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A backup: `kind` is USER or SYSTEM (of a deleted table), `status` CREATING or AVAILABLE. `prefix` stands for it
    in the keys of its items, which are a table's in all but that; `source` is the table as it was, `count` and
    `size` its items and their bytes."""

    account: str
    region: str
    id: str
    name: str
    kind: str
    status: str
    prefix: bytes
    created_ms: int
    expires_ms: int = 0
    source: TableRecord
    count: int = 0
    size: int = 0

    @property
    def arn(self) -> str:
        """The backup's ARN."""
        return arn.build("dynamodb", self.region, self.account, f"table/{self.source.name}/backup/{self.id}")


undos: Final = Table("dynamodb.undo", Undo)
undo_times: Final = Table("dynamodb.undotime", Mark)
trimmers: Final = Table("dynamodb.trimmer", Turn)
holds: Final = Table("dynamodb.hold", Hold)
jobs: Final = Table("dynamodb.job", Job)
backups: Final = Table("dynamodb.backup", BackupRecord)
