"""What AWS was recorded to answer about alarms. A test has the name of its recorded case."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY
from xml.etree import ElementTree

import cbor2
import pytest

from tests.support import ACCOUNT, REGION

from .recorded import CBOR, QUERY, Recorded, alarm, alarm_arn, every, fault, full, minimal, notice, recorded, shown
from .support import TOPIC

INVALID_STATE = (
    "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy "
    "enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
)
SPACE = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"


def _read(protocol: str, body: bytes) -> Any:
    """A body as nested values; XML's as (name, text or children), without the id of the request."""
    return cbor2.loads(body) if protocol == CBOR else _nested(ElementTree.fromstring(body))


def _nested(element: ElementTree.Element) -> Any:
    children = [_nested(one) for one in element if one.tag != f"{SPACE}RequestId"]
    return element.tag.removeprefix(SPACE), dict(children) if len(element) else element.text


async def _set(case: Recorded, name: str, state: str, reason: str) -> None:
    assert await case("SetAlarmState", AlarmName=name, StateValue=state, StateReason=reason) == {}
    await case.cloud.settle()


@pytest.mark.parametrize("protocol", [QUERY, CBOR])
async def test_exception_serializing_with_no_shape_in_spec(protocol: str) -> None:
    """Recorded as they came over the wire."""
    async with recorded(protocol) as case:
        invalid = await case.raw("SetAlarmState", AlarmName="no", StateValue="INVALID", StateReason="test")
        missing = await case.raw("SetAlarmState", AlarmName="no", StateValue="OK", StateReason="test")
        case.headers["x-amzn-query-mode"] = "true"
        again = await case.raw("SetAlarmState", AlarmName="no", StateValue="OK", StateReason="test")
        assert [one.status for one in (invalid, missing, again)] == [400, 404, 404]
        if protocol == QUERY:
            error = {"Type": "Sender", "Code": "ValidationError", "Message": INVALID_STATE}
            assert _read(protocol, invalid.body) == ("ErrorResponse", {"Error": error})
            unknown: Any = ("ErrorResponse", {"Error": {"Type": "Sender", "Code": "ResourceNotFound"}})
        else:
            name = "com.amazon.coral.validate#ValidationException"
            assert _read(protocol, invalid.body) == {"__type": name, "message": INVALID_STATE}
            unknown = {"__type": "com.amazonaws.cloudwatch.v2010_08_01#ResourceNotFound"}
        assert [_read(protocol, one.body) for one in (missing, again)] == [unknown, unknown]


async def test_alarm_lambda_target() -> None:
    async with recorded() as case:
        function = Function()
        case.cloud.targets["lambda"] = function
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
        actions = {"AlarmActions": [arn], "AlarmDescription": "testing lambda alarm action", "Period": 10}
        asked = minimal(Namespace="namespace", Statistic="Average", EvaluationPeriods=1, Threshold=5, **actions)
        await case("PutMetricAlarm", **asked)
        await _set(case, "a", "ALARM", "testing alarm")
        (event,) = function.events
        old = "Unchecked: Initial alarm creation"
        metric = {"dimensions": {}, "name": "metric1", "namespace": "namespace"}
        assert event == {
            "accountId": ACCOUNT,
            "alarmArn": alarm_arn(),
            "alarmData": {
                "alarmName": "a",
                "configuration": {
                    "description": "testing lambda alarm action",
                    "metrics": [
                        {
                            "id": ANY,
                            "metricStat": {"metric": metric, "period": 10, "stat": "Average"},
                            "returnData": True,
                        }
                    ],
                },
                "previousState": {"reason": old, "timestamp": ANY, "value": "INSUFFICIENT_DATA"},
                "state": {"reason": "testing alarm", "timestamp": ANY, "value": "ALARM"},
            },
            "region": REGION,
            "source": "aws.cloudwatch",
            "time": ANY,
        }


class Function:
    """A function that keeps its events."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Every alarm may."""

    async def deliver(self, delivery: Any) -> None:
        """Keep an event."""
        self.events.append(json.loads(delivery.event.payload))


@every
async def test_breaching_alarm_actions(protocol: str) -> None:
    async with recorded(protocol) as case:
        asked = full(TreatMissingData="breaching")
        await case("PutMetricAlarm", **asked)
        await case.cloud.pass_s(60)
        reason = (
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[Breaching]."
        )
        data = {
            "evaluatedDatapoints": [{"timestamp": ANY}, {"timestamp": ANY}],
            "period": 10,
            "queryDate": ANY,
            "recentDatapoints": [],
            "statistic": "Average",
            "threshold": 2.0,
            "unit": "Seconds",
            "version": "1.0",
        }
        state = {"StateValue": "ALARM", "StateReason": reason, "StateReasonData": data}
        assert await case.described() == shown(asked, **state)
        assert await case.cloud.messages() == [notice(asked, reason)]


@every
async def test_delete_alarm(protocol: str) -> None:
    async with recorded(protocol) as case:
        assert await case("PutMetricAlarm", **minimal()) == {}
        assert await case.described() == alarm()
        assert await case("DeleteAlarms", AlarmNames=["a"]) == {}
        assert await case("DescribeAlarms", AlarmNames=["a"]) == {"CompositeAlarms": [], "MetricAlarms": []}


@every
async def test_describe_alarms_converts_date_format_correctly(protocol: str) -> None:
    async with recorded(protocol) as case:
        await case("PutMetricAlarm", **minimal())
        found = await case.described()
        assert found == alarm()
        for name in ("AlarmConfigurationUpdated", "StateTransitioned", "StateUpdated"):
            assert found[f"{name}Timestamp"] == case.cloud.now


@every
async def test_describe_minimal_metric_alarm(protocol: str) -> None:
    async with recorded(protocol) as case:
        await case("PutMetricAlarm", **minimal(Period=10))
        assert await case.described() == alarm(Period=10)


@every
async def test_enable_disable_alarm_actions(protocol: str) -> None:
    async with recorded(protocol) as case:
        asked = full()
        await case("PutMetricAlarm", **asked)
        assert await case.described() == shown(asked)
        await _set(case, "a", "ALARM", "testing alarm")
        assert await case.described() == shown(asked, StateValue="ALARM", StateReason="testing alarm")
        assert await case.cloud.messages() == [notice(asked, "testing alarm")]
        assert await case("DisableAlarmActions", AlarmNames=["a"]) == {}
        await _set(case, "a", "OK", "testing OK state")
        quiet = shown(asked, StateValue="OK", StateReason="testing OK state", ActionsEnabled=False)
        assert await case.described() == quiet
        assert await case("EnableAlarmActions", AlarmNames=["a"]) == {}
        assert await case.described() == {**quiet, "ActionsEnabled": True}
        assert await case.cloud.messages() == []


async def test_put_metric_alarm() -> None:
    async with recorded() as case:
        await case.cloud.pass_s(10)
        dimensions = [{"Name": "InstanceId", "Value": "abc"}]
        asked = full(MetricName="my-metric1", EvaluationPeriods=1, Threshold=21, Dimensions=dimensions)
        for value in (21, 22):
            datum = {"MetricName": "my-metric1", "Dimensions": dimensions, "Unit": "Seconds", "Value": value}
            await case.put({**datum, "StorageResolution": 1})
        await case("PutMetricAlarm", **asked)
        assert await case.described() == shown(asked)
        await case.cloud.pass_s(30)
        at = case.cloud.now.strftime("%d/%m/%y 00:00:10")
        reason = f"Threshold Crossed: 1 datapoint [21.5 ({at})] was greater than the threshold (21.0)."
        assert await case.cloud.messages() == [notice(asked, reason)]
        data = {
            "evaluatedDatapoints": [{"sampleCount": 2.0, "timestamp": ANY, "value": 21.5}],
            "period": 10,
            "queryDate": ANY,
            "recentDatapoints": [21.5],
            "startDate": ANY,
            "statistic": "Average",
            "threshold": 21.0,
            "unit": "Seconds",
            "version": "1.0",
        }
        answer = await case("DescribeAlarmHistory", AlarmName="a", HistoryItemType="StateUpdate")
        (line,) = answer["AlarmHistoryItems"]
        line["HistoryData"] = json.loads(line["HistoryData"])
        assert line == {
            "AlarmName": "a",
            "AlarmType": "MetricAlarm",
            "HistoryData": {
                "newState": {"stateReason": reason, "stateReasonData": data, "stateValue": "ALARM"},
                "oldState": {
                    "stateReason": "Unchecked: Initial alarm creation",
                    "stateValue": "INSUFFICIENT_DATA",
                },
                "version": "1.0",
            },
            "HistoryItemType": "StateUpdate",
            "HistorySummary": "Alarm updated from INSUFFICIENT_DATA to ALARM",
            "Timestamp": ANY,
        }
        place = {name: asked[name] for name in ("MetricName", "Namespace", "Dimensions", "Statistic", "Period", "Unit")}
        (found,) = (await case("DescribeAlarmsForMetric", **place))["MetricAlarms"]
        found["StateReasonData"] = json.loads(found["StateReasonData"])
        assert found == shown(asked, StateValue="ALARM", StateReason=reason, StateReasonData=data)


@every
async def test_put_metric_alarm_escape_character(protocol: str) -> None:
    async with recorded(protocol) as case:
        topic = "arn:aws:sns:us-east-1:111122223333:MyTopic"
        changes = {"AlarmDescription": "<", "AlarmActions": [topic], "Period": 600}
        await case("PutMetricAlarm", **minimal(Threshold=1, **changes))
        assert await case.described() == alarm(Threshold=1.0, **changes)


@every
async def test_set_alarm(protocol: str) -> None:
    async with recorded(protocol) as case:
        ok = await case.cloud.call("sns", "CreateTopic", Name="ok")
        asked = full(
            AlarmDescription="Test Alarm when CPU exceeds 50 percent",
            MetricName="CPUUtilization-3",
            Dimensions=[{"Name": "InstanceId", "Value": "i-0317828c84edbe100"}],
            Period=300,
            Threshold=50,
            Unit="Percent",
            OKActions=[ok["TopicArn"]],
        )
        await case("PutMetricAlarm", **asked)
        await _set(case, "a", "ALARM", "testing alarm")
        assert await case.described() == shown(asked, StateValue="ALARM", StateReason="testing alarm")
        await _set(case, "a", "OK", "resetting alarm")
        assert await case.described() == shown(asked, StateValue="OK", StateReason="resetting alarm")


@every
async def test_set_alarm_invalid_input(protocol: str) -> None:
    async with recorded(protocol) as case:
        invalid = await case.error("SetAlarmState", AlarmName="no", StateValue="INVALID", StateReason="test")
        assert invalid == fault(protocol, "ValidationError", INVALID_STATE, "ValidationException")
        missing = await case.error("SetAlarmState", AlarmName="no", StateValue="OK", StateReason="test")
        assert missing == fault(protocol, "ResourceNotFound", "", status=404)


@every
async def test_store_tags(protocol: str) -> None:
    async with recorded(protocol) as case:
        tags = [{"Key": "tag1", "Value": "foo"}, {"Key": "tag2", "Value": "bar"}]
        assert await case("PutMetricAlarm", **minimal(MetricName="store_tags")) == {}
        assert await case.described() == alarm(MetricName="store_tags")
        assert await case("ListTagsForResource", ResourceARN=alarm_arn()) == {"Tags": []}
        await case("TagResource", ResourceARN=alarm_arn(), Tags=tags)
        assert await case("ListTagsForResource", ResourceARN=alarm_arn()) == {"Tags": tags}
        await case("UntagResource", ResourceARN=alarm_arn(), TagKeys=["tag1"])
        assert await case("ListTagsForResource", ResourceARN=alarm_arn()) == {"Tags": tags[1:]}


async def _tagged(case: Recorded) -> None:
    """The life of the tags of the alarm `a`, which was put with one."""

    async def tags() -> dict[str, str]:
        answer = await case("ListTagsForResource", ResourceARN=alarm_arn())
        assert set(answer) == {"Tags"}
        return {one["Key"]: one["Value"] for one in answer["Tags"]}

    assert await tags() == {"Environment": "Production"}
    more = [{"Key": "tag1", "Value": "foo"}, {"Key": "tag2", "Value": "bar"}]
    await case("TagResource", ResourceARN=alarm_arn(), Tags=more)
    assert await tags() == {"Environment": "Production", "tag1": "foo", "tag2": "bar"}
    await case("UntagResource", ResourceARN=alarm_arn(), TagKeys=["tag1"])
    assert await tags() == {"Environment": "Production", "tag2": "bar"}
    await case("DeleteAlarms", AlarmNames=["a"])
    assert await tags() == {}


@every
async def test_tagging_metric_alarm(protocol: str) -> None:
    async with recorded(protocol) as case:
        tags = [{"Key": "Environment", "Value": "Production"}]
        assert await case("PutMetricAlarm", **minimal(Tags=tags)) == {}
        await _tagged(case)


@every
async def test_tagging_composite_alarm(protocol: str) -> None:
    async with recorded(protocol) as case:
        tags = [{"Key": "Environment", "Value": "Production"}]
        await case("PutMetricAlarm", **minimal(AlarmName="child"))
        await case("PutCompositeAlarm", AlarmName="a", AlarmRule='ALARM("child")', Tags=tags)
        await _tagged(case)


@every
async def test_trigger_composite_alarm(protocol: str) -> None:
    async with recorded(protocol) as case:
        ok = (await case.cloud.call("sns", "CreateTopic", Name="ok"))["TopicArn"]
        for name in ("one", "two"):
            await case("PutMetricAlarm", **minimal(AlarmName=name))
        rule = f'ALARM("{alarm_arn("one")}") OR ALARM("{alarm_arn("two")}")'
        asked = {
            "ActionsEnabled": True,
            "AlarmActions": [TOPIC],
            "AlarmDescription": "composite alarm description",
            "AlarmName": "both",
            "AlarmRule": rule,
            "OKActions": [ok],
        }
        assert await case("PutCompositeAlarm", **asked) == {}
        reasons: list[str] = []

        async def check(state: str, child: str, child_state: str) -> None:
            data = {"arn": alarm_arn(child), "state": {"timestamp": ANY, "value": child_state}}
            answer = await case("DescribeAlarms", AlarmTypes=["CompositeAlarm"])
            (found,) = answer["CompositeAlarms"]
            found["StateReasonData"] = json.loads(found["StateReasonData"])
            assert found == {
                **asked,
                "AlarmArn": alarm_arn("both"),
                "AlarmConfigurationUpdatedTimestamp": ANY,
                "InsufficientDataActions": [],
                "StateReason": ANY,
                "StateReasonData": {"triggeringAlarms": [data]},
                "StateTransitionedTimestamp": ANY,
                "StateUpdatedTimestamp": ANY,
                "StateValue": state,
            }
            assert found["StateReason"].startswith(f"{alarm_arn(child)} transitioned to {child_state} at ")
            reasons.append(found["StateReason"])

        for name in ("one", "two"):
            await _set(case, name, "ALARM", "trigger")
            await check("ALARM", name, "ALARM")
            await _set(case, name, "OK", "reset")
            await check("OK", name, "OK")
        await _set(case, "one", "ALARM", "trigger")
        await check("ALARM", "one", "ALARM")
        await _set(case, "two", "ALARM", "trigger")
        await check("ALARM", "one", "ALARM")
        assert reasons[-1] == reasons[-2]
