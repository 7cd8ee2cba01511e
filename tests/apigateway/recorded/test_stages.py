"""Deployments, stages and canaries as AWS was recorded to answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.execute.rest.making import role

from .wire import Answer, Like, Of, Wire, bad, patch

WHEN = Of(datetime)
ID = Like("[a-z0-9]{6}")
IN_USE = bad("Active stages pointing to this deployment must be moved or deleted")


def shown(name: str, deployment: str, **more: Any) -> dict[str, Any]:
    """A stage as answers show it."""
    return {
        "stageName": name,
        "deploymentId": deployment,
        "cacheClusterEnabled": False,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": False,
        "createdDate": WHEN,
        "lastUpdatedDate": WHEN,
        **more,
    }


async def api(wire: Wire) -> dict[str, str]:
    """Where a new API is, with a mock at its root."""
    made = await wire.made("CreateRestApi", name="books")
    where = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
    await wire.made("PutMethod", **where, authorizationType="NONE")
    await wire.made("PutIntegration", **where, type="MOCK")
    return {"restApiId": made["id"]}


async def deployment(wire: Wire, where: dict[str, str], **params: Any) -> str:
    status, made = await wire.ask("CreateDeployment", **where, **params)
    assert (status, made) == (201, {"id": ID, "createdDate": WHEN})
    found: str = made["id"]
    return found


@pytest.mark.recorded("TestDeployments::test_create_delete_deployments[True]")
@pytest.mark.recorded("TestDeployments::test_create_delete_deployments[False]")
@pytest.mark.parametrize("manual", [True, False])
async def test_deployments_in_use_stay(manual: bool) -> None:
    wire = Wire()
    where = await api(wire)

    async def make() -> str:
        if not manual:
            return await deployment(wire, where, stageName="s1")
        made = await deployment(wire, where)
        await wire.made("CreateStage", **where, stageName="s1", deploymentId=made)
        return made

    made = await make()
    assert await wire.ask("GetDeployment", **where, deploymentId=made) == (200, {"id": made, "createdDate": WHEN})
    for _ in range(3):
        assert await wire.ask("GetStages", **where) == (200, {"item": [shown("s1", made)]})
        deployed = {"id": made, "createdDate": WHEN}
        assert await wire.ask("GetDeployments", **where) == (200, {"items": [deployed]})
        assert await wire.ask("DeleteDeployment", **where, deploymentId=made) == IN_USE
        await wire.made("DeleteStage", **where, stageName="s1")
        await wire.made("DeleteDeployment", **where, deploymentId=made)
        made = await make()


@pytest.mark.recorded("TestDeployments::test_create_update_deployments")
async def test_a_stage_moves_to_another_deployment() -> None:
    wire = Wire()
    where = await api(wire)
    first = await deployment(wire, where)
    await wire.made("CreateStage", **where, stageName="s1", deploymentId=first)
    one = {"id": first, "createdDate": WHEN}
    assert await wire.ask("GetDeployment", **where, deploymentId=first) == (200, one)
    assert await wire.ask("GetStages", **where) == (200, {"item": [shown("s1", first)]})
    assert await wire.ask("DeleteDeployment", **where, deploymentId=first) == IN_USE
    second = await deployment(wire, where, stageName="s1")
    other = {"id": second, "createdDate": WHEN}
    assert await wire.ask("GetDeployment", **where, deploymentId=second) == (200, other)
    assert await wire.ask("GetDeployment", **where, deploymentId=first) == (200, one)
    assert await wire.ask("GetStages", **where) == (200, {"item": [shown("s1", second)]})
    assert await wire.ask("DeleteDeployment", **where, deploymentId=first) == (202, {})
    assert await wire.ask("DeleteDeployment", **where, deploymentId=second) == IN_USE


PATHS = (
    "[/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, "
    "/accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, "
    "/{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, "
    "/{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit"
    "/{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, "
    "/{resourcePath}/{httpMethod}/caching/dataEncrypted, "
    "/{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, "
    "/{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, "
    "/*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit "
    "/*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, "
    "/*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, "
    "/variables/{variable_name}, /tracingEnabled]"
)
SETTINGS = {
    "cacheDataEncrypted": False,
    "cacheTtlInSeconds": 300,
    "cachingEnabled": True,
    "dataTraceEnabled": False,
    "metricsEnabled": False,
    "requireAuthorizationForCacheControl": True,
    "throttlingBurstLimit": 5000,
    "throttlingRateLimit": 10000.0,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}


async def documented(wire: Wire) -> tuple[dict[str, str], str]:
    """Where a new stage is, and its deployment."""
    where = await api(wire)
    made = await deployment(wire, where)
    part = {"location": {"type": "API"}, "properties": "{}"}
    await wire.made("CreateDocumentationPart", **where, **part)
    await wire.made("CreateDocumentationVersion", **where, documentationVersion="v123")
    stage = {**where, "stageName": "s1"}
    described = {"description": "my stage", "documentationVersion": "v123"}
    answer = await wire.ask("CreateStage", **stage, deploymentId=made, **described)
    assert answer == (201, shown("s1", made, **described))
    return stage, made


@pytest.mark.recorded("TestStages::test_create_update_stages")
async def test_a_stage_changes() -> None:
    wire = Wire()
    stage, made = await documented(wire)

    async def update(*patches: dict[str, str]) -> Answer:
        return await wire.ask("UpdateStage", **stage, patchOperations=list(patches))

    for path in ("/documentation_version", "/tags/tag1"):
        wrong = bad(f"Invalid method setting path: {path}. Must be one of: {PATHS}")
        assert await update(patch("replace", path, "value")) == wrong
    expected = shown(
        "s1",
        made,
        description="stage new",
        documentationVersion="v123",
        tracingEnabled=True,
        variables={"var1": "test", "var2": "test2"},
        methodSettings={
            "*/*": {**SETTINGS, "throttlingBurstLimit": 123},
            "test/GET": {**SETTINGS, "throttlingBurstLimit": 124},
        },
    )
    assert await update(
        patch("replace", "/description", "stage new"),
        patch("replace", "/variables/var1", "test"),
        patch("replace", "/variables/var2", "test2"),
        patch("replace", "/*/*/throttling/burstLimit", "123"),
        patch("replace", "/*/*/caching/enabled", "true"),
        patch("replace", "/tracingEnabled", "true"),
        patch("replace", "/test/GET/throttling/burstLimit", "124"),
    ) == (200, expected)
    assert await wire.ask("GetStage", **stage) == (200, expected)
    expected["methodSettings"]["*/*"]["throttlingBurstLimit"] = 100
    assert await update(patch("replace", "/*/*/throttling/burstLimit", "100")) == (200, expected)


@pytest.mark.recorded("TestStages::test_update_stage_remove_wildcard")
async def test_settings_of_all_methods_are_removed() -> None:
    wire = Wire()
    stage, made = await documented(wire)
    plain = (200, shown("s1", made, description="my stage", documentationVersion="v123"))
    assert await wire.ask("GetStage", **stage) == plain
    remove = [patch("remove", "/*/*")]
    assert await wire.ask("UpdateStage", **stage, patchOperations=remove) == bad(
        "Cannot remove method setting */* because there is no method setting for this method "
    )
    caching = [patch("replace", "/*/*/caching/enabled", "true")]
    set_once = (200, {**plain[1], "methodSettings": {"*/*": SETTINGS}})
    assert await wire.ask("UpdateStage", **stage, patchOperations=caching) == set_once
    assert await wire.ask("UpdateStage", **stage, patchOperations=remove) == plain
    assert await wire.ask("GetStage", **stage) == plain


GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:books"
NO_LOG_PATH = bad(
    "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]"
)
LOG = "/accessLogSettings"


async def logged(wire: Wire) -> tuple[dict[str, str], dict[str, Any]]:
    """Where a new stage is, and what it is shown as; the account has a role that writes logs."""
    change = [patch("replace", "/cloudwatchRoleArn", await role(wire.cloud))]
    await wire.made("UpdateAccount", patchOperations=change)
    where = await api(wire)
    made = await deployment(wire, where)
    stage, described = {**where, "stageName": "dev"}, {"description": "dev stage"}
    plain = shown("dev", made, **described)
    assert await wire.ask("CreateStage", **stage, deploymentId=made, **described) == (201, plain)
    return stage, plain


@pytest.mark.recorded("TestApiGatewayStage::test_stage_access_log_settings")
async def test_access_logs() -> None:
    wire = Wire()
    stage, plain = await logged(wire)
    line = "$context.requestId $context.identity.sourceIp"
    for operation, log in (
        (patch("add", f"{LOG}/destinationArn", GROUP), {"destinationArn": GROUP}),
        (patch("replace", f"{LOG}/destinationArn", f"{GROUP}a"), {"destinationArn": f"{GROUP}a"}),
        (patch("add", f"{LOG}/format", line), {"destinationArn": f"{GROUP}a", "format": line}),
    ):
        changed = (200, {**plain, "accessLogSettings": log})
        assert await wire.ask("UpdateStage", **stage, patchOperations=[operation]) == changed
    assert await wire.ask("UpdateStage", **stage, patchOperations=[patch("remove", LOG)]) == (200, plain)


def unset(path: str) -> Answer:
    return bad(f"Cannot remove method setting {path} because there is no method setting for this method ")


@pytest.mark.recorded("TestApiGatewayStage::test_stage_access_log_settings_validation")
@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (patch("add", f"{LOG}/randomValue", "x"), NO_LOG_PATH),
        (patch("replace", f"{LOG}/randomValue", "x"), NO_LOG_PATH),
        (patch("remove", f"{LOG}/randomValue"), unset("accessLogSettings/randomValue")),
        (patch("add", LOG, "x"), NO_LOG_PATH),
        (patch("replace", LOG, "x"), NO_LOG_PATH),
        (patch("add", f"{LOG}/*", "x"), NO_LOG_PATH),
        (patch("replace", f"{LOG}/*", "x"), NO_LOG_PATH),
        (patch("remove", f"{LOG}/*"), unset("accessLogSettings/*")),
        (patch("remove", f"{LOG}/destinationArn"), unset("accessLogSettings/destinationArn")),
        (patch("add", f"{LOG}/destinationArn", ""), bad("Access Log value must not be empty")),
        (patch("add", f"{LOG}/format", ""), bad("Access Log value must not be empty")),
    ],
)
async def test_access_logs_that_cannot_be(operation: dict[str, str], expected: Answer) -> None:
    wire = Wire()
    stage, plain = await logged(wire)
    assert await wire.ask("UpdateStage", **stage, patchOperations=[operation]) == expected
    add = [patch("add", f"{LOG}/destinationArn", GROUP)]
    changed = (200, {**plain, "accessLogSettings": {"destinationArn": GROUP}})
    assert await wire.ask("UpdateStage", **stage, patchOperations=add) == changed
    assert await wire.ask("UpdateStage", **stage, patchOperations=[operation]) == expected
