"""Queues in a store that several nodes share, on PostgreSQL: nothing is lost or had twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from lambent.kv.engines.postgres import PostgresStore
from tests.kv.postgres_cluster import Cluster, find_binaries, started

from .support import SqsCloud

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server of our own."""
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as running:
        yield running


def nodes(cluster: Cluster, count: int = 2) -> list[SqsCloud]:
    """Nodes of one new cloud, on one clock."""
    address = cluster.schema()
    found: list[SqsCloud] = []
    for number in range(count):
        cloud = SqsCloud(number + 1)
        if found:
            cloud.clock = found[0].clock
        cloud.store = PostgresStore(address, cloud.clock, cloud.ids)  # type: ignore[assignment]
        found.append(cloud)
    return found


async def close(found: list[SqsCloud]) -> None:
    for cloud in found:
        await cloud.store.close()


async def test_many_senders_and_receivers_on_two_nodes(cluster: Cluster) -> None:
    found = nodes(cluster)
    await found[0].create(VisibilityTimeout=600)
    total, seen = 300, Counter[str]()
    numbers = iter(range(total))

    async def send(cloud: SqsCloud) -> None:
        for number in numbers:
            await cloud.send(str(number))

    async def consume(cloud: SqsCloud) -> None:
        while len(seen) < total:
            for message in await cloud.receive(limit=5):
                seen[message["Body"]] += 1
                await cloud.delete(message["ReceiptHandle"])

    sends = [send(cloud) for cloud in found for _ in range(4)]
    consumers = [consume(cloud) for cloud in found for _ in range(4)]
    await asyncio.gather(*sends, *consumers)
    assert set(seen.values()) == {1}
    for cloud in found:
        assert await cloud.counts() == (0, 0, 0)
    await close(found)


async def test_groups_keep_their_order_over_two_nodes(cluster: Cluster) -> None:
    found = nodes(cluster)
    await found[0].create("q.fifo", VisibilityTimeout=600)
    groups, each = 6, 15
    got: dict[str, list[int]] = {f"g{number}": [] for number in range(groups)}

    async def send(group: str, cloud: SqsCloud) -> None:
        for number in range(each):
            await cloud.send(str(number), "q.fifo", MessageGroupId=group, MessageDeduplicationId=f"{group}-{number}")

    async def consume(cloud: SqsCloud) -> None:
        while sum(map(len, got.values())) < groups * each:
            for message in await cloud.receive("q.fifo", 3, AttributeNames=["MessageGroupId"]):
                got[message["Attributes"]["MessageGroupId"]].append(int(message["Body"]))
                await cloud.delete(message["ReceiptHandle"], "q.fifo")

    sends = [send(group, found[number % 2]) for number, group in enumerate(got)]
    await asyncio.gather(*sends, *(consume(cloud) for cloud in found for _ in range(3)))
    assert all(numbers == list(range(each)) for numbers in got.values())
    assert await found[1].counts("q.fifo") == (0, 0, 0)
    await close(found)


async def test_a_poll_on_one_node_is_woken_by_the_other(cluster: Cluster) -> None:
    found = nodes(cluster)
    await found[0].create()
    waiting = asyncio.ensure_future(found[1].bodies(WaitTimeSeconds=20))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await found[0].send("x")
    assert await asyncio.wait_for(waiting, 5) == ["x"]
    await close(found)
