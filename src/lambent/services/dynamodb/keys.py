"""Every key of DynamoDB.

====================  ================================================================================================
dynamodb.table        account, region, name
dynamodb.item         table's prefix, slot, hash key, range key: JSON behind a head (see `Stored`)
dynamodb.entry        table's prefix, index number, slot, index hash key, index range key, the item's key: as an item
dynamodb.count        table's prefix, counter number
dynamodb.collection   table's prefix, hash key: bytes of an item collection (tables with local indexes)
dynamodb.ttl          table's prefix, expiry (s), the item's key
dynamodb.stream       account, region, table name, label
dynamodb.tail         stream's prefix
dynamodb.change       stream's prefix, sequence number
dynamodb.token        account, region, client token
dynamodb.token_queue  account, region, queue number, end of validity (ms), client token
====================  ================================================================================================

A slot is 2 bytes of a hash of the hash key: a scan goes in its order, and a segment of a parallel scan is a range of
slots. Items and index entries are written on every request, so their keys are joined here by hand: table's prefix and
slot are of fixed length, the rest is `lambent.kv.keys`' order-preserving form.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kv.keys import pack
from lambent.kv.table import Table

from .errors import no_table
from .expressions.keyconditions import KeyRange
from .model import Change, Counter, Index, Mark, Size, StreamRecord, TableRecord, Tail, Token
from .numbers import sort_bytes

tables = Table("dynamodb.table", TableRecord)
counters = Table("dynamodb.count", Counter)
collections = Table("dynamodb.collection", Size)
expiries = Table("dynamodb.ttl", Mark)
streams = Table("dynamodb.stream", StreamRecord)
tails = Table("dynamodb.tail", Tail)
changes = Table("dynamodb.change", Change)
tokens = Table("dynamodb.token", Token)
token_queues = Table("dynamodb.token_queue", Mark)

SLOTS: Final = 1 << 16
TOKEN_QUEUES: Final = 16
"""Queues that client tokens are spread over, so that transactions seldom meet at the head of one."""
_ITEMS: Final = pack(("dynamodb.item",))
_ENTRIES: Final = pack(("dynamodb.entry",))
_HEAD_BYTES: Final = 4
_FORMAT: Final = b"\x01"
_BEYOND: Final = b"\xff"
_JOINT: Final = b"\x01"
"""Stands before an item's key in an entry's: a slot may begin with any byte, and 0xff would be read as part of the key
before it."""


class Stored:
    """The stored form of an item: a format byte, its size by DynamoDB's rules (3 bytes), its JSON."""

    @staticmethod
    def write(json: bytes, size: int) -> bytes:
        """The stored form."""
        return _FORMAT + size.to_bytes(3, "big") + json

    @staticmethod
    def size(stored: bytes) -> int:
        """The size by DynamoDB's rules, in bytes."""
        return int.from_bytes(stored[1:_HEAD_BYTES], "big")

    @staticmethod
    def json(stored: bytes) -> bytes:
        """The item's JSON."""
        return stored[_HEAD_BYTES:]


def get_table(tx: Reader, account: str, region: str, name: str) -> TableRecord:
    """The table `name`; the data plane's error where there is none."""
    record = tables.get(tx, account, region, name)
    if record is None:
        raise no_table()
    return record


def named_table(tx: Reader, ctx: Context, name: str) -> TableRecord:
    """The caller's table `name`; the control plane's error where there is none."""
    record = tables.get(tx, ctx.account, ctx.region, name)
    if record is None:
        raise no_table(name)
    return record


def put_table(tx: Transaction, record: TableRecord) -> None:
    """Store a table."""
    tables.put(tx, record, record.account, record.region, record.name)


def key_bytes(value: Mapping[str, Any]) -> bytes:
    """A key attribute's value, in the order of its type: what `kv.keys.pack` makes of it."""
    ((kind, content),) = value.items()
    if kind == "S":
        return pack((content,))
    return sort_bytes(content) if kind == "N" else pack((b64decode(content),))


def slot_bytes(hash_key: bytes) -> bytes:
    """The slot of a hash key's bytes."""
    return crc32(hash_key).to_bytes(4, "big")[2:]


def item_key(table: TableRecord, key: Mapping[str, Any]) -> bytes:
    """The part of an item's key behind its table: slot, hash key, range key. `key` has the key attributes."""
    hash_key = key_bytes(key[table.hash])
    slot = crc32(hash_key).to_bytes(4, "big")[2:]
    return slot + hash_key + key_bytes(key[table.range]) if table.range else slot + hash_key


def prefixed(prefix: bytes) -> bytes:
    """What the keys of the items begin with that lie under a prefix: a table's, or a backup's."""
    return _ITEMS + prefix


def items_prefix(table: TableRecord) -> bytes:
    """What the keys of a table's items begin with."""
    return _ITEMS + table.prefix


def entries_prefix(table: TableRecord, index: Index) -> bytes:
    """What the keys of an index's entries begin with."""
    return _ENTRIES + table.prefix + index.number.to_bytes(2, "big")


def all_entries_prefix(table: TableRecord) -> bytes:
    """What the keys of the entries of all indexes of a table begin with."""
    return _ENTRIES + table.prefix


def entry_key(table: TableRecord, index: Index, item: Mapping[str, Any], own_key: bytes) -> bytes | None:
    """The whole key of an item's entry in an index; None where the item has not all of the index's keys. `own_key` is
    the item's `item_key`."""
    if index.hash not in item or (index.range and index.range not in item):
        return None
    hash_key = key_bytes(item[index.hash])
    middle = hash_key + key_bytes(item[index.range]) if index.range else hash_key
    return entries_prefix(table, index) + slot_bytes(hash_key) + middle + _JOINT + own_key


def after(prefix: bytes) -> bytes:
    """The first key behind all that begin with `prefix`."""
    trimmed = prefix.rstrip(_BEYOND)
    return trimmed[:-1] + bytes((trimmed[-1] + 1,))


def begins(value: Mapping[str, Any]) -> bytes:
    """What the bytes of all key values begin with that begin with a string or a binary."""
    return key_bytes(value)[:-1]


def slot_range(prefix: bytes, segment: int = 0, total: int = 1) -> tuple[bytes, bytes]:
    """The keys behind `prefix` (of items or entries) in a segment of a parallel scan: from, and up to."""
    first, behind = -(-SLOTS * segment // total), -(-SLOTS * (segment + 1) // total)
    ends = [prefix + slot.to_bytes(2, "big") if slot < SLOTS else after(prefix) for slot in (first, behind)]
    return ends[0], ends[1]


def key_range(prefix: bytes, hash_key: Mapping[str, Any], wanted: KeyRange) -> tuple[bytes, bytes]:
    """The keys behind `prefix` (of items or entries) that a query reads: from, and up to."""
    packed = key_bytes(hash_key)
    base = prefix + slot_bytes(packed) + packed
    if wanted.operator is None or wanted.low is None:
        return base, base + _BEYOND
    if wanted.operator == "begins_with":
        start = base + begins(wanted.low)
        return start, after(start)
    low = base + key_bytes(wanted.low)
    if wanted.operator == "BETWEEN":
        assert wanted.high is not None
        return low, base + key_bytes(wanted.high) + _BEYOND
    if wanted.operator == "=":
        return low, low + _BEYOND
    if wanted.operator in ("<", "<="):
        return base, low if wanted.operator == "<" else low + _BEYOND
    return (low if wanted.operator == ">=" else low + _BEYOND), base + _BEYOND


def put_stream(tx: Transaction, record: StreamRecord) -> None:
    """Store a stream."""
    streams.put(tx, record, record.account, record.region, record.table, record.label)


def remember_token(tx: Transaction, ctx: Context, text: str, record: Token) -> None:
    """Store a client token, and forget two that are over: so there are never many more than are valid."""
    owner = (ctx.account, ctx.region)
    queue = (*owner, crc32(text.encode()) % TOKEN_QUEUES)
    for key, _ in token_queues.scan(tx, *queue, limit=2):
        _, _, _, expires_ms, old = token_queues.parts(key)
        assert isinstance(expires_ms, int)
        if expires_ms <= ctx.now_ms:
            tx.delete(key)
            known = tokens.get(tx, *owner, old)
            if known is not None and known.expires_ms == expires_ms:
                tokens.delete(tx, *owner, old)
    tokens.put(tx, record, *owner, text)
    token_queues.put(tx, Mark(), *queue, record.expires_ms, text)


def stream_topic(prefix: bytes) -> bytes:
    """What whoever polls a stream listens to."""
    return b"dynamodb.stream:" + prefix


def purged_prefixes(prefix: bytes) -> tuple[bytes, ...]:
    """What the keys of everything begin with that a table holds (`prefix` is the table's)."""
    tables = (table.key(prefix) for table in (expiries, collections, counters))
    return (_ITEMS + prefix, _ENTRIES + prefix, *tables)
