"""Stages, their settings, logs, caches and canaries; the deployments that they serve."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.services.apigateway import keys
from lambent.services.apigateway.model import Account, DocumentationVersion

from .rest import ACCOUNT, REGION, RestCloud, patch, refused

BAD = "BadRequestException"
LOG_GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:access"
LOG_PATHS = (
    BAD,
    "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]",
)
ACTIVE = (BAD, "Active stages pointing to this deployment must be moved or deleted")
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


class StageCloud(RestCloud):
    """An API with a method, and `deployment`."""

    deployment: str

    @classmethod
    async def deployed(cls) -> StageCloud:
        cloud = await cls.with_api()
        assert isinstance(cloud, cls)
        await cloud.mock()
        cloud.deployment = (await cloud.do("CreateDeployment"))["id"]
        return cloud

    async def stage(self, name: str = "dev", **params: Any) -> dict[str, Any]:
        given = {"stageName": name, "deploymentId": self.deployment, **params}
        return without_times(await self.do("CreateStage", **given))

    async def change(self, *patches: dict[str, str], name: str = "dev") -> dict[str, Any]:
        return without_times(await self.update("UpdateStage", *patches, stageName=name))

    def shown(self, name: str = "dev", **members: Any) -> dict[str, Any]:
        first = {"cacheClusterEnabled": False, "cacheClusterStatus": "NOT_AVAILABLE", "methodSettings": {}}
        return {**first, "deploymentId": self.deployment, "stageName": name, "tracingEnabled": False, **members}

    async def allow_logs(self) -> None:
        """Give the account the role that logs need."""
        account = Account(cloudwatch_role="arn:aws:iam::000000000000:role/logs")
        await self.store.write(lambda tx: keys.accounts.put(tx, account, ACCOUNT, REGION))


def without_times(stage: dict[str, Any]) -> dict[str, Any]:
    assert {"createdDate", "lastUpdatedDate"} <= stage.keys()
    return {name: value for name, value in stage.items() if name not in ("createdDate", "lastUpdatedDate")}


async def test_a_deployment_is_in_use_by_its_stage() -> None:
    cloud = await StageCloud.deployed()
    await cloud.do("DeleteDeployment", deploymentId=cloud.deployment)
    made = await cloud.do("CreateDeployment", stageName="s1")
    assert made.keys() == {"createdDate", "id"}
    cloud.deployment = made["id"]
    assert (await cloud.do("GetDeployments"))["items"] == [made]
    stages = (await cloud.do("GetStages"))["item"]
    assert [without_times(stage) for stage in stages] == [cloud.shown("s1")]
    assert await refused(cloud.do("DeleteDeployment", deploymentId=made["id"])) == ACTIVE
    second = await cloud.do("CreateDeployment")
    await cloud.change(patch("replace", "/deploymentId", second["id"]), name="s1")
    await cloud.do("DeleteDeployment", deploymentId=made["id"])
    assert await refused(cloud.do("DeleteDeployment", deploymentId=second["id"])) == ACTIVE
    gone = cloud.do("GetDeployment", deploymentId=made["id"])
    assert await refused(gone) == ("NotFoundException", "Invalid Deployment identifier specified")


async def test_a_deployment_is_what_the_api_was() -> None:
    cloud = await StageCloud.deployed()
    await cloud.mock(verb="POST")
    shown = await cloud.do("GetDeployment", deploymentId=cloud.deployment, embed=["apisummary"])
    assert shown["apiSummary"] == {"/": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}}
    described = await cloud.update(
        "UpdateDeployment", patch("replace", "/description", "d"), deploymentId=cloud.deployment
    )
    assert described["description"] == "d"


async def test_an_api_without_methods_or_integrations_is_not_deployed() -> None:
    cloud = await RestCloud.with_api()
    empty = (BAD, "The REST API doesn't contain any methods")
    assert await refused(cloud.do("CreateDeployment")) == empty
    await cloud.method()
    assert await refused(cloud.do("CreateDeployment")) == (BAD, "No integration defined for method")


async def test_a_stage_is_made_shown_and_deleted() -> None:
    cloud = await StageCloud.deployed()
    version = DocumentationVersion(version="v123", created_ms=0)
    await cloud.store.write(lambda tx: keys.docversions.put(tx, version, cloud.api_id, "v123"))
    made = await cloud.stage("s1", description="my stage", documentationVersion="v123")
    assert made == cloud.shown("s1", description="my stage", documentationVersion="v123")
    assert await refused(cloud.stage("s1")) == ("ConflictException", "Stage already exists")
    assert await refused(cloud.stage("s 1")) == (BAD, "Stage name only allows a-zA-Z0-9_-")
    assert await refused(cloud.stage("s2", deploymentId="nothing")) == (BAD, "Deployment id does not exist")
    await cloud.do("DeleteStage", stageName="s1")
    assert await refused(cloud.do("GetStage", stageName="s1")) == (
        "NotFoundException",
        "Invalid stage identifier specified",
    )


async def test_stages_have_a_limit() -> None:
    cloud = await StageCloud.deployed()
    for at in range(10):
        await cloud.stage(f"s{at}")
    assert (await refused(cloud.stage("s10")))[0] == "LimitExceededException"


async def test_settings_variables_and_members_change() -> None:
    cloud = await StageCloud.deployed()
    await cloud.stage("s1", description="my stage")
    for path in ("/documentation_version", "/tags/tag1"):
        refusal = (BAD, f"Invalid method setting path: {path}. Must be one of: {PATHS}")
        assert await refused(cloud.change(patch("replace", path, "v"), name="s1")) == refusal
    changed = await cloud.change(
        patch("replace", "/description", "stage new"),
        patch("replace", "/variables/var1", "test"),
        patch("replace", "/variables/var2", "test2"),
        patch("replace", "/*/*/caching/enabled", "true"),
        patch("replace", "/*/*/throttling/burstLimit", "123"),
        patch("replace", "/test/GET/throttling/burstLimit", "124"),
        patch("replace", "/tracingEnabled", "true"),
        name="s1",
    )
    expected = cloud.shown(
        "s1",
        description="stage new",
        methodSettings={
            "*/*": {**SETTINGS, "throttlingBurstLimit": 123},
            "test/GET": {**SETTINGS, "throttlingBurstLimit": 124},
        },
        tracingEnabled=True,
        variables={"var1": "test", "var2": "test2"},
    )
    assert changed == expected
    changed = await cloud.change(patch("replace", "/*/*/throttling/burstLimit", "100"), name="s1")
    expected["methodSettings"]["*/*"]["throttlingBurstLimit"] = 100
    assert changed == expected
    assert without_times(await cloud.do("GetStage", stageName="s1")) == expected
    stored = await cloud.store.read(lambda tx: keys.stages.get(tx, cloud.api_id, "s1"))
    assert stored is not None
    assert set(stored.settings) == {"*/*", "~1test/GET"}


async def test_wildcard_settings_are_removed() -> None:
    cloud = await StageCloud.deployed()
    await cloud.stage()
    missing = (BAD, "Cannot remove method setting */* because there is no method setting for this method ")
    assert await refused(cloud.change(patch("remove", "/*/*"))) == missing
    changed = await cloud.change(patch("replace", "/*/*/caching/enabled", "true"))
    assert changed == cloud.shown(methodSettings={"*/*": SETTINGS})
    assert await cloud.change(patch("remove", "/*/*")) == cloud.shown()
    changed = await cloud.change(patch("replace", "/~1books~1{id}/GET/metrics/enabled", "true"))
    assert list(changed["methodSettings"]) == ["~1books~1{id}/GET"]
    assert await cloud.change(patch("remove", "/books/{id}/GET")) == cloud.shown()


async def test_limits_that_are_none() -> None:
    cloud = await StageCloud.deployed()
    await cloud.stage()
    for name in ("burst", "rate"):
        path = f"/*/*/throttling/{name}Limit"
        for value in ("x", "-2", "nan", "9" * 30):
            refusal = (BAD, f"Invalid throttling {name} limit specified")
            assert await refused(cloud.change(patch("replace", path, value))) == refusal
        await cloud.change(patch("replace", path, "-1"))
    percent = patch("replace", "/canarySettings/percentTraffic", "101")
    assert (await refused(cloud.change(percent)))[0] == BAD


async def test_access_logs() -> None:
    cloud = await StageCloud.deployed()
    await cloud.stage(description="dev stage")
    destination, form = "/accessLogSettings/destinationArn", "/accessLogSettings/format"
    no_role = (BAD, "CloudWatch Logs role ARN must be set in account settings to enable logging")
    assert await refused(cloud.change(patch("add", destination, LOG_GROUP))) == no_role
    await cloud.allow_logs()
    base = cloud.shown(description="dev stage")
    changed = await cloud.change(patch("add", destination, LOG_GROUP))
    assert changed == {**base, "accessLogSettings": {"destinationArn": LOG_GROUP}}
    changed = await cloud.change(patch("replace", destination, f"{LOG_GROUP}a"))
    assert changed == {**base, "accessLogSettings": {"destinationArn": f"{LOG_GROUP}a"}}
    text = "$context.requestId $context.identity.sourceIp"
    changed = await cloud.change(patch("add", form, text))
    assert changed == {**base, "accessLogSettings": {"destinationArn": f"{LOG_GROUP}a", "format": text}}
    assert await cloud.change(patch("remove", "/accessLogSettings")) == base


@pytest.mark.parametrize(
    ("op", "path", "value", "expected"),
    [
        ("add", "/accessLogSettings/randomValue", "v", LOG_PATHS),
        ("replace", "/accessLogSettings/randomValue", "v", LOG_PATHS),
        ("add", "/accessLogSettings", "v", LOG_PATHS),
        ("replace", "/accessLogSettings", "v", LOG_PATHS),
        ("add", "/accessLogSettings/*", "v", LOG_PATHS),
        ("replace", "/accessLogSettings/*", "v", LOG_PATHS),
        ("remove", "randomValue", "", None),
        ("remove", "*", "", None),
        ("remove", "destinationArn", "", None),
        ("add", "/accessLogSettings/destinationArn", "", (BAD, "Access Log value must not be empty")),
        ("replace", "/accessLogSettings/format", "", (BAD, "Access Log value must not be empty")),
    ],
)
async def test_access_logs_are_refused(op: str, path: str, value: str, expected: tuple[str, str] | None) -> None:
    cloud = await StageCloud.deployed()
    await cloud.allow_logs()
    await cloud.stage()
    await cloud.change(patch("add", "/accessLogSettings/destinationArn", LOG_GROUP))
    if expected is None:
        name, path = path, f"/accessLogSettings/{path}"
        text = (
            f"Cannot remove method setting accessLogSettings/{name} because there is no method setting for this method "
        )
        expected = (BAD, text)
    assert await refused(cloud.change(patch(op, path, value))) == expected


async def test_a_cache_cluster_is_there_at_once_and_can_be_flushed() -> None:
    cloud = await StageCloud.deployed()
    made = await cloud.stage(cacheClusterEnabled=True)
    cache: dict[str, Any] = {"cacheClusterEnabled": True, "cacheClusterStatus": "AVAILABLE", "cacheClusterSize": "0.5"}
    assert made == cloud.shown(**cache)
    assert (await refused(cloud.change(patch("replace", "/cacheClusterSize", "7"))))[0] == BAD
    await cloud.do("FlushStageCache", stageName="dev")
    await cloud.do("FlushStageAuthorizersCache", stageName="dev")
    stage = await cloud.store.read(lambda tx: keys.stages.get(tx, cloud.api_id, "dev"))
    assert stage is not None
    assert (stage.cache_flushed, stage.authorizers_flushed) == (1, 1)


# -- canaries ---------------------------------------------------------------------------------------------------------


def canary(deployment: str, percent: float = 0.0, **variables: str) -> dict[str, Any]:
    shown = {"deploymentId": deployment, "percentTraffic": percent, "useStageCache": False}
    return {**shown, **({"stageVariableOverrides": variables} if variables else {})}


async def test_canaries_of_new_stages_and_deployments() -> None:
    cloud = await StageCloud.deployed()
    first = {"testVar": "default"}
    given = {"percentTraffic": 40.0, "stageVariableOverrides": {"testVar": "canary1"}}
    made = await cloud.stage("dev1", description="dev stage", variables=first, canarySettings=given)
    base = cloud.shown("dev1", description="dev stage", variables=first)
    assert made == {**base, "canarySettings": canary(cloud.deployment, 40.0, testVar="canary1")}
    settings = {"percentTraffic": 50.0, "stageVariableOverrides": {"testVar": "canary2"}}
    second = (await cloud.do("CreateDeployment", stageName="dev1", canarySettings=settings))["id"]
    stage = without_times(await cloud.do("GetStage", stageName="dev1"))
    assert stage == {**base, "canarySettings": canary(second, 50.0, testVar="canary2")}
    given = {"deploymentId": second, "percentTraffic": 60.0, "stageVariableOverrides": {"testVar": "x"}}
    made = await cloud.stage("dev2", canarySettings=given)
    assert made["canarySettings"] == canary(second, 60.0, testVar="x")
    bad = cloud.stage("dev3", canarySettings={**given, "deploymentId": "deploy"})
    assert await refused(bad) == (BAD, "Deployment id does not exist")
    assert await refused(cloud.do("DeleteDeployment", deploymentId=second)) == ACTIVE


async def test_a_canary_is_promoted() -> None:
    cloud = await StageCloud.deployed()
    variables = {"testVar": "test", "testVar2": "test2"}
    await cloud.stage(variables=variables)
    settings = {"percentTraffic": 50.0, "stageVariableOverrides": {"testVar": "override"}}
    second = (await cloud.do("CreateDeployment", stageName="dev", canarySettings=settings))["id"]
    base = cloud.shown(variables=variables)
    stage = without_times(await cloud.do("GetStage", stageName="dev"))
    assert stage == {**base, "canarySettings": canary(second, 50.0, testVar="override")}
    overrides = "/canarySettings/stageVariableOverrides"
    deployment = patch("copy", "/deploymentId", source="/canarySettings/deploymentId")
    values = patch("copy", "/variables", source=overrides)
    wrong = await refused(cloud.change(patch("copy", overrides, source="/variables")))
    assert wrong == (
        BAD,
        f"Invalid copy operation with path: {overrides} and from /variables. Valid copy:path are [/deploymentId, "
        f"/variables] and valid copy:from are [/canarySettings/deploymentId, {overrides}]",
    )
    assert await cloud.change(patch("remove", "/canarySettings")) == base
    no_canary = (BAD, "Promotion not available. Canary does not exist.")
    assert await refused(cloud.change(deployment, values)) == no_canary
    restored = patch("replace", "/canarySettings/deploymentId", cloud.deployment)
    changed = await cloud.change(restored, deployment, values)
    assert changed == {**base, "canarySettings": canary(cloud.deployment)}
    changed = await cloud.change(
        patch("replace", "/canarySettings/deploymentId", second),
        patch("replace", f"{overrides}/testVar", "override"),
        deployment,
        values,
    )
    promoted = {"deploymentId": second, "variables": {**variables, "testVar": "override"}}
    assert changed == {**base, **promoted, "canarySettings": canary(second, testVar="override")}
