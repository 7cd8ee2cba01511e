"""HTTP APIs from OpenAPI documents, and back."""

from __future__ import annotations

from typing import Any

import orjson
import yaml
from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ...common import ids
from ...common.addresses import api_url
from ...importing import parsed
from ...passing import refuse
from .. import keys
from ..checks import check_api, check_authorizer, check_integration, check_route
from ..errors import BadRequestException, ConflictException
from ..exporting import write
from ..importing import Imported, document_of, read_document
from ..model import DEFAULT, Api
from ..service import changed, operation, roles_in, small_id, the_api
from ..views import show_api
from .stages import the_stage


async def _read(ctx: Context, req: dict[str, Any]) -> tuple[Imported, set[str]]:
    """What the request's document says, and the roles that are in it; a long one is parsed beside the loop."""
    base_path = (req.get("Basepath") or "ignore").lower()
    if base_path not in ("ignore", "prepend", "split"):
        raise BadRequestException(f"Invalid basepath {base_path}: it must be ignore, prepend or split.")
    document = await parsed(document_of, req["Body"].encode())
    made = read_document(document, base_path, lambda length: small_id(ctx, length))
    if req.get("FailOnWarnings") and made.warnings:
        raise BadRequestException(f"Warnings found during import: {'; '.join(made.warnings)}")
    return made, roles_in(document)


def _described(api: Api, made: Imported, warnings: tuple[str, ...]) -> Api:
    return replace(
        api,
        name=made.name,
        description=made.description,
        version=made.version,
        cors=made.cors,
        execute_api_disabled=bool(made.execute_api_disabled),
        tags={**api.tags, **made.tags},
        import_info=warnings,
    )


def _fill(tx: Transaction, api: Api, made: Imported, old: dict[str, str]) -> None:
    """Store what a document says; routes of the same key keep the ids in `old`."""
    for authorizer in made.authorizers.values():
        check_authorizer(api, authorizer)
        keys.authorizers.put(tx, authorizer, api.id, authorizer.id)
    for integration in made.integrations:
        check_integration(tx, api, integration)
        keys.integrations.put(tx, integration, api.id, integration.id)
    seen: set[str] = set()
    for route in made.routes:
        if route.key in seen:
            raise ConflictException(f"Route with key {route.key} already exists for this API")
        seen.add(route.key)
        kept = replace(route, id=old.get(route.key, route.id))
        check_route(tx, api, kept)
        keys.put_route(tx, api.id, kept)


@operation(tx="none")
async def import_api(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    made, roles = await _read(ctx, req)
    found: dict[str, Any] = await ctx.cloud.store.write(lambda tx: _import(ctx, tx, made, roles))
    return found


def _import(ctx: Context, tx: Transaction, made: Imported, roles: set[str]) -> dict[str, Any]:
    refuse(ctx, tx, roles)
    id = ids.claim(tx, ctx.cloud.ids, ctx.account, ctx.region, "HTTP")
    api = Api(id=id, account=ctx.account, region=ctx.region, protocol="HTTP", name="", created_ms=ctx.now_ms)
    api = _described(api, made, tuple(made.warnings))
    check_api(api, api.cors)
    keys.put_api(tx, api)
    _fill(tx, api, made, {})
    return show_api(api, ctx.cloud.settings)


@operation(tx="none")
async def reimport_api(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    made, roles = await _read(ctx, req)
    found: dict[str, Any] = await ctx.cloud.store.write(lambda tx: _reimport(ctx, tx, req, made, roles))
    return found


def _reimport(ctx: Context, tx: Transaction, req: dict[str, Any], made: Imported, roles: set[str]) -> dict[str, Any]:
    refuse(ctx, tx, roles)
    old = the_api(ctx, tx, req)
    if old.protocol != "HTTP":
        raise BadRequestException("Importing is only supported for HTTP APIs")
    api = _described(old, made, tuple(made.warnings))
    check_api(api, api.cors)
    keys.put_api(tx, api)
    known = {route.key: route.id for _, route in keys.routes.scan(tx, api.id)}
    for _, route in keys.routes.scan(tx, api.id):
        keys.delete_route(tx, api.id, route)
    for _, integration in keys.integrations.scan(tx, api.id):
        keys.delete_integration(tx, api.id, integration.id)
    for _, authorizer in keys.authorizers.scan(tx, api.id):
        keys.authorizers.delete(tx, api.id, authorizer.id)
    _fill(tx, api, made, known)
    changed(ctx, tx, api)
    return show_api(api, ctx.cloud.settings)


@operation(tx="read")
def export_api(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    if api.protocol != "HTTP":
        raise BadRequestException("Exporting is only supported for HTTP APIs")
    if req["Specification"].upper() != "OAS30":
        raise BadRequestException("Invalid specification: only OAS30 is supported")
    output = req["OutputType"].upper()
    if output not in ("JSON", "YAML"):
        raise BadRequestException("Invalid output type: only JSON and YAML are supported")
    if req.get("ExportVersion", "1.0") != "1.0":
        raise BadRequestException("Invalid export version: only 1.0 is supported")
    snapshot, stage = keys.freeze(tx, api), ""
    if req.get("StageName"):
        found = the_stage(tx, api, req)
        deployed = keys.get_snapshot(tx, api.id, found.deployment) if found.deployment else None
        if deployed is None:
            raise BadRequestException("The stage has no deployment to export")
        snapshot, stage = deployed, "" if found.name == DEFAULT else found.name
    url = api_url(ctx.cloud.settings, api.id, api.region)
    document = write(snapshot, url, stage, req.get("IncludeExtensions", True) is not False)
    if output == "JSON":
        return {"body": orjson.dumps(document, option=orjson.OPT_INDENT_2)}
    return {"body": yaml.safe_dump(orjson.loads(orjson.dumps(document)), sort_keys=False).encode()}
