"""API Gateway: messages to the clients of WebSocket APIs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import connections as _connections
from .keys import forget_node
from .service import connections as service
from .switchboard import Switchboard

__all__ = ["forget_node", "service", "targets"]

_OPERATIONS = (_connections,)
targets: Mapping[str, Callable[[Cloud], Target]] = {"apigatewaymanagementapi": Switchboard}
