"""What happens once per database or connection: addresses, connecting, making the tables, copying them out and in.

Everything here blocks, and runs in a thread, or before there is an event loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from lambent.kv.errors import StoreError, StoreTooNew, StoreUnreachable
from lambent.kv.folder import FORMAT

SETUP_LOCK: Final = 0x4C414D42
COPY_CHUNK_BYTES: Final = 1 << 16

# A sequential scan (which the planner prefers in small tables) would lock the whole table against conflicts, so that
# every writer would collide with every reader. Generic plans save planning: there is only the one index to use. A node
# that is stopped in the middle of a transaction loses it, and its locks with it.
_OPTIONS: Final = (
    "-c default_transaction_isolation=serializable -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c plan_cache_mode=force_generic_plan -c jit=off -c idle_in_transaction_session_timeout=5s"
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

# Room in each page keeps a row that is updated in its page, so that its index entry stays: new entries conflict with
# whoever read that page of the index. Queues leave dead rows at their heads, so cleaning begins early.
_TABLE: Final = (
    "CREATE TABLE lambent_kv (key bytea PRIMARY KEY, value bytea NOT NULL) "
    "WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000)"
)
_MAY_WRITE: Final = (
    "SELECT bool_and(has_table_privilege('lambent_kv', may)) "
    "FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS may"
)
_COPY_OUT: Final = "COPY (SELECT key, value FROM lambent_kv ORDER BY key) TO STDOUT (FORMAT binary)"
_COPY_IN: Final = "COPY lambent_kv (key, value) FROM STDIN (FORMAT binary)"


def one_line(error: BaseException) -> str:
    """An error of the driver, without line breaks."""
    return " ".join(str(error).split())


def complete(url: str) -> str:
    """`url` with what every connection of a store needs; `StoreUnreachable` when it is not a PostgreSQL URL."""
    credentials, at, _ = url.partition("://")[2].partition("?")[0].rpartition("@")
    if at and any(character in credentials for character in "@/"):
        # PostgreSQL would take the end of the password for a host, and name it in its message.
        raise StoreUnreachable("in the store's address, an @ or / of the user or the password is written %40 or %2F")
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


def prepare_database(conninfo: str, source: str = "", *, make: bool = True) -> None:
    """Make the tables if there are none, in one transaction, and fill them from the checkpoint in `source`.

    Raises `StoreTooNew` for tables of a newer program, `StoreError` when a checkpoint meets a store that is not empty,
    and when there are no tables and `make` is False.
    """
    with connect(conninfo) as connection:
        try:
            _prepare(connection, conninfo, source, make)
        except psycopg.Error as error:
            raise StoreUnreachable(f"{_place(conninfo)} cannot be used: {one_line(error)}") from error


def _prepare(connection: psycopg.Connection, conninfo: str, source: str, make: bool) -> None:
    # Nodes that start together wait here for each other; read committed, so that the later one sees the tables.
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (SETUP_LOCK,))
        found = connection.execute("SELECT to_regclass('lambent_format')").fetchone()
        if found is None or found[0] is None:
            if not make:
                raise StoreError(f"{_place(conninfo)} holds no cloud, and this node belongs to one")
            connection.execute(_TABLE)
            connection.execute("CREATE TABLE lambent_format (version integer NOT NULL)")
            connection.execute("INSERT INTO lambent_format VALUES (%s)", (FORMAT,))
        else:
            row = connection.execute("SELECT max(version) FROM lambent_format").fetchone()
            version = row[0] if row else None
            if version is None or version > FORMAT:
                raise StoreTooNew(f"{_place(conninfo)} has format {version}; this program knows formats up to {FORMAT}")
            may = connection.execute(_MAY_WRITE).fetchone()
            if may is None or not may[0]:
                raise StoreError(f"{_place(conninfo)} may only be read by this role; nodes write to it")
        if source:
            if connection.execute("SELECT 1 FROM lambent_kv LIMIT 1").fetchone() is not None:
                raise StoreError(f"{_place(conninfo)} is not empty; a checkpoint is restored into an empty store")
            _copy_in(connection, Path(source))


def copy_out(conninfo: str, path: Path) -> None:
    """Write all rows to the new file `path`, from a snapshot that fits into the serial order."""
    # Deferrable: waits until no transaction under way can make the snapshot an anomaly, then never conflicts.
    with connect(conninfo) as connection, connection.transaction():
        connection.execute(sql.SQL("SET TRANSACTION READ ONLY, DEFERRABLE"))
        with path.open("xb") as file, connection.cursor() as cursor, cursor.copy(_COPY_OUT) as copy:
            for chunk in copy:
                file.write(chunk)


def _copy_in(connection: psycopg.Connection, path: Path) -> None:
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(_COPY_IN) as copy:
        while chunk := file.read(COPY_CHUNK_BYTES):
            copy.write(chunk)


def _place(conninfo: str) -> str:
    given = conninfo_to_dict(conninfo)
    host, name = given.get("host") or "the default host", given.get("dbname") or given.get("user") or "default"
    return f"the PostgreSQL database {name} on {host}"
