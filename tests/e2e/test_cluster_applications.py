"""The applications on three nodes of one cloud, one of which is killed while they are used."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from lambent.cli import demo_bookstore

from .cluster import Nodes, needs_servers, three_nodes
from .node import REGION, ROOT, RUNTIME, Node, eventually
from .test_orders import APP, EMAIL, confirm, kept, mails, orders_url, post, waiting

pytestmark = [pytest.mark.e2e, pytest.mark.slow, needs_servers]
ORDERS = 40
"""Fewer than the mailbox shows at a time."""
BOOKSTORE = ROOT / "apps" / "bookstore"
READER, PASSWORD = "reader@example.com", "Paper-and-Ink-1"


@pytest.fixture
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with three_nodes(tmp_path_factory.mktemp("cloud")) as running:
        yield running


def deploy(node: Node, app: str, stack: str, **values: str) -> None:
    """Deploy an application, as its README says."""
    options = [option for name, value in values.items() for option in ("--parameter", f"{name}={value}")]
    node.run("lambent", "deploy", app, "--stack-name", stack, *options)


def hand_in(cloud: Nodes, number: int, addresses: list[str]) -> None:
    """Hand an order in, again at the next node while one does not answer: an order's id is the client's."""
    body = {"id": f"order-{number}", "customer": "Ada", "items": [{"sku": "tea", "quantity": 1}]}
    for attempt in range(100):
        try:
            status, _ = post(addresses[(number + attempt) % len(addresses)], json.dumps(body).encode())
        except OSError:
            time.sleep(0.1)
            continue
        if status == 202:
            return
    raise AssertionError(f"order {number} was not accepted")


def test_each_order_is_kept_and_announced_once_though_a_node_dies(cloud: Nodes) -> None:
    values = {"WorkerConcurrency": "2", "RetrySeconds": "12", "AttemptsMax": "5", "Email": EMAIL}
    deploy(cloud[0], str(APP), "shop", Runtime=RUNTIME, **values)
    confirm(cloud[2])
    addresses = [orders_url(node) for node in cloud.all]
    for number in range(ORDERS):
        if number == 20:
            cloud[1].kill()
        hand_in(cloud, number, addresses)
    cloud[1].start()
    wanted = sorted(f"order-{number}" for number in range(ORDERS))
    eventually(lambda: waiting(cloud[0]) == (0, 0), 90)
    found = eventually(
        lambda: len(items := kept(cloud[2])) == ORDERS and all(i["announced"]["BOOL"] for i in items) and items
    )
    assert sorted(item["id"]["S"] for item in found) == wanted
    assert waiting(cloud[0], "shop-dead-letters") == (0, 0)
    sent = Counter(mail["subject"] for mail in mails(cloud[0], "New order"))
    assert set(sent) == {f"New order {name}" for name in wanted}
    cloud.settle()


def test_the_book_store_is_one_over_all_nodes(cloud: Nodes) -> None:
    deploy(cloud[0], str(BOOKSTORE), "books", Runtime=RUNTIME)
    (stack,) = cloud[1].client("cloudformation").describe_stacks(StackName="books")["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    demo_bookstore.make_reader(outputs["UserPoolId"], READER, PASSWORD, cloud[1].url, REGION)
    configs = [demo_bookstore.make_config(outputs, node.url, REGION) for node in cloud.all]
    assert len({config["apiUrl"] for config in configs}) == 3
    stores = [demo_bookstore.Store(config, READER, PASSWORD) for config in configs]
    made: list[Any] = []
    for number, store in enumerate(stores):
        book = {"title": f"Nodes {number}", "author": "A. Many", "price": number + 1}
        made.append(store.call("POST", "/books", book))
        assert all(len(other.books()) == number + 1 for other in stores)
    assert demo_bookstore.Store(configs[2], READER, PASSWORD).fill(BOOKSTORE / "demo") > 0
    cloud[0].kill()
    everything = {book["id"]: book for book in stores[1].books()}
    assert {book["id"]: book for book in stores[2].books()} == everything
    stores[2].call("DELETE", f"/books/{made[0]['id']}")
    assert made[0]["id"] not in {book["id"] for book in stores[1].books()}
    cloud[0].start()
    assert (
        len(demo_bookstore.Store(demo_bookstore.make_config(outputs, cloud[0].url, REGION), READER, PASSWORD).books())
        == len(everything) - 1
    )
    cloud.settle()
