"""Layers and their versions."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.kit.paging import page
from lambent.kit.service import Authorizer

from .. import archives, downloads, keys, policies
from ..errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
    no_resource,
    stale_revision,
)
from ..model import LayerRecord, LayerVersionRecord
from ..names import LayerRef, layer_from_arn, layer_ref
from ..service import lambda_, layer_check, page_size, position
from ..views import layer_view, whole_layer_view

Place = tuple[str, str, str, int]


def _place(layer: LayerRef) -> Place:
    return layer.account, layer.region, layer.name, layer.version


def _on_version(action: str) -> Authorizer:
    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        layer = _named(ctx, req)
        return [layer_check(layer, keys.layer_versions.get(tx, *_place(layer)), f"lambda:{action}")]

    return authorize


def _on_layer(ctx: Context, req: dict[str, Any]) -> str:
    return layer_ref(ctx, req["LayerName"], 0).layer_arn


def _named(ctx: Context, req: dict[str, Any]) -> LayerRef:
    layer = layer_from_arn(req["Arn"]) if "Arn" in req else layer_ref(ctx, req["LayerName"], req["VersionNumber"])
    if layer.version < 1:
        raise InvalidParameterValueException("Layer Version Cannot be less than 1")
    return layer


def _existing(tx: Reader, layer: LayerRef) -> LayerVersionRecord:
    record = keys.layer_versions.get(tx, *_place(layer))
    if record is None:
        raise ResourceNotFoundException(f"Layer version {layer.arn} does not exist.")
    return record


@lambda_.operation(tx="none", resource=_on_layer, body_bytes_max=archives.BODY_BYTES_MAX)
async def publish_layer_version(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    archive = await archives.receive(ctx, req["Content"], "PublishLayerVersion")

    def put(tx: Transaction) -> dict[str, Any]:
        layer = layer_ref(ctx, req["LayerName"], 0)
        old = keys.layers.get(tx, layer.account, layer.region, layer.name)
        number = old.version + 1 if old is not None else 1
        layer = layer._replace(version=number)
        keys.layers.put(tx, LayerRecord(layer.name, number), layer.account, layer.region, layer.name)
        record = LayerVersionRecord(
            arn=layer.arn,
            version=number,
            archive=archive,
            description=req.get("Description", ""),
            license=req.get("LicenseInfo"),
            runtimes=tuple(req["CompatibleRuntimes"]) if "CompatibleRuntimes" in req else None,
            architectures=tuple(req["CompatibleArchitectures"]) if "CompatibleArchitectures" in req else None,
            created_ms=ctx.now_ms,
        )
        keys.layer_versions.put(tx, record, *_place(layer))
        keys.ensure_secret(tx, ctx.cloud.ids)
        return whole_layer_view(layer, record, downloads.location(ctx, tx, archive.blob, archive.size))

    return await ctx.cloud.store.write(put)


@lambda_.operation(tx="read", authorize=_on_version("GetLayerVersion"))
def get_layer_version(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    layer = _named(ctx, req)
    record = keys.layer_versions.get(tx, *_place(layer))
    if record is None:
        raise no_resource()
    archive = record.archive
    return whole_layer_view(layer, record, downloads.location(ctx, tx, archive.blob, archive.size))


@lambda_.operation(tx="read", authorize=_on_version("GetLayerVersion"))
def get_layer_version_by_arn(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = get_layer_version(ctx, tx, req)
    return answer


@lambda_.operation(tx="write", authorize=_on_version("DeleteLayerVersion"))
def delete_layer_version(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    keys.layer_versions.delete(tx, *_place(_named(ctx, req)))


def _suits(record: LayerVersionRecord, req: dict[str, Any]) -> bool:
    runtime, architecture = req.get("CompatibleRuntime"), req.get("CompatibleArchitecture")
    return (runtime is None or runtime in (record.runtimes or ())) and (
        architecture is None or architecture in (record.architectures or ())
    )


@lambda_.operation(tx="read")
def list_layer_versions(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    layer = layer_ref(ctx, req["LayerName"], 0)
    limit = page_size(req)
    after = position(req, keys.layer_versions)
    found = keys.layer_versions.scan(tx, layer.account, layer.region, layer.name, after=after, reverse=True)
    suiting = [entry for entry in found if _suits(entry[1], req)]
    versions, marker = page(suiting[: limit + 1], limit, lambda entry: entry[0])
    result: dict[str, Any] = {"LayerVersions": [layer_view(record) for _, record in versions]}
    return result | {"NextMarker": marker} if marker else result


@lambda_.operation(tx="read")
def list_layers(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    limit = page_size(req)
    after = position(req, keys.layers)
    found: list[tuple[bytes, dict[str, Any]]] = []
    for key, layer in keys.layers.scan(tx, ctx.account, ctx.region, after=after):
        place = (ctx.account, ctx.region, layer.name)
        versions = keys.layer_versions.scan(tx, *place, reverse=True)
        latest = next((record for _, record in versions if _suits(record, req)), None)
        if latest is not None:
            layer_arn = latest.arn.rpartition(":")[0]
            found.append(
                (key, {"LayerName": layer.name, "LayerArn": layer_arn, "LatestMatchingVersion": layer_view(latest)})
            )
        if len(found) > limit:
            break
    layers, marker = page(found, limit, lambda entry: entry[0])
    result: dict[str, Any] = {"Layers": [view for _, view in layers]}
    return result | {"NextMarker": marker} if marker else result


@lambda_.operation(tx="write", authorize=_on_version("AddLayerVersionPermission"))
def add_layer_version_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    layer = _named(ctx, req)
    record = _existing(tx, layer)
    _check_revision(record, req)
    statement = policies.layer_statement(layer.arn, req)
    policy = policies.with_statement(record.policy, statement, ctx.cloud.ids.uuid())
    keys.layer_versions.put(tx, replace(record, policy=policy), *_place(layer))
    return {"Statement": orjson.dumps(statement).decode(), "RevisionId": policy.revision}


@lambda_.operation(tx="write", authorize=_on_version("RemoveLayerVersionPermission"))
def remove_layer_version_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    layer = _named(ctx, req)
    record = _existing(tx, layer)
    _check_revision(record, req)
    policy = policies.without_statement(record.policy, req["StatementId"], ctx.cloud.ids.uuid())
    keys.layer_versions.put(tx, replace(record, policy=policy), *_place(layer))


def _check_revision(record: LayerVersionRecord, req: dict[str, Any]) -> None:
    if "RevisionId" in req and (record.policy is None or record.policy.revision != req["RevisionId"]):
        raise stale_revision("GetLayerPolicy")


@lambda_.operation(tx="read", authorize=_on_version("GetLayerVersionPolicy"))
def get_layer_version_policy(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    record = _existing(tx, _named(ctx, req))
    if record.policy is None:
        raise ResourceNotFoundException("No policy is associated with the given resource.")
    return {"Policy": policies.document(record.policy), "RevisionId": record.policy.revision}
