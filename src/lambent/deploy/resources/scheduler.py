"""AWS::Scheduler::Schedule and AWS::Scheduler::ScheduleGroup."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .base import Handler, HandlerFailed, Physical, Work, chosen, tag_changes, tag_list, whole

_NOT_FOUND: Final = ("ResourceNotFoundException",)
_CONFLICT: Final = "ConflictException"
_SCHEDULE: Final = (
    "ActionAfterCompletion",
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
)


def _params(work: Work, properties: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(properties.keys() - {*_SCHEDULE, "Name"}):
        raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")
    params: dict[str, Any] = whole(chosen(properties, *_SCHEDULE))
    for name in ("StartDate", "EndDate"):
        if name in params:
            params[name] = _time(params[name])
    return params


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise HandlerFailed(f"{text} is not a time.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


class Schedule(Handler):
    """AWS::Scheduler::Schedule. Its id is its name."""

    name_property = "Name"

    def replaces(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """A schedule does not move between groups."""
        return bool(old.get("GroupName", "default") != new.get("GroupName", "default"))

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the schedule; the token recognises what an earlier try has made."""
        name = work.physical_id or properties.get("Name") or work.name(64)
        params = {**_params(work, properties), "ClientToken": work.token[:64]}
        made = await work.call("scheduler", "CreateSchedule", Name=name, **params)
        await work.made(name)
        return Physical(name, {"Arn": made["ScheduleArn"]})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Say everything anew."""
        made = await work.call("scheduler", "UpdateSchedule", Name=physical.id, **_params(work, new))
        return Physical(physical.id, {"Arn": made["ScheduleArn"]})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the schedule."""
        where = {"Name": physical.id, **chosen(properties, "GroupName")}
        await work.attempt(_NOT_FOUND, "scheduler", "DeleteSchedule", **where)


class ScheduleGroup(Handler):
    """AWS::Scheduler::ScheduleGroup. Its id is its name."""

    name_property = "Name"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the group."""
        name = work.physical_id or properties.get("Name") or work.name(64)
        tags = tag_list(work, properties)
        more = {"Tags": tags} if tags else {}
        try:
            await work.call("scheduler", "CreateScheduleGroup", Name=name, ClientToken=work.token[:64], **more)
        except ServiceError as error:
            if error.code != _CONFLICT or not work.physical_id:
                raise
        await work.made(name)
        return await self._physical(work, name)

    async def _physical(self, work: Work, name: str) -> Physical:
        found = await work.call("scheduler", "GetScheduleGroup", Name=name)
        times = {key: found[key].isoformat() for key in ("CreationDate", "LastModificationDate")}
        return Physical(name, {"Arn": found["Arn"], "State": found["State"], **times})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change its tags."""
        group = physical.attributes["Arn"]
        removed, added = tag_changes(work, old, new)
        if removed:
            await work.call("scheduler", "UntagResource", ResourceArn=group, TagKeys=removed)
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            await work.call("scheduler", "TagResource", ResourceArn=group, Tags=tags)
        return await self._physical(work, physical.id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the group; its schedules go with it."""
        await work.attempt(_NOT_FOUND, "scheduler", "DeleteScheduleGroup", Name=physical.id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::Scheduler::Schedule": Schedule(),
    "AWS::Scheduler::ScheduleGroup": ScheduleGroup(),
}
