"""Query and Scan: ranges, order, pages, segments, filters."""

from __future__ import annotations

from typing import Any

import pytest

from .support import DynamoCloud, index, query, run, thing

NUMBERS = ["-1000000", "-11", "-2", "-0.5", "0", "0.001", "1", "2", "10", "1000000"]


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        ("sk = :a", {":a": "2"}, ["2"]),
        ("sk < :a", {":a": "0"}, NUMBERS[:4]),
        ("sk <= :a", {":a": "0"}, NUMBERS[:5]),
        ("sk > :a", {":a": "1"}, NUMBERS[7:]),
        ("sk >= :a", {":a": "1"}, NUMBERS[6:]),
        ("sk BETWEEN :a AND :b", {":a": "-2", ":b": "0.001"}, NUMBERS[2:6]),
    ],
)
@pytest.mark.parametrize("forward", [True, False])
def test_numbers_are_in_their_order(condition: str, values: dict[str, str], expected: list[str], forward: bool) -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:N")
        await cloud.put(*({"pk": {"S": "p"}, "sk": {"N": text}} for text in reversed(NUMBERS)))
        page = await cloud.db(
            "Query",
            KeyConditionExpression=f"pk = :p AND {condition}",
            ExpressionAttributeValues={":p": {"S": "p"}, **{name: {"N": text} for name, text in values.items()}},
            ScanIndexForward=forward,
        )
        found = [item["sk"]["N"] for item in page["Items"]]
        assert found == (expected if forward else expected[::-1])

    run(body)


def test_strings_and_binaries_are_in_the_order_of_their_bytes() -> None:
    async def body(cloud: DynamoCloud) -> None:
        names = ["", "a", "a\x00", "a\x00b", "ab", "b", "ä", "\uffff", "\U0001f600"][1:]
        await cloud.table()
        # Hash keys that begin with one another do not meet.
        await cloud.put(*(thing(pk, sk) for sk in reversed(names) for pk in ("p", "p\x00", "p\x00\x00")))
        page = await cloud.db("Query", **query("p\x00"))
        assert [item["sk"]["S"] for item in page["Items"]] == names
        condition = "pk = :pk AND begins_with(sk, :s)"
        params = {"KeyConditionExpression": condition}
        page = await cloud.db("Query", **{**query("p", values={":s": {"S": "a"}}), **params})
        assert [item["sk"]["S"] for item in page["Items"]] == names[:4]
        await cloud.table("pk:S sk:B", "blobs")
        blobs = [b"\x00", b"\x00\xff", b"\x01", b"\xff", b"\xff\x00", b"\xff\xff"]
        for blob in reversed(blobs):
            await cloud.db("PutItem", TableName="blobs", Item={"pk": {"S": "p"}, "sk": {"B": blob}})
        page = await cloud.db("Query", TableName="blobs", **{**query("p", values={":s": {"B": b"\xff"}}), **params})
        assert [item["sk"]["B"] for item in page["Items"]] == ["/w==", "/wA=", "//8="]

    run(body)


async def pages(cloud: DynamoCloud, operation: str, **params: Any) -> list[list[str]]:
    found = []
    while True:
        page = await cloud.db(operation, **params)
        found.append([item["sk"]["S"] for item in page["Items"]])
        if "LastEvaluatedKey" not in page:
            return found
        params["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def test_pages_end_at_the_limit_and_go_on_behind_it() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(*(thing("p", f"{n}", even=n % 2) for n in range(7)))
        assert await pages(cloud, "Query", **query("p", Limit=3)) == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
        assert await pages(cloud, "Query", **query("p", Limit=7)) == [[str(n) for n in range(7)], []]
        assert await pages(cloud, "Query", **query("p", Limit=4, ScanIndexForward=False)) == [list("6543"), list("210")]
        odd = query("p", Limit=3, values={":z": {"N": "0"}}, FilterExpression="even = :z")
        assert await pages(cloud, "Query", **odd) == [["0", "2"], ["4"], ["6"]]
        count = await cloud.db("Query", **odd, Select="COUNT")
        assert {name: count[name] for name in ("Count", "ScannedCount")} == {"Count": 2, "ScannedCount": 3}
        assert "Items" not in count

    run(body)


def test_a_page_holds_a_megabyte() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        for number in range(8):
            await cloud.put(thing("p", f"{number}", data="x" * 200_000))
        assert [len(page) for page in await pages(cloud, "Query", **query("p"))] == [6, 2]
        assert [len(page) for page in await pages(cloud, "Scan")] == [6, 2]
        page = await cloud.db("Scan", Select="COUNT", ReturnConsumedCapacity="TOTAL", ConsistentRead=True)
        assert page["ConsumedCapacity"]["CapacityUnits"] == 293.0

    run(body)


def test_segments_hold_every_item_once() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table(GlobalSecondaryIndexes=[index("by-sk", "sk")])
        await cloud.put(*(thing(f"{n}", f"{n}") for n in range(60)))
        for where in ({}, {"IndexName": "by-sk"}):
            whole = [name for page in await pages(cloud, "Scan", **where) for name in page]
            found: list[str] = []
            for segment in range(7):
                part = await pages(cloud, "Scan", Segment=segment, TotalSegments=7, Limit=3, **where)
                found += [name for page in part for name in page]
            assert found == whole
            assert sorted(found, key=int) == [str(n) for n in range(60)]
        many = await cloud.db("Scan", Segment=999_999, TotalSegments=1_000_000)
        assert many["Count"] == 0

    run(body)


def test_a_start_key_must_fit() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("p", "1"), thing("q", "1"))
        words = await cloud.refused("ValidationException", "Query", **query("p"), ExclusiveStartKey=thing("q", "1"))
        assert words == "The provided starting key is outside query boundaries based on provided conditions"
        words = await cloud.refused("ValidationException", "Scan", ExclusiveStartKey={"pk": {"S": "p"}})
        assert words == "The provided starting key is invalid: The provided key element does not match the schema"
        # One that names no item is as good as one that does.
        page = await cloud.db("Query", **query("p"), ExclusiveStartKey=thing("p", "0"))
        assert page["Items"] == [thing("p", "1")]

    run(body)
