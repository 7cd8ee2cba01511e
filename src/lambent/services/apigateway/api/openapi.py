"""Import of APIs from OpenAPI documents, and their export."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import yaml
from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import checking, importing, keys, openapi
from ..common import addresses, ids
from ..errors import BadRequestException, NotFoundException
from ..limits import too_many
from ..model import Deployment, Resource, RestApi, Snapshot, Stage
from ..openapi import Imported, ImportFailed, Unreadable
from ..passing import refuse_roles
from ..service import find_api, operation, read_tags
from ..views import show_api
from .rest_apis import APIS_MAX, read_policy

_KINDS: Final = ("EDGE", "REGIONAL", "PRIVATE")


async def _loaded(body: bytes) -> dict[str, Any]:
    """The document."""
    try:
        return await importing.parsed(openapi.load, body)
    except Unreadable:
        raise BadRequestException("Invalid OpenAPI input.") from None


def _listed(headline: str, sentences: list[str]) -> str:
    return "\n\t".join((headline, *sentences))


def _refusal(failed: ImportFailed) -> BadRequestException:
    text = _listed("Errors found during import:", failed.errors)
    if failed.warnings:
        text += "\n" + _listed("Additionally, these warnings were found:", failed.warnings)
    return BadRequestException(text)


def _read(ctx: Context, tx: Reader, document: dict[str, Any], api: RestApi, req: Mapping[str, Any]) -> Imported:
    mode = (req.get("parameters") or {}).get("basepath", "ignore")
    imported = openapi.read(document, api.id, mode if mode in ("prepend", "split") else "ignore")
    if req.get("failOnWarnings") and imported.warnings:
        raise BadRequestException(_listed("Warnings found during import:", list(imported.warnings)))
    wrong = checking.errors(imported)
    if wrong:
        raise ImportFailed(wrong, list(imported.warnings))
    refuse_roles(ctx, tx, imported)
    if imported.settings.policy is None:
        return imported
    settings = replace(imported.settings, policy=read_policy(api, imported.settings.policy))
    return replace(imported, settings=settings)


def _configured(api: RestApi, req: Mapping[str, Any]) -> RestApi:
    """An API with what the request's parameters say of its endpoint."""
    given = req.get("parameters") or {}
    types = tuple(kind.strip().upper() for kind in given.get("endpointConfigurationTypes", "").split(",") if kind)
    if any(kind not in _KINDS for kind in types):
        raise BadRequestException(f"Invalid endpoint configuration type specified: {','.join(types)}")
    if types:
        api = replace(api, endpoint_types=types)
    if given.get("vpcEndpointIds"):
        api = replace(api, vpc_endpoints=tuple(given["vpcEndpointIds"].split(",")))
    return api


def _parts(req: Mapping[str, Any]) -> bool:
    return bool((req.get("parameters") or {}).get("ignore") != "documentation")


@operation(tx="none")
async def import_rest_api(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    document = await _loaded(req["body"])

    def write(tx: Transaction) -> dict[str, Any]:
        cloud_ids = ctx.cloud.ids
        if len(keys.apis.scan(tx, ctx.account, ctx.region, limit=APIS_MAX)) >= APIS_MAX:
            raise too_many("APIs for this account", "APIs")
        id = ids.claim(tx, cloud_ids, ctx.account, ctx.region, "REST")
        root = Resource(id=ids.new_id(cloud_ids))
        made = RestApi(id=id, account=ctx.account, region=ctx.region, name="", root=root.id, created_ms=ctx.now_ms)
        imported = _read(ctx, tx, document, made, req)
        if not imported.name:
            raise BadRequestException("API name is required: the document has no title.")
        made = replace(made, tags=read_tags(imported.settings.tags))
        keys.resources.put(tx, root, id, root.id)
        made = importing.apply(cloud_ids, tx, _configured(made, req), imported, overwrite=True, parts=_parts(req))
        return show_api(replace(made, warnings=imported.warnings))

    return await _written(ctx, write)


@operation(tx="none")
async def put_rest_api(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    document = await _loaded(req["body"])

    def write(tx: Transaction) -> dict[str, Any]:
        api = find_api(ctx, tx, req["restApiId"])
        imported = _read(ctx, tx, document, api, req)
        overwrite = req.get("mode", "merge") == "overwrite"
        made = importing.apply(
            ctx.cloud.ids, tx, _configured(api, req), imported, overwrite=overwrite, parts=_parts(req)
        )
        return show_api(replace(made, warnings=imported.warnings), tags=True)

    return await _written(ctx, write)


async def _written(ctx: Context, write: Any) -> dict[str, Any]:
    try:
        result: dict[str, Any] = await ctx.cloud.store.write(write)
    except ImportFailed as failed:
        raise _refusal(failed) from None
    return result


def _exported(ctx: Context, tx: Reader, req: Mapping[str, Any]) -> tuple[Stage, Deployment, Snapshot]:
    api = find_api(ctx, tx, req["restApiId"])
    stage = keys.stages.get(tx, api.id, req["stageName"])
    if stage is None:
        raise NotFoundException("Invalid stage identifier specified")
    deployment = keys.deployments.get(tx, api.id, stage.deployment)
    snapshot = keys.snapshots.get(tx, api.id, stage.deployment)
    if deployment is None or snapshot is None:
        raise NotFoundException("Invalid deployment identifier specified")
    return stage, deployment, snapshot


@operation(tx="read")
def get_export(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    kind, accepts = req["exportType"], req.get("accepts") or "application/json"
    if kind not in ("oas30", "swagger"):
        raise BadRequestException("Invalid export type specified: it must be oas30 or swagger")
    if accepts not in ("application/json", "application/yaml"):
        raise BadRequestException("Invalid accept header specified: it must be application/json or application/yaml")
    stage, deployment, snapshot = _exported(ctx, tx, req)
    asked = {one.strip() for one in (req.get("parameters") or {}).get("extensions", "").split(",")}
    if "postman" in asked:
        raise NotBuilt("Lambent has not built the extensions postman of GetExport yet.")
    full = bool(asked & {"integrations", "apigateway"})
    date = datetime.fromtimestamp(deployment.created_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    version = keys.docversions.get(tx, snapshot.api.id, stage.documentation_version or "")
    settings = ctx.cloud.settings
    export = openapi.Export(
        kind=kind,
        version=snapshot.api.version or date,
        scheme=urlsplit(settings.endpoint).scheme,
        host=addresses.api_host(settings, snapshot.api.id, ctx.region),
        stage=stage.name,
        integrations=full,
        authorizers=bool(asked & {"authorizers", "apigateway"}),
        gateway=full,
        parts=version.parts if version is not None and asked & {"documentation", "apigateway"} else None,
        documentation_version=version.version if version is not None else "",
    )
    document = openapi.write(snapshot, export)
    as_yaml = accepts == "application/yaml"
    body = yaml.safe_dump(document, sort_keys=False) if as_yaml else json.dumps(document, indent=2)
    ending = "yaml" if as_yaml else "json"
    return {
        "contentType": "application/octet-stream",
        "contentDisposition": f'attachment; filename="{kind}_{date}.{ending}"',
        "body": body.encode(),
    }
