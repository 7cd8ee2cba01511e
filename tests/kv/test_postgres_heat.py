"""Keys that transactions collide on are locked without being asked to."""

from __future__ import annotations

import asyncio

import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed")

from lambent.contracts.ports import Transaction
from lambent.kv.engines.postgres_heat import KEYS_MAX, LOCKED_MAX, USES, WORK_MAX, Footprint, Heat
from tests.kv.contract import fill
from tests.kv.postgres_cluster import Cluster
from tests.kv.test_postgres import increment, node, open_nodes


def test_a_key_is_hot_for_some_uses_after_a_collision() -> None:
    heat = Heat()
    assert not heat.use(b"k")
    heat.add([b"k"])
    assert [heat.use(b"k") for _ in range(USES + 1)] == [True] * USES + [False]
    heat.add([b"k"])
    heat.use(b"k")
    heat.add([b"k"])
    assert sum(heat.use(b"k") for _ in range(2 * USES)) == USES


def test_the_oldest_are_forgotten() -> None:
    heat = Heat()
    heat.add([b"first"])
    heat.add(b"%d" % i for i in range(KEYS_MAX))
    assert not heat.use(b"first")
    assert heat.use(b"0")


def test_what_was_read_and_written_is_contended() -> None:
    footprint = Footprint()
    for key in (b"a", b"b"):
        footprint.read(key)
    footprint.scanned(b"q", b"r")
    footprint.scanned(b"q", b"qq")
    footprint.scanned(b"x", b"y")
    assert footprint.contended([b"b", b"c", b"qz"]) == {b"b", b"q"}
    many = [b"m%d" % i for i in range(LOCKED_MAX + 1)]
    for key in many:
        footprint.read(key)
    assert footprint.contended(many) == frozenset()
    assert footprint.contended([b"b"] * WORK_MAX) == frozenset()


@pytest.mark.slow
async def test_a_counter_that_nobody_locks_does_not_melt(cluster: Cluster) -> None:
    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        await asyncio.gather(*(store.write(increment) for store in (one, two) for _ in range(150)))
        assert await one.read(lambda tx: tx.get(b"n")) == b"300"
        # Without, there are about two for each increment.
        assert one.conflicts + two.conflicts < 150


@pytest.mark.slow
async def test_a_queue_whose_head_all_take_from_does_not_melt(cluster: Cluster) -> None:
    def pop(tx: Transaction) -> bytes | None:
        rows = tx.scan(b"q", b"r", limit=1)
        if rows:
            tx.delete(rows[0][0])
        return rows[0][0] if rows else None

    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        wanted = {b"q%03d" % i: b"" for i in range(100)}
        await one.write(fill(dict(wanted)))
        found = await asyncio.gather(*(store.write(pop) for store in (one, two) for _ in range(50)))
        assert sorted(key or b"" for key in found) == sorted(wanted)
        assert one.conflicts + two.conflicts < 100
