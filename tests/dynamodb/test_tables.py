"""Tables: made, described, changed, removed; their tags and settings."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lambent.contracts.errors import NotBuilt
from lambent.services.dynamodb import keys

from .support import DAY_NS, SECOND_NS, TABLE, DynamoCloud, index, query, run, thing

ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}"


def test_a_table_is_described_as_aws_was_recorded_to() -> None:
    async def body(cloud: DynamoCloud) -> None:
        made = (await cloud.table("id:S", BillingMode="PROVISIONED"))["TableDescription"]
        assert made.pop("TableId").count("-") == 4
        assert made.pop("CreationDateTime").year == 2023
        common = {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "DeletionProtectionEnabled": False,
            "ItemCount": 0,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
            "TableArn": ARN,
            "TableName": TABLE,
            "TableSizeBytes": 0,
        }
        assert made == {**common, "TableStatus": "CREATING"}
        described = (await cloud.db("DescribeTable"))["Table"]
        del described["TableId"], described["CreationDateTime"]
        warm = {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 5, "Status": "ACTIVE"}
        assert described == {**common, "TableStatus": "ACTIVE", "WarmThroughput": warm}
        deleted = (await cloud.db("DeleteTable"))["TableDescription"]
        assert deleted["TableStatus"] == "DELETING"
        assert "KeySchema" not in deleted

    run(body)


def test_a_table_on_demand_says_since_when_and_how_warm_it_is() -> None:
    async def body(cloud: DynamoCloud) -> None:
        made = (await cloud.table(GlobalSecondaryIndexes=[index("by-sk", "sk")]))["TableDescription"]
        assert made["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
        assert "WarmThroughput" not in made
        table = (await cloud.db("DescribeTable"))["Table"]
        assert table["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"] == table["CreationDateTime"]
        warm = {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"}
        assert table["WarmThroughput"] == table["GlobalSecondaryIndexes"][0]["WarmThroughput"] == warm

    run(body)


def test_names_are_taken_once_and_free_at_once_after_deletion() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        with pytest.raises(Exception, match=f"Table already exists: {TABLE}"):
            await cloud.table()
        await cloud.put(thing("a", "1"))
        await cloud.db("DeleteTable")
        words = await cloud.refused("ResourceNotFoundException", "DescribeTable")
        assert words == f"Requested resource not found: Table: {TABLE} not found"
        await cloud.table()
        assert (await cloud.db("Scan"))["Count"] == 0
        assert await cloud.deliver() >= 1
        rows = await cloud.store.read(lambda tx: tx.scan(b"\x03dynamodb.item\x00", b"\x03dynamodb.item\x01"))
        assert rows == []

    run(body)


def test_a_large_deleted_table_goes_in_pages() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(GlobalSecondaryIndexes=[index("by-sk", "sk")])
        for first in range(0, 450, 25):
            puts = [{"PutRequest": {"Item": thing("p", f"{n:04d}")}} for n in range(first, first + 25)]
            await cloud.db("BatchWriteItem", RequestItems={TABLE: puts})
        await cloud.db("DeleteTable")
        assert await cloud.deliver() == 5
        left = await cloud.store.read(lambda tx: tx.scan(b"\x03dynamodb.", b"\x03dynamodb/"))
        assert left == []

    run(body)


def test_protection_keeps_a_table() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(DeletionProtectionEnabled=True)
        assert "protected against deletion" in await cloud.refused("ValidationException", "DeleteTable")
        await cloud.db("UpdateTable", DeletionProtectionEnabled=False)
        await cloud.db("DeleteTable")

    run(body)


def test_tables_are_listed_in_pages() -> None:
    async def body(cloud: DynamoCloud) -> None:
        for name in ("alpha", "beta", "gamma"):
            await cloud.table("id:S", name)
        first = await cloud.db("ListTables", Limit=2)
        assert first == {"TableNames": ["alpha", "beta"], "LastEvaluatedTableName": "beta"}
        assert await cloud.db("ListTables", ExclusiveStartTableName="beta") == {"TableNames": ["gamma"]}

    run(body)


def test_size_and_count_follow_every_write() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(GlobalSecondaryIndexes=[index("by-owner", "owner", "KEYS_ONLY")], key="pk:S sk:S / owner:S")
        await cloud.put(thing("a", "1", owner="x", data="12345"), thing("a", "2"))
        await cloud.put(thing("a", "1", owner="x", data="1"))
        table = (await cloud.db("DescribeTable"))["Table"]
        assert (table["ItemCount"], table["TableSizeBytes"]) == (2, 6 + 6 + 5 + 6)
        by_owner = table["GlobalSecondaryIndexes"][0]
        assert (by_owner["ItemCount"], by_owner["IndexSizeBytes"]) == (1, 12)
        await cloud.db("DeleteItem", Key=thing("a", "1"))
        table = (await cloud.db("DescribeTable"))["Table"]
        assert (table["ItemCount"], table["TableSizeBytes"]) == (1, 6)
        assert table["GlobalSecondaryIndexes"][0]["ItemCount"] == 0

    run(body)


def test_capacity_changes_and_its_history() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("id:S", BillingMode="PROVISIONED")
        more = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 10}
        answer = (await cloud.db("UpdateTable", ProvisionedThroughput=more))["TableDescription"]
        assert answer["TableStatus"] == "UPDATING"
        assert answer["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
        less = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 10}
        await cloud.db("UpdateTable", ProvisionedThroughput=less)
        shown = (await cloud.db("DescribeTable"))["Table"]["ProvisionedThroughput"]
        assert (shown["ReadCapacityUnits"], shown["NumberOfDecreasesToday"]) == (1, 1)
        assert shown["LastIncreaseDateTime"] == answer["ProvisionedThroughput"]["LastIncreaseDateTime"] + timedelta(
            milliseconds=1
        )
        assert "will not change" in await cloud.refused(
            "ValidationException", "UpdateTable", ProvisionedThroughput=less
        )
        cloud.clock.advance(DAY_NS)
        shown = (await cloud.db("DescribeTable"))["Table"]["ProvisionedThroughput"]
        assert shown["NumberOfDecreasesToday"] == 0
        await cloud.db("UpdateTable", BillingMode="PAY_PER_REQUEST")
        table = (await cloud.db("DescribeTable"))["Table"]
        assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 0

    run(body)


def test_tags_class_and_encryption() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("id:S", Tags=[{"Key": "a", "Value": "1"}], SSESpecification={"Enabled": True})
        await cloud.db("TagResource", ResourceArn=ARN, Tags=[{"Key": "b", "Value": "2"}])
        await cloud.db("UntagResource", ResourceArn=ARN, TagKeys=["a"])
        found = await cloud.db("ListTagsOfResource", ResourceArn=ARN)
        assert found == {"Tags": [{"Key": "b", "Value": "2"}]}
        await cloud.db("UpdateTable", TableClass="STANDARD_INFREQUENT_ACCESS")
        table = (await cloud.db("DescribeTable"))["Table"]
        assert table["TableClassSummary"]["TableClass"] == "STANDARD_INFREQUENT_ACCESS"
        assert table["SSEDescription"]["SSEType"] == "KMS"

    run(body)


def test_settings_are_kept_and_shown() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("id:S")
        backups = await cloud.db("DescribeContinuousBackups")
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery == {"PointInTimeRecoveryStatus": "DISABLED"}
        await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
        cloud.clock.advance(40 * DAY_NS)
        backups = await cloud.db("DescribeContinuousBackups")
        recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        assert recovery["RecoveryPeriodInDays"] == 35
        between = recovery["LatestRestorableDateTime"] - recovery["EarliestRestorableDateTime"]
        assert between == timedelta(days=35)
        await cloud.db("UpdateContributorInsights", ContributorInsightsAction="ENABLE")
        insights = await cloud.db("DescribeContributorInsights")
        assert insights["ContributorInsightsStatus"] == "ENABLED"
        await cloud.table("id:S", "others")
        await cloud.db("UpdateContributorInsights", TableName="others", ContributorInsightsAction="ENABLE")
        first = await cloud.db("ListContributorInsights", MaxResults=1)
        rest = await cloud.db("ListContributorInsights", NextToken=first["NextToken"])
        listed = [one["TableName"] for part in (first, rest) for one in part["ContributorInsightsSummaries"]]
        assert listed == ["others", TABLE]
        assert "NextToken" not in rest
        assert (await cloud.db("DescribeKinesisStreamingDestination"))["KinesisDataStreamDestinations"] == []
        assert (await cloud.db("DescribeLimits"))["TableMaxReadCapacityUnits"] == 40_000
        assert (await cloud.db("DescribeEndpoints"))["Endpoints"][0]["Address"] == "127.0.0.1:4566"

    run(body)


def test_what_comes_later_says_so() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("id:S")
        for operation, params in (
            ("UpdateTable", {"VectorIndexUpdates": []}),
            ("EnableKinesisStreamingDestination", {"StreamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/one"}),
        ):
            with pytest.raises(NotBuilt):
                await cloud.db(operation, **params)

    run(body)


def test_expired_items_go_and_stay_hidden_from_nobody_before() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        now_s = cloud.clock.now_ns() // SECOND_NS
        await cloud.put(thing("a", "old", ttl=now_s + 30), thing("a", "text", ttl="soon"))
        await cloud.db("UpdateTimeToLive", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
        described = await cloud.db("DescribeTimeToLive")
        assert described["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
        await cloud.deliver()
        await cloud.put(thing("a", "later", ttl=now_s + 3600), thing("a", "ancient", ttl=1), thing("a", "never"))
        assert (await cloud.db("Query", **query("a")))["Count"] == 5
        cloud.clock.advance(61 * SECOND_NS)
        await cloud.deliver()
        left = [item["sk"]["S"] for item in (await cloud.db("Query", **query("a")))["Items"]]
        assert left == ["ancient", "later", "never", "text"]
        await cloud.put(thing("a", "later", ttl=now_s + 9000))
        cloud.clock.advance(4000 * SECOND_NS)
        await cloud.deliver()
        assert (await cloud.db("Query", **query("a")))["Count"] == 4
        await cloud.db("UpdateTimeToLive", TimeToLiveSpecification={"Enabled": False, "AttributeName": "ttl"})
        await cloud.deliver()
        marks = await cloud.store.read(lambda tx: tx.scan(keys.expiries.prefix, keys.expiries.prefix + b"\xff"))
        assert marks == []

    run(body)
