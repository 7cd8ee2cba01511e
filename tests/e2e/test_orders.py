"""The orders application: each order once, whatever dies on the way, and at whatever pace orders come."""

from __future__ import annotations

import io
import json
import os
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .newman import run_collection
from .node import ACCOUNT, ROOT, RUNTIME, Node, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
APP = ROOT / "apps" / "orders"
ORDERS = int(os.environ.get("LAMBENT_ORDERS", "1000"))
"""How many orders the load test sends; 10,000 take some minutes."""
RETRY_S = 12
EMAIL = "orders@example.com"
DYING = """
import time, app
def handler(event, context):
    answer = app.handler(event, context)
    time.sleep(8)
    return answer
"""
"""The worker, which has done its work and does not come to say so."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Node]:
    """A node of its own with the application, for it is killed."""
    node = Node(tmp_path / "cloud").start()
    values = {
        "Runtime": RUNTIME,
        "WorkerConcurrency": "2",
        "RetrySeconds": str(RETRY_S),
        "AttemptsMax": "2",
        "Email": EMAIL,
    }
    options = [option for name, value in values.items() for option in ("--parameter", f"{name}={value}")]
    try:
        node.run("lambent", "deploy", str(APP), "--stack-name", "shop", *options)
        yield node
    finally:
        assert node.stop() == 0


def orders_url(node: Node) -> str:
    """Where orders are posted, in the form that needs no name resolution."""
    (stack,) = node.client("cloudformation").describe_stacks(StackName="shop")["Stacks"]
    shown = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}["OrdersUrl"]
    api = urlsplit(shown).netloc.split(".")[0]
    return f"{node.url}/_aws/execute-api/{api}/$default/orders"


def post(where: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and answer of a posted order."""
    request = urllib.request.Request(where, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def order(where: str, id: str) -> None:
    """Hand an order in."""
    payload = {"id": id, "customer": "Ada", "items": [{"sku": "tea", "quantity": 2}]}
    assert post(where, json.dumps(payload).encode()) == (202, {"id": id})


def kept(node: Node) -> list[dict[str, Any]]:
    """All orders in the table."""
    pages = node.client("dynamodb").get_paginator("scan").paginate(TableName="shop-orders", ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def url(node: Node, name: str = "shop-orders") -> str:
    return f"{node.url}/{ACCOUNT}/{name}"


def waiting(node: Node, name: str = "shop-orders") -> tuple[int, int]:
    """How many messages are visible, and how many in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = node.client("sqs").get_queue_attributes(QueueUrl=url(node, name), AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


def mails(node: Node, subject: str) -> list[dict[str, Any]]:
    """The mails in the built-in mailbox that have these words in their subject."""
    with urllib.request.urlopen(f"{node.url}/_lambent/mail", timeout=10) as answer:
        letters = json.load(answer)["letters"]
    return [letter for letter in letters if letter["to"] == EMAIL and subject in letter["subject"]]


def confirm(node: Node) -> None:
    """Do what the first mails ask for: one of the topic of orders, one of that of alerts."""

    def both() -> list[dict[str, Any]]:
        found = mails(node, "Subscription Confirmation")
        return found if len(found) == 2 else []

    for asked in eventually(both):
        with urllib.request.urlopen(asked["details"]["Confirm"], timeout=10) as answer:
            assert answer.status == 200


def worker_code(**more: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(APP / "src" / "worker" / "app.py", "app.py")
        for name, text in more.items():
            archive.writestr(f"{name}.py", text)
    return buffer.getvalue()


def test_an_order_is_kept_once_though_the_worker_dies_before_the_message_is_deleted(shop: Node) -> None:
    confirm(shop)
    functions = shop.client("lambda")
    functions.update_function_code(FunctionName="shop-worker", ZipFile=worker_code(dying=DYING))
    functions.update_function_configuration(FunctionName="shop-worker", Handler="dying.handler")
    order(orders_url(shop), "once")
    eventually(lambda: [item for item in kept(shop) if item["announced"]["BOOL"]])
    assert waiting(shop) == (0, 1)
    shop.kill()
    shop.start()
    assert waiting(shop) == (0, 1), "done, but nobody has said so"
    shop.client("lambda").update_function_configuration(FunctionName="shop-worker", Handler="app.handler")
    eventually(lambda: waiting(shop) == (0, 0))
    (mail,) = mails(shop, "New order")
    assert (mail["subject"], "Order once of Ada: 2 items." in mail["body"]) == ("New order once", True)
    (item,) = kept(shop)
    assert (item["id"]["S"], item["customer"]["S"]) == ("once", "Ada")
    assert waiting(shop, "shop-dead-letters") == (0, 0)


def test_what_cannot_be_worked_on_is_a_dead_letter_and_the_rest_of_its_batch_is_done(shop: Node) -> None:
    confirm(shop)
    entries = [
        {"Id": "bad", "MessageBody": "no order"},
        {"Id": "good", "MessageBody": json.dumps({"id": "good", "customer": "Ada", "items": []})},
    ]
    shop.client("sqs").send_message_batch(QueueUrl=url(shop), Entries=entries)
    eventually(lambda: waiting(shop, "shop-dead-letters") == (1, 0))
    assert [item["id"]["S"] for item in kept(shop)] == ["good"]
    assert waiting(shop) == (0, 0)
    found = shop.client("sqs").receive_message(QueueUrl=url(shop, "shop-dead-letters"))["Messages"]
    assert [message["Body"] for message in found] == ["no order"]
    (mail,) = eventually(lambda: mails(shop, "ALARM"), 150)
    assert mail["subject"] == 'ALARM: "shop-dead-letters" in us-east-1'
    (alarm,) = shop.client("cloudwatch").describe_alarms(AlarmNames=["shop-dead-letters"])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"


def test_a_bad_order_is_refused_before_it_reaches_the_queue(shop: Node) -> None:
    answer = shop.client("lambda").invoke(FunctionName="shop-accept", Payload=b'{"items": [{"sku": "tea"}]}')
    assert json.load(answer["Payload"]) == {"error": "the customer is missing"}
    where = orders_url(shop)
    assert post(where, b'{"customer": "Ada"}') == (400, {"error": "an order has items"})
    assert post(where, b"no order") == (400, {"error": "the body is no JSON"})
    status, answered = post(where, b'{"customer": "Ada", "items": [{"sku": "tea"}]}')
    assert status == 202
    eventually(lambda: [item for item in kept(shop) if item["id"]["S"] == answered["id"]])


def test_the_readme_tells_how_to_hand_an_order_in(shop: Node) -> None:
    lines = [line.strip() for line in (APP / "README.md").read_text().splitlines() if line.startswith("    ")]
    invoke = next(line for line in lines if line.startswith("lambent invoke")).partition(" #")[0]
    assert json.loads(shop.run(*invoke.split(), cwd=ROOT).stdout) == {"id": "2024-0001"}
    request = next(line for line in lines if line.startswith("curl")).replace("$OrdersUrl", orders_url(shop))
    handed_in = shop.run(shutil.which("curl") or "/usr/bin/curl", "-s", *request.split()[1:], cwd=ROOT)
    assert json.loads(handed_in.stdout) == {"id": "2024-0001"}
    look = next(line for line in lines if line.startswith("aws "))
    eventually(lambda: json.loads(shop.run(*look.split()).stdout)["Count"] == 1)


def test_its_postman_collection_passes(shop: Node) -> None:
    run_collection(APP / "postman.json", ordersUrl=orders_url(shop))
    eventually(lambda: len(kept(shop)) == 1)
    assert waiting(shop, "shop-dead-letters") == (0, 0)


@pytest.mark.timeout(1200)
def test_many_orders_arrive_complete_and_the_queue_tells_the_truth(shop: Node) -> None:
    names = [f"order-{number}" for number in range(ORDERS)]
    handed_in: list[str] = []

    where = orders_url(shop)

    def hand_in(name: str) -> None:
        order(where, name)
        handed_in.append(name)

    most = 0
    with ThreadPoolExecutor(8) as threads:
        sending = [threads.submit(hand_in, name) for name in names]
        while True:
            over = all(each.done() for each in sending)
            sent, before = len(handed_in), len(kept(shop))
            visible, in_flight = waiting(shop)
            # A written order's message is deleted a little later, so the queue holds at least what the table lacks.
            assert visible + in_flight >= sent - len(kept(shop))
            assert visible <= ORDERS - before
            most = max(most, visible + in_flight)
            if over and visible + in_flight == 0:
                break
    for each in sending:
        each.result()
    assert most > 10, "the queue has absorbed more than one batch"
    assert sorted(item["id"]["S"] for item in kept(shop)) == sorted(names)
    assert waiting(shop, "shop-dead-letters") == (0, 0)
    print(f"at most {most} orders were in the queue")
