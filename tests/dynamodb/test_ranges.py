"""Any condition on a range key, of any type, gives what a sorted list and a plain comparison give."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.dynamodb.numbers import normalise

from .support import DynamoCloud, index

STRINGS = st.text(st.sampled_from("\x00\x01ab\xff\ud7ff\U0001f600"), min_size=1, max_size=4)
BINARIES = st.binary(min_size=1, max_size=4) | st.text("\x00\xff\x01", min_size=1, max_size=4).map(str.encode)
NUMBERS = st.decimals(-1000, 1000, places=3).map(lambda n: normalise(str(n))) | st.sampled_from(
    ["0", "-0.5", normalise("1e-130"), normalise("9e125"), normalise("-9e125"), "10", "9", "-10", "-9"]
)
TYPES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "S": (STRINGS, str.encode),
    "B": (BINARIES, bytes),
    "N": (NUMBERS, Decimal),
}
OPERATORS: dict[str, Callable[[Any, Any, Any], bool]] = {
    "sk = :a": lambda x, a, b: x == a,
    "sk < :a": lambda x, a, b: x < a,
    "sk <= :a": lambda x, a, b: x <= a,
    "sk > :a": lambda x, a, b: x > a,
    "sk >= :a": lambda x, a, b: x >= a,
    "sk BETWEEN :a AND :b": lambda x, a, b: a <= x <= b,
    "begins_with(sk, :a)": lambda x, a, b: x.startswith(a),
}


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from("SBN"), st.sampled_from(sorted(OPERATORS)), st.booleans(), st.booleans(), st.data())
def test_any_range(kind: str, operator: str, forward: bool, indexed: bool, data: st.DataObject) -> None:
    if kind == "N" and operator.startswith("begins"):
        return
    values, order = TYPES[kind]
    found = data.draw(st.lists(values, max_size=8, unique=True))
    low, high = sorted((data.draw(values), data.draw(values)), key=order)
    limit = data.draw(st.integers(1, 4))

    async def main() -> None:
        cloud = DynamoCloud()
        if indexed:
            await cloud.table(f"pk:S / owner:S sk:{kind}", GlobalSecondaryIndexes=[index("by-owner", "owner sk")])
        else:
            await cloud.table(f"owner:S sk:{kind}")
        for number, value in enumerate(found):
            # Partitions whose names begin with one another's lie beside the one that is asked.
            for partition in ("p", "p\x00", "q"):
                item = {"pk": {"S": f"{partition}{number}"}, "owner": {"S": partition}, "sk": {kind: value}}
                await cloud.db("PutItem", Item=item)
        names = {":p": {"S": "p"}, ":a": {kind: low}, **({":b": {kind: high}} if ":b" in operator else {})}
        asked: dict[str, Any] = {
            "KeyConditionExpression": f"#o = :p AND {operator}",
            "ExpressionAttributeNames": {"#o": "owner"},
            "ExpressionAttributeValues": names,
            "ScanIndexForward": forward,
            **({"IndexName": "by-owner"} if indexed else {}),
        }
        matches = OPERATORS[operator]
        wanted = sorted((v for v in found if matches(order(v), order(low), order(high))), key=order)
        shown = [base64.b64encode(value).decode() if kind == "B" else value for value in wanted]
        assert [i["sk"][kind] for i in (await cloud.db("Query", **asked))["Items"]] == shown[:: 1 if forward else -1]
        if operator != "sk = :a":
            assert await paged(cloud, {**asked, "Limit": limit}, kind) == shown[:: 1 if forward else -1]

    asyncio.run(main())


async def paged(cloud: DynamoCloud, asked: dict[str, Any], kind: str) -> list[Any]:
    """The range keys of all pages. Start keys go back as they came, which a caller inside the cloud writes as bytes."""
    found: list[Any] = []
    while True:
        page = await cloud.db("Query", **asked)
        found += [item["sk"][kind] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            return found
        start = dict(page["LastEvaluatedKey"])
        if kind == "B":
            start["sk"] = {"B": base64.b64decode(start["sk"]["B"])}
        asked["ExclusiveStartKey"] = start
