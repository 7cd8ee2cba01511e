"""Pollers of two nodes over one PostgreSQL, in real sandboxes: spread, and taken over when a node is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.node import Node, eventually
from tests.e2e.test_event_sources import KEEPER, POLLING, kept, put, queue, table, visible
from tests.e2e.test_lambda import create, role
from tests.kv.postgres_cluster import find_binaries, started

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed"),
]


def pollers(node: Node) -> int:
    """How many pollers a node says that it has."""
    mine = [each for each in node.health()["nodes"] if each["endpoint"] == node.url]
    return int(mine[0]["load"].get("pollers", 0))


def test_what_a_killed_node_polled_goes_on_at_the_other(tmp_path: Path) -> None:
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as cluster:
        url = cluster.schema()
        first, second = (Node(tmp_path / name, "--store", url).start() for name in ("first", "second"))
        try:
            table(first, "kept")
            source = table(first, "source", StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
            jobs, arn = queue(first, "jobs", VisibilityTimeout="10")
            runner = role(first, "keeping", *POLLING)
            create(first, "jobs", KEEPER, Timeout=9, Role=runner)
            code = KEEPER.replace('record["body"]', 'record["dynamodb"]["Keys"]["id"]["S"]')
            create(first, "changes", code, Timeout=9, Role=runner)
            functions = first.client("lambda")
            functions.create_event_source_mapping(FunctionName="jobs", EventSourceArn=arn)
            eventually(lambda: pollers(first) + pollers(second) == 1)
            functions.create_event_source_mapping(
                FunctionName="changes", EventSourceArn=source, StartingPosition="TRIM_HORIZON", BatchSize=2
            )
            eventually(lambda: (pollers(first), pollers(second)) == (1, 1))
            sqs = second.client("sqs")
            for number in range(20):
                put(first, f"change-{number}")
                sqs.send_message(QueueUrl=jobs, MessageBody=f"job-{number}")
            first.kill()
            for number in range(20, 40):
                put(second, f"change-{number}")
                sqs.send_message(QueueUrl=jobs, MessageBody=f"job-{number}")
            names = {f"{kind}-{number}" for kind in ("job", "change") for number in range(40)}
            eventually(lambda: kept(second).keys() == names)
            eventually(lambda: visible(second, jobs) == (0, 0))
            eventually(lambda: pollers(second) == 2)
            repeated = [name for name, count in kept(second).items() if count > 1]
            assert len(repeated) <= 12, "at most what was under way on the dead node"
        finally:
            for node in (first, second):
                node.stop()
