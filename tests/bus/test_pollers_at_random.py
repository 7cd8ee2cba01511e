"""Whatever fails, is throttled or dies: every record is seen, an item's changes in order; no message is lost."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from lambent.contracts.functions import TooManyRequests

from .polling import Broken, PollingCloud, turns

STEPS = 60


class Chaos:
    """A function that fails, is throttled, or names a part of its batch; and what it has done in spite of that."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.calm = False
        self.done: list[tuple[str, str]] = []

    async def behave(self, event: dict[str, Any]) -> dict[str, Any]:
        fate = 1.0 if self.calm else self.random.random()
        for _ in range(self.random.randrange(4)):
            await asyncio.sleep(0)
        if fate < 0.15:
            raise TooManyRequests
        records = event["Records"]
        if fate < 0.3:
            raise Broken("chaos")
        whole = fate >= 0.45
        good = records if whole else records[: self.random.randrange(len(records))]
        self.done += [_seen(record) for record in good]
        failed = records[len(good) :]
        name = "messageId" if "body" in records[0] else ""
        ids = [record[name] if name else record["dynamodb"]["SequenceNumber"] for record in failed]
        return {"batchItemFailures": [{"itemIdentifier": id} for id in ids]}


def _seen(record: dict[str, Any]) -> tuple[str, str]:
    """Whose record it is, and its number."""
    if "body" in record:
        return record["attributes"].get("MessageGroupId", ""), record["body"]
    image = record["dynamodb"]["NewImage"]
    return image["id"]["S"], image["turn"]["S"]


def in_order(numbers: list[int]) -> bool:
    """Whether a number is first seen only after all smaller ones; repeats are allowed."""
    best = -1
    for number in numbers:
        if number > best + 1:
            return False
        best = max(best, number)
    return True


async def live(seed: int, source: str) -> tuple[Chaos, int]:
    """A cloud of nodes that come and go while things are written; returns what was done of how many per item."""
    chaos = Chaos(seed)
    choose = random.Random(seed + 1000)
    node = await PollingCloud(seed=seed).begin()
    node.compute.behave = chaos.behave
    await node.members.beat()
    settings: dict[str, Any] = {"FunctionResponseTypes": ["ReportBatchItemFailures"], "BatchSize": choose.randint(1, 7)}
    if source == "stream":
        settings |= {"ParallelizationFactor": choose.randint(1, 4), "BisectBatchOnFunctionError": choose.random() < 0.5}
        await node.map(await node.stream(), **settings)
    else:
        await node.map(await node.queue("q.fifo", FifoQueue="true", VisibilityTimeout=5), **settings)
    nodes = [node]
    for step in range(STEPS):
        for item in ("a", "b", "c"):
            await write(nodes[0], source, item, step)
        await nodes[0].advance(choose.choice((0.1, 0.5, 2.0)), 0.5)
        if choose.random() < 0.15:
            await replace(nodes, seed * 1000 + step, choose.random() < 0.5)
    chaos.calm = True
    await nodes[0].advance(120)
    await nodes[0].pollers.stop(0)
    await nodes[0].cancel_spawned()
    return chaos, STEPS


async def write(node: PollingCloud, source: str, item: str, step: int) -> None:
    if source == "stream":
        await node.write(item, turn=step)
    else:
        await node.send(str(step), name="q.fifo", MessageGroupId=item, MessageDeduplicationId=f"{item}{step}")


async def replace(nodes: list[PollingCloud], seed: int, gracefully: bool) -> None:
    """Another node takes the place of the one there is: which stops, or is killed and found dead."""
    old = nodes[0]
    nodes[0] = new = PollingCloud(beside=old, seed=seed)
    await new.members.beat()
    if gracefully:
        await old.pollers.stop(1)
        await old.members.leave()
        await old.cancel_spawned()
    else:
        await old.die()
    await new.relay.start()
    await new.pollers.start()
    for _ in range(0 if gracefully else 5):
        new.clock.advance(2_000_000_000)
        await new.members.beat()
        await turns()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("source", ["stream", "fifo"])
def test_everything_is_done_in_order(source: str, seed: int) -> None:
    chaos, count = asyncio.run(live(seed, source))
    for item in ("a", "b", "c"):
        numbers = [int(number) for whose, number in chaos.done if whose == item]
        assert set(numbers) == set(range(count)), "nothing is lost"
        assert in_order(numbers)
