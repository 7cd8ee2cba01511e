"""Scheduler's operations and what they refuse."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from tests.support import ACCOUNT, REGION

from .support import MINUTE_NS, OFF, ROLE, ScheduleCloud, arn, run

WHOLE: dict[str, Any] = {
    "Name": "s",
    "ScheduleExpression": "rate(1 hour)",
    "FlexibleTimeWindow": OFF,
    "Target": {"Arn": arn("q"), "RoleArn": ROLE},
}


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"ScheduleExpression": "cron()"}, "ValidationException", "Invalid Schedule Expression cron()."),
        (
            {"ScheduleExpression": "rate( 10 minutes )"},
            "ValidationException",
            "Invalid Schedule Expression rate( 10 minutes ).",
        ),
        (
            {"Target": {"Arn": arn("q"), "RoleArn": ROLE + "-of-nobody"}},
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        ),
        ({"Target": {"Arn": "q", "RoleArn": ROLE}}, "ValidationException", "Provided Arn is not in correct format."),
        ({"GroupName": "none"}, "ResourceNotFoundException", "Schedule group none does not exist."),
        (
            {"StartDate": datetime(2025, 12, 31, 23, 50, tzinfo=UTC)},
            "ValidationException",
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        (
            {"ScheduleExpressionTimezone": "Mars/Olympus"},
            "ValidationException",
            "The time zone Mars/Olympus is not supported.",
        ),
        (
            {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
            "ValidationException",
            "A flexible time window must have a MaximumWindowInMinutes.",
        ),
        (
            {"Target": {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f", "RoleArn": ROLE, "Input": "{"}},
            "ValidationException",
            "The input of the target must be well-formed JSON.",
        ),
        (
            {"Target": {"Arn": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:m", "RoleArn": ROLE}},
            "NotImplemented",
            "Lambent has not built Step Functions as a target of schedules yet.",
        ),
        (
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage", "RoleArn": ROLE}},
            "ValidationException",
            "receiveMessage is not a supported api for a target.",
        ),
        (
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": ROLE, "Input": '{"Boddy":1}'}},
            "ValidationException",
            "Invalid RequestJson provided. Reason The field 'Boddy' is not supported by api",
        ),
    ],
)
def test_what_is_wrong_is_refused(changed: dict[str, Any], code: str, message: str) -> None:
    async def body(cloud: ScheduleCloud) -> None:
        assert await cloud.refused("CreateSchedule", **{**WHOLE, **changed}) == (code, message)
        assert (await cloud.call("scheduler", "ListSchedules"))["Schedules"] == []

    run(body)


def test_a_schedule_is_shown_as_it_was_made_and_changed() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        end = datetime(2027, 1, 1, tzinfo=UTC)
        arn_ = (await cloud.call("scheduler", "CreateSchedule", **WHOLE, Description="d", EndDate=end))["ScheduleArn"]
        assert arn_ == f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/s"
        began = datetime(2026, 1, 1, tzinfo=UTC)
        policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        expected = {
            "Arn": arn_,
            "Name": "s",
            "GroupName": "default",
            "State": "ENABLED",
            "CreationDate": began,
            "LastModificationDate": began,
            "ScheduleExpression": "rate(1 hour)",
            "ScheduleExpressionTimezone": "UTC",
            "Target": {**WHOLE["Target"], "RetryPolicy": policy},
            "FlexibleTimeWindow": OFF,
            "ActionAfterCompletion": "NONE",
            "Description": "d",
            "EndDate": end,
        }
        assert await cloud.call("scheduler", "GetSchedule", Name="s") == expected
        cloud.clock.advance(MINUTE_NS)
        await cloud.call("scheduler", "UpdateSchedule", **WHOLE, State="DISABLED")
        del expected["Description"], expected["EndDate"]
        changed = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
        expected |= {"State": "DISABLED", "LastModificationDate": changed}
        assert await cloud.call("scheduler", "GetSchedule", Name="s") == expected
        gone = ("ResourceNotFoundException", "Schedule s does not exist.")
        await cloud.call("scheduler", "DeleteSchedule", Name="s")
        assert await cloud.refused("GetSchedule", Name="s") == gone
        assert await cloud.refused("DeleteSchedule", Name="s") == gone
        assert await cloud.refused("UpdateSchedule", **WHOLE) == gone

    run(body)


def test_a_repeated_call_is_one() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        first = await cloud.call("scheduler", "CreateSchedule", **WHOLE, ClientToken="a")
        assert await cloud.call("scheduler", "CreateSchedule", **WHOLE, ClientToken="a") == first
        await cloud.settle()
        assert len(await cloud.timers()) == 1
        conflict = ("ConflictException", "Schedule s already exists.")
        assert await cloud.refused("CreateSchedule", **WHOLE, ClientToken="b") == conflict
        other = {**WHOLE, "ScheduleExpression": "rate(2 hours)"}
        assert await cloud.refused("CreateSchedule", **other, ClientToken="a") == conflict

    run(body)


def test_groups_hold_schedules_and_tags() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        tags = [{"Key": "TagKey", "Value": "TagValue"}]
        group = (await cloud.call("scheduler", "CreateScheduleGroup", Name="g", Tags=tags))["ScheduleGroupArn"]
        assert (await cloud.call("scheduler", "ListTagsForResource", ResourceArn=group))["Tags"] == tags
        await cloud.call("scheduler", "TagResource", ResourceArn=group, Tags=[{"Key": "b", "Value": "c"}])
        await cloud.call("scheduler", "UntagResource", ResourceArn=group, TagKeys=["TagKey"])
        shown = (await cloud.call("scheduler", "ListTagsForResource", ResourceArn=group))["Tags"]
        assert shown == [{"Key": "b", "Value": "c"}]
        listed = (await cloud.call("scheduler", "ListScheduleGroups"))["ScheduleGroups"]
        assert [one["Name"] for one in listed] == ["default", "g"]
        exists = ("ConflictException", "Schedule group g already exists.")
        assert await cloud.refused("CreateScheduleGroup", Name="g") == exists
        for number in range(3):
            await cloud.call("scheduler", "CreateSchedule", **{**WHOLE, "Name": f"s{number}"}, GroupName="g")
        await cloud.call("scheduler", "CreateSchedule", **WHOLE)
        page = await cloud.call("scheduler", "ListSchedules", GroupName="g", MaxResults=2)
        rest = await cloud.call("scheduler", "ListSchedules", GroupName="g", NextToken=page["NextToken"])
        assert [one["Name"] for one in page["Schedules"] + rest["Schedules"]] == ["s0", "s1", "s2"]
        assert "NextToken" not in rest
        await cloud.call("scheduler", "DeleteScheduleGroup", Name="g")
        await cloud.settle()
        gone = ("ResourceNotFoundException", "Schedule group g does not exist.")
        assert await cloud.refused("GetScheduleGroup", Name="g") == gone
        left = (await cloud.call("scheduler", "ListSchedules"))["Schedules"]
        assert [one["Name"] for one in left] == ["s"]

    run(body)


def test_passing_the_role_is_asked() -> None:
    async def body(cloud: ScheduleCloud) -> None:
        may = [{"Effect": "Allow", "Action": "scheduler:*", "Resource": "*"}]
        role = await cloud.role("maker", may)
        caller = (await cloud.directory.role_session(role, "x", "scheduler.amazonaws.com")).caller
        code, message = await cloud.refused("CreateSchedule", caller=caller, **WHOLE)
        assert code == "AccessDeniedException"
        assert "iam:PassRole" in message

    run(body)


@pytest.mark.parametrize(
    "expression", ["cron(0 18 ? * MON-FRI *)", "cron(0-59/10 0-23/2 ? * * *)", "cron(1-31/30 1-1 ? * 1,7 *)"]
)
def test_recorded_expressions_that_are_taken(expression: str) -> None:
    async def body(cloud: ScheduleCloud) -> None:
        await cloud.schedule(expression)
        shown = await cloud.call("scheduler", "GetSchedule", Name="s")
        assert shown["ScheduleExpression"] == expression
        assert len(await cloud.timers()) == 1

    run(body)


def test_a_roles_trust_policy_knows_scheduler_by_the_schedules_group() -> None:
    def trust(group: str) -> str:
        condition = {"aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{group}"}
        principal = {"Service": "scheduler.amazonaws.com"}
        statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        return json.dumps({"Statement": [{**statement, "Condition": {"StringEquals": condition}}]})

    async def body(cloud: ScheduleCloud) -> None:
        await cloud.call("iam", "UpdateAssumeRolePolicy", RoleName="runner", PolicyDocument=trust("default"))
        await cloud.schedule("rate(5 minutes)")
        assert await cloud.bodies() == ["ping"]
        await cloud.call("iam", "UpdateAssumeRolePolicy", RoleName="runner", PolicyDocument=trust("other"))
        with pytest.raises(ServiceError, match="must allow AWS EventBridge Scheduler to assume the role"):
            await cloud.schedule("rate(5 minutes)", Name="t")

    run(body)
