"""Topics on PostgreSQL: two nodes of one cloud, where everything is delivered by tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from lambent.bus.relay import Relay
from lambent.contracts.clock import SystemClock, sleep_until
from lambent.contracts.ids import Ids
from tests.kv.postgres_cluster import Cluster, find_binaries, started

from .support import SnsCloud

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")]
WAIT_S = 60.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as running:
        yield running


@asynccontextmanager
async def _nodes(cluster: Cluster) -> AsyncIterator[list[SnsCloud]]:
    from lambent.kv.engines.postgres import PostgresStore  # deferred: an optional dependency

    url = cluster.schema()
    clouds: list[SnsCloud] = []
    for number in range(2):
        cloud = SnsCloud(number + 1)
        cloud.clock = SystemClock()  # type: ignore[assignment]  # nobody moves the time of a database
        cloud.ids = Ids()
        cloud.store = PostgresStore(url, cloud.clock, cloud.ids)  # type: ignore[assignment]
        cloud.relay = Relay(cloud, cloud.store.node, alone=False)
        await cloud.relay.start()
        clouds.append(cloud)
    try:
        yield clouds
    finally:
        for cloud in clouds:
            await cloud.relay.stop(1_000_000_000)
            await cloud.cancel_spawned()
            await cloud.store.close()


async def _received(cloud: SnsCloud, queue: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + WAIT_S
    while len(found) < count and time.monotonic() < deadline:
        found += await cloud.received(queue)
        await sleep_until(cloud.clock, cloud.clock.now_ns() + 20_000_000)
    return found


def test_groups_keep_their_order_and_nothing_is_lost(cluster: Cluster) -> None:
    async def run() -> None:
        async with _nodes(cluster) as (one, other):
            topic = await one.topic("t.fifo", ContentBasedDeduplication="true")
            plain = await one.topic("plain")
            queue, copies = await one.queue("q.fifo"), await one.queue("copies")
            await one.subscribe(topic, queue, RawMessageDelivery="true")
            for target in (copies, await one.queue("more")):
                await other.subscribe(plain, target)

            async def publish(cloud: SnsCloud, group: str) -> None:
                for number in range(8):
                    text = f"{group}{number}"
                    await cloud.call("sns", "Publish", TopicArn=topic, Message=text, MessageGroupId=group)
                    await cloud.call("sns", "Publish", TopicArn=plain, Message=text)

            await asyncio.gather(publish(one, "a"), publish(other, "b"), publish(other, "c"))
            found = [message["Body"] for message in await _received(one, queue, 24)]
            for group in "abc":
                assert [text for text in found if text[0] == group] == [f"{group}{n}" for n in range(8)]
            wrapped = await _received(other, copies, 24)
            assert len({message["Body"]["Message"] for message in wrapped}) == len(wrapped) == 24
            assert len({message["Body"]["SigningCertURL"] for message in wrapped}) == 1

    asyncio.run(run())
