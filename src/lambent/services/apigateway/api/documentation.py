"""Documentation of APIs: parts and their versions."""

from __future__ import annotations

from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.errors import generic
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import importing, keys
from ..common.ids import new_id
from ..errors import BadRequestException, ConflictException, NotFoundException, not_found
from ..limits import PARTS_MAX, refuse_more
from ..model import DocumentationPart, DocumentationVersion
from ..openapi import document, reading
from ..openapi.document import Unreadable
from ..patching import Patch, Patcher, Rule, text
from ..service import find_api, has_api, operation, page_of
from ..views import shown, when

_TYPES: Final = (
    "RESPONSE_BODY", "RESPONSE", "METHOD", "MODEL", "AUTHORIZER", "RESPONSE_HEADER", "RESOURCE", "PATH_PARAMETER",
    "REQUEST_BODY", "QUERY_PARAMETER", "API", "REQUEST_HEADER",
)  # fmt: skip
_DOCUMENTATION: Final = "x-amazon-apigateway-documentation"


def _properties(part: DocumentationPart, patch: Patch) -> DocumentationPart:
    return replace(part, properties=_checked(patch.value or ""))


_PART_PATCHES: Final = Patcher(Rule("/properties", _properties), listed=True)
_VERSION_PATCHES: Final = Patcher(Rule("/description", text("description")), listed=True)


def _checked(properties: str) -> str:
    """Properties that are a JSON object, as text."""
    try:
        found = orjson.loads(properties)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadRequestException("Documentation part properties must be a valid JSON object")
    return properties


def _location(given: dict[str, str]) -> dict[str, str]:
    kind = given.get("type", "")
    if kind not in _TYPES:
        raise generic(
            "ValidationException",
            f"1 validation error detected: Value '{kind}' at 'createDocumentationPartInput.location.type' failed to "
            f"satisfy constraint: Member must satisfy enum value set: [{', '.join(_TYPES)}]",
        )
    return {name: value for name, value in given.items() if value is not None}


def _show(part: DocumentationPart) -> dict[str, Any]:
    return {"id": part.id, "location": part.location, "properties": part.properties}


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> DocumentationPart:
    api = req["restApiId"]
    found = keys.docparts.get(tx, api, req["documentationPartId"]) if has_api(ctx, tx, api) else None
    if found is None:
        raise not_found("Documentation part")
    return found


@operation(tx="write")
def create_documentation_part(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    location = _location(req["location"])
    api = find_api(ctx, tx, req["restApiId"])
    refuse_more(tx, keys.docparts, (api.id,), PARTS_MAX, "documentation parts for this API", "documentation parts")
    if any(part.location == location for part in importing.parts_of(tx, api.id)):
        where = ", ".join(f"{name} '{value}'" for name, value in location.items())
        raise ConflictException(f"Documentation part already exists for the specified location: {where}.")
    id = new_id(ctx.cloud.ids, importing.ID_LENGTH)
    part = DocumentationPart(id=id, location=location, properties=_checked(req["properties"]))
    keys.docparts.put(tx, part, api.id, id)
    return _show(part)


@operation(tx="read")
def get_documentation_part(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show(_find(ctx, tx, req))


@operation(tx="read")
def get_documentation_parts(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = find_api(ctx, tx, req["restApiId"])
    kind, name, path = req.get("type"), req.get("nameQuery"), req.get("path")
    wanted = req.get("locationStatus")
    paths = {resource.path for _, resource in keys.resources.scan(tx, api.id)} if wanted else set()
    found = [
        part
        for part in importing.parts_of(tx, api.id)
        if (not kind or part.location.get("type") == kind)
        and (not name or part.location.get("name") == name)
        and (not path or part.location.get("path", "/") == path)
        and (not wanted or (part.location.get("path", "/") in paths) == (wanted == "DOCUMENTED"))
    ]
    answer: dict[str, Any] = page_of(found, req, lambda part: part.id, _show)
    return answer


@operation(tx="write")
def update_documentation_part(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    part = _find(ctx, tx, req)
    changed = _PART_PATCHES.apply(part, req.get("patchOperations") or ())
    keys.docparts.put(tx, changed, req["restApiId"], part.id)
    return _show(changed)


@operation(tx="write")
def delete_documentation_part(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    find_api(ctx, tx, req["restApiId"])
    keys.docparts.delete(tx, req["restApiId"], _find(ctx, tx, req).id)


@operation(tx="none")
async def import_documentation_parts(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    try:
        given = await importing.parsed(document.values, req["body"])
    except Unreadable:
        raise BadRequestException("Unable to build importer with provided input.") from None
    parts = reading.parts(document.mapping(given.get(_DOCUMENTATION, given)))
    for part in parts:
        _location(part.location)
        _checked(part.properties)
    overwrite = req.get("mode", "merge") == "overwrite"

    def write(tx: Transaction) -> list[str]:
        api = find_api(ctx, tx, req["restApiId"])
        return importing.put_parts(ctx.cloud.ids, tx, api.id, parts, overwrite=overwrite)

    return {"ids": await ctx.cloud.store.write(write)}


def _show_version(version: DocumentationVersion) -> dict[str, Any]:
    return shown(
        {
            "version": version.version,
            "createdDate": when(version.created_ms),
            "description": version.description,
        }
    )


def _find_version(ctx: Context, tx: Reader, req: dict[str, Any]) -> DocumentationVersion:
    api = find_api(ctx, tx, req["restApiId"])
    found = keys.docversions.get(tx, api.id, req["documentationVersion"])
    if found is None:
        raise NotFoundException("Invalid Documentation version specified")
    return found


@operation(tx="write")
def create_documentation_version(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = find_api(ctx, tx, req["restApiId"])
    name = req["documentationVersion"]
    if keys.docversions.get(tx, api.id, name) is not None:
        raise ConflictException("Documentation version already exists")
    made = DocumentationVersion(
        version=name,
        created_ms=ctx.now_ms,
        description=req.get("description"),
        parts=tuple(importing.parts_of(tx, api.id)),
    )
    keys.docversions.put(tx, made, api.id, name)
    if req.get("stageName"):
        stage = keys.stages.get(tx, api.id, req["stageName"])
        if stage is None:
            raise NotFoundException("Invalid stage identifier specified")
        keys.stages.put(tx, replace(stage, documentation_version=name), api.id, stage.name)
    return _show_version(made)


@operation(tx="read")
def get_documentation_version(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show_version(_find_version(ctx, tx, req))


@operation(tx="read")
def get_documentation_versions(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = find_api(ctx, tx, req["restApiId"])
    found = [version for _, version in keys.docversions.scan(tx, api.id)]
    answer: dict[str, Any] = page_of(found, req, lambda version: version.version, _show_version)
    return answer


@operation(tx="write")
def update_documentation_version(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    version = _find_version(ctx, tx, req)
    changed = _VERSION_PATCHES.apply(version, req.get("patchOperations") or ())
    keys.docversions.put(tx, changed, req["restApiId"], version.version)
    return _show_version(changed)


@operation(tx="write")
def delete_documentation_version(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    version = _find_version(ctx, tx, req)
    keys.docversions.delete(tx, req["restApiId"], version.version)
