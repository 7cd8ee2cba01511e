"""AWS::ApiGateway::UsagePlan, UsagePlanKey and ApiKey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .apigateway_base import (
    CONFLICT,
    NOT_FOUND,
    SERVICE,
    escape,
    listed,
    lower,
    made,
    members,
    params,
    patched,
    patches,
    put_tags,
    refuse,
    replaced,
    tagged,
)
from .base import Handler, HandlerFailed, Physical, Work, all_tags


class ApiKey(Handler):
    """AWS::ApiGateway::ApiKey."""

    name_property = "Name"
    _PLAIN: Final[Mapping[str, Any]] = {"CustomerId": "", "Description": "", "Enabled": False}
    _BUILT: Final = (*_PLAIN, "GenerateDistinctId", "Name", "StageKeys", "Tags", "Value")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the key."""
        refuse(work, properties, self._BUILT)
        name = properties.get("Name") or work.name(1024)
        given = params(properties, *self._PLAIN, "GenerateDistinctId", "Value") | tagged(work, properties)
        given |= {"name": name, "stageKeys": members(properties.get("StageKeys", []))}

        async def found() -> Any:
            for one in await listed(work, "GetApiKeys", nameQuery=name):
                if one.get("name") == name and work.ours(one["createdDate"]):
                    return one
            return None

        if not work.physical_id:
            await made(work, "CreateApiKey", given, "id", found)
        return Physical(work.physical_id, {"APIKeyId": work.physical_id})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set what differs."""
        refuse(work, new, self._BUILT)
        if old.get("StageKeys") != new.get("StageKeys"):
            raise HandlerFailed("Lambent has not built the update of StageKeys of AWS::ApiGateway::ApiKey yet.")
        await patched(work, "UpdateApiKey", patches(old, new, self._PLAIN), apiKey=physical.id)
        await put_tags(work, f"/apikeys/{physical.id}", old, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the key."""
        await work.attempt(NOT_FOUND, SERVICE, "DeleteApiKey", apiKey=physical.id)


def _stages(properties: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A plan's stages as `api:stage`, each with its limits by method."""
    return {f"{one['ApiId']}:{one['Stage']}": one.get("Throttle") or {} for one in properties.get("ApiStages", [])}


def _limits(path: str, given: Mapping[str, Any]) -> list[dict[str, str]]:
    return [replaced(f"{path}/{lower(name)}", value) for name, value in given.items()]


def _stage_patches(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    before, after = _stages(old), _stages(new)
    found = [{"op": "remove", "path": "/apiStages", "value": name} for name in before if name not in after]
    for name, methods in after.items():
        if name not in before:
            found.append({"op": "add", "path": "/apiStages", "value": name})
        there = before.get(name, {})
        for method in there.keys() - methods.keys():
            found.append({"op": "remove", "path": f"/apiStages/{name}/throttle/{escape(method)}"})
        for method, limits in methods.items():
            if there.get(method) != limits:
                found += _limits(f"/apiStages/{name}/throttle/{escape(method)}", limits)
    return found


class UsagePlan(Handler):
    """AWS::ApiGateway::UsagePlan."""

    name_property = "UsagePlanName"
    _BUILT: Final = ("ApiStages", "Description", "Quota", "Tags", "Throttle", "UsagePlanName")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the plan."""
        refuse(work, properties, self._BUILT)
        name = properties.get("UsagePlanName") or work.name(255)
        given = {"name": name, **params(properties, "Description"), **tagged(work, properties)}
        given |= {lower(key): members(properties[key]) for key in ("Quota", "Throttle") if key in properties}
        given["apiStages"] = [self._stage(one) for one in properties.get("ApiStages", [])]

        async def found() -> Any:
            # A plan keeps no time of creation. After a crash, one that says all that we said is taken to be ours.
            tags, description = all_tags(work, properties), properties.get("Description")
            for one in await listed(work, "GetUsagePlans"):
                same = one["name"] == name and one.get("description") == description and one.get("tags", {}) == tags
                if same and one.get("apiStages", []) == given["apiStages"]:
                    return one
            return None

        if not work.physical_id:
            await made(work, "CreateUsagePlan", given, "id", found)
        return Physical(work.physical_id, {"Id": work.physical_id})

    def _stage(self, one: Mapping[str, Any]) -> dict[str, Any]:
        found = params(one, "ApiId", "Stage")
        if one.get("Throttle"):
            found["throttle"] = {method: members(limits) for method, limits in one["Throttle"].items()}
        return found

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Set what differs."""
        refuse(work, new, self._BUILT)
        wanted = patches(old, new, {"Description": ""})
        if new.get("UsagePlanName") and old.get("UsagePlanName") != new["UsagePlanName"]:
            wanted.append(replaced("/name", new["UsagePlanName"]))
        for name in ("Quota", "Throttle"):
            before, after = old.get(name) or {}, new.get(name) or {}
            if before.keys() - after.keys():
                wanted.append({"op": "remove", "path": f"/{lower(name)}"})
                before = {}
            wanted += _limits(f"/{lower(name)}", {key: v for key, v in after.items() if before.get(key) != v})
        wanted += _stage_patches(old, new)
        await patched(work, "UpdateUsagePlan", wanted, usagePlanId=physical.id)
        await put_tags(work, f"/usageplans/{physical.id}", old, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the plan, which must cover no stage for that."""
        plan = await work.attempt(NOT_FOUND, SERVICE, "GetUsagePlan", usagePlanId=physical.id)
        if plan is None:
            return
        wanted = [
            {"op": "remove", "path": "/apiStages", "value": f"{one['apiId']}:{one['stage']}"}
            for one in plan.get("apiStages", [])
        ]
        await patched(work, "UpdateUsagePlan", wanted, usagePlanId=physical.id)
        await work.attempt(NOT_FOUND, SERVICE, "DeleteUsagePlan", usagePlanId=physical.id)


class UsagePlanKey(Handler):
    """AWS::ApiGateway::UsagePlanKey. Its id is the key's and the plan's."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Have the key belong to the plan."""
        id = f"{properties['KeyId']}:{properties['UsagePlanId']}"
        try:
            await work.call(SERVICE, "CreateUsagePlanKey", **params(properties, "KeyId", "KeyType", "UsagePlanId"))
        except ServiceError as error:
            if error.code != CONFLICT or not work.resumed:
                raise
        await work.made(id)
        return Physical(id, {"Id": id})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Have it belong no more."""
        where = params(properties, "KeyId", "UsagePlanId")
        await work.attempt(NOT_FOUND, SERVICE, "DeleteUsagePlanKey", **where)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::ApiGateway::ApiKey": ApiKey(),
    "AWS::ApiGateway::UsagePlan": UsagePlan(),
    "AWS::ApiGateway::UsagePlanKey": UsagePlanKey(),
}
