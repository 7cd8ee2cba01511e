"""Measure the store under contention: python -m bench.contention [--seconds N] [--only TEXT] [--url URL]

One, two and three processes work on one PostgreSQL database, as nodes do. Without `--url` a server is started from the
installed packages, without fsync. A row: operations a second, runs thrown away per commit, latency of the middle and
the slowest hundredth, and CPU microseconds per operation here and in the server.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop

from .contention_work import CASES, work

HEAD = ["case", "processes", "operations/s", "retries", "p50 ms", "p99 ms", "client us", "server us"]
TICKS_S = os.sysconf("SC_CLK_TCK")


def measure(url: str, server_pid: int, case: str, processes: int, seconds: float) -> list[str]:
    """One row of the table."""
    command = [sys.executable, "-m", "bench.contention", "--work", case, "--url", url, "--seconds", str(seconds)]
    workers = [
        subprocess.Popen([*command, "--share", f"{number}/{processes}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for number in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n", f"{case}: a worker failed"
    before_s = _server_cpu_s(server_pid)
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write(b"go\n")
        worker.stdin.flush()
    found: list[dict[str, Any]] = []
    for worker in workers:
        assert worker.stdout is not None
        found.append(json.loads(worker.stdout.readline()))
    server_s = _server_cpu_s(server_pid) - before_s
    for worker in workers:
        worker.communicate(b"end\n")
    taken_ms = sorted(ms for result in found for ms in result["taken_ms"])
    done = len(taken_ms)
    conflicts, commits = (sum(result[name] for result in found) for name in ("conflicts", "commits"))
    if not done:
        return [case, str(processes), "0", "", "", "", "", ""]
    return [
        case,
        str(processes),
        f"{done / seconds:,.0f}",
        f"{conflicts / max(commits, 1):.2f}",
        f"{taken_ms[done // 2]:.1f}",
        f"{taken_ms[min(done - 1, done * 99 // 100)]:.1f}",
        f"{sum(result['cpu_s'] for result in found) / done * 1e6:,.0f}",
        f"{server_s / done * 1e6:,.0f}" if server_pid else "?",
    ]


def _server_cpu_s(pid: int) -> float:
    """CPU seconds of the server's processes so far; those that have ended count as long as the server is asked."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if pid and int(fields[1]) == pid:
            total += int(fields[11]) + int(fields[12])
    return total / TICKS_S


@contextmanager
def _server(url: str) -> Iterator[tuple[Any, int]]:
    """A way to get an empty schema's URL, and the server's pid (0: not known)."""
    if url:
        yield (lambda: url), 0
        return
    from tests.kv.postgres_cluster import find_binaries, started  # deferred: only for a server of one's own

    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed; name a database with --url")
    with started(binaries) as cluster:
        yield cluster.schema, cluster.pid()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.contention", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--processes", default="1,2,3")
    parser.add_argument("--url", default="")
    parser.add_argument("--work", default="", help=argparse.SUPPRESS)
    parser.add_argument("--share", default="0/1", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        number, _, count = options.share.partition("/")
        uvloop.run(work(options.work, options.url, options.seconds, int(number), int(count)))
        return
    rows = [HEAD]
    with _server(options.url) as (schema, pid):
        for case in CASES:
            if options.only in case:
                for processes in map(int, options.processes.split(",")):
                    rows.append(measure(schema(), pid, case, processes, options.seconds))
                    print("| " + " | ".join(rows[-1]) + " |", flush=True)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
