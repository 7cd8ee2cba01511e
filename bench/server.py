"""The measured processes: starting Lambent on a fresh folder, and what a process costs in CPU and memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
READY_TIMEOUT_S = 30.0
FAILED = "FAILED"
"""What the note of a row says of which an answer failed."""


@dataclass(frozen=True)
class Server:
    """A running endpoint; `pid` 0 when its process cannot be seen. `ready_s` and `resident_mb` are of its start."""

    url: str
    pid: int
    ready_s: float = 0.0
    resident_mb: float = 0.0


@contextmanager
def lambent(folder: Path, durability: str = "normal", options: Sequence[str] = ()) -> Iterator[Server]:
    """Lambent on a data folder and a free port, with more `options` of `lambent up`; stopped at the end."""
    command = [sys.executable, "-m", "lambent", "up", "--port", "0", "--data", str(folder), "--durability", durability]
    command += options
    started = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    while line.startswith(("note ", "root key ")):
        line = process.stdout.readline()
    ready_s = time.perf_counter() - started
    match = re.match(r"ready (\S+)", line)
    if match is None:
        process.kill()
        raise SystemExit(f"Lambent did not start: {(folder / 'log').read_text()}")
    try:
        yield Server(match[1], process.pid, ready_s, resident_mb(process.pid))
    finally:
        process.terminate()
        process.wait(READY_TIMEOUT_S)


def cpu_s(pid: int) -> float:
    """CPU seconds that the process and its children that ended have used, in user and kernel mode; 0 for pid 0."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:13]) / _TICKS


def resident_mb(pid: int) -> float:
    """Resident memory of the process."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) / 1024 if match else 0.0


def listener(url: str) -> int:
    """The process that listens on the port of a local `url`; 0 when it cannot be found."""
    port = int(url.rsplit(":", 1)[1].rstrip("/"))
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    return 0
