"""DynamoDB: what its requests cost, on a table of a thousand items and on one of a million.

`python -m bench --only DynamoDB`; another server beside it with `--against http://127.0.0.1:8000`: DynamoDB Local
(java -jar DynamoDBLocal.jar -inMemory, the jar is inside the npm package amplify-dynamodb-simulator) or dynalite.
LAMBENT_BENCH_ITEMS says how many items the large table gets; 0 leaves it out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .cases import KEYS, Case, client
from .signed import sign

TABLE = "bench"
LARGE = "bench-large"
LARGE_ITEMS = int(os.environ.get("LAMBENT_BENCH_ITEMS", "0"))
PER_USER = 10
_BATCH = 25


def key(number: int) -> dict[str, Any]:
    """The key of an item: ten to a partition."""
    return {"pk": {"S": f"user#{number // PER_USER}"}, "sk": {"S": f"order#{number % PER_USER:04d}"}}


def item(number: int) -> dict[str, Any]:
    """An item of about 200 bytes."""
    rest = {"name": {"S": "some name here"}, "count": {"N": str(number)}, "data": {"S": "x" * 100}}
    return {**key(number), **rest}


def prepare(url: str) -> None:
    """The tables, and the items that are read."""
    dynamodb = client("dynamodb", url)
    for name, count in ((TABLE, KEYS), (LARGE, LARGE_ITEMS)):
        if not count:
            continue
        dynamodb.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})

        def fill(first: int, name: str = name, count: int = count) -> None:
            puts = [{"PutRequest": {"Item": item(n)}} for n in range(first, min(first + _BATCH, count))]
            dynamodb.batch_write_item(RequestItems={name: puts})

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(fill, range(0, count, _BATCH)))


def _requests(operation: str, bodies: Iterable[dict[str, Any]]) -> Callable[[str], list[bytes]]:
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
    made = [json.dumps(body).encode() for body in bodies]
    return lambda url: [sign("dynamodb", "POST", f"{url}/", body, headers) for body in made]


def _numbers(table: str) -> list[int]:
    """The items that are asked for: all over a table."""
    step = max(1, LARGE_ITEMS // KEYS) if table == LARGE else 1
    return [number * step for number in range(KEYS)]


def _puts(table: str) -> Callable[[str], list[bytes]]:
    return _requests("PutItem", [{"TableName": table, "Item": item(n)} for n in _numbers(table)])


def _gets(table: str) -> Callable[[str], list[bytes]]:
    return _requests("GetItem", [{"TableName": table, "Key": key(n)} for n in _numbers(table)])


def _queries(table: str) -> Callable[[str], list[bytes]]:
    fields: dict[str, Any] = {"TableName": table, "KeyConditionExpression": "pk = :p"}
    values = [{":p": key(number)["pk"]} for number in _numbers(table)]
    return _requests("Query", [{**fields, "ExpressionAttributeValues": value} for value in values])


def _transactions() -> Callable[[str], list[bytes]]:
    def puts(first: int) -> list[dict[str, Any]]:
        return [{"Put": {"TableName": TABLE, "Item": item(n)}} for n in range(first, first + 10)]

    return _requests("TransactWriteItems", [{"TransactItems": puts(n)} for n in range(0, KEYS, 10)])


def _updates() -> Callable[[str], list[bytes]]:
    rest: dict[str, Any] = {
        "UpdateExpression": "SET #c = #c + :one",
        "ExpressionAttributeNames": {"#c": "count"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return _requests("UpdateItem", [{"TableName": TABLE, "Key": key(n), **rest} for n in range(KEYS)])


CASES = (
    Case("DynamoDB PutItem", _puts(TABLE)),
    Case("DynamoDB GetItem", _gets(TABLE)),
    Case("DynamoDB Query of 10", _queries(TABLE)),
    Case("DynamoDB UpdateItem", _updates()),
    Case("DynamoDB TransactWriteItems of 10", _transactions()),
    Case("DynamoDB PutItem, one connection", _puts(TABLE), connections=1),
    Case("DynamoDB GetItem, one connection", _gets(TABLE), connections=1),
)
LARGE_CASES = (
    Case("DynamoDB PutItem, large table", _puts(LARGE)),
    Case("DynamoDB GetItem, large table", _gets(LARGE)),
    Case("DynamoDB Query of 10, large table", _queries(LARGE)),
)
