"""One connection to PostgreSQL, its statements, and what its errors mean to the store.

Everything here blocks and belongs to a worker thread. Two things decide the shape:

- A serialisable transaction's snapshot is taken by its first statement, *before* that statement waits. A lock that is
  waited for inside the transaction would therefore always be followed by a conflict. So locks are the session's and are
  taken before BEGIN, and BEGIN is sent together with the first read.
- Round trips are what a transaction costs, so what can go together is sent as one pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Final, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lambent.kv.buffer import Rows
from lambent.kv.errors import StoreError, StoreTooNew, StoreUnreachable
from lambent.kv.folder import FORMAT

from .postgres_keys import LongKeys, Writes

PAGE_ROWS: Final = 2000
SETUP_LOCK: Final = 0x4C414D42
COPY_CHUNK_BYTES: Final = 1 << 16

# A sequential scan (which the planner prefers in small tables) would lock the whole table against conflicts, so that
# every writer would collide with every reader. Generic plans save planning: there is only the one index to use. A node
# that is stopped in the middle of a transaction loses it, and its locks with it.
_OPTIONS: Final = (
    "-c default_transaction_isolation=serializable -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c plan_cache_mode=force_generic_plan -c jit=off -c idle_in_transaction_session_timeout=10s"
)
_DEFAULTS: Final = {
    "connect_timeout": "5",
    # A server that vanishes without a word is noticed within about ten seconds, by who waits for it too.
    "tcp_user_timeout": "10000",
    "keepalives_idle": "4",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "application_name": "lambent",
}

_GET: Final = "SELECT value FROM lambent_kv WHERE key = %b"
_UP: Final = "SELECT key, value FROM lambent_kv WHERE key >= %b AND key < %b ORDER BY key LIMIT %b"
_DOWN: Final = "SELECT key, value FROM lambent_kv WHERE key >= %b AND key < %b ORDER BY key DESC LIMIT %b"
_PUT: Final = (
    "INSERT INTO lambent_kv (key, value) SELECT * FROM unnest(%b::bytea[], %b::bytea[]) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_DELETE: Final = "DELETE FROM lambent_kv WHERE key = ANY(%b::bytea[])"
_BEGIN_READ: Final = "BEGIN READ ONLY"
_BEGIN_WRITE: Final = "BEGIN"
_COPY_OUT: Final = "COPY (SELECT key, value FROM lambent_kv ORDER BY key) TO STDOUT (FORMAT binary)"
_COPY_IN: Final = "COPY lambent_kv (key, value) FROM STDIN (FORMAT binary)"


def one_line(error: BaseException) -> str:
    """An error of the driver, without line breaks."""
    return " ".join(str(error).split())


def complete(url: str) -> str:
    """`url` with what every connection of a store needs; `StoreUnreachable` when it is not a PostgreSQL URL."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's message may quote the URL, and with it the password.
        raise StoreUnreachable("the store's address is not one that PostgreSQL understands") from None
    options = f"{given.get('options') or ''} {_OPTIONS}".strip()
    return make_conninfo("", **{**_DEFAULTS, **given, "options": options})


def connect(conninfo: str) -> psycopg.Connection:
    """A new connection; `StoreUnreachable` says in one line why there is none."""
    try:
        return psycopg.connect(conninfo, autocommit=True)
    except psycopg.Error as error:
        raise StoreUnreachable(f"{_place(conninfo)} cannot be reached: {one_line(error)}") from error


def prepare_database(conninfo: str, source: str = "") -> None:
    """Make the tables if there are none, in one transaction, and fill them from the checkpoint in `source`.

    Raises `StoreTooNew` for tables of a newer program, `StoreError` when a checkpoint meets a store that is not empty.
    """
    with connect(conninfo) as connection:
        try:
            _prepare(connection, conninfo, source)
        except psycopg.Error as error:
            raise StoreUnreachable(f"{_place(conninfo)} cannot be used: {one_line(error)}") from error


def _prepare(connection: psycopg.Connection, conninfo: str, source: str) -> None:
    # Nodes that start together wait here for each other; read committed, so that the later one sees the tables.
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (SETUP_LOCK,))
        found = connection.execute("SELECT to_regclass('lambent_format')").fetchone()
        if found is None or found[0] is None:
            connection.execute("CREATE TABLE lambent_kv (key bytea PRIMARY KEY, value bytea NOT NULL)")
            connection.execute("CREATE TABLE lambent_format (version integer NOT NULL)")
            connection.execute("INSERT INTO lambent_format VALUES (%s)", (FORMAT,))
        else:
            row = connection.execute("SELECT max(version) FROM lambent_format").fetchone()
            version = row[0] if row else None
            if version is None or version > FORMAT:
                raise StoreTooNew(f"{_place(conninfo)} has format {version}; this program knows formats up to {FORMAT}")
        if source:
            if connection.execute("SELECT 1 FROM lambent_kv LIMIT 1").fetchone() is not None:
                raise StoreError(f"{_place(conninfo)} is not empty; a checkpoint is restored into an empty store")
            _copy_in(connection, Path(source))


def _copy_in(connection: psycopg.Connection, path: Path) -> None:
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(_COPY_IN) as copy:
        while chunk := file.read(COPY_CHUNK_BYTES):
            copy.write(chunk)


def _place(conninfo: str) -> str:
    given = conninfo_to_dict(conninfo)
    host, name = given.get("host") or "the default host", given.get("dbname") or given.get("user") or "default"
    return f"the PostgreSQL database {name} on {host}"


class Session:
    """A connection and the transaction under way on it.

    `locks` are the ids of the advisory locks that it holds; `generation` is its owner's mark of when it was opened.
    """

    def __init__(self, conninfo: str, generation: int = 0) -> None:
        self.generation = generation
        self._connection = connect(conninfo)
        self._cursor = self._connection.cursor(binary=True)
        self._long = LongKeys()
        self._writing = False
        self.begun = False
        self.locks: set[int] = set()

    @property
    def lost(self) -> bool:
        """Whether the connection is gone."""
        return self._connection.closed

    def start(self, writing: bool) -> None:
        """A transaction begins with its first read, or with its commit."""
        self._writing = writing
        self.begun = False

    def get(self, key: bytes) -> bytes | None:
        """The committed value of `key` in this transaction's snapshot."""
        row = self._query(_GET, (self._long.row(key),)).fetchone()
        return None if row is None else cast("bytes", row[0])

    def scan(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """Keys and values of `begin <= key < end` in this transaction's snapshot."""
        return self._long.scan(self._scan_rows, begin, end, limit, reverse)

    def _scan_rows(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """The table's rows of a range, fetched page by page."""
        found: Rows = []
        while True:
            size = PAGE_ROWS if limit is None else min(PAGE_ROWS, limit - len(found))
            page = cast("Rows", self._query(_DOWN if reverse else _UP, (begin, end, size)).fetchall())
            found += page
            if len(page) < size or len(found) == limit:
                return found
            if reverse:
                end = page[-1][0]
            else:
                begin = page[-1][0] + b"\x00"

    def _query(self, query: str, parameters: tuple[object, ...]) -> psycopg.Cursor:
        if self.begun:
            return self._cursor.execute(query, parameters, prepare=True)
        with self._together():
            self.begin()
            self._cursor.execute(query, parameters, prepare=True)
        return self._cursor

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Send what is executed inside as one; raises the first error of it."""
        first: psycopg.Error | None = None
        try:
            with self._connection.pipeline():
                # Kept from the pipeline, which would log that what followed the error was not done either.
                try:
                    yield
                except psycopg.Error as error:
                    first = error
        except psycopg.Error as error:
            raise first or error from None
        if first is not None:
            raise first

    def begin(self) -> None:
        """Begin the transaction if no read has."""
        if not self.begun:
            self.begun = True
            self._connection.execute(_BEGIN_WRITE if self._writing else _BEGIN_READ)

    def prepare(self, writes: Writes) -> Writes:
        """The rows to commit for `writes`. Apart from the commit, so that a connection that is found dead here is not
        taken for a commit of unknown outcome."""
        if not writes:
            return writes
        self.begin()
        return self._long.rows(writes, self._scan_rows)

    def commit(self, rows: Writes) -> None:
        """Apply what `prepare` returned and commit, in one round trip."""
        if not self.begun:
            return
        with self._together():
            # In the order of their keys, so that no two transactions wait for each other's rows.
            for gone, group in groupby(sorted(rows.items()), key=lambda row: row[1] is None):
                batch = list(group)
                keys = [key for key, _ in batch]
                if gone:
                    self._cursor.execute(_DELETE, (keys,), prepare=True)
                else:
                    self._cursor.execute(_PUT, (keys, [value for _, value in batch]), prepare=True)
            self._connection.execute("COMMIT")
        self.begun = False

    def lock(self, ids: Iterable[int]) -> None:
        """Wait for locks, outside of a transaction, in the order of their ids (so that nobody waits in a circle)."""
        for id in sorted(set(ids) - self.locks):
            self._connection.execute("SELECT pg_advisory_lock(%s::bigint)", (id,), prepare=True)
            self.locks.add(id)

    def try_lock(self, id: int) -> bool:
        """Take a lock if it is free."""
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s::bigint)", (id,), prepare=True).fetchone()
        if row is None or not row[0]:
            return False
        self.locks.add(id)
        return True

    def finish(self) -> None:
        """Leave the connection as it was: no transaction, no locks. A connection that cannot is closed."""
        try:
            if self.begun and not self.lost:
                self.begun = False
                self._connection.execute("ROLLBACK")
            if self.locks and not self.lost:
                self._connection.execute("SELECT pg_advisory_unlock_all()")
        except psycopg.Error:
            self._connection.close()
        self.begun = False
        self.locks.clear()

    def copy_out(self, path: Path) -> None:
        """Write all rows to the new file `path`, from a snapshot that fits into the serial order."""
        # Deferrable: waits until no transaction under way can make the snapshot an anomaly, then never conflicts.
        with self._connection.transaction():
            self._connection.execute(sql.SQL("SET TRANSACTION READ ONLY, DEFERRABLE"))
            with path.open("xb") as file, self._connection.cursor() as cursor, cursor.copy(_COPY_OUT) as copy:
                for chunk in copy:
                    file.write(chunk)

    def close(self) -> None:
        """Hang up. May be called twice."""
        self._connection.close()
