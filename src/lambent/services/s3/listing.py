"""Walking the keys of a bucket in order, a page at a time.

Keys that share a common prefix are never walked through: the walk jumps to the first key behind them, so a listing
costs as much as what it returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import quote_plus

from lambent.contracts.ports import Reader
from lambent.kv.table import Table

from . import errors, keys
from .model import BucketRecord, ObjectRecord, UploadRecord, open_version

_CHUNK_MIN = 8
_CHUNK_MAX = 256

Row = ObjectRecord | UploadRecord


class Position(NamedTuple):
    """Where in the order of a listing a row stands; `seq` counts down among the versions of one key."""

    key: str
    order: int


class Cursor:
    """Rows of one table under one bucket, in order, fetched in chunks that grow; `seek` jumps forward."""

    def __init__(self, tx: Reader, table: Table[Any], bucket_id: str, prefix: str) -> None:
        self._tx = tx
        self._table = table
        self._bucket_id = bucket_id
        self._at = table.key(bucket_id, prefix)[:-1]
        self._end = self._at + b"\xff"
        self._rows: list[tuple[bytes, bytes]] = []
        self._next = 0
        self._chunk = _CHUNK_MIN
        self._done = False

    def peek(self) -> tuple[Position, Row] | None:
        """The row at the cursor; None behind the last."""
        if self._next >= len(self._rows) and not self._fetch():
            return None
        raw_key, raw = self._rows[self._next]
        parts = self._table.parts(raw_key)
        order = cast("int", parts[2]) if len(parts) > 2 else 0
        return Position(cast("str", parts[1]), order), self._table.decode(raw)

    def advance(self) -> None:
        """Go to the next row."""
        self._next += 1

    def behind_prefix(self, prefix: str) -> None:
        """Go to the first row whose key is behind all that begin with `prefix`."""
        self._seek(self._table.key(self._bucket_id, prefix)[:-1] + b"\xff")

    def at_key(self, key: str) -> None:
        """Go to the first row whose key is not before `key`."""
        self._seek(self._table.key(self._bucket_id, key))

    def behind_key(self, key: str) -> None:
        """Go to the first row of a key behind `key`."""
        self._seek(self._table.key(self._bucket_id, key) + b"\xff")

    def behind(self, key: str, order: int) -> None:
        """Go to the first row of `key` behind `order`, or of a later key."""
        self._seek(self._table.key(self._bucket_id, key, order) + b"\x00")

    def _seek(self, begin: bytes) -> None:
        while self._next < len(self._rows):
            if self._rows[self._next][0] >= begin:
                return
            self._next += 1
        self._at = max(self._at, begin)

    def _fetch(self) -> bool:
        if self._done or self._at >= self._end:
            return False
        self._rows = self._tx.scan(self._at, self._end, limit=self._chunk)
        self._next = 0
        if len(self._rows) < self._chunk:
            self._done = True
        self._chunk = min(self._chunk * 4, _CHUNK_MAX)
        if self._rows:
            self._at = self._rows[-1][0] + b"\x00"
        return bool(self._rows)


class Merged:
    """The current versions and all others of a bucket as one sequence: by key, the newest first."""

    def __init__(self, tx: Reader, bucket_id: str, prefix: str) -> None:
        self._current = Cursor(tx, keys.objects, bucket_id, prefix)
        self._others = Cursor(tx, keys.versions, bucket_id, prefix)
        self._last = self._current

    def peek(self) -> tuple[Position, Row] | None:
        """The row at the cursor; None behind the last."""
        one, other = self._current.peek(), self._others.peek()
        if one is None or other is None:
            self._last = self._others if one is None else self._current
            return other if one is None else self._ordered(one)
        one = self._ordered(one)
        self._last = self._current if one[0] < other[0] else self._others
        return min(one, other, key=lambda row: row[0])

    def advance(self) -> None:
        """Go to the row behind the one that `peek` gave."""
        self._last.advance()

    def behind_prefix(self, prefix: str) -> None:
        """Go behind all keys that begin with `prefix`."""
        self._current.behind_prefix(prefix)
        self._others.behind_prefix(prefix)

    def behind_key(self, key: str) -> None:
        """Go behind `key`."""
        self._current.behind_key(key)
        self._others.behind_key(key)

    def behind(self, key: str, order: int) -> None:
        """Go behind one version of `key`."""
        self._others.behind(key, order)
        self._current.at_key(key)
        row = self._current.peek()
        if row is not None and row[0].key == key and -row[1].seq <= order:
            self._current.advance()

    @staticmethod
    def _ordered(row: tuple[Position, Row]) -> tuple[Position, Row]:
        return Position(row[0].key, -row[1].seq), row[1]


class Page(NamedTuple):
    """One page: rows and common prefixes, in order each; whether there is more; and what came last: a row's position,
    or a common prefix with order 0."""

    rows: list[tuple[Position, Row]]
    prefixes: list[str]
    truncated: bool
    last: Position


def walk(cursor: Cursor | Merged, prefix: str, delimiter: str, limit: int) -> Page:
    """Collect up to `limit` rows and common prefixes."""
    rows: list[tuple[Position, Row]] = []
    prefixes: list[str] = []
    last = Position("", 0)
    if limit == 0:
        return Page(rows, prefixes, False, last)
    while (row := cursor.peek()) is not None:
        if len(rows) + len(prefixes) == limit:
            return Page(rows, prefixes, True, last)
        common = common_prefix(row[0].key, prefix, delimiter)
        if common:
            prefixes.append(common)
            cursor.behind_prefix(common)
            last = Position(common, 0)
        else:
            rows.append(row)
            cursor.advance()
            last = row[0]
    return Page(rows, prefixes, False, last)


def skip(cursor: Cursor | Merged, prefix: str, delimiter: str, marker: str) -> None:
    """Go behind `marker`; behind its whole common prefix when it lies in one, as that was listed before."""
    if not marker:
        return
    common = common_prefix(marker, prefix, delimiter)
    if common:
        cursor.behind_prefix(common)
    else:
        cursor.behind_key(marker)


def common_prefix(key: str, prefix: str, delimiter: str) -> str:
    """The common prefix that `key` is rolled up into; empty when it is shown itself."""
    if not delimiter or not key.startswith(prefix):
        return ""
    at = key.find(delimiter, len(prefix))
    return key[: at + len(delimiter)] if at >= 0 else ""


def limit_of(req: Mapping[str, Any], member: str = "MaxKeys", header: str = "max-keys") -> int:
    """How many entries a page may have; InvalidArgument."""
    asked: int = req.get(member, 1000)
    if not 0 <= asked <= 2_147_483_647:
        raise errors.InvalidArgument(
            f"Argument {member[0].lower()}{member[1:]} must be an integer between 0 and 2147483647",
            ArgumentName=header,
            ArgumentValue=str(asked),
        )
    return min(asked, 1000)


class Encoding:
    """How names are written: as they are, or URL-encoded. InvalidArgument for any other encoding."""

    def __init__(self, req: Mapping[str, Any]) -> None:
        asked = req.get("EncodingType")
        if asked is not None and asked != "url":
            raise errors.InvalidArgument(
                "Invalid Encoding Method specified in Request",
                ArgumentName="encoding-type",
                ArgumentValue=asked,
            )
        self.members: dict[str, str] = {} if asked is None else {"EncodingType": "url"}

    def __call__(self, text: str) -> str:
        """The name as the answer shows it."""
        return quote_plus(text, safe="/*") if self.members else text


def version_start(tx: Reader, bucket: BucketRecord, key: str, version: str) -> int | None:
    """The order (-seq) at which a version id stands among the versions of `key`; None when it is no version id."""
    if version == "null":
        current = keys.objects.get(tx, bucket.id, key)
        if current is not None and not current.version:
            return -current.seq
        null = keys.nulls.get(tx, bucket.id, key)
        return None if null is None else -null.seq
    seq = open_version(version)
    return None if seq is None else -seq
