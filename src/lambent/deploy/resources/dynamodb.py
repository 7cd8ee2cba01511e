"""AWS::DynamoDB::Table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import ServiceError

from .base import Handler, HandlerFailed, Physical, Work, chosen, document, tag_changes, tag_list

_NOT_FOUND: Final = ("ResourceNotFoundException",)
_POLL_MS: Final = 200
_AS_THEY_ARE: Final = (
    "AttributeDefinitions",
    "KeySchema",
    "BillingMode",
    "ProvisionedThroughput",
    "LocalSecondaryIndexes",
    "TableClass",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
)
_BUILT: Final = frozenset(
    (
        *_AS_THEY_ARE,
        "TableName",
        "GlobalSecondaryIndexes",
        "StreamSpecification",
        "SSESpecification",
        "TimeToLiveSpecification",
        "PointInTimeRecoverySpecification",
        "ContributorInsightsSpecification",
        "ResourcePolicy",
        "Tags",
    )
)
_INDEX: Final = frozenset(
    ("IndexName", "KeySchema", "Projection", "ProvisionedThroughput", "OnDemandThroughput", "WarmThroughput")
)
_STREAM: Final = frozenset(("StreamViewType",))
Properties = dict[str, Any]


class Table(Handler):
    """AWS::DynamoDB::Table. What an update has to do is read off the table as it is, so that it may be repeated."""

    name_property = "TableName"

    def replaces(self, old: Properties, new: Properties) -> bool:
        """Other keys, or other local indexes, make another table."""
        if chosen(old, "KeySchema", "LocalSecondaryIndexes") != chosen(new, "KeySchema", "LocalSecondaryIndexes"):
            return True
        keys = {element["AttributeName"] for element in new["KeySchema"]}
        return _types(old, keys) != _types(new, keys)

    async def create(self, work: Work, properties: Properties) -> Physical:
        """Make the table and set what has operations of its own."""
        _refuse(properties)
        name = work.physical_id or properties.get("TableName") or work.name(255)
        if not work.physical_id:
            await self._make(work, name, properties)
            await work.made(name)
        table = await self._settled(work, name)
        await self._configure(work, table, {}, properties)
        return _physical(table)

    async def _make(self, work: Work, name: str, properties: Properties) -> None:
        params = chosen(properties, *_AS_THEY_ARE, "GlobalSecondaryIndexes")
        if "StreamSpecification" in properties:
            params["StreamSpecification"] = _stream(properties)
        if "SSESpecification" in properties:
            params["SSESpecification"] = _encryption(properties)
        if "ResourcePolicy" in properties:
            params["ResourcePolicy"] = document(properties["ResourcePolicy"]["PolicyDocument"])
        tags = tag_list(work, properties)
        try:
            await work.call("dynamodb", "CreateTable", TableName=name, **params, **({"Tags": tags} if tags else {}))
        except ServiceError as error:
            if error.code != "ResourceInUseException":
                raise
            found = await work.call("dynamodb", "DescribeTable", TableName=name)
            if not work.ours(found["Table"]["CreationDateTime"]):
                raise HandlerFailed(f"{name} already exists") from error

    async def _settled(self, work: Work, name: str) -> dict[str, Any]:
        """The table once it and its indexes are active."""
        while True:
            table: dict[str, Any] = (await work.call("dynamodb", "DescribeTable", TableName=name))["Table"]
            statuses = [index["IndexStatus"] for index in table.get("GlobalSecondaryIndexes", ())]
            if {table["TableStatus"], *statuses} == {"ACTIVE"}:
                return table
            await work.pause(_POLL_MS)

    async def update(self, work: Work, physical: Physical, old: Properties, new: Properties) -> Physical:
        """Change what differs."""
        _refuse(new)
        name = physical.id
        table = await self._settled(work, name)
        changes = _changes(table, old, new)
        if changes:
            await work.call("dynamodb", "UpdateTable", TableName=name, **changes)
        await self._change_stream(work, table, new)
        await self._change_indexes(work, table, new)
        table = await self._settled(work, name)
        await self._configure(work, table, old, new)
        removed, added = tag_changes(work, old, new)
        arn = table["TableArn"]
        if removed:
            await work.call("dynamodb", "UntagResource", ResourceArn=arn, TagKeys=removed)
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            await work.call("dynamodb", "TagResource", ResourceArn=arn, Tags=tags)
        return _physical(table)

    async def _change_stream(self, work: Work, table: dict[str, Any], new: Properties) -> None:
        now = table.get("StreamSpecification")
        wanted = _stream(new) if "StreamSpecification" in new else None
        if now == wanted:
            return
        name = table["TableName"]
        if now is not None:
            off = {"StreamEnabled": False}
            await work.call("dynamodb", "UpdateTable", TableName=name, StreamSpecification=off)
        if wanted is not None:
            await work.call("dynamodb", "UpdateTable", TableName=name, StreamSpecification=wanted)

    async def _change_indexes(self, work: Work, table: dict[str, Any], new: Properties) -> None:
        """Remove, make and change global indexes, one at a time."""
        name = table["TableName"]
        now = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", ())}
        wanted = {index["IndexName"]: index for index in new.get("GlobalSecondaryIndexes", ())}
        for index in wanted.values():
            found = now.get(index["IndexName"])
            if found is not None and any(found[part] != index[part] for part in ("KeySchema", "Projection")):
                raise HandlerFailed(
                    "Cannot update GSI's properties other than Provisioned Throughput and Contributor Insights "
                    "Specification. You can create a new GSI with a different name."
                )
        updates = [{"Delete": {"IndexName": index}} for index in now if index not in wanted]
        updates += [{"Create": index} for index in wanted.values() if index["IndexName"] not in now]
        on_demand = new.get("BillingMode") == "PAY_PER_REQUEST"
        for index in wanted.values() if not on_demand else ():
            change = _index_change(now.get(index["IndexName"]), index)
            updates += [{"Update": change}] if change else []
        for update in updates:
            definitions = new.get("AttributeDefinitions", [])
            params = {"AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": [update]}
            await work.call("dynamodb", "UpdateTable", TableName=name, **params)
            await self._settled(work, name)

    async def _configure(self, work: Work, table: dict[str, Any], old: Properties, new: Properties) -> None:
        """Settings that have operations of their own."""
        name = table["TableName"]
        await self._expire(work, name, new)
        recovery = new.get("PointInTimeRecoverySpecification")
        if recovery != old.get("PointInTimeRecoverySpecification"):
            spec = recovery or {"PointInTimeRecoveryEnabled": False}
            await work.call(
                "dynamodb", "UpdateContinuousBackups", TableName=name, PointInTimeRecoverySpecification=spec
            )
        insights = new.get("ContributorInsightsSpecification")
        if insights != old.get("ContributorInsightsSpecification"):
            action = "ENABLE" if insights and insights["Enabled"] else "DISABLE"
            mode = {"ContributorInsightsMode": insights["Mode"]} if insights and "Mode" in insights else {}
            params = {"ContributorInsightsAction": action, **mode}
            await work.call("dynamodb", "UpdateContributorInsights", TableName=name, **params)
        policy = new.get("ResourcePolicy")
        if policy != old.get("ResourcePolicy") and policy is not None:
            text = document(policy["PolicyDocument"])
            await work.call("dynamodb", "PutResourcePolicy", ResourceArn=table["TableArn"], Policy=text)
        elif policy is None and "ResourcePolicy" in old:
            await work.call("dynamodb", "DeleteResourcePolicy", ResourceArn=table["TableArn"])

    async def _expire(self, work: Work, name: str, new: Properties) -> None:
        spec = new.get("TimeToLiveSpecification")
        wanted = spec["AttributeName"] if spec is not None and spec["Enabled"] else ""
        found = await work.call("dynamodb", "DescribeTimeToLive", TableName=name)
        now = found["TimeToLiveDescription"].get("AttributeName", "")
        for attribute, enabled in ((now, False), (wanted, True)):
            if attribute and now != wanted:
                setting = {"Enabled": enabled, "AttributeName": attribute}
                await work.call("dynamodb", "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=setting)

    async def delete(self, work: Work, physical: Physical, properties: Properties) -> None:
        """Delete the table with everything in it."""
        await work.attempt(_NOT_FOUND, "dynamodb", "DeleteTable", TableName=physical.id)


def _refuse(properties: Properties) -> None:
    for name in sorted(properties.keys() - _BUILT):
        raise HandlerFailed(f"Lambent has not built the property {name} of AWS::DynamoDB::Table yet.")
    if isinstance(properties["KeySchema"], dict):
        raise HandlerFailed("Lambent has not built the deprecated form of KeySchema of AWS::DynamoDB::Table.")
    for index in properties.get("GlobalSecondaryIndexes", ()):
        for name in sorted(index.keys() - _INDEX):
            raise HandlerFailed(
                f"Lambent has not built the property GlobalSecondaryIndexes/{name} of AWS::DynamoDB::Table yet."
            )
    for name in sorted(properties.get("StreamSpecification", {}).keys() - _STREAM):
        raise HandlerFailed(
            f"Lambent has not built the property StreamSpecification/{name} of AWS::DynamoDB::Table yet."
        )


def _types(properties: Properties, names: set[str]) -> dict[str, str]:
    found = properties.get("AttributeDefinitions", ())
    return {one["AttributeName"]: one["AttributeType"] for one in found if one["AttributeName"] in names}


def _stream(properties: Properties) -> dict[str, Any]:
    return {"StreamEnabled": True, "StreamViewType": properties["StreamSpecification"]["StreamViewType"]}


def _encryption(properties: Properties) -> dict[str, Any]:
    spec = properties.get("SSESpecification", {})
    return {"Enabled": spec.get("SSEEnabled", False), **chosen(spec, "SSEType", "KMSMasterKeyId")}


def _changes(table: dict[str, Any], old: Properties, new: Properties) -> dict[str, Any]:
    """The parameters of UpdateTable for what is neither stream nor index."""
    changes: dict[str, Any] = {}
    mode = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    wanted = new.get("BillingMode", "PROVISIONED")
    if wanted != mode:
        changes["BillingMode"] = wanted
    units = new.get("ProvisionedThroughput")
    if wanted == "PROVISIONED" and units is not None and not _same_units(table["ProvisionedThroughput"], units):
        changes["ProvisionedThroughput"] = units
    if wanted == "PROVISIONED" and wanted != mode:
        updates = [_index_change({}, index) for index in new.get("GlobalSecondaryIndexes", ())]
        if updates:
            changes["GlobalSecondaryIndexUpdates"] = [{"Update": update} for update in updates]
    kind = new.get("TableClass", "STANDARD")
    if kind != table.get("TableClassSummary", {}).get("TableClass", "STANDARD"):
        changes["TableClass"] = kind
    protected = new.get("DeletionProtectionEnabled", False)
    if protected != table["DeletionProtectionEnabled"]:
        changes["DeletionProtectionEnabled"] = protected
    if new.get("SSESpecification") != old.get("SSESpecification"):
        changes["SSESpecification"] = _encryption(new)
    for name in ("OnDemandThroughput", "WarmThroughput"):
        if name in new and new[name] != old.get(name):
            changes[name] = new[name]
    return changes


def _same_units(now: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    return all(now[name] == wanted[name] for name in ("ReadCapacityUnits", "WriteCapacityUnits"))


def _index_change(now: Mapping[str, Any] | None, wanted: Properties) -> dict[str, Any] | None:
    """The Update of an index that is there, when its capacity is to be another; {} stands for any."""
    units = wanted.get("ProvisionedThroughput")
    if now is None or units is None or (now and _same_units(now["ProvisionedThroughput"], units)):
        return None
    return {"IndexName": wanted["IndexName"], "ProvisionedThroughput": units}


def _physical(table: dict[str, Any]) -> Physical:
    attributes = {"Arn": table["TableArn"]}
    if "LatestStreamArn" in table:
        attributes["StreamArn"] = table["LatestStreamArn"]
    return Physical(table["TableName"], attributes)


HANDLERS: Final[Mapping[str, Handler]] = {"AWS::DynamoDB::Table": Table()}
