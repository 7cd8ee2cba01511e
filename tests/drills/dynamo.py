"""DynamoDB through the nodes: items as registers, and transactions of lists."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import count, islice
from typing import Any

import msgspec

from tests.history.operations import Append, Operation, Read, Recorder, Transaction, now_ns

from .balancer import Answer, Balancer

TABLE = "drill"
KEYS = 5
EPOCH_NS = 4_000_000_000
"""New lists every so often, for a list that is read whole must not grow too long."""
ITEMS_MAX = 25


def make_table(dynamodb: Any) -> None:
    """The table of registers and lists."""
    dynamodb.create_table(
        TableName=TABLE, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )  # fmt: skip
    dynamodb.get_waiter("table_exists").wait(TableName=TABLE)


class ItemRegisters:
    """Items as registers: condition expressions are the comparing and setting."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer

    def apply(self, operation: Operation, node: str = "") -> Operation:
        """Send the operation, and return it as it ended."""
        if operation.kind == "read":
            answer = self._call("get_item", node, Key=_key(operation.key), ConsistentRead=True)
            found = answer.result.get("Item", {}).get("value", {}).get("S")
            return msgspec.structs.replace(answer.ended(operation), found=found)
        if operation.kind == "delete":
            return self._call("delete_item", node, Key=_key(operation.key)).ended(operation)
        condition: dict[str, Any] = {}
        if operation.kind == "cas" and operation.expected is None:
            condition = {"ConditionExpression": "attribute_not_exists(id)"}
        elif operation.kind == "cas":
            condition = {
                "ConditionExpression": "#v = :e",
                "ExpressionAttributeNames": {"#v": "value"},
                "ExpressionAttributeValues": {":e": {"S": operation.expected}},
            }
        item = {**_key(operation.key), "value": {"S": operation.value}}
        answer = self._call("put_item", node, Item=item, **condition)
        if answer.code == "ConditionalCheckFailedException":
            return msgspec.structs.replace(answer.ended(operation), outcome="ok", held=False)
        return answer.ended(operation)

    def _call(self, name: str, node: str, **params: Any) -> Answer:
        return self._balancer.call(name, service="dynamodb", node=node, TableName=TABLE, **params)


class ItemLists:
    """Lists as items: TransactWriteItems appends to several at one moment, TransactGetItems reads several."""

    def __init__(self, balancer: Balancer, recorder: Recorder) -> None:
        self._balancer = balancer
        self._recorder = recorder
        self._names: set[str] = set()

    def steps(self, client: int, chance: random.Random) -> Iterable[tuple[Append | Read, ...]]:
        """Transactions without end, of one to four lists each."""
        values = count((client + 1) * 10_000_000)
        while True:
            epoch = now_ns() // EPOCH_NS
            keys = [f"list/{epoch}-{place}" for place in chance.sample(range(KEYS), chance.randint(1, 4))]
            self._names.update(keys)
            if chance.random() < 0.5:
                yield tuple(Append(key, value) for key, value in zip(keys, values, strict=False))
            else:
                yield tuple(Read(key) for key in keys)

    def run(self, process: str, steps: Sequence[Append | Read], node: str = "") -> None:
        """Do a transaction, and note it."""
        begun = Transaction(process=process, steps=tuple(steps), invoked_ns=now_ns(), completed_ns=0, outcome="unknown")
        number = self._recorder.begin(begun)
        if isinstance(steps[0], Append):
            answer = self._call("transact_write_items", node, [_append(step) for step in steps])
        else:
            answer = self._call("transact_get_items", node, [{"Get": _named(step.key)} for step in steps])
        done = begun.steps
        if answer.outcome == "ok" and isinstance(steps[0], Read):
            items = answer.result["Responses"]
            done = tuple(Read(step.key, _values(item)) for step, item in zip(steps, items, strict=True))
        ended = msgspec.structs.replace(
            begun,
            process=f"{process} at {answer.node}",
            steps=done,
            invoked_ns=answer.invoked_ns,
            completed_ns=answer.completed_ns,
            outcome=answer.outcome,
        )
        self._recorder.end(number, ended)

    def read_all(self, nodes: list[str]) -> None:
        """Read each list through each node."""
        for node in nodes:
            names = iter(sorted(self._names))
            while batch := list(islice(names, ITEMS_MAX)):
                self.run("the last reader", [Read(name) for name in batch], node)

    def _call(self, name: str, node: str, items: list[dict[str, Any]]) -> Answer:
        return self._balancer.call(name, service="dynamodb", node=node, TransactItems=items)


def _append(step: Append | Read) -> dict[str, Any]:
    assert isinstance(step, Append)
    update = {
        "UpdateExpression": "SET #v = list_append(if_not_exists(#v, :none), :new)",
        "ExpressionAttributeNames": {"#v": "values"},
        "ExpressionAttributeValues": {":none": {"L": []}, ":new": {"L": [{"N": str(step.value)}]}},
    }
    return {"Update": {**_named(step.key), **update}}


def _values(response: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(value["N"]) for value in response.get("Item", {}).get("values", {}).get("L", ()))


def _key(key: str) -> dict[str, Any]:
    return {"id": {"S": key}}


def _named(key: str) -> dict[str, Any]:
    return {"TableName": TABLE, "Key": _key(key)}
