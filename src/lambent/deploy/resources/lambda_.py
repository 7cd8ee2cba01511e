"""AWS::Lambda::Function."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from ..template.parameters import text
from .base import Handler, HandlerFailed, Physical, Work, all_tags, chosen, tag_changes
from .inline_code import archive

NOT_FOUND: Final = ("ResourceNotFoundException",)
_CONFLICT: Final = "ResourceConflictException"
_POLL_MS: Final = 100
_POLLS_MAX: Final = 3_000

_DEFAULTS: Final[Mapping[str, Any]] = {
    "DeadLetterConfig": {"TargetArn": ""},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "FileSystemConfigs": [],
    "Handler": None,
    "ImageConfig": {},
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Role": None,
    "Runtime": None,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
"""Properties of the configuration, and what a property is set to when the template no longer has it."""
_RENAMED: Final[Mapping[str, str]] = {"KmsKeyArn": "KMSKeyArn"}
_OTHERS: Final = frozenset(
    ("Architectures", "Code", "FunctionName", "PackageType", "ReservedConcurrentExecutions", "Tags")
)


class Function(Handler):
    """AWS::Lambda::Function."""

    name_property = "FunctionName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the function and wait until it is active."""
        _refuse(properties)
        name = work.physical_id or properties.get("FunctionName") or work.name(64)
        if not work.physical_id:
            await self._make(work, name, properties)
            await work.made(name)
        configuration = await _settled(work, name)
        await self._reserve(work, name, {}, properties)
        return _physical(name, configuration)

    async def _make(self, work: Work, name: str, properties: dict[str, Any]) -> None:
        params = {**chosen(properties, "Architectures", "PackageType"), **_configuration(properties)}
        tags = all_tags(work, properties)
        if tags:
            params["Tags"] = tags
        code = await _code(properties)
        try:
            await work.call("lambda", "CreateFunction", FunctionName=name, Code=code, **params)
        except ServiceError as error:
            if error.code != _CONFLICT or not work.resumed:
                raise
            # LastModified is a text; the function's own record of creation is not part of the API. Ours is the
            # only writer of this name during the operation, so that a function newer than it began is ours.
            found = await work.call("lambda", "GetFunctionConfiguration", FunctionName=name)
            if not work.ours(_last_modified_ms(found["LastModified"])):
                raise error from None

    async def _reserve(self, work: Work, name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        before, after = old.get("ReservedConcurrentExecutions"), new.get("ReservedConcurrentExecutions")
        if after is not None and after != before:
            where = {"FunctionName": name, "ReservedConcurrentExecutions": after}
            await work.call("lambda", "PutFunctionConcurrency", **where)
        elif after is None and before is not None:
            await work.call("lambda", "DeleteFunctionConcurrency", FunctionName=name)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change code, configuration, tags and concurrency, as far as each differs."""
        _refuse(new)
        name = physical.id
        if chosen(old, "Code", "Architectures") != chosen(new, "Code", "Architectures"):
            code = await _code(new)
            await work.call("lambda", "UpdateFunctionCode", FunctionName=name, **code, **chosen(new, "Architectures"))
            await _settled(work, name)
        changes = _changes(old, new)
        if changes:
            await work.call("lambda", "UpdateFunctionConfiguration", FunctionName=name, **changes)
        configuration = await _settled(work, name)
        await self._reserve(work, name, old, new)
        removed, added = tag_changes(work, old, new)
        arn = configuration["FunctionArn"]
        if removed:
            await work.call("lambda", "UntagResource", Resource=arn, TagKeys=removed)
        if added:
            await work.call("lambda", "TagResource", Resource=arn, Tags=added)
        return _physical(name, configuration)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the function with its versions."""
        await work.attempt(NOT_FOUND, "lambda", "DeleteFunction", FunctionName=physical.id)


def _refuse(properties: dict[str, Any]) -> None:
    for name in sorted(properties.keys() - _DEFAULTS.keys() - _OTHERS):
        raise HandlerFailed(f"Lambent has not built the property {name} of AWS::Lambda::Function yet.")


async def _code(properties: dict[str, Any]) -> dict[str, Any]:
    given = properties["Code"]
    for name in sorted(given.keys() - {"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri"}):
        raise HandlerFailed(f"Lambent has not built the property Code.{name} of AWS::Lambda::Function yet.")
    if "ZipFile" in given:
        return {"ZipFile": archive(given["ZipFile"], properties.get("Runtime", ""))}
    return dict(given)


def _configuration(properties: dict[str, Any]) -> dict[str, Any]:
    found = {_RENAMED.get(key, key): _converted(key, properties[key]) for key in _DEFAULTS if key in properties}
    return {key: value for key, value in found.items() if value is not None}


def _converted(key: str, value: Any) -> Any:
    if key == "Environment":
        return {"Variables": {name: text(item) for name, item in value.get("Variables", {}).items()}}
    if key == "VpcConfig":
        return chosen(value, "SubnetIds", "SecurityGroupIds", "Ipv6AllowedForDualStack")
    return value


def _changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for key, default in _DEFAULTS.items():
        if old.get(key) != new.get(key):
            value = _converted(key, new[key]) if key in new else default
            if value is not None:
                found[_RENAMED.get(key, key)] = value
    return found


async def _settled(work: Work, name: str) -> dict[str, Any]:
    """The function's configuration once it is neither being made nor being changed."""
    for _ in range(_POLLS_MAX):
        found = await work.call("lambda", "GetFunctionConfiguration", FunctionName=name)
        state, change = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
        if state == "Failed" or change == "Failed":
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "Function is in state Failed"
            raise HandlerFailed(str(reason))
        if state != "Pending" and change != "InProgress":
            return found
        await work.pause(_POLL_MS)
    raise HandlerFailed(f"Function {name} did not stabilize.")


def _physical(name: str, configuration: dict[str, Any]) -> Physical:
    return Physical(name, {"Arn": configuration["FunctionArn"]})


def _last_modified_ms(value: str) -> int:
    # Lambda writes 2024-01-31T12:00:00.000+0000.
    return int(datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::Lambda::Function": Function()}
