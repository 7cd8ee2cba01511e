"""Pollers of many nodes: one polls at a time, work is spread, what a dead node held goes on elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from lambent.bus.members import BEAT_NS, SILENT_BEATS
from lambent.bus.pollers import door, keys, leases
from lambent.services.lambda_.mappings import keys as mapping_keys

from .polling import SECOND_NS, PollingCloud, turns

Test = Callable[[PollingCloud, PollingCloud], Awaitable[None]]


def run(test: Test) -> None:
    """Run a test on two nodes of one cloud that know of each other."""

    async def body() -> None:
        first = PollingCloud()
        second = PollingCloud(beside=first, seed=2)
        for node in (first, second):
            await node.members.beat()
        await first.begin()
        await second.pollers.start()
        try:
            await test(first, second)
        finally:
            for node in (first, second):
                if not node.store._closed:
                    await node.pollers.stop(0)
                await node.cancel_spawned()

    asyncio.run(body())


async def beat(*nodes: PollingCloud, times: int = 1) -> None:
    """Time passes for these nodes; others stand still."""
    for _ in range(times):
        nodes[0].clock.advance(BEAT_NS)
        for node in nodes:
            await node.members.beat()
        await turns()


async def holders(cloud: PollingCloud) -> list[str]:
    """Who holds a lease, one entry for each."""
    found = await cloud.store.read(leases.every_lease)
    return [lease.node for lease in found.values()]


def counts(*nodes: PollingCloud) -> list[int]:
    return [node.pollers.load().get("pollers", 0) for node in nodes]


def test_the_door_knows_the_keys_of_what_it_does_not_load() -> None:
    assert door.TOPIC == mapping_keys.CHANGED
    assert mapping_keys.mappings.prefix == door.PREFIX


def test_each_source_is_polled_by_one_node_and_sources_are_spread() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        for number in range(4):
            await first.map(await first.queue(f"q{number}"))
            await beat(first, second)
        assert counts(first, second) == [2, 2]
        for number in range(4):
            await second.send(str(number), name=f"q{number}")
        await turns(200)
        assert sorted(first.batches) == [["0"], ["1"], ["2"], ["3"]]

    run(body)


def test_what_a_dead_node_polled_is_polled_by_another() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        source = await first.stream()
        await first.map(source)
        await first.map(await first.queue())
        await beat(first, second, times=4)
        assert counts(first, second) == [1, 1]
        await second.write("a")
        await turns()
        await first.die()
        await second.write("b")
        await second.send("m")
        await beat(second, times=SILENT_BEATS + 2)
        assert await holders(second) == [second.store.node] * 2
        assert sorted(first.batches) == [["a"], ["b"], ["m"]]

    run(body)


def test_a_node_that_was_taken_for_dead_puts_nothing_away() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        gate = asyncio.Event()

        async def behave(event: dict[str, Any]) -> None:
            await gate.wait()

        first.compute.behave = behave
        await first.map(await first.stream(), BatchSize=1)
        await first.write("a", "b")
        await turns()
        ((place, lease),) = (await first.store.read(leases.every_lease)).items()
        other = second if lease.node == first.store.node else first
        before = await first.store.read(keys.positions.scan)
        await first.store.write(lambda tx: keys.leases.put(tx, keys.Lease(other.store.node, "taken"), *place))
        gate.set()
        await turns()
        assert first.batches == [["a"]]
        assert await first.store.read(keys.positions.scan) == before

    run(body)


def test_a_node_that_joins_takes_its_part() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        await second.pollers.stop(0)
        await second.members.leave()
        for number in range(4):
            await first.map(await first.queue(f"q{number}"))
        await beat(first, times=4)
        assert counts(first) == [4]
        third = PollingCloud(beside=first, seed=3)
        await third.members.beat()
        await third.pollers.start()
        for _ in range(6):
            await beat(first, third)
            await first.advance(2)
        assert counts(first, third) == [2, 2]
        for number in range(4):
            await first.send(str(number), name=f"q{number}")
        await turns(200)
        assert sorted(first.batches) == [["0"], ["1"], ["2"], ["3"]]
        await third.pollers.stop(0)
        await third.cancel_spawned()

    run(body)


def test_a_message_in_the_hands_of_a_node_that_dies_before_the_delete_comes_again() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        await first.map(await first.queue(VisibilityTimeout=20))
        (holder,) = await holders(first)
        dying, other = (first, second) if holder == first.store.node else (second, first)
        killed = False

        async def behave(event: dict[str, Any]) -> None:
            nonlocal killed
            if not killed:
                killed = True
                dying.store.die()  # the function has succeeded, and nobody will hear of it

        first.compute.behave = behave
        await other.send("once more")
        await turns()
        await dying.die()
        assert await other.depth() == (0, 1)
        await beat(other, times=SILENT_BEATS + 2)
        other.clock.advance(20 * SECOND_NS)
        await turns(200)
        assert first.batches == [["once more"]] * 2
        assert await other.depth() == (0, 0)

    run(body)


def test_a_node_that_missed_the_first_mapping_finds_it() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        assert second.pollers._deafen is not None
        second.pollers._deafen()
        for name in ("one", "two"):
            await first.map(await first.queue(name))
        await beat(first, second)
        assert counts(first, second) == [2, 0]
        first.clock.advance(door.LOOK_NS)
        await turns()
        await beat(first, second, times=4)
        assert counts(first, second) == [1, 1]

    run(body)


def test_a_batch_of_a_stream_whose_node_dies_before_it_is_put_away_comes_again() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        await first.map(await first.stream(), BatchSize=1)
        (holder,) = await holders(first)
        dying, other = (first, second) if holder == first.store.node else (second, first)

        async def behave(event: dict[str, Any]) -> None:
            if len(first.batches) == 2:
                dying.store.die()

        first.compute.behave = behave
        await other.write("a", "b", "c")
        await turns()
        await dying.die()
        await beat(other, times=SILENT_BEATS + 2)
        assert first.batches == [["a"], ["b"], ["b"], ["c"]]

    run(body)


def test_a_busy_queue_is_polled_by_more_nodes_and_by_one_when_it_is_idle() -> None:
    async def body(first: PollingCloud, second: PollingCloud) -> None:
        gate = asyncio.Event()

        async def behave(event: dict[str, Any]) -> None:
            await gate.wait()

        first.compute.behave = behave
        made = await first.map(await first.queue(VisibilityTimeout=1000), BatchSize=1)
        await beat(first, second)
        await first.send(*(str(number) for number in range(150)))
        for _ in range(10):
            await beat(first, second)
            await first.advance(2)
        assert counts(first, second) == [1, 1]
        limited = await first.call(
            "lambda", "UpdateEventSourceMapping", UUID=made["UUID"], ScalingConfig={"MaximumConcurrency": 1000}
        )
        await beat(first, second)
        assert sorted(counts(first, second)) == [0, 1], "a limit is kept by one node"
        await first.call("lambda", "UpdateEventSourceMapping", UUID=limited["UUID"], ScalingConfig={})
        await beat(first, second)
        gate.set()
        await turns(3000)
        assert await first.depth() == (0, 0)
        for _ in range(40):
            await beat(first, second)
        assert sorted(counts(first, second)) == [0, 1]

    run(body)
