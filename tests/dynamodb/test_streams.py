"""Streams: what is recorded, in which order, for how long."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.services.dynamodb import keys

from .support import DAY_NS, SECOND_NS, TABLE, DynamoCloud, run, thing

VIEWS = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")


def stream(view: str) -> dict[str, Any]:
    return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}}


async def described(cloud: DynamoCloud) -> dict[str, Any]:
    listed = (await cloud.streams("ListStreams", TableName=TABLE))["Streams"]
    found: dict[str, Any] = await cloud.streams("DescribeStream", StreamArn=listed[-1]["StreamArn"])
    return found["StreamDescription"]


async def iterator(cloud: DynamoCloud, kind: str = "TRIM_HORIZON", **params: Any) -> str:
    shown = await described(cloud)
    shard = shown["Shards"][0]["ShardId"]
    found = await cloud.streams(
        "GetShardIterator", StreamArn=shown["StreamArn"], ShardId=shard, ShardIteratorType=kind, **params
    )
    return str(found["ShardIterator"])


async def records(cloud: DynamoCloud, kind: str = "TRIM_HORIZON", **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await cloud.streams("GetRecords", ShardIterator=await iterator(cloud, kind, **params))
    )["Records"]
    return found


def test_a_stream_is_described_as_aws_was_recorded_to() -> None:
    async def body(cloud: DynamoCloud) -> None:
        made = (await cloud.table("id:S", **stream("NEW_AND_OLD_IMAGES")))["TableDescription"]
        assert made["LatestStreamArn"] == f"{made['TableArn']}/stream/{made['LatestStreamLabel']}"
        shown = await described(cloud)
        shard = shown["Shards"][0]
        assert set(shard) == {"ShardId", "SequenceNumberRange"}
        assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}
        assert shown["StreamStatus"] == "ENABLED"
        assert shown["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        await cloud.put({"id": {"S": "Fred"}})
        (record,) = await records(cloud)
        assert len(record.pop("eventID")) == 32
        inner = record.pop("dynamodb")
        assert record == {
            "awsRegion": "us-east-1",
            "eventName": "INSERT",
            "eventSource": "aws:dynamodb",
            "eventVersion": "1.1",
        }
        assert inner.pop("ApproximateCreationDateTime").microsecond == 0
        assert len(inner.pop("SequenceNumber")) == 21
        fred = {"id": {"S": "Fred"}}
        assert inner == {"Keys": fred, "NewImage": fred, "SizeBytes": 12, "StreamViewType": "NEW_AND_OLD_IMAGES"}

    run(body)


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_what_it_says(view: str) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(**stream(view))
        await cloud.put(thing("a", "1", n=1), thing("a", "1", n=2), thing("a", "1", n=2))
        await cloud.db("DeleteItem", Key=thing("a", "1"))
        await cloud.db("DeleteItem", Key=thing("a", "1"))
        found = await records(cloud)
        # What changes nothing is no change.
        assert [record["eventName"] for record in found] == ["INSERT", "MODIFY", "REMOVE"]
        numbers = [record["dynamodb"]["SequenceNumber"] for record in found]
        assert numbers == sorted(numbers)
        images = [(r["dynamodb"].get("OldImage"), r["dynamodb"].get("NewImage")) for r in found]
        one, two = thing("a", "1", n=1), thing("a", "1", n=2)
        whole = [(None, one), (one, two), (two, None)]
        old, new = "OLD" in view, "NEW" in view
        assert images == [(before if old else None, after if new else None) for before, after in whole]

    run(body)


def test_the_kinds_of_iterator() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(**stream("KEYS_ONLY"))
        for number in range(5):
            await cloud.put(thing("a", f"{number}"))
            cloud.clock.advance(SECOND_NS)
        found = await records(cloud)
        second = found[1]["dynamodb"]
        names = lambda some: [record["dynamodb"]["Keys"]["sk"]["S"] for record in some]  # noqa: E731
        assert names(found) == list("01234")
        number = {"SequenceNumber": second["SequenceNumber"]}
        assert names(await records(cloud, "AT_SEQUENCE_NUMBER", **number)) == list("1234")
        assert names(await records(cloud, "AFTER_SEQUENCE_NUMBER", **number)) == list("234")
        at = {"Timestamp": found[3]["dynamodb"]["ApproximateCreationDateTime"]}
        assert names(await records(cloud, "AT_TIMESTAMP", **at)) == list("34")
        latest = await iterator(cloud, "LATEST")
        page = await cloud.streams("GetRecords", ShardIterator=latest)
        assert page["Records"] == []
        await cloud.put(thing("a", "new"))
        page = await cloud.streams("GetRecords", ShardIterator=page["NextShardIterator"])
        assert names(page["Records"]) == ["new"]
        page = await cloud.streams("GetRecords", ShardIterator=await iterator(cloud), Limit=4)
        assert names(page["Records"]) == list("0123")
        cloud.clock.advance(901 * SECOND_NS)
        with pytest.raises(ServiceError) as expired:
            await cloud.streams("GetRecords", ShardIterator=page["NextShardIterator"])
        assert expired.value.code == "ExpiredIteratorException"

    run(body)


def test_records_are_kept_for_a_day() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(**stream("KEYS_ONLY"))
        await cloud.put(thing("a", "1"))
        first = (await records(cloud))[0]["dynamodb"]["SequenceNumber"]
        cloud.clock.advance(DAY_NS // 2)
        await cloud.put(thing("a", "2"))
        cloud.clock.advance(DAY_NS // 2)
        assert [r["dynamodb"]["Keys"]["sk"]["S"] for r in await records(cloud)] == ["2"]
        await cloud.deliver()
        with pytest.raises(ServiceError) as trimmed:
            await iterator(cloud, "AT_SEQUENCE_NUMBER", SequenceNumber=first)
        assert trimmed.value.code == "TrimmedDataAccessException"

    run(body)


def test_a_stream_switched_off_ends_and_is_gone_after_a_day() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(**stream("KEYS_ONLY"))
        await cloud.put(thing("a", "1"))
        await cloud.db("UpdateTable", StreamSpecification={"StreamEnabled": False})
        await cloud.put(thing("a", "2"))
        shown = await described(cloud)
        assert shown["StreamStatus"] == "DISABLED"
        assert "EndingSequenceNumber" in shown["Shards"][0]["SequenceNumberRange"]
        page = await cloud.streams("GetRecords", ShardIterator=await iterator(cloud))
        assert len(page["Records"]) == 1
        assert "NextShardIterator" not in page
        await cloud.db("UpdateTable", **stream("NEW_IMAGE"))
        assert len((await cloud.streams("ListStreams", TableName=TABLE))["Streams"]) == 2
        cloud.clock.advance(DAY_NS + 3600 * SECOND_NS)
        await cloud.deliver()
        assert [one["StreamLabel"] for one in (await cloud.streams("ListStreams"))["Streams"]] == [
            (await cloud.db("DescribeTable"))["Table"]["LatestStreamLabel"]
        ]

    run(body)


def test_expiry_carries_the_service_principal() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(**stream("OLD_IMAGE"))
        await cloud.db("UpdateTimeToLive", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
        await cloud.put(thing("a", "1", ttl=cloud.clock.now_ns() // SECOND_NS + 5))
        cloud.clock.advance(120 * SECOND_NS)
        await cloud.deliver()
        removed = (await records(cloud))[-1]
        assert removed["eventName"] == "REMOVE"
        assert removed["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}

    run(body)


def test_one_transaction_on_two_tables_is_recorded_where_there_is_a_stream() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("id:S", **stream("NEW_AND_OLD_IMAGES"))
        await cloud.table("id:S", "quiet")
        fred = {"id": {"S": "Fred"}}
        actions = [{"Put": {"TableName": name, "Item": fred}} for name in (TABLE, "quiet")]
        await cloud.db("TransactWriteItems", TransactItems=actions)
        assert len(await records(cloud)) == 1
        arn = "arn:aws:dynamodb:us-east-1:000000000000:table/none/stream/2024-11-18T14:36:44.149"
        with pytest.raises(ServiceError) as missing:
            await cloud.streams("DescribeStream", StreamArn=arn)
        assert missing.value.message == f"Requested resource not found: Stream: {arn} not found"

    run(body)


def test_a_change_wakes_whoever_polls() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(**stream("KEYS_ONLY"))
        woken: list[int] = []
        ((_, record),) = await cloud.store.read(keys.streams.scan)
        end = cloud.store.listen(keys.stream_topic(record.prefix), lambda: woken.append(1))
        await cloud.put(thing("a", "1"))
        end()
        assert woken

    run(body)
