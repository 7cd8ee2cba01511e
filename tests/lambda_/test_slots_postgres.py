"""Limits of concurrency on PostgreSQL: two nodes, each with a store of its own on one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from lambent.contracts.clock import SystemClock
from lambent.contracts.functions import FunctionSpec, TooManyRequests
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Cloud
from lambent.services.lambda_ import LambdaHost, forget_node, keys
from lambent.services.lambda_.model import AccountRecord
from lambent.services.lambda_.slots import CHUNK
from tests.kv.postgres_cluster import Cluster, find_binaries, started
from tests.support import ACCOUNT, REGION

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as running:
        yield running


def function(reserved: int | None) -> FunctionSpec:
    """A function that is only counted."""
    return FunctionSpec(
        arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f:$LATEST",
        name="f",
        version="$LATEST",
        account=ACCOUNT,
        region=REGION,
        runtime="python3.12",
        handler="app.handler",
        code="",
        role="",
        reserved_concurrency=reserved,
    )


@asynccontextmanager
async def nodes(cluster: Cluster, count: int) -> AsyncIterator[tuple[list[Cloud], list[LambdaHost]]]:
    """Nodes of one cloud, as far as the counting of calls needs one."""
    from lambent.kv.engines.postgres import PostgresStore  # deferred: an optional dependency

    url = cluster.schema()
    clouds = []
    for _ in range(count):
        cloud = Cloud()
        cloud.clock, cloud.ids = SystemClock(), Ids()
        cloud.store = PostgresStore(url, cloud.clock, cloud.ids)
        clouds.append(cloud)
    hosts = [LambdaHost(cloud) for cloud in clouds]
    try:
        yield clouds, hosts
        for host in hosts:
            await host.close()
        assert await clouds[0].store.read(keys.slots.scan) == []
    finally:
        for cloud in clouds:
            await cloud.store.close()


class Calls:
    """Clients that call as often as they may, and what came of it."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.ran = 0
        self.turned_away = 0

    async def client(self, host: LambdaHost, spec: FunctionSpec, times: int) -> None:
        """One client, one call after another."""
        for _ in range(times):
            try:
                slot = await host.enter(spec)
            except TooManyRequests:
                self.turned_away += 1
                continue
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            self.ran += 1
            await slot.leave()


async def test_a_reservation_holds_over_two_stores(cluster: Cluster) -> None:
    async with nodes(cluster, 2) as (_, hosts):
        calls = Calls()
        await asyncio.gather(*(calls.client(host, function(4), 40) for host in hosts for _ in range(2)))
        assert (calls.most <= 4, calls.ran, calls.turned_away) == (True, 160, 0)
        await asyncio.gather(*(calls.client(host, function(4), 20) for host in hosts for _ in range(8)))
        assert calls.most == 4
        assert calls.turned_away > 0


async def test_one_call_after_another_is_never_refused(cluster: Cluster) -> None:
    async with nodes(cluster, 2) as (_, hosts):
        for number in range(60):
            slot = await hosts[number % 2].enter(function(1))
            with pytest.raises(TooManyRequests):
                await hosts[(number + 1) % 2].enter(function(1))
            await slot.leave()


async def test_the_accounts_limit_holds_over_two_stores(cluster: Cluster) -> None:
    async with nodes(cluster, 2) as (clouds, hosts):
        await clouds[0].store.write(lambda tx: keys._accounts.put(tx, AccountRecord(900), ACCOUNT, REGION))
        found = await asyncio.gather(
            *(host.enter(function(None)) for host in hosts for _ in range(100)), return_exceptions=True
        )
        slots = [slot for slot in found if not isinstance(slot, BaseException)]
        assert 100 - 2 * CHUNK < len(slots) <= 100
        assert {type(each) for each in found if isinstance(each, BaseException)} == {TooManyRequests}
        for slot in slots:
            await slot.leave()


async def test_a_dead_nodes_slots_are_freed_while_others_come_and_go(cluster: Cluster) -> None:
    async with nodes(cluster, 3) as (clouds, hosts):
        spec, calls = function(8), Calls()
        orphans = [await hosts[2].enter(spec) for _ in range(6)]
        others = asyncio.gather(*(calls.client(host, spec, 60) for host in hosts[:2]))
        began_s = time.perf_counter()
        await clouds[0].store.write(lambda tx: forget_node(tx, clouds[2].store.node))
        assert time.perf_counter() - began_s < 2
        record = await clouds[0].store.read(lambda tx: keys.slots.get(tx, ACCOUNT, REGION, "f"))
        assert record is None or clouds[2].store.node not in record.holders
        await others
        assert (calls.most <= 2, calls.turned_away) == (True, 0)
        for slot in orphans:
            await slot.leave()
