"""A backup of a cloud that is being written to as fast as it goes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import pytest

from lambent.archive.holding import SILENCE_NS, Holding
from lambent.archive.items import Item, Page, Piece, Restart
from lambent.archive.stream import decode, encode
from lambent.archive.target import Target
from lambent.blobs.chunks import StoreBlobs
from lambent.bus.members import BEAT_NS, Members
from lambent.contracts.clock import ManualClock
from lambent.contracts.ports import Blobs, Reader, Store, Transaction
from lambent.kv import hold
from lambent.kv.keys import pack
from lambent.kv.nodes import NodeRecord
from tests.archive.clouds import Cloud, gathered, listed, named

Maker = Callable[..., Cloud]
LEFT, RIGHT = pack(("test.pair", "left")), pack(("test.pair", "right", "z" * 50))


class Storm:
    """Writers, deleters and a collector. `written` and `dropped` name things that are acknowledged."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.written: set[str] = set()
        self.dropped: set[str] = set()
        self.begun = asyncio.Event()

    async def churn(self, writer: int) -> None:
        """Keep things, and drop older ones."""
        for number in itertools.count():
            name = f"{writer}-{number}"
            await self.cloud.keep(name, name.encode() * 20)
            self.written.add(name)
            if number >= 5:
                self.begun.set()
            if number >= 3:
                gone = f"{writer}-{number - 3}"
                self.dropped.add(gone)
                await self.cloud.drop(gone)

    async def forget(self, names: Iterable[str]) -> None:
        """Drop things one after another."""
        for name in names:
            self.dropped.add(name)
            await self.cloud.drop(name)

    async def count(self) -> None:
        """Two keys far apart that are always the same, in one transaction each."""
        for number in itertools.count():

            def both(tx: Transaction, number: int = number) -> None:
                tx.put(LEFT, str(number).encode())
                tx.put(RIGHT, str(number).encode())

            await self.cloud.store.write(both)

    async def collect(self) -> None:
        """Remove what nothing names, without any grace."""
        while True:

            async def in_use() -> set[str]:
                return await self.cloud.store.survey(lambda tx: set(named(tx)))

            # Bodies whose things are on their way have no grace here, so only the hold keeps this from harm.
            if isinstance(self.cloud.blobs, StoreBlobs):
                await self.cloud.blobs.collect(in_use, grace_s=3600)
            await asyncio.sleep(0.01)

    @asynccontextmanager
    async def raging(self, first: list[str]) -> AsyncIterator[Storm]:
        """While the storm goes on."""
        works = [self.churn(1), self.churn(2), self.forget(first), self.count(), self.collect()]
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await self.begun.wait()
            yield self
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "rocks", "postgres"])
async def test_a_backup_in_a_storm_is_one_moment_of_it(make: Maker, kind: str) -> None:
    source = make(kind)
    for number in range(60):
        await source.keep(f"old-{number}", b"o" * number)
        await source.keep(f"stays-{number}", b"s" * number)
    await source.store.write(lambda tx: [tx.put(pack(("test.filler", n)), bytes(300)) for n in range(5000)])
    async with Storm(source).raging([f"old-{number}" for number in range(60)]) as storm:
        for _ in range(4):
            before = storm.written - storm.dropped
            items = await gathered(decode(encode(source.source().items())))
            target = make("memory", arriving=True)
            await Target(target.store, target.blobs, target.clock).fill(listed(items))
            left, right = await target.store.read(lambda tx: (tx.get(LEFT), tx.get(RIGHT)))
            assert left == right is not None
            found = await target.contents()  # KeyError if a body were missing
            assert {f"stays-{number}" for number in range(60)} <= found.keys()
            assert before - storm.dropped <= found.keys()
            assert all(body == name.encode() * 20 for name, (_, body) in found.items() if name[0].isdigit())
            assert len(found) == len([item for item in items if isinstance(item, Piece) and item.last])
    await source.close()


def beating(store: Store, blobs: Blobs, clock: ManualClock) -> Members:
    """A node's part in holds."""
    cloud = type("Node", (), {})()
    cloud.store, cloud.blobs, cloud.clock = store, blobs, clock
    me = NodeRecord(id=store.node, name=store.node, endpoint="", version="", started_ms=0)
    return Members(cloud, me, dict, lambda: None)


@pytest.mark.slow
async def test_other_nodes_hold_their_blobs_before_the_snapshot_is_taken(make: Maker) -> None:
    from lambent.kv.engines.postgres import PostgresStore  # deferred: an optional dependency

    backup = make("postgres")
    node_clock = ManualClock(5)  # hours and decades apart: no clock but the own one counts
    store = PostgresStore(backup.url, node_clock, backup.ids)
    blobs = StoreBlobs(store, node_clock, backup.ids, release_delay_s=0.0)
    members = beating(store, blobs, node_clock)
    await members.beat()
    name = await backup.keep("thing", b"body")

    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.02)
            backup.clock.advance(BEAT_NS)
            await members.beat()
            beats += 1

    beating_on = asyncio.create_task(beat())
    items: list[Item] = []
    async for batch in backup.source().items():
        items += batch
        if isinstance(batch[0], Page):
            assert beats >= 2
            # As soon as the snapshot is there, the thing goes: on the other node.
            await store.write(lambda tx: tx.delete(pack(("test.thing", "thing"))))
            blobs.release(name)
            assert await store.read(hold.until_ns) > 0
    beating_on.cancel()
    assert Piece(name, b"body", True) in items
    assert await store.read(hold.until_ns) == 0
    await members.beat()
    await blobs.close()
    with pytest.raises(KeyError):
        await backup.blobs.read(name)
    await store.close()
    await backup.close()


async def test_a_node_that_is_dead_is_not_waited_for(make: Maker) -> None:
    backup = make("memory")
    node = backup.store.handle(backup.clock)
    await beating(node, backup.blobs, backup.clock).beat()

    async def time_goes_on() -> None:
        while True:
            await asyncio.sleep(0)
            backup.clock.advance(10_000_000)

    going = asyncio.create_task(time_goes_on())
    began_ns = backup.clock.now_ns()
    async with Holding(backup.store, backup.blobs, backup.clock, backup.ids):
        assert SILENCE_NS <= backup.clock.now_ns() - began_ns < SILENCE_NS + BEAT_NS
    going.cancel()


async def test_a_survey_that_runs_again_restarts_the_stream(make: Maker) -> None:
    source = make("memory")
    await source.keep("a", b"1")
    survey = source.store.survey

    async def twice(fn: Callable[[Reader], object]) -> object:
        await survey(fn)
        await source.keep("b", b"2")
        return await survey(fn)

    source.store.survey = twice
    items = await gathered(source.source().items())
    assert [type(item) for item in items].count(Restart) == 1
    target = make("memory", arriving=True)
    await Target(target.store, target.blobs, target.clock).fill(decode(encode(listed(items))))
    assert await target.contents() == {"a": ("", b"1"), "b": ("", b"2")}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "rocks"])
async def test_a_slow_reader_makes_the_survey_wait_and_one_that_goes_ends_it(make: Maker, kind: str) -> None:
    source = make(kind)
    for start in range(0, 2000, 100):
        rows = {pack(("test.big", number)): bytes(20_000) for number in range(start, start + 100)}
        await source.store.write(lambda tx, rows=rows: [tx.put(*row) for row in rows.items()])
    scans = 0
    survey = source.store.survey

    async def counted(fn: Callable[[Reader], object]) -> object:
        def walk(tx: Reader) -> object:
            scan = tx.scan

            def counting(*arguments: object, **options: object) -> object:
                nonlocal scans
                scans += 1
                return scan(*arguments, **options)

            tx.scan = counting
            return fn(tx)

        return await survey(walk)

    source.store.survey = counted
    await gathered(source.source().items())
    whole, scans = scans, 0
    items = source.source().items()
    async for batch in items:
        if isinstance(batch[0], Page):
            break
    await items.aclose()
    assert scans < whole / 2, (scans, whole)
    await source.close()  # nothing reads the store any more
