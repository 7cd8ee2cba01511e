"""Small clouds for the archive's tests: a store, a blob store, and records that name blobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import msgspec

from lambent.archive.items import Item, Items
from lambent.archive.names import GivenNames
from lambent.archive.source import Source
from lambent.blobs.chunks import StoreBlobs
from lambent.blobs.files import FileBlobs
from lambent.blobs.memory import MemoryBlobs
from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Blobs, Reader, Store
from lambent.kv.engines.memory import MemoryStore
from lambent.kv.engines.rocks import RocksStore
from lambent.kv.identity import cloud_id
from lambent.kv.table import Table

KINDS = ("memory", "rocks", "postgres", "s3")


class Thing(msgspec.Struct, frozen=True):
    """A record that names a blob; none when empty."""

    blob: str
    note: str = ""


things = Table("test.thing", Thing)
plain = Table("test.plain", Thing)


def named(tx: Reader) -> Iterator[str]:
    """What the services' blobs_in_use is in a real cloud."""
    after: bytes | None = None
    while found := things.scan(tx, after=after, limit=500):
        yield from (thing.blob for _, thing in found if thing.blob)
        after = found[-1][0]


class Cloud:
    """A store and a blob store of one of the `KINDS` (s3: PostgreSQL, with bodies in a bucket), which removes what is
    released at once. `url` and `bucket` are the addresses of a store and a blob store that are served."""

    def __init__(self, kind: str, folder: Path, url: str = "", bucket: str = "", *, arriving: bool = False) -> None:
        self.url = url
        self.clock = ManualClock()
        self.ids: Ids = GivenNames() if arriving else Ids(7)
        self.store: Store
        self.blobs: Blobs
        if kind == "memory":
            self.store, self.blobs = MemoryStore(self.clock, self.ids), MemoryBlobs(self.ids, clock=self.clock)
        elif kind == "rocks":
            self.store = RocksStore(str(folder / "store"), self.clock, self.ids)
            self.blobs = FileBlobs(str(folder / "blobs"), self.ids, clock=self.clock, release_delay_s=0.0)
        else:
            from lambent.kv.engines.postgres import PostgresStore  # deferred: an optional dependency

            self.store = PostgresStore(url, self.clock, self.ids)
            if kind == "s3":
                from lambent.blobs.s3 import S3Blobs  # deferred: an optional dependency

                self.blobs = S3Blobs(bucket, self.clock, self.ids, release_delay_s=0.0)
            else:
                self.blobs = StoreBlobs(self.store, self.clock, self.ids, release_delay_s=0.0)

    async def open(self) -> Cloud:
        """What needs a running loop."""
        if hasattr(self.blobs, "open"):
            await self.blobs.open(await cloud_id(self.store))
        return self

    async def close(self) -> None:
        """Close both."""
        await self.blobs.close()
        await self.store.close()

    async def keep(self, name: str, body: bytes | None, note: str = "") -> str:
        """Store a thing, with a body if there is one; returns the blob's name."""
        blob = "" if body is None else (await self.blobs.write(one(body))).name
        await self.store.write(lambda tx: things.put(tx, Thing(blob, note), name))
        return blob

    async def drop(self, name: str) -> None:
        """Delete a thing and release its body, as services do."""

        def gone(tx: object) -> str:
            found = things.get(tx, name)
            things.delete(tx, name)
            return found.blob if found else ""

        if blob := await self.store.write(gone):
            self.blobs.release(blob)

    async def contents(self) -> dict[str, tuple[str, bytes | None]]:
        """Note and body of every thing."""
        found = await self.store.read(things.scan)
        return {
            str(things.parts(key)[0]): (thing.note, await self.blobs.read(thing.blob) if thing.blob else None)
            for key, thing in found
        }

    def source(self, *, skip_missing: bool = False) -> Source:
        """This cloud as a source."""
        return Source(self.store, self.blobs, self.clock, self.ids, named, skip_missing=skip_missing)


async def one(data: bytes) -> AsyncIterator[bytes]:
    """A body in one piece."""
    yield data


async def gathered(items: Items) -> list[Item]:
    """All items of a stream."""
    async with aclosing(items):
        return [item async for batch in items for item in batch]


async def listed(items: list[Item]) -> Items:
    """A stream of items, one at a time."""
    for item in items:
        yield [item]
