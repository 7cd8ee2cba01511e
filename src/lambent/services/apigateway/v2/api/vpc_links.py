"""VPC links: stored, so that templates deploy."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import missing
from ..model import VpcLink
from ..service import operation, paged, small_id
from ..views import show_vpc_link


def _the_link(ctx: Context, tx: Reader, req: dict[str, Any]) -> VpcLink:
    found = keys.vpc_links.get(tx, ctx.account, ctx.region, req["VpcLinkId"])
    if found is None:
        raise missing("VpcLink", req["VpcLinkId"])
    return found


@operation(tx="write")
def create_vpc_link(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    made = VpcLink(
        id=small_id(ctx, 6),
        name=req["Name"],
        created_ms=ctx.now_ms,
        security_groups=tuple(req.get("SecurityGroupIds") or ()),
        subnets=tuple(req["SubnetIds"]),
        tags=req.get("Tags") or {},
    )
    keys.vpc_links.put(tx, made, ctx.account, ctx.region, made.id)
    return show_vpc_link(made)


@operation(tx="read")
def get_vpc_link(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_vpc_link(_the_link(ctx, tx, req))


@operation(tx="read")
def get_vpc_links(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    place = (ctx.account, ctx.region)
    return paged(req, lambda after, limit: keys.vpc_links.scan(tx, *place, after=after, limit=limit), show_vpc_link)


@operation(tx="write")
def update_vpc_link(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old = _the_link(ctx, tx, req)
    new = replace(old, name=req.get("Name", old.name))
    keys.vpc_links.put(tx, new, ctx.account, ctx.region, new.id)
    return show_vpc_link(new)


@operation(tx="write")
def delete_vpc_link(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    link = _the_link(ctx, tx, req)
    keys.vpc_links.delete(tx, ctx.account, ctx.region, link.id)
    return {}
