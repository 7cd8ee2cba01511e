"""Stages made and pointed at deployments, with AWS's checks; what can be patched is in stage_patches.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from . import keys
from .errors import BadRequestException, ConflictException, LimitExceededException
from .model import Canary, RestApi, Stage
from .service import read_tags

STAGES_MAX: Final = 10
CACHE_SIZES: Final = ("0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237")
_NAME: Final = re.compile(r"[a-zA-Z0-9_\-]{1,128}", re.ASCII).fullmatch
_VARIABLE: Final = re.compile(r"[a-zA-Z0-9_]+", re.ASCII).fullmatch
_VARIABLE_VALUE: Final = re.compile(r"[A-Za-z0-9\-._~:/?#&=, ]*", re.ASCII).fullmatch


def create(ctx: Context, tx: Transaction, api: RestApi, req: Mapping[str, Any], deployment: str) -> Stage:
    """A new stage, stored. `req` has CreateStage's members; `deployment` is what it serves."""
    name = req["stageName"]
    if not _NAME(name):
        raise BadRequestException("Stage name only allows a-zA-Z0-9_-")
    if keys.stages.get(tx, api.id, name) is not None:
        raise ConflictException("Stage already exists")
    if len(keys.stages.scan(tx, api.id)) >= STAGES_MAX:
        raise LimitExceededException(
            "Maximum number of stages for this API has been reached. Please contact AWS if you need additional stages."
        )
    check_deployment(tx, api.id, deployment)
    stage = Stage(
        name=name,
        deployment=deployment,
        created_ms=ctx.now_ms,
        updated_ms=ctx.now_ms,
        description=req.get("description"),
        variables=read_variables(req.get("variables")),
        canary=read_canary(tx, api.id, req.get("canarySettings"), deployment),
        documentation_version=req.get("documentationVersion"),
        tracing=bool(req.get("tracingEnabled")),
        tags=read_tags(req.get("tags")),
    )
    if stage.documentation_version:
        check_documentation(tx, api.id, stage.documentation_version)
    stage = with_cache(stage, bool(req.get("cacheClusterEnabled")), req.get("cacheClusterSize") or "")
    keys.stages.put(tx, stage, api.id, name)
    return stage


def deploy(ctx: Context, tx: Transaction, api: RestApi, req: Mapping[str, Any], deployment: str) -> None:
    """Let the stage that CreateDeployment names serve a deployment, or only its canary; it is made if need be."""
    stage = keys.stages.get(tx, api.id, req["stageName"])
    canary = req.get("canarySettings")
    if stage is None:
        if canary is not None:
            raise BadRequestException("Canary settings can only be specified for an existing stage")
        create(ctx, tx, api, {**req, "description": req.get("stageDescription")}, deployment)
        return
    if canary is not None:
        given = {**canary, "deploymentId": deployment}
        stage = replace(stage, canary=read_canary(tx, api.id, given, deployment))
    else:
        stage = replace(stage, deployment=deployment)
        if req.get("stageDescription") is not None:
            stage = replace(stage, description=req["stageDescription"])
        if req.get("variables") is not None:
            stage = replace(stage, variables={**stage.variables, **read_variables(req["variables"])})
        if req.get("tracingEnabled") is not None:
            stage = replace(stage, tracing=req["tracingEnabled"])
        if req.get("cacheClusterEnabled") is not None:
            stage = with_cache(stage, req["cacheClusterEnabled"], req.get("cacheClusterSize") or stage.cache_size)
    keys.stages.put(tx, replace(stage, updated_ms=ctx.now_ms), api.id, stage.name)


def check_deployment(tx: Reader, api: str, deployment: str) -> None:
    """Refuse a deployment that is not there."""
    if keys.deployments.get(tx, api, deployment) is None:
        raise BadRequestException("Deployment id does not exist")


def check_documentation(tx: Reader, api: str, version: str) -> None:
    """Refuse a documentation version that is not there."""
    if keys.docversions.get(tx, api, version) is None:
        raise BadRequestException("Invalid documentation version specified")


def read_variables(given: Mapping[str, str] | None) -> dict[str, str]:
    """Stage variables, checked."""
    for name, value in (given or {}).items():
        check_variable(name, value)
    return dict(given or {})


def check_variable(name: str, value: str) -> None:
    """Refuse names and values that stage variables do not have."""
    if not _VARIABLE(name):
        raise BadRequestException(
            f"Stage variable names must only contain alphanumeric characters and underscores: {name}"
        )
    if not _VARIABLE_VALUE(value):
        raise BadRequestException(
            f"Invalid stage variable value: {value}. Please use values with alphanumeric characters and the symbols "
            "' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
        )


def read_canary(tx: Reader, api: str, given: Mapping[str, Any] | None, deployment: str) -> Canary | None:
    """A canary as `canarySettings` describe it; the stage's own deployment where they name none."""
    if given is None:
        return None
    canary = Canary(
        percent=float(given.get("percentTraffic") or 0.0),
        deployment=given.get("deploymentId") or deployment,
        variables=read_variables(given.get("stageVariableOverrides")),
        use_cache=bool(given.get("useStageCache")),
    )
    check_deployment(tx, api, canary.deployment)
    return check_canary(canary)


def check_canary(canary: Canary) -> Canary:
    """A canary, if its share is one."""
    if not 0.0 <= canary.percent <= 100.0:
        raise BadRequestException("Percent traffic must be between 0.0 and 100.0")
    return canary


def with_cache(stage: Stage, enabled: bool, size: str) -> Stage:
    """A stage with its cache cluster on or off: it is there at once."""
    size = size or ("0.5" if enabled else "")
    if size and size not in CACHE_SIZES:
        raise BadRequestException(f"Invalid cache cluster size specified. Valid options are {','.join(CACHE_SIZES)}")
    status = "AVAILABLE" if enabled else "NOT_AVAILABLE"
    return replace(stage, cache_enabled=enabled, cache_size=size, cache_status=status)
