"""AWS::Pipes::Pipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .base import Handler, HandlerFailed, Physical, Work, chosen, whole

_NOT_FOUND: Final = ("NotFoundException",)
_CONFLICT: Final = "ConflictException"
_CHANGEABLE: Final = (
    "Description",
    "DesiredState",
    "Enrichment",
    "EnrichmentParameters",
    "LogConfiguration",
    "RoleArn",
    "SourceParameters",
    "Target",
    "TargetParameters",
)
_DEFAULTS: Final[Mapping[str, Any]] = {
    "Description": "",
    "DesiredState": "RUNNING",
    "Enrichment": "",
    "EnrichmentParameters": {},
    "TargetParameters": {},
}
"""What a property is set to when a template no longer says it."""
_KINDS: Final = ("DynamoDBStreamParameters", "SqsQueueParameters")
_TRIES: Final = 30
_PAUSE_MS: Final = 1000


def _params(work: Work, properties: dict[str, Any]) -> dict[str, Any]:
    for name in sorted(properties.keys() - {*_CHANGEABLE, "Name", "Source", "Tags"}):
        raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")
    found: dict[str, Any] = whole(chosen(properties, *_CHANGEABLE))
    return found


def _tags(work: Work, properties: dict[str, Any]) -> dict[str, str]:
    return {**work.tags, **properties.get("Tags", {})}


class Pipe(Handler):
    """AWS::Pipes::Pipe. Its id is its name."""

    name_property = "Name"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the pipe."""
        name = work.physical_id or properties.get("Name") or work.name(64)
        tags = _tags(work, properties)
        params = {**_params(work, properties), **({"Tags": tags} if tags else {})}
        try:
            await work.call("pipes", "CreatePipe", Name=name, Source=properties["Source"], **params)
        except ServiceError as error:
            if error.code != _CONFLICT:
                raise
            known = await work.call("pipes", "DescribePipe", Name=name)
            if not work.ours(known.get("CreationTime")):
                raise
        await work.made(name)
        return await self._physical(work, name)

    async def _physical(self, work: Work, name: str) -> Physical:
        found = await work.call("pipes", "DescribePipe", Name=name)
        times = {key: found[key].isoformat() for key in ("CreationTime", "LastModifiedTime")}
        shown = {**chosen(found, "Arn", "CurrentState", "StateReason"), **times}
        return Physical(name, shown)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change the pipe once it is not changing any more."""
        params = {**{name: value for name, value in _DEFAULTS.items() if name in old}, **_params(work, new)}
        if "LogConfiguration" in old and "LogConfiguration" not in new:
            params["LogConfiguration"] = {"Level": "OFF"}
        if "FilterCriteria" in old.get("SourceParameters", {}):
            given = params.get("SourceParameters", {})
            params["SourceParameters"] = {"FilterCriteria": {"Filters": []}, **given}
        source = params.get("SourceParameters", {})
        for kind in _KINDS:
            if kind in source:  # where a stream begins is settled
                fixed = {name: value for name, value in source[kind].items() if name != "StartingPosition"}
                params["SourceParameters"] = {**params["SourceParameters"], kind: fixed}
        for left in range(_TRIES, 0, -1):
            try:
                await work.call("pipes", "UpdatePipe", Name=physical.id, **params)
                break
            except ServiceError as error:
                if error.code != _CONFLICT or left == 1:
                    raise
            await work.pause(_PAUSE_MS)
        await self._retag(work, physical, old, new)
        return await self._physical(work, physical.id)

    async def _retag(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = {**work.old_tags, **old.get("Tags", {})}, _tags(work, new)
        removed = [name for name in before if name not in after]
        added = {name: value for name, value in after.items() if before.get(name) != value}
        pipe = physical.attributes["Arn"]
        if removed:
            await work.call("pipes", "UntagResource", resourceArn=pipe, tagKeys=removed)
        if added:
            await work.call("pipes", "TagResource", resourceArn=pipe, tags=added)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the pipe."""
        await work.attempt(_NOT_FOUND, "pipes", "DeletePipe", Name=physical.id)


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::Pipes::Pipe": Pipe()}
