"""AWS::IAM::Policy (inline, on several principals) and AWS::IAM::ManagedPolicy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lambent.contracts.arn import build
from lambent.contracts.errors import ServiceError

from .base import Handler, HandlerFailed, Physical, Work, chosen, document, tag_list
from .iam import EXISTS, NOT_FOUND

_KINDS: Final = (("Roles", "Role"), ("Users", "User"), ("Groups", "Group"))
_VERSIONS_MAX: Final = 5


def _principals(properties: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key, kind in _KINDS:
        for name in properties.get(key, []):
            yield kind, name


class Policy(Handler):
    """AWS::IAM::Policy."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Embed it in its principals."""
        if not any(_principals(properties)):
            raise HandlerFailed("At least one of [Groups,Roles,Users] must be non-empty.")
        name = work.physical_id or work.name(128)
        await work.made(name)
        await self._put(work, properties)
        return Physical(name, {"Id": name})

    async def _put(self, work: Work, properties: dict[str, Any]) -> None:
        body = {"PolicyName": properties["PolicyName"], "PolicyDocument": document(properties["PolicyDocument"])}
        for kind, name in _principals(properties):
            await work.call("iam", f"Put{kind}Policy", **{f"{kind}Name": name}, **body)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Embed it anew, and take it out where it no longer belongs."""
        await self._put(work, new)
        kept = set(_principals(new)) if old.get("PolicyName") == new["PolicyName"] else set()
        await self._take_out(work, old, kept)
        return physical

    async def _take_out(self, work: Work, properties: dict[str, Any], kept: set[tuple[str, str]]) -> None:
        for kind, name in _principals(properties):
            if (kind, name) not in kept:
                where = {f"{kind}Name": name, "PolicyName": properties["PolicyName"]}
                await work.attempt(NOT_FOUND, "iam", f"Delete{kind}Policy", **where)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take it out of its principals."""
        await self._take_out(work, properties, set())


class ManagedPolicy(Handler):
    """AWS::IAM::ManagedPolicy."""

    name_property = "ManagedPolicyName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the policy and attach it."""
        arn = work.physical_id or await self._make(work, properties)
        await work.made(arn)
        await self._attach(work, arn, {}, properties)
        return await self._physical(work, arn)

    async def _make(self, work: Work, properties: dict[str, Any]) -> str:
        name = properties.get("ManagedPolicyName") or work.name(128)
        params = {"PolicyName": name, **chosen(properties, "Path", "Description")}
        tags = tag_list(work, properties)
        if tags:
            params["Tags"] = tags
        try:
            made = await work.call(
                "iam", "CreatePolicy", **params, PolicyDocument=document(properties["PolicyDocument"])
            )
        except ServiceError as error:
            arn = build("iam", "", work.account, f"policy{properties.get('Path', '/')}{name}")
            found = await work.attempt(NOT_FOUND, "iam", "GetPolicy", PolicyArn=arn) if error.code in EXISTS else None
            if found is None or not work.ours(found["Policy"].get("CreateDate")):
                raise error from None
            return arn
        return str(made["Policy"]["Arn"])

    async def _physical(self, work: Work, arn: str) -> Physical:
        found = (await work.call("iam", "GetPolicy", PolicyArn=arn))["Policy"]
        names = ("PolicyId", "AttachmentCount", "DefaultVersionId", "IsAttachable", "PermissionsBoundaryUsageCount")
        return Physical(arn, {"PolicyArn": arn, **chosen(found, *names)})

    async def _attach(self, work: Work, arn: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = set(_principals(old)), set(_principals(new))
        for kind, name in sorted(after - before):
            await work.call("iam", f"Attach{kind}Policy", **{f"{kind}Name": name}, PolicyArn=arn)
        for kind, name in sorted(before - after):
            await work.attempt(NOT_FOUND, "iam", f"Detach{kind}Policy", **{f"{kind}Name": name}, PolicyArn=arn)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Make a new default version when the document changed, and change where it is attached."""
        arn = physical.id
        if old.get("PolicyDocument") != new["PolicyDocument"]:
            versions = (await work.call("iam", "ListPolicyVersions", PolicyArn=arn))["Versions"]
            spare = sorted(int(v["VersionId"][1:]) for v in versions if not v["IsDefaultVersion"])
            if len(versions) >= _VERSIONS_MAX and spare:
                await work.call("iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=f"v{spare[0]}")
            body = document(new["PolicyDocument"])
            await work.call("iam", "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=body, SetAsDefault=True)
        await self._attach(work, arn, old, new)
        return await self._physical(work, arn)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Detach it, and delete it with its versions."""
        arn = physical.id
        await self._attach(work, arn, properties, {})
        versions = await work.attempt(NOT_FOUND, "iam", "ListPolicyVersions", PolicyArn=arn)
        for version in versions["Versions"] if versions is not None else []:
            if not version["IsDefaultVersion"]:
                where = {"PolicyArn": arn, "VersionId": version["VersionId"]}
                await work.attempt(NOT_FOUND, "iam", "DeletePolicyVersion", **where)
        await work.attempt(NOT_FOUND, "iam", "DeletePolicy", PolicyArn=arn)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::IAM::ManagedPolicy": ManagedPolicy(),
    "AWS::IAM::Policy": Policy(),
}
