"""Transactions on one connection to PostgreSQL.

Two things decide the shape:

- A serialisable transaction's snapshot is taken by its first query, *before* that query waits. A lock that is waited
  for inside the transaction would therefore always be followed by a conflict. So locks are the session's, are taken
  before BEGIN, and let go of after COMMIT.
- Round trips are what a transaction costs, so what can go together is sent as one: locks, BEGIN and the first read;
  the writes, COMMIT and the end of the locks.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

import psycopg

from lambent.kv.buffer import Rows
from lambent.kv.errors import StoreUnreachable

from .postgres_keys import LongKeys, Writes
from .postgres_setup import connect, one_line
from .postgres_wire import CONFLICT, SYNC, Answer, Command, Failed, Wire, array, number, same

PAGE_ROWS: Final = 2000

STATEMENTS: Final = {
    b"get": b"SELECT value FROM lambent_kv WHERE key = $1",
    b"up": b"SELECT key, value FROM lambent_kv WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3::bigint",
    b"down": b"SELECT key, value FROM lambent_kv WHERE key >= $1 AND key < $2 ORDER BY key DESC LIMIT $3::bigint",
    b"put": b"INSERT INTO lambent_kv (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[]) "
    b"ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    b"put one": b"INSERT INTO lambent_kv (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2",
    b"delete": b"DELETE FROM lambent_kv WHERE key = ANY($1::bytea[])",
    b"delete one": b"DELETE FROM lambent_kv WHERE key = $1",
    b"lock": b"SELECT pg_advisory_lock($1::bigint)",
    b"try lock": b"SELECT pg_try_advisory_lock($1::bigint)",
    b"unlock": b"SELECT pg_advisory_unlock_all()",
    b"begin": b"BEGIN",
    b"begin reading": b"BEGIN READ ONLY",
    b"begin survey": b"BEGIN READ ONLY DEFERRABLE",
    b"commit": b"COMMIT",
    b"rollback": b"ROLLBACK",
}
WRITE: Final = b"begin"
READ: Final = b"begin reading"
_UNLOCK: Final[Command] = (b"unlock", ())


class Session:
    """A connection and the transaction under way on it.

    `locks` are the ids of the advisory locks that it holds or asks for with its beginning; `generation` is its owner's
    mark of when it was opened. Opening it blocks, and raises `StoreUnreachable`.
    """

    def __init__(self, conninfo: str, generation: int = 0) -> None:
        self.generation = generation
        connection = connect(conninfo)
        try:
            self.wire = Wire(connection, STATEMENTS)
        except (Failed, psycopg.Error) as error:
            connection.close()
            raise StoreUnreachable(f"PostgreSQL cannot be used: {one_line(error)}") from error
        self.begun = False
        self.locks: set[int] = set()
        self._long = LongKeys()
        self._begin = READ
        self._alone: tuple[Command, Answer] | None = None

    def start(self, begin: bytes, locks: set[int]) -> None:
        """A transaction, which begins with its first read, or with its commit. `begin` names the statement."""
        self._begin = begin
        self._alone = None
        self.begun = False
        self.locks = set(locks)

    def get(self, key: bytes) -> bytes | None:
        """The committed value of `key` in this transaction's snapshot."""
        result = self._ask((b"get", (self._long.row(key),)))
        return result.get_value(0, 0) if result.ntuples else None

    def scan(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """Keys and values of `begin <= key < end` in this transaction's snapshot."""
        return self._long.scan(self._scan_rows, begin, end, limit, reverse)

    def _scan_rows(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Rows:
        """The table's rows of a range, fetched page by page."""
        found: Rows = []
        name = b"down" if reverse else b"up"
        while True:
            size = PAGE_ROWS if limit is None else min(PAGE_ROWS, limit - len(found))
            result = self._ask((name, (begin, end, number(size))))
            value = result.get_value
            page: Rows = [(value(row, 0), value(row, 1)) for row in range(result.ntuples)]  # type: ignore[misc]
            found += page
            if len(page) < size or len(found) == limit:
                return found
            if reverse:
                end = page[-1][0]
            else:
                begin = page[-1][0] + b"\x00"

    def _ask(self, query: Command) -> Answer:
        """A query's result. A reader's first query is a transaction of its own, in the hope that no other follows; if
        one does, it is asked again with that, in the transaction that is needed then, and has to say the same."""
        if self.begun:
            return self.wire.run((query,))[0]
        if self._begin != READ:
            return self.wire.run((*self._opening(), query))[-1]
        if self._alone is None:
            self._alone = query, self.wire.run((query,))[0]
            return self._alone[1]
        first, said = self._alone
        again, result = self.wire.run((*self._opening(), first, query))[-2:]
        if not same(said, again):
            raise Failed("another transaction came between two reads", CONFLICT)
        return result

    def _opening(self) -> list[Command]:
        """What has to go before the first command of a transaction; in the order of their ids nobody waits for locks
        in a circle."""
        if self.begun:
            return []
        self.begun = True
        locks: list[Command] = [(b"lock", (number(id),)) for id in sorted(self.locks)]
        return [*locks, SYNC, (self._begin, ())] if locks else [(self._begin, ())]

    def try_lock(self, id: int) -> bool:
        """Take a lock if it is free. The snapshot is taken after it, if this is the transaction's first command."""
        attempt: Command = (b"try lock", (number(id),))
        opening = self._opening()
        # A node that stops here is in a transaction then, which the server ends after a while, and the lock with it.
        results = self.wire.run((*opening[:-1], attempt, SYNC, *opening[-1:]) if opening else (attempt,))
        taken = results[-1 - len(opening[-1:])].get_value(0, 0) == b"\x01"
        if taken:
            self.locks.add(id)
        return taken

    def prepare(self, writes: Writes) -> Writes:
        """The rows to commit for `writes`."""
        return self._long.rows(writes, self._scan_rows)

    def commit(self, rows: Writes) -> None:
        """Apply what `prepare` returned and commit, in one round trip."""
        if not self.begun and not rows:
            return
        commands = self._opening()
        # In the order of their keys, so that no two transactions wait for each other's rows.
        for gone, group in groupby(sorted(rows.items()), key=lambda row: row[1] is None):
            batch = list(group)
            keys = [key for key, _ in batch]
            if gone:
                commands.append((b"delete one", keys) if len(keys) == 1 else (b"delete", (array(keys),)))
            elif len(keys) == 1:
                commands.append((b"put one", batch[0]))  # type: ignore[arg-type]
            else:
                commands.append((b"put", (array(keys), array([value or b"" for _, value in batch]))))
        commands.append((b"commit", ()))
        if self.locks:
            commands.append(_UNLOCK)
        self.wire.run(commands)
        self.begun = False
        self.locks.clear()

    def finish(self) -> None:
        """Leave the connection as it was: no transaction, no locks. A connection that cannot is closed."""
        if self.begun and not self.wire.lost:
            commands: list[Command] = [(b"rollback", ())]
            if self.locks:
                commands.append(_UNLOCK)
            try:
                self.wire.run(commands)
            except Failed:
                self.wire.close()
        self.begun = False
        self.locks.clear()
