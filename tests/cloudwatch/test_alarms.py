"""Alarms on the manual clock: states, reasons, notices, rules over other alarms."""

from __future__ import annotations

import json
from typing import Any

from .support import TOPIC, WatchCloud, run


def test_an_alarm_goes_off_and_comes_back() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.alarm(OKActions=[TOPIC], TreatMissingData="notBreaching", AlarmDescription="too many")
        assert await cloud.state() == "INSUFFICIENT_DATA"
        await cloud.put(6)
        await cloud.pass_s(80)
        shown = await cloud.shown()
        assert shown["StateValue"] == "ALARM"
        assert shown["StateReason"] == (
            "Threshold Crossed: 1 datapoint [6.0 (01/01/26 00:00:00)] was greater than the threshold (5.0)."
        )
        data = json.loads(shown["StateReasonData"])
        assert data["evaluatedDatapoints"] == [
            {"timestamp": "2026-01-01T00:00:00.000+0000", "sampleCount": 1.0, "value": 6.0}
        ]
        assert (data["statistic"], data["period"], data["recentDatapoints"]) == ("Sum", 60, [6.0])
        first, notice = await cloud.messages()
        assert first["NewStateReason"] == (
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as "
            "[NonBreaching]."
        )
        assert (notice["AlarmName"], notice["NewStateValue"], notice["OldStateValue"]) == (
            "a",
            "ALARM",
            "OK",
        )
        assert notice["Region"] == "US East (N. Virginia)"
        assert notice["Trigger"] == {
            "MetricName": "m",
            "Namespace": "N",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": None,
            "Dimensions": [],
            "Period": 60,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        }
        await cloud.pass_s(240)
        assert await cloud.state() == "OK"
        assert [one["NewStateValue"] for one in await cloud.messages()] == ["OK"]

    run(body)


def test_missing_data() -> None:
    async def body(cloud: WatchCloud) -> None:
        for treatment in ("missing", "ignore", "breaching", "notBreaching"):
            await cloud.alarm(treatment, TreatMissingData=treatment, EvaluationPeriods=2)
        await cloud.pass_s(80)
        states = {name: await cloud.state(name) for name in ("missing", "ignore", "breaching", "notBreaching")}
        assert states == {
            "missing": "INSUFFICIENT_DATA",
            "ignore": "INSUFFICIENT_DATA",
            "breaching": "ALARM",
            "notBreaching": "OK",
        }
        assert (await cloud.shown("breaching"))["StateReason"] == (
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as "
            "[Breaching]."
        )

    run(body)


def test_some_of_several_periods() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
        for value in (9, 1, 9):
            await cloud.put(value)
            await cloud.pass_s(60)
        await cloud.pass_s(20)
        shown = await cloud.shown()
        assert shown["StateValue"] == "ALARM"
        assert shown["StateReason"] == (
            "Threshold Crossed: 2 out of the last 3 datapoints [9.0 (01/01/26 00:02:00), 9.0 (01/01/26 00:00:00)] were "
            "greater than the threshold (5.0) (minimum 2 datapoints for OK -> ALARM transition)."
        )

    run(body)


def test_a_changed_or_removed_alarm_is_looked_at_once() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.alarm()
        await cloud.alarm(Threshold=100.0)
        await cloud.put(6)
        await cloud.pass_s(80)
        assert await cloud.state() == "OK"
        await cloud.call("cloudwatch", "DeleteAlarms", AlarmNames=["a"])
        await cloud.put(600)
        await cloud.pass_s(120)
        assert await cloud.messages() == []
        assert await cloud.call("cloudwatch", "DescribeAlarms") == {
            "MetricAlarms": [],
            "CompositeAlarms": [],
            "LogAlarms": [],
        }

    run(body)


def test_an_alarm_over_an_expression() -> None:
    async def body(cloud: WatchCloud) -> None:
        def metric(query_id: str, name: str) -> dict[str, Any]:
            stat = {"Metric": {"Namespace": "N", "MetricName": name}, "Period": 60, "Stat": "Sum"}
            return {"Id": query_id, "MetricStat": stat, "ReturnData": False}

        rate = {"Id": "rate", "Expression": "100 * e / m", "ReturnData": True}
        none = {"MetricName": None, "Namespace": None, "Statistic": None, "Period": None}
        await cloud.alarm(Metrics=[metric("m", "requests"), metric("e", "errors"), rate], **none)
        await cloud.put(10, "requests")
        await cloud.put(1, "errors")
        await cloud.pass_s(80)
        assert await cloud.state() == "ALARM"

    run(body)


def test_set_by_hand_until_it_is_looked_at_again() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.alarm()
        await cloud.pass_s(20)
        await cloud.put(1)
        wanted = {"AlarmName": "a", "StateValue": "ALARM", "StateReason": "testing alarm"}
        await cloud.call("cloudwatch", "SetAlarmState", **wanted)
        await cloud.settle()
        assert [one["NewStateReason"] for one in await cloud.messages()] == ["testing alarm"]
        await cloud.pass_s(60)
        assert await cloud.state() == "OK"
        history = await cloud.call("cloudwatch", "DescribeAlarmHistory", AlarmName="a", HistoryItemType="StateUpdate")
        assert [one["HistorySummary"] for one in history["AlarmHistoryItems"]] == [
            "Alarm updated from ALARM to OK",
            "Alarm updated from INSUFFICIENT_DATA to ALARM",
        ]
        assert await cloud.refused("SetAlarmState", **{**wanted, "AlarmName": "none"}) == ("ResourceNotFound", "")

    run(body)


def test_actions_can_be_switched_off() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.alarm()
        await cloud.call("cloudwatch", "DisableAlarmActions", AlarmNames=["a"])
        wanted = {"AlarmName": "a", "StateValue": "ALARM", "StateReason": "x"}
        await cloud.call("cloudwatch", "SetAlarmState", **wanted)
        await cloud.settle()
        assert await cloud.messages() == []
        assert (await cloud.shown())["ActionsEnabled"] is False
        await cloud.call("cloudwatch", "EnableAlarmActions", AlarmNames=["a"])
        assert (await cloud.shown())["ActionsEnabled"] is True

    run(body)


def test_composite_alarms_follow_their_children() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.alarm("one", AlarmActions=[])
        await cloud.alarm("two", AlarmActions=[])
        arn = (await cloud.shown("one"))["AlarmArn"]
        rule = f'ALARM("{arn}") OR (ALARM(two) AND NOT FALSE)'
        await cloud.call("cloudwatch", "PutCompositeAlarm", AlarmName="both", AlarmRule=rule, AlarmActions=[TOPIC])
        assert await cloud.state("both") == "OK"
        wanted = {"AlarmName": "one", "StateValue": "ALARM", "StateReason": "x"}
        await cloud.call("cloudwatch", "SetAlarmState", **wanted)
        await cloud.settle()
        shown = await cloud.shown("both")
        assert shown["StateValue"] == "ALARM"
        assert json.loads(shown["StateReasonData"])["triggeringAlarms"][0]["arn"] == arn
        (notice,) = await cloud.messages()
        assert notice["AlarmRule"] == rule
        assert notice["TriggeringChildren"][0]["Arn"] == arn
        assert (await cloud.refused("DeleteAlarms", AlarmNames=["one"]))[0] == "ValidationError"
        cycle = await cloud.refused("PutCompositeAlarm", AlarmName="both", AlarmRule="ALARM(both)")
        assert cycle[0] == "ValidationError"
        await cloud.call("cloudwatch", "DeleteAlarms", AlarmNames=["one", "two", "both"])

    run(body)


def test_a_change_of_state_is_an_event_on_the_default_bus() -> None:
    async def body(cloud: WatchCloud) -> None:
        queue = "arn:aws:sqs:us-east-1:000000000000:e"
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:*",
            "Resource": "*",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        await cloud.call("sqs", "CreateQueue", QueueName="e", Attributes={"Policy": policy})
        pattern = json.dumps({"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}})
        await cloud.call("events", "PutRule", Name="r", EventPattern=pattern)
        await cloud.call("events", "PutTargets", Rule="r", Targets=[{"Id": "1", "Arn": queue}])
        await cloud.alarm()
        await cloud.call("cloudwatch", "SetAlarmState", AlarmName="a", StateValue="ALARM", StateReason="x")
        await cloud.settle()
        answer = await cloud.call("sqs", "ReceiveMessage", QueueUrl="http://127.0.0.1:4566/000000000000/e")
        event = json.loads(answer["Messages"][0]["Body"])
        assert event["detail-type"] == "CloudWatch Alarm State Change"
        assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"

    run(body)


def test_an_alarm_on_a_queue_that_nobody_touches() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.call("sqs", "SendMessage", QueueUrl="http://127.0.0.1:4566/000000000000/q", MessageBody="{}")
        await cloud.alarm(
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": "q"}],
            Statistic="Maximum",
            Threshold=0.0,
        )
        await cloud.pass_s(80)
        assert await cloud.state() == "ALARM"

    run(body)


def test_complaints() -> None:
    async def body(cloud: WatchCloud) -> None:
        whole = {
            "AlarmName": "a",
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
        }
        metric = {"MetricName": "m", "Namespace": "N", "Period": 60, "Statistic": "Sum"}
        assert (await cloud.refused("PutMetricAlarm", **whole))[0] == "ValidationError"
        assert (await cloud.refused("PutMetricAlarm", **whole, **{**metric, "Period": 61}))[0] == "ValidationError"
        bad = {**whole, **metric, "AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}
        assert (await cloud.refused("PutMetricAlarm", **bad))[0] == "NotImplemented"
        rule = await cloud.refused("PutCompositeAlarm", AlarmName="c", AlarmRule="ALARM(none)")
        assert rule[1] == "Could not save the composite alarm as alarms [none] in the alarm rule do not exist"
        assert (await cloud.refused("PutCompositeAlarm", AlarmName="c", AlarmRule="ALARM(a"))[0] == "ValidationError"
        unknown = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:none"
        tags = {"Tags": [{"Key": "k", "Value": "v"}]}
        assert (await cloud.refused("TagResource", ResourceARN=unknown, **tags))[0] == "ResourceNotFoundException"
        other = unknown.replace(":alarm:", ":insight-rule/")
        assert (await cloud.refused("ListTagsForResource", ResourceARN=other))[0] == "ResourceNotFoundException"

    run(body)


def test_tags_and_dashboards() -> None:
    async def body(cloud: WatchCloud) -> None:
        await cloud.alarm(Tags=[{"Key": "k", "Value": "v"}])
        arn = (await cloud.shown())["AlarmArn"]
        await cloud.call("cloudwatch", "TagResource", ResourceARN=arn, Tags=[{"Key": "l", "Value": "w"}])
        await cloud.call("cloudwatch", "UntagResource", ResourceARN=arn, TagKeys=["k"])
        assert (await cloud.call("cloudwatch", "ListTagsForResource", ResourceARN=arn))["Tags"] == [
            {"Key": "l", "Value": "w"}
        ]
        await cloud.call("cloudwatch", "PutDashboard", DashboardName="d", DashboardBody='{"widgets":[]}')
        shown = await cloud.call("cloudwatch", "GetDashboard", DashboardName="d")
        assert shown["DashboardArn"] == "arn:aws:cloudwatch::000000000000:dashboard/d"
        listed = await cloud.call("cloudwatch", "ListDashboards")
        assert [(one["DashboardName"], one["Size"]) for one in listed["DashboardEntries"]] == [("d", 14)]
        await cloud.call("cloudwatch", "DeleteDashboards", DashboardNames=["d"])
        assert (await cloud.refused("GetDashboard", DashboardName="d"))[0] == "DashboardNotFoundError"
        bad = await cloud.refused("PutDashboard", DashboardName="a b", DashboardBody="{}")
        assert bad[1].startswith("The value for field DashboardName contains invalid characters.")

    run(body)
