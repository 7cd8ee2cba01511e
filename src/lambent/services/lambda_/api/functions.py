"""Functions: create, update, get, list, delete."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.kit.paging import page

from .. import archives, configuring, downloads, keys
from ..errors import (
    InvalidParameterValueException,
    ResourceConflictException,
    stale_revision,
)
from ..host import CHANGED
from ..model import LATEST, TAGS_MAX, Config, FunctionRecord
from ..names import Ref, is_version, ref
from ..publishing import publish
from ..service import check, lambda_, on_function, page_size, pass_role, position, target_of, use_layers
from ..views import UPDATING, config_view, created_view, runtime_arn

_SESSION_LENGTH_MAX = 64


def _create_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    layers = req.get("Layers", [])
    asked = _with_layers(check(tx, ref(ctx, req), "lambda:CreateFunction"), layers)
    return [asked, pass_role(req["Role"]), *use_layers(tx, layers)]


def _update_checks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    target = ref(ctx, req)
    layers = req.get("Layers", [])
    checks = [_with_layers(check(tx, target, "lambda:UpdateFunctionConfiguration"), layers)]
    if "Role" in req:
        checks.append(pass_role(req["Role"]))
    # A layer that the function has already is not asked about again, so that others can go on changing it.
    function = keys.functions.get(tx, *target.place)
    known = {layer.arn for layer in function.latest.layers} if function is not None else set()
    return checks + use_layers(tx, [layer for layer in layers if layer not in known])


def _with_layers(asked: Check, layers: list[str]) -> Check:
    return asked._replace(conditions={**asked.conditions, "lambda:layer": tuple(layers)}) if layers else asked


@lambda_.operation(tx="none", authorize=_create_checks, body_bytes_max=archives.BODY_BYTES_MAX)
async def create_function(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    configuring.refuse(req, "CreateFunction")
    target = _unqualified(ref(ctx, req))
    if len(req.get("Tags", {})) > TAGS_MAX:
        raise InvalidParameterValueException(f"Number of tags exceeds resource tag limit. Maximum is {TAGS_MAX}.")
    await _check_role(ctx, req["Role"], target)
    _check_dead_letter(ctx, req)
    code = await archives.receive(ctx, req["Code"], "CreateFunction")
    if req.get("Runtime"):
        await configuring.check_runtime(ctx, req["Runtime"])

    def create(tx: Transaction) -> dict[str, Any]:
        if keys.functions.get(tx, *target.place) is not None:
            raise ResourceConflictException(f"Function already exist: {target.name}")
        config = configuring.first_config(ctx, tx, target.name, req, code)
        function = FunctionRecord(name=target.name, arn=target.arn, latest=config, tags=dict(req.get("Tags", {})))
        keys.functions.put(tx, function, *target.place)
        keys.ensure_secret(tx, ctx.cloud.ids)
        if req.get("Publish"):
            function, config = publish(ctx, tx, target, function)
        return created_view(function, config)

    return await ctx.cloud.store.write(create)


def _unqualified(target: Ref) -> Ref:
    if target.qualifier:
        raise InvalidParameterValueException(f"Unexpected qualifier in the function name: {target.qualifier}")
    return target


async def _check_role(ctx: Context, role: str, target: Ref) -> None:
    session = target.name[:_SESSION_LENGTH_MAX]
    try:
        await ctx.cloud.directory.role_session(role, session, "lambda.amazonaws.com", source_arn=target.arn)
    except ServiceError:
        raise InvalidParameterValueException("The role defined for the function cannot be assumed by Lambda.") from None


def _check_dead_letter(ctx: Context, req: dict[str, Any]) -> None:
    destination = req.get("DeadLetterConfig", {}).get("TargetArn", "")
    if not destination:
        return
    service = arn.parse(destination).service
    if service not in ("sqs", "sns"):
        raise InvalidParameterValueException(
            f"The provided dead letter config TargetArn: {destination} is invalid, please provide a SQS queue or SNS "
            "topic."
        )
    target_of(ctx.cloud, service, "a dead letter queue")


@lambda_.operation(tx="none", authorize=on_function("UpdateFunctionCode"), body_bytes_max=archives.BODY_BYTES_MAX)
async def update_function_code(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    if "PublishTo" in req:
        raise NotBuilt("Lambent has not built the parameter PublishTo of UpdateFunctionCode yet.")
    target = ref(ctx, req)
    await ctx.cloud.store.read(lambda tx: _current(tx, target, req))
    dry = bool(req.get("DryRun"))
    code = await archives.receive(ctx, req, "UpdateFunctionCode", store=not dry)

    def update(tx: Transaction) -> dict[str, Any]:
        function = _current(tx, target, req)
        config = replace(
            function.latest,
            code=replace(function.latest.code, size=code.size, unzipped=code.unzipped) if dry else code,
            architecture=req.get("Architectures", [function.latest.architecture])[0],
            revision=ctx.cloud.ids.uuid(),
            modified_ms=ctx.now_ms,
        )
        configuring.check_size(config)
        if dry:
            return config_view(function, config)
        return _replace(ctx, tx, target, function, config, bool(req.get("Publish")))

    return await ctx.cloud.store.write(update)


@lambda_.operation(tx="none", authorize=_update_checks)
async def update_function_configuration(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    configuring.refuse(req, "UpdateFunctionConfiguration")
    target = ref(ctx, req)
    before = await ctx.cloud.store.read(lambda tx: _current(tx, target, req))
    if "Role" in req:
        await _check_role(ctx, req["Role"], target)
    _check_dead_letter(ctx, req)
    if req.get("Runtime", before.latest.runtime) != before.latest.runtime:
        await configuring.check_runtime(ctx, req["Runtime"])

    def update(tx: Transaction) -> dict[str, Any]:
        function = _current(tx, target, req)
        config = configuring.changed_config(ctx, tx, function.latest, req)
        return _replace(ctx, tx, target, function, config, False)

    return await ctx.cloud.store.write(update)


def _current(tx: Reader, target: Ref, req: dict[str, Any]) -> FunctionRecord:
    """The function to be updated, which must be in the revision that the caller knows."""
    function = keys.get_function(tx, target)
    if "RevisionId" in req and req["RevisionId"] != function.latest.revision:
        raise stale_revision("GetFunction/GetAlias")
    return function


def _replace(
    ctx: Context, tx: Transaction, target: Ref, function: FunctionRecord, config: Config, publishing: bool
) -> dict[str, Any]:
    function = replace(function, latest=config)
    keys.functions.put(tx, function, *target.place)
    if publishing:
        function, config = publish(ctx, tx, target, function)
    retire(ctx, tx, f"{function.arn}:{LATEST}")
    return config_view(function, config) | UPDATING


def retire(ctx: Context, tx: Transaction, arn_prefix: str) -> None:
    """After the commit of a change, shut down the environments of what is no more, here and on every node."""

    def here() -> None:
        # A cloud without compute (of a test) has no environments.
        compute = getattr(ctx.cloud, "compute", None)
        if compute is not None:
            ctx.cloud.spawn(compute.retire(arn_prefix))

    tx.on_commit(here)
    tx.wake(CHANGED)


@lambda_.operation(tx="read", authorize=on_function("GetFunction"))
def get_function(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    found = keys.resolve(tx, target)
    code = found.config.code
    result: dict[str, Any] = {
        "Configuration": config_view(found.function, found.config, qualified=bool(target.qualifier)),
        "Code": {"RepositoryType": "S3", "Location": downloads.location(ctx, tx, code.blob, code.size)},
    }
    if found.function.tags:
        result["Tags"] = found.function.tags
    if found.function.reserved is not None:
        result["Concurrency"] = {"ReservedConcurrentExecutions": found.function.reserved}
    return result


@lambda_.operation(tx="read", authorize=on_function("GetFunctionConfiguration"))
def get_function_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    found = keys.resolve(tx, target)
    return config_view(found.function, found.config, qualified=bool(target.qualifier))


@lambda_.operation(tx="write", authorize=on_function("DeleteFunction"))
def delete_function(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    function = keys.get_function(tx, target._replace(qualifier=""))
    if not target.qualifier:
        keys.delete_function(tx, target)
        retire(ctx, tx, f"{function.arn}:")
        return {"StatusCode": 204}
    if target.qualifier == LATEST:
        raise InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
    if not is_version(target.qualifier):
        raise InvalidParameterValueException("Deletion of aliases is not currently supported.")
    users = [
        alias.name
        for _, alias in keys.aliases.scan(tx, *target.place)
        if alias.version == target.qualifier or target.qualifier in alias.weights
    ]
    if users:
        raise ResourceConflictException(f"Version is referenced by alias(es): {', '.join(users)}")
    keys.versions.delete(tx, *target.place, int(target.qualifier))
    keys.policies.delete(tx, *target.place, target.qualifier)
    keys.event_configs.delete(tx, *target.place, target.qualifier)
    retire(ctx, tx, target.qualified)
    return {"StatusCode": 204}


@lambda_.operation(tx="read", unbuilt=("MasterRegion",))
def list_functions(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    limit = page_size(req)
    after = position(req, keys.functions)
    found = keys.functions.scan(tx, ctx.account, ctx.region, after=after, limit=limit + 1)
    functions, marker = page(found, limit, lambda entry: entry[0])
    every = req.get("FunctionVersion") == "ALL"
    shown: list[dict[str, Any]] = []
    for _, function in functions:
        shown.append(_listed(function, function.latest, every))
        if every:
            place = (ctx.account, ctx.region, function.name)
            shown += [_listed(function, config, True) for _, config in keys.versions.scan(tx, *place)]
    result: dict[str, Any] = {"Functions": shown}
    return result | {"NextMarker": marker} if marker else result


def _listed(function: FunctionRecord, config: Config, qualified: bool) -> dict[str, Any]:
    shown = config_view(function, config, qualified=qualified)
    # Lists do not tell states, as on AWS.
    del shown["State"], shown["LastUpdateStatus"], shown["RuntimeVersionConfig"]
    return shown


@lambda_.operation(tx="read", authorize=on_function("GetRuntimeManagementConfig"))
def get_runtime_management_config(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    found = keys.resolve(tx, target)
    return {
        "UpdateRuntimeOn": "Auto",
        "FunctionArn": f"{target.arn}:{target.qualifier or LATEST}",
        "RuntimeVersionArn": runtime_arn(ctx.region, found.config.runtime),
    }
