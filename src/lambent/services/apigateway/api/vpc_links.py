"""Links to private networks. They are configuration: an integration over one reaches its URI like any other."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..common.ids import new_id
from ..errors import BadRequestException, not_found
from ..limits import VPC_LINKS_MAX, refuse_more
from ..model import VpcLink
from ..patching import ALL, Patcher, Rule, text
from ..service import operation, page_of, read_tags
from ..views import shown

_PATCHES: Final = Patcher(Rule("/name", text("name", "")), Rule("/description", text("description"), ALL), listed=True)


def _show(link: VpcLink, *, tags: bool = False) -> dict[str, Any]:
    return shown(
        {
            "id": link.id,
            "name": link.name,
            "description": link.description,
            "targetArns": list(link.targets),
            "status": link.status,
            "statusMessage": link.message or None,
            "tags": dict(link.tags) if link.tags or tags else None,
        }
    )


def _find(ctx: Context, tx: Reader, id: str) -> VpcLink:
    found = keys.vpc_links.get(tx, ctx.account, ctx.region, id)
    if found is None:
        raise not_found("Vpc Link")
    return found


def _check(link: VpcLink) -> VpcLink:
    if not link.name:
        raise BadRequestException("Vpc Link name cannot be empty")
    return link


@operation(tx="write")
def create_vpc_link(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    targets = tuple(req["targetArns"])
    if len(targets) != 1 or ":loadbalancer/net/" not in targets[0]:
        raise BadRequestException("A VPC link must have exactly one target: the ARN of a network load balancer")
    place = (ctx.account, ctx.region)
    refuse_more(tx, keys.vpc_links, place, VPC_LINKS_MAX, "VPC links for this account", "VPC links")
    made = VpcLink(
        id=new_id(ctx.cloud.ids, 6),
        name=req["name"],
        targets=targets,
        description=req.get("description"),
        tags=read_tags(req.get("tags")),
    )
    keys.vpc_links.put(tx, _check(made), ctx.account, ctx.region, made.id)
    return _show(made)


@operation(tx="read")
def get_vpc_link(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show(_find(ctx, tx, req["vpcLinkId"]), tags=True)


@operation(tx="read")
def get_vpc_links(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = [link for _, link in keys.vpc_links.scan(tx, ctx.account, ctx.region)]
    answer: dict[str, Any] = page_of(found, req, lambda link: link.id, _show)
    return answer


@operation(tx="write")
def update_vpc_link(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    link = _find(ctx, tx, req["vpcLinkId"])
    changed = _check(_PATCHES.apply(link, req.get("patchOperations") or ()))
    keys.vpc_links.put(tx, changed, ctx.account, ctx.region, link.id)
    return _show(changed, tags=True)


@operation(tx="write")
def delete_vpc_link(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    link = _find(ctx, tx, req["vpcLinkId"])
    keys.vpc_links.delete(tx, ctx.account, ctx.region, link.id)
