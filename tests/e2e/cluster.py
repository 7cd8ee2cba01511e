"""Three nodes of one cloud over PostgreSQL and an S3-compatible store, for tests of what they do together."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lambent.contracts.clock import SystemClock
from lambent.contracts.ids import Ids
from lambent.kv.table import Table
from tests.blobs.seaweed import find_binary
from tests.blobs.seaweed import started as started_seaweed
from tests.kv.postgres_cluster import find_binaries, started

from .node import ACCOUNT, REGION, Node, eventually

needs_servers = pytest.mark.skipif(
    find_binaries() is None or find_binary() is None, reason="PostgreSQL or SeaweedFS is not installed"
)
NODES = 3


class Nodes:
    """Nodes of one cloud. Calls go round them: `cloud.client("sns")` is a client of the next one."""

    def __init__(self, store: str, make: Callable[[str], Node]) -> None:
        self.store = store
        self.all = [make(f"node{number}") for number in range(NODES)]
        self._turn = itertools.count()

    def __getitem__(self, number: int) -> Node:
        return self.all[number]

    def client(self, service: str) -> Any:
        """A client of the next node."""
        return self.all[next(self._turn) % NODES].client(service)

    def rows(self, table: Table[Any]) -> list[tuple[Any, ...]]:
        """The parts of the keys of a table, as they lie in the store."""
        from lambent.kv.engines.postgres import PostgresStore  # deferred: an optional dependency

        async def read() -> list[tuple[Any, ...]]:
            store = PostgresStore(self.store, SystemClock(), Ids())
            try:
                return await store.read(lambda tx: [table.parts(key) for key, _ in table.scan(tx)])
            finally:
                await store.close()

        return asyncio.run(read())

    def settle(self) -> None:
        """Wait until every node sees all others, and no dead one."""
        eventually(lambda: all(len(node.health()["nodes"]) == NODES for node in self.all), 30)


@contextmanager
def three_nodes(folder: Path, *options: str) -> Iterator[Nodes]:
    """Three nodes, started with `options`, which are stopped afterwards."""
    binaries, weed = find_binaries(), find_binary()
    assert binaries is not None
    assert weed is not None
    with ExitStack() as stack:
        store = stack.enter_context(started(binaries)).schema()
        blobs = stack.enter_context(started_seaweed(weed)).url

        def make(name: str) -> Node:
            node = Node(folder / name, "--store", store, "--blobs", blobs, *options)
            stack.callback(node.stop)
            return node.start()

        yield Nodes(store, make)


def queue(cloud: Nodes, name: str, *services: str, **attributes: str) -> tuple[str, str]:
    """URL and ARN of a queue that services may send to."""
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    statements = [
        {"Effect": "Allow", "Principal": {"Service": one}, "Action": "sqs:SendMessage", "Resource": arn}
        for one in services
    ]
    if statements:
        attributes["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return cloud.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"], arn


def role(cloud: Nodes, name: str, service: str, *actions: str) -> str:
    """A role that trusts a service and may do `actions`."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    may = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_role_policy(RoleName=name, PolicyName="it", PolicyDocument=document)
    return arn


def drain(cloud: Nodes, url: str, wait_s: int = 1) -> list[str]:
    """The bodies that are in a queue, received through one node after the other, and deleted."""
    found: list[str] = []
    misses = 0
    while misses < 2:
        sqs = cloud.client("sqs")
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s).get("Messages", [])
        misses = 0 if messages else misses + 1
        for message in messages:
            found.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found
