"""Deployments: an API as it was at a moment, which never changes again."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys, staging
from ..common.ids import new_id
from ..errors import BadRequestException, not_found
from ..model import Deployment
from ..patching import Patcher, Rule, text
from ..service import find_api, has_api, operation, page_of
from ..snapshots import take
from ..views import show_deployment


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> Deployment:
    api, id = req["restApiId"], req["deploymentId"]
    found = keys.deployments.get(tx, api, id) if has_api(ctx, tx, api) else None
    if found is None:
        raise not_found("Deployment")
    return found


@operation("write")
def create_deployment(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Take the API as it is, and let a stage serve it where one is named; a new one if need be. With canary settings
    only the stage's canary serves it."""
    api = find_api(ctx, tx, req["restApiId"])
    snapshot = take(tx, api)
    methods = [method for resource in snapshot.resources for method in resource.methods.values()]
    if not methods:
        raise BadRequestException("The REST API doesn't contain any methods")
    if any(method.integration is None for method in methods):
        raise BadRequestException("No integration defined for method")
    made = Deployment(id=new_id(ctx.cloud.ids, 6), created_ms=ctx.now_ms, description=req.get("description"))
    keys.deployments.put(tx, made, api.id, made.id)
    keys.snapshots.put(tx, snapshot, api.id, made.id)
    if req.get("stageName"):
        staging.deploy(ctx, tx, api, req, made.id)
    elif req.get("canarySettings"):
        raise BadRequestException("Stage name must be specified for a canary deployment")
    return show_deployment(made)


@operation("read")
def get_deployment(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show a deployment; with `embed=apisummary` its methods."""
    found = _find(ctx, tx, req)
    summary = any(one.lower() == "apisummary" for one in req.get("embed") or ())
    return show_deployment(found, keys.snapshots.get(tx, req["restApiId"], found.id) if summary else None)


@operation("read")
def get_deployments(ctx: Context, tx: Reader, req: dict[str, Any]) -> Any:
    """List the deployments of an API, the newest first."""
    api = find_api(ctx, tx, req["restApiId"])
    found = [deployment for _, deployment in keys.deployments.scan(tx, api.id)]
    latest = 10**15  # milliseconds; later than any deployment, so that what is left of it orders backwards
    return page_of(found, req, lambda one: f"{latest - one.created_ms:020}{one.id}", show_deployment)


_PATCHER: Final = Patcher(Rule("/description", text("description")), listed=True)


@operation("write")
def update_deployment(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Describe a deployment otherwise."""
    changed = _PATCHER.apply(_find(ctx, tx, req), req.get("patchOperations") or ())
    keys.deployments.put(tx, changed, req["restApiId"], changed.id)
    return show_deployment(changed)


@operation("write")
def delete_deployment(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a deployment that no stage serves."""
    gone = _find(ctx, tx, req)
    for _, stage in keys.stages.scan(tx, req["restApiId"]):
        if gone.id in (stage.deployment, stage.canary.deployment if stage.canary else ""):
            raise BadRequestException("Active stages pointing to this deployment must be moved or deleted")
    keys.deployments.delete(tx, req["restApiId"], gone.id)
    keys.snapshots.delete(tx, req["restApiId"], gone.id)
