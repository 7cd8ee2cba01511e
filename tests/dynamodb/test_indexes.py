"""Secondary indexes: kept with every write, filled later, read in pages."""

from __future__ import annotations

from typing import Any

from .support import TABLE, DynamoCloud, index, query, run, thing

BY_OWNER = {
    "IndexName": "by-owner",
    "KeyConditionExpression": "#o = :o",
    "ExpressionAttributeNames": {"#o": "owner"},
    "ExpressionAttributeValues": {":o": {"S": "me"}},
}


async def keys_of(cloud: DynamoCloud, **params: Any) -> list[str]:
    """The range keys that a query gives, page after page."""
    found: list[str] = []
    while True:
        page = await cloud.db("Query", **params)
        found += [item["sk"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        params["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def test_entries_follow_their_items() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:S / owner:S", GlobalSecondaryIndexes=[index("by-owner", "owner sk")])
        await cloud.put(*(thing("a", f"{n}", owner="me") for n in range(5)), thing("a", "x", owner="you"))
        assert await keys_of(cloud, **BY_OWNER) == ["0", "1", "2", "3", "4"]
        assert await keys_of(cloud, **BY_OWNER, Limit=2, ScanIndexForward=False) == ["4", "3", "2", "1", "0"]
        await cloud.put(thing("a", "1", owner="you"), thing("a", "2"))
        await cloud.db("DeleteItem", Key=thing("a", "3"))
        assert await keys_of(cloud, **BY_OWNER) == ["0", "4"]

    run(body)


def test_projections_hold_what_they_say() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(
            "pk:S sk:S / owner:S",
            GlobalSecondaryIndexes=[index("by-owner", "owner", "INCLUDE", "name")],
            LocalSecondaryIndexes=[index("local", "pk owner", "KEYS_ONLY")],
        )
        item = thing("a", "1", owner="me", name="n", secret="s")
        await cloud.put(item)
        page = await cloud.db("Query", **BY_OWNER)
        assert page["Items"] == [thing("a", "1", owner="me", name="n")]
        words = await cloud.refused("ValidationException", "Query", **BY_OWNER, Select="ALL_ATTRIBUTES")
        assert "Select type ALL_ATTRIBUTES is not supported for global secondary index by-owner" in words
        # A local index fetches from the table what it does not hold, and pays for it.
        local = query("a", IndexName="local", Select="ALL_ATTRIBUTES", ReturnConsumedCapacity="INDEXES")
        page = await cloud.db("Query", **local)
        assert page["Items"] == [item]
        assert page["ConsumedCapacity"]["Table"] == {"CapacityUnits": 0.5}
        assert (await cloud.db("Query", **query("a", IndexName="local")))["Items"] == [thing("a", "1", owner="me")]

    run(body)


def test_a_later_index_is_filled_in_the_background_and_readable_when_active() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        for first in range(0, 425, 25):
            puts = [
                {"PutRequest": {"Item": thing("p", f"{n:04d}", owner="me" if n % 2 else "you")}}
                for n in range(first, first + 25)
            ]
            await cloud.db("BatchWriteItem", RequestItems={TABLE: puts})
        create = index("by-owner", "owner sk")
        definition = [{"AttributeName": "owner", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}]
        updates = [{"Create": create}]
        await cloud.db("UpdateTable", AttributeDefinitions=definition, GlobalSecondaryIndexUpdates=updates)
        shown = (await cloud.db("DescribeTable"))["Table"]["GlobalSecondaryIndexes"][0]
        assert (shown["IndexStatus"], shown["Backfilling"]) == ("CREATING", True)
        words = await cloud.refused("ValidationException", "Query", **BY_OWNER)
        assert "Cannot read from backfilling global secondary index" in words
        # Writes while it is filled: one not reached yet that leaves, one that changes, one that is new.
        await cloud.db("DeleteItem", Key=thing("p", "0001"))
        await cloud.put(thing("p", "0003", owner="you"), thing("p", "9999", owner="me"))
        assert await cloud.deliver() == 3
        shown = (await cloud.db("DescribeTable"))["Table"]["GlobalSecondaryIndexes"][0]
        assert (shown["IndexStatus"], shown["ItemCount"]) == ("ACTIVE", 425)
        found = await keys_of(cloud, **BY_OWNER)
        assert found == [f"{n:04d}" for n in range(5, 425, 2)] + ["9999"]
        await cloud.db("UpdateTable", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-owner"}}])
        assert await cloud.deliver() == 3
        table = (await cloud.db("DescribeTable"))["Table"]
        assert "GlobalSecondaryIndexes" not in table
        assert len(table["AttributeDefinitions"]) == 2

    run(body)


def test_an_index_may_be_dropped_while_it_is_filled() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("a", "1", owner="me"))
        definition = [{"AttributeName": "owner", "AttributeType": "S"}]
        create = [{"Create": index("by-owner", "owner")}]
        await cloud.db("UpdateTable", AttributeDefinitions=definition, GlobalSecondaryIndexUpdates=create)
        await cloud.db("UpdateTable", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-owner"}}])
        await cloud.deliver()
        assert "GlobalSecondaryIndexes" not in (await cloud.db("DescribeTable"))["Table"]
        # The same name again is another index, filled from its own beginning.
        await cloud.db("UpdateTable", AttributeDefinitions=definition, GlobalSecondaryIndexUpdates=create)
        await cloud.deliver()
        assert (await cloud.db("Query", **BY_OWNER))["Count"] == 1

    run(body)


def test_an_index_may_not_be_made_twice_or_two_at_once() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(GlobalSecondaryIndexes=[index("by-sk", "sk")])
        create = {"Create": index("by-sk", "sk")}
        words = await cloud.refused("ValidationException", "UpdateTable", GlobalSecondaryIndexUpdates=[create])
        assert "already exists" in words
        both = [{"Create": index("one", "sk")}, {"Create": index("two", "sk")}]
        await cloud.refused("LimitExceededException", "UpdateTable", GlobalSecondaryIndexUpdates=both)

    run(body)
