"""Nobody has the cloud act as a role of another account, nor as one that they may not hand on by another way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.caller import Caller, root
from lambent.contracts.errors import ServiceError
from lambent.execute import access_log
from lambent.execute.room import room
from tests.support import ACCOUNT, REGION, TestCloud

OTHER = "111111111111"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/powerful"
TABLE = f"arn:aws:apigateway:{REGION}:dynamodb:action/PutItem"
SERVICES = ("apigateway", "lambda", "scheduler", "events", "sns")


async def with_role() -> TestCloud:
    """A cloud with a role that the services may assume."""
    cloud = TestCloud()
    trusted = {"Service": [f"{service}.amazonaws.com" for service in SERVICES]}
    statement = {"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await cloud.call("iam", "CreateRole", RoleName="powerful", AssumeRolePolicyDocument=trust)
    return cloud


async def user(cloud: TestCloud, *statements: dict[str, Any]) -> Caller:
    await cloud.call("iam", "CreateUser", UserName="u")
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    await cloud.call("iam", "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = (await cloud.call("iam", "CreateAccessKey", UserName="u"))["AccessKey"]["AccessKeyId"]
    found = await cloud.store.read(lambda tx: cloud.directory.credential(tx, key))
    assert found is not None
    return found.caller


async def put_integration(cloud: TestCloud, caller: Caller, credentials: str) -> None:
    """An integration of a new API that asks DynamoDB with these credentials."""
    api = await cloud.call("apigateway", "CreateRestApi", caller, name="a")
    where = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    await cloud.call("apigateway", "PutMethod", caller, **where, authorizationType="NONE")
    given = {"type": "AWS", "integrationHttpMethod": "POST", "uri": TABLE, "credentials": credentials}
    await cloud.call("apigateway", "PutIntegration", caller, **where, **given)


async def test_a_role_of_another_account_is_not_handed_on() -> None:
    cloud = await with_role()
    stranger = root(OTHER)
    with pytest.raises(ServiceError, match="PassRole"):
        await put_integration(cloud, stranger, ROLE)
    given: dict[str, Any] = {"Runtime": "python3.12", "Handler": "a.b", "Code": {"ZipFile": b"x"}}
    with pytest.raises(ServiceError, match="PassRole"):
        await cloud.call("lambda", "CreateFunction", stranger, FunctionName="f", Role=ROLE, **given)
    target = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": ROLE}
    when: dict[str, Any] = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    with pytest.raises(ServiceError, match="PassRole"):
        await cloud.call("scheduler", "CreateSchedule", stranger, Name="s", Target=target, **when)


async def test_a_role_is_assumed_for_its_own_account_only() -> None:
    """Whatever way a role came into an API: a stage variable, an older import."""
    cloud = await with_role()
    sessions = room(cloud).sessions
    ours = await sessions.assume(ROLE, f"arn:aws:execute-api:{REGION}:{ACCOUNT}:abcdefghij/prod")
    assert ours.caller.role_arn == ROLE
    for source in (f"arn:aws:execute-api:{REGION}:{OTHER}:abcdefghij/prod", f"arn:aws:sns:{REGION}:{OTHER}:topic"):
        with pytest.raises(ServiceError, match="sts:AssumeRole"):
            await sessions.assume(ROLE, source)


@pytest.mark.parametrize(
    "credentials",
    [
        f"arn:aws:iam::{ACCOUNT}:${{stageVariables.role}}",
        f"arn:aws:iam::{ACCOUNT}:role/${{stageVariables.name}}",
        "arn:aws:iam::${stageVariables.all}",
    ],
)
async def test_a_role_that_a_stage_variable_names_is_every_role(credentials: str) -> None:
    cloud = await with_role()
    api, mine = {"Effect": "Allow", "Action": "apigateway:*", "Resource": "*"}, f"arn:aws:iam::{ACCOUNT}:role/mine"
    scoped = await user(cloud, api, {"Effect": "Allow", "Action": "iam:PassRole", "Resource": mine})
    with pytest.raises(ServiceError, match="PassRole"):
        await put_integration(cloud, scoped, credentials)


async def test_whoever_may_pass_every_role_may_leave_it_to_a_stage_variable() -> None:
    cloud = await with_role()
    everything = await user(cloud, {"Effect": "Allow", "Action": ["apigateway:*", "iam:PassRole"], "Resource": "*"})
    await put_integration(cloud, everything, f"arn:aws:iam::{ACCOUNT}:role/${{stageVariables.name}}")
    await put_integration(cloud, everything, "arn:aws:iam::*:user/*")


async def test_an_api_logs_into_its_own_accounts_groups() -> None:
    cloud = TestCloud()
    theirs = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:audit"
    assert access_log.place_of(cloud, theirs, OTHER, "api/prod") is None
    place = access_log.place_of(cloud, theirs, ACCOUNT, "api/prod")
    assert place is not None
    assert (place.account, place.group) == (ACCOUNT, "audit")
