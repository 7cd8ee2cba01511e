"""Scheduled actions: a target's bounds by the clock."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ..errors import ObjectNotFoundException, ValidationException
from ..events import emit_action
from ..keys import action_arn, scheduled
from ..model import Scheduled, Where
from ..schedules import next_ms
from ..service import filters, found_target, moment, names, paged, scaling, where_of, words
from .targets import target_arn


def _ms(time: Any) -> int:
    return round(time.timestamp() * 1000) if time is not None else 0


@scaling.operation(tx="write", resource=target_arn)
def put_scheduled_action(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a scheduled action, or change it."""
    target = found_target(tx, where_of(ctx, req))
    known = scheduled.get(tx, *target.where, req["ScheduledActionName"])
    if known is None and ("Schedule" not in req or "ScalableTargetAction" not in req):
        raise ValidationException("Schedule and ScalableTargetAction must be given for a new scheduled action")
    given = req.get("ScalableTargetAction")
    least, most = (known.least, known.most) if known is not None else (None, None)
    if given is not None:
        least, most = given.get("MinCapacity"), given.get("MaxCapacity")
        if least is None and most is None:
            raise ValidationException("MinCapacity or MaxCapacity must be given in ScalableTargetAction")
        if least is not None and most is not None and least > most:
            raise ValidationException("Maximum capacity cannot be less than minimum capacity")
    action = Scheduled(
        name=req["ScheduledActionName"],
        id=known.id if known is not None else ctx.cloud.ids.uuid(),
        schedule=req.get("Schedule", known.schedule if known is not None else ""),
        zone=req.get("Timezone", known.zone if known is not None else ""),
        created_ms=known.created_ms if known is not None else ctx.now_ms,
        start_ms=_ms(req.get("StartTime")) or (known.start_ms if known is not None else 0),
        end_ms=_ms(req.get("EndTime")) or (known.end_ms if known is not None else 0),
        least=least,
        most=most,
        turn=known.turn if known is not None else 0,
    )
    first_ms = next_ms(action.schedule, action.zone, action.created_ms, max(ctx.now_ms, action.start_ms - 1))
    if first_ms is None or (action.end_ms and first_ms > action.end_ms):
        raise ValidationException(f"The schedule has no time to come: {action.schedule}")
    emit_action(tx, target, action, first_ms)
    return {}


@scaling.operation(tx="write", resource=target_arn)
def delete_scheduled_action(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove a scheduled action."""
    where, name = where_of(ctx, req), req["ScheduledActionName"]
    if scheduled.get(tx, *where, name) is None:
        raise ObjectNotFoundException(f"No scheduled action found for {words(where)}, scheduled action name: {name}")
    scheduled.delete(tx, *where, name)
    return {}


@scaling.operation(tx="read")
def describe_scheduled_actions(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The scheduled actions of a namespace."""
    rows = []
    for key, action in scheduled.scan(tx, *filters(ctx, req)):
        account, region, resource, dimension, name = map(str, scheduled.parts(key))
        wanted = req.get("ScheduledActionNames", (name,))
        if req.get("ScalableDimension", dimension) == dimension and name in wanted:
            rows.append((key, _view((account, region, resource, dimension), action)))
    shown, more = paged(req, rows)
    return {"ScheduledActions": shown, **more}


def _view(where: Where, action: Scheduled) -> dict[str, Any]:
    bounds = {"MinCapacity": action.least, "MaxCapacity": action.most}
    shown: dict[str, Any] = {
        "ScheduledActionName": action.name,
        "ScheduledActionARN": action_arn(where, action),
        **names(where),
        "Schedule": action.schedule,
        "ScalableTargetAction": {name: value for name, value in bounds.items() if value is not None},
        "CreationTime": moment(action.created_ms),
    }
    if action.zone:
        shown["Timezone"] = action.zone
    if action.start_ms:
        shown["StartTime"] = moment(action.start_ms)
    if action.end_ms:
        shown["EndTime"] = moment(action.end_ms)
    return shown
