"""Deployments."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..deploying import deploy, release
from ..errors import BadRequestException, missing
from ..model import Api, Deployment
from ..service import operation, paged, the_api
from ..views import show_deployment


def _the_deployment(tx: Reader, api: Api, req: dict[str, Any]) -> Deployment:
    found = keys.deployments.get(tx, api.id, req["DeploymentId"])
    if found is None:
        raise missing("Deployment", req["DeploymentId"])
    return found


@operation(tx="write")
def create_deployment(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    stage = None
    if req.get("StageName"):
        stage = keys.stages.get(tx, api.id, req["StageName"])
        if stage is None:
            raise missing("stage")
        if stage.auto_deploy:
            raise BadRequestException("Deployment ID cannot be set on a stage where AutoDeploy is enabled")
    made = deploy(tx, ctx.cloud.ids, ctx.now_ms, api, req.get("Description"))
    if stage is not None:
        release(tx, ctx.now_ms, api, stage, made.id)
    return show_deployment(made)


@operation(tx="read")
def get_deployment(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_deployment(_the_deployment(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_deployments(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    return paged(req, lambda after, limit: keys.deployments.scan(tx, api.id, after=after, limit=limit), show_deployment)


@operation(tx="write")
def update_deployment(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    old = _the_deployment(tx, api, req)
    new = replace(old, description=req.get("Description", old.description))
    keys.deployments.put(tx, new, api.id, new.id)
    return show_deployment(new)


@operation(tx="write")
def delete_deployment(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    old = _the_deployment(tx, api, req)
    if any(stage.deployment == old.id for _, stage in keys.stages.scan(tx, api.id)):
        raise BadRequestException("Active stages pointing to this deployment must be moved or deleted")
    keys.deployments.delete(tx, api.id, old.id)
    keys.snapshots.delete(tx, api.id, old.id)
