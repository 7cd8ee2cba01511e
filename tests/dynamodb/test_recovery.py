"""Backups and points in time, against a plain model of the table's past."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.dynamodb import events, keys
from lambent.services.dynamodb.recovery import jobs

from .support import DAY_NS, MS, SECOND_NS, TABLE, DynamoCloud, Item, index, run, thing

PITR = {"PointInTimeRecoveryEnabled": True}
Model = dict[tuple[str, str], Item]


async def items_of(cloud: DynamoCloud, table: str, **options: Any) -> Model:
    """All items of a table, by their keys."""
    found: Model = {}
    start: dict[str, Any] = {}
    while True:
        page = await cloud.db("Scan", TableName=table, **options, **start)
        found |= {(item["pk"]["S"], item["sk"]["S"]): item for item in page["Items"]}
        if "LastEvaluatedKey" not in page:
            return found
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


async def change(cloud: DynamoCloud, model: Model, random: Random) -> None:
    """One random write, in the cloud and in the model."""
    key = (random.choice("abc"), str(random.randrange(4)))
    if random.random() < 0.3:
        await cloud.db("DeleteItem", Key=thing(*key))
        model.pop(key, None)
    else:
        item = thing(*key, n=random.randrange(100), owner=random.choice("xy"))
        await cloud.put(item)
        model[key] = item


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**9))
@pytest.mark.slow
def test_a_table_is_restored_as_it_was_at_any_time(seed: int) -> None:
    async def main() -> None:
        random = Random(seed)
        cloud = DynamoCloud(validate=False)
        await cloud.table("pk:S sk:S / owner:S", GlobalSecondaryIndexes=[index("by-owner", "owner pk")])
        model: Model = {}
        for _ in range(random.randrange(6)):
            await change(cloud, model, random)
        await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification=PITR)
        past: dict[float, Model] = {cloud.clock.now_ns() / SECOND_NS: dict(model)}
        for _ in range(30):
            if random.random() < 0.6:
                cloud.clock.advance(random.choice((1, 500, 60_000)) * MS)
            await change(cloud, model, random)
            past[cloud.clock.now_ns() / SECOND_NS] = dict(model)
        for number, at_s in enumerate(random.sample(sorted(past), 3)):
            name = f"restored{number}"
            answer = await cloud.db(
                "RestoreTableToPointInTime", SourceTableName=TABLE, TargetTableName=name, RestoreDateTime=at_s
            )
            assert answer["TableDescription"]["TableStatus"] == "CREATING"
            wanted = past.pop(at_s)
            await change(cloud, model, random)  # writers go on, also in this very millisecond
            if cloud.clock.now_ns() / SECOND_NS in past:
                past[cloud.clock.now_ns() / SECOND_NS] = dict(model)
            await cloud.deliver()
            assert await items_of(cloud, name) == wanted
            assert await items_of(cloud, name, IndexName="by-owner") == wanted

    asyncio.run(main())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**9))
@pytest.mark.slow
def test_a_backup_is_the_table_at_its_moment(seed: int) -> None:
    async def main() -> None:
        random = Random(seed)
        cloud = DynamoCloud(validate=False)
        await cloud.table()
        model: Model = {}
        wanted: list[tuple[str, Model]] = []
        for _ in range(4):
            for _ in range(random.randrange(8)):
                await change(cloud, model, random)
            made = await cloud.db("CreateBackup", BackupName="one")
            wanted.append((made["BackupDetails"]["BackupArn"], dict(model)))
            for _ in range(random.randrange(5)):
                await change(cloud, model, random)
            if random.random() < 0.5:
                await cloud.deliver()
        await cloud.deliver()
        for number, (arn, items) in enumerate(wanted):
            await cloud.db("RestoreTableFromBackup", BackupArn=arn, TargetTableName=f"restored{number}")
            await cloud.deliver()
            assert await items_of(cloud, f"restored{number}") == items

    asyncio.run(main())


def test_backups_are_described_listed_and_deleted() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:S / owner:S", GlobalSecondaryIndexes=[index("by-owner", "owner")])
        await cloud.put(*(thing("a", str(n), owner="me") for n in range(3)))
        made = (await cloud.db("CreateBackup", BackupName="first"))["BackupDetails"]
        assert (made["BackupStatus"], made["BackupType"]) == ("CREATING", "USER")
        arn = made["BackupArn"]
        await cloud.refused("BackupInUseException", "DeleteBackup", BackupArn=arn)
        await cloud.refused("ResourceInUseException", "DeleteTable")
        await cloud.deliver()
        found = (await cloud.db("DescribeBackup", BackupArn=arn))["BackupDescription"]
        assert found["BackupDetails"]["BackupStatus"] == "AVAILABLE"
        assert found["SourceTableDetails"]["ItemCount"] == 3
        features = found["SourceTableFeatureDetails"]
        assert [i["IndexName"] for i in features["GlobalSecondaryIndexes"]] == ["by-owner"]
        summaries = (await cloud.db("ListBackups", TableName=TABLE))["BackupSummaries"]
        assert [(one["TableName"], one["BackupName"]) for one in summaries] == [(TABLE, "first")]
        await cloud.refused(
            "TableAlreadyExistsException", "RestoreTableFromBackup", BackupArn=arn, TargetTableName=TABLE
        )
        answer = await cloud.db(
            "RestoreTableFromBackup", BackupArn=arn, TargetTableName="other", GlobalSecondaryIndexOverride=[]
        )
        assert "GlobalSecondaryIndexes" not in answer["TableDescription"]
        await cloud.refused("BackupInUseException", "DeleteBackup", BackupArn=arn)
        await cloud.refused("ResourceNotFoundException", "PutItem", TableName="other", Item=thing("a", "x"))
        await cloud.deliver()
        table = (await cloud.db("DescribeTable", TableName="other"))["Table"]
        assert (table["TableStatus"], table["ItemCount"]) == ("ACTIVE", 3)
        assert table["RestoreSummary"]["SourceBackupArn"] == arn
        assert table["RestoreSummary"]["RestoreInProgress"] is False
        await cloud.db("DeleteBackup", BackupArn=arn)
        await cloud.deliver()
        await cloud.refused("BackupNotFoundException", "DescribeBackup", BackupArn=arn)
        items = keys.prefixed(b"")
        left = await cloud.store.read(lambda tx: tx.scan(items, keys.after(items)))
        assert len(left) == 2 * 3  # of the two tables

    run(body)


def test_a_deleted_table_with_recovery_leaves_a_backup_for_35_days() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("a", "b"))
        await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification=PITR)
        await cloud.db("DeleteTable")
        await cloud.deliver()
        (summary,) = (await cloud.db("ListBackups", TableName=TABLE, BackupType="SYSTEM"))["BackupSummaries"]
        assert summary["BackupName"] == "things$DeletedTableBackup"
        await cloud.table()
        await cloud.put(thing("new", "b"))
        await cloud.db("RestoreTableFromBackup", BackupArn=summary["BackupArn"], TargetTableName="old")
        await cloud.deliver()
        assert await items_of(cloud, "old") == {("a", "b"): thing("a", "b")}
        cloud.clock.advance(35 * DAY_NS)
        await cloud.deliver()
        await cloud.refused("BackupNotFoundException", "DescribeBackup", BackupArn=summary["BackupArn"])
        assert await items_of(cloud, TABLE) == {("new", "b"): thing("new", "b")}

    run(body)


def test_the_journal_is_trimmed_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(cloud: DynamoCloud) -> None:
        async def entries() -> int:
            found = await cloud.store.read(lambda tx: jobs.undos.scan(tx) + jobs.undo_times.scan(tx))
            return len(found)

        await cloud.table()
        spec = {**PITR, "RecoveryPeriodInDays": 2}
        await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification=spec)
        for day in range(4):
            await cloud.put(*(thing("a", str(n), day=day) for n in range(3)))
            cloud.clock.advance(DAY_NS)
            await cloud.deliver()
        assert await entries() == 2 * 3 * 1  # the changes of day 3; those of day 2 are two days old
        table = (await cloud.db("DescribeContinuousBackups"))["ContinuousBackupsDescription"]
        recovery = table["PointInTimeRecoveryDescription"]
        days = recovery["LatestRestorableDateTime"] - recovery["EarliestRestorableDateTime"]
        assert days.total_seconds() == 2 * 86_400
        early = cloud.clock.now_ns() / SECOND_NS - 3 * 86_400
        await cloud.refused(
            "InvalidRestoreTimeException",
            "RestoreTableToPointInTime",
            SourceTableName=TABLE,
            TargetTableName="other",
            RestoreDateTime=early,
        )
        off = {"PointInTimeRecoveryEnabled": False}
        await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification=off)
        await cloud.deliver()
        assert await entries() == 0
        await cloud.refused(
            "PointInTimeRecoveryUnavailableException",
            "RestoreTableToPointInTime",
            SourceTableName=TABLE,
            TargetTableName="other",
            UseLatestRestorableTime=True,
        )

    for module in (jobs, events):
        monkeypatch.setattr(module, "BATCH", 2)
    run(body)


def test_copies_go_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        before = {("a", str(n)): thing("a", str(n), v=0) for n in range(20)}
        await cloud.put(*before.values())
        arn = (await cloud.db("CreateBackup", BackupName="paged"))["BackupDetails"]["BackupArn"]
        for n in range(20):  # each gone, changed or followed by a new one
            if n % 3 == 0:
                await cloud.db("DeleteItem", Key=thing("a", str(n)))
            elif n % 3 == 1:
                await cloud.put(thing("a", str(n), v=1))
            else:
                await cloud.put(thing("b", str(n), v=1))
        assert await cloud.deliver() > 8
        await cloud.db("RestoreTableFromBackup", BackupArn=arn, TargetTableName="other")
        assert await cloud.deliver() >= 7
        assert await items_of(cloud, "other") == before

    monkeypatch.setattr(jobs, "BATCH", 3)
    run(body)
