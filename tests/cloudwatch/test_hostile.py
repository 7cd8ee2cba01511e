"""Expressions and rules that would take a node's time, or break it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.services.cloudwatch.errors import ValidationError
from tests.support import TestCloud

TIMES = {"StartTime": datetime(2023, 11, 14, tzinfo=UTC), "EndTime": datetime(2023, 11, 15, tzinfo=UTC)}
ALARM: dict[str, Any] = {
    "Namespace": "N",
    "MetricName": "M",
    "Statistic": "Sum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}


@pytest.mark.parametrize(
    "expression",
    [
        *("CEIL('x')", "-'a'", "MAX('x')", "9" * 400, "IF('a',1,2)", "RATE(5)", "DIFF(1)", "IF(METRICS(),1)"),
        *("CEIL(1e308*1e308)", "RUNNING_SUM([1,2])", "SUM(['a'])", "-" * 1900 + "1", "(" * 300 + "1" + ")" * 300),
        *("['a']", "().__class__", "lambda: 1", "e1.x", "[x for x in METRICS()]", "open('/etc/passwd').read()"),
    ],
)
async def test_an_expression_that_is_none_is_refused(expression: str) -> None:
    cloud = TestCloud()
    queries = [{"Id": "e1", "Expression": expression, "Period": 60}]
    with pytest.raises(ValidationError):
        await cloud.call("cloudwatch", "GetMetricData", **TIMES, MetricDataQueries=queries)


async def test_a_great_many_ways_from_one_alarm_to_another_are_gone_once() -> None:
    """Two alarms on each level ask both of the level below: 2 ** 40 ways to the lowest."""
    cloud = TestCloud()
    for name in ("l0a", "l0b"):
        await cloud.call("cloudwatch", "PutMetricAlarm", AlarmName=name, **ALARM)
    for level in range(1, 41):
        rule = f"ALARM(l{level - 1}a) OR ALARM(l{level - 1}b)"
        for side in "ab":
            await cloud.call("cloudwatch", "PutCompositeAlarm", AlarmName=f"l{level}{side}", AlarmRule=rule)
    await cloud.call("cloudwatch", "PutCompositeAlarm", AlarmName="top", AlarmRule="ALARM(l40a)")
    with pytest.raises(ValidationError, match="cycle"):
        await cloud.call("cloudwatch", "PutCompositeAlarm", AlarmName="l1a", AlarmRule="ALARM(top)")
