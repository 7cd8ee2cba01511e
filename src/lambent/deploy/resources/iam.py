"""AWS::IAM::Role and AWS::IAM::InstanceProfile, and what roles, users and groups have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .base import Handler, Physical, Work, chosen, document, tag_changes, tag_list

NOT_FOUND: Final = ("NoSuchEntity", "NoSuchEntityException")
EXISTS: Final = ("EntityAlreadyExists", "EntityAlreadyExistsException")


class Entity(Handler):
    """A role, user or group: `kind` is the word in IAM's operations."""

    kind = ""
    tagged = True

    def naming(self, name: str) -> dict[str, str]:
        """The parameter that names the entity."""
        return {f"{self.kind}Name": name}

    def creation(self, work: Work, properties: dict[str, Any]) -> dict[str, Any]:
        """Parameters of the Create operation besides name, path and tags."""
        return chosen(properties, "PermissionsBoundary") if self.tagged else {}

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the entity, then attach and embed its policies."""
        name = work.physical_id or properties.get(f"{self.kind}Name") or work.name(64 if self.kind != "Group" else 128)
        if not work.physical_id:
            await self._make(work, name, properties)
            await work.made(name)
        await self._attach(work, name, {}, properties)
        return await self._physical(work, name)

    async def _make(self, work: Work, name: str, properties: dict[str, Any]) -> None:
        params = {**self.naming(name), **chosen(properties, "Path"), **self.creation(work, properties)}
        tags = tag_list(work, properties) if self.tagged else []
        if tags:
            params["Tags"] = tags
        try:
            await work.call("iam", f"Create{self.kind}", **params)
        except ServiceError as error:
            if error.code not in EXISTS:
                raise
            found = await work.call("iam", f"Get{self.kind}", **self.naming(name))
            if not work.ours(found[self.kind].get("CreateDate")):
                raise error from None

    async def _physical(self, work: Work, name: str) -> Physical:
        found = (await work.call("iam", f"Get{self.kind}", **self.naming(name)))[self.kind]
        return Physical(name, {"Arn": found["Arn"], f"{self.kind}Id": found[f"{self.kind}Id"]})

    async def _attach(self, work: Work, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = set(old.get("ManagedPolicyArns", [])), list(new.get("ManagedPolicyArns", []))
        for policy in after:
            if policy not in before:
                await work.call("iam", f"Attach{self.kind}Policy", **self.naming(name), PolicyArn=policy)
        for policy in before - set(after):
            await work.attempt(NOT_FOUND, "iam", f"Detach{self.kind}Policy", **self.naming(name), PolicyArn=policy)
        embedded = {policy["PolicyName"]: policy["PolicyDocument"] for policy in new.get("Policies", [])}
        earlier = {policy["PolicyName"]: policy["PolicyDocument"] for policy in old.get("Policies", [])}
        for policy, body in embedded.items():
            if earlier.get(policy) != body:
                where = {**self.naming(name), "PolicyName": policy}
                await work.call("iam", f"Put{self.kind}Policy", **where, PolicyDocument=document(body))
        for policy in earlier.keys() - embedded.keys():
            await work.attempt(NOT_FOUND, "iam", f"Delete{self.kind}Policy", **self.naming(name), PolicyName=policy)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Bring policies, boundary and tags to the new properties."""
        name = physical.id
        await self._attach(work, name, old, new)
        if self.tagged:
            await self._bound(work, name, old, new)
            removed, added = tag_changes(work, old, new)
            if removed:
                await work.call("iam", f"Untag{self.kind}", **self.naming(name), TagKeys=removed)
            if added:
                tags = [{"Key": key, "Value": value} for key, value in added.items()]
                await work.call("iam", f"Tag{self.kind}", **self.naming(name), Tags=tags)
        return await self._physical(work, name)

    async def _bound(self, work: Work, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        boundary = new.get("PermissionsBoundary")
        if boundary == old.get("PermissionsBoundary"):
            return
        if boundary is None:
            await work.attempt(NOT_FOUND, "iam", f"Delete{self.kind}PermissionsBoundary", **self.naming(name))
        else:
            where = self.naming(name)
            await work.call("iam", f"Put{self.kind}PermissionsBoundary", **where, PermissionsBoundary=boundary)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Detach what the properties attached, and delete the entity."""
        await self._attach(work, physical.id, properties, {})
        await work.attempt(NOT_FOUND, "iam", f"Delete{self.kind}", **self.naming(physical.id))


class Role(Entity):
    """AWS::IAM::Role."""

    kind = "Role"
    name_property = "RoleName"

    def creation(self, work: Work, properties: dict[str, Any]) -> dict[str, Any]:
        """Trust policy, description and session length."""
        trust = {"AssumeRolePolicyDocument": document(properties["AssumeRolePolicyDocument"])}
        return {**trust, **chosen(properties, "Description", "MaxSessionDuration", "PermissionsBoundary")}

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """As every entity, with trust policy, description and session length."""
        name = physical.id
        if old.get("AssumeRolePolicyDocument") != new["AssumeRolePolicyDocument"]:
            trust = document(new["AssumeRolePolicyDocument"])
            await work.call("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=trust)
        plain = ("Description", "MaxSessionDuration")
        if chosen(old, *plain) != chosen(new, *plain):
            described = {"Description": new.get("Description", "")}
            length = {"MaxSessionDuration": new.get("MaxSessionDuration", 3600)}
            await work.call("iam", "UpdateRole", RoleName=name, **described, **length)
        return await super().update(work, physical, old, new)


class InstanceProfile(Handler):
    """AWS::IAM::InstanceProfile."""

    name_property = "InstanceProfileName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the profile and put its role in."""
        name = work.physical_id or properties.get("InstanceProfileName") or work.name(128)
        if not work.physical_id:
            params = {"InstanceProfileName": name, **chosen(properties, "Path")}
            try:
                await work.call("iam", "CreateInstanceProfile", **params)
            except ServiceError as error:
                if error.code not in EXISTS:
                    raise
                found = await work.call("iam", "GetInstanceProfile", InstanceProfileName=name)
                if not work.ours(found["InstanceProfile"].get("CreateDate")):
                    raise error from None
            await work.made(name)
        return await self._filled(work, name, properties)

    async def _filled(self, work: Work, name: str, properties: dict[str, Any]) -> Physical:
        found = (await work.call("iam", "GetInstanceProfile", InstanceProfileName=name))["InstanceProfile"]
        present = {role["RoleName"] for role in found.get("Roles", [])}
        for role in present - set(properties["Roles"]):
            await work.call("iam", "RemoveRoleFromInstanceProfile", InstanceProfileName=name, RoleName=role)
        for role in properties["Roles"]:
            if role not in present:
                await work.call("iam", "AddRoleToInstanceProfile", InstanceProfileName=name, RoleName=role)
        return Physical(name, {"Arn": found["Arn"]})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change the role."""
        return await self._filled(work, physical.id, new)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the role out, and delete the profile."""
        name = physical.id
        for role in properties.get("Roles", []):
            where = {"InstanceProfileName": name, "RoleName": role}
            await work.attempt(NOT_FOUND, "iam", "RemoveRoleFromInstanceProfile", **where)
        await work.attempt(NOT_FOUND, "iam", "DeleteInstanceProfile", InstanceProfileName=name)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::IAM::InstanceProfile": InstanceProfile(),
    "AWS::IAM::Role": Role(),
}
