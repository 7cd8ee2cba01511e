"""Functions in real sandboxes on two nodes over one PostgreSQL: limits, changes, and the death of a node."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from tests.e2e.node import ACCOUNT, RUNTIME, Node, eventually
from tests.kv.postgres_cluster import find_binaries, started

from .support import TRUST, zipped

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")]
CODE = """
import time
def handler(event, context):
    time.sleep(event)
    return [VERSION, context.log_stream_name]
"""
REFUSED = "ReservedFunctionConcurrentInvocationLimitExceeded"


def code(version: int) -> bytes:
    """The function's archive; its answer tells the version."""
    return zipped(text=CODE.replace("VERSION", str(version)))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Two nodes of one cloud, with a function `slow`."""
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as cluster:
        url = cluster.schema()
        made = [Node(Path(tmp_path_factory.mktemp(name)), "--store", url).start() for name in ("first", "second")]
        made[0].client("iam").create_role(RoleName="runner", AssumeRolePolicyDocument=json.dumps(TRUST))
        made[0].client("lambda").create_function(
            FunctionName="slow",
            Runtime=RUNTIME,
            Handler="app.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/runner",
            Code={"ZipFile": code(1)},
            Timeout=30,
        )
        yield made[0], made[1]
        for node in made:
            node.stop()


def invoke(node: Node, seconds: float) -> Any:
    """Call the function on a node; its answer, or why it was refused."""
    try:
        answer = node.client("lambda").invoke(FunctionName="slow", Payload=json.dumps(seconds))
    except ClientError as error:
        refusal: Any = error.response
        status, message = refusal["ResponseMetadata"]["HTTPStatusCode"], refusal["Error"]["Message"]
        return refusal["Reason"] if (status, message) == (429, "Rate Exceeded.") else message
    assert "FunctionError" not in answer
    return json.load(answer["Payload"])


def break_off(node: Node) -> None:
    """A call that the node does not live to answer."""
    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        invoke(node, 25)


def load(node: Node, what: str) -> int:
    """A figure of a node's load, as it says itself."""
    mine = {member["endpoint"]: member["load"] for member in node.health()["nodes"]}[node.url]
    return int(mine.get(what, 0))


def test_a_change_on_one_node_ends_what_another_one_kept_warm(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    (one, stream), (same, other) = invoke(first, 0), invoke(second, 0)
    assert (one, same) == (1, 1)
    assert stream != other
    eventually(lambda: load(second, "warm") == 1, 5)
    first.client("lambda").update_function_code(FunctionName="slow", ZipFile=code(2))
    eventually(lambda: load(second, "warm") == 0, 5)
    assert invoke(second, 0)[0] == invoke(first, 0)[0] == 2


def test_a_reservation_holds_over_both_and_a_dead_nodes_slot_comes_free(nodes: tuple[Node, Node]) -> None:
    first, second = nodes
    first.client("lambda").put_function_concurrency(FunctionName="slow", ReservedConcurrentExecutions=1)
    for node in (first, second, first, second):
        assert len(invoke(node, 0)) == 2
    running = threading.Thread(target=invoke, args=(first, 2))
    running.start()
    eventually(lambda: load(first, "running") == 1, 5)
    assert invoke(second, 0) == invoke(first, 0) == REFUSED
    running.join()
    assert len(invoke(second, 0)) == 2
    dying = threading.Thread(target=break_off, args=(first,))
    dying.start()
    eventually(lambda: load(first, "running") == 1, 5)
    first.kill()
    dying.join()
    began_s = time.perf_counter()
    assert invoke(second, 0) == REFUSED
    eventually(lambda: invoke(second, 0) != REFUSED, 15)
    assert time.perf_counter() - began_s < 12
