"""Global tables: writes in any region come to all, and all end up with the same items."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.events import Delivery
from lambent.kv import outbox
from lambent.services.dynamodb.replication import apply
from lambent.services.dynamodb.replication.records import versions

from .support import DAY_NS, MS, SECOND_NS, TABLE, DynamoCloud, Item, index, run, thing

HOME, AWAY, THIRD = "us-east-1", "eu-west-1", "ap-south-1"


async def at(cloud: DynamoCloud, region: str, operation: str, **params: Any) -> dict[str, Any]:
    """An operation on the table, in a region."""
    return await cloud.call("dynamodb", operation, region=region, TableName=TABLE, **params)


async def add(cloud: DynamoCloud, region: str, **options: Any) -> dict[str, Any]:
    """A new replica of the table of the home region."""
    updates = [{"Create": {"RegionName": region, **options}}]
    return (await at(cloud, HOME, "UpdateTable", ReplicaUpdates=updates))["TableDescription"]


async def items_in(cloud: DynamoCloud, region: str, **options: Any) -> list[Item]:
    """The items of a region, in the order of their keys."""
    found = (await at(cloud, region, "Scan", **options))["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def test_a_replica_is_made_filled_and_followed() -> None:
    async def body(cloud: DynamoCloud) -> None:
        by_owner = [index("by-owner", "owner")]
        await cloud.table("pk:S sk:S / owner:S", GlobalSecondaryIndexes=by_owner)
        await cloud.put(*(thing("old", str(n), owner="me") for n in range(5)))
        described = await add(cloud, AWAY)
        assert described["Replicas"] == [{"RegionName": AWAY, "ReplicaStatus": "CREATING"}]
        assert described["TableStatus"] == "UPDATING"
        await cloud.put(thing("new", "1", owner="me"))
        await cloud.deliver()
        table = (await at(cloud, AWAY, "DescribeTable"))["Table"]
        assert (table["TableStatus"], table["GlobalTableVersion"]) == ("ACTIVE", "2019.11.21")
        assert table["Replicas"] == [{"RegionName": HOME, "ReplicaStatus": "ACTIVE"}]
        assert table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES"
        assert len(await items_in(cloud, AWAY)) == 6
        assert await items_in(cloud, AWAY) == await items_in(cloud, HOME)
        assert await items_in(cloud, AWAY, IndexName="by-owner") == await items_in(cloud, HOME)
        await at(cloud, AWAY, "DeleteItem", Key=thing("old", "0"))
        await at(cloud, AWAY, "PutItem", Item=thing("old", "1", n=7))
        await cloud.deliver()
        assert await items_in(cloud, HOME) == await items_in(cloud, AWAY)
        assert (await items_in(cloud, HOME))[1] == thing("old", "1", n=7)
        await cloud.db("UpdateTable", ReplicaUpdates=[{"Delete": {"RegionName": AWAY}}])
        await cloud.deliver()
        assert "Replicas" not in (await cloud.db("DescribeTable"))["Table"]
        assert (await cloud.call("dynamodb", "ListTables", region=AWAY))["TableNames"] == []

    run(body)


def test_streams_tell_of_writes_of_other_regions_once() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await add(cloud, AWAY)
        await cloud.deliver()
        await cloud.put(thing("a", "1", n=1))
        await cloud.deliver()
        await at(cloud, AWAY, "DeleteItem", Key=thing("a", "1"))
        await cloud.deliver()
        for region in (HOME, AWAY):
            arn = (await at(cloud, region, "DescribeTable"))["Table"]["LatestStreamArn"]
            found = await cloud.call("dynamodbstreams", "DescribeStream", region=region, StreamArn=arn)
            shard = found["StreamDescription"]["Shards"][0]["ShardId"]
            start = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
            iterator = (await cloud.call("dynamodbstreams", "GetShardIterator", region=region, **start))[
                "ShardIterator"
            ]
            records = (await cloud.call("dynamodbstreams", "GetRecords", region=region, ShardIterator=iterator))[
                "Records"
            ]
            assert [record["eventName"] for record in records] == ["INSERT", "REMOVE"]
            assert records[0]["dynamodb"]["NewImage"] == thing("a", "1", n=1)

    run(body)


def test_settings_come_to_all_regions() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:S")
        await cloud.put(thing("a", "1", owner="me"))
        await add(cloud, AWAY)
        await cloud.deliver()
        spec = {"Enabled": True, "AttributeName": "expires"}
        await at(cloud, AWAY, "UpdateTimeToLive", TimeToLiveSpecification=spec)
        definitions = [{"AttributeName": "owner", "AttributeType": "S"}]
        create = [{"Create": index("by-owner", "owner")}]
        await cloud.db("UpdateTable", AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=create)
        await cloud.deliver()
        assert await items_in(cloud, AWAY, IndexName="by-owner") == [thing("a", "1", owner="me")]
        due_s = cloud.clock.now_ns() // SECOND_NS + 5
        await cloud.put(thing("a", "2", expires=due_s))
        await cloud.deliver()
        cloud.clock.advance(120 * SECOND_NS)
        await cloud.deliver()
        for region in (HOME, AWAY):
            assert await items_in(cloud, region) == [thing("a", "1", owner="me")]
        await cloud.db("UpdateTable", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-owner"}}])
        await cloud.deliver()
        assert "GlobalSecondaryIndexes" not in (await at(cloud, AWAY, "DescribeTable"))["Table"]

    run(body)


def test_replicas_that_cannot_be_are_refused() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        own = [{"Create": {"RegionName": HOME}}]
        await cloud.refused("ValidationException", "UpdateTable", ReplicaUpdates=own)
        none = [{"Delete": {"RegionName": AWAY}}]
        await cloud.refused("ValidationException", "UpdateTable", ReplicaUpdates=none)
        schema = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
        defined = [{"AttributeName": "pk", "AttributeType": "S"}]
        await at(cloud, AWAY, "CreateTable", AttributeDefinitions=defined, **schema)
        taken = [{"Create": {"RegionName": AWAY}}]
        message = await cloud.refused("ValidationException", "UpdateTable", ReplicaUpdates=taken)
        assert message.endswith("because one or more replicas already existed as tables.")

    run(body)


def test_the_operations_of_2017_join_tables() -> None:
    async def body(cloud: DynamoCloud) -> None:
        group = [{"RegionName": HOME}, {"RegionName": AWAY}]
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        await cloud.table(StreamSpecification=stream)
        with_group = {"GlobalTableName": TABLE, "ReplicationGroup": group}
        await cloud.refused("TableNotFoundException", "CreateGlobalTable", **with_group)
        nowhere = {"GlobalTableName": TABLE, "ReplicationGroup": [{}]}
        await cloud.refused("ValidationException", "CreateGlobalTable", **nowhere)
        schema = (await cloud.db("DescribeTable"))["Table"]
        for region in (AWAY, THIRD):
            await at(
                cloud,
                region,
                "CreateTable",
                AttributeDefinitions=schema["AttributeDefinitions"],
                KeySchema=schema["KeySchema"],
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification=stream,
            )
        made = (await cloud.db("CreateGlobalTable", **with_group))["GlobalTableDescription"]
        assert made["GlobalTableArn"] == "arn:aws:dynamodb::000000000000:global-table/things"
        await cloud.refused("GlobalTableAlreadyExistsException", "CreateGlobalTable", **with_group)
        more = [{"Create": {"RegionName": THIRD}}]
        await cloud.db("UpdateGlobalTable", GlobalTableName=TABLE, ReplicaUpdates=more)
        await at(cloud, THIRD, "PutItem", Item=thing("a", "1"))
        await cloud.deliver()
        for region in (HOME, AWAY, THIRD):
            assert await items_in(cloud, region) == [thing("a", "1")]
        less = [{"Delete": {"RegionName": AWAY}}]
        await cloud.db("UpdateGlobalTable", GlobalTableName=TABLE, ReplicaUpdates=less)
        found = (await cloud.db("DescribeGlobalTable", GlobalTableName=TABLE))["GlobalTableDescription"]
        assert [one["RegionName"] for one in found["ReplicationGroup"]] == [HOME, THIRD]
        assert (await cloud.db("ListGlobalTables", RegionName=AWAY))["GlobalTables"] == []
        assert len((await cloud.db("ListGlobalTables"))["GlobalTables"]) == 1
        capacity = await cloud.db("DescribeGlobalTableSettings", GlobalTableName=TABLE)
        assert [one["RegionName"] for one in capacity["ReplicaSettings"]] == [HOME, THIRD]
        await cloud.refused("GlobalTableNotFoundException", "DescribeGlobalTable", GlobalTableName="other")

    run(body)


def test_what_is_gone_is_forgotten_after_two_days() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await add(cloud, AWAY)
        await cloud.put(thing("a", "1"), thing("a", "2"))
        await cloud.db("DeleteItem", Key=thing("a", "1"))
        await cloud.deliver()
        assert len(await cloud.store.read(versions.scan)) == 4
        for _ in range(3):
            cloud.clock.advance(DAY_NS)
            await cloud.deliver()
        assert len(await cloud.store.read(versions.scan)) == 2
        await cloud.db("UpdateTable", ReplicaUpdates=[{"Delete": {"RegionName": AWAY}}])
        await cloud.db("DeleteTable")
        await cloud.deliver()

    run(body)


async def deliver_some(cloud: DynamoCloud, random: Random) -> None:
    """Deliver what is due in any order, some of it twice."""
    pending = await cloud.store.read(outbox.pending)
    due = [claimed for due_ns, claimed in pending if claimed.entry.owner or due_ns <= cloud.clock.now_ns()]
    random.shuffle(due)
    for key, entry in due[: random.randrange(len(due) + 1)]:
        for attempt in range(1, 3):
            delivery = Delivery(id=entry.id, event=entry.event, attempt=attempt, emitted_ns=entry.emitted_ns)
            await cloud.targets["dynamodb"].deliver(delivery)
            if random.random() < 0.7:
                break
        if random.random() < 0.9:
            await cloud.store.write(partial(outbox.done, key=key))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**9))
@pytest.mark.slow
def test_regions_converge_whatever_is_written_and_however_it_is_delivered(seed: int) -> None:
    async def main() -> None:
        random = Random(seed)
        cloud = DynamoCloud(validate=False)
        await cloud.table("pk:S sk:S / owner:S", GlobalSecondaryIndexes=[index("by-owner", "owner")])
        regions = [HOME]
        for step in range(50):
            region = random.choice(regions)
            key = thing(random.choice("ab"), str(random.randrange(3)))
            try:
                if random.random() < 0.3:
                    await at(cloud, region, "DeleteItem", Key=key)
                else:
                    await at(cloud, region, "PutItem", Item={**key, "n": {"N": str(step)}, "owner": {"S": region}})
            except Exception as error:  # a replica that is still being filled
                assert getattr(error, "code", "") == "ResourceNotFoundException"  # noqa: PT017
            if random.random() < 0.4:
                cloud.clock.advance(random.choice((1, 1000)) * MS)
            if step in (10, 25):
                regions.append((AWAY, THIRD)[len(regions) - 1])
                await add(cloud, regions[-1])
            if random.random() < 0.3:
                await deliver_some(cloud, random)
        await cloud.deliver()
        at_home = await items_in(cloud, HOME)
        for region in (AWAY, THIRD):
            assert await items_in(cloud, region) == at_home
            assert await items_in(cloud, region, IndexName="by-owner") == at_home

    asyncio.run(main())


def test_a_new_member_is_filled_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(*(thing("a", str(n)) for n in range(10)))
        await add(cloud, AWAY)
        assert await cloud.deliver() > 4
        assert len(await items_in(cloud, AWAY)) == 10

    monkeypatch.setattr(apply, "BATCH", 2)
    run(body)


def test_a_new_member_hears_of_what_is_gone_before_others_do() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("a", "1"))
        await add(cloud, AWAY)
        await cloud.deliver()
        await cloud.db("DeleteItem", Key=thing("a", "1"))
        pending = await cloud.store.read(outbox.pending)
        held = [claimed for _, claimed in pending if b'"replicate"' in claimed.entry.event.payload]
        for key, _ in held:  # the other region does not hear of it yet
            await cloud.store.write(partial(outbox.done, key=key))
        await add(cloud, THIRD)
        await cloud.deliver()
        assert await items_in(cloud, AWAY) == [thing("a", "1")]
        for _, entry in held:
            delivery = Delivery(id=entry.id, event=entry.event, attempt=2, emitted_ns=entry.emitted_ns)
            await cloud.targets["dynamodb"].deliver(delivery)
        for region in (HOME, AWAY, THIRD):
            assert await items_in(cloud, region) == []

    run(body)
