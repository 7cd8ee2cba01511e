"""What exports and imports keep.

====================  ================================================================================================
dynamodb.export       account, region, id
dynamodb.exportfile   export id, number: a data file that has been written
dynamodb.import       account, region, id
dynamodb.transfer     account, region, kind, client token: which transfer it began
====================  ================================================================================================
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from lambent.contracts.caller import Caller
from lambent.kv.table import Table

from ..recovery.records import Moment


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """An export. `caller` is whose permissions it has; `table_name` names the table, `keys` its key attributes.
    `moment` is what is exported, of an incremental one the end; `from_ms` (0: full) its begin. `view` is NEW_IMAGE or
    NEW_AND_OLD_IMAGES. `done` is the item key up to which it got, `step` the number of the next page."""

    account: str
    region: str
    id: str
    caller: Caller
    table_arn: str
    table_id: str
    table_name: str
    keys: tuple[str, ...]
    moment: Moment
    at_ms: int
    started_ms: int
    bucket: str
    prefix: str = ""
    owner: str = ""
    sse: str = "AES256"
    sse_key: str = ""
    token: str = ""
    view: str = ""
    from_ms: int = 0
    status: str = "IN_PROGRESS"
    ended_ms: int = 0
    done: bytes = b""
    step: int = 0
    count: int = 0
    size: int = 0
    manifest: str = ""
    failure: str = ""
    message: str = ""

    @property
    def arn(self) -> str:
        """The export's ARN."""
        return f"{self.table_arn}/export/{self.id}"


class DataFile(msgspec.Struct, frozen=True):
    """A data file of an export: its key in the bucket, items, MD5 in base64, and ETag."""

    key: str
    count: int
    md5: str
    etag: str


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """An import. `request` are the parameters that are shown again. `key` is the object that is being read (empty
    before the first), of which `lines` have been stored; `step` numbers the objects."""

    account: str
    region: str
    id: str
    caller: Caller
    table_arn: str
    table_id: str
    table_name: str
    started_ms: int
    request: dict[str, Any]
    token: str = ""
    status: str = "IN_PROGRESS"
    ended_ms: int = 0
    key: str = ""
    lines: int = 0
    step: int = 0
    read_bytes: int = 0
    processed: int = 0
    imported: int = 0
    errors: int = 0
    failure: str = ""
    message: str = ""

    @property
    def arn(self) -> str:
        """The import's ARN."""
        return f"{self.table_arn}/import/{self.id}"


class Begun(msgspec.Struct, frozen=True):
    """Which export or import a client token began, the digest of what it asked for, and when it is forgotten."""

    id: str
    digest: bytes
    expires_ms: int


exports: Final = Table("dynamodb.export", Export)
files: Final = Table("dynamodb.exportfile", DataFile)
imports: Final = Table("dynamodb.import", Import)
begun: Final = Table("dynamodb.transfer", Begun)
