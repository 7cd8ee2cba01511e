"""REST APIs on two nodes over PostgreSQL: one plan's quota, one stage, one deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from lambent.contracts.ports import Transaction
from lambent.execute.rest.usage import day_of
from lambent.kv.engines.postgres import PostgresStore
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import Quota
from tests.execute.rest.making import Making, mock
from tests.execute.rest.test_admission import SECRET, keyed, plan
from tests.kv.postgres_cluster import Cluster, find_binaries, started
from tests.support import ACCOUNT, REGION, TestCloud

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed"),
]
LIMIT = 40


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server of our own."""
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as running:
        yield running


async def test_a_quota_and_a_deployment_hold_on_both_nodes(cluster: Cluster) -> None:
    address = cluster.schema()
    one, two = TestCloud(1), TestCloud(2)
    two.clock = one.clock
    for cloud in (one, two):
        cloud.store = PostgresStore(address, cloud.clock, cloud.ids)  # type: ignore[assignment]
    try:
        first = await keyed(one, plan(quota=Quota(limit=LIMIT, period="DAY")))
        second = Making(two)
        served = 0
        for _ in range(30):
            answers = await asyncio.gather(*(node.ask("GET", "", headers=SECRET) for node in (first, second) * 2))
            served += sum(answer.status == 200 for answer in answers)
        # Each node may let through what is asked of it during a commit of the other's.
        assert LIMIT <= served <= LIMIT + 8
        day = day_of(one.clock.now_ns())
        for _ in range(100):
            used = await one.store.read(lambda tx: keys.used.get(tx, "p1", "k1", day))
            if used is not None and used.count == served:
                break
            await asyncio.sleep(0.02)
        assert used is not None
        assert used.count == served

        def lift(tx: Transaction) -> None:
            keys.plans.put(tx, plan(), ACCOUNT, REGION, "p1")

        await one.store.write(lift)
        first.method("/", "GET", mock("later"), api_key_required=True)
        await first.deploy(deployment="d2")
        bodies = [(await node.ask("GET", "", headers=SECRET)).body for node in (first, second)]
        assert bodies == [b"later", b"later"]
    finally:
        for cloud in (one, two):
            await cloud.cancel_spawned()
            await cloud.store.close()
