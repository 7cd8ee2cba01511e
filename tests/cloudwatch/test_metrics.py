"""Metrics: what is put, what is read, how it is named; AWS's complaints."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from .support import START, WatchCloud, run

SPAN = {"StartTime": START - timedelta(hours=1), "EndTime": START + timedelta(hours=1)}


def query(name: str = "m", stat: str = "Sum", period: int = 60, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "N", "MetricName": name}
    return {
        "Id": f"{name}_{stat}_{period}".lower(),
        "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **more},
    }


def test_statistics_of_a_minute() -> None:
    async def body(cloud: WatchCloud) -> None:
        for value in range(10):
            await cloud.put(value)
        wanted = ["Average", "Maximum", "Minimum", "SampleCount", "Sum"]
        found = await cloud.call(
            "cloudwatch", "GetMetricStatistics", Namespace="N", MetricName="m", Period=60, Statistics=wanted, **SPAN
        )
        assert found["Label"] == "m"
        (point,) = found["Datapoints"]
        assert [point[name] for name in wanted] == [4.5, 9.0, 0.0, 10.0, 45.0]
        assert (point["Unit"], point["Timestamp"]) == ("None", START)

    run(body)


def test_percentiles() -> None:
    async def body(cloud: WatchCloud) -> None:
        values = [float(n) for n in range(1, 101)]
        datum = {"MetricName": "m", "Values": values}
        await cloud.call("cloudwatch", "PutMetricData", Namespace="N", MetricData=[datum])
        found = await cloud.call(
            "cloudwatch", "GetMetricData", MetricDataQueries=[query(stat="p99"), query(stat="p50")], **SPAN
        )
        assert [one["Values"] for one in found["MetricDataResults"]] == [[99.0], [50.0]]

    run(body)


def test_units_stand_apart() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(10)
        await cloud.put(5, Unit="Count")
        await cloud.put(1, Unit="Seconds")
        found = await cloud.call(
            "cloudwatch",
            "GetMetricStatistics",
            Namespace="N",
            MetricName="m",
            Period=60,
            Statistics=["Average"],
            **SPAN,
        )
        assert {(one["Average"], one["Unit"]) for one in found["Datapoints"]} == {
            (10.0, "None"),
            (5.0, "Count"),
            (1.0, "Seconds"),
        }
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=[query()], **SPAN)
        (message,) = found["MetricDataResults"][0]["Messages"]
        assert message == {"Code": "MultipleUnits", "Value": "Multiple units returned: '[Count, None, Seconds]'"}

    run(body)


@pytest.mark.parametrize(
    ("queries", "labels"),
    [
        ([query(stat="Sum"), query(stat="Minimum", period=30)], ["m Sum 60", "m Minimum 30"]),
        ([query(stat="Sum"), query(stat="Minimum")], ["m Sum", "m Minimum"]),
        ([query(), query("n")], ["m", "n"]),
    ],
)
def test_labels(queries: list[dict[str, Any]], labels: list[str]) -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(109)
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=queries, **SPAN)
        assert [one["Label"] for one in found["MetricDataResults"]] == labels
        assert found["Messages"] == []

    run(body)


def test_periods_and_order() -> None:
    async def body(cloud: WatchCloud) -> None:
        for ago_s in (0, 60, 240, 600):
            await cloud.put(1, ago_s=ago_s)
        newest_first = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=[query(period=300)], **SPAN)
        (line,) = newest_first["MetricDataResults"]
        assert line["Values"] == [1.0, 2.0, 1.0]
        assert line["Timestamps"] == [START, START - timedelta(minutes=5), START - timedelta(minutes=10)]
        paged = await cloud.call(
            "cloudwatch",
            "GetMetricData",
            MetricDataQueries=[query(period=300)],
            MaxDatapoints=2,
            ScanBy="TimestampAscending",
            **SPAN,
        )
        assert paged["MetricDataResults"][0]["Values"] == [1.0, 2.0]
        rest = await cloud.call(
            "cloudwatch",
            "GetMetricData",
            MetricDataQueries=[query(period=300)],
            MaxDatapoints=2,
            ScanBy="TimestampAscending",
            NextToken=paged["NextToken"],
            **SPAN,
        )
        assert rest["MetricDataResults"][0]["Values"] == [1.0]

    run(body)


def test_seconds_are_kept_where_they_are_asked_for() -> None:
    async def body(cloud: WatchCloud) -> None:
        for ago_s in (1, 2, 11):
            await cloud.put(1, ago_s=ago_s, StorageResolution=1)
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=[query(period=10)], **SPAN)
        assert found["MetricDataResults"][0]["Values"] == [2.0, 1.0]

    run(body)


def test_a_minutes_point_stands_only_for_minutes_without_points_of_seconds() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(1, ago_s=80)
        await cloud.put(2, ago_s=25, StorageResolution=1)
        span = {"StartTime": START - timedelta(minutes=2), "EndTime": START}
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=[query(period=10)], **span)
        (line,) = found["MetricDataResults"]
        assert line["Values"] == [2.0, 1.0]
        assert line["Timestamps"] == [START - timedelta(seconds=30), START - timedelta(minutes=2)]
        span["EndTime"] = START - timedelta(seconds=30)
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=[query(period=10)], **span)
        assert found["MetricDataResults"][0]["Values"] == [1.0]

    run(body)


def test_a_count_of_none_is_refused() -> None:
    async def body(cloud: WatchCloud) -> None:
        empty = {"SampleCount": 0, "Sum": 0, "Minimum": 0, "Maximum": 0}
        for datum in (
            {"StatisticValues": empty},
            {"Values": [1.0], "Counts": [0.0]},
            {"Values": [1.0], "Counts": [-1.0]},
        ):
            code, _ = await cloud.refused("PutMetricData", Namespace="N", MetricData=[{"MetricName": "m", **datum}])
            assert code == "InvalidParameterValueException"
        assert (await cloud.call("cloudwatch", "ListMetrics"))["Metrics"] == []

    run(body)


def test_metrics_are_listed_by_what_they_have() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(1, Dimensions=[{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}])
        await cloud.put(1, "n")
        every = await cloud.call("cloudwatch", "ListMetrics")
        assert [one["MetricName"] for one in every["Metrics"]] == ["m", "n"]
        assert every["Metrics"][0]["Dimensions"] == [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]
        some = await cloud.call("cloudwatch", "ListMetrics", Namespace="N", Dimensions=[{"Name": "a"}])
        assert len(some["Metrics"]) == 1
        none = await cloud.call("cloudwatch", "ListMetrics", Dimensions=[{"Name": "a", "Value": "2"}])
        assert none["Metrics"] == []

    run(body)


def test_old_points_go() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(1)
        await cloud.pass_s(10)
        cloud.clock.advance(16 * 86_400 * 1_000_000_000)
        await cloud.put(2)
        wide = {"StartTime": START - timedelta(days=1), "EndTime": START + timedelta(days=30)}
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=[query()], **wide)
        assert found["MetricDataResults"][0]["Values"] == [2.0]

    run(body)


def test_expressions() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.put(8)
        await cloud.put(2, "errors")
        await cloud.put(6, ago_s=60)
        queries = [
            {**query(), "Id": "m1", "ReturnData": False},
            {**query("errors"), "Id": "e1", "ReturnData": False},
            {"Id": "rate", "Expression": "100 * FILL(e1, 0) / m1", "Label": "error rate"},
        ]
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=queries, **SPAN)
        (line,) = found["MetricDataResults"]
        assert (line["Id"], line["Label"], line["Values"]) == ("rate", "error rate", [25.0, 0.0])

    run(body)


def test_complaints() -> None:
    async def body(cloud: WatchCloud) -> None:
        def data(**more: Any) -> dict[str, Any]:
            return {"Namespace": "N", "MetricData": [{"MetricName": "m", **more}]}

        assert await cloud.refused("PutMetricData", **data(Value=1, Values=[1])) == (
            "InvalidParameterCombinationException",
            "The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you "
            "have specified both.",
        )
        assert await cloud.refused("PutMetricData", **data(Values=[1, 2], Counts=[1])) == (
            "InvalidParameterValueException",
            "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
        )
        wide = {"Namespace": "N", "MetricName": "m", "Statistics": ["Sum"], "Period": 1}
        code, text = await cloud.refused(
            "GetMetricStatistics", StartTime=START - timedelta(days=1), EndTime=START, **wide
        )
        assert code == "InvalidParameterCombinationException"
        assert text.startswith("You have requested up to 86400 datapoints, which exceeds the limit of 1440.")
        assert await cloud.refused("GetMetricStatistics", StartTime=START, EndTime=START, **wide) == (
            "InvalidParameterValueException",
            "The parameter StartTime must be less than the parameter EndTime.",
        )
        old = START - timedelta(days=15)
        assert (await cloud.refused("PutMetricData", **data(Value=1, Timestamp=old)))[
            0
        ] == "InvalidParameterValueException"

    run(body)


def test_what_the_cloud_measures_comes_by_the_minute() -> None:
    async def body(cloud: WatchCloud) -> None:
        for value in (1.0, 3.0):
            cloud.metrics.note("000000000000", "us-east-1", "N", "m", value, "Count")
        await cloud.pass_s(10)
        found = await cloud.call("cloudwatch", "GetMetricData", MetricDataQueries=[query(stat="Average")], **SPAN)
        assert found["MetricDataResults"][0]["Values"] == [2.0]

    run(body)


def test_a_queue_in_use_shows_its_depth() -> None:
    async def body(cloud: WatchCloud) -> None:
        queue = (("QueueName", "q"),)
        url = "http://127.0.0.1:4566/000000000000/q"
        await cloud.call("sqs", "SendMessage", QueueUrl=url, MessageBody="{}")
        cloud.metrics.note("000000000000", "us-east-1", "AWS/SQS", "NumberOfMessagesSent", 1, "Count", queue)
        await cloud.pass_s(120)
        await cloud.messages()
        await cloud.pass_s(120)
        metric = {
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": "q"}],
        }
        stat = {"Metric": metric, "Period": 60, "Stat": "Maximum"}
        found = await cloud.call(
            "cloudwatch", "GetMetricData", MetricDataQueries=[{"Id": "d", "MetricStat": stat}], **SPAN
        )
        assert found["MetricDataResults"][0]["Values"] == [0.0, 1.0, 1.0, 1.0]

    run(body)
