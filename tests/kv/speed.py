"""How fast the store and the blobs are here. By hand: `python -m tests.kv.speed`."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from time import perf_counter, process_time

import uvloop

from lambent.blobs.files import FileBlobs
from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kv.engines.rocks import Durability, RocksStore

VALUE = b"v" * 200
BODY_BYTES = 16 * 1024 * 1024
PIECE = bytes(range(256)) * 256


async def _store(folder: str, durability: Durability, count: int) -> None:
    start = perf_counter()
    store = RocksStore(f"{folder}/{durability}", SystemClock(), Ids(), durability)
    print(f"{durability}: opened in {(perf_counter() - start) * 1e3:.1f} ms")

    async def writer(w: int, n: int) -> None:
        for i in range(n):

            def step(tx: Transaction, i: int = i) -> None:
                tx.get(b"item/%d/%06d" % (w, i // 2))
                for table in (b"item", b"index", b"stream"):
                    tx.put(b"%s/%d/%06d" % (table, w, i), VALUE)

            await store.write(step)

    for group in (16, 1):
        each = count // group
        cpu, wall = process_time(), perf_counter()
        await asyncio.gather(*(writer(w, each) for w in range(group)))
        done = each * group
        cpu, wall = (process_time() - cpu) / done * 1e6, (perf_counter() - wall) / done * 1e6
        print(f"  a read and three puts, groups of {group}: {cpu:.1f} us CPU, {wall:.1f} us")
    wall = perf_counter()
    for i in range(count):
        await store.read(lambda tx, i=i: tx.get(b"item/3/%06d" % (i % 400)))  # type: ignore[misc]
    print(f"  a read: {(perf_counter() - wall) / count * 1e6:.1f} us")
    wall = perf_counter()
    for i in range(count):
        await store.read(lambda tx, i=i: tx.scan(b"item/3/%06d" % (i % 300), b"item/4", limit=10))  # type: ignore[misc]
    print(f"  a scan of ten: {(perf_counter() - wall) / count * 1e6:.1f} us")
    await store.close()


async def _body() -> AsyncIterator[bytes]:
    for _ in range(BODY_BYTES // len(PIECE)):
        yield PIECE


async def _blobs(folder: str) -> None:
    for digests in ((), ("md5", "crc32"), ("md5", "crc64nvme"), ("md5", "sha256")):
        blobs = FileBlobs(f"{folder}/blobs", Ids())
        rates = []
        for _ in range(10):
            cpu = process_time()
            await blobs.write(_body(), digests)
            rates.append(BODY_BYTES / 1e6 / (process_time() - cpu))
            await blobs.collect([], grace_s=0)  # frees the page cache for the next, as overwriting would
        print(f"16 MB with {', '.join(digests) or 'no digest'}: median {sorted(rates)[5]:.0f} MB/s per core")
        await blobs.close()


async def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        await _store(folder, "normal", 32_000)
        await _store(folder, "strict", 4_000)
        await _blobs(folder)


if __name__ == "__main__":
    uvloop.run(main())
