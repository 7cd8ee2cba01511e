"""Several nodes of one cloud: counts add up, gauges do not, and an alarm speaks once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.events import Delivery
from lambent.kit.measuring import FLUSH_NS, Meter
from lambent.kv import outbox
from lambent.services.cloudwatch import Recorder, keys
from tests.support import ACCOUNT

from .support import SECOND_NS, WatchCloud, run

QUEUE = f"http://127.0.0.1:4566/{ACCOUNT}/q"
DIMENSIONS = (("QueueName", "q"),)


def beside(cloud: WatchCloud, seed: int) -> WatchCloud:
    """Another node, with a meter and a relay of its own (not started)."""
    other = WatchCloud(seed, beside=cloud)
    other.metrics = Meter(other.clock, other.spawn, Recorder(other).hand_on)
    other.relay = Relay(other, other.store.node, alone=False)
    return other


async def points(cloud: WatchCloud, name: str, *statistics: str) -> list[dict[str, Any]]:
    """What a metric of the queue shows by the minute."""
    answer = await cloud.call(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/SQS",
        MetricName=name,
        Dimensions=[{"Name": "QueueName", "Value": "q"}],
        Period=60,
        Statistics=list(statistics),
        StartTime=cloud.now - timedelta(hours=1),
        EndTime=cloud.now + timedelta(minutes=1),
    )
    found: list[dict[str, Any]] = answer["Datapoints"]
    return found


def test_counts_of_nodes_add_up_and_gauges_do_not() -> None:
    async def body(cloud: WatchCloud) -> None:
        nodes = [cloud, beside(cloud, 2), beside(cloud, 3)]
        await cloud.call("sqs", "SendMessage", QueueUrl=QUEUE, MessageBody="x")
        await cloud.call("sqs", "SendMessage", QueueUrl=QUEUE, MessageBody="y")
        for number, node in enumerate(nodes, 1):
            for _ in range(number):
                node.metrics.note(ACCOUNT, "us-east-1", "AWS/SQS", "Own", float(number), "Count", DIMENSIONS)
        cloud.clock.advance(FLUSH_NS)
        for node in nodes:
            await node.relay.settled()
        await asyncio.sleep(0.01)
        (point,) = await points(cloud, "Own", "SampleCount", "Sum", "Minimum", "Maximum")
        assert (point["SampleCount"], point["Sum"], point["Minimum"], point["Maximum"]) == (6, 14, 1, 3)
        (depth,) = await points(nodes[1], "ApproximateNumberOfMessagesVisible", "SampleCount", "Sum")
        assert (depth["SampleCount"], depth["Sum"]) == (1, 2)
        for node in nodes[1:]:
            await node.cancel_spawned()

    run(body)


def test_one_node_sweeps_and_what_it_swept_is_there_on_all() -> None:
    async def body(cloud: WatchCloud) -> None:
        nodes = [cloud, beside(cloud, 2), beside(cloud, 3)]
        for node in nodes[1:]:
            await node.relay.start()
        for minute in range(5):
            await cloud.put(1, ago_s=60 * minute)
        start = cloud.now
        for _ in range(17):
            cloud.clock.advance(86_400 * SECOND_NS)
            for _ in range(4):
                await asyncio.gather(*(node.relay.settled() for node in nodes))
                await asyncio.sleep(0)
        for node in nodes:
            found = await node.call(
                "cloudwatch",
                "GetMetricStatistics",
                Namespace="N",
                MetricName="m",
                Period=3600,
                Statistics=["SampleCount", "Sum"],
                StartTime=start - timedelta(hours=1),
                EndTime=start + timedelta(hours=1),
            )
            assert sum(point["Sum"] for point in found["Datapoints"]) == 5
            assert sum(point["SampleCount"] for point in found["Datapoints"]) == 5
        left = await cloud.store.read(lambda tx: {keys.points.parts(key)[1] for key, _ in keys.points.scan(tx)})
        assert left == {300}
        timers = await cloud.store.read(lambda tx: [found.entry for _, found in outbox.pending(tx)])
        assert len([entry for entry in timers if entry.event.target.endswith(":sweeping")]) == 1
        for node in nodes[1:]:
            await node.relay.stop()
            await node.cancel_spawned()

    run(body)


def test_an_alarm_speaks_once_though_its_timer_is_heard_on_two_nodes() -> None:
    async def body(cloud: WatchCloud) -> None:
        other = beside(cloud, 2)
        await other.relay.start()
        await cloud.alarm()
        await cloud.put(6)
        timers = await cloud.store.read(lambda tx: [found.entry for _, found in outbox.pending(tx)])
        (timer,) = [entry for entry in timers if entry.event.target.endswith(":alarm:a")]
        for _ in range(9):
            cloud.clock.advance(10 * SECOND_NS)
            await cloud.settle()
            await other.relay.settled()
        # A node that died after it had looked, and before that was noted: the timer is heard again.
        again = Delivery(id=timer.id, event=timer.event, attempt=2, emitted_ns=timer.emitted_ns)
        await other.targets["cloudwatch"].deliver(again)
        await cloud.settle()
        assert [notice["NewStateValue"] for notice in await cloud.messages()] == ["ALARM"]
        armed = await cloud.store.read(lambda tx: [found.entry for _, found in outbox.pending(tx)])
        assert len([entry for entry in armed if entry.event.target == timer.event.target]) == 1
        await other.relay.stop()
        await other.cancel_spawned()

    run(body)
