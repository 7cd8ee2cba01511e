"""A throwaway PostgreSQL server: its data and its socket in a temporary folder, no port, no fsync."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from tests.kv.contract import Engine

SETTINGS = (
    "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=32MB "
    "-c max_pred_locks_per_transaction=256 -c max_pred_locks_per_page=64"
)
ACCESS = "local all locked scram-sha-256\nlocal all all trust\n"


def find_binaries() -> Path | None:
    """The folder of initdb and pg_ctl, the newest version's; None when PostgreSQL is not installed."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: int(path.parts[-3]), default=None)
    found = newest or shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class Cluster:
    """A running server. Each `schema()` is a database of its own as far as a store can see."""

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self._binaries = binaries
        self._folder = folder
        self._numbers = itertools.count(1)
        # The server refuses to run as root.
        self._as: dict[str, Any] = (
            {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        )

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs; its output only shows when it fails."""
        log = self._folder / "output"
        with log.open("ab") as output:
            done = subprocess.run(
                [self._binaries / program, "-D", self._folder / "data", *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self._folder, check=False, **self._as,
            )  # fmt: skip
        assert done.returncode == 0, log.read_text(errors="replace")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.run("pg_ctl", "start", "-w", "-s", "-o", f"{SETTINGS} -k {self._folder}", "-l", str(self._folder / "log"))

    def stop(self) -> None:
        """Stop the server at once, as a crash would."""
        self.run("pg_ctl", "stop", "-w", "-s", "-m", "immediate")

    def pid(self) -> int:
        """The server's process."""
        return int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def url(self, user: str = "admin", password: str = "", options: str = "") -> str:
        """A URL for the server's one database."""
        credentials = f"{user}:{password}" if password else user
        return f"postgresql://{credentials}@/postgres?host={quote(str(self._folder))}&options={quote(options)}"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator; returns its rows."""
        import psycopg  # deferred: an optional dependency

        with psycopg.connect(self.url(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def schema(self) -> str:
        """The URL of a new, empty schema."""
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE SCHEMA {name}")
        return self.url(options=f"-csearch_path={name}")


@contextmanager
def started(binaries: Path) -> Iterator[Cluster]:
    """A server that is gone afterwards, with its data."""
    user = None
    if os.geteuid() == 0:
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
    folder = Path(tempfile.mkdtemp(prefix="lambent-pg-"))
    try:
        if user:
            shutil.chown(folder, user)
        cluster = Cluster(binaries, folder, user)
        cluster.run("initdb", "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        (folder / "data" / "pg_hba.conf").write_text(ACCESS)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)


def postgres_engine(cluster: Cluster) -> Engine:
    """The engine on a new schema; checkpoints are restored into schemas of their own."""
    from lambent.kv.engines.postgres import PostgresStore  # deferred: an optional dependency

    url = cluster.schema()
    return Engine(
        open=lambda: PostgresStore(url, ManualClock(), Ids(1)),
        restore=lambda path: PostgresStore(cluster.schema(), ManualClock(), Ids(2), source=path),
        persistent=True,
    )
