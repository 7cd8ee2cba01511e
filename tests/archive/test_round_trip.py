"""From every engine to every other, through bytes and directly: the same keys, the same bodies under the same names."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.archive.errors import ArchiveError, BackupFailed, Damaged, NotEmpty
from lambent.archive.items import PIECE_BYTES, Item, Items, Page, Piece, Restart, Totals
from lambent.archive.names import GivenNames
from lambent.archive.source import Source
from lambent.archive.stream import decode, encode
from lambent.archive.tables import NODES, PLACE, occupied
from lambent.archive.target import Target, refuse_occupied
from lambent.blobs.memory import MemoryBlobs
from lambent.bus.relay import Relay
from lambent.contracts.events import Delivery, Event
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Store
from lambent.kv import arriving, hold, nodes, outbox
from lambent.kv.errors import StoreUnreadable, WriteFailed
from lambent.kv.identity import cloud_id
from lambent.kv.keys import pack
from lambent.kv.nodes import NodeRecord
from tests.archive.clouds import KINDS, Cloud, Thing, gathered, listed, named, one, plain, things
from tests.support import TestCloud

Maker = Callable[..., Cloud]

_text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
contents = st.dictionaries(_text, st.one_of(st.none(), st.binary(max_size=200)), max_size=12)
kinds = [pytest.param(kind, marks=pytest.mark.slow) if kind in ("postgres", "s3") else kind for kind in KINDS]


async def rows(store: Store) -> list[tuple[bytes, bytes]]:
    """What a backup should take, found in another way than it does."""
    found = await store.read(lambda tx: tx.scan(b"", b"\xff"))
    hidden = tuple(pack((name,)) for name in (*NODES, *PLACE, "kv.blob.head", "kv.blob.chunk"))
    return [row for row in found if not row[0].startswith(hidden)]


async def travel(source: Cloud, target: Cloud) -> Totals:
    """Through bytes, as a backup and a restore do."""
    return await Target(target.store, target.blobs, target.clock).fill(decode(encode(source.source().items())))


async def same(one: Cloud, other: Cloud) -> None:
    assert await rows(one.store) == await rows(other.store)
    assert await one.contents() == await other.contents()


@pytest.mark.parametrize("end", kinds)
@pytest.mark.parametrize("start", kinds)
async def test_a_cloud_arrives_as_it_left(make: Maker, start: str, end: str) -> None:
    source, target = await make(start).open(), await make(end, arriving=True).open()
    bodies = {"none": None, "empty": b"", "small": b"x" * 100, "page": bytes(PIECE_BYTES), "long": b"ab" * 1_300_000}
    for name, body in bodies.items():
        await source.keep(name, body, note=name.upper())
    await source.store.write(lambda tx: plain.put(tx, Thing("", "y" * 100_000), None, -5, (b"\x00\xff", True)))
    totals = await travel(source, target)
    assert totals == Totals(keys=6, blobs=4, blob_bytes=100 + PIECE_BYTES + 2_600_000)
    await same(source, target)
    assert await target.contents() == {name: (name.upper(), body) for name, body in bodies.items()}
    await target.keep("later", b"a new body gets a name of its own")
    assert (await target.contents())["later"][1] == b"a new body gets a name of its own"
    await source.close()
    await target.close()


@pytest.mark.slow
@given(contents, st.lists(st.tuples(_text, st.integers(), st.binary(max_size=60)), max_size=30))
@settings(max_examples=40)
def test_any_contents_arrive(bodies: dict[str, bytes | None], records: list[tuple[str, int, bytes]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            first = Cloud("memory", Path(folder))
            second = Cloud("rocks", Path(folder), arriving=True)
            third = Cloud("memory", Path(folder), arriving=True)
            for name, body in bodies.items():
                await first.keep(name, body)
            for text, number, data in records:
                await first.store.write(lambda tx, k=(text, number), v=data: tx.put(pack(("test.any", *k)), v))
            await travel(first, second)
            await Target(third.store, third.blobs, third.clock).fill(second.source().items())
            await same(first, third)
            await first.close()
            await second.close()

    asyncio.run(run())


@pytest.mark.slow
@given(contents)
@settings(max_examples=8)
def test_any_contents_pass_through_postgres(cluster_url: Callable[[], str], bodies: dict[str, bytes | None]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            first = Cloud("memory", Path(folder))
            second = Cloud("postgres", Path(folder), cluster_url(), arriving=True)
            third = Cloud("memory", Path(folder), arriving=True)
            for name, body in bodies.items():
                await first.keep(name, body)
            await travel(first, second)
            await travel(second, third)
            await same(first, third)
            await second.close()

    asyncio.run(run())


@pytest.mark.slow
async def test_many_rows_come_in_pages(make: Maker) -> None:
    source, target = make("memory"), make("memory", arriving=True)
    for start in range(0, 20_000, 1000):
        await source.store.write(
            lambda tx, s=start: [plain.put(tx, Thing("", "n" * (i % 300)), i) for i in range(s, s + 1000)]
        )
    items = await gathered(source.source().items())
    sizes = [sum(len(k) + len(v) for k, v in item.rows) for item in items if isinstance(item, Page)]
    assert len(sizes) >= 3
    assert max(sizes) < 2 * PIECE_BYTES
    await Target(target.store, target.blobs, target.clock).fill(listed(items))
    await same(source, target)


async def test_what_belongs_to_nodes_and_places_stays(make: Maker) -> None:
    source, target = make("memory"), make("memory", arriving=True)
    await source.keep("thing", b"body")
    id = await cloud_id(source.store)
    me = NodeRecord(id=source.store.node, name="n", endpoint="", version="", started_ms=0)
    await source.store.write(
        lambda tx: (nodes.say(tx, me), nodes.play(tx, "collector", me.id), hold.put(tx, "x", 0, 9))
    )
    await travel(source, target)
    assert [key for key, _ in await target.store.read(lambda tx: tx.scan(b"", b"\xff"))] == [things.key("thing")]
    assert await cloud_id(target.store) != id


@pytest.mark.parametrize("end", kinds)
async def test_events_travel_and_are_due_again(make: Maker, end: str) -> None:
    source, target = make("memory"), make(end, arriving=True)
    event = Event(target="arn:aws:x", payload=b"p", source="", principal="", account="", region="")
    await source.store.write(lambda tx: (tx.emit(event), tx.emit(event, at_ns=source.clock.now_ns() + 10**12)))
    await travel(source, target)
    now_ns = source.clock.now_ns()
    for wait_ns, count in ((0, 0), (outbox.LEASE_NS, 1), (10**12, 1)):
        found = await target.store.write(lambda tx, w=wait_ns: outbox.claim(tx, now_ns + w, 9, 1, target.store.node))
        assert len(found) == count
        for claimed in found:
            await target.store.write(lambda tx, c=claimed: outbox.done(tx, c.key))
    await target.close()


async def test_the_relay_of_a_restored_node_takes_the_events_over() -> None:
    source, target = TestCloud(1), TestCloud(2)
    event = Event(target="arn:aws:sqs:::q", payload=b"p", source="", principal="", account="", region="")
    await source.store.write(lambda tx: tx.emit(event))
    leaving = Source(source.store, source.blobs, source.clock, source.ids, named)
    await Target(target.store, MemoryBlobs(GivenNames()), target.clock).fill(leaving.items())
    delivered: list[bytes] = []

    class Queue:
        async def deliver(self, delivery: Delivery) -> None:
            delivered.append(delivery.event.payload)

    target.targets["sqs"] = Queue()
    relay = Relay(target, target.store.node, alone=True)
    await relay.start()
    await relay.settled()
    assert delivered == [b"p"]


@pytest.mark.parametrize("end", kinds)
@pytest.mark.parametrize("left", ["thing", "blob", "node", "restore"])
async def test_a_place_that_holds_something_is_refused_and_left_alone(make: Maker, end: str, left: str) -> None:
    source, target = make("memory"), make(end, arriving=True)
    await source.keep("a", b"b")
    me = NodeRecord(id="n", name="n", endpoint="", version="", started_ms=0)
    if left == "thing":
        await target.store.write(lambda tx: things.put(tx, Thing(""), "mine"))
    elif left == "node":
        await target.store.write(lambda tx: nodes.say(tx, me))
    elif left == "restore":
        await target.store.write(lambda tx: arriving.begin(tx, 1))
    elif end == "postgres":  # elsewhere bodies are not the store's
        await target.blobs.write(one(b"a body in the store"))
    before = await target.store.read(lambda tx: tx.scan(b"", b"\xff"))
    if before:
        with pytest.raises(NotEmpty):
            await refuse_occupied(target.store)
        with pytest.raises(NotEmpty):
            await travel(source, target)
        assert await target.store.read(lambda tx: tx.scan(b"", b"\xff")) == before
    await target.close()


async def test_the_places_own_records_are_not_in_the_way(make: Maker) -> None:
    target = make("memory", arriving=True)
    await cloud_id(target.store)
    await target.store.write(lambda tx: hold.put(tx, "a copy that was killed", 0, 5))
    await refuse_occupied(target.store)
    assert not await target.store.read(occupied)


async def eventually_gone(cloud: Cloud, name: str) -> None:
    """Read a blob until it is not there."""
    async with asyncio.timeout(10):
        while True:
            await cloud.blobs.read(name)
            await asyncio.sleep(0)


@pytest.mark.parametrize("end", kinds)
async def test_what_breaks_off_leaves_nothing(make: Maker, end: str) -> None:
    source = make("memory")
    names = [await source.keep(name, name.encode() * 70_000) for name in "abcdef"]
    data = b"".join([chunk async for chunk in encode(source.source().items())])
    for part in (0.2, 0.6, 0.99):
        target = await make(end, arriving=True).open()

        async def cut(part: float = part) -> object:
            for at in range(0, int(len(data) * part), 50_000):
                yield data[at : min(at + 50_000, int(len(data) * part))]

        with pytest.raises(Damaged, match="ends before it is complete"):
            await Target(target.store, target.blobs, target.clock).fill(decode(cut()))
        for name in names:
            if end != "rocks":  # there, a thread removes it
                with pytest.raises(KeyError):
                    await eventually_gone(target, name)
        await arriving.refuse(target.store)
        await refuse_occupied(target.store)
        await target.close()


async def test_a_restart_voids_the_pages_before(make: Maker) -> None:
    target = make("rocks", arriving=True)
    await target.keep("x", None)
    await target.drop("x")
    many = [(pack(("test.void", i)), b"") for i in range(1500)]
    items: list[Item] = [Page(many), Restart(), Page([(pack(("test.kept",)), b"v")]), Totals(keys=1)]
    assert (await Target(target.store, target.blobs, target.clock).fill(listed(items))).keys == 1
    assert await rows(target.store) == [(pack(("test.kept",)), b"v")]
    await target.close()


async def test_nobody_serves_from_a_store_that_is_being_filled(make: Maker) -> None:
    target = make("memory", arriving=True)

    async def items() -> Items:
        yield [Page([(b"\x03k\x00", b"v")])]
        with pytest.raises(StoreUnreadable, match="not complete"):
            await arriving.refuse(target.store)
        with pytest.raises(NotEmpty):
            await refuse_occupied(target.store)
        yield [Totals(keys=1)]

    await Target(target.store, target.blobs, target.clock).fill(items())
    await arriving.refuse(target.store)


async def test_a_missing_blob_ends_the_backup_unless_told_otherwise(make: Maker) -> None:
    for kind in ("memory", "rocks"):
        source = make(kind)
        await source.keep("a", b"1")
        lost = await source.keep("b", b"2")
        await source.store.write(lambda tx: things.put(tx, Thing("0" * 32), "c"))
        with pytest.raises(BackupFailed, match=f"the blob {'0' * 32} is named but not there"):
            await gathered(source.source().items())
        items = await gathered(source.source(skip_missing=True).items())
        assert items[-1] == Totals(keys=3, blobs=2, blob_bytes=2, missing=1)
        assert lost in {item.name for item in items if isinstance(item, Piece)}
        await source.close()


async def test_a_failure_of_the_source_travels_in_the_stream(make: Maker) -> None:
    source = make("memory")
    await source.keep("a", b"1")
    await source.store.write(lambda tx: things.put(tx, Thing("0" * 32), "b"))
    target = make("memory", arriving=True)
    with pytest.raises(BackupFailed, match="named but not there"):
        await travel(source, target)
    assert await rows(target.store) == []


async def test_a_blob_store_that_names_bodies_itself_is_found_out(make: Maker) -> None:
    source, target = make("memory"), make("memory")
    target.blobs = MemoryBlobs(Ids(8))
    await source.keep("a", b"1")
    with pytest.raises(ArchiveError, match="cannot be restored into"):
        await travel(source, target)


class _Full(MemoryBlobs):
    async def write(self, body: object, digests: tuple[str, ...] = ()) -> object:
        raise WriteFailed("the disk is full")


@pytest.mark.parametrize("size", [10, 5 * PIECE_BYTES])
async def test_a_full_disk_is_said_and_nothing_hangs(make: Maker, size: int) -> None:
    source, target = make("memory"), make("memory", arriving=True)
    await source.keep("a", bytes(size))
    target.blobs = _Full(GivenNames())
    with pytest.raises(WriteFailed, match="the disk is full"):
        await travel(source, target)
    assert await rows(target.store) == []


async def test_a_name_is_listed_once_however_often_it_is_named(make: Maker) -> None:
    source = make("memory")
    blob = await source.keep("a", b"shared")
    await source.store.write(lambda tx: [things.put(tx, Thing(blob), str(i)) for i in range(5)])
    assert await source.store.survey(lambda tx: list(named(tx)).count(blob)) == 6
    pieces = [item for item in await gathered(source.source().items()) if isinstance(item, Piece)]
    assert pieces == [Piece(blob, b"shared", True)]
