"""Canaries of stages as AWS was recorded to answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .test_stages import api, deployment, shown
from .wire import Answer, Wire, bad, patch


def canary(deployed: str, percent: float, **overrides: str) -> dict[str, Any]:
    """A canary as answers show it."""
    found: dict[str, Any] = {"deploymentId": deployed, "percentTraffic": percent, "useStageCache": False}
    return {**found, "stageVariableOverrides": overrides} if overrides else found


@pytest.mark.recorded("TestStageCrudCanary::test_create_canary_deployment")
async def test_a_deployment_becomes_a_canary() -> None:
    wire = Wire()
    where = await api(wire)
    first = await deployment(wire, where)
    given = {"deploymentId": first, "description": "dev stage", "variables": {"testVar": "default"}}
    part = {"percentTraffic": 40, "stageVariableOverrides": {"testVar": "canary1"}}
    made = await wire.ask("CreateStage", **where, stageName="dev1", **given, canarySettings=part)
    expected = shown("dev1", **_members(given), canarySettings=canary(first, 40.0, testVar="canary1"))
    assert made == (201, expected)
    part = {"percentTraffic": 50, "stageVariableOverrides": {"testVar": "canary2"}}
    second = await deployment(wire, where, stageName="dev1", canarySettings=part)
    expected["canarySettings"] = canary(second, 50.0, testVar="canary2")
    assert await wire.ask("GetStage", **where, stageName="dev1") == (200, expected)
    overrides = {"testVar": "canary-overridden"}
    part = {"deploymentId": second, "percentTraffic": 60, "stageVariableOverrides": overrides}
    made = await wire.ask("CreateStage", **where, stageName="dev2", **given, canarySettings=part)
    assert made == (201, shown("dev2", **_members(given), canarySettings=canary(second, 60.0, **overrides)))
    part["deploymentId"] = "deploy"
    made = await wire.ask("CreateStage", **where, stageName="dev3", **given, canarySettings=part)
    assert made == bad("Deployment id does not exist")


def _members(given: dict[str, Any]) -> dict[str, Any]:
    return {"deployment": given["deploymentId"], **{k: v for k, v in given.items() if k != "deploymentId"}}


@pytest.mark.recorded("TestStageCrudCanary::test_create_canary_deployment_with_stage")
async def test_a_canary_of_a_stage_that_has_none() -> None:
    wire = Wire()
    where = await api(wire)
    first = await deployment(wire, where)
    stage, given = {**where, "stageName": "dev"}, {"description": "dev stage", "variables": {"testVar": "default"}}
    expected = shown("dev", first, **given)
    assert await wire.ask("CreateStage", **stage, deploymentId=first, **given) == (201, expected)
    part = {"percentTraffic": 50, "stageVariableOverrides": {"testVar": "canary"}}
    second = await deployment(wire, where, stageName="dev", canarySettings=part)
    expected["canarySettings"] = canary(second, 50.0, testVar="canary")
    assert await wire.ask("GetStage", **stage) == (200, expected)


FIELDS = ("/deploymentId", "/canarySettings/deploymentId"), ("/variables", "/canarySettings/stageVariableOverrides")
COPY = [patch("copy", to, source=source) for to, source in FIELDS]


@pytest.mark.recorded("TestStageCrudCanary::test_update_stage_with_copy_ops")
async def test_a_canary_is_promoted() -> None:
    wire = Wire()
    where = await api(wire)
    variables = {"testVar": "test", "testVar2": "test2"}
    first = await deployment(wire, where, stageName="dev", variables=variables)
    stage = {**where, "stageName": "dev"}

    async def update(*patches: dict[str, str]) -> Answer:
        return await wire.ask("UpdateStage", **stage, patchOperations=list(patches))

    assert await update(*COPY) == bad("Promotion not available. Canary does not exist.")
    none = patch("replace", "/canarySettings/percentTraffic", "0.0")
    expected = shown("dev", first, variables=variables, canarySettings=canary(first, 0.0))
    assert await update(none, *COPY) == (200, expected)
    part = {"percentTraffic": 50, "stageVariableOverrides": {"testVar": "override"}}
    second = await deployment(wire, where, stageName="dev", canarySettings=part)
    expected["canarySettings"] = canary(second, 50.0, testVar="override")
    assert await wire.ask("GetStage", **stage) == (200, expected)
    overrides = "/canarySettings/stageVariableOverrides"
    assert await update(patch("copy", overrides, source="/variables")) == bad(
        f"Invalid copy operation with path: {overrides} and from /variables. Valid copy:path are [/deploymentId, "
        f"/variables] and valid copy:from are [/canarySettings/deploymentId, {overrides}]"
    )
    promoted = {"deploymentId": second, "variables": {"testVar": "override", "testVar2": "test2"}}
    promoted["canarySettings"] = canary(second, 0.0, testVar="override")
    assert await update(none, *COPY) == (200, {**expected, **promoted})


TEMPLATE = """{
  "statusCode": 200,
  "message": "%s deployment",
  "variable": "$stageVariables.testVar",
  "nonExistingDefault": "$stageVariables.noStageVar",
  "nonOverridden": "$stageVariables.defaultVar",
  "isCanary": "$context.isCanaryRequest"
}"""


@pytest.mark.recorded("TestCanaryDeployments::test_invoking_canary_deployment")
async def test_a_canary_answers() -> None:
    wire = Wire()
    made = await wire.made("CreateRestApi", name="books")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    await wire.made("PutMethod", **where, authorizationType="NONE")
    await wire.made("PutMethodResponse", **where, statusCode="200")
    templates = {"application/json": '{"statusCode": 200}'}
    await wire.made("PutIntegration", **where, type="MOCK", requestTemplates=templates)
    response = {**where, "statusCode": "200"}
    templates = {"application/json": TEMPLATE % "default"}
    await wire.made("PutIntegrationResponse", **response, selectionPattern="", responseTemplates=templates)
    one = {"restApiId": made["id"]}
    variables = {"testVar": "default", "defaultVar": "default"}
    first = await deployment(wire, one, stageName="dev", variables=variables)

    async def ask() -> dict[str, Any]:
        answer = await wire.send("GET", made["id"], "/")
        assert answer.status == 200
        found: dict[str, Any] = json.loads(bytes(answer.body))  # type: ignore[arg-type]
        return found

    expected = {
        "statusCode": 200,
        "message": "default deployment",
        "variable": "default",
        "nonExistingDefault": "",
        "nonOverridden": "default",
        "isCanary": "false",
    }
    templates = {"application/json": TEMPLATE % "canary"}
    change = [patch("replace", "/responseTemplates/application~1json", templates["application/json"])]
    await wire.made("UpdateIntegrationResponse", **response, patchOperations=change)
    overrides = {"testVar": "canary", "noStageVar": "canary"}
    part = {"percentTraffic": 0, "stageVariableOverrides": overrides}
    second = await deployment(wire, one, stageName="dev", canarySettings=part)
    assert await ask() == expected
    every = [patch("replace", "/canarySettings/percentTraffic", "100.0")]
    changed = await wire.ask("UpdateStage", **one, stageName="dev", patchOperations=every)
    canaried = canary(second, 100.0, **overrides)
    assert changed == (200, shown("dev", first, variables=variables, canarySettings=canaried))
    assert await ask() == {
        **expected,
        "message": "canary deployment",
        "variable": "canary",
        "nonExistingDefault": "canary",
        "isCanary": "true",
    }
