"""On a shared store many handlers run at once: counters, indexes and streams stay exact."""

from __future__ import annotations

import asyncio

import pytest

from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.kv.engines.postgres import PostgresStore
from tests.kv.postgres_cluster import find_binaries, started

from .support import TABLE, DynamoCloud, index, thing

WRITERS, WRITES = 6, 20
LONGEST = thing("h" * 2048, "s" * 1024, owner="o" * 2048)


@pytest.mark.slow
def test_writers_at_once_lose_nothing() -> None:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with started(binaries) as cluster:
        asyncio.run(scenario(cluster.schema()))


async def scenario(url: str) -> None:
    """Writers of one partition, and of one item, all at the same time."""
    cloud = DynamoCloud()
    cloud.clock, cloud.ids = SystemClock(), Ids()  # type: ignore[assignment]  # the machine's time, as on a cluster
    cloud.store = PostgresStore(url, cloud.clock, cloud.ids)
    await cloud.table(
        "pk:S sk:S / owner:S",
        GlobalSecondaryIndexes=[index("by-owner", "owner")],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}

    async def writer(number: int) -> None:
        for turn in range(WRITES):
            await cloud.put(thing("p", f"{number}-{turn}", owner="me"))
            await cloud.db("UpdateItem", Key=thing("p", "counter"), **add)

    await asyncio.gather(*map(writer, range(WRITERS)))
    total = WRITERS * WRITES
    counter = (await cloud.db("GetItem", Key=thing("p", "counter")))["Item"]
    assert counter["n"] == {"N": str(total)}
    table = (await cloud.db("DescribeTable"))["Table"]
    assert table["ItemCount"] == total + 1
    assert table["GlobalSecondaryIndexes"][0]["ItemCount"] == total
    assert (await cloud.db("Scan", IndexName="by-owner", Select="COUNT"))["Count"] == total
    arn = table["LatestStreamArn"]
    shard = (await cloud.streams("DescribeStream", StreamArn=arn))["StreamDescription"]["Shards"][0]["ShardId"]
    where = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = (await cloud.streams("GetShardIterator", **where))["ShardIterator"]
    records = (await cloud.streams("GetRecords", ShardIterator=iterator))["Records"]
    assert len(records) == 2 * total
    counts = [r["dynamodb"]["NewImage"]["n"]["N"] for r in records if "n" in r["dynamodb"]["NewImage"]]
    assert counts == [str(number) for number in range(1, total + 1)]
    await cloud.put(LONGEST)
    assert (await cloud.db("GetItem", TableName=TABLE, Key={k: LONGEST[k] for k in ("pk", "sk")}))["Item"] == LONGEST
    await cloud.store.close()
