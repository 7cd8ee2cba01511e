"""Tags of APIs, stages, domain names and VPC links, by ARN: of this version of the API and of REST's domain names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ...common import domains
from .. import keys
from ..errors import BadRequestException, NotFoundException
from ..model import TAGS_MAX
from ..service import operation

Write = Callable[[Transaction, dict[str, str]], None]


def _found(ctx: Context, tx: Reader, text: str) -> tuple[dict[str, str], Write]:
    """The tags of what an ARN names, and how to store new ones."""
    try:
        place = arn.parse(text)
    except ValueError:
        raise BadRequestException(f"Invalid ARN specified in the request: {text}") from None
    parts = place.resource.strip("/").split("/")
    if place.service != "apigateway" or place.region != ctx.region:
        raise BadRequestException(f"Invalid ARN specified in the request: {text}")
    if parts[0] == "domainnames" and len(parts) == 2:
        domain = domains.get_domain(tx, parts[1])
        if domain is not None and domain.account == ctx.account:
            return domain.tags, lambda w, tags: domains.put_domain(w, replace(domain, tags=tags))
    if parts[0] == "vpclinks" and len(parts) == 2:
        link = keys.vpc_links.get(tx, ctx.account, ctx.region, parts[1])
        if link is not None:
            return link.tags, lambda w, tags: keys.vpc_links.put(
                w, replace(link, tags=tags), ctx.account, ctx.region, link.id
            )
    api = keys.apis.get(tx, ctx.account, ctx.region, parts[1]) if parts[0] == "apis" and len(parts) in (2, 4) else None
    if api is not None and len(parts) == 2:
        return api.tags, lambda w, tags: keys.put_api(w, replace(api, tags=tags))
    stage = keys.stages.get(tx, api.id, parts[3]) if api is not None and parts[2] == "stages" else None
    if api is not None and stage is not None:
        return stage.tags, lambda w, tags: keys.stages.put(w, replace(stage, tags=tags), api.id, stage.name)
    raise NotFoundException(f"Invalid resource specified: {text}")


@operation(tx="read")
def get_tags(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _found(ctx, tx, req["ResourceArn"])[0]}


@operation(tx="write")
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old, write = _found(ctx, tx, req["ResourceArn"])
    new = {**old, **(req.get("Tags") or {})}
    if len(new) > TAGS_MAX:
        raise BadRequestException(f"A resource can have at most {TAGS_MAX} tags")
    if any(key.startswith("aws:") and key not in old for key in new):
        raise BadRequestException("Tag keys that begin with aws: are reserved")
    write(tx, new)
    return {}


@operation(tx="write")
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    old, write = _found(ctx, tx, req["ResourceArn"])
    write(tx, {key: value for key, value in old.items() if key not in req["TagKeys"]})
