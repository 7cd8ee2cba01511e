"""Scalable targets."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ..errors import ValidationException
from ..events import PRINCIPAL, emit_look
from ..keys import activities, policies, scalable, scheduled
from ..model import ScalableTarget, Where
from ..service import filters, found_target, moment, names, paged, scaling, where_of

_ROLE: Final = "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
_SUSPENSIONS: Final = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def target_arn(ctx: Context, req: dict[str, Any]) -> str:
    """What IAM is asked about."""
    return ctx.arn("application-autoscaling", "scalable-target/*")


@scaling.operation(tx="none", resource=target_arn)
async def register_scalable_target(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Register a capacity, or change its bounds. The service-linked role is made with the first."""
    where = where_of(ctx, req)
    known = await ctx.cloud.store.read(lambda tx: scalable.get(tx, *where))
    if known is None:
        await _check_table(ctx, where)
        await _ensure_role(ctx)
    target = await ctx.cloud.store.write(lambda tx: _register(ctx, tx, where, req))
    return {"ScalableTargetARN": target.arn}


async def _check_table(ctx: Context, where: Where) -> None:
    name, _, index = where[2].removeprefix("table/").partition("/index/")
    try:
        found = await ctx.cloud.api.call(ctx.caller, ctx.region, "dynamodb", "DescribeTable", {"TableName": name})
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise
        raise ValidationException(f"DynamoDB table does not exist: {where[2]}") from None
    indexes = [one["IndexName"] for one in found["Table"].get("GlobalSecondaryIndexes", ())]
    if index and index not in indexes:
        raise ValidationException(f"DynamoDB index does not exist: {where[2]}")


async def _ensure_role(ctx: Context) -> None:
    params = {"AWSServiceName": PRINCIPAL}
    try:
        await ctx.cloud.api.call(ctx.caller, ctx.region, "iam", "CreateServiceLinkedRole", params)
    except ServiceError as error:
        if error.code != "InvalidInput":  # it is there already
            raise


def _register(ctx: Context, tx: Transaction, where: Where, req: dict[str, Any]) -> ScalableTarget:
    known = scalable.get(tx, *where)
    least = req.get("MinCapacity", known.least if known is not None else None)
    most = req.get("MaxCapacity", known.most if known is not None else None)
    if least is None or most is None:
        raise ValidationException("MinCapacity and MaxCapacity must be given for a new scalable target")
    if least > most:
        raise ValidationException("Maximum capacity cannot be less than minimum capacity")
    if least < 1:
        raise ValidationException("Minimum capacity must be at least 1")
    given = req.get("SuspendedState", {})
    if known is None:
        known = ScalableTarget(
            account=where[0],
            region=where[1],
            resource=where[2],
            dimension=where[3],
            id=ctx.cloud.ids.hex(32),
            least=least,
            most=most,
            created_ms=ctx.now_ms,
            tags=req.get("Tags", {}),
        )
    elif req.get("Tags"):
        raise ValidationException("Tags can only be given for a new scalable target; use TagResource")
    suspended = {**known.suspended, **{name: given[name] for name in _SUSPENSIONS if name in given}}
    return emit_look(tx, replace(known, least=least, most=most, suspended=suspended))


@scaling.operation(tx="write", resource=target_arn)
def deregister_scalable_target(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove a target with its policies and scheduled actions."""
    target = found_target(tx, where_of(ctx, req))
    for table in (policies, scheduled, activities):
        for key, _ in table.scan(tx, *target.where):
            tx.delete(key)
    scalable.delete(tx, *target.where)
    return {}


@scaling.operation(tx="read")
def describe_scalable_targets(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The targets of a namespace."""
    rows = []
    for key, target in scalable.scan(tx, *filters(ctx, req)):
        if target.resource not in req.get("ResourceIds", (target.resource,)):
            continue
        if req.get("ScalableDimension", target.dimension) == target.dimension:
            rows.append((key, _view(target)))
    shown, more = paged(req, rows)
    return {"ScalableTargets": shown, **more}


def _view(target: ScalableTarget) -> dict[str, Any]:
    role = f"arn:aws:iam::{target.account}:role/aws-service-role/{PRINCIPAL}/{_ROLE}"
    return {
        **names(target.where),
        "MinCapacity": target.least,
        "MaxCapacity": target.most,
        "RoleARN": role,
        "CreationTime": moment(target.created_ms),
        "SuspendedState": {name: target.suspended.get(name, False) for name in _SUSPENSIONS},
        "ScalableTargetARN": target.arn,
    }
