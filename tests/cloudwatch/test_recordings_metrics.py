"""What AWS was recorded to answer about metrics and dashboards. A test has the name of its recorded case."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import cbor2
import pytest

from lambent.compute.measuring import note
from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from lambent.kit.measuring import Meter
from lambent.services.cloudwatch import Recorder
from tests.lambda_.support import NAME, LambdaCloud
from tests.support import ACCOUNT, REGION

from .recorded import CBOR, JSON, SPAN, every, fault, query, recorded, result
from .support import START

NONE: list[float] = []
SUM = ("Sum", 60, "Seconds")


@pytest.mark.parametrize("protocol", [JSON, CBOR])
async def test_basic_operations_multiple_protocols(protocol: str) -> None:
    """Recorded as they came over the wire."""
    read = json.loads if protocol == JSON else cbor2.loads
    async with recorded(protocol) as case:
        raw = await case.raw("DescribeAlarms")
        assert read(raw.body) == {"CompositeAlarms": [], "LogAlarms": [], "MetricAlarms": []}
        await case.put({"MetricName": "someMetric", "Value": 23}, {"MetricName": "someMetric", "Value": 18})
        await case.put({"MetricName": "partMetric", "Value": 23})
        queries = [query("someMetric", "some"), query("partMetric", "part")]
        raw = await case.raw("GetMetricData", MetricDataQueries=queries, **SPAN)
        assert read(raw.body) == {
            "Messages": [],
            "MetricDataResults": [result("some", "someMetric", 41.0), result("part", "partMetric", 23.0)],
        }


@pytest.mark.parametrize(
    ("data", "units", "value"),
    [
        pytest.param([("Seconds", 1), ("Milliseconds", 60_000)], "Milliseconds, Seconds", 60_000.0, id="metric_data0"),
        pytest.param(
            [("Seconds", 1), ("Milliseconds", 60_000), ("Count", 5)],
            "Count, Milliseconds, Seconds",
            5.0,
            id="metric_data2",
        ),
    ],
)
@every
async def test_get_metric_data_different_units_no_unit_in_query(
    protocol: str, data: list[tuple[str, float]], units: str, value: float
) -> None:
    async with recorded(protocol) as case:
        await case.put(*({"MetricName": "m-test", "Value": number, "Unit": unit} for unit, number in data))
        told = {"Code": "MultipleUnits", "Value": f"Multiple units returned: '[{units}]'"}
        assert await case.values(query("m-test", "m1")) == [result("m1", "m-test", value, Messages=[told])]


@every
async def test_get_metric_data_for_multiple_metrics(protocol: str) -> None:
    async with recorded(protocol) as case:
        for name, value in (("metric1", 50), ("metric2", 25), ("metric3", 55)):
            await case.put({"MetricName": name, "Value": value, "Unit": "Seconds"})
        queries = [query(f"metric{number}", f"result{number}") for number in (1, 2, 3)]
        assert await case.values(*queries) == [
            result("result1", "metric1", 50.0),
            result("result2", "metric2", 25.0),
            result("result3", "metric3", 55.0),
        ]


@pytest.mark.parametrize(
    ("stat", "value"),
    [
        pytest.param(stat, value, id=stat)
        for stat, value in {"Average": 6.0, "Maximum": 11.0, "Minimum": 1.0, "SampleCount": 11.0, "Sum": 66.0}.items()
    ],
)
@every
async def test_get_metric_data_stats(protocol: str, stat: str, value: float) -> None:
    async with recorded(protocol) as case:
        for number in range(1, 12):
            await case.put({"MetricName": "metric1", "Value": number, "Unit": "Seconds"})
        assert await case.values(query("metric1", "result1", stat)) == [result("result1", "metric1", value)]


@every
async def test_get_metric_data_with_different_units(protocol: str) -> None:
    async with recorded(protocol) as case:
        data = [{"MetricName": "m-test", "Value": 5, "Unit": "Count"}, {"MetricName": "m-test", "Value": 1}]
        await case.put(data[0], {**data[1], "Unit": "Seconds"})
        assert await case.values(query("m-test", "m1", Unit="Seconds")) == [result("m1", "m-test", 1.0)]


@every
async def test_get_metric_data_with_dimensions(protocol: str) -> None:
    async with recorded(protocol) as case:
        mine = [{"Name": "InstanceId", "Value": "one"}]
        await case.put({"MetricName": "metric1", "Value": 11, "Unit": "Seconds", "Dimensions": mine})
        await case.put({"MetricName": "metric1", "Value": 5, "Unit": "Seconds"})
        await case.put({"MetricName": "metric1", "Value": 7, "Dimensions": [{"Name": "InstanceId", "Value": "two"}]})
        asked = query("metric1", "result1", Dimensions=mine, Unit="Seconds")
        assert await case.values(asked) == [result("result1", "metric1", 11.0)]


@every
async def test_get_metric_data_with_zero_and_labels(protocol: str) -> None:
    async with recorded(protocol) as case:
        for value in (0, 4, 5, 5, 2.5, 100):
            await case.put({"MetricName": "metric1", "Value": value, "Unit": "Seconds"})
        stats = {"Average": 19.416666666666668, "Sum": 116.5, "Minimum": 0.0, "Maximum": 100.0}
        asked = [query("metric1", f"result_{stat}", stat) for stat in stats]
        wanted = [result(f"result_{stat}", f"metric1 {stat}", value) for stat, value in stats.items()]
        assert await case.values(*asked) == wanted


@every
async def test_get_metric_statistics(protocol: str) -> None:
    async with recorded(protocol) as case:
        for value in range(10):
            await case.put({"MetricName": "metric", "Value": value})
        stats = {"Average": 4.5, "Maximum": 9.0, "Minimum": 0.0, "SampleCount": 10.0, "Sum": 45.0}
        asked = {"Namespace": "N", "MetricName": "metric", "Period": 60, "Statistics": [*stats]}
        assert await case("GetMetricStatistics", **asked, **SPAN) == {
            "Datapoints": [{**stats, "Timestamp": START, "Unit": "None"}],
            "Label": "metric",
        }


@every
async def test_get_metric_with_no_results(protocol: str) -> None:
    async with recorded(protocol) as case:
        assert await case.values(query("none", "result")) == [result("result", "none")]


@every
async def test_get_metric_with_null_dimensions(protocol: str) -> None:
    async with recorded(protocol) as case:
        asked = {**query("none", "q", Dimensions=[]), "Label": "<label>"}
        assert await case.values(asked) == [result("q", "<label>")]


@every
async def test_handle_different_units(protocol: str) -> None:
    async with recorded(protocol) as case:
        name = {"MetricName": "m-test"}
        await case.put(
            {**name, "Value": 10}, {**name, "Value": 5, "Unit": "Count"}, {**name, "Value": 1, "Unit": "Seconds"}
        )
        asked = {"Namespace": "N", "MetricName": "m-test", "Period": 60, "Statistics": ["Average"]}
        assert await case("GetMetricStatistics", **asked, **SPAN) == {
            "Datapoints": [
                {"Average": 10.0, "Timestamp": START, "Unit": "None"},
                {"Average": 5.0, "Timestamp": START, "Unit": "Count"},
                {"Average": 1.0, "Timestamp": START, "Unit": "Seconds"},
            ],
            "Label": "m-test",
        }


@every
async def test_invalid_amount_of_datapoints(protocol: str) -> None:
    async with recorded(protocol) as case:
        asked: dict[str, Any] = {"Namespace": "N", "MetricName": "metric_name", "Statistics": ["SampleCount"]}
        day = {"StartTime": START - timedelta(days=1), "EndTime": START}
        text = (
            "You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints "
            "requested by increasing Period, or decreasing the time range."
        )
        refused = await case.error("GetMetricStatistics", Period=1, **asked, **day)
        _same(protocol, refused, "InvalidParameterCombination", text)
        refused = await case.error("GetMetricStatistics", Period=60, **asked, StartTime=START, EndTime=START)
        _same(
            protocol,
            refused,
            "InvalidParameterValue",
            "The parameter StartTime must be less than the parameter EndTime.",
        )
        day["EndTime"] -= timedelta(minutes=1)
        answer = await case("GetMetricStatistics", Period=60, **asked, **day)
        assert answer == {"Datapoints": [], "Label": "metric_name"}


def _same(protocol: str, refused: dict[str, Any], code: str, text: str) -> None:
    assert refused == fault(protocol, code, text, f"{code}Exception")


DASHBOARD = json.dumps(
    {
        "widgets": [
            {
                "type": "metric",
                "x": 0,
                "y": 0,
                "width": 6,
                "height": 6,
                "properties": {
                    "metrics": [["AWS/EC2", "CPUUtilization", "InstanceId", "i-12345678"]],
                    "region": REGION,
                    "view": "timeSeries",
                    "stacked": False,
                },
            }
        ]
    }
)


@every
async def test_dashboard_lifecycle(protocol: str) -> None:
    """The recorded size is 240 bytes; how that body was written, with its spaces, was not recorded."""
    async with recorded(protocol) as case:
        arn = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/test-board"
        entry = {"DashboardArn": arn, "DashboardName": "test-board", "LastModified": ANY, "Size": len(DASHBOARD)}
        await case("PutDashboard", DashboardName="test-board", DashboardBody=DASHBOARD)
        assert await case("GetDashboard", DashboardName="test-board") == {
            "DashboardArn": arn,
            "DashboardBody": DASHBOARD,
            "DashboardName": "test-board",
        }
        assert await case("ListDashboards") == {"DashboardEntries": [entry]}
        assert await case("ListDashboards", DashboardNamePrefix="test") == {"DashboardEntries": [entry]}
        assert await case("ListDashboards", DashboardNamePrefix="no") == {"DashboardEntries": []}
        assert await case("DeleteDashboards", DashboardNames=["test-board"]) == {}
        assert await case("ListDashboards") == {"DashboardEntries": []}


@every
async def test_invalid_dashboard_name(protocol: str) -> None:
    async with recorded(protocol) as case:
        text = (
            "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash "
            "(-) and underscore (_).\n"
        )
        refused = await case.error("PutDashboard", DashboardName="test/board", DashboardBody=DASHBOARD)
        _same(protocol, refused, "InvalidParameterValue", text)


@pytest.mark.parametrize(
    ("first", "second", "labels", "one", "two"),
    [
        (SUM, ("Minimum", 30, "Seconds"), ["metric1 Sum 60", "metric1 Minimum 30"], [109.0], [0.0]),
        (SUM, ("Minimum", 60, "Seconds"), ["metric1 Sum", "metric1 Minimum"], [109.0], [0.0]),
        (SUM, ("Sum", 30, "Seconds"), ["metric1 60", "metric1 30"], [109.0], [109.0]),
        (SUM, ("Minimum", 30, "Milliseconds"), ["metric1 Sum 60", "metric1 Minimum 30"], [109.0], NONE),
        (SUM, ("Minimum", 60, "Milliseconds"), ["metric1 Sum", "metric1 Minimum"], [109.0], NONE),
        (SUM, ("Sum", 30, "Milliseconds"), ["metric1 60", "metric1 30"], [109.0], NONE),
        (SUM, ("Sum", 60, "Milliseconds"), ["metric1", "metric1"], [109.0], NONE),
    ],
    ids=[f"input_pairs{number}" for number in range(7)],
)
@every
async def test_label_generation(
    protocol: str,
    first: tuple[str, int, str],
    second: tuple[str, int, str],
    labels: list[str],
    one: list[float],
    two: list[float],
) -> None:
    async with recorded(protocol) as case:
        for value in (0, 2, 7, 100):
            await case.put({"MetricName": "metric1", "Value": value, "Unit": "Seconds"})
        asked = [
            query("metric1", f"result_{stat}_{period}_{unit}", stat, period, Unit=unit)
            for stat, period, unit in (first, second)
        ]
        found = zip(asked, labels, (one, two), strict=True)
        assert await case.values(*asked) == [result(query["Id"], label, *values) for query, label, values in found]


@every
async def test_multiple_dimensions_statistics(protocol: str) -> None:
    async with recorded(protocol) as case:
        pairs = {
            "error": "none",
            "exception": "none",
            "method": "GET",
            "outcome": "SUCCESS",
            "uri": "/greetings",
            "status": "200",
        }
        dimensions = [{"Name": name, "Value": value} for name, value in pairs.items()]
        name = "http.server.requests.count"
        await case.put({"MetricName": name, "Value": 0, "Unit": "Count", "Dimensions": dimensions})
        await case.put({"MetricName": name, "Value": 5, "Unit": "Count", "Dimensions": dimensions})
        asked = query(name, "result1", "Maximum", Dimensions=dimensions)
        assert await case.values(asked) == [result("result1", name, 5.0)]
        in_order = sorted(dimensions, key=lambda one: one["Name"])
        assert await case("ListMetrics", Namespace="N") == {
            "Metrics": [{"Dimensions": in_order, "MetricName": name, "Namespace": "N"}]
        }


@every
async def test_put_metric_data_validation(protocol: str) -> None:
    async with recorded(protocol) as case:
        statistics = {"SampleCount": 5, "Sum": 15, "Minimum": 1, "Maximum": 5}
        both = (
            "The parameters MetricData.member.1.Value and MetricData.member.1.{} are mutually exclusive and you have "
            "specified both."
        )
        for datum, code, text in (
            ({"Value": 5, "Values": [1.0, 2]}, "InvalidParameterCombination", both.format("Values")),
            (
                {"Value": 5, "StatisticValues": statistics},
                "InvalidParameterCombination",
                both.format("StatisticValues"),
            ),
            (
                {"Values": [1.0, 10.0], "Counts": [2, 4, 1]},
                "InvalidParameterValue",
                "The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
            ),
        ):
            data = [{"MetricName": "mymetric", "Unit": "Count", "Timestamp": START, **datum}]
            refused = await case.error("PutMetricData", Namespace="N", MetricData=data)
            _same(protocol, refused, code, text)


@every
async def test_put_metric_data_values_list(protocol: str) -> None:
    async with recorded(protocol) as case:
        await case.put({"MetricName": "test-metric", "Values": [1.0, 10.0], "Counts": [2, 4], "Unit": "Count"})
        stats = {"Maximum": 10.0, "SampleCount": 6.0, "Sum": 42.0}
        asked = {"Namespace": "N", "MetricName": "test-metric", "Period": 60, "Statistics": [*stats]}
        assert await case("GetMetricStatistics", **asked, **SPAN) == {
            "Datapoints": [{**stats, "Timestamp": START, "Unit": "Count"}],
            "Label": "test-metric",
        }


async def test_lambda_invoke_successful() -> None:
    cloud = LambdaCloud()
    cloud.metrics = meter = Meter(cloud.clock, cloud.spawn, Recorder(cloud).hand_on)

    def behave(spec: FunctionSpec, invocation: Invocation) -> Outcome:
        outcome = Outcome(payload=b'{"success": "ok"}')
        note(meter, spec, outcome)
        return outcome

    await cloud.begin()
    cloud.compute.behave = behave
    answer = await cloud.lambda_("Invoke", FunctionName=NAME, Payload=b"{}")
    assert answer.pop("ResponseMetadata")["HTTPHeaders"] == {"content-type": "application/json"}
    answer["Payload"] = json.loads(answer["Payload"])
    assert answer == {"ExecutedVersion": "$LATEST", "Payload": {"success": "ok"}, "StatusCode": 200}
    await meter.flush()
    now = datetime.fromtimestamp(cloud.clock.now_ns() / 1e9, UTC)
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Invocations",
        "Dimensions": [{"Name": "FunctionName", "Value": NAME}],
    }
    found = await cloud.call(
        "cloudwatch",
        "GetMetricData",
        MetricDataQueries=[{"Id": "m1", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
        StartTime=now - timedelta(minutes=1),
        EndTime=now + timedelta(minutes=1),
    )
    assert found == {"Messages": [], "MetricDataResults": [result("m1", "Invocations", 1.0)]}
    await cloud.relay.stop()
    await cloud.cancel_spawned()
