"""WebSocket APIs: `serve` answers handshakes; what clients send then goes to the routes' integrations."""

from __future__ import annotations

from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Cloud

from ..addresses import Found
from ..room import room
from .service import Service

__all__ = ["serve"]
_MANAGEMENT = "/@connections/"


async def serve(cloud: Cloud, request: Request, found: Found) -> Response | None:
    """Answer a request to the WebSocket API `found`: with an `Upgrade`, or why not. None for requests of the management
    API (`/@connections/{id}`), which is an AWS API like others: the front door identifies and answers it."""
    if found.path.startswith(_MANAGEMENT):
        return None
    return await room(cloud).part(Service).handshake(request, found)
