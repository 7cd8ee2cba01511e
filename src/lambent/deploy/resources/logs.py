"""AWS::Logs::LogGroup, LogStream, MetricFilter, ResourcePolicy and SubscriptionFilter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.arn import build
from lambent.contracts.errors import ServiceError

from .base import Handler, HandlerFailed, Physical, PutHandler, Work, all_tags, chosen, document, tag_changes

_NOT_FOUND: Final = ("ResourceNotFoundException",)
_EXISTS: Final = "ResourceAlreadyExistsException"


class LogGroup(Handler):
    """AWS::Logs::LogGroup."""

    name_property = "LogGroupName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the group and set its retention."""
        _refuse(properties)
        name = work.physical_id or properties.get("LogGroupName") or work.name(512)
        if not work.physical_id:
            params = {"logGroupName": name}
            if "KmsKeyId" in properties:
                params["kmsKeyId"] = properties["KmsKeyId"]
            if "LogGroupClass" in properties:
                params["logGroupClass"] = properties["LogGroupClass"]
            tags = all_tags(work, properties)
            try:
                await work.call("logs", "CreateLogGroup", **params, **({"tags": tags} if tags else {}))
            except ServiceError as error:
                if error.code != _EXISTS or not work.ours(await self._created_ms(work, name)):
                    raise
            await work.made(name)
        if "RetentionInDays" in properties:
            days = properties["RetentionInDays"]
            await work.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
        return Physical(name, {"Arn": self._arn(work, name)})

    def _arn(self, work: Work, name: str) -> str:
        return build("logs", work.region, work.account, f"log-group:{name}:*")

    async def _created_ms(self, work: Work, name: str) -> int | None:
        found = await work.call("logs", "DescribeLogGroups", logGroupNamePrefix=name)
        return next((g["creationTime"] for g in found["logGroups"] if g["logGroupName"] == name), None)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change retention and tags."""
        _refuse(new)
        name = physical.id
        if chosen(old, "KmsKeyId", "LogGroupClass") != chosen(new, "KmsKeyId", "LogGroupClass"):
            raise HandlerFailed("Lambent has not built updating KmsKeyId and LogGroupClass of AWS::Logs::LogGroup yet.")
        if "RetentionInDays" in new:
            days = new["RetentionInDays"]
            await work.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
        elif "RetentionInDays" in old:
            await work.call("logs", "DeleteRetentionPolicy", logGroupName=name)
        removed, added = tag_changes(work, old, new)
        arn = self._arn(work, name).removesuffix(":*")
        if removed:
            await work.call("logs", "UntagResource", resourceArn=arn, tagKeys=removed)
        if added:
            await work.call("logs", "TagResource", resourceArn=arn, tags=added)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the group."""
        await work.attempt(_NOT_FOUND, "logs", "DeleteLogGroup", logGroupName=physical.id)


def _refuse(properties: dict[str, Any]) -> None:
    built = {"LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags"}
    for name in properties.keys() - built:
        raise HandlerFailed(f"Lambent has not built the property {name} of AWS::Logs::LogGroup yet.")


class LogStream(Handler):
    """AWS::Logs::LogStream."""

    name_property = "LogStreamName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the stream."""
        name = work.physical_id or properties.get("LogStreamName") or work.name(512)
        group = properties["LogGroupName"]
        try:
            await work.call("logs", "CreateLogStream", logGroupName=group, logStreamName=name)
        except ServiceError as error:
            if error.code != _EXISTS or not (work.physical_id or await self._ours(work, group, name)):
                raise
        return Physical(name)

    async def _ours(self, work: Work, group: str, name: str) -> bool:
        found = await work.call("logs", "DescribeLogStreams", logGroupName=group, logStreamNamePrefix=name)
        return any(s["logStreamName"] == name and work.ours(s["creationTime"]) for s in found["logStreams"])

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the stream."""
        where = {"logGroupName": properties["LogGroupName"], "logStreamName": physical.id}
        await work.attempt(_NOT_FOUND, "logs", "DeleteLogStream", **where)


class MetricFilter(PutHandler):
    """AWS::Logs::MetricFilter."""

    name_property = "FilterName"
    name_length_max = 512

    async def put(self, work: Work, name: str, properties: dict[str, Any]) -> None:
        """Put the filter."""
        params = chosen(properties, "LogGroupName", "FilterPattern", "ApplyOnTransformedLogs")
        for unbuilt in ("FieldSelectionCriteria", "EmitSystemFieldDimensions"):
            if unbuilt in properties:
                raise HandlerFailed(f"Lambent has not built the property {unbuilt} of AWS::Logs::MetricFilter yet.")
        given = {_small(key): value for key, value in params.items()}
        transformations = [self._transformation(one) for one in properties["MetricTransformations"]]
        await work.call("logs", "PutMetricFilter", filterName=name, metricTransformations=transformations, **given)

    def _transformation(self, one: dict[str, Any]) -> dict[str, Any]:
        made = {_small(key): value for key, value in one.items()}
        if "dimensions" in made:
            made["dimensions"] = {pair["Key"]: pair["Value"] for pair in made["dimensions"]}
        return made

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the filter."""
        where = {"logGroupName": properties["LogGroupName"], "filterName": physical.id}
        await work.attempt(_NOT_FOUND, "logs", "DeleteMetricFilter", **where)


def _small(name: str) -> str:
    return name[0].lower() + name[1:]


class ResourcePolicy(PutHandler):
    """AWS::Logs::ResourcePolicy."""

    name_property = "PolicyName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the policy."""
        if "ResourceArn" in properties:
            raise HandlerFailed("Lambent has not built the property ResourceArn of AWS::Logs::ResourcePolicy yet.")
        return await super().create(work, properties)

    async def put(self, work: Work, name: str, properties: dict[str, Any]) -> None:
        """Put the policy."""
        text = document(properties["PolicyDocument"])
        await work.call("logs", "PutResourcePolicy", policyName=name, policyDocument=text)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the policy."""
        await work.attempt(_NOT_FOUND, "logs", "DeleteResourcePolicy", policyName=physical.id)


class SubscriptionFilter(PutHandler):
    """AWS::Logs::SubscriptionFilter."""

    name_property = "FilterName"
    name_length_max = 512

    async def put(self, work: Work, name: str, properties: dict[str, Any]) -> None:
        """Put the filter."""
        # A property that the service has not built (RoleArn) is refused by it, in its own words.
        given = {_small(key): value for key, value in properties.items() if key != "FilterName"}
        await work.call("logs", "PutSubscriptionFilter", filterName=name, **given)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the filter."""
        where = {"logGroupName": properties["LogGroupName"], "filterName": physical.id}
        await work.attempt(_NOT_FOUND, "logs", "DeleteSubscriptionFilter", **where)


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::Logs::LogGroup": LogGroup(),
    "AWS::Logs::LogStream": LogStream(),
    "AWS::Logs::MetricFilter": MetricFilter(),
    "AWS::Logs::ResourcePolicy": ResourcePolicy(),
    "AWS::Logs::SubscriptionFilter": SubscriptionFilter(),
}
