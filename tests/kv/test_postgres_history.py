"""What many transactions of two nodes did at once could have happened one by one, in an order that fits the time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

import msgspec
import pytest

pytest.importorskip("psycopg", reason="psycopg is not installed")

from lambent.contracts.ports import Reader
from lambent.contracts.ports import Transaction as StoreTransaction
from lambent.kv.engines.postgres import PostgresStore
from lambent.kv.errors import CommitUnknown
from tests.history.lists import check_lists
from tests.history.operations import Append, Outcome, Read, Transaction, now_ns
from tests.kv.postgres_cluster import Cluster
from tests.kv.test_postgres import HANG_UP, node, open_nodes

pytestmark = pytest.mark.slow

LISTS = 5
EACH = 60
Steps = tuple[Append | Read, ...]


def read(tx: Reader, name: str) -> Read:
    return Read(name, tuple(msgspec.json.decode(tx.get(name.encode()) or b"[]")))


def apply(tx: StoreTransaction, steps: Sequence[Append | Read], locked: bool) -> Steps:
    done: list[Append | Read] = []
    for step in steps:
        if locked:
            tx.lock(step.key.encode())
        found = read(tx, step.key)
        if isinstance(step, Append):
            tx.put(step.key.encode(), msgspec.json.encode([*(found.found or ()), step.value]))
            done.append(step)
        else:
            done.append(found)
    return tuple(done)


async def run(store: PostgresStore, steps: Steps, locked: bool) -> tuple[Outcome, Steps]:
    try:
        if any(isinstance(step, Append) for step in steps):
            return "ok", await store.write(lambda tx: apply(tx, steps, locked))
        return "ok", await store.read(lambda tx: tuple(read(tx, step.key) for step in steps))
    except CommitUnknown:
        return "unknown", steps


async def work(store: PostgresStore, number: int, history: list[Transaction]) -> None:
    chance = random.Random(number)
    for turn in range(EACH):
        names = [str(place) for place in chance.sample(range(LISTS), chance.randint(1, 4))]
        steps: Steps = tuple(
            Append(name, number * 1000 + turn * 10 + place) if chance.random() < 0.5 else Read(name)
            for place, name in enumerate(names)
        )
        invoked_ns = now_ns()
        outcome, done = await run(store, steps, chance.random() < 0.2)
        process = f"worker {number}"
        history.append(
            Transaction(process=process, steps=done, invoked_ns=invoked_ns, completed_ns=now_ns(), outcome=outcome)
        )


@pytest.mark.parametrize("cuts", [0, 4])
async def test_an_order_exists(cluster: Cluster, cuts: int) -> None:
    url = cluster.schema()
    history: list[Transaction] = []
    async with open_nodes(node(url, 1), node(url, 2)) as nodes:
        works = [asyncio.ensure_future(work(nodes[number % 2], number, history)) for number in range(8)]
        for cut in range(cuts):
            while len(history) < (cut + 1) * EACH:
                await asyncio.wait(works, timeout=0.01)
            await asyncio.to_thread(cluster.execute, HANG_UP)
        await asyncio.gather(*works)
        invoked_ns = now_ns()
        _, done = await run(nodes[0], tuple(Read(str(place)) for place in range(LISTS)), False)
    last = Transaction(process="last", steps=done, invoked_ns=invoked_ns, completed_ns=now_ns(), outcome="ok")
    assert [str(anomaly) for anomaly in check_lists([*history, last])] == []
    assert len(history) == 8 * EACH
    assert sum(entry.outcome == "ok" for entry in history) >= 8 * EACH - 16 * cuts
