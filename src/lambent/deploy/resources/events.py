"""AWS::Events::Rule, EventBus, EventBusPolicy, Archive, Connection and ApiDestination."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.arn import build

from .base import Handler, HandlerFailed, Physical, Work, chosen, document, tag_changes, tag_list

_NOT_FOUND: Final = ("ResourceNotFoundException",)
_DEFAULT: Final = "default"


def _refuse(work: Work, properties: dict[str, Any], built: tuple[str, ...]) -> None:
    for name in sorted(properties.keys() - set(built)):
        raise HandlerFailed(f"Lambent has not built the property {name} of {work.type} yet.")


async def _refuse_taken(work: Work, operation: str, name: str, **params: Any) -> None:
    """The service takes a second creation for a change; a stack must not take over what is there."""
    found = await work.attempt(_NOT_FOUND, "events", operation, **params)
    if found is not None and not work.resumed:
        raise HandlerFailed(f"Resource of type '{work.type}' with identifier '{name}' already exists.")


async def _change_tags(work: Work, arn: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    removed, added = tag_changes(work, old, new)
    if removed:
        await work.call("events", "UntagResource", ResourceARN=arn, TagKeys=removed)
    if added:
        tags = [{"Key": key, "Value": value} for key, value in added.items()]
        await work.call("events", "TagResource", ResourceARN=arn, Tags=tags)


class Rule(Handler):
    """AWS::Events::Rule. Its id is its name, after the bus's name and a bar where that is not the default one."""

    name_property = "Name"
    _PLAIN: Final = ("Description", "RoleArn", "ScheduleExpression", "State")
    _BUILT: Final = (*_PLAIN, "EventBusName", "EventPattern", "Name", "Tags", "Targets")

    def replaces(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """A rule cannot move to another bus, though the schema does not say so."""
        return old.get("EventBusName") != new.get("EventBusName")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the rule, then its targets."""
        _refuse(work, properties, self._BUILT)
        name, bus = properties.get("Name"), properties.get("EventBusName") or _DEFAULT
        id = work.physical_id
        if not id:
            name = name or work.name(64)
            await _refuse_taken(work, "DescribeRule", name, Name=name, EventBusName=bus)
            short = bus.rpartition("/")[2]
            id = name if short == _DEFAULT else f"{short}|{name}"
        tags = tag_list(work, properties)
        made = await self._put(work, id, properties, **({"Tags": tags} if tags else {}))
        await work.made(id)
        await self._set_targets(work, id, properties, [])
        return self._physical(id, made["RuleArn"])

    def _physical(self, id: str, arn: str) -> Physical:
        return Physical(id, {"Arn": arn, "RuleName": id.rpartition("|")[2]})

    async def _put(self, work: Work, id: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
        params = chosen(properties, *self._PLAIN)
        if "EventPattern" in properties:
            pattern = properties["EventPattern"]
            params["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
        return await work.call(
            "events", "PutRule", Name=id.rpartition("|")[2], **self._bus(properties), **params, **more
        )

    def _bus(self, properties: dict[str, Any]) -> dict[str, Any]:
        return chosen(properties, "EventBusName")

    async def _set_targets(self, work: Work, id: str, properties: dict[str, Any], old: list[dict[str, Any]]) -> None:
        there = {"Rule": id.rpartition("|")[2], **self._bus(properties)}
        targets: list[dict[str, Any]] = properties.get("Targets", [])
        gone = sorted({target["Id"] for target in old} - {target["Id"] for target in targets})
        if gone:
            await work.call("events", "RemoveTargets", Ids=gone, **there)
        if targets:
            await work.call("events", "PutTargets", Targets=targets, **there)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the rule and its targets anew."""
        _refuse(work, new, self._BUILT)
        made = await self._put(work, physical.id, new)
        await self._set_targets(work, physical.id, new, old.get("Targets", []))
        await _change_tags(work, made["RuleArn"], old, new)
        return self._physical(physical.id, made["RuleArn"])

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Remove the targets, then the rule."""
        name, bus = physical.id.rpartition("|")[2], self._bus(properties)
        found = await work.attempt(_NOT_FOUND, "events", "ListTargetsByRule", Rule=name, **bus)
        if found is None:
            return
        ids = [target["Id"] for target in found["Targets"]]
        if ids:
            await work.attempt(_NOT_FOUND, "events", "RemoveTargets", Rule=name, Ids=ids, **bus)
        await work.attempt(_NOT_FOUND, "events", "DeleteRule", Name=name, **bus)


class EventBus(Handler):
    """AWS::Events::EventBus. Its id is its name."""

    name_property = "Name"
    _BUILT: Final = ("Description", "KmsKeyIdentifier", "LogConfig", "Name", "Policy", "Tags")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the bus, then its policy."""
        _refuse(work, properties, self._BUILT)
        name = properties["Name"]
        if not work.physical_id:
            await _refuse_taken(work, "DescribeEventBus", name, Name=name)
            there = await work.attempt(_NOT_FOUND, "events", "DescribeEventBus", Name=name)
            if there is None:
                tags = tag_list(work, properties)
                params = chosen(properties, "Description", "KmsKeyIdentifier", "LogConfig")
                await work.call("events", "CreateEventBus", Name=name, **params, **({"Tags": tags} if tags else {}))
            await work.made(name)
        if "Policy" in properties:
            await work.call("events", "PutPermission", EventBusName=name, Policy=document(properties["Policy"]))
        return self._physical(work, name)

    def _physical(self, work: Work, name: str) -> Physical:
        return Physical(name, {"Arn": build("events", work.region, work.account, f"event-bus/{name}"), "Name": name})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change description, policy and tags."""
        _refuse(work, new, self._BUILT)
        params = {"Description": new.get("Description", ""), **chosen(new, "KmsKeyIdentifier", "LogConfig")}
        await work.call("events", "UpdateEventBus", Name=physical.id, **params)
        if "Policy" in new:
            await work.call("events", "PutPermission", EventBusName=physical.id, Policy=document(new["Policy"]))
        elif "Policy" in old:
            await work.call("events", "RemovePermission", EventBusName=physical.id, RemoveAllPermissions=True)
        made = self._physical(work, physical.id)
        await _change_tags(work, made.attributes["Arn"], old, new)
        return made

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the bus."""
        await work.attempt(_NOT_FOUND, "events", "DeleteEventBus", Name=physical.id)


class EventBusPolicy(Handler):
    """AWS::Events::EventBusPolicy: one statement of a bus's policy."""

    _BUILT: Final = ("Action", "Condition", "EventBusName", "Principal", "Statement", "StatementId")

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the statement."""
        _refuse(work, properties, self._BUILT)
        id = work.physical_id or work.name(128)
        await work.made(id)
        await self._put(work, properties)
        return Physical(id)

    async def _put(self, work: Work, properties: dict[str, Any]) -> None:
        bus = properties.get("EventBusName", _DEFAULT)
        sid = properties["StatementId"]
        if "Statement" not in properties:
            params = chosen(properties, "Action", "Principal", "Condition")
            await work.call("events", "PutPermission", EventBusName=bus, StatementId=sid, **params)
            return
        shown = await work.call("events", "DescribeEventBus", Name=bus)
        policy = json.loads(shown.get("Policy") or '{"Version": "2012-10-17", "Statement": []}')
        given = properties["Statement"]
        statement = {"Sid": sid, **(json.loads(given) if isinstance(given, str) else given)}
        kept = [one for one in policy["Statement"] if one.get("Sid") != sid]
        text = document({**policy, "Statement": [*kept, statement]})
        await work.call("events", "PutPermission", EventBusName=bus, Policy=text)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the new statement."""
        _refuse(work, new, self._BUILT)
        await self._put(work, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the statement away."""
        bus = properties.get("EventBusName", _DEFAULT)
        sid = properties["StatementId"]
        await work.attempt(_NOT_FOUND, "events", "RemovePermission", EventBusName=bus, StatementId=sid)


class Archive(Handler):
    """AWS::Events::Archive. Its id is its name."""

    name_property = "ArchiveName"
    _CHANGED: Final = ("Description", "KmsKeyIdentifier", "RetentionDays")
    _BUILT: Final = (*_CHANGED, "ArchiveName", "EventPattern", "SourceArn")

    def _params(self, properties: dict[str, Any]) -> dict[str, Any]:
        params = chosen(properties, *self._CHANGED)
        if "EventPattern" in properties:
            params["EventPattern"] = document(properties["EventPattern"])
        return params

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make the archive."""
        _refuse(work, properties, self._BUILT)
        name = work.physical_id or properties.get("ArchiveName") or work.name(48)
        if not work.physical_id:
            found = await work.attempt(_NOT_FOUND, "events", "DescribeArchive", ArchiveName=name)
            if found is None or not work.ours(found["CreationTime"]):
                source = properties["SourceArn"]
                params = self._params(properties)
                await work.call("events", "CreateArchive", ArchiveName=name, EventSourceArn=source, **params)
            await work.made(name)
        return self._physical(work, name)

    def _physical(self, work: Work, name: str) -> Physical:
        arn = build("events", work.region, work.account, f"archive/{name}")
        return Physical(name, {"Arn": arn, "ArchiveName": name})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change the archive; what is no longer said is as if it had never been."""
        _refuse(work, new, self._BUILT)
        params = {"Description": "", "EventPattern": "", "RetentionDays": 0, **self._params(new)}
        await work.call("events", "UpdateArchive", ArchiveName=physical.id, **params)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the archive."""
        await work.attempt(_NOT_FOUND, "events", "DeleteArchive", ArchiveName=physical.id)


class _Named(Handler):
    """A connection or an API destination: made, changed and deleted by name, with an ARN of its own."""

    name_property = "Name"
    noun: str
    arn: str
    built: tuple[str, ...]

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make it."""
        _refuse(work, properties, self.built)
        name = work.physical_id or properties.get("Name") or work.name(64)
        if not work.physical_id:
            found = await work.attempt(_NOT_FOUND, "events", f"Describe{self.noun}", Name=name)
            if found is None or not work.ours(found["CreationTime"]):
                params = {key: value for key, value in properties.items() if key != "Name"}
                await work.call("events", f"Create{self.noun}", Name=name, **params)
            await work.made(name)
        return await self._physical(work, name)

    async def _physical(self, work: Work, name: str) -> Physical:
        shown = await work.call("events", f"Describe{self.noun}", Name=name)
        attributes = {"Arn": shown[self.arn], "ArnForPolicy": shown[self.arn].rpartition("/")[0]}
        return Physical(name, {**attributes, **chosen(shown, "SecretArn")})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change it."""
        _refuse(work, new, self.built)
        params = {key: value for key, value in new.items() if key != "Name"}
        if "Description" in old:
            params.setdefault("Description", "")
        await work.call("events", f"Update{self.noun}", Name=physical.id, **params)
        return await self._physical(work, physical.id)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete it."""
        await work.attempt(_NOT_FOUND, "events", f"Delete{self.noun}", Name=physical.id)


class Connection(_Named):
    """AWS::Events::Connection. Its id is its name."""

    noun = "Connection"
    arn = "ConnectionArn"
    built = ("AuthParameters", "AuthorizationType", "Description", "KmsKeyIdentifier", "Name")


class ApiDestination(_Named):
    """AWS::Events::ApiDestination. Its id is its name."""

    noun = "ApiDestination"
    arn = "ApiDestinationArn"
    built = (
        "ConnectionArn", "Description", "HttpMethod", "InvocationEndpoint", "InvocationRateLimitPerSecond", "Name",
    )  # fmt: skip


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::Events::ApiDestination": ApiDestination(),
    "AWS::Events::Archive": Archive(),
    "AWS::Events::Connection": Connection(),
    "AWS::Events::EventBus": EventBus(),
    "AWS::Events::EventBusPolicy": EventBusPolicy(),
    "AWS::Events::Rule": Rule(),
}
