"""The execute-api room: answers requests to the APIs that users have built with API Gateway.

`serve` finds the API and hands the request on by its kind; `targets` is what the cloud's other rooms reach: the room's
memory, and tests of methods and authorizers. See DESIGN.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lambent.contracts.events import Target
from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Cloud, Reader
from lambent.kit.loading import load

from . import http, rest
from .addresses import Found, find, is_domain, spot
from .room import Room, room
from .testing import TestingRoom

__all__ = ["Found", "Room", "room", "serve", "targets"]

targets: Final[Mapping[str, Callable[[Cloud], Target]]] = {"apigateway": TestingRoom}
_CONNECTIONS: Final = "/@connections/"


async def serve(cloud: Cloud, request: Request) -> Response | None:
    """Answer a request to an API; None for one that is addressed to no API (an unknown custom domain name), or to the
    management API of WebSocket connections, which is AWS's own."""
    where = spot(request)
    here = room(cloud)
    draw = rest.draw(here)

    def look(tx: Reader) -> tuple[Found, Any] | bool:
        found = find(tx, where)
        if found is None:
            return not where.custom or is_domain(tx, where)
        if found.kind == "REST":
            return found, rest.look(tx, here, found, draw)
        return found, http.look(tx, here, request, found) if found.kind == "HTTP" else None

    looked = await cloud.store.read(look)
    if isinstance(looked, bool):
        return rest.door(here, request, 403, "Forbidden", "ForbiddenException") if looked else None
    found, seen = looked
    if found.kind == "REST":
        return await rest.serve(here, request, found, seen)
    if found.kind == "HTTP":
        return await http.serve(here, request, seen)
    if _CONNECTIONS in request.path:
        return None
    # Loaded by the first request to one.
    answer: Any = await (await load("lambent.execute.websocket")).serve(cloud, request, found)
    return answer  # type: ignore[no-any-return]
