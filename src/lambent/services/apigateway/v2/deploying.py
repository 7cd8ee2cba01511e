"""Deployments: a snapshot of an API that never changes, and stages that point to one."""

from __future__ import annotations

from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction

from ..common.ids import new_id
from . import keys
from .errors import BadRequestException
from .model import Api, Deployment, Stage

NO_ROUTES = "Unable to deploy API because no routes exist in this API"


def deploy(
    tx: Transaction, ids: Ids, now_ms: int, api: Api, description: str | None = None, auto: bool = False
) -> Deployment:
    """Freeze an API as it is; `BadRequestException` when it has no routes."""
    snapshot = keys.freeze(tx, api)
    if not snapshot.routes:
        raise BadRequestException(NO_ROUTES)
    made = Deployment(id=new_id(ids, 6), created_ms=now_ms, description=description, auto=auto)
    keys.deployments.put(tx, made, api.id, made.id)
    keys.snapshots.put(tx, snapshot, api.id, made.id)
    return made


def release(tx: Transaction, now_ms: int, api: Api, stage: Stage, deployment: str) -> Stage:
    """Point a stage to a deployment."""
    text = f"Successfully deployed stage with deployment ID '{deployment}'"
    stage = replace(stage, deployment=deployment, updated_ms=now_ms, last_status=text if stage.auto_deploy else None)
    keys.stages.put(tx, stage, api.id, stage.name)
    return stage


def deploy_automatically(tx: Transaction, ids: Ids, now_ms: int, api: Api) -> None:
    """Make one deployment for all stages of an API that deploy automatically, and forget the automatic ones that no
    stage points to any more: nobody can choose them, and an API made route by route would leave hundreds."""
    stages = [found for _, found in keys.stages.scan(tx, api.id)]
    waiting = [stage for stage in stages if stage.auto_deploy]
    if not waiting:
        return
    try:
        made = deploy(tx, ids, now_ms, api, "Automatic deployment triggered by changes to the Api configuration", True)
    except BadRequestException as error:
        for stage in waiting:
            failed = replace(stage, last_status=f"Deployment attempt failed: {error.message}")
            keys.stages.put(tx, failed, api.id, stage.name)
        return
    for stage in waiting:
        release(tx, now_ms, api, stage, made.id)
    in_use = {stage.deployment for stage in stages if not stage.auto_deploy} | {made.id}
    for _, old in keys.deployments.scan(tx, api.id):
        if old.auto and old.id not in in_use:
            keys.deployments.delete(tx, api.id, old.id)
            keys.snapshots.delete(tx, api.id, old.id)
