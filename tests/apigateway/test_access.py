"""Who may change what: IAM's verbs on paths, roles that are handed on, accounts that see only their own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lambent.contracts.caller import Caller, root
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import ApiKey, Mark, PlanStage, UsagePlan

from .rest import ACCOUNT, REGION, RestCloud, patch, refused

ROLE = f"arn:aws:iam::{ACCOUNT}:role/integration"
TABLE = "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem"


async def user(cloud: RestCloud, *statements: dict[str, Any]) -> Caller:
    """A user with one policy."""
    await cloud.call("iam", "CreateUser", UserName="u")
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    await cloud.call("iam", "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = (await cloud.call("iam", "CreateAccessKey", UserName="u"))["AccessKey"]["AccessKeyId"]
    found = await cloud.store.read(lambda tx: cloud.directory.credential(tx, key))
    assert found is not None
    return found.caller


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource}


async def test_a_user_may_what_the_verb_and_the_path_allow() -> None:
    cloud = await RestCloud.with_api()
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{cloud.api_id}"
    someone = await user(cloud, allow("apigateway:GET", f"{arn}/*"), allow("apigateway:POST", f"{arn}/resources/*"))
    assert await cloud.do("GetResources", caller=someone)
    assert await cloud.do("CreateResource", caller=someone, parentId=cloud.root, pathPart="a")
    code, message = await refused(cloud.do("GetRestApi", caller=someone))
    assert code == "AccessDeniedException"
    assert f"apigateway:GET on resource: {arn}" in message
    where = {"resourceId": cloud.root, "httpMethod": "GET"}
    code, message = await refused(cloud.do("PutMethod", caller=someone, **where, authorizationType="NONE"))
    assert f"apigateway:PUT on resource: {arn}/resources/{cloud.root}/methods/GET" in message
    code, message = await refused(cloud.do("DeleteRestApi", caller=someone))
    assert f"apigateway:DELETE on resource: {arn}" in message


@pytest.mark.parametrize("passing", [False, True])
async def test_a_role_is_handed_on_by_who_may_pass_it(passing: bool) -> None:
    cloud = await RestCloud.with_api()
    await cloud.method()
    more = [allow("iam:PassRole", ROLE)] if passing else []
    someone = await user(cloud, allow("apigateway:*", "*"), *more)
    where: dict[str, Any] = {"resourceId": cloud.root, "httpMethod": "GET"}
    await cloud.do("PutIntegration", caller=someone, **where, type="MOCK")
    given = {"type": "AWS", "integrationHttpMethod": "POST", "uri": TABLE, "credentials": ROLE}
    put = cloud.do("PutIntegration", caller=someone, **where, **given)
    change = patch("replace", "/credentials", ROLE)
    update = cloud.update("UpdateIntegration", change, caller=someone, **where)
    if passing:
        await put
        assert (await update)["credentials"] == ROLE
    else:
        assert "iam:PassRole" in (await refused(put))[1]
        assert "iam:PassRole" in (await refused(update))[1]


async def test_another_account_sees_nothing() -> None:
    cloud = await RestCloud.with_api()
    other = root("222222222222")
    for operation in ("GetRestApi", "GetResources", "DeleteRestApi"):
        code, message = await refused(cloud.do(operation, caller=other))
        assert (code, message) == ("NotFoundException", f"Invalid API identifier specified 222222222222:{cloud.api_id}")


async def test_plans_and_keys_forget_a_stage_that_goes() -> None:
    cloud = await RestCloud.with_api()
    await cloud.mock()
    await cloud.do("CreateDeployment", stageName="dev")
    plan = UsagePlan(
        id="p1", name="p", stages=(PlanStage(api=cloud.api_id, stage="dev"), PlanStage(api="x", stage="y"))
    )
    key = ApiKey(id="k1", value="v", name="k", created_ms=0, updated_ms=0, stages=(f"{cloud.api_id}/dev",))

    def write(tx: Any) -> None:
        keys.plans.put(tx, plan, ACCOUNT, REGION, "p1")
        keys.stage_plans.put(tx, Mark(), cloud.api_id, "dev", "p1")
        keys.api_keys.put(tx, key, ACCOUNT, REGION, "k1")

    await cloud.store.write(write)
    await cloud.do("DeleteStage", stageName="dev")
    left = await cloud.store.read(lambda tx: keys.plans.get(tx, ACCOUNT, REGION, "p1"))
    assert left is not None
    assert [one.api for one in left.stages] == ["x"]
    assert await cloud.store.read(keys.stage_plans.scan) == []
    kept = await cloud.store.read(lambda tx: keys.api_keys.get(tx, ACCOUNT, REGION, "k1"))
    assert kept is not None
    assert kept.stages == ()
