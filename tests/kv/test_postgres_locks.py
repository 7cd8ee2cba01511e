"""Transactions that overlap on PostgreSQL: locks, within a node and between nodes, connections, a reader's reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from lambent.contracts.clock import ManualClock
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from tests.kv.contract import fill
from tests.kv.postgres_cluster import Cluster
from tests.kv.test_postgres import locked_increment, node, open_nodes

pytest.importorskip("psycopg", reason="psycopg is not installed")

from lambent.kv.engines.fibers import wait_for
from lambent.kv.engines.postgres import PostgresStore

pytestmark = pytest.mark.slow


class Gate:
    """A transaction can be held at it."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._open = asyncio.Event()

    def wait(self) -> None:
        """In a transaction's function: say that it is here, and wait until the gate is opened."""
        self.reached.set()
        wait_for(asyncio.wait_for(self._open.wait(), 10))

    def open(self) -> None:
        """Let it go on."""
        self._open.set()


def holding(gate: Gate, lock: Callable[[Transaction], object]) -> Callable[[Transaction], None]:
    def fn(tx: Transaction) -> None:
        assert lock(tx) is not False
        tx.put(b"n", tx.get(b"n") or b"0")
        gate.wait()
        tx.put(b"n", b"held")

    return fn


@pytest.mark.parametrize("same", [True, False])
async def test_a_lock_that_another_has_is_not_waited_for_when_tried(cluster: Cluster, same: bool) -> None:
    url = cluster.schema()
    runs: list[bytes | None] = []

    def attempt(tx: Transaction) -> bool:
        taken = tx.try_lock(b"l") and tx.try_lock(b"l")
        tx.lock(b"l2")
        runs.append(tx.get(b"n"))
        return taken

    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        other = one if same else two
        for lock in (lambda tx: tx.lock(b"l"), lambda tx: tx.try_lock(b"l")):
            gate = Gate()
            held = asyncio.create_task(one.write(holding(gate, lock)))
            await gate.reached.wait()
            assert not await other.write(attempt)
            gate.open()
            await held
            assert await other.write(attempt)
            assert runs.pop() == b"held"
        assert one.conflicts == two.conflicts == 0
    assert cluster.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


async def test_who_waits_for_a_lock_keeps_no_connection_from_the_others(cluster: Cluster) -> None:
    async with open_nodes(PostgresStore(cluster.schema(), ManualClock(), Ids(1), connections=2)) as (store,):
        # Rows that are there: new ones would share a page of the index, and conflict through that.
        await store.write(fill({b"n": b"0", b"other": b"0"}))
        gate = Gate()
        held = asyncio.create_task(store.write(holding(gate, lambda tx: tx.lock(b"n"))))
        await gate.reached.wait()
        waiting = [asyncio.create_task(store.write(lambda tx: tx.lock(b"n") or tx.get(b"n"))) for _ in range(10)]
        await store.write(fill({b"other": b"v"}))
        assert await store.read(lambda tx: tx.get(b"other")) == b"v"
        assert not any(task.done() for task in waiting)
        gate.open()
        await held
        assert await asyncio.gather(*waiting) == [b"held"] * 10
        assert store.conflicts == 0


async def test_locked_counters_conflict_with_nobody(cluster: Cluster) -> None:
    url = cluster.schema()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        await asyncio.gather(*(store.write(locked_increment) for store in (one, two) for _ in range(50)))
        assert await one.read(lambda tx: tx.get(b"n")) == b"100"
        assert one.conflicts == two.conflicts == 0


async def test_more_functions_than_connections_take_turns(cluster: Cluster) -> None:
    async with open_nodes(PostgresStore(cluster.schema(), ManualClock(), Ids(1), connections=3)) as (store,):
        await asyncio.gather(*(store.write(fill({b"k%03d" % i: b""})) for i in range(60)))
        assert len(await store.read(lambda tx: tx.scan(b"k", b"l"))) == 60
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lambent'"
        assert cluster.execute(count) == [(3,)]


async def test_a_big_transaction_goes_through_the_socket_both_ways(cluster: Cluster) -> None:
    value = bytes(range(256)) * 16_384  # 4 MiB: neither side can buffer it whole
    async with open_nodes(node(cluster.schema())) as (store,):
        await store.write(fill({b"k%d" % i: value for i in range(4)}))
        rows = await store.read(lambda tx: tx.scan(b"k", b"l"))
        assert [len(found) for _, found in rows] == [len(value)] * 4
        assert rows[3][1] == value


@pytest.mark.parametrize(("changed", "runs_wanted"), [(b"a", 2), (b"c", 1)])
async def test_what_a_reader_reads_belongs_together(cluster: Cluster, changed: bytes, runs_wanted: int) -> None:
    url, runs = cluster.schema(), list[int]()
    async with open_nodes(node(url, 1), node(url, 2)) as (one, two):
        await one.write(fill({b"a": b"1", b"b": b"1", b"c": b"1"}))

        def look(tx: Reader) -> tuple[bytes | None, list[tuple[bytes, bytes]]]:
            runs.append(1)
            first = tx.get(b"a")
            if len(runs) == 1:
                wait_for(two.write(fill({changed: b"2", b"b": b"2"})))
            return first, tx.scan(b"b", b"c")

        first, rest = await one.read(look)
        assert (first, rest) == (b"2" if changed == b"a" else b"1", [(b"b", b"2")])
        assert len(runs) == runs_wanted


async def test_a_node_that_stops_in_a_transaction_loses_its_lock_and_runs_again(cluster: Cluster) -> None:
    url, runs = cluster.schema(), list[bytes | None]()
    async with open_nodes(node(url, 1), node(url, 2)) as (stopped, alive):
        gate = Gate()

        def fn(tx: Transaction) -> None:
            tx.lock(b"l")
            runs.append(tx.get(b"n"))
            if len(runs) == 1:
                gate.wait()
            tx.put(b"n", (tx.get(b"n") or b"") + b"1")

        def take(tx: Transaction) -> None:
            tx.lock(b"l")
            tx.put(b"n", b"2")

        held = asyncio.create_task(stopped.write(fn))
        await gate.reached.wait()
        # It waits until the server has ended the other's transaction.
        await alive.write(take)
        gate.open()
        await held
        assert runs == [None, b"2"]
        assert await alive.read(lambda tx: tx.get(b"n")) == b"21"
