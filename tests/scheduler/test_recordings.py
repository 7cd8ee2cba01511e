"""Schedules: against what AWS was recorded to answer, out of the bytes of the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent import wire
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request
from lambent.wire import Route
from tests.support import ACCOUNT, REGION

from .support import OFF, ROLE, ScheduleCloud, arn, run

ARN = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule"


async def _made(cloud: ScheduleCloud, expression: str) -> tuple[int, Any]:
    """Status and body of the answer to CreateSchedule."""
    codec = wire.codec(Route("scheduler", "CreateSchedule", "rest-json"))
    target = {"Arn": arn("q"), "RoleArn": ROLE}
    given = {"Name": "s", "FlexibleTimeWindow": OFF, "ScheduleExpression": expression, "Target": target}
    try:
        response = codec.serialize(await cloud.call("scheduler", "CreateSchedule", **given), "id")
    except ServiceError as error:
        response = codec.serialize_error(error, "id", Request("POST", "/schedules/s", "", {}))
        assert dict(response.headers)["x-amzn-errortype"].partition(":")[0] == "ValidationException"
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(
    ("case", "expression"),
    [
        ("test_create_schedule_with_valid_cron_expressions[cron(0 18 ? * MON-FRI *)]", "cron(0 18 ? * MON-FRI *)"),
        (
            "test_create_schedule_with_valid_cron_expressions[cron(0-59/10 0-23/2 ? * * *)]",
            "cron(0-59/10 0-23/2 ? * * *)",
        ),
        (
            "test_create_schedule_with_valid_cron_expressions[cron(1-31/30 1-1 ? * 1,7 *)]",
            "cron(1-31/30 1-1 ? * 1,7 *)",
        ),
    ],
)
def test_an_expression_that_is_taken(case: str, expression: str) -> None:
    async def body(cloud: ScheduleCloud) -> None:
        assert await _made(cloud, expression) == (200, {"ScheduleArn": f"{ARN}/default/s"})

    run(body)


@pytest.mark.parametrize(
    ("case", "expression"),
    [
        ("tests_create_schedule_with_invalid_schedule_expression[cron()]", "cron()"),
        (
            "tests_create_schedule_with_invalid_schedule_expression[cron(0 dummy ? * MON-FRI *)]",
            "cron(0 dummy ? * MON-FRI *)",
        ),
        ("tests_create_schedule_with_invalid_schedule_expression[cron(7 20 * * NOT *)]", "cron(7 20 * * NOT *)"),
        ("tests_create_schedule_with_invalid_schedule_expression[cron(71 8 1 * ? *)]", "cron(71 8 1 * ? *)"),
        ("tests_create_schedule_with_invalid_schedule_expression[cron(INVALID)]", "cron(INVALID)"),
        ("tests_create_schedule_with_invalid_schedule_expression[rate( 10 minutes )]", "rate( 10 minutes )"),
        ("tests_create_schedule_with_invalid_schedule_expression[rate()]", "rate()"),
        ("tests_create_schedule_with_invalid_schedule_expression[rate(-10 minutes)]", "rate(-10 minutes)"),
    ],
)
def test_an_expression_that_is_none(case: str, expression: str) -> None:
    async def body(cloud: ScheduleCloud) -> None:
        message = f"Invalid Schedule Expression {expression}."
        assert await _made(cloud, expression) == (400, {"Message": message})

    run(body)


@pytest.mark.parametrize("case", ["test_tag_resource"])
def test_a_group_is_tagged(case: str) -> None:
    """AWS documents that groups, and nothing else, have tags."""

    async def body(cloud: ScheduleCloud) -> None:
        group = await cloud.call("scheduler", "CreateScheduleGroup", Name="g")
        tags = [{"Key": "TagKey", "Value": "TagValue"}]
        await cloud.call("scheduler", "TagResource", ResourceArn=group["ScheduleGroupArn"], Tags=tags)
        listed = await cloud.call("scheduler", "ListTagsForResource", ResourceArn=group["ScheduleGroupArn"])
        assert listed == {"Tags": tags}

    run(body)
