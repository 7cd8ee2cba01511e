"""Stages."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys, stage_patches, staging
from ..deleting import delete_stage as delete
from ..deleting import domains_of
from ..errors import BadRequestException, not_found
from ..model import RestApi, Stage
from ..service import find_api, has_api, operation
from ..views import show_stage


def find_stage(ctx: Context, tx: Reader, req: dict[str, Any]) -> tuple[RestApi, Stage]:
    """The stage that a request names, with its API."""
    found = keys.stages.get(tx, req["restApiId"], req["stageName"]) if has_api(ctx, tx, req["restApiId"]) else None
    if found is None:
        raise not_found("stage")
    return find_api(ctx, tx, req["restApiId"]), found


@operation("write")
def create_stage(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a stage that serves a deployment."""
    api = find_api(ctx, tx, req["restApiId"])
    return show_stage(staging.create(ctx, tx, api, req, req["deploymentId"]))


@operation("read")
def get_stage(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show a stage."""
    return show_stage(find_stage(ctx, tx, req)[1])


@operation("read")
def get_stages(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """List the stages of an API, or those that serve a deployment, by their names."""
    api = find_api(ctx, tx, req["restApiId"])
    wanted = req.get("deploymentId")
    found = [stage for _, stage in keys.stages.scan(tx, api.id)]
    return {"item": [show_stage(stage) for stage in found if wanted in (None, stage.deployment)]}


@operation("write")
def update_stage(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change a stage."""
    api, stage = find_stage(ctx, tx, req)
    changed = stage_patches.apply(stage, req.get("patchOperations") or ())
    _check(ctx, tx, api, stage, changed)
    changed = replace(changed, updated_ms=ctx.now_ms)
    keys.stages.put(tx, changed, api.id, changed.name)
    return show_stage(changed)


def _check(ctx: Context, tx: Reader, api: RestApi, old: Stage, new: Stage) -> None:
    """What a changed stage refers to is there."""
    if new.deployment != old.deployment:
        staging.check_deployment(tx, api.id, new.deployment)
    if new.canary and new.canary != old.canary:
        staging.check_deployment(tx, api.id, new.canary.deployment)
    if new.documentation_version and new.documentation_version != old.documentation_version:
        staging.check_documentation(tx, api.id, new.documentation_version)
    certificate = new.client_certificate
    if certificate and certificate != old.client_certificate:
        _check_certificate(ctx, tx, certificate)
    if _logs(new) and not _logs(old):
        account = keys.accounts.get(tx, ctx.account, ctx.region)
        if account is None or not account.cloudwatch_role:
            raise BadRequestException("CloudWatch Logs role ARN must be set in account settings to enable logging")


def _check_certificate(ctx: Context, tx: Reader, certificate: str) -> None:
    if keys.certificates.get(tx, ctx.account, ctx.region, certificate) is None:
        raise BadRequestException("Invalid Client Certificate identifier specified")


def _logs(stage: Stage) -> bool:
    """Whether a stage writes to CloudWatch Logs, which it does as the account's role."""
    levels = (settings.logging_level for settings in stage.settings.values())
    destination = stage.access_log.destination if stage.access_log else ""
    return ":logs:" in destination or any(level not in (None, "OFF") for level in levels)


@operation("write")
def delete_stage(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a stage."""
    api, stage = find_stage(ctx, tx, req)
    mapped = domains_of(tx, api, stage.name)
    if mapped:
        raise BadRequestException(
            f"Deleting Stage {stage.name} failed. Please remove all base path mappings related to the Stage in your "
            f"domains: {', '.join(mapped)}"
        )
    delete(tx, api, stage.name)


@operation("write")
def flush_stage_cache(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Forget the answers that a stage's cache has."""
    api, stage = find_stage(ctx, tx, req)
    keys.stages.put(tx, replace(stage, cache_flushed=stage.cache_flushed + 1), api.id, stage.name)


@operation("write")
def flush_stage_authorizers_cache(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Forget the policies that authorizers gave to a stage's requests."""
    api, stage = find_stage(ctx, tx, req)
    flushed = stage.authorizers_flushed + 1
    keys.stages.put(tx, replace(stage, authorizers_flushed=flushed), api.id, stage.name)
