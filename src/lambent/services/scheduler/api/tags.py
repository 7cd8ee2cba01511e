"""Tags, which only groups have."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.tags import from_pairs, merged, pairs, without

from ..errors import ResourceNotFoundException, ValidationException
from ..keys import find_group, groups
from ..model import Group
from ..service import scheduler

_TAGS_MAX: Final = 50


def _arn(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceArn"])


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> Group:
    try:
        place = arn.parse(req["ResourceArn"])
    except ValueError:
        raise ValidationException(f"{req['ResourceArn']} is not a valid ARN.") from None
    kind, _, name = place.resource.partition("/")
    if kind != "schedule-group" or (place.account, place.region) != (ctx.account, ctx.region):
        raise ResourceNotFoundException(f"{req['ResourceArn']} does not exist.")
    return find_group(tx, ctx.account, ctx.region, name)


def _put(tx: Transaction, group: Group, tags: dict[str, str], now_ms: int) -> None:
    changed = replace(group, tags=tags, created_ms=group.created_ms or now_ms, modified_ms=now_ms)
    groups.put(tx, changed, group.account, group.region, group.name)


@scheduler.operation(tx="read", resource=_arn)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": pairs(_find(ctx, tx, req).tags)}


@scheduler.operation(tx="write", resource=_arn)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    group = _find(ctx, tx, req)
    too_many = ValidationException(f"A schedule group can have {_TAGS_MAX} tags at most.")
    _put(tx, group, merged(group.tags, from_pairs(req["Tags"]), _TAGS_MAX, too_many), ctx.now_ms)
    return {}


@scheduler.operation(tx="write", resource=_arn)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    group = _find(ctx, tx, req)
    _put(tx, group, without(group.tags, req["TagKeys"]), ctx.now_ms)
    return {}
