"""WebSocket clients on several nodes of one PostgreSQL: messages cross, and the clients of a killed node are gone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.kv.postgres_cluster import Cluster, find_binaries, started

from .node import Node, eventually
from .test_websocket import management, mocked

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(find_binaries() is None, reason="PostgreSQL is not installed")]
ID = '{"id": "$context.connectionId"}'


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    binaries = find_binaries()
    assert binaries is not None
    with started(binaries) as running:
        yield running


@pytest.fixture
def node(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[[str], Node]]:
    """Makes nodes of one cloud; they are stopped afterwards."""
    url = cluster.schema()
    made: list[Node] = []

    def make(name: str) -> Node:
        made.append(Node(tmp_path / name, "--store", url))
        return made[-1].start()

    yield make
    for each in made:
        each.stop()


def own_id(client: ClientConnection) -> str:
    client.send("who am I?")
    return str(client.recv(20)).split('"')[3]


def address(node: Node, api: str, scheme: str) -> str:
    return f"{node.url.replace('http', scheme, 1)}/_aws/execute-api/{api}/prod"


def test_messages_cross_nodes_and_the_clients_of_a_killed_one_are_gone(node: Callable[[str], Node]) -> None:
    first, second = node("first"), node("second")
    api = mocked(first.client("apigatewayv2"), ID)
    here, there = management(address(first, api, "http")), management(address(second, api, "http"))
    with connect(address(second, api, "ws")) as client:
        id = own_id(client)
        got: list[Any] = []
        reading = threading.Thread(target=_read, args=(client, 50, got))
        reading.start()
        for number in range(50):
            # The word of another node and of its own, one after the other, stay one after the other.
            (here if number % 5 else there).post_to_connection(ConnectionId=id, Data=str(number).encode())
        reading.join(30)
        assert got == [str(number) for number in range(50)]
        assert here.get_connection(ConnectionId=id)["Identity"]["SourceIp"] == "127.0.0.1"
        here.delete_connection(ConnectionId=id)
        with pytest.raises(ConnectionClosed):
            client.recv(20)
    with connect(address(second, api, "ws")) as client:
        id = own_id(client)
        second.kill()
        with pytest.raises(ConnectionClosed):
            client.recv(20)
    eventually(lambda: _is_gone(here, id), 30)


def _read(client: ClientConnection, count: int, got: list[Any]) -> None:
    for _ in range(count):
        got.append(client.recv(20))


def _is_gone(api: Any, id: str) -> bool:
    try:
        api.post_to_connection(ConnectionId=id, Data=b"anyone?")
    except api.exceptions.GoneException:
        return True
    except api.exceptions.LimitExceededException:
        pass  # as much waits for the silent node as may
    return False
