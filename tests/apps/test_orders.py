"""The orders application's functions, without a cloud: what is refused, and that nothing is done twice."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

APP = Path(__file__).parents[2] / "apps" / "orders" / "src"
ORDER = {"id": "1", "customer": "Ada", "items": [{"sku": "tea", "quantity": 2}]}


class FakeTable:
    """As much of a table as the worker uses. `broken` makes writes of these ids fail."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.broken: set[str] = set()

    def put_item(self, Item: dict[str, Any], ConditionExpression: str) -> None:
        assert ConditionExpression == "attribute_not_exists(id)"
        if Item["id"] in self.broken:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem")
        if Item["id"] in self.items:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
        self.items[Item["id"]] = dict(Item)

    def get_item(self, Key: dict[str, str], ConsistentRead: bool) -> dict[str, Any]:
        assert ConsistentRead
        return {"Item": self.items[Key["id"]]}

    def update_item(self, Key: dict[str, str], **what: Any) -> None:
        assert what["UpdateExpression"] == "SET announced = :yes"
        self.items[Key["id"]]["announced"] = True


class Fakes:
    """What boto3 gives the functions."""

    def __init__(self) -> None:
        self.table = FakeTable()
        self.sent: list[dict[str, Any]] = []
        self.published: list[dict[str, Any]] = []

    def Table(self, name: str) -> FakeTable:
        assert name == "orders"
        return self.table

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:
        self.sent.append(json.loads(MessageBody))

    def publish(self, **message: Any) -> None:
        self.published.append(message)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    found = Fakes()
    monkeypatch.setattr(boto3, "client", lambda service: found)
    monkeypatch.setattr(boto3, "resource", lambda service: found)
    monkeypatch.setenv("QUEUE_URL", "http://queue")
    monkeypatch.setenv("TABLE", "orders")
    monkeypatch.setenv("TOPIC_ARN", "arn:aws:sns:us-east-1:000000000000:orders")
    return found


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"orders_{name}", APP / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def batch(*bodies: Any) -> dict[str, Any]:
    texts = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    return {"Records": [{"messageId": f"m{place}", "body": text} for place, text in enumerate(texts)]}


def test_an_order_goes_to_the_queue(fakes: Fakes) -> None:
    assert load("accept").handler({**ORDER, "price": 0}, None) == {"id": "1"}
    assert fakes.sent == [ORDER]


def test_a_request_is_answered_over_http(fakes: Fakes) -> None:
    accept = load("accept")
    body = base64.b64encode(json.dumps({"customer": "Ada", "items": [{"sku": "tea"}]}).encode()).decode()
    answer = accept.handler({"requestContext": {}, "body": body, "isBase64Encoded": True}, None)
    assert answer["statusCode"] == 202
    assert fakes.sent[0]["id"] == json.loads(answer["body"])["id"]
    assert accept.handler({"requestContext": {}, "body": "{"}, None)["statusCode"] == 400


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ([], "an order is an object"),
        ({"items": [{"sku": "tea"}]}, "the customer is missing"),
        ({"customer": "Ada", "items": []}, "an order has items"),
        ({"customer": "Ada", "items": [{}]}, "an item has a sku"),
        ({"customer": "Ada", "items": [{"sku": "tea", "quantity": 0}]}, "a quantity is a number from 1"),
        ({"customer": "Ada", "items": [{"sku": "tea"}], "id": 7}, "the id is a text of at most 64 characters"),
    ],
)
def test_a_bad_order_is_refused(fakes: Fakes, order: Any, error: str) -> None:
    assert load("accept").handler(order, None) == {"error": error}
    assert fakes.sent == []


def test_an_order_is_written_and_announced_once_however_often_it_comes(fakes: Fakes) -> None:
    worker = load("worker")
    for _ in range(3):
        assert worker.handler(batch(ORDER, ORDER), None) == {"batchItemFailures": []}
    assert fakes.table.items == {"1": {**ORDER, "announced": True}}
    assert [message["Message"] for message in fakes.published] == ["Order 1 of Ada: 2 items."]


def test_an_order_that_was_written_and_not_announced_is_announced(fakes: Fakes) -> None:
    fakes.table.items["1"] = {**ORDER, "announced": False}
    load("worker").handler(batch(ORDER), None)
    assert len(fakes.published) == 1
    assert fakes.table.items["1"]["announced"]


def test_only_what_failed_is_named(fakes: Fakes) -> None:
    fakes.table.broken.add("2")
    answer = load("worker").handler(batch("no json", ORDER, {**ORDER, "id": "2"}), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m2"}]}
    assert list(fakes.table.items) == ["1"]
