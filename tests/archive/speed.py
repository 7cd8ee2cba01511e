"""Figures of backup, restore and copy: `python -m tests.archive.speed [--keys N] [--blobs N] [--megabytes N]
[--store URL]`. Each step is a process of its own, so that its memory shows. The cloud has `keys` records of about 200
bytes, each of the first `blobs` naming a body of 2 KB, and one body of `megabytes`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lambent.archive.items import PIECE_BYTES, Count, Head, Items, Page, Piece
from lambent.archive.names import GivenNames
from lambent.archive.source import Source
from lambent.archive.stream import NewFile, decode, encode, read_file
from lambent.archive.target import Target
from lambent.blobs.files import FileBlobs
from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Blobs, Store
from lambent.engines import open_blobs, open_store
from lambent.kv.engines.rocks import RocksStore
from tests.archive.clouds import Thing, named, things

BODY_BYTES = 2000


async def made(keys: int, blobs: int, megabytes: int) -> Items:
    """A cloud out of nothing: records that half compress, bodies that do not."""
    chance = random.Random(1)
    large = "f" * 32
    names = [f"{chance.getrandbits(124):032x}" for _ in range(blobs)]
    yield [Head(program="speed", made_ms=0, engine="none")]
    count = Count()
    encoder = things.codec
    for start in range(0, keys, 4000):
        rows = []
        for number in range(start, min(start + 4000, keys)):
            name = names[number] if number < blobs else large if number == blobs and megabytes else ""
            note = chance.randbytes(60).hex() + "the same in every record"
            rows.append((things.key(f"{number:09}"), encoder.encode(Thing(name, note))))
        count.add(Page(rows))
        yield [Page(rows)]
    for name in sorted(names):
        piece = Piece(name, chance.randbytes(BODY_BYTES), True)
        count.add(piece)
        yield [piece]
    if megabytes:
        data = chance.randbytes(PIECE_BYTES)
        for number in range(megabytes):
            piece = Piece(large, data, number == megabytes - 1)
            count.add(piece)
            yield [piece]
    yield [count.totals()]


async def opened(place: str, ids: Ids) -> tuple[Store, Blobs]:
    """A folder, or a store's address, perhaps with a blob store's after a space."""
    clock = SystemClock()
    if "://" in place:
        url, _, bucket = place.partition(" ")
        store = await open_store(url, clock, ids)
        return store, await open_blobs(bucket, store, clock, ids)
    return RocksStore(f"{place}/store", clock, ids), FileBlobs(f"{place}/blobs", ids, clock=clock)


async def step(name: str, start: str, end: str, sizes: tuple[int, int, int]) -> None:
    """One of the steps, from a place or file to another."""
    if name == "backup":
        store, blobs = await opened(start, Ids())
        with NewFile(end) as file:
            async for data in encode(Source(store, blobs, SystemClock(), Ids(), named).items()):
                await asyncio.to_thread(file.write, data)
            await asyncio.to_thread(file.complete)
    elif name == "check":
        async for _ in decode(read_file(start)):
            pass
    else:
        store, blobs = await opened(end, GivenNames())
        if name == "copy":
            left, bodies = await opened(start, Ids())
            items = Source(left, bodies, SystemClock(), Ids(), named).items()
        else:
            items = made(*sizes) if name == "fill" else decode(read_file(start))
        await Target(store, blobs, SystemClock()).fill(items)
        if name == "copy":
            await bodies.close()
            await left.close()
    if name != "check":
        await blobs.close()
        await store.close()


def main() -> None:
    """Run all steps, or with `--step` one, in this process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--blobs", type=int, default=20_000)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--store", default="", help="copy to this empty store too, and back from it")
    parser.add_argument("--step", nargs=3, default=())
    given = parser.parse_args()
    sizes = (given.keys, given.blobs, given.megabytes)
    if given.step:
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        asyncio.run(step(*given.step, sizes))
        seconds, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        bodies = given.blobs * BODY_BYTES / 1e6 + given.megabytes * PIECE_BYTES / 1e6
        print(
            f"{given.step[0]:8} {seconds:6.1f} s ({cpu_s:.1f} of CPU)  {given.keys / seconds:10,.0f} keys/s  "
            f"{bodies / seconds:6.0f} MB/s of bodies  {resident} MB resident",
            flush=True,
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        first, file, second = f"{folder}/first", f"{folder}/file", f"{folder}/second"
        Path(first).mkdir()
        steps = [("fill", "", first), ("backup", first, file), ("check", file, ""), ("restore", file, second)]
        if given.store:
            steps += [("copy", first, given.store), ("backup", given.store, f"{folder}/other")]
        for each in steps:
            command = [sys.executable, "-m", "tests.archive.speed", "--step", *each]
            subprocess.run(
                [
                    *command,
                    *(f"--{name}={size}" for name, size in zip(("keys", "blobs", "megabytes"), sizes, strict=True)),
                ],
                check=True,
            )
        print(f"the file has {Path(file).stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
