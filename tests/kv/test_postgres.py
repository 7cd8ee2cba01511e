"""What the engine of many nodes adds to the contract: several stores on one database, and a server that goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction
from lambent.kv import outbox
from lambent.kv.errors import CommitUnknown, StoreError, StoreTooNew, StoreUnreachable
from lambent.kv.outbox import LEASE_NS, Claimed
from tests.kv.contract import EVENT, Broken, everything, fill
from tests.kv.postgres_cluster import Cluster, postgres_engine
from tests.kv.test_model import EngineAgainstModel, programs

pytest.importorskip("psycopg", reason="psycopg is not installed")

from lambent.kv.engines.postgres import PostgresStore
from lambent.kv.engines.postgres_session import PAGE_ROWS

pytestmark = pytest.mark.slow  # all of them need a server

HANG_UP = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'lambent'"


def node(url: str, seed: int = 1, clock: ManualClock | None = None) -> PostgresStore:
    """A store as another process would open it."""
    return PostgresStore(url, clock or ManualClock(), Ids(seed))


@asynccontextmanager
async def open_nodes(*stores: PostgresStore) -> AsyncIterator[tuple[PostgresStore, ...]]:
    """Closed at the end."""
    try:
        yield stores
    finally:
        for store in stores:
            await store.close()


def increment(tx: Transaction) -> None:
    """Count in one key."""
    tx.put(b"n", b"%d" % (int(tx.get(b"n") or b"0") + 1))


def locked_increment(tx: Transaction) -> None:
    """Count in one key, as a service does with a hot one."""
    tx.lock(b"n")
    increment(tx)


async def test_a_survey_walks_more_than_a_page(cluster: Cluster) -> None:
    async with open_nodes(node(cluster.schema())) as (store,):
        await store.write(fill({b"%06d" % number: b"" for number in range(PAGE_ROWS + 10)}))
        assert len(await store.survey(lambda tx: tx.scan(b"0", b"1"))) == PAGE_ROWS + 10


@pytest.mark.parametrize("fn", [increment, locked_increment])
async def test_concurrent_increments_of_two_nodes_lose_nothing(cluster: Cluster, fn: Callable[[Any], None]) -> None:
    async def work(store: PostgresStore) -> None:
        for _ in range(10):
            await store.write(fn)

    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        await asyncio.gather(*(work(store) for store in (one, two) for _ in range(5)))
        assert await one.read(lambda tx: tx.get(b"n")) == b"100"
        assert await two.read(lambda tx: tx.get(b"n")) == b"100"


async def test_what_two_nodes_decide_on_the_same_rows_is_decided_in_some_order(cluster: Cluster) -> None:
    def leave(key: bytes) -> Callable[[Transaction], bool]:
        """One of the two on duty may leave, as long as the other one stays: snapshots alone would let both."""

        def fn(tx: Transaction) -> bool:
            if len(everything(tx)) < 2:
                return False
            tx.delete(key)
            return True

        return fn

    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        for _ in range(20):
            await one.write(fill({b"a": b"", b"b": b""}))
            left = await asyncio.gather(one.write(leave(b"a")), two.write(leave(b"b")))
            assert sorted(left) == [False, True]
            assert len(await two.read(everything)) == 1


async def test_an_event_of_a_dead_node_is_claimed_by_another_after_its_lease(cluster: Cluster) -> None:
    url, clock = cluster.schema(), ManualClock()

    async def claim(store: PostgresStore) -> list[Claimed]:
        return await store.write(lambda tx: outbox.claim(tx, clock.now_ns(), 10, LEASE_NS, store.node))

    async with open_nodes(node(url, 2, clock)) as (alive,):
        async with open_nodes(node(url, 1, clock)) as (dead,):
            assert dead.node != alive.node
            id = await dead.write(lambda tx: tx.emit(EVENT))
        clock.advance(LEASE_NS - 1)
        assert await claim(alive) == []
        clock.advance(1)
        ((key, entry),) = await claim(alive)
        assert (entry.id, entry.owner, entry.losses) == (id, alive.node, 1)
        assert await claim(alive) == []
        assert await alive.write(lambda tx: outbox.done(tx, key))


async def test_no_entry_is_claimed_by_two_nodes(cluster: Cluster) -> None:
    url, clock = cluster.schema(), ManualClock()

    async def drain(store: PostgresStore) -> list[str]:
        mine: list[str] = []
        while True:
            claimed = await store.write(lambda tx: outbox.claim(tx, clock.now_ns(), 5, LEASE_NS, store.node))
            mine += [entry.id for _, entry in claimed]
            if not claimed:
                return mine

    async with open_nodes(node(url, 1, clock), node(url, 2, clock), node(url, 3, clock)) as (one, two, three):
        at_ns = clock.now_ns() + 1
        ids = await one.write(lambda tx: [tx.emit(EVENT, at_ns=at_ns) for _ in range(60)])
        clock.advance(1)
        drained = await asyncio.gather(*(drain(store) for store in (one, two, three)))
        assert sorted(id for mine in drained for id in mine) == sorted(ids)


async def test_locks_taken_in_opposite_orders_and_late_ones_end(cluster: Cluster) -> None:
    def cross(first: bytes, second: bytes) -> Callable[[Transaction], None]:
        def fn(tx: Transaction) -> None:
            tx.lock(first)
            increment(tx)
            tx.lock(second)

        return fn

    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        works = [store.write(cross(*pair)) for store in (one, two) for pair in ((b"x", b"y"), (b"y", b"x")) * 5]
        await asyncio.gather(*works)
        assert await one.read(lambda tx: tx.get(b"n")) == b"20"
    assert cluster.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("limit", [None, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 2 * PAGE_ROWS + 10])
async def test_a_scan_goes_on_over_pages(cluster: Cluster, reverse: bool, limit: int | None) -> None:
    rows = {b"k%06d" % i: b"" for i in range(2 * PAGE_ROWS + 5)}
    async with open_nodes(node(cluster.schema())) as (store,):
        await store.write(fill(dict(rows)))
        found = await store.read(lambda tx: tx.scan(b"a", b"z", limit=limit, reverse=reverse))
        assert [key for key, _ in found] == sorted(rows, reverse=reverse)[:limit]


async def test_idle_connections_that_were_cut_are_no_error(cluster: Cluster) -> None:
    # More connections than one function may lose.
    async with open_nodes(PostgresStore(cluster.schema(), ManualClock(), Ids(1), connections=6)) as (store,):
        await asyncio.gather(*(store.write(fill({b"k%d" % i: b""})) for i in range(20)))
        cluster.execute(HANG_UP)
        await asyncio.gather(*(store.write(fill({b"l%d" % i: b""})) for i in range(20)))
        cluster.execute(HANG_UP)
        assert len(await store.read(everything)) == 40


async def test_conflicts_are_not_logged(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    runs: list[int] = []

    def fn(tx: Transaction) -> None:
        runs.append(1)
        increment(tx)

    async with open_nodes(node(cluster.schema())) as (store,):
        await asyncio.gather(*(store.write(fn) for _ in range(40)))
        assert await store.read(lambda tx: tx.get(b"n")) == b"40"
    assert len(runs) > 40
    assert caplog.records == []


async def test_a_function_whose_connection_is_cut_runs_again_whatever_it_caught(cluster: Cluster) -> None:
    runs: list[bytes | None] = []

    def fn(tx: Transaction) -> None:
        runs.append(tx.get(b"n"))
        if len(runs) == 1:
            cluster.execute(HANG_UP)
        try:
            tx.get(b"m")
        except Exception:
            tx.on_commit(runs.clear)
        tx.put(b"n", b"%d" % len(runs))

    async with open_nodes(node(cluster.schema())) as (store,):
        await store.write(fn)
        assert await store.read(lambda tx: tx.get(b"n")) == b"2"
    assert len(runs) == 2


async def test_a_connection_that_is_cut_during_the_commit_is_said_to_be(cluster: Cluster) -> None:
    def fn(tx: Transaction) -> None:
        tx.put(b"n", tx.get(b"n") or b"1")
        cluster.execute(HANG_UP)

    async with open_nodes(node(cluster.schema())) as (store,):
        with pytest.raises(CommitUnknown):
            await store.write(fn)
        await store.write(fill({b"m": b""}))
        assert await store.read(everything) == [(b"m", b"")]


async def test_a_server_that_goes_away_is_an_error_until_it_is_back(cluster: Cluster) -> None:
    async with open_nodes(node(cluster.schema())) as (store,):
        await store.write(fill({b"k": b"v"}))
        cluster.stop()
        try:
            with pytest.raises(StoreUnreachable, match="cannot be reached") as failure:
                await store.write(fill({b"k": b"w"}))
            assert "\n" not in str(failure.value)
        finally:
            cluster.start()
        assert await store.read(everything) == [(b"k", b"v")]
        await store.write(fill({b"k": b"w"}))


async def test_a_refusal_is_only_told_when_what_it_rests_on_was_so(cluster: Cluster) -> None:
    def refuse(tx: Transaction) -> None:
        raise Broken(tx.get(b"k"))

    async with open_nodes(node(cluster.schema())) as (store,):
        await store.write(fill({b"k": b"v"}))
        with pytest.raises(Broken) as refusal:
            await store.write(refuse)
        assert refusal.value.args == (b"v",)


async def test_a_writer_that_is_cancelled_still_tells_of_its_events(cluster: Cluster) -> None:
    told: list[tuple[bytes, int]] = []
    async with open_nodes(node(cluster.schema())) as (store,):
        store.subscribe(told.extend)
        task = asyncio.create_task(store.write(lambda tx: tx.emit(EVENT)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.settle()
        assert [key for key, _ in told] == [entry.key for _, entry in await store.read(outbox.pending)]
        assert len(told) == 1


async def test_a_checkpoint_is_restored_into_an_empty_store_only(cluster: Cluster, tmp_path: Path) -> None:
    url, path = cluster.schema(), str(tmp_path / "copy")
    async with open_nodes(node(url)) as (store,):
        await store.write(fill({b"k": b"v"}))
        await store.checkpoint(path)
        with pytest.raises(StoreError, match="is not empty"):
            PostgresStore(url, ManualClock(), Ids(2), source=path)


def test_a_database_of_a_newer_program_is_refused_and_left_alone(cluster: Cluster) -> None:
    url = cluster.schema()
    schema = url.rpartition("%3D")[2]
    asyncio.run(node(url).close())
    cluster.execute(f"UPDATE {schema}.lambent_format SET version = 2")
    with pytest.raises(StoreTooNew, match="has format 2; this program knows formats up to 1"):
        node(url)
    assert cluster.execute(f"SELECT version FROM {schema}.lambent_format") == [(2,)]


def test_an_address_that_leads_nowhere_is_one_line_without_the_password(cluster: Cluster) -> None:
    cluster.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
    for url, reason in (
        (cluster.url("locked", "wr0ng"), "password authentication failed"),
        ("postgresql://admin:wr0ng@no-such-host.invalid/postgres", "no-such-host.invalid"),
        ("postgresql://admin:wr0ng@127.0.0.1:port/postgres", "cannot be"),
        ("postgresql://admin:wr0ng@[::1/postgres", "not one that PostgreSQL understands"),
    ):
        with pytest.raises(StoreUnreachable) as failure:
            node(url)
        message = str(failure.value)
        assert reason in message
        assert "\n" not in message
        assert "wr0ng" not in message


class PostgresAgainstModel(EngineAgainstModel):
    """As the other engines, but threads run what begins together in any order, so here one begins after the other."""

    cluster: Cluster

    @initialize()
    def open(self) -> None:
        """Start with an empty schema."""
        self.loop = asyncio.new_event_loop()
        self.engine = postgres_engine(self.cluster)
        self.store = self.engine.open()
        self.rows: dict[bytes, bytes] = {}

    @rule(batch=st.lists(programs, min_size=1, max_size=4))
    def transactions(self, batch: list[Any]) -> None:
        """One after the other."""
        for program in batch:
            super().transactions([program])

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.loop.run_until_complete(self.store.close())
        self.loop.close()


def test_the_engine_behaves_as_a_sorted_dict(cluster: Cluster) -> None:
    machine = type("AgainstPostgres", (PostgresAgainstModel,), {"cluster": cluster}).TestCase
    machine.settings = settings(max_examples=25, stateful_step_count=10, deadline=None, database=None)
    machine("runTest").runTest()
