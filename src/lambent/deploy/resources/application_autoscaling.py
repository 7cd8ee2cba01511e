"""AWS::ApplicationAutoScaling::ScalableTarget and AWS::ApplicationAutoScaling::ScalingPolicy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .base import Handler, HandlerFailed, Physical, Work

_SERVICE: Final = "application-autoscaling"
_GONE: Final = ("ObjectNotFoundException",)
_WHERE: Final = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_TARGET: Final = {*_WHERE, "MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState", "ScheduledActions"}
_POLICY: Final = {
    *_WHERE,
    "PolicyName",
    "PolicyType",
    "ScalingTargetId",
    "TargetTrackingScalingPolicyConfiguration",
    "StepScalingPolicyConfiguration",
}


def _refuse(work: Work, properties: dict[str, Any], built: set[str]) -> None:
    for name in properties.keys() - built:
        raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")


class ScalableTarget(Handler):
    """AWS::ApplicationAutoScaling::ScalableTarget; its id is `resource|dimension|namespace`."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Register it with its scheduled actions."""
        return await self._put(work, properties, [])

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change its bounds, suspensions and scheduled actions."""
        return await self._put(work, new, old.get("ScheduledActions", []))

    async def _put(self, work: Work, properties: dict[str, Any], before: list[dict[str, Any]]) -> Physical:
        _refuse(work, properties, _TARGET)
        where = {name: properties[name] for name in _WHERE}
        given = ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState")
        bounds = {name: properties[name] for name in given if name in properties}
        await work.call(_SERVICE, "RegisterScalableTarget", **where, **bounds)
        physical_id = f"{where['ResourceId']}|{where['ScalableDimension']}|{where['ServiceNamespace']}"
        await work.made(physical_id)
        actions = properties.get("ScheduledActions", [])
        kept = {action["ScheduledActionName"] for action in actions}
        for action in before:
            name = action["ScheduledActionName"]
            if name not in kept:
                await work.attempt(_GONE, _SERVICE, "DeleteScheduledAction", **where, ScheduledActionName=name)
        for action in actions:
            times = {name: _time(action[name]) for name in ("StartTime", "EndTime") if name in action}
            await work.call(_SERVICE, "PutScheduledAction", **where, **{**action, **times})
        return Physical(physical_id, {"Id": physical_id})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Deregister it."""
        resource, dimension, namespace = physical.id.split("|")
        where = {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
        await work.attempt(_GONE, _SERVICE, "DeregisterScalableTarget", **where)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class ScalingPolicy(Handler):
    """AWS::ApplicationAutoScaling::ScalingPolicy; its id is its ARN."""

    name_property = "PolicyName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make it."""
        return await self._put(work, properties)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change its configuration."""
        return await self._put(work, new)

    async def _put(self, work: Work, properties: dict[str, Any]) -> Physical:
        _refuse(work, properties, _POLICY)
        given = {name: properties[name] for name in _POLICY - {"ScalingTargetId", *_WHERE} if name in properties}
        answer = await work.call(_SERVICE, "PutScalingPolicy", **_where(properties), **given)
        arn = answer["PolicyARN"]
        await work.made(arn)
        return Physical(arn, {"Arn": arn})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Remove it."""
        name = properties["PolicyName"]
        await work.attempt(_GONE, _SERVICE, "DeleteScalingPolicy", **_where(properties), PolicyName=name)


def _where(properties: dict[str, Any]) -> dict[str, str]:
    """The target of a policy: named by its id, or by its parts."""
    if "ScalingTargetId" in properties:
        resource, dimension, namespace = properties["ScalingTargetId"].split("|")
        return {"ResourceId": resource, "ScalableDimension": dimension, "ServiceNamespace": namespace}
    return {name: properties[name] for name in _WHERE}


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ScalableTarget(),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ScalingPolicy(),
}
