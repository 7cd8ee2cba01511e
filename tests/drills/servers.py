"""What a drill starts on its hosts: PostgreSQL, SeaweedFS, nodes."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.e2e.node import REGION, RUNTIMES
from tests.kv.postgres_cluster import find_binaries

from .hosts import Host, free_port

START_TIMEOUT_S = 60.0
BUCKET = "bodies"
PROBE_BYTES = 100_000
"""More than SeaweedFS keeps with the name: its first volumes are there once this is stored."""
_SETTINGS = (
    "-c max_connections=200 -c shared_buffers=64MB -c max_wal_size=256MB -c min_wal_size=2MB -c wal_recycle=off "
    "-c restart_after_crash=on"
)
_ACCESS = "local all all trust\nhost all all all trust\n"


class Postgres:
    """A PostgreSQL server with its data in `folder`, which syncs its log as one in earnest does."""

    def __init__(self, host: Host, folder: Path) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql")
        self._binaries = binaries
        self._folder = folder
        self._port = free_port()
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
        # The server refuses to run as root.
        as_user = ("setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups")
        self._command = (*host.command, *(as_user if os.geteuid() == 0 else ()))
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        self._run("initdb", "-U", "admin", "-A", "trust", "-E", "UTF8", "--locale=C", "--wal-segsize=1")
        (folder / "data" / "pg_hba.conf").write_text(_ACCESS)
        self.start()
        address, port = host.reach(self._port)
        self.url = f"postgresql://admin@{address}:{port}/postgres"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"{_SETTINGS} -c listen_addresses=* -p {self._port} -k {self._folder}"
        self._run("pg_ctl", "start", "-w", "-s", "-o", options, "-l", str(self._folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; `immediate` is as a crash."""
        self._run("pg_ctl", "stop", "-w", "-s", "-m", mode)

    def save(self) -> None:
        """Keep a copy of the data, while the server is stopped."""
        subprocess.run(["cp", "-a", self._folder / "data", self._folder / "saved"], check=True)

    def forget(self) -> None:
        """Go back to the copy, while the server is stopped."""
        shutil.rmtree(self._folder / "data")
        (self._folder / "saved").rename(self._folder / "data")

    def runs(self) -> bool:
        """Whether there is a server process."""
        return self._call("pg_ctl", "status").returncode == 0

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the administrator, not over the network; returns its rows."""
        import psycopg  # deferred: an optional dependency

        with psycopg.connect(
            f"postgresql://admin@/postgres?host={self._folder}&port={self._port}", autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def log(self) -> str:
        """What the server wrote."""
        return (self._folder / "log").read_text(errors="replace")

    def _run(self, program: str, *arguments: str) -> None:
        done = self._call(program, *arguments)
        assert done.returncode == 0, (self._folder / "output").read_text(errors="replace")

    def _call(self, program: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        with (self._folder / "output").open("ab") as output:
            return subprocess.run(
                [*self._command, str(self._binaries / program), "-D", str(self._folder / "data"), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self._folder, check=False,
            )  # fmt: skip


class Seaweed:
    """SeaweedFS with its S3 door: master, volume, filer and gateway in one process."""

    def __init__(self, host: Host, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        master, volume, filer, s3 = (free_port() for _ in range(4))
        log = (folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                *host.command, str(Path(sys.prefix) / "bin" / "weed"), "server", "-s3", f"-dir={folder}",
                f"-ip={host.address}", "-ip.bind=0.0.0.0", f"-master.port={master}", f"-volume.port={volume}",
                f"-filer.port={filer}", f"-s3.port={s3}", "-master.volumeSizeLimitMB=64", "-volume.max=40",
                "-volume.minFreeSpace=1", "-master.telemetry=false", "-iam=false",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        address, port = host.reach(s3)
        self.endpoint = f"http://{address}:{port}"
        self.url = f"s3://{BUCKET}?endpoint={self.endpoint}&region={REGION}&access_key=drill&secret_key=drill"
        self._make_bucket()

    def _make_bucket(self) -> None:
        client = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=REGION,
            aws_access_key_id="drill", aws_secret_access_key="drill",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=10),
        )  # fmt: skip
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                client.create_bucket(Bucket=BUCKET)
                client.put_object(Bucket=BUCKET, Key="probe", Body=bytes(PROBE_BYTES))
                client.delete_object(Bucket=BUCKET, Key="probe")
                return
            except (BotoCoreError, ClientError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def stop(self) -> None:
        """End it, without the quarter of a minute that it takes to stop in order."""
        self._process.kill()
        self._process.wait()


class Node:
    """A process of `lambent up` on a host. On a host of its own the first of a cloud has the root user's `key`."""

    def __init__(self, host: Host, folder: Path, *options: str) -> None:
        self.name = host.name
        self.url = ""
        self.key: tuple[str, str] | None = None
        self._host = host
        self._folder = folder
        self._options = options
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        RUNTIMES.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "runtimes").exists():
            (folder / "runtimes").symlink_to(RUNTIMES)

    def start(self) -> Node:
        """Start, and wait for the ready line; after the first time on the same port."""
        serving = ["--host", self._host.address, "--auth", "strict"] if self._host.real else []
        command = [
            *self._host.command, sys.executable, "-m", "lambent", "up", "--port", str(self._port),
            "--data", str(self._folder), *serving, *self._options,
        ]  # fmt: skip
        with (self._folder / "test.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        impatience = threading.Timer(START_TIMEOUT_S, self._process.kill)
        impatience.start()
        try:
            for line in self._process.stdout:
                if match := re.match(r"root key .*KEY_ID=(\S+) .*ACCESS_KEY=(\S+)", line):
                    self.key = (match[1], match[2])
                if match := re.match(r"ready (\S+):(\d+)", line):
                    self.url, self._port = f"{match[1]}:{match[2]}", int(match[2])
                    return self
        finally:
            impatience.cancel()
        raise AssertionError(f"{self.name} did not start: {self.log()[-2000:]}")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal that ends it, and wait; a node that has ended is left alone."""
        if self._process is not None:
            self._process.send_signal(number)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    @property
    def ended(self) -> bool:
        """Whether the process is gone by itself."""
        return self._process is None or self._process.poll() is not None

    def log(self) -> str:
        """What the node wrote to standard error."""
        return (self._folder / "test.log").read_text(errors="replace")


def eventually(look: Callable[[], bool], timeout_s: float) -> bool:
    """Whether `look` becomes true in time."""
    deadline = time.monotonic() + timeout_s
    while not look():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
