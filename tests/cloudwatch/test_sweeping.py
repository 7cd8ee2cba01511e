"""Old data on the moved clock: points become coarser and go, metrics are listed no more and go, and so does history."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from lambent.contracts.events import Delivery
from lambent.kv import outbox
from lambent.services.cloudwatch import keys
from tests.support import ACCOUNT, REGION

from .support import SECOND_NS, START, WatchCloud, run

DAY_NS = 86_400 * SECOND_NS


async def days(cloud: WatchCloud, count: int) -> None:
    """Let days pass, one at once."""
    for _ in range(count):
        cloud.clock.advance(DAY_NS)
        await cloud.settle()


async def sums(
    cloud: WatchCloud, period_s: int, start: datetime = START, hours: int = 1, name: str = "m", stat: str = "Sum"
) -> list[float]:
    """A metric's values from `start` on, oldest first."""
    metric = {"Metric": {"Namespace": "N", "MetricName": name}, "Period": period_s, "Stat": stat}
    found = await cloud.call(
        "cloudwatch",
        "GetMetricData",
        MetricDataQueries=[{"Id": "q", "MetricStat": metric}],
        StartTime=start,
        EndTime=start + timedelta(hours=hours),
        ScanBy="TimestampAscending",
    )
    values: list[float] = found["MetricDataResults"][0]["Values"]
    return values


async def timers(cloud: WatchCloud) -> list[outbox.Entry]:
    """The daily timers that wait."""
    found = await cloud.store.read(lambda tx: [claimed.entry for _, claimed in outbox.pending(tx)])
    return [entry for entry in found if entry.event.target.endswith(":sweeping")]


def test_points_become_coarser_and_go() -> None:
    async def body(cloud: WatchCloud) -> None:
        cloud.clock.advance(3600 * SECOND_NS)
        for minute in range(0, 60, 2):
            await cloud.put(minute, ago_s=60 * (60 - minute))
        assert await sums(cloud, 60) == [float(minute) for minute in range(0, 60, 2)]
        by_five = await sums(cloud, 300)
        assert by_five[:3] == [6.0, 14.0, 36.0]
        await days(cloud, 14)
        assert len(await sums(cloud, 60)) == 30
        await days(cloud, 2)
        assert await sums(cloud, 60) == []
        assert await sums(cloud, 300) == by_five
        assert await sums(cloud, 3600) == [870.0]
        assert await sums(cloud, 3600, stat="p50") == [28.0]
        await days(cloud, 46)
        assert await sums(cloud, 300) == by_five
        await days(cloud, 2)
        assert await sums(cloud, 300) == []
        assert await sums(cloud, 3600) == [870.0]
        cloud.clock.advance(389 * DAY_NS)
        await cloud.settle()
        assert await sums(cloud, 3600) == [870.0]
        await days(cloud, 3)
        assert await sums(cloud, 3600) == []

    run(body)


def test_points_of_seconds_go_and_leave_those_of_minutes() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(1, StorageResolution=1)
        await cloud.put(2, StorageResolution=1, ago_s=-1)
        assert await sums(cloud, 1) == [1.0, 2.0]
        await days(cloud, 1)
        # Asked for by the second, the minute's point is shown: there is nothing finer.
        assert await sums(cloud, 1) == [3.0]

    run(body)


def test_old_and_new_points_meet_in_one_period() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(1)
        await days(cloud, 13)
        await cloud.put(2)
        await days(cloud, 4)
        assert await sums(cloud, 86_400, hours=24 * 20) == [1.0, 2.0]
        # The point of the first day is five minutes' by now, that of the 14th still a minute's.
        assert await sums(cloud, 100 * 86_400, start=START - timedelta(days=50), hours=24 * 80) == [3.0]

    run(body)


def test_a_metric_is_listed_for_two_weeks_and_goes_with_its_last_point() -> None:
    async def body(cloud: WatchCloud) -> None:
        async def listed() -> list[str]:
            found = await cloud.call("cloudwatch", "ListMetrics", Namespace="N")
            return [one["MetricName"] for one in found["Metrics"]]

        await cloud.put(1)
        await days(cloud, 13)
        await cloud.put(1, "n")
        assert await listed() == ["m", "n"]
        await days(cloud, 2)
        assert await listed() == ["n"]
        assert await sums(cloud, 3600) == [1.0]
        cloud.clock.advance(443 * DAY_NS)
        await cloud.settle()
        await cloud.put(1, "n")
        metrics = await cloud.store.read(keys.metrics.scan)
        assert [keys.metrics.parts(key)[3] for key, _ in metrics] == ["n"]
        cloud.clock.advance(457 * DAY_NS)
        await cloud.settle()
        left = await cloud.store.read(lambda tx: [table.scan(tx) for table in (keys.metrics, keys.points)])
        assert left == [[], []]
        assert await timers(cloud) == []
        await cloud.put(1)
        assert len(await timers(cloud)) == 1

    run(body)


def test_a_page_of_metrics_is_listed_after_another() -> None:
    async def body(cloud: WatchCloud) -> None:
        for first in range(0, 1100, 100):
            data = [{"MetricName": f"m{number:04d}", "Value": 1} for number in range(first, first + 100)]
            await cloud.call("cloudwatch", "PutMetricData", Namespace="N", MetricData=data)
        found: list[str] = []
        sizes = []
        more: dict[str, Any] = {}
        while True:
            page = await cloud.call("cloudwatch", "ListMetrics", Namespace="N", **more)
            sizes.append(len(page["Metrics"]))
            found += [one["MetricName"] for one in page["Metrics"]]
            if "NextToken" not in page:
                break
            more = {"NextToken": page["NextToken"]}
        assert sizes == [500, 500, 100]
        assert found == [f"m{number:04d}" for number in range(1100)]
        filtered = await cloud.call("cloudwatch", "ListMetrics", MetricName="m1099")
        assert len(filtered["Metrics"]) == 1

    run(body)


def test_many_points_are_swept_in_many_transactions() -> None:
    async def body(cloud: WatchCloud) -> None:
        for name in ["m", "n", *(f"few{number}" for number in range(50))]:
            await cloud.put(1, name)
        for first in range(0, 1200, 100):
            data = [
                {"MetricName": name, "Value": 1, "Timestamp": START - timedelta(minutes=minute)}
                for minute in range(first, first + 100)
                for name in ("m", "n")
            ]
            await cloud.call("cloudwatch", "PutMetricData", Namespace="N", MetricData=data)
        cloud.clock.advance(17 * DAY_NS)
        for _ in range(10):
            await cloud.settle()
        for name in ("m", "n"):
            day: dict[str, Any] = {"start": START - timedelta(days=1), "hours": 25, "name": name}
            assert await sums(cloud, 60, **day) == []
            assert sum(await sums(cloud, 3600, **day)) == 1201.0
        assert await sums(cloud, 300, name="few49") == [1.0]
        assert await sums(cloud, 60, name="few49") == []
        assert len(await timers(cloud)) == 1

    run(body)


def test_history_of_alarms_is_kept_for_thirty_days() -> None:
    async def body(cloud: WatchCloud) -> None:
        async def lines(name: str) -> int:
            found = await cloud.call("cloudwatch", "DescribeAlarmHistory", AlarmName=name)
            return len(found["AlarmHistoryItems"])

        for name in ("a", "b", "gone"):
            await cloud.call("cloudwatch", "PutCompositeAlarm", AlarmName=name, AlarmRule="TRUE")
        assert await lines("a") == 2
        await cloud.call("cloudwatch", "DeleteAlarms", AlarmNames=["gone"])
        await days(cloud, 29)
        await cloud.call("cloudwatch", "PutCompositeAlarm", AlarmName="b", AlarmRule="FALSE")
        assert [await lines(name) for name in ("a", "b")] == [2, 4]
        await days(cloud, 2)
        assert [await lines(name) for name in ("a", "b", "gone")] == [0, 2, 0]

    run(body)


def test_a_timer_that_is_heard_twice_sets_no_second_one() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(1)
        (timer,) = await timers(cloud)
        await days(cloud, 1)
        again = Delivery(id=timer.id, event=timer.event, attempt=2, emitted_ns=timer.emitted_ns)
        await cloud.targets["cloudwatch"].deliver(again)
        await cloud.settle()
        assert len(await timers(cloud)) == 1

    run(body)


def test_a_timer_that_was_lost_is_set_anew() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(1)
        first = await cloud.store.read(lambda tx: keys.sweepings.get(tx, ACCOUNT, REGION))
        assert first is not None
        await cloud.relay.stop()
        cloud.clock.advance(4 * DAY_NS)
        await cloud.put(1, "n")
        sweeping = await cloud.store.read(lambda tx: keys.sweepings.get(tx, ACCOUNT, REGION))
        assert sweeping is not None
        assert sweeping.turn == first.turn + 1

    run(body)
