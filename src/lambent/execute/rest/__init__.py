"""REST APIs: finds the stage, chooses its deployment (or the canary's), and hands the request to the pipeline.

Everything that a request needs is read at once: the stage and, the first time, the deployment's snapshot, which is then
compiled and kept. DESIGN.md of the execute room says more.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import orjson

from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Reader
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import Snapshot, Stage

from ..addresses import Found
from ..room import Room
from .exchange import Exchange
from .pipeline import answer
from .plan import Plans

_PERCENT: Final = 100.0


class Look(NamedTuple):
    """What the store has for one request: `snapshot` only where no plan is kept yet."""

    stage: Stage
    deployment: str
    canary: bool
    snapshot: Snapshot | None
    log_role: str


def look(tx: Reader, room: Room, found: Found, draw: float) -> Look | None:
    """The stage of a request and what it serves; None when there is no such stage. `draw` is between 0 and 100: below
    the canary's percentage, the canary answers."""
    stage = keys.stages.get(tx, found.api, found.stage or "")
    if stage is None:
        return None
    canary = stage.canary is not None and bool(stage.canary.deployment) and draw < stage.canary.percent
    deployment = stage.canary.deployment if canary and stage.canary is not None else stage.deployment
    snapshot = None
    if not room.part(Plans).has(found.api, deployment):
        snapshot = keys.snapshots.get(tx, found.api, deployment)
        if snapshot is None:
            return None
    role = ""
    if stage.access_log is not None or any(settings.logging_level for settings in stage.settings.values()):
        account = keys.accounts.get(tx, found.account, found.region)
        role = account.cloudwatch_role if account is not None else ""
    return Look(stage, deployment, canary, snapshot, role)


def draw(room: Room) -> float:
    """A number between 0 and 100, to be given to `look`."""
    return room.cloud.ids.random.random() * _PERCENT


async def serve(room: Room, request: Request, found: Found, seen: Look | None) -> Response:
    """Answer a request to a REST API; `seen` is what `look` gave."""
    if seen is None:
        return door(room, request, 403, "Forbidden", "ForbiddenException")
    plans = room.part(Plans)
    plan = plans.get(found.api, seen.deployment)
    if plan is None:
        assert seen.snapshot is not None
        plan = plans.put(found.api, seen.deployment, seen.snapshot)
    if plan.snapshot.api.disable_execute_api and not found.custom:
        return door(room, request, 403, "Forbidden", "ForbiddenException")
    return await answer(Exchange(room, request, found, seen.stage, plan, canary=seen.canary, log_role=seen.log_role))


def door(room: Room, request: Request, status: int, message: str, error: str) -> Response:
    """An answer of the door itself, before any API is known."""
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-ErrorType", error),
        ("x-amzn-RequestId", request.id or room.cloud.ids.request_id()),
    ]
    return Response(status, headers, orjson.dumps({"message": message}))
