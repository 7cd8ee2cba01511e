"""What scale costs: python -m bench.scale [--seconds N] [--most 1000000] [--only nodes|data|queue]

Three tables: one node on RocksDB, one and three on PostgreSQL; latency as a bucket grows from a thousand objects to a
million; and as an outbox grows from ten waiting events to a hundred thousand. The ratio of the last to the first row is
the figure. PostgreSQL is started from the installed packages with fsync on, for what is acknowledged must be durable.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from lambent.contracts.caller import root
from lambent.contracts.clock import SystemClock
from lambent.contracts.events import Event
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Settings, Store
from lambent.kv import outbox

from . import cases
from .server import cpu_s, lambent
from .signed import REGION, sign, write_script

ACCOUNT = "000000000000"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
DEPTHS = (10, 100, 1_000, 10_000, 100_000)
TARGET = "arn:aws:sqs:us-east-1:000000000000:none"
EVENT = Event(target=TARGET, payload=b"{}" * 50, source=TARGET, principal="x", account=ACCOUNT, region=REGION)
FUTURE_NS = 3600 * 10**9
Row = list[str]


@contextmanager
def postgres() -> Iterator[tuple[Callable[[], str], int]]:
    """A way to the URL of an empty store on a server of one's own, and the server's pid."""
    from tests.kv.postgres_cluster import find_binaries, started  # deferred: RocksDB's rows do without

    binaries = find_binaries()
    if binaries is None:
        sys.exit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with started(binaries) as cluster:
        cluster.execute("ALTER SYSTEM SET fsync = on")
        cluster.execute("ALTER SYSTEM SET full_page_writes = on")
        cluster.execute("SELECT pg_reload_conf()")
        yield cluster.schema, cluster.pid()


def family_cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    return sum(cpu_s(each) for each in (pid, *map(int, children)) if Path(f"/proc/{each}").exists())


# -- nodes ------------------------------------------------------------------------------------------------------------


def nodes(seconds: int) -> list[Row]:
    """Requests per second, and what one costs in CPU here and in PostgreSQL, by the number of nodes and the engine."""
    rows = []
    with tempfile.TemporaryDirectory() as name, postgres() as (schema, pid):
        for title, options in (
            ("one node, RocksDB", ()),
            ("one node, PostgreSQL", ("--store", "")),
            ("three nodes, PostgreSQL", ("--workers", "3", "--store", "")),
        ):
            folder = Path(name) / title.replace(" ", "-")
            folder.mkdir()
            given = [option or schema() for option in options]
            with lambent(folder, options=given) as server:
                cases.prepare_s3(server.url)
                for case in cases.S3_CASES[:2]:
                    script = write_script(folder, re.sub(r"\W+", "-", case.name), case.requests(server.url))
                    load(server.url, script, 1)
                    before = family_cpu_s(server.pid), family_cpu_s(pid)
                    count, rate, p50, p99 = load(server.url, script, seconds)
                    spent = family_cpu_s(server.pid) - before[0], family_cpu_s(pid) - before[1]
                    here, there = (share / max(count, 1) * 1e6 for share in spent)
                    rows.append(
                        [title, case.name, f"{rate:,.0f}", f"{here:,.0f}", f"{there:,.0f}", f"{p50:.2f}", f"{p99:.2f}"]
                    )
                    show(rows[-1])
    return rows


def load(url: str, script: Path, seconds: int) -> tuple[int, float, float, float]:
    """Replay the script's requests over 16 connections: requests, requests per second, p50 and p99 in ms."""
    command = ["wrk", "--latency", "-t2", "-c16", f"-d{seconds}s", "--timeout", "30s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        sys.exit(f"requests failed:\n{said}")
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0}
    middle, slow = (float(match[1]) * units[match[2]] for match in re.finditer(r"(?:50|99)%\s+([\d.]+)(us|ms|s)", said))
    count, rate = re.search(r"(\d+) requests in", said), re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert count is not None
    assert rate is not None
    return int(count[1]), float(rate[1]), middle, slow


# -- data -------------------------------------------------------------------------------------------------------------


def data(seconds: int, most: int, store: str) -> list[Row]:
    """Median latency in ms of one connection as a bucket grows: get, put and a list of ten."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        there = 0
        for size in (size for size in SIZES if size <= most):
            asyncio.run(fill(folder, store, there, size))
            there = size
            with lambent(folder, options=["--store", store] if store else []) as server:
                found = [one_by_one(server.url, folder, requests, seconds) for requests in data_cases(server.url, size)]
            rows.append(["PostgreSQL" if store else "RocksDB", f"{size:,}", *(f"{ms:.3f}" for ms in found)])
            show(rows[-1])
    rows.append(ratio(rows))
    return rows


async def fill(folder: Path, store: str, begin: int, end: int) -> None:
    """Put objects into the bucket without HTTP, as a node does; the keys are spread over the whole bucket."""
    from lambent import app, engines

    clock, ids = SystemClock(), Ids()
    settings = Settings(data=str(folder), store=store)
    cloud = app.Node(settings, clock, ids, await engines.open_engines(settings, clock, ids), app.Machine())
    caller = root(ACCOUNT)
    if begin == 0:
        await cloud.api.call(caller, REGION, "s3", "CreateBucket", {"Bucket": cases.BUCKET})

    async def some(numbers: range) -> None:
        for number in numbers:
            params = {"Bucket": cases.BUCKET, "Key": key(number), "Body": cases.SMALL}
            await cloud.api.call(caller, REGION, "s3", "PutObject", params)

    await asyncio.gather(*(some(range(begin + first, end, 16)) for first in range(16)))
    await cloud.stop()


def key(number: int) -> str:
    """The name of an object: neighbours in number lie far apart."""
    return f"{number * 2654435761 % 2**32:08x}/{number}"


def data_cases(url: str, size: int) -> Iterator[list[bytes]]:
    """Requests for get, put and list."""
    step = max(1, size // 1000)
    keys = [key(number) for number in range(0, size, step)][:1000]
    yield [sign("s3", "GET", f"{url}/{cases.BUCKET}/{each}") for each in keys]
    yield [sign("s3", "PUT", f"{url}/{cases.BUCKET}/{each}", cases.SMALL) for each in keys]
    lists = (f"{url}/{cases.BUCKET}?list-type=2&max-keys=10&start-after={each.replace('/', '%2F')}" for each in keys)
    yield [sign("s3", "GET", each) for each in lists]


def one_by_one(url: str, folder: Path, requests: list[bytes], seconds: int) -> float:
    """Median latency in ms of requests one after another."""
    script = write_script(folder, "one", requests)
    command = ["wrk", "--latency", "-t1", "-c1", f"-d{seconds}s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    match = re.search(r"50%\s+([\d.]+)(us|ms)", said)
    if match is None or "Non-2xx" in said:
        sys.exit(f"requests failed:\n{said}")
    return float(match[1]) * (0.001 if match[2] == "us" else 1.0)


# -- queue ------------------------------------------------------------------------------------------------------------


def queue(most: int, store: str) -> list[Row]:
    """Median microseconds of emitting, claiming and finishing an event while others wait in the outbox."""
    with tempfile.TemporaryDirectory() as name:
        rows = asyncio.run(_queue(Path(name), most, store))
    rows.append(ratio(rows))
    return rows


async def _queue(folder: Path, most: int, url: str) -> list[Row]:
    rows = []
    async with opened(folder, url) as store:
        there = 0
        for depth in (depth for depth in DEPTHS if depth <= most):
            while there < depth:
                count = min(500, depth - there)
                await store.write(lambda tx, count=count, first=there: wait_in_line(tx, first, count))  # type: ignore[misc]
                there += count
            steps: list[list[float]] = [[], [], []]
            for _ in range(100):  # statements are prepared, pages are read
                await once(store, [[], [], []])
            for _ in range(300):
                await once(store, steps)
            middle = [statistics.median(step) * 1e6 for step in steps]
            rows.append(["PostgreSQL" if url else "RocksDB", f"{depth:,}", *(f"{us:,.0f}" for us in middle)])
            show(rows[-1])
    return rows


def wait_in_line(tx: object, first: int, count: int) -> None:
    """Events that wait for a later time."""
    for number in range(first, first + count):
        at_ns = time.time_ns() + FUTURE_NS + number
        outbox.emit(tx, EVENT, f"waiting-{number}", time.time_ns(), at_ns, "node")  # type: ignore[arg-type]


async def once(store: Store, steps: list[list[float]]) -> None:
    """Emit an event that is due at once, claim it, and finish it."""
    id = os.urandom(8).hex()
    now_ns = time.time_ns()
    started = time.perf_counter()
    await store.write(lambda tx: outbox.emit(tx, EVENT, id, now_ns - 1, now_ns, "node"))
    emitted = time.perf_counter()
    (claimed,) = await store.write(lambda tx: outbox.claim(tx, time.time_ns(), 1, outbox.LEASE_NS, "node"))
    taken = time.perf_counter()
    assert await store.write(lambda tx: outbox.done(tx, claimed.key))
    ended = time.perf_counter()
    for step, spent in zip(steps, (emitted - started, taken - emitted, ended - taken), strict=True):
        step.append(spent)


@asynccontextmanager
async def opened(folder: Path, url: str) -> AsyncIterator[Store]:
    """A store alone, without a node."""
    from lambent import engines

    settings = Settings(data=str(folder), store=url)
    found = await engines.open_engines(settings, SystemClock(), Ids())
    try:
        yield found.store
    finally:
        await engines.close(found)


# -- tables -----------------------------------------------------------------------------------------------------------


def ratio(rows: list[Row]) -> Row:
    """The last row over the first."""
    values = [[float(cell.replace(",", "")) for cell in row[2:]] for row in (rows[0], rows[-1])]
    return [rows[0][0], "last : first", *(f"{last / first:.2f}" for first, last in zip(*values, strict=True))]


def show(row: Row) -> None:
    """A row as soon as it is known."""
    print(" ".join(row), file=sys.stderr, flush=True)


def table(head: str, rows: list[Row]) -> str:
    """Rows as a Markdown table; `head` is its columns, divided by |."""
    titles = head.split("|")
    lines = [titles, ["---"] * 2 + ["---:"] * (len(titles) - 2), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main() -> None:
    """Measure what the arguments say, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--seconds", type=int, default=3, help="how long each case is measured")
    parser.add_argument("--most", type=int, default=SIZES[-1], help="the largest number of objects")
    parser.add_argument("--only", default="", choices=("", "nodes", "data", "queue"))
    options = parser.parse_args()
    if options.only in ("", "nodes"):
        print(table("nodes|case|requests/s|CPU us, nodes|CPU us, PostgreSQL|p50 ms|p99 ms", nodes(options.seconds)))
    with postgres() as (schema, _):
        for store in ("", schema()):
            if options.only in ("", "data"):
                print()
                print(table("engine|objects|get ms|put ms|list ms", data(options.seconds, options.most, store)))
            if options.only in ("", "queue"):
                print()
                print(table("engine|waiting|emit us|claim us|done us", queue(DEPTHS[-1], store)), flush=True)


if __name__ == "__main__":
    main()
