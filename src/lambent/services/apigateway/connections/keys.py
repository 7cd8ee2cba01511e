"""Every key of the connections of WebSocket APIs.

================================  ==============================================================
apigateway.connection             API id, stage, connection id
apigateway.connection_of_node     node, API id, stage, connection id: what goes away with a node
apigateway.connection_queue       node, connection id, number: what the node is to send
================================  ==============================================================

API ids are unique in the whole cloud. A message that is posted on another node than the client's goes through the
queue, in order, and is removed once it was written to the client's socket.
"""

from __future__ import annotations

from lambent.contracts.ports import Reader, Transaction
from lambent.kv import nodes
from lambent.kv.table import Table

from .errors import GoneException, LimitExceededException
from .model import QUEUED_MAX, Connection, Held, Queued

connections = Table("apigateway.connection", Connection)
of_node = Table("apigateway.connection_of_node", Held)
queue = Table("apigateway.connection_queue", Queued)


def topic(node: str) -> bytes:
    """What is woken when something was queued for a node."""
    return b"apigateway.connections:" + node.encode()


def put(tx: Transaction, connection: Connection) -> None:
    """Store a connection."""
    connections.put(tx, connection, connection.api, connection.stage, connection.id)
    of_node.put(tx, Held(), connection.node, connection.api, connection.stage, connection.id)


def delete(tx: Transaction, connection: Connection) -> None:
    """Remove a connection and what waits for it."""
    connections.delete(tx, connection.api, connection.stage, connection.id)
    of_node.delete(tx, connection.node, connection.api, connection.stage, connection.id)
    for key, _ in queue.scan(tx, connection.node, connection.id):
        tx.delete(key)


def held(tx: Reader, node: str) -> list[tuple[str, str, str]]:
    """API id, stage and id of each connection that a node holds."""
    return [of_node.parts(key)[1:] for key, _ in of_node.scan(tx, node)]  # type: ignore[misc]


def find(tx: Reader, api: str, stage: str, id: str, node: str, shared: bool) -> Connection:
    """The connection of an id, as the node `node` sees it; `GoneException` when there is none, or its node is gone.
    `shared` says that there may be other nodes."""
    found = connections.get(tx, api, stage, id)
    if found is None or found.closing:
        raise GoneException
    if found.node != node and not (shared and nodes.find(tx, found.node) is not None):
        raise GoneException
    return found


def append(tx: Transaction, connection: Connection, message: Queued) -> None:
    """Have the connection's node send something; `LimitExceededException` when too much waits already."""
    waiting = queue.scan(tx, connection.node, connection.id, limit=QUEUED_MAX, reverse=True)
    if len(waiting) >= QUEUED_MAX and not message.code:
        raise LimitExceededException
    last = queue.parts(waiting[0][0])[2] if waiting else 0
    assert isinstance(last, int)
    queue.put(tx, message, connection.node, connection.id, last + 1)
    tx.wake(topic(connection.node))


def forget_node(tx: Transaction, node: str) -> None:
    """The connections of a node that has left, or died, are gone, and what was to be sent to them."""
    for key, _ in of_node.scan(tx, node):
        _, api, stage, id = of_node.parts(key)
        connections.delete(tx, api, stage, id)
        tx.delete(key)
    for key, _ in queue.scan(tx, node):
        tx.delete(key)
