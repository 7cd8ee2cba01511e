"""From the parameters of CreateFunction and UpdateFunctionConfiguration to a `Config`: what is checked, and refused.

Pure, but for the layers, which are looked up in the store.
"""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader
from lambent.kit import Context

from . import keys
from .errors import InvalidParameterValueException, ValidationException
from .model import CODE_UNZIPPED_BYTES_MAX, LAYERS_MAX, Archive, Config, LayerUse
from .names import layer_from_arn

ENVIRONMENT_BYTES_MAX = 4096
TIMEOUT_S_MAX = 900
MEMORY_MB_MAX = 10_240
RESERVED_VARIABLES = frozenset(
    (
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    )
)
RETIRED_RUNTIMES = frozenset(
    [
        "nodejs",
        "nodejs4.3",
        "nodejs4.3-edge",
        "nodejs6.10",
        "nodejs8.10",
        "nodejs10.x",
        "nodejs12.x",
        "nodejs14.x",
        "java8",
        "python2.7",
        "python3.6",
        "python3.7",
        "dotnetcore1.0",
        "dotnetcore2.0",
        "dotnetcore2.1",
        "dotnetcore3.1",
        "go1.x",
        "ruby2.5",
        "ruby2.7",
        "provided",
    ]
)
_UNBUILT = (
    "KMSKeyArn",
    "CodeSigningConfigArn",
    "ImageConfig",
    "TenancyConfig",
    "CapacityProviderConfig",
    "DurableConfig",
    "PublishTo",
    "RuntimeConfig",
    "AcceleratorConfig",
)
_ENVIRONMENT_FAILED = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided "
)


def refuse(req: dict[str, Any], operation: str) -> None:
    """Raise `NotBuilt` for what would have an effect on AWS and has none here."""
    found = [name for name in _UNBUILT if req.get(name)]
    vpc = req.get("VpcConfig") or {}
    if vpc.get("SubnetIds") or vpc.get("SecurityGroupIds"):
        found.append("VpcConfig")
    if req.get("FileSystemConfigs"):
        found.append("FileSystemConfigs")
    if req.get("PackageType", "Zip") != "Zip":
        found.append("PackageType Image")
    if req.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        found.append("SnapStart")
    if req.get("LoggingConfig", {}).get("LogFormat", "Text") != "Text":
        found.append("LoggingConfig.LogFormat JSON")
    if found:
        raise NotBuilt(f"Lambent has not built {' and '.join(found)} of {operation} yet.")


def first_config(ctx: Context, tx: Reader, name: str, req: dict[str, Any], code: Archive) -> Config:
    """The configuration of a new function."""
    if not req.get("Runtime") or not req.get("Handler"):
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    blank = Config(
        version="$LATEST",
        runtime="",
        handler="",
        role="",
        code=code,
        log_group=f"/aws/lambda/{name}",
        revision="",
        modified_ms=0,
        architecture=req.get("Architectures", ["x86_64"])[0],
    )
    return changed_config(ctx, tx, blank, req)


def changed_config(ctx: Context, tx: Reader, old: Config, req: dict[str, Any]) -> Config:
    """`old` with the parameters of a request, under a new revision."""
    new = replace(
        old,
        runtime=req.get("Runtime", old.runtime),
        handler=req.get("Handler", old.handler),
        role=req.get("Role", old.role),
        description=req.get("Description", old.description),
        timeout_s=req.get("Timeout", old.timeout_s),
        memory_mb=req.get("MemorySize", old.memory_mb),
        tmp_mb=req.get("EphemeralStorage", {}).get("Size", old.tmp_mb),
        tracing=req.get("TracingConfig", {}).get("Mode", old.tracing),
        log_group=req.get("LoggingConfig", {}).get("LogGroup", old.log_group),
        environment=_environment(req["Environment"]) if "Environment" in req else old.environment,
        layers=_layers(ctx, tx, req["Layers"]) if "Layers" in req else old.layers,
        dead_letter=req["DeadLetterConfig"].get("TargetArn", "") if "DeadLetterConfig" in req else old.dead_letter,
        revision=ctx.cloud.ids.uuid(),
        modified_ms=ctx.now_ms,
    )
    _check_limits(new)
    check_size(new)
    return new


def _check_limits(config: Config) -> None:
    """What AWS limits though its model does not say so."""
    if config.timeout_s > TIMEOUT_S_MAX:
        raise ValidationException(
            f"1 validation error detected: Value '{config.timeout_s}' at 'timeout' failed to satisfy constraint: "
            f"Member must have value less than or equal to {TIMEOUT_S_MAX}"
        )
    if config.memory_mb > MEMORY_MB_MAX:
        raise InvalidParameterValueException(
            f"'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to "
            f"{MEMORY_MB_MAX}"
        )


def check_size(config: Config) -> None:
    """Raise when code and layers together are too large."""
    size = config.code.unzipped + sum(layer.archive.unzipped for layer in config.layers)
    if size > CODE_UNZIPPED_BYTES_MAX:
        raise InvalidParameterValueException(
            f"Function code combined with layers exceeds the maximum allowed size of {CODE_UNZIPPED_BYTES_MAX} bytes. "
            f"The actual size is {size} bytes."
        )


async def check_runtime(ctx: Context, runtime: str) -> None:
    """Raise when no function may be made for `runtime`: AWS has retired it, or this machine cannot run it."""
    if runtime in RETIRED_RUNTIMES:
        raise InvalidParameterValueException(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    compute = getattr(ctx.cloud, "compute", None)
    if compute is None:
        return  # a cloud without compute (of a test) runs nothing, so it has nothing to refuse
    # In a thread, for the first call looks for interpreters and runs each of them.
    found = await asyncio.to_thread(compute.runtimes)
    if runtime not in found:
        here = ", ".join(sorted(found)) or "none"
        raise NotBuilt(f"Lambent cannot run {runtime} on this machine; the runtimes it found are: {here}.")


def _environment(given: dict[str, Any]) -> dict[str, str]:
    variables: dict[str, str] = given.get("Variables", {})
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        raise InvalidParameterValueException(
            f"{_ENVIRONMENT_FAILED}contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = orjson.dumps(variables)
    if len(measured) > ENVIRONMENT_BYTES_MAX:
        raise InvalidParameterValueException(
            f"{_ENVIRONMENT_FAILED}exceeded the 4KB limit. String measured: {measured.decode()}"
        )
    return dict(variables)


def _layers(ctx: Context, tx: Reader, arns: list[str]) -> tuple[LayerUse, ...]:
    """The layer versions of these ARNs. That the caller may use them was asked before."""
    if len(arns) > LAYERS_MAX:
        raise InvalidParameterValueException(f"Cannot reference more than {LAYERS_MAX} layers.")
    used: dict[str, str] = {}
    found: list[LayerUse] = []
    for text in arns:
        ref = layer_from_arn(text)
        if ref.region != ctx.region:
            raise InvalidParameterValueException(
                f"Layers are not in the same region as the function. Layers are expected to be in region {ctx.region}."
            )
        if ref.layer_arn in used:
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{used[ref.layer_arn]} and {text} are versions of the same layer."
            )
        used[ref.layer_arn] = text
        layer = keys.layer_versions.get(tx, ref.account, ref.region, ref.name, ref.version)
        if layer is None:
            raise InvalidParameterValueException(f"Layer version {text} does not exist.")
        found.append(LayerUse(text, layer.archive))
    return tuple(found)
