"""What bodies cost in files, in an S3 store and in the store itself, measured in one run.

`python -m tests.blobs.speed` prints, for each kind, the processor time of this process per body of 100 KB written and
read, one after another and 16 at once, and how fast 64 MB go in and come out (md5 and crc64nvme computed, as S3 does).
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import uvloop

from lambent.blobs.chunks import StoreBlobs
from lambent.blobs.files import FileBlobs
from lambent.contracts.clock import SystemClock
from lambent.contracts.http import FileSlice
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Blobs
from lambent.kv.engines.postgres import PostgresStore
from tests.blobs.conftest import open_blobs
from tests.blobs.seaweed import find_binary
from tests.blobs.seaweed import started as started_seaweed
from tests.kv.postgres_cluster import find_binaries
from tests.kv.postgres_cluster import started as started_cluster

SMALL_BYTES = 100_000
LARGE_BYTES = 64_000_000
PIECE = bytes(range(256)) * 256
ROUNDS = 480
DIGESTS = ("md5", "crc64nvme")


async def body(size: int) -> AsyncIterator[bytes]:
    """A body as it comes from the network: in pieces of 64 KiB."""
    for start in range(0, size, len(PIECE)):
        yield PIECE[: size - start]


async def taken(part: FileSlice | AsyncIterator[bytes]) -> None:
    """Read a part, as an answer would; sendfile reads files in the kernel, so here a thread does."""
    if isinstance(part, FileSlice):
        await asyncio.to_thread(Path(part.path).read_bytes)
        return
    async for _ in part:
        pass


async def per_body(at_once: int, one: Callable[[int], Awaitable[object]]) -> str:
    """Microseconds of processor and of time per body."""
    start_s, cpu_s = time.perf_counter(), time.process_time()
    for start in range(0, ROUNDS, at_once):
        await asyncio.gather(*(one(index) for index in range(start, start + at_once)))
    time_us, cpu_us = (
        (time.perf_counter() - start_s) / ROUNDS * 1e6,
        (time.process_time() - cpu_s) / ROUNDS * 1e6,
    )
    return f"{cpu_us:6.0f} us CPU {time_us:6.0f} us"


async def measure(kind: str, blobs: Blobs) -> None:
    """Print a kind's lines."""
    for _ in range(20):
        await blobs.write(body(SMALL_BYTES), DIGESTS)
    for at_once in (1, 16):
        names: dict[int, str] = {}

        async def write(index: int, names: dict[int, str] = names) -> None:
            names[index] = (await blobs.write(body(SMALL_BYTES), DIGESTS)).name

        async def read(index: int, names: dict[int, str] = names) -> None:
            await taken(blobs.slice(names[index], 0, SMALL_BYTES))

        written, found = await per_body(at_once, write), await per_body(at_once, read)
        print(f"{kind:9} 100 KB, {at_once:2} at once: write {written}, read {found}")
    rates = []
    for _ in range(3):
        start_s, cpu_s = time.perf_counter(), time.process_time()
        name = (await blobs.write(body(LARGE_BYTES), DIGESTS)).name
        middle_s, middle_cpu_s = time.perf_counter(), time.process_time()
        await taken(blobs.slice(name, 0, LARGE_BYTES))
        end_s, end_cpu_s = time.perf_counter(), time.process_time()
        rates.append((middle_s - start_s, middle_cpu_s - cpu_s, end_s - middle_s, end_cpu_s - middle_cpu_s))
    into, into_cpu, out, out_cpu = (LARGE_BYTES / 1e6 / min(column) for column in zip(*rates, strict=True))
    print(
        f"{kind:9} 64 MB: write {into:4.0f} MB/s ({into_cpu:.0f} per CPU), read {out:4.0f} MB/s ({out_cpu:.0f} per CPU)"
    )


async def run(s3_url: str, postgres_url: str) -> None:
    """Measure each kind."""
    clock, ids = SystemClock(), Ids()
    with tempfile.TemporaryDirectory() as folder:
        files = FileBlobs(folder, ids)
        await measure("files", files)
        await files.close()
    stored = await open_blobs(s3_url, "speed", clock, ids)
    await measure("s3", stored)
    await stored.close()
    store = PostgresStore(postgres_url, clock, ids)
    chunks = StoreBlobs(store, clock, ids)
    await measure("postgres", chunks)
    await chunks.close()
    await store.close()


def main() -> None:
    """Start the servers and measure."""
    weed, postgres = find_binary(), find_binaries()
    assert weed, "SeaweedFS is needed"
    assert postgres, "PostgreSQL is needed"
    with started_seaweed(weed) as seaweed, started_cluster(postgres) as cluster:
        uvloop.run(run(seaweed.url, cluster.schema()))


if __name__ == "__main__":
    main()
