"""AWS::DynamoDB::GlobalTable with one replica, in the stack's region: what the CDK's TableV2 makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .base import Handler, HandlerFailed, Physical, Work, chosen
from .dynamodb import Properties, Table

_TYPE: Final = "AWS::DynamoDB::GlobalTable"
_SHARED: Final = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "SSESpecification",
    "StreamSpecification",
    "TableName",
    "TimeToLiveSpecification",
    "WarmThroughput",
)
_REPLICA: Final = (
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "ResourcePolicy",
    "TableClass",
    "Tags",
)
"""What a replica says is what a table says of itself, in the same words."""


class GlobalTable(Handler):
    """AWS::DynamoDB::GlobalTable, handled as the table that its one replica is."""

    name_property = "TableName"

    def __init__(self) -> None:
        self._table = Table()

    def replaces(self, old: Properties, new: Properties) -> bool:
        """As a table's."""
        return self._table.replaces(old, new)

    async def create(self, work: Work, properties: Properties) -> Physical:
        """Make the table."""
        return await self._seen(work, await self._table.create(work, _as_table(work, properties)))

    async def update(self, work: Work, physical: Physical, old: Properties, new: Properties) -> Physical:
        """Change the table."""
        changed = await self._table.update(work, physical, _as_table(work, old), _as_table(work, new))
        return await self._seen(work, changed)

    async def delete(self, work: Work, physical: Physical, properties: Properties) -> None:
        """Delete the table."""
        await self._table.delete(work, physical, properties)

    async def _seen(self, work: Work, physical: Physical) -> Physical:
        found = await work.call("dynamodb", "DescribeTable", TableName=physical.id)
        return Physical(physical.id, {**physical.attributes, "TableId": found["Table"]["TableId"]})


def _as_table(work: Work, properties: Properties) -> dict[str, Any]:
    for name in sorted(properties.keys() - {*_SHARED, "Replicas"}):
        raise HandlerFailed(f"Lambent has not built the property {name} of {_TYPE} yet.")
    (replica, *others) = properties["Replicas"]
    if others or replica["Region"] != work.region:
        raise HandlerFailed(f"Lambent has not built {_TYPE} with replicas in other regions than the stack's yet.")
    for name in sorted(_said(replica) - {*_REPLICA, "Region"}):
        raise HandlerFailed(f"Lambent has not built the property Replicas/{name} of {_TYPE} yet.")
    if properties.get("BillingMode") != "PAY_PER_REQUEST":
        # Its capacity would be for auto scaling to set; a table's own has no property here.
        raise HandlerFailed(f"Lambent has not built {_TYPE} with a BillingMode other than PAY_PER_REQUEST yet.")
    return {**chosen(properties, *_SHARED), **chosen(replica, *_REPLICA)}


def _said(replica: dict[str, Any]) -> set[str]:
    """The names of what a replica says. Of its indexes, the CDK gives the names alone, which says nothing."""
    names = set(replica)
    if all(index.keys() == {"IndexName"} for index in replica.get("GlobalSecondaryIndexes", ())):
        names.discard("GlobalSecondaryIndexes")
    return names


HANDLERS: Final[Mapping[str, Handler]] = {_TYPE: GlobalTable()}
