"""What records look like in answers."""

from __future__ import annotations

import datetime
from typing import Any

from .model import LATEST, AliasRecord, Config, EventConfigRecord, FunctionRecord, LayerVersionRecord, timestamp
from .names import LayerRef, Ref

CREATING = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
"""What AWS says in the answer to CreateFunction; here the function is active once the answer is sent."""
UPDATING = {
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}
"""The same for updates."""


def config_view(function: FunctionRecord, config: Config, *, qualified: bool = False) -> dict[str, Any]:
    """A FunctionConfiguration. A published version's ARN is always qualified, that of $LATEST when asked."""
    arn = function.arn
    if qualified or config.version != LATEST:
        arn = f"{arn}:{config.version}"
    region = arn.split(":")[3]
    shown: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": arn,
        "Runtime": config.runtime,
        "Role": config.role,
        "Handler": config.handler,
        "CodeSize": config.code.size,
        "Description": config.description,
        "Timeout": config.timeout_s,
        "MemorySize": config.memory_mb,
        "LastModified": timestamp(config.modified_ms),
        "CodeSha256": config.code.sha256,
        "Version": config.version,
        "TracingConfig": {"Mode": config.tracing},
        "RevisionId": config.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [config.architecture],
        "EphemeralStorage": {"Size": config.tmp_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {"RuntimeVersionArn": runtime_arn(region, config.runtime)},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": config.log_group},
    }
    if config.environment is not None:
        shown["Environment"] = {"Variables": config.environment}
    if config.layers:
        shown["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.archive.size} for layer in config.layers]
    if config.dead_letter:
        shown["DeadLetterConfig"] = {"TargetArn": config.dead_letter}
    return shown


def created_view(function: FunctionRecord, config: Config) -> dict[str, Any]:
    """The answer to CreateFunction: its ARN is never qualified, even when a version was published with it."""
    shown = config_view(function, config) | CREATING | {"FunctionArn": function.arn}
    del shown["LastUpdateStatus"]
    return shown


def runtime_arn(region: str, runtime: str) -> str:
    """The ARN of a runtime's version. Lambent runs the machine's interpreter, so there is one per runtime."""
    return f"arn:aws:lambda:{region}::runtime:{runtime}"


def alias_view(ref: Ref, alias: AliasRecord) -> dict[str, Any]:
    """An AliasConfiguration."""
    shown: dict[str, Any] = {
        "AliasArn": f"{ref.arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision,
    }
    if alias.weights:
        shown["RoutingConfig"] = {"AdditionalVersionWeights": alias.weights}
    return shown


def event_config_view(ref: Ref, record: EventConfigRecord) -> dict[str, Any]:
    """A FunctionEventInvokeConfig."""
    shown: dict[str, Any] = {
        "LastModified": datetime.datetime.fromtimestamp(record.modified_ms / 1000, datetime.UTC),
        "FunctionArn": f"{ref.arn}:{ref.qualifier or LATEST}",
        "DestinationConfig": {
            "OnSuccess": {"Destination": record.on_success} if record.on_success else {},
            "OnFailure": {"Destination": record.on_failure} if record.on_failure else {},
        },
    }
    if record.retries is not None:
        shown["MaximumRetryAttempts"] = record.retries
    if record.age_s is not None:
        shown["MaximumEventAgeInSeconds"] = record.age_s
    return shown


def layer_view(layer: LayerVersionRecord) -> dict[str, Any]:
    """What ListLayerVersions shows of a layer version."""
    shown: dict[str, Any] = {
        "LayerVersionArn": layer.arn,
        "Version": layer.version,
        "Description": layer.description,
        "CreatedDate": timestamp(layer.created_ms),
    }
    if layer.runtimes is not None:
        shown["CompatibleRuntimes"] = list(layer.runtimes)
    if layer.architectures is not None:
        shown["CompatibleArchitectures"] = list(layer.architectures)
    if layer.license is not None:
        shown["LicenseInfo"] = layer.license
    return shown


def whole_layer_view(ref: LayerRef, layer: LayerVersionRecord, location: str) -> dict[str, Any]:
    """What GetLayerVersion shows; `location` is where the archive can be downloaded."""
    content = {"CodeSha256": layer.archive.sha256, "CodeSize": layer.archive.size, "Location": location}
    lists: dict[str, Any] = {"CompatibleRuntimes": [], "CompatibleArchitectures": []}
    return lists | layer_view(layer) | {"LayerArn": ref.layer_arn, "Content": content}
