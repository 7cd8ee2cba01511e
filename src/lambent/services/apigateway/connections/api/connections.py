"""Messages to the clients of a WebSocket API, and what is known of them.

The API and the stage are in the address of the request, not among its parameters: `{endpoint}/@connections/{id}`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lambent.contracts.http import Request
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context

from ...common import domains, ids
from ...common.addresses import LABEL, PATH_PREFIX
from ...v2 import keys as v2
from ..errors import BadRequestException, ForbiddenException, PayloadTooLargeException
from ..model import ID, MESSAGE_BYTES_MAX
from ..service import connections
from ..switchboard import switchboard

_ACTION = "execute-api:ManageConnections"
_MARK = "/@connections/"


def spot(request: Request) -> tuple[str, str] | None:
    """API id and stage that an address says by itself; None for one that only custom domains can tell."""
    front = request.path.partition(_MARK)[0]
    label, mark, _ = request.host.partition(f".{LABEL}.")
    if front.startswith(PATH_PREFIX):
        api, _, stage = front.removeprefix(PATH_PREFIX).partition("/")
        return api, stage
    return (label, front[1:]) if mark else None


def locate(tx: Reader, request: Request | None) -> tuple[str, str]:
    """API id and stage that a request is addressed to; `ForbiddenException` when there is no such WebSocket API."""
    if request is None:
        raise ForbiddenException("A call of the management API needs the address of an API and stage.")
    found = spot(request)
    if found is None:
        mapped = domains.match(tx, request.host, request.path.partition(_MARK)[0] or "/")
        if mapped is None:
            raise ForbiddenException
        mapping, rest = mapped
        found = mapping.api, mapping.stage or rest[1:]
    api, stage = found
    place = ids.find(tx, api)
    if place is None or place.kind != "WEBSOCKET" or v2.get_stage(tx, api, stage) is None:
        raise ForbiddenException
    return api, stage


def _authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    api, stage = locate(tx, ctx.request)
    found = v2.find_api(tx, api)
    assert found is not None
    assert ctx.request is not None
    resource = found.execute_arn(stage, ctx.request.method, f"{_MARK}{req['ConnectionId']}")
    return [Check(_ACTION, resource, resource_account=found.account)]


async def _address(ctx: Context, id: str) -> tuple[str, str]:
    """Where a request about the connection `id` is addressed to, which authorization has found to be there."""
    if not ID.fullmatch(id):
        raise BadRequestException(id)
    found = spot(ctx.request) if ctx.request is not None else None
    if found is not None:
        return found
    return await ctx.cloud.store.read(lambda tx: locate(tx, ctx.request))


@connections.operation(tx="none", authorize=_authorize)
async def post_to_connection(ctx: Context, req: dict[str, Any]) -> None:
    """Send a message to a client."""
    api, stage = await _address(ctx, req["ConnectionId"])
    data = bytes(req["Data"])
    if len(data) > MESSAGE_BYTES_MAX:
        raise PayloadTooLargeException
    await switchboard(ctx.cloud).post(api, stage, req["ConnectionId"], data)


@connections.operation(tx="none", authorize=_authorize)
async def get_connection(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Since when a client is connected, when it was last active, and from where it came."""
    api, stage = await _address(ctx, req["ConnectionId"])
    found = await switchboard(ctx.cloud).find(api, stage, req["ConnectionId"])
    return {
        "ConnectedAt": datetime.fromtimestamp(found.connected_ms / 1000, UTC),
        "Identity": {"SourceIp": found.source_ip, "UserAgent": found.user_agent},
        "LastActiveAt": datetime.fromtimestamp(found.active_ms / 1000, UTC),
    }


@connections.operation(tx="none", authorize=_authorize)
async def delete_connection(ctx: Context, req: dict[str, Any]) -> None:
    """Disconnect a client."""
    api, stage = await _address(ctx, req["ConnectionId"])
    await switchboard(ctx.cloud).end(api, stage, req["ConnectionId"])
