"""Stages, their settings, and the cache of their authorizers' results."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ...common import domains
from .. import keys
from ..checks import check_settings, check_stage_name
from ..errors import BadRequestException, ConflictException, full, missing
from ..model import STAGES_MAX, Api, Stage
from ..service import changed, operation, paged, the_api
from ..views import STAGE, access_log, fields, settings_of, show_stage


def the_stage(tx: Reader, api: Api, req: dict[str, Any]) -> Stage:
    """The stage that a request names; `NotFoundException` when there is none."""
    found = keys.stages.get(tx, api.id, req["StageName"])
    if found is None:
        raise missing("stage")
    return found


def _configured(tx: Reader, api: Api, stage: Stage, req: dict[str, Any]) -> Stage:
    given = fields(req, STAGE)
    new = replace(stage, **given)
    if given.get("deployment"):
        if new.auto_deploy:
            raise BadRequestException("Deployment ID cannot be set on a stage where AutoDeploy is enabled")
        if keys.deployments.get(tx, api.id, new.deployment) is None:
            raise BadRequestException("Deployment id does not exist")
    check_settings(tx, api, req.get("RouteSettings") or {}, req.get("DefaultRouteSettings") or {})
    if req.get("DefaultRouteSettings") is not None:
        new = replace(new, default_settings=settings_of(req["DefaultRouteSettings"]))
    if req.get("RouteSettings") is not None:
        settings = {key: settings_of(value) for key, value in req["RouteSettings"].items()}
        new = replace(new, route_settings={**new.route_settings, **settings})
    if req.get("AccessLogSettings") is not None:
        new = replace(new, access_log=access_log(req["AccessLogSettings"]))
    # A variable that is set to nothing is removed, and the others stay.
    variables = {name: value for name, value in {**stage.variables, **new.variables}.items() if value != ""}
    return replace(new, variables=variables)


@operation(tx="write")
def create_stage(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    name = req["StageName"]
    check_stage_name(api, name)
    if keys.stages.get(tx, api.id, name) is not None:
        raise ConflictException("Stage already exists")
    if len(keys.stages.scan(tx, api.id, limit=STAGES_MAX)) >= STAGES_MAX:
        raise full("Stages")
    made = _configured(tx, api, Stage(name=name, created_ms=ctx.now_ms, updated_ms=ctx.now_ms), req)
    keys.stages.put(tx, made, api.id, name)
    if made.auto_deploy:
        changed(ctx, tx, api)
    return show_stage(the_stage(tx, api, req))


@operation(tx="read")
def get_stage(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_stage(the_stage(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_stages(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    return paged(req, lambda after, limit: keys.stages.scan(tx, api.id, after=after, limit=limit), show_stage)


@operation(tx="write")
def update_stage(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    old = the_stage(tx, api, req)
    new = replace(_configured(tx, api, old, req), updated_ms=ctx.now_ms)
    keys.stages.put(tx, new, api.id, new.name)
    if new.auto_deploy and not old.auto_deploy:
        changed(ctx, tx, api)
    return show_stage(the_stage(tx, api, req))


@operation(tx="write")
def delete_stage(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    stage = the_stage(tx, api, req)
    if domains.in_use(tx, api.id, api.account, api.region, stage.name):
        raise BadRequestException(
            f"Deleting stage {stage.name} is not allowed because it is associated with an API mapping. "
            "Delete the API mapping and try again."
        )
    keys.stages.delete(tx, api.id, stage.name)


@operation(tx="write")
def delete_access_log_settings(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    stage = the_stage(tx, api, req)
    keys.stages.put(tx, replace(stage, access_log=None, updated_ms=ctx.now_ms), api.id, stage.name)


@operation(tx="write")
def delete_route_settings(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    stage = the_stage(tx, api, req)
    settings = dict(stage.route_settings)
    if req["RouteKey"] not in settings:
        raise keys.no_route(req["RouteKey"])
    del settings[req["RouteKey"]]
    keys.stages.put(tx, replace(stage, route_settings=settings, updated_ms=ctx.now_ms), api.id, stage.name)


@operation(tx="write")
def reset_authorizers_cache(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    stage = the_stage(tx, api, req)
    if api.protocol != "HTTP":
        raise BadRequestException("Resetting the authorizers cache is only supported for HTTP APIs")
    keys.stages.put(tx, replace(stage, authorizer_epoch=stage.authorizer_epoch + 1), api.id, stage.name)
