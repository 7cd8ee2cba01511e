"""What only chunks in the store have: pages, heads of unfinished blobs, ages told by watching."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from lambent.blobs.chunks import CHUNK_BYTES, READ_CHUNKS, StoreBlobs, chunks, heads
from lambent.blobs.errors import BlobLost
from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.kv.engines.memory import MemoryStore
from tests.blobs.test_contract import content, data_of, stream

HOUR = 3600 * 1_000_000_000
LARGE = 9 * CHUNK_BYTES + 17


class CountingStore(MemoryStore):
    """Counts rows: the most that one transaction read, and wrote."""

    read_rows_max = 0

    async def read(self, fn: Callable[[Any], Any]) -> Any:
        """Run `fn`, and count the rows that it scanned."""

        def counted(tx: Any) -> Any:
            scan = tx.scan

            class Counter:
                get = staticmethod(tx.get)

                @staticmethod
                def scan(*arguments: Any, **options: Any) -> Any:
                    rows = scan(*arguments, **options)
                    self.read_rows_max = max(self.read_rows_max, len(rows))
                    return rows

            return fn(Counter())

        return await super().read(counted)


def opened() -> tuple[StoreBlobs, MemoryStore, ManualClock]:
    """Blobs in a new store, whose released ones go at once."""
    clock = ManualClock()
    store = MemoryStore(clock, Ids(1))
    return StoreBlobs(store, clock, Ids(2), release_delay_s=0), store, clock


async def rows(store: MemoryStore) -> int:
    """How many rows of blobs there are."""
    return await store.read(lambda tx: len(heads.scan(tx)) + len(chunks.scan(tx)))


async def stalled(blobs: StoreBlobs, size: int) -> tuple[asyncio.Task[Any], asyncio.Event]:
    """A write whose sender has sent `size` bytes and goes on when the event is set."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        async for piece in stream(data_of(size)):
            yield piece
        reached.set()
        await go_on.wait()
        yield b"end"

    task = asyncio.create_task(blobs.write(body(), ("md5",)))
    await asyncio.wait_for(reached.wait(), 5)
    return task, go_on


async def test_a_body_is_read_in_pages() -> None:
    clock = ManualClock()
    store = CountingStore(clock, Ids(1))
    blobs = StoreBlobs(store, clock, Ids(2))
    name = (await blobs.write(stream(data_of(LARGE)))).name
    assert await rows(store) == 1 + 10
    store.read_rows_max = 0
    assert await blobs.read(name) == data_of(LARGE) == await content(blobs.stream(name))
    assert store.read_rows_max == READ_CHUNKS
    store.read_rows_max = 0
    assert await content(blobs.slice(name, 3 * CHUNK_BYTES - 1, 2)) == data_of(LARGE)[3 * CHUNK_BYTES - 1 :][:2]
    assert store.read_rows_max == 2


async def test_a_cancelled_write_leaves_nothing() -> None:
    blobs, store, _ = opened()
    task, _ = await stalled(blobs, LARGE)
    assert await rows(store) > 5
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await rows(store) == 0


async def test_what_a_dead_writer_left_is_collected_when_it_has_not_grown_for_the_grace() -> None:
    blobs, store, clock = opened()
    task, go_on = await stalled(blobs, LARGE)
    assert await blobs.collect([]) == 0
    clock.advance(HOUR)
    assert await blobs.collect([]) == 1
    assert await rows(store) == 0
    go_on.set()
    with pytest.raises(BlobLost, match="silent"):
        await task
    assert await rows(store) == 0


async def test_a_writer_that_goes_on_is_spared_however_long_it_takes() -> None:
    blobs, _, clock = opened()

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield data_of(CHUNK_BYTES + 1)
            clock.advance(HOUR)
            assert await blobs.collect([]) == 0

    name = (await blobs.write(slow())).name
    assert await blobs.read(name) == data_of(CHUNK_BYTES + 1) * 5


async def test_a_forgotten_blob_goes_once_it_was_watched_for_the_grace() -> None:
    blobs, _, clock = opened()
    forgotten, named = [(await blobs.write(stream(b"x"))).name for _ in range(2)]
    clock.advance(100 * HOUR)  # its age says nothing: it was not watched
    assert await blobs.collect([named]) == 0
    clock.advance(HOUR)
    assert await blobs.collect([named]) == 1
    assert await blobs.read(named) == b"x"
    with pytest.raises(KeyError):
        await blobs.read(forgotten)


async def test_a_released_blob_stays_until_its_reader_is_done() -> None:
    blobs, store, _ = opened()
    name = (await blobs.write(stream(data_of(LARGE)))).name
    reader = blobs.slice(name, 0, LARGE)
    pieces = [await anext(reader)]
    blobs.release(name)
    pieces += [piece async for piece in reader]
    assert b"".join(pieces) == data_of(LARGE)
    await blobs.close()
    assert await rows(store) == 0


async def test_a_reader_is_told_when_another_node_removes_its_blob() -> None:
    blobs, store, clock = opened()
    other = StoreBlobs(store, clock, Ids(3), release_delay_s=0)
    name = (await blobs.write(stream(data_of(LARGE)))).name
    reader = blobs.slice(name, 0, LARGE)
    await anext(reader)
    other.release(name)
    await other.close()
    with pytest.raises(BlobLost, match="removed"):
        await content(reader)


async def test_a_removal_that_was_cut_short_is_finished() -> None:
    blobs, store, _ = opened()
    name = (await blobs.write(stream(data_of(LARGE)))).name
    head = (await store.read(heads.scan))[0][1]

    def begin_to_remove(tx: Any) -> None:
        chunks.delete(tx, name, 9)
        heads.put(tx, type(head)(2, head.length, 9), name)

    await store.write(begin_to_remove)
    with pytest.raises(KeyError):
        await blobs.read(name)
    await blobs.collect([name])
    assert await rows(store) == 0
