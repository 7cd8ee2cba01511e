"""Any history of writes, while indexes come and go, keeps what DESIGN.md promises: compared with a plain dict."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader
from lambent.services.dynamodb import keys
from lambent.services.dynamodb.sizes import item_size

from .support import TABLE, DynamoCloud, index

PARTITIONS = ("p", "q")
SORTS = ("1", "2", "3")
OWNERS = ("me", "you")
KEYS = st.tuples(st.sampled_from(PARTITIONS), st.sampled_from(SORTS))
EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.sampled_from(OWNERS),
        "n": st.integers(-3, 3),
        "data": st.text(max_size=5),
    },
)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, EXTRA),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("update"), KEYS, st.sampled_from(OWNERS)),
    st.tuples(st.just("remove"), KEYS),
    st.tuples(st.just("transact"), st.lists(st.tuples(KEYS, EXTRA), min_size=1, max_size=4, unique_by=lambda t: t[0])),
    st.tuples(st.just("batch"), st.lists(st.tuples(KEYS, EXTRA), min_size=1, max_size=4, unique_by=lambda t: t[0])),
    st.tuples(st.just("create")),
    st.tuples(st.just("drop")),
    st.tuples(st.just("deliver")),
)
Model = dict[tuple[str, str], dict[str, Any]]


def item_of(key: tuple[str, str], extra: dict[str, Any]) -> dict[str, Any]:
    """An item in canonical form."""
    values = {name: {"N": str(value)} if name == "n" else {"S": value} for name, value in extra.items()}
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}, **values}


async def step(cloud: DynamoCloud, model: Model, action: str, *rest: Any) -> None:
    """Do one step on both."""
    if action == "put":
        key, extra = rest
        model[key] = item_of(key, extra)
        await cloud.db("PutItem", Item=model[key])
    elif action == "delete":
        model.pop(rest[0], None)
        await cloud.db("DeleteItem", Key=item_of(rest[0], {}))
    elif action == "update":
        key, owner = rest
        model[key] = {**model.get(key, item_of(key, {})), "owner": {"S": owner}}
        values = {":o": {"S": owner}}
        names = {"#o": "owner"}
        update = {"UpdateExpression": "SET #o = :o", "ExpressionAttributeNames": names}
        await cloud.db("UpdateItem", Key=item_of(key, {}), ExpressionAttributeValues=values, **update)
    elif action == "remove":
        (key,) = rest
        if key in model:  # what only takes away makes no item
            model[key] = {name: value for name, value in model[key].items() if name != "owner"}
        update = {"UpdateExpression": "REMOVE #o", "ExpressionAttributeNames": {"#o": "owner"}}
        await cloud.db("UpdateItem", Key=item_of(key, {}), **update)
    elif action in ("transact", "batch"):
        made = {key: item_of(key, extra) for key, extra in rest[0]}
        model.update(made)
        if action == "transact":
            items = [{"Put": {"TableName": TABLE, "Item": item}} for item in made.values()]
            await cloud.db("TransactWriteItems", TransactItems=items)
        else:
            puts = [{"PutRequest": {"Item": item}} for item in made.values()]
            await cloud.db("BatchWriteItem", RequestItems={TABLE: puts})
    else:
        await maintain(cloud, action)


async def maintain(cloud: DynamoCloud, action: str) -> None:
    """Make or drop the index, or do what is due in the background."""
    if action == "deliver":
        await cloud.deliver()
        return
    definition = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "owner")]
    change = {"Create": index("later", "owner sk")} if action == "create" else {"Delete": {"IndexName": "later"}}
    with suppress(ServiceError):  # it is there already, or not there
        await cloud.db("UpdateTable", AttributeDefinitions=definition, GlobalSecondaryIndexUpdates=[change])


async def check(cloud: DynamoCloud, model: Model) -> None:
    """Compare everything that is kept with what the model says."""
    found = {(i["pk"]["S"], i["sk"]["S"]): i for i in (await cloud.db("Scan"))["Items"]}
    assert found == model
    owned = {key: item for key, item in model.items() if "owner" in item}
    table = (await cloud.db("DescribeTable"))["Table"]
    assert table["ItemCount"] == len(model)
    assert table["TableSizeBytes"] == sum(map(item_size, model.values()))
    for shown in (*table.get("GlobalSecondaryIndexes", ()), *table["LocalSecondaryIndexes"]):
        if shown.get("IndexStatus", "ACTIVE") != "ACTIVE":
            continue
        entries = (await cloud.db("Scan", IndexName=shown["IndexName"]))["Items"]
        assert {(i["pk"]["S"], i["sk"]["S"]) for i in entries} == owned.keys()
        assert shown["ItemCount"] == len(entries)
        assert shown["IndexSizeBytes"] == sum(map(item_size, entries))
    await cloud.store.read(lambda tx: check_collections(tx, model, owned))
    assert await replayed(cloud) == model


def check_collections(tx: Reader, model: Model, owned: Model) -> None:
    """The sizes of item collections are those of items and local entries (keys only)."""
    wanted: Tally[str] = Tally()
    for (partition, _), item in model.items():
        wanted[partition] += item_size(item)
    for (partition, _), item in owned.items():
        wanted[partition] += item_size({name: item[name] for name in ("pk", "sk", "owner")})
    found = {}
    for key, size in keys.collections.scan(tx):
        partition = keys.collections.parts(key)[1]
        assert isinstance(partition, bytes)
        found[partition[1:-1].decode()] = size.bytes
    assert found == dict(wanted)


async def replayed(cloud: DynamoCloud) -> Model:
    """The table as its stream tells it."""

    def read(tx: Reader) -> Model:
        told: Model = {}
        for _, change in keys.changes.scan(tx):
            own = orjson.loads(change.keys)
            key = (own["pk"]["S"], own["sk"]["S"])
            assert bool(change.old) == (key in told) == (change.name != "INSERT")
            if change.old:
                assert told[key] == orjson.loads(change.old)
            if change.new:
                assert told.get(key) != orjson.loads(change.new)
                told[key] = orjson.loads(change.new)
            else:
                del told[key]
        return told

    return await cloud.store.read(read)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=25))
def test_any_history(steps: list[tuple[Any, ...]]) -> None:
    async def main() -> None:
        cloud = DynamoCloud()
        await cloud.table(
            "pk:S sk:S / owner:S",
            LocalSecondaryIndexes=[index("local", "pk owner", "KEYS_ONLY")],
            GlobalSecondaryIndexes=[index("global", "owner")],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        model: Model = {}
        for action, *rest in steps:
            await step(cloud, model, action, *rest)
        await check(cloud, model)
        await cloud.deliver()
        await check(cloud, model)

    asyncio.run(main())
