"""Tags of pipes."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.tags import merged, without

from ..errors import NotFoundException, ValidationException
from ..keys import get_pipe, pipes
from ..model import Pipe
from ..service import pipes_service

_TAGS_MAX: Final = 50


def _arn(ctx: Context, req: dict[str, Any]) -> str:
    return str(req["resourceArn"])


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> Pipe:
    try:
        place = arn.parse(req["resourceArn"])
    except ValueError:
        raise ValidationException(f"{req['resourceArn']} is not a valid ARN.") from None
    kind, _, name = place.resource.partition("/")
    if kind != "pipe" or (place.account, place.region) != (ctx.account, ctx.region):
        raise NotFoundException(f"{req['resourceArn']} does not exist.")
    return get_pipe(tx, ctx.account, ctx.region, name)


@pipes_service.operation(tx="read", resource=_arn)
def list_tags_for_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"tags": _find(ctx, tx, req).tags}


@pipes_service.operation(tx="write", resource=_arn)
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pipe = _find(ctx, tx, req)
    too_many = ValidationException(f"A pipe can have {_TAGS_MAX} tags at most.")
    tags = merged(pipe.tags, req["tags"], _TAGS_MAX, too_many)
    pipes.put(tx, replace(pipe, tags=tags), *pipe.place)
    return {}


@pipes_service.operation(tx="write", resource=_arn)
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pipe = _find(ctx, tx, req)
    pipes.put(tx, replace(pipe, tags=without(pipe.tags, req["tagKeys"])), *pipe.place)
    return {}
