"""A cloud for the tests of DynamoDB: tables in a line, its own events delivered by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery
from lambent.kv import outbox
from tests.support import TestCloud

MS = 1_000_000
SECOND_NS = 1_000 * MS
DAY_NS = 86_400 * SECOND_NS
TABLE = "things"
Item = dict[str, Any]


class DynamoCloud(TestCloud):
    """`await cloud.db("GetItem", Key=...)` asks about the table `things` unless TableName says otherwise."""

    async def db(self, operation: str, **params: Any) -> dict[str, Any]:
        if operation not in _WITHOUT_TABLE:
            params.setdefault("TableName", TABLE)
        return await self.call("dynamodb", operation, **params)

    async def streams(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.call("dynamodbstreams", operation, **params)

    async def table(self, key: str = "pk:S sk:S", name: str = TABLE, **params: Any) -> dict[str, Any]:
        """Make a table, its keys as `pk:S` or `pk:S sk:N`; further attributes after a slash: `pk:S / owner:S`."""
        own, _, others = key.partition("/")
        pairs = [pair.split(":") for pair in own.split()]
        kinds = ("HASH", "RANGE")
        params.setdefault("BillingMode", "PAY_PER_REQUEST")
        if params["BillingMode"] == "PROVISIONED":
            params.setdefault("ProvisionedThroughput", {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
        return await self.db(
            "CreateTable",
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": attribute, "AttributeType": kind}
                for attribute, kind in (*pairs, *(pair.split(":") for pair in others.split()))
            ],
            KeySchema=[
                {"AttributeName": attribute, "KeyType": kind}
                for (attribute, _), kind in zip(pairs, kinds, strict=False)
            ],
            **params,
        )

    async def put(self, *items: Item, table: str = TABLE) -> None:
        """Put items, one after another."""
        for item in items:
            await self.db("PutItem", TableName=table, Item=item)

    async def deliver(self) -> int:
        """Deliver every event that is due until none is left; returns how many there were."""
        count = 0
        while True:
            pending = await self.store.read(outbox.pending)
            due = [claimed for due_ns, claimed in pending if claimed.entry.owner or due_ns <= self.clock.now_ns()]
            if not due:
                return count
            for key, entry in due:
                delivery = Delivery(id=entry.id, event=entry.event, attempt=1, emitted_ns=entry.emitted_ns)
                await self.targets[entry.event.target.split(":")[2]].deliver(delivery)
                await self.store.write(partial(outbox.done, key=key))
                count += 1

    async def refused(self, code: str, operation: str, **params: Any) -> str:
        """The message with which an operation is refused; the error's code must be `code`."""
        return (await self.refusal(code, operation, **params)).message

    async def refusal(self, code: str, operation: str, **params: Any) -> ServiceError:
        """The error with which an operation is refused."""
        with pytest.raises(ServiceError) as found:
            await self.db(operation, **params)
        assert found.value.code == code, found.value.message
        return found.value


def run(body: Callable[[DynamoCloud], Awaitable[None]]) -> None:
    """Run a test on a cloud of its own."""

    async def main() -> None:
        await body(DynamoCloud())

    asyncio.run(main())


_WITHOUT_TABLE = frozenset(
    (
        "BatchGetItem",
        "BatchWriteItem",
        "TransactGetItems",
        "TransactWriteItems",
        "ListTables",
        "DescribeLimits",
        "DescribeEndpoints",
        "TagResource",
        "UntagResource",
        "ListTagsOfResource",
        "PutResourcePolicy",
        "GetResourcePolicy",
        "DeleteResourcePolicy",
        "ListContributorInsights",
        "DescribeBackup",
        "DeleteBackup",
        "ListBackups",
        "RestoreTableFromBackup",
        "RestoreTableToPointInTime",
        "ExportTableToPointInTime",
        "DescribeExport",
        "ListExports",
        "ImportTable",
        "DescribeImport",
        "ListImports",
        "CreateGlobalTable",
        "UpdateGlobalTable",
        "DescribeGlobalTable",
        "ListGlobalTables",
        "DescribeGlobalTableSettings",
        "UpdateGlobalTableSettings",
    )
)


def index(name: str, key: str, projection: str = "ALL", *non_key: str, **params: Any) -> dict[str, Any]:
    """An index as CreateTable takes it: `index("by-owner", "owner sk")`."""
    shown: dict[str, Any] = {"ProjectionType": projection}
    if non_key:
        shown["NonKeyAttributes"] = list(non_key)
    schema = [{"AttributeName": n, "KeyType": k} for n, k in zip(key.split(), ("HASH", "RANGE"), strict=False)]
    return {"IndexName": name, "KeySchema": schema, "Projection": shown, **params}


def thing(pk: str, sk: str, **values: Any) -> Item:
    """An item of the usual table: texts become strings, numbers numbers."""
    return {"pk": {"S": pk}, "sk": {"S": sk}, **{name: value_of(value) for name, value in values.items()}}


def value_of(value: Any) -> dict[str, Any]:
    """An attribute value of a text or a number; a value as it is."""
    if isinstance(value, dict):
        return value
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def query(pk: str, **params: Any) -> dict[str, Any]:
    """The parameters of a query of one partition."""
    values = {":pk": {"S": pk}, **params.pop("values", {})}
    return {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": values, **params}
