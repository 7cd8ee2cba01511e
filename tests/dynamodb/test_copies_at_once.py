"""On a shared store, with writers at work all the time: a backup and a restored time hold every transaction whole or
not at all, and regions end up alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lambent.bus.relay import Relay
from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.kv.engines.postgres import PostgresStore
from lambent.services.dynamodb.recovery import jobs
from lambent.services.dynamodb.replication import apply
from tests.kv.postgres_cluster import find_binaries, started

from .support import TABLE, DynamoCloud, thing

ACCOUNTS, WRITERS, AWAY = 12, 4, "eu-west-1"
LONGEST = thing("h" * 2048, "s" * 1024)


@pytest.mark.slow
def test_copies_are_of_one_moment_while_writers_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "BATCH", 2)  # a copy takes many transactions
    monkeypatch.setattr(apply, "BATCH", 2)
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    with started(binaries) as cluster:
        asyncio.run(scenario(cluster.schema()))


async def scenario(url: str) -> None:
    """Transfers between accounts keep their sum at nothing; each copy must have that sum too."""
    cloud = DynamoCloud()
    cloud.clock, cloud.ids = SystemClock(), Ids()  # type: ignore[assignment]  # the machine's time, as on a cluster
    cloud.store = PostgresStore(url, cloud.clock, cloud.ids)
    relay = Relay(cloud, cloud.store.node, alone=False)
    await relay.start()
    await cloud.table()
    await cloud.put(LONGEST, *(thing(f"account-{n}", "x", n=0) for n in range(ACCOUNTS)))
    await cloud.db("UpdateContinuousBackups", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    await cloud.db("UpdateTable", ReplicaUpdates=[{"Create": {"RegionName": AWAY}}])
    over = asyncio.Event()
    working = [asyncio.ensure_future(transfer(cloud, number, over)) for number in range(WRITERS)]
    arns, times = [], []
    for _ in range(3):
        times.append(cloud.clock.now_ns() / 1e9)
        arns.append((await cloud.db("CreateBackup", BackupName="one"))["BackupDetails"]["BackupArn"])
        while (await described(cloud, arns[-1]))["BackupStatus"] != "AVAILABLE":
            pass
    at: list[dict[str, Any]] = [{"RestoreDateTime": time_s} for time_s in times[1:]]
    for number, when in enumerate([*at, {"UseLatestRestorableTime": True}]):
        target = {"SourceTableName": TABLE, "TargetTableName": f"past{number}"}
        await cloud.db("RestoreTableToPointInTime", **target, **when)
        while (await cloud.db("DescribeTable", TableName=f"past{number}"))["Table"]["TableStatus"] != "ACTIVE":
            pass
    over.set()
    turns = await asyncio.gather(*working)
    assert sum(turns) > 10, "the copies were made beside nothing"
    for number, arn in enumerate(arns):
        await cloud.db("RestoreTableFromBackup", BackupArn=arn, TargetTableName=f"backup{number}")
    await relay.settled()
    for name in (TABLE, *(f"{kind}{number}" for kind in ("backup", "past") for number in range(3))):
        items = (await cloud.db("Scan", TableName=name))["Items"]
        assert len(items) == ACCOUNTS + 1, name
        assert sum(int(item.get("n", {"N": "0"})["N"]) for item in items) == 0, name
    assert await sorted_items(cloud, AWAY) == await sorted_items(cloud, "us-east-1")
    await relay.stop()
    await cloud.store.close()


async def described(cloud: DynamoCloud, arn: str) -> dict[str, Any]:
    """The details of a backup."""
    details: dict[str, Any] = (await cloud.db("DescribeBackup", BackupArn=arn))["BackupDescription"]["BackupDetails"]
    return details


async def transfer(cloud: DynamoCloud, number: int, over: asyncio.Event) -> int:
    """Take from one account and give to another until it is over; how often that was."""
    turn = 0
    while not over.is_set():
        turn += 1
        giver, taker = (number + turn) % ACCOUNTS, (number * 5 + turn * 7 + 1) % ACCOUNTS
        if giver != taker:
            await cloud.db("TransactWriteItems", TransactItems=[added(giver, -turn), added(taker, turn)])
    return turn


def added(account: int, amount: int) -> dict[str, Any]:
    """A part of a transaction."""
    update = {
        "TableName": TABLE,
        "Key": thing(f"account-{account}", "x"),
        "UpdateExpression": "ADD n :v",
        "ExpressionAttributeValues": {":v": {"N": str(amount)}},
    }
    return {"Update": update}


async def sorted_items(cloud: DynamoCloud, region: str) -> list[dict[str, Any]]:
    """The items of a region's table."""
    found = await cloud.call("dynamodb", "Scan", region=region, TableName=TABLE)
    return sorted(found["Items"], key=str)
