"""AWS::IAM::User, Group, AccessKey and UserToGroupAddition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .base import Handler, HandlerFailed, Physical, Work
from .iam import NOT_FOUND, Entity


class User(Entity):
    """AWS::IAM::User."""

    kind = "User"
    name_property = "UserName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """As every entity, and put it into its groups."""
        if "LoginProfile" in properties:
            raise HandlerFailed("Lambent has not built the property LoginProfile of AWS::IAM::User yet.")
        physical = await super().create(work, properties)
        await self._join(work, physical.id, [], properties.get("Groups", []))
        return physical

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """As every entity, with its groups."""
        await self._join(work, physical.id, old.get("Groups", []), new.get("Groups", []))
        return await super().update(work, physical, old, new)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take it out of its groups first."""
        await self._join(work, physical.id, properties.get("Groups", []), [])
        await super().delete(work, physical, properties)

    async def _join(self, work: Work, name: str, old: list[str], new: list[str]) -> None:
        for group in new:
            if group not in old:
                await work.call("iam", "AddUserToGroup", GroupName=group, UserName=name)
        for group in set(old) - set(new):
            await work.attempt(NOT_FOUND, "iam", "RemoveUserFromGroup", GroupName=group, UserName=name)


class Group(Entity):
    """AWS::IAM::Group."""

    kind = "Group"
    name_property = "GroupName"
    tagged = False


class AccessKey(Handler):
    """AWS::IAM::AccessKey."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create a key; one that a crashed try left behind, whose secret nobody has, is deleted first."""
        user = properties["UserName"]
        if work.resumed:
            found = await work.call("iam", "ListAccessKeys", UserName=user)
            for key in found["AccessKeyMetadata"]:
                if work.ours(key["CreateDate"]):
                    await work.call("iam", "DeleteAccessKey", UserName=user, AccessKeyId=key["AccessKeyId"])
        made = (await work.call("iam", "CreateAccessKey", UserName=user))["AccessKey"]
        await work.made(made["AccessKeyId"])
        await self._activate(work, made["AccessKeyId"], properties)
        return Physical(made["AccessKeyId"], {"SecretAccessKey": made["SecretAccessKey"]})

    async def _activate(self, work: Work, key: str, properties: dict[str, Any]) -> None:
        status = properties.get("Status", "Active")
        await work.call("iam", "UpdateAccessKey", UserName=properties["UserName"], AccessKeyId=key, Status=status)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change its status."""
        await self._activate(work, physical.id, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the key."""
        where = {"UserName": properties["UserName"], "AccessKeyId": physical.id}
        await work.attempt(NOT_FOUND, "iam", "DeleteAccessKey", **where)


class UserToGroupAddition(Handler):
    """AWS::IAM::UserToGroupAddition."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Add the users."""
        name = work.physical_id or work.name(128)
        await self._fill(work, {}, properties)
        return Physical(name, {"Id": name})

    async def _fill(self, work: Work, old: dict[str, Any], new: dict[str, Any]) -> None:
        before = {(old.get("GroupName", ""), user) for user in old.get("Users", [])}
        after = {(new.get("GroupName", ""), user) for user in new.get("Users", [])}
        for group, user in sorted(after - before):
            await work.call("iam", "AddUserToGroup", GroupName=group, UserName=user)
        for group, user in sorted(before - after):
            await work.attempt(NOT_FOUND, "iam", "RemoveUserFromGroup", GroupName=group, UserName=user)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Add and remove users."""
        await self._fill(work, old, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Remove the users."""
        await self._fill(work, properties, {})


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::IAM::AccessKey": AccessKey(),
    "AWS::IAM::Group": Group(),
    "AWS::IAM::User": User(),
    "AWS::IAM::UserToGroupAddition": UserToGroupAddition(),
}
