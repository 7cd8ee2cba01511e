"""CloudWatch as the recorded cases have it: a client of one protocol, and answers as AWS was recorded to give them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, NamedTuple
from unittest.mock import ANY

import pytest

from lambent.contracts.http import Request, Response
from tests.client import Client, Refused
from tests.support import ACCOUNT, REGION

from .support import START, TOPIC, WatchCloud

QUERY, JSON, CBOR = "query", "json", "smithy-rpc-v2-cbor"
every = pytest.mark.parametrize("protocol", [QUERY, JSON, CBOR])
"""All protocols: what one was recorded to answer, the others mean too."""
SPAN = {"StartTime": START - timedelta(hours=1), "EndTime": START + timedelta(hours=1)}


class Raw(NamedTuple):
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class Recorded(Client):
    """A client that speaks `protocol`, and the cloud behind it; `await case("ListMetrics")`."""

    def __init__(self, cloud: WatchCloud, protocol: str) -> None:
        super().__init__(cloud, "cloudwatch", protocol)
        self._service = "monitoring"  # by which requests are signed
        self._answers: list[Response] = []
        self._front = cloud.front
        cloud.front = self._keep
        self.cloud = cloud

    async def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """The answer of an operation that succeeds with status 200. botocore knew no LogAlarms when most cases were
        recorded."""
        answer = await self.call(operation, **params)
        assert self.status == 200
        if operation == "DescribeAlarms":
            assert answer.pop("LogAlarms") == []
        return answer

    async def _keep(self, request: Request) -> Response:
        answer = await self._front(request)
        self._answers = [answer]
        return answer

    async def put(self, *data: dict[str, Any], namespace: str = "N") -> None:
        """PutMetricData, now."""
        now = self.cloud.now
        stamped = [{"Timestamp": now, **datum} for datum in data]
        assert await self("PutMetricData", Namespace=namespace, MetricData=stamped) == {}

    async def values(self, *queries: dict[str, Any], **span: Any) -> list[dict[str, Any]]:
        """The results of GetMetricData, whose messages are empty."""
        answer = await self("GetMetricData", MetricDataQueries=list(queries), **(span or SPAN))
        assert set(answer) == {"Messages", "MetricDataResults"}
        assert answer["Messages"] == []
        return list(answer["MetricDataResults"])

    async def described(self, name: str = "a") -> dict[str, Any]:
        """The one metric alarm of a name; the data of its reason as values."""
        answer = await self("DescribeAlarms", AlarmNames=[name])
        assert set(answer) == {"CompositeAlarms", "MetricAlarms"}
        (alarm,) = answer["MetricAlarms"] or answer["CompositeAlarms"]
        if "StateReasonData" in alarm:
            alarm["StateReasonData"] = json.loads(alarm["StateReasonData"])
        return dict(alarm)

    async def raw(self, operation: str, **params: Any) -> Raw:
        """The answer, or the error, as it comes over the wire."""
        with suppress(Refused):
            await self.call(operation, **params)
        response = self._answers.pop()
        assert isinstance(response.body, bytes)
        return Raw(response.status, {name.lower(): str(value) for name, value in response.headers}, response.body)


@asynccontextmanager
async def recorded(protocol: str = CBOR) -> AsyncIterator[Recorded]:
    """A cloud at work, and its client."""
    cloud = await WatchCloud.begin()
    try:
        yield Recorded(cloud, protocol)
    finally:
        await cloud.relay.stop()
        await cloud.cancel_spawned()


def query(name: str, result: str, stat: str = "Sum", period: int = 60, **more: Any) -> dict[str, Any]:
    """A query of GetMetricData; `Dimensions` belong to its metric, `Unit` to its statistic."""
    dimensions = {"Dimensions": more.pop("Dimensions")} if "Dimensions" in more else {}
    metric = {"Namespace": "N", "MetricName": name, **dimensions}
    return {"Id": result, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **more}}


def result(name: str, label: str, *values: float, **more: Any) -> dict[str, Any]:
    """A result of GetMetricData, with as many times as values."""
    times = [ANY] * len(values)
    return {"Id": name, "Label": label, "StatusCode": "Complete", "Timestamps": times, "Values": [*values], **more}


def alarm_arn(name: str = "a") -> str:
    """The ARN of an alarm."""
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"


def alarm(**changes: Any) -> dict[str, Any]:
    """A metric alarm as it is described."""
    return {
        "ActionsEnabled": True,
        "AlarmActions": [],
        "AlarmArn": alarm_arn(),
        "AlarmConfigurationUpdatedTimestamp": ANY,
        "AlarmName": "a",
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": [],
        "EvaluationPeriods": 1,
        "InsufficientDataActions": [],
        "MetricName": "metric1",
        "Namespace": "N",
        "OKActions": [],
        "Period": 60,
        "StateReason": "Unchecked: Initial alarm creation",
        "StateTransitionedTimestamp": ANY,
        "StateUpdatedTimestamp": ANY,
        "StateValue": "INSUFFICIENT_DATA",
        "Statistic": "Sum",
        "Threshold": 30.0,
        **changes,
    }


def minimal(**changes: Any) -> dict[str, Any]:
    """The parameters of that alarm."""
    return {
        "AlarmName": "a",
        "MetricName": "metric1",
        "Namespace": "N",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 30,
        "ComparisonOperator": "GreaterThanThreshold",
        **changes,
    }


def full(**changes: Any) -> dict[str, Any]:
    """The parameters of an alarm that tells a topic."""
    more: dict[str, Any] = {
        "AlarmDescription": "testing cloudwatch alarms",
        "ActionsEnabled": True,
        "OKActions": [TOPIC],
        "AlarmActions": [TOPIC],
        "Dimensions": [{"Name": "InstanceId", "Value": "abc"}],
        "MetricName": "my-metric101",
        "Statistic": "Average",
        "Period": 10,
        "EvaluationPeriods": 2,
        "Threshold": 2,
        "TreatMissingData": "ignore",
        "Unit": "Seconds",
    }
    return minimal(**{**more, **changes})


def shown(params: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An alarm of these parameters as it is described."""
    return alarm(**{**params, "Threshold": float(params["Threshold"]), **changes})


def notice(params: dict[str, Any], reason: str, **changes: Any) -> dict[str, Any]:
    """The message to the topic when that alarm goes off. Only the newest recording has ActionExecutedAfterMuteWindow:
    the others are older than mute rules."""
    return {
        "AWSAccountId": ACCOUNT,
        "ActionExecutedAfterMuteWindow": False,
        "AlarmActions": [TOPIC],
        "AlarmArn": alarm_arn(),
        "AlarmConfigurationUpdatedTimestamp": ANY,
        "AlarmDescription": "testing cloudwatch alarms",
        "AlarmName": "a",
        "InsufficientDataActions": [],
        "NewStateReason": reason,
        "NewStateValue": "ALARM",
        "OKActions": [TOPIC],
        "OldStateValue": "INSUFFICIENT_DATA",
        "Region": "US East (N. Virginia)",
        "StateChangeTime": ANY,
        "Trigger": {
            "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"name": "InstanceId", "value": "abc"}],
            "EvaluateLowSampleCountPercentile": "",
            "EvaluationPeriods": params["EvaluationPeriods"],
            "MetricName": params["MetricName"],
            "Namespace": "N",
            "Period": 10,
            "Statistic": "AVERAGE",
            "StatisticType": "Statistic",
            "Threshold": float(params["Threshold"]),
            "TreatMissingData": params["TreatMissingData"],
            "Unit": "Seconds",
        },
        **changes,
    }


def fault(protocol: str, code: str, text: str, name: str = "", status: int = 400) -> dict[str, Any]:
    """An error's answer as botocore reads it; `name` is that of its shape. The query protocol has no other than the
    code, and no text where there is none; the other protocols' text is read as the shape's member too."""
    if protocol == QUERY:
        error = {"Code": code, "Type": "Sender", **({"Message": text} if text else {})}
        return {"Error": error, "Status": status}
    error = {"Code": code, "Message": text, "QueryErrorCode": name or code, "Type": "Sender"}
    return {"Error": error, "Status": status, **({"message": text} if text else {})}
