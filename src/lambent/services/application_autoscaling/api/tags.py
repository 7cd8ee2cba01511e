"""Tags of scalable targets."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.tags import merged, without

from ..errors import ResourceNotFoundException, TooManyTagsException
from ..keys import scalable
from ..model import ScalableTarget
from ..service import scaling

_TAGS_MAX: Final = 50


def _arn(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["ResourceARN"])


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> ScalableTarget:
    for _, target in scalable.scan(tx, ctx.account, ctx.region):
        if target.arn == req["ResourceARN"]:
            return target
    raise ResourceNotFoundException(f"The specified resource does not exist: {req['ResourceARN']}")


@scaling.operation(tx="read", resource=_arn)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """A target's tags."""
    return {"Tags": _find(ctx, tx, req).tags}


@scaling.operation(tx="write", resource=_arn)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Add tags."""
    target = _find(ctx, tx, req)
    too_many = TooManyTagsException(f"A scalable target can have {_TAGS_MAX} tags at most")
    tags = merged(target.tags, req["Tags"], _TAGS_MAX, too_many)
    scalable.put(tx, replace(target, tags=tags), *target.where)
    return {}


@scaling.operation(tx="write", resource=_arn)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove tags."""
    target = _find(ctx, tx, req)
    scalable.put(tx, replace(target, tags=without(target.tags, req["TagKeys"])), *target.where)
    return {}
