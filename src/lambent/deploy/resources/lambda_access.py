"""AWS::Lambda::Permission, Url, EventInvokeConfig and EventSourceMapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .base import Handler, Physical, Work, all_tags, chosen, tag_changes
from .lambda_ import NOT_FOUND

_CONFLICT: Final = "ResourceConflictException"
_MAPPING_FIXED: Final = frozenset(
    ("Tags", "EventSourceArn", "StartingPosition", "StartingPositionTimestamp", "SelfManagedEventSource")
)
"""Properties of a mapping that UpdateEventSourceMapping does not take."""
_MAPPING_DEFAULTS: Final[Mapping[str, Any]] = {
    "Enabled": True,
    "MaximumBatchingWindowInSeconds": 0,
    "FilterCriteria": {},
    "FunctionResponseTypes": [],
    "MetricsConfig": {"Metrics": []},
}
_QUEUE_DEFAULTS: Final[Mapping[str, Any]] = {"BatchSize": 10, "ScalingConfig": {}}
_STREAM_DEFAULTS: Final[Mapping[str, Any]] = {
    "BatchSize": 100,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {},
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}


class Permission(Handler):
    """AWS::Lambda::Permission."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Add the statement to the function's policy."""
        statement = work.physical_id or work.name(100)
        try:
            await work.call("lambda", "AddPermission", StatementId=statement, **properties)
        except ServiceError as error:
            # The statement's name is ours alone.
            if error.code != _CONFLICT or not work.resumed:
                raise
        return Physical(statement, {"Id": statement})

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the statement out."""
        where = {"FunctionName": properties["FunctionName"], "StatementId": physical.id}
        await work.attempt(NOT_FOUND, "lambda", "RemovePermission", **where)


class Url(Handler):
    """AWS::Lambda::Url."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Give the function a URL."""
        where = _url_place(properties)
        try:
            params = chosen(properties, "AuthType", "Cors", "InvokeMode")
            made = await work.call("lambda", "CreateFunctionUrlConfig", **where, **params)
        except ServiceError as error:
            if error.code != _CONFLICT or not work.resumed:
                raise
            made = await work.call("lambda", "GetFunctionUrlConfig", **where)
        return _url(made)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change how it is called."""
        params = {"Cors": {}, "InvokeMode": "BUFFERED", **chosen(new, "AuthType", "Cors", "InvokeMode")}
        return _url(await work.call("lambda", "UpdateFunctionUrlConfig", **_url_place(new), **params))

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the URL away."""
        await work.attempt(NOT_FOUND, "lambda", "DeleteFunctionUrlConfig", **_url_place(properties))


def _url_place(properties: dict[str, Any]) -> dict[str, Any]:
    return {"FunctionName": properties["TargetFunctionArn"], **chosen(properties, "Qualifier")}


def _url(made: dict[str, Any]) -> Physical:
    return Physical(made["FunctionArn"], chosen(made, "FunctionArn", "FunctionUrl"))


class EventInvokeConfig(Handler):
    """AWS::Lambda::EventInvokeConfig."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the configuration."""
        await work.call("lambda", "PutFunctionEventInvokeConfig", **properties)
        return Physical(work.physical_id or work.name(128))

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the new configuration."""
        await work.call("lambda", "PutFunctionEventInvokeConfig", **new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take it away."""
        where = chosen(properties, "FunctionName", "Qualifier")
        await work.attempt(NOT_FOUND, "lambda", "DeleteFunctionEventInvokeConfig", **where)


class EventSourceMapping(Handler):
    """AWS::Lambda::EventSourceMapping."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the mapping."""
        params = {key: value for key, value in properties.items() if key != "Tags"}
        tags = all_tags(work, properties)
        if tags:
            params["Tags"] = tags
        try:
            made = await work.call("lambda", "CreateEventSourceMapping", **params)
        except ServiceError as error:
            if error.code != _CONFLICT or not work.resumed or "EventSourceArn" not in properties:
                raise
            found = await work.call(
                "lambda", "ListEventSourceMappings", **chosen(properties, "FunctionName", "EventSourceArn")
            )
            made = next(iter(found["EventSourceMappings"]))
            if not work.ours(made.get("LastModified")):
                raise error from None
        arn = made.get("EventSourceMappingArn", "")
        return Physical(made["UUID"], {"Id": made["UUID"], "EventSourceMappingArn": arn})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change the mapping; what the template no longer says is as if it had never been said."""
        queue = ":sqs:" in new.get("EventSourceArn", "")
        defaults = {**_MAPPING_DEFAULTS, **(_QUEUE_DEFAULTS if queue else _STREAM_DEFAULTS)}
        params = {name: value for name, value in defaults.items() if name in old}
        params |= {key: value for key, value in new.items() if key not in _MAPPING_FIXED}
        if params != {key: value for key, value in old.items() if key not in _MAPPING_FIXED}:
            await work.call("lambda", "UpdateEventSourceMapping", UUID=physical.id, **params)
        removed, added = tag_changes(work, old, new)
        arn = physical.attributes.get("EventSourceMappingArn", "")
        if removed:
            await work.call("lambda", "UntagResource", Resource=arn, TagKeys=removed)
        if added:
            await work.call("lambda", "TagResource", Resource=arn, Tags=added)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the mapping; one that is being deleted already is none of ours any more."""
        gone = (*NOT_FOUND, "ResourceInUseException")
        await work.attempt(gone, "lambda", "DeleteEventSourceMapping", UUID=physical.id)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::Lambda::EventInvokeConfig": EventInvokeConfig(),
    "AWS::Lambda::EventSourceMapping": EventSourceMapping(),
    "AWS::Lambda::Permission": Permission(),
    "AWS::Lambda::Url": Url(),
}
