"""Application Auto Scaling of DynamoDB's capacity, on the manual clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.services.application_autoscaling.errors import ValidationException
from lambent.services.application_autoscaling.schedules import next_ms
from lambent.services.application_autoscaling.tracking import Wish, wish
from tests.dynamodb.support import SECOND_NS, TABLE, DynamoCloud, index, run, thing

RESOURCE = "table/things"
READ, WRITE = "dynamodb:table:ReadCapacityUnits", "dynamodb:table:WriteCapacityUnits"
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBWriteCapacityUtilization"},
}


async def scale(cloud: DynamoCloud, operation: str, **params: Any) -> dict[str, Any]:
    """An operation on the write capacity of the table unless the parameters say otherwise."""
    params = {"ServiceNamespace": "dynamodb", **params}
    if not operation.startswith("Describe"):
        params = {"ResourceId": RESOURCE, "ScalableDimension": WRITE, **params}
    return await cloud.call("application-autoscaling", operation, **params)


async def refused(cloud: DynamoCloud, code: str, operation: str, **params: Any) -> str:
    """The message with which an operation is refused."""
    with pytest.raises(ServiceError) as found:
        await scale(cloud, operation, **params)
    assert found.value.code == code, found.value.message
    return found.value.message


async def capacity(cloud: DynamoCloud) -> tuple[int, int]:
    """The table's read and write units."""
    units = (await cloud.db("DescribeTable"))["Table"]["ProvisionedThroughput"]
    return units["ReadCapacityUnits"], units["WriteCapacityUnits"]


async def pass_minutes(cloud: DynamoCloud, minutes: int, writes: int = 0) -> None:
    """Let minutes pass, in each of which something is written that costs that many units."""
    for _ in range(minutes):
        if writes:
            await cloud.put(thing("a", "b", text="x" * (1024 * (writes - 1))))
        cloud.clock.advance(60 * SECOND_NS)
        await cloud.deliver()


async def registered(cloud: DynamoCloud, **policy: Any) -> None:
    """A table of 5 units, its write capacity between 2 and 10, followed at 70 %."""
    await cloud.table(BillingMode="PROVISIONED")
    await scale(cloud, "RegisterScalableTarget", MinCapacity=2, MaxCapacity=10)
    config = {**TRACKING, **policy}
    kind = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": config}
    await scale(cloud, "PutScalingPolicy", PolicyName="follow", **kind)
    await cloud.deliver()


def test_capacity_follows_consumption_within_its_bounds() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await registered(cloud)
        assert await capacity(cloud) == (5, 5)
        await pass_minutes(cloud, 1, writes=240)  # 4 a second of 5: above 70 %
        assert await capacity(cloud) == (5, 5)  # one minute is not enough
        await pass_minutes(cloud, 2, writes=240)
        assert await capacity(cloud) == (5, 6)
        await pass_minutes(cloud, 20)
        assert await capacity(cloud) == (5, 6)  # what is not used at all is left alone
        await pass_minutes(cloud, 17, writes=30)  # the first replaces a large item
        assert await capacity(cloud) == (5, 2)
        found = (await scale(cloud, "DescribeScalingActivities", ResourceId=RESOURCE))["ScalingActivities"]
        assert [one["Description"] for one in found] == [
            "Setting write capacity units to 2.",
            "Setting write capacity units to 6.",
        ]
        assert "AlarmHigh" in found[1]["Cause"]
        assert {one["StatusCode"] for one in found} == {"Successful"}
        role = await cloud.call("iam", "GetRole", RoleName="AWSServiceRoleForApplicationAutoScaling_DynamoDBTable")
        assert role["Role"]["Path"] == "/aws-service-role/dynamodb.application-autoscaling.amazonaws.com/"

    run(body)


def test_cool_downs_and_suspensions_hold_scaling_back() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await registered(cloud, ScaleOutCooldown=600, ScaleInCooldown=3600)
        await pass_minutes(cloud, 3, writes=240)
        assert await capacity(cloud) == (5, 6)
        await pass_minutes(cloud, 5, writes=360)
        assert await capacity(cloud) == (5, 6)
        await pass_minutes(cloud, 5, writes=360)
        assert await capacity(cloud) == (5, 9)
        await pass_minutes(cloud, 40, writes=30)
        assert await capacity(cloud) == (5, 9)
        suspended = {"DynamicScalingInSuspended": True}
        await scale(cloud, "RegisterScalableTarget", SuspendedState=suspended)
        await pass_minutes(cloud, 30, writes=30)
        assert await capacity(cloud) == (5, 9)
        await scale(cloud, "RegisterScalableTarget", SuspendedState={"DynamicScalingInSuspended": False})
        await pass_minutes(cloud, 1, writes=30)
        assert await capacity(cloud) == (5, 2)

    run(body)


def test_bounds_hold_at_once_and_by_schedule() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(BillingMode="PROVISIONED")
        await scale(cloud, "RegisterScalableTarget", MinCapacity=7, MaxCapacity=10)
        await cloud.deliver()
        assert await capacity(cloud) == (5, 7)
        action = {"ScheduledActionName": "night", "Schedule": "rate(1 hour)"}
        await scale(cloud, "PutScheduledAction", **action, ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 3})
        shown = (await scale(cloud, "DescribeScheduledActions"))["ScheduledActions"]
        assert shown[0]["ScalableTargetAction"] == {"MinCapacity": 1, "MaxCapacity": 3}
        await pass_minutes(cloud, 59)
        assert await capacity(cloud) == (5, 7)
        await pass_minutes(cloud, 1)
        assert await capacity(cloud) == (5, 3)
        (target,) = (await scale(cloud, "DescribeScalableTargets"))["ScalableTargets"]
        assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
        await scale(cloud, "DeleteScheduledAction", ScheduledActionName="night")
        assert (await scale(cloud, "DescribeScheduledActions"))["ScheduledActions"] == []

    run(body)


def test_the_capacity_of_an_index_is_its_own() -> None:
    async def body(cloud: DynamoCloud) -> None:
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
        indexes = [index("by-owner", "owner", ProvisionedThroughput=units)]
        await cloud.table("pk:S sk:S / owner:S", BillingMode="PROVISIONED", GlobalSecondaryIndexes=indexes)
        name = {"ResourceId": f"{RESOURCE}/index/by-owner", "ScalableDimension": "dynamodb:index:WriteCapacityUnits"}
        await scale(cloud, "RegisterScalableTarget", MinCapacity=1, MaxCapacity=20, **name)
        kind = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": TRACKING}
        await scale(cloud, "PutScalingPolicy", PolicyName="follow", **kind, **name)
        for _ in range(3):
            await cloud.put(thing("a", "b", owner="me", text="x" * 1024 * 239))
            await cloud.put(thing("a", "b"))
            await pass_minutes(cloud, 1)
        table = (await cloud.db("DescribeTable"))["Table"]
        assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 5
        own = table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]
        assert own["WriteCapacityUnits"] == 12  # 480 units a minute at 70 %

    run(body)


def test_what_is_registered_is_described_and_removed() -> None:
    async def body(cloud: DynamoCloud) -> None:
        missing = await refused(cloud, "ValidationException", "RegisterScalableTarget", MinCapacity=1, MaxCapacity=2)
        assert missing == "DynamoDB table does not exist: table/things"
        await registered(cloud)
        (policy,) = (await scale(cloud, "DescribeScalingPolicies", PolicyNames=["follow"]))["ScalingPolicies"]
        assert policy["TargetTrackingScalingPolicyConfiguration"] == TRACKING
        assert len(policy["Alarms"]) == 2
        wrong = {
            **TRACKING,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
        }
        kind = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": wrong}
        await refused(cloud, "ValidationException", "PutScalingPolicy", PolicyName="x", **kind)
        not_there = await refused(
            cloud, "ObjectNotFoundException", "PutScalingPolicy", PolicyName="x", ScalableDimension=READ, **kind
        )
        assert not_there == (
            "No scalable target registered for service namespace: dynamodb, resource ID: table/things, "
            "scalable dimension: dynamodb:table:ReadCapacityUnits"
        )
        await refused(cloud, "NotImplemented", "RegisterScalableTarget", ServiceNamespace="ecs")
        (target,) = (await scale(cloud, "DescribeScalableTargets", ResourceIds=[RESOURCE]))["ScalableTargets"]
        arn = {"ResourceARN": target["ScalableTargetARN"]}
        await cloud.call("application-autoscaling", "TagResource", **arn, Tags={"a": "1", "b": "2"})
        await cloud.call("application-autoscaling", "UntagResource", **arn, TagKeys=["a"])
        assert await cloud.call("application-autoscaling", "ListTagsForResource", **arn) == {"Tags": {"b": "2"}}
        await scale(cloud, "RegisterScalableTarget", ScalableDimension=READ, MinCapacity=1, MaxCapacity=9)
        first = await scale(cloud, "DescribeScalableTargets", MaxResults=1)
        rest = await scale(cloud, "DescribeScalableTargets", NextToken=first["NextToken"])
        both = [one["ScalableDimension"] for one in (*first["ScalableTargets"], *rest["ScalableTargets"])]
        assert both == [READ, WRITE]
        await scale(cloud, "DeleteScalingPolicy", PolicyName="follow")
        await refused(cloud, "ObjectNotFoundException", "DeleteScalingPolicy", PolicyName="follow")
        await scale(cloud, "DeregisterScalableTarget")
        await refused(cloud, "ObjectNotFoundException", "DeregisterScalableTarget")
        await cloud.db("DeleteTable", TableName=TABLE)
        await pass_minutes(cloud, 2)

    run(body)


def test_what_a_history_asks_for() -> None:
    assert wish([0.0, 240.0], 5, 70) is None
    assert wish([240.0, 300.0], 5, 70) == Wish(8, "AlarmHigh")
    assert wish([60.0] * 15, 5, 70) == Wish(2, "AlarmLow")
    assert wish([60.0] * 14, 5, 70) is None
    assert wish([180.0] * 15, 5, 70) is None  # 60 %: between the marks
    assert wish([0.0] * 15, 5, 70) is None


@pytest.mark.parametrize(
    ("schedule", "zone", "wanted"),
    [
        ("rate(5 minutes)", "", "2024-03-29T12:05"),
        ("rate(1 day)", "", "2024-03-30T12:00"),
        ("at(2024-04-01T00:00:00)", "Europe/Berlin", "2024-03-31T22:00"),
        ("at(2024-03-01T00:00:00)", "", None),
        ("cron(30 9 * * ? *)", "", "2024-03-30T09:30"),
        ("cron(0 8 ? * MON-FRI *)", "Europe/Berlin", "2024-04-01T06:00"),
        ("cron(0/15 * * * ? *)", "", "2024-03-29T12:15"),
        ("cron(0 0 1 1 ? 2026)", "", "2026-01-01T00:00"),
        ("cron(0 0 L * ? *)", "", "2024-03-31T00:00"),
    ],
)
def test_when_a_schedule_fires(schedule: str, zone: str, wanted: str | None) -> None:
    now_ms = round(datetime(2024, 3, 29, 12, tzinfo=UTC).timestamp() * 1000)
    found = next_ms(schedule, zone, now_ms, now_ms)
    shown = None if found is None else datetime.fromtimestamp(found / 1000, UTC).strftime("%Y-%m-%dT%H:%M")
    assert shown == wanted


@pytest.mark.parametrize("schedule", ["rate(0 minutes)", "cron(99 * * * ? *)", "cron(0 0 X * ? *)", "often", "at(now)"])
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ValidationException, match="Invalid schedule"):
        next_ms(schedule, "", 0, 0)
    with pytest.raises(ValidationException, match="Invalid time zone"):
        next_ms("rate(1 day)", "Middle/Earth", 0, 0)
