"""Resources: the paths of an API."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import building, keys
from ..common.ids import new_id
from ..errors import BadRequestException, LimitExceededException, not_found
from ..model import Resource
from ..patching import Patcher, Rule, text
from ..service import find_api, find_resource, operation, page_of
from ..views import show_resource

RESOURCES_MAX: Final = 300


def _all(tx: Reader, api: str) -> list[Resource]:
    return [resource for _, resource in keys.resources.scan(tx, api)]


@operation("write")
def create_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a resource below another."""
    api = find_api(ctx, tx, req["restApiId"])
    parent = find_resource(ctx, tx, req, "parentId")
    others = _all(tx, api.id)
    made = building.resource(new_id(ctx.cloud.ids, 6), parent, req["pathPart"], others)
    if len(others) >= RESOURCES_MAX:
        raise LimitExceededException(
            "Maximum number of resources for this API has been reached. Please contact AWS if you need additional "
            "resources."
        )
    keys.resources.put(tx, made, api.id, made.id)
    return show_resource(made)


@operation("read")
def get_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show a resource; with `embed=methods` its methods whole."""
    return show_resource(find_resource(ctx, tx, req), methods="methods" in (req.get("embed") or ()))


@operation("read")
def get_resources(ctx: Context, tx: Reader, req: dict[str, Any]) -> Any:
    """List the resources of an API by their paths."""
    api = find_api(ctx, tx, req["restApiId"])
    methods = "methods" in (req.get("embed") or ())
    return page_of(_all(tx, api.id), req, lambda one: one.path, lambda one: show_resource(one, methods=methods))


_PATCHER: Final = Patcher(Rule("/parentId", text("parent", "")), Rule("/pathPart", text("part", "")), listed=True)


@operation("write")
def update_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Give a resource another name or parent; the paths of those below change with it."""
    old = find_resource(ctx, tx, req)
    wanted: Resource = _PATCHER.apply(old, req.get("patchOperations") or ())
    if (wanted.parent, wanted.part) == (old.parent, old.part):
        return show_resource(old)
    if not old.parent:
        raise BadRequestException("Root resource cannot be updated")
    api = req["restApiId"]
    others = _all(tx, api)
    parent = next((one for one in others if one.id == wanted.parent), None)
    if parent is None:
        raise not_found("Resource")
    below = _below(others, old)
    if parent.id == old.id or parent.id in below:
        raise BadRequestException("Resource cannot be moved below itself")
    made = building.resource(old.id, parent, wanted.part, others)
    changed = replace(made, methods=old.methods)
    keys.resources.put(tx, changed, api, changed.id)
    for id, resource in below.items():
        path = changed.path + resource.path.removeprefix(old.path)
        keys.resources.put(tx, replace(resource, path=path), api, id)
    return show_resource(changed)


def _below(others: list[Resource], top: Resource) -> dict[str, Resource]:
    """The resources below one, by id."""
    prefix = f"{top.path.rstrip('/')}/"
    return {one.id: one for one in others if one.path.startswith(prefix) and one.id != top.id}


@operation("write")
def delete_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a resource with all below it."""
    resource = find_resource(ctx, tx, req)
    if not resource.parent:
        raise BadRequestException("Root resource cannot be deleted")
    api = req["restApiId"]
    for id in (resource.id, *_below(_all(tx, api), resource)):
        keys.resources.delete(tx, api, id)
