"""The faults. Each is done to a rig under load, and returns when it began and ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psycopg

from tests.history.operations import now_ns

from .figures import Outage
from .rig import Rig

SLEEP_S = 20.0
CUT_S = 15.0
FULL_S = 15.0
REFILL_S = 0.02
SEGMENTS_MAX = 300
"""More than a disk of a drill holds."""
AWAY_S = 5.0
"""How long a node that was killed is away."""


def kill_node(rig: Rig, away_s: float = AWAY_S) -> Outage:
    """SIGKILL of a node; it joins again some seconds later."""
    ended = now_ns()
    rig.nodes[-1].end(signal.SIGKILL)
    outage = Outage(begun_ns=ended, ended_ns=ended, ended_s=time.time())
    time.sleep(away_s)
    rig.nodes[-1].start()
    return outage


def kill_all_nodes(rig: Rig) -> Outage:
    """SIGKILL of each node, one back before the next goes, and of a process with transactions under way."""
    begun = now_ns()
    rig.transactors[-1].send(signal.SIGKILL)
    for node in rig.nodes:
        node.end(signal.SIGKILL)
        ended, ended_s = now_ns(), time.time()
        time.sleep(AWAY_S)
        node.start()
    return Outage(begun_ns=begun, ended_ns=ended, ended_s=ended_s)


def stop_node(rig: Rig, sleep_s: float = SLEEP_S) -> Outage:
    """SIGSTOP of a node for longer than its leases hold, and of a process in the middle of its transactions."""
    node, transactor = rig.nodes[-1], rig.transactors[-1]
    begun = now_ns()
    node.send(signal.SIGSTOP)
    transactor.send(signal.SIGSTOP)
    time.sleep(sleep_s)
    node.send(signal.SIGCONT)
    transactor.send(signal.SIGCONT)
    return Outage(begun_ns=begun, ended_ns=now_ns(), ended_s=time.time(), sleeper=node.url)


def cut_node(rig: Rig, cut_s: float = SLEEP_S) -> Outage:
    """The cable of a node is pulled for longer than its leases hold: it runs on, and reaches nobody."""
    outage = _cut(rig, rig.nodes[-1].name, cut_s)
    return msgspec.structs.replace(outage, sleeper=rig.nodes[-1].url)


def restart_database(rig: Rig) -> Outage:
    """PostgreSQL crashes and is started again at once."""
    begun = now_ns()
    rig.postgres.stop("immediate")
    rig.postgres.start()
    return Outage(begun_ns=begun, ended_ns=now_ns(), ended_s=time.time())


def cut_database(rig: Rig, cut_s: float = CUT_S) -> Outage:
    """The cable to PostgreSQL is pulled for a while."""
    return _cut(rig, "pg", cut_s)


def cut_blobs(rig: Rig, cut_s: float = CUT_S) -> Outage:
    """The cable to the object store is pulled for a while."""
    return _cut(rig, "s3", cut_s)


def _cut(rig: Rig, host: str, cut_s: float) -> Outage:
    begun = now_ns()
    rig.hosts[host].cut()
    time.sleep(cut_s)
    rig.hosts[host].mend()
    return Outage(begun_ns=begun, ended_ns=now_ns(), ended_s=time.time())


def fill_database_disk(rig: Rig, disk: Path) -> Outage:
    """PostgreSQL's disk is full for a while: tables cannot grow."""
    begun = now_ns()
    with filled(disk):
        time.sleep(FULL_S)
    return Outage(begun_ns=begun, ended_ns=now_ns(), ended_s=time.time())


def fill_log_disk(rig: Rig, disk: Path) -> Outage:
    """PostgreSQL's disk is full, and the files of its log are used up: it gives up, and is started again when there is
    space, as one does."""
    begun = now_ns()
    with filled(disk):
        with suppress(psycopg.Error):
            for _ in range(SEGMENTS_MAX):
                # A statement that writes, for an empty segment is not switched.
                rig.postgres.execute("SELECT pg_logical_emit_message(false, '', ''), pg_switch_wal()")
        time.sleep(max(0.0, FULL_S - (now_ns() - begun) / 1e9))
    if not rig.postgres.runs():
        rig.postgres.start()
    return Outage(begun_ns=begun, ended_ns=now_ns(), ended_s=time.time())


def fill_own_disk(rig: Rig, disk: Path) -> Outage:
    """The disk of the embedded engine's folder is full for a while. A node that gave up is started again."""
    begun = now_ns()
    with filled(disk):
        time.sleep(FULL_S)
    if rig.nodes[0].ended:
        rig.nodes[0].end()
        rig.nodes[0].start()
    return Outage(begun_ns=begun, ended_ns=now_ns(), ended_s=time.time())


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not one block is free on `disk`, whatever is removed meanwhile."""
    filler = disk / "filler"
    over = threading.Event()
    with filler.open("wb", buffering=0) as file:
        _fill(file.fileno())
        thread = threading.Thread(target=_keep_full, args=(file.fileno(), over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
    filler.unlink()


def _keep_full(descriptor: int, over: threading.Event) -> None:
    while not over.wait(REFILL_S):
        _fill(descriptor)


def _fill(descriptor: int) -> None:
    """Write until nothing goes in any more."""
    for piece in (bytes(1 << 20), bytes(1 << 12)):
        with suppress(OSError):
            while True:
                os.write(descriptor, piece)


@contextmanager
def small_disk(size_mb: int) -> Iterator[Path | None]:
    """A file system of its own of so many megabytes; None where this machine does not let us have one."""
    folder = Path(tempfile.mkdtemp(prefix="lambent-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=755", "lambent-drill", str(folder)]
    mounted = shutil.which("mount") and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()
