"""What DynamoDB keeps, and rules that need nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final

import msgspec

from lambent.contracts import arn

DAY_MS: Final = 86_400_000
BATCH: Final = 200
"""Items that one background transaction looks at."""
COUNTERS: Final = 64
"""Counters that a table's size is spread over, so that its writers seldom meet."""
COLLECTION_BYTES_MAX: Final = 10 << 30
GLOBAL_INDEXES_MAX: Final = 20
LOCAL_INDEXES_MAX: Final = 5
TAGS_MAX: Final = 50
RETENTION_MS: Final = DAY_MS
"""How long a stream keeps its records."""
UNITS_MAX: Final = 1_000_000_000_000
ACCOUNT_UNITS: Final = 80_000
TABLE_UNITS: Final = 40_000
ON_DEMAND_READ_UNITS: Final = 12_000
ON_DEMAND_WRITE_UNITS: Final = 4_000
PRINCIPAL: Final = "dynamodb.amazonaws.com"


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """Provisioned capacity of a table or an index, 0 on demand; when it was last changed. `decreases` were made on the
    day (since the epoch) `decreased_day`."""

    read_units: int = 0
    write_units: int = 0
    increased_ms: int = 0
    decreased_ms: int = 0
    decreases: int = 0
    decreased_day: int = 0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A pair of read and write units: warm throughput, or the most that is served on demand. 0: not given."""

    read_units: int = 0
    write_units: int = 0


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """A secondary index. `number` is its part of the keys of its entries; `range` is empty where it has no range key.
    `projection` is ALL, KEYS_ONLY or INCLUDE; `status` CREATING, UPDATING, DELETING or ACTIVE."""

    number: int
    name: str
    local: bool
    hash: str
    range: str = ""
    projection: str = "ALL"
    non_key: tuple[str, ...] = ()
    status: str = "ACTIVE"
    throughput: Throughput = Throughput()
    warm: Limits = Limits()
    on_demand: Limits = Limits()


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """A Kinesis stream that is to get the table's changes."""

    stream_arn: str
    status: str
    precision: str = "MILLISECOND"


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a table was restored from: a backup, or another table at a time."""

    backup_arn: str = ""
    source_arn: str
    at_ms: int
    in_progress: bool = True


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """The same table in another region of a global table. `status` is CREATING, UPDATING, DELETING or ACTIVE."""

    region: str
    status: str = "ACTIVE"
    kms_key: str = ""
    table_class: str = ""
    read_units: int = 0


class TableRecord(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A table. `prefix` (8 bytes) stands for it in the keys of its items, so that a table of the same name made later
    meets none of them. `attributes` are (name, type) of all key attributes; `range` is empty without a range key.

    `stream` is the label of the stream that changes are written to, empty for none. `ttl` is the attribute that holds
    the time of expiry, empty when that is off; `sweeper` numbers the sweep that is on its way. `next_index` is the
    number of the next index. `pitr_since_ms` is 0 without point-in-time recovery.

    `journal` (8 bytes, empty for none), `epoch` and `cut_ms` belong to recovery/journal.py; `replicas` are those in
    other regions (replication/).
    """

    account: str
    region: str
    name: str
    id: str
    prefix: bytes
    created_ms: int
    attributes: tuple[tuple[str, str], ...]
    hash: str
    range: str = ""
    status: str = "ACTIVE"
    on_demand: bool = False
    on_demand_since_ms: int = 0
    throughput: Throughput = Throughput()
    warm: Limits = Limits()
    on_demand_limits: Limits = Limits()
    indexes: tuple[Index, ...] = ()
    next_index: int = 1
    stream: str = ""
    stream_view: str = ""
    stream_prefix: bytes = b""
    ttl: str = ""
    ttl_changed_ms: int = 0
    sweeper: int = 0
    table_class: str = ""
    table_class_changed_ms: int = 0
    protected: bool = False
    tags: dict[str, str] = {}
    sse_key: str = ""
    policy: str = ""
    policy_revision: str = ""
    pitr_since_ms: int = 0
    pitr_days: int = 35
    insights: dict[str, tuple[str, int]] = {}
    destinations: tuple[Destination, ...] = ()
    journal: bytes = b""
    epoch: int = 0
    cut_ms: int = 0
    restored: Restored | None = None
    replicas: tuple[Replica, ...] = ()

    @property
    def arn(self) -> str:
        """The table's ARN."""
        return arn.build("dynamodb", self.region, self.account, f"table/{self.name}")

    @cached_property
    def dimensions(self) -> tuple[tuple[str, str], ...]:
        """What its metrics have."""
        return (("TableName", self.name),)

    @cached_property
    def types(self) -> Mapping[str, str]:
        """The types of the key attributes of the table and its indexes: S, N or B."""
        return dict(self.attributes)

    @cached_property
    def key_names(self) -> tuple[str, ...]:
        """The names of the table's key attributes, hash key first."""
        return (self.hash, self.range) if self.range else (self.hash,)

    @cached_property
    def by_name(self) -> Mapping[str, Index]:
        """The indexes by name."""
        return {index.name: index for index in self.indexes}

    @cached_property
    def index_keys(self) -> tuple[str, ...]:
        """The names of the attributes that are keys of an index and not of the table."""
        names = dict.fromkeys(name for index in self.indexes for name in (index.hash, index.range) if name)
        return tuple(name for name in names if name not in self.key_names)

    @cached_property
    def has_local(self) -> bool:
        """Whether the table has local indexes, and with them item collections."""
        return any(index.local for index in self.indexes)

    @cached_property
    def followed(self) -> bool:
        """Whether something besides the stream is told of changes: a journal, or replicas."""
        return bool(self.journal or self.replicas)

    @cached_property
    def throttled(self) -> bool:
        """Whether provisioned capacity is enforced: see DESIGN.md."""
        return not self.on_demand and self.tags.get("lambent:throttle") == "on"

    @cached_property
    def projections(self) -> Mapping[int, frozenset[str] | None]:
        """By index number the attributes that its entries hold; None for all."""
        return {index.number: projected(self, index) for index in self.indexes}


def projected(table: TableRecord, index: Index) -> frozenset[str] | None:
    """The attributes that an index's entries hold; None for all."""
    if index.projection == "ALL":
        return None
    keys = (*table.key_names, index.hash, index.range)
    return frozenset(name for name in (*keys, *index.non_key) if name)


class Counter(msgspec.Struct, frozen=True):
    """A part of a table's figures: items and bytes, and by index number the same of its entries."""

    items: int = 0
    bytes: int = 0
    indexes: dict[int, tuple[int, int]] = {}


class Size(msgspec.Struct, frozen=True):
    """The bytes of an item collection: items of one hash key and their local index entries."""

    bytes: int


class StreamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of changes, also one that is not written to any more (`ended_ms`). `prefix` (8 bytes) stands for it in
    the keys of its records; `shard` is the id of its one shard."""

    account: str
    region: str
    table: str
    label: str
    prefix: bytes
    view: str
    created_ms: int
    keys: tuple[str, ...]
    shard: str
    ended_ms: int = 0

    @property
    def arn(self) -> str:
        """The stream's ARN."""
        return arn.build("dynamodb", self.region, self.account, f"table/{self.table}/stream/{self.label}")


class Tail(msgspec.Struct, frozen=True):
    """The sequence number of a stream's last record, 0 before the first."""

    last: int


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A stream's record. `name` is INSERT, MODIFY or REMOVE; `keys`, `old` and `new` are JSON as it is answered, empty
    where the view has none."""

    name: str
    at_ms: int
    keys: bytes
    new: bytes = b""
    old: bytes = b""
    size: int = 0
    by_service: bool = False


class Mark(msgspec.Struct, frozen=True):
    """The value of an index entry whose key says everything."""


class Token(msgspec.Struct, frozen=True):
    """A client token of a transaction: the digest of what it asked for, and when it is forgotten."""

    digest: bytes
    expires_ms: int
