"""AWS::ApiGateway::Deployment and AWS::ApiGateway::Stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .apigateway_base import (
    CONFLICT,
    NOT_FOUND,
    SERVICE,
    listed,
    made,
    map_patches,
    params,
    patched,
    put_tags,
    refuse,
    replaced,
    tagged,
    texts,
)
from .base import Handler, Physical, Work

_PLAIN: Final[Mapping[str, tuple[str, Any]]] = {
    "CacheClusterEnabled": ("/cacheClusterEnabled", False),
    "CacheClusterSize": ("/cacheClusterSize", None),
    "ClientCertificateId": ("/clientCertificateId", ""),
    "DeploymentId": ("/deploymentId", None),
    "Description": ("/description", ""),
    "DocumentationVersion": ("/documentationVersion", ""),
    "TracingEnabled": ("/tracingEnabled", False),
}
"""Properties of a stage: the path of each, and what it is set to when the template no longer says it."""
_SETTINGS: Final[Mapping[str, str]] = {
    "CacheDataEncrypted": "caching/dataEncrypted",
    "CacheTtlInSeconds": "caching/ttlInSeconds",
    "CachingEnabled": "caching/enabled",
    "DataTraceEnabled": "logging/dataTrace",
    "LoggingLevel": "logging/loglevel",
    "MetricsEnabled": "metrics/enabled",
    "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit",
}
_CANARY: Final[Mapping[str, str]] = {
    "DeploymentId": "deploymentId",
    "PercentTraffic": "percentTraffic",
    "UseStageCache": "useStageCache",
}
_DEPLOYED: Final = frozenset(("CacheClusterEnabled", "CacheClusterSize", "Description", "TracingEnabled", "Variables"))
"""What of a stage CreateDeployment sets."""
_STAGE: Final = (*_PLAIN, "AccessLogSetting", "CanarySetting", "MethodSettings", "Tags", "Variables")


def _settings(properties: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings by method path (`*/*`, `~1books/GET`); a StageDescription's own are those of all methods."""
    found: dict[str, dict[str, Any]] = {}
    everywhere = {name: properties[name] for name in _SETTINGS if name in properties}
    if everywhere:
        found["*/*"] = everywhere
    for one in properties.get("MethodSettings", []):
        resource = one.get("ResourcePath", "/*").removeprefix("/") or "~1"
        path = f"{resource}/{one.get('HttpMethod', '*')}"
        found[path] = found.get(path, {}) | {name: one[name] for name in _SETTINGS if name in one}
    return found


def _setting_patches(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    before, after = _settings(old), _settings(new)
    found = []
    for path in before:
        # A setting that is no longer said has no patch of its own: the path's settings go, and come back.
        if before[path].keys() - after.get(path, {}).keys():
            found.append({"op": "remove", "path": f"/{path}"})
            before[path] = {}
    for path, settings in after.items():
        for name, value in settings.items():
            if before.get(path, {}).get(name) != value:
                found.append(replaced(f"/{path}/{_SETTINGS[name]}", value))
    return found


def _log_patches(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    before, after = old.get("AccessLogSetting") or {}, new.get("AccessLogSetting") or {}
    if before and not after:
        return [{"op": "remove", "path": "/accessLogSettings"}]
    names = {"DestinationArn": "destinationArn", "Format": "format"}
    changed = [name for name in names if name in after and after[name] != before.get(name)]
    return [replaced(f"/accessLogSettings/{names[name]}", after[name]) for name in changed]


def _canary_patches(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    before, after = old.get("CanarySetting") or {}, new.get("CanarySetting") or {}
    if before and not after:
        return [{"op": "remove", "path": "/canarySettings"}]
    found = [
        replaced(f"/canarySettings/{path}", after[name])
        for name, path in _CANARY.items()
        if name in after and after[name] != before.get(name)
    ]
    if before and after and "DeploymentId" not in after and old.get("DeploymentId") != new.get("DeploymentId"):
        # A canary of no deployment of its own goes with the stage: the old one is about to be deleted.
        found.append(replaced("/canarySettings/deploymentId", new["DeploymentId"]))
    overrides = "StageVariableOverrides"
    path = "/canarySettings/stageVariableOverrides"
    return found + map_patches(path, before.get(overrides) or {}, after.get(overrides) or {})


def _stage_patches(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    """What turns a stage of the properties `old` into one of `new`."""
    found = []
    for name, (path, default) in _PLAIN.items():
        value = new.get(name, default)
        if old.get(name, default) != value and value is not None:
            found.append(replaced(path, value))
    found += map_patches("/variables", old.get("Variables") or {}, new.get("Variables") or {})
    return found + _log_patches(old, new) + _canary_patches(old, new) + _setting_patches(old, new)


async def _patch(work: Work, api: str, stage: str, wanted: list[dict[str, str]]) -> None:
    await patched(work, "UpdateStage", wanted, restApiId=api, stageName=stage)


def _canary(given: Mapping[str, Any]) -> dict[str, Any]:
    found = params(given, "PercentTraffic", "UseStageCache")
    overrides = given.get("StageVariableOverrides")
    return found | ({"stageVariableOverrides": texts(overrides)} if overrides else {})


def _created(work: Work, properties: Mapping[str, Any]) -> dict[str, Any]:
    """What of a stage's properties CreateStage takes."""
    names = ("CacheClusterEnabled", "CacheClusterSize", "Description", "DocumentationVersion", "TracingEnabled")
    given = params(properties, *names)
    if properties.get("Variables"):
        given["variables"] = texts(properties["Variables"])
    return given


class Stage(Handler):
    """AWS::ApiGateway::Stage. Its id is its name."""

    name_property = "StageName"
    _BUILT: Final = (*_STAGE, "RestApiId", "StageName")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the stage, then set what can only be set on one that is there."""
        refuse(work, properties, self._BUILT)
        api, name = properties["RestApiId"], properties.get("StageName") or "default"
        given = _created(work, properties) | params(properties, "RestApiId", "DeploymentId") | {"stageName": name}
        if not work.physical_id:
            where = {"restApiId": api, "stageName": name}

            async def found() -> Any:
                stage = await work.attempt(NOT_FOUND, SERVICE, "GetStage", **where)
                return stage if stage is not None and work.ours(stage["createdDate"]) else None

            await made(work, "CreateStage", given | tagged(work, properties), "stageName", found)
        made_of = {key: value for key, value in properties.items() if key in _PLAIN or key == "Variables"}
        made_of.pop("ClientCertificateId", None)
        await _patch(work, api, name, _stage_patches(made_of, properties))
        return Physical(name)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Serve another deployment, and whatever else differs."""
        refuse(work, new, self._BUILT)
        await _patch(work, new["RestApiId"], physical.id, _stage_patches(old, new))
        await put_tags(work, f"/restapis/{new['RestApiId']}/stages/{physical.id}", old, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the stage."""
        where = {"restApiId": properties["RestApiId"], "stageName": physical.id}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteStage", **where)


class Deployment(Handler):
    """AWS::ApiGateway::Deployment, with the stage that it may name."""

    _BUILT: Final = ("DeploymentCanarySettings", "Description", "RestApiId", "StageDescription", "StageName")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Deploy the API as it is now."""
        refuse(work, properties, self._BUILT)
        stage = self._stage(work, properties)
        api, name = properties["RestApiId"], properties.get("StageName")
        if not work.physical_id:
            given = self._staged(work, stage) if name else {}
            given |= params(properties, "RestApiId", "Description", "StageName")
            if "DeploymentCanarySettings" in properties:
                given["canarySettings"] = _canary(properties["DeploymentCanarySettings"])
            await made(work, "CreateDeployment", given, "id", lambda: self._left(work, api, properties))
        if name:
            told = {key: value for key, value in stage.items() if key in _DEPLOYED}
            await _patch(work, api, name, _stage_patches(told, stage))
        return self._physical(work.physical_id)

    def _stage(self, work: Work, properties: Mapping[str, Any]) -> dict[str, Any]:
        stage = dict(properties.get("StageDescription") or {})
        refuse(work, {f"StageDescription.{name}": None for name in stage.keys() - {*_STAGE, *_SETTINGS}}, ())
        return stage

    def _staged(self, work: Work, stage: Mapping[str, Any]) -> dict[str, Any]:
        """What of a stage CreateDeployment takes."""
        given = _created(work, stage)
        given.pop("documentationVersion", None)
        if "description" in given:
            given["stageDescription"] = given.pop("description")
        return given

    def _physical(self, id: str) -> Physical:
        return Physical(id, {"DeploymentId": id})

    async def _left(self, work: Work, api: str, properties: Mapping[str, Any]) -> Any:
        """The deployment that an earlier try made; only this operation deploys this API with this description."""
        for one in await listed(work, "GetDeployments", restApiId=api):
            if work.ours(one["createdDate"]) and one.get("description") == properties.get("Description"):
                return one
        return None

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Describe it otherwise, and change its stage. The deployment itself never changes."""
        refuse(work, new, self._BUILT)
        api, stage = new["RestApiId"], self._stage(work, new)
        if old.get("Description") != new.get("Description"):
            wanted = [replaced("/description", new.get("Description", ""))]
            where = {"restApiId": api, "deploymentId": physical.id}
            await work.call(SERVICE, "UpdateDeployment", patchOperations=wanted, **where)
        before, after = old.get("StageName"), new.get("StageName")
        if after and after != before:
            given = {"restApiId": api, "stageName": after, "deploymentId": physical.id}
            try:
                await work.call(SERVICE, "CreateStage", **given, **_created(work, stage))
            except ServiceError as error:
                if error.code != CONFLICT:
                    raise
                await _patch(work, api, after, [replaced("/deploymentId", physical.id)])
            await _patch(work, api, after, _stage_patches({}, stage))
        elif after:
            await _patch(work, api, after, _stage_patches(self._stage(work, old), stage))
        if before and before != after:
            await self._delete_stage(work, api, before, physical.id)
        return physical

    async def _delete_stage(self, work: Work, api: str, name: str, deployment: str) -> None:
        """Delete the stage that this deployment made, unless it serves another one by now."""
        stage = await work.attempt(NOT_FOUND, SERVICE, "GetStage", restApiId=api, stageName=name)
        if stage is not None and stage["deploymentId"] == deployment:
            await work.attempt(NOT_FOUND, SERVICE, "DeleteStage", restApiId=api, stageName=name)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the deployment, and its stage if that still serves it."""
        api = properties["RestApiId"]
        if properties.get("StageName"):
            await self._delete_stage(work, api, properties["StageName"], physical.id)
        where = {"restApiId": api, "deploymentId": physical.id}
        await work.attempt(NOT_FOUND, SERVICE, "DeleteDeployment", **where)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::ApiGateway::Deployment": Deployment(),
    "AWS::ApiGateway::Stage": Stage(),
}
