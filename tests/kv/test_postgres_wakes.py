"""Wakes between nodes on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.kv.postgres_cluster import Cluster
from tests.kv.test_postgres import HANG_UP, node, open_nodes

pytest.importorskip("psycopg", reason="psycopg is not installed")

from lambent.kv.engines.postgres_notify import DIGEST_CHARACTERS, PAYLOAD_BYTES_MAX, digest, payloads, split

pytestmark = pytest.mark.slow


class Bell:
    """A listener that can be waited for."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    def __call__(self) -> None:
        self.rung.set()

    async def ring(self) -> None:
        """Wait for the next call, and forget it."""
        await asyncio.wait_for(self.rung.wait(), 10)
        self.rung.clear()


def wake(*topics: bytes) -> Callable[..., None]:
    def fn(tx: object) -> None:
        for topic in topics:
            tx.wake(topic)  # type: ignore[attr-defined]

    return fn


def test_payloads_hold_all_digests_and_are_short_enough() -> None:
    digests = [digest(b"%d" % i) for i in range(2000)]
    found = payloads("node", digests)
    assert len(found) == 5
    assert max(map(len, found)) <= PAYLOAD_BYTES_MAX
    assert [text for payload in found for text in split(payload.partition(" ")[2])] == [d.encode() for d in digests]
    assert {len(text) for text in digests} == {DIGEST_CHARACTERS}
    assert payloads("node", []) == []


async def test_a_wake_reaches_the_other_nodes_of_the_same_cloud_only(cluster: Cluster) -> None:
    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2), node(cluster.schema(), 3)) as (one, two, stranger):
        bells = [Bell(), Bell()]
        other = Bell()
        two.listen(b"t", bells[0])
        two.listen(b"u", bells[1])
        stranger.listen(b"t", other)
        for bell in (*bells, other):
            await bell.ring()  # it has begun to listen
        await one.write(wake(b"t"))
        await bells[0].ring()
        assert not bells[1].rung.is_set()
        many = [b"topic %d" % i for i in range(1500)]
        await one.write(wake(*many, b"u"))
        await bells[1].ring()
        assert not bells[0].rung.is_set()
        assert not other.rung.is_set()


async def test_a_node_does_not_hear_its_own_wakes_twice(cluster: Cluster) -> None:
    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        begun, echo = Bell(), Bell()
        calls: list[int] = []
        one.listen(b"begun", begun)
        two.listen(b"echo", echo)
        await begun.ring()
        await echo.ring()
        one.listen(b"t", lambda: calls.append(1))
        await one.write(wake(b"t"))
        # What a node sends arrives in order, at itself too.
        await one.write(wake(b"echo"))
        await echo.ring()
        await two.write(wake(b"begun"))
        await begun.ring()
        assert calls == [1]


async def test_who_was_cut_off_is_woken_once_and_hears_again(cluster: Cluster) -> None:
    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        bell = Bell()
        two.listen(b"t", bell)
        await bell.ring()
        await one.write(wake(b"other"))
        cluster.execute(HANG_UP)
        await bell.ring()  # what was missed is unknown
        await one.write(wake(b"t"))
        await bell.ring()


async def test_a_restart_of_the_server_is_survived(cluster: Cluster) -> None:
    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        bell = Bell()
        two.listen(b"t", bell)
        await bell.ring()
        await one.write(wake(b"t"))
        await bell.ring()
        cluster.stop()
        await one.write(wake(b"t"))  # needs no database by itself; it is sent when there is one
        cluster.start()
        await bell.ring()
        await one.write(wake(b"t"))
        await bell.ring()


async def test_nothing_is_connected_before_it_is_needed(cluster: Cluster) -> None:
    async with open_nodes(node(cluster.schema())) as (store,):
        await store.write(lambda tx: tx.put(b"k", b"v"))
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lambent'"
        assert cluster.execute(count) == [(1,)]
        bell = Bell()
        store.listen(b"t", bell)
        await bell.ring()
        assert cluster.execute(count) == [(2,)]
    assert cluster.execute(count) == [(0,)]
