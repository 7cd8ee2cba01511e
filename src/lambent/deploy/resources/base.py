"""What a resource handler is, and what it gets to work with."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from lambent.contracts.caller import Caller
from lambent.contracts.clock import sleep_until
from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Cloud
from lambent.services.cloudformation.model import Resource, Stack


class Physical(msgspec.Struct, frozen=True):
    """What exists: `id` is what Ref gives; `attributes` what Fn::GetAtt gives, by name."""

    id: str
    attributes: dict[str, Any] = {}


class HandlerFailed(Exception):
    """A resource cannot be made, changed or removed; the text is its status reason."""


class Work:
    """One handler's call: for whom, where, under which names.

    `token` and `suffix` stay the same when the call is repeated after a crash, and `resumed` is then True;
    `physical_id` is what `made` was told before the crash, or empty. `started_ms` is when the first try began.
    """

    def __init__(
        self,
        cloud: Cloud,
        caller: Caller,
        stack: Stack,
        resource: Resource,
        *,
        resumed: bool,
        tags: tuple[tuple[str, str], ...],
        made: Callable[[str], Awaitable[None]],
    ) -> None:
        self.cloud = cloud
        self.caller = caller
        self.stack = stack
        self.account = stack.account
        self.region = stack.region
        self.logical_id = resource.logical_id
        self.type = resource.type
        self.token = resource.token
        self.suffix = resource.suffix
        self.started_ms = resource.started_ms
        self.physical_id = resource.physical_id
        self.resumed = resumed
        self.tags = dict(tags)
        self.old_tags: dict[str, str] = {}
        self.service = ""
        self._made = made

    async def call(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        """Call a service as the stack's caller; raises `ServiceError`."""
        self.service = service
        return await self.cloud.api.call(self.caller, self.region, service, operation, params)

    async def attempt(self, codes: Iterable[str], service: str, operation: str, **params: Any) -> dict[str, Any] | None:
        """As `call`, but None when the service answers with one of the error `codes`."""
        try:
            return await self.call(service, operation, **params)
        except ServiceError as error:
            if error.code in codes:
                return None
            raise

    async def made(self, physical_id: str) -> None:
        """Say that the thing exists now, before it is configured: a rollback will delete it from here on."""
        if self.physical_id != physical_id:
            self.physical_id = physical_id
            await self._made(physical_id)

    def ours(self, created: datetime | int | None) -> bool:
        """Was a thing of our name, created then (a time, or ms), made by an earlier try that a crash cut short?

        AWS rounds some creation times down to seconds, so the same second counts."""
        if not self.resumed or created is None:
            return False
        created_ms = created if isinstance(created, int) else int(created.timestamp() * 1000)
        return created_ms >= self.started_ms // 1000 * 1000

    async def pause(self, wait_ms: int) -> None:
        """Wait on the cloud's clock."""
        await sleep_until(self.cloud.clock, self.cloud.clock.now_ns() + wait_ms * 1_000_000)

    def name(self, length_max: int, *, lower: bool = False) -> str:
        """A physical name from stack, logical id and suffix, cut to `length_max` characters."""
        suffix = self.suffix.lower() if lower else self.suffix
        stack, logical = self.stack.name, self.logical_id
        room = length_max - len(suffix) - 2
        if len(stack) + len(logical) > room:
            stack = stack[: max(room - len(logical), room // 2)]
            logical = logical[: room - len(stack)]
        joined = f"{stack}-{logical}-{suffix}"
        return joined.lower() if lower else joined


class Handler:
    """How one resource type is made, changed and removed. Properties are of the schema's types.

    Every method may be repeated after a crash with the same `Work`, and must then arrive at the same result. `create`
    calls `work.made` as soon as the thing exists, and skips making it when `work.physical_id` is set already.
    """

    name_property = ""
    """The property that gives the physical name, if users may choose it."""

    def replaces(self, old: dict[str, Any], new: dict[str, Any]) -> bool:
        """Does this change force a replacement, beyond the schema's createOnlyProperties?"""
        return False

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Make it."""
        raise NotImplementedError

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change it in place."""
        raise HandlerFailed(f"Resources of type {work.type} cannot be updated.")

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Remove it; nothing happens when it is gone already."""
        raise NotImplementedError


class PutHandler(Handler):
    """A resource whose id is its name, and which one operation both makes and changes."""

    name_length_max = 255

    async def put(self, work: Work, name: str, properties: dict[str, Any]) -> None:
        """Make it, or change it to what `properties` say."""
        raise NotImplementedError

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put it under the name that the template gives it, or under one made of the stack's."""
        name = work.physical_id or properties.get(self.name_property) or work.name(self.name_length_max)
        await self.put(work, name, properties)
        await work.made(name)
        return Physical(name)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put it anew."""
        await self.put(work, physical.id, new)
        return physical


def tag_list(work: Work, properties: dict[str, Any], key: str = "Tags") -> list[dict[str, str]]:
    """The resource's own tags and the stack's, as a list of Key and Value."""
    found = {**work.tags, **tag_map(properties, key)}
    return [{"Key": name, "Value": value} for name, value in found.items()]


def tag_map(properties: dict[str, Any], key: str = "Tags") -> dict[str, str]:
    """The resource's own tags."""
    return {tag["Key"]: tag.get("Value", "") for tag in properties.get(key, [])}


def all_tags(work: Work, properties: dict[str, Any], key: str = "Tags") -> dict[str, str]:
    """The resource's own tags and the stack's."""
    return {**work.tags, **tag_map(properties, key)}


def tag_changes(
    work: Work, old: dict[str, Any], new: dict[str, Any], key: str = "Tags"
) -> tuple[list[str], dict[str, str]]:
    """What an update changes of the tags: names to remove, tags to set."""
    before, after = {**work.old_tags, **tag_map(old, key)}, all_tags(work, new, key)
    return [name for name in before if name not in after], {n: v for n, v in after.items() if before.get(n) != v}


def chosen(properties: dict[str, Any], *names: str) -> dict[str, Any]:
    """Those of `names` that `properties` has."""
    return {name: properties[name] for name in names if name in properties}


def whole(value: Any) -> Any:
    """A property's value with whole numbers as integers: the schema calls all of them numbers."""
    if isinstance(value, dict):
        return {name: whole(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def document(value: Any) -> str:
    """A policy document as text; it may have been given as text or as an object."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
