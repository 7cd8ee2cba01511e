"""What becomes of an API when a document is imported into it: merged with what is there, or in its place.

Resources, authorizers and validators keep their ids where path or name stay the same, so that what refers to them from
outside (a stage's settings, a template's stack) still does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from . import keys
from .common.ids import new_id
from .limits import RESOURCES_MAX, too_many
from .model import DocumentationPart, Method, Resource, RestApi
from .openapi import Imported, ImportFailed
from .views import DEFAULT_TEMPLATES

ID_LENGTH = 6
_INLINE_BYTES_MAX = 64 << 10
_Named = TypeVar("_Named", bound=msgspec.Struct)


async def parsed(parse: Callable[[bytes], dict[str, Any]], body: bytes) -> dict[str, Any]:
    """What `parse` makes of a document; a long one is parsed beside the loop, for YAML takes its time."""
    if len(body) <= _INLINE_BYTES_MAX:
        return parse(body)
    return await asyncio.to_thread(parse, body)


def apply(ids: Ids, tx: Transaction, api: RestApi, imported: Imported, *, overwrite: bool, parts: bool) -> RestApi:
    """Store what a document says; returns the API as it is then, which is stored too. `parts`: the documentation
    also. `ImportFailed` when the document does not fit what is there."""
    for name, model in imported.models.items():
        old = keys.models.get(tx, api.id, name)
        keys.models.put(tx, replace(model, id=old.id if old else new_id(ids, ID_LENGTH)), api.id, name)
    if overwrite:
        for _, gone in keys.models.scan(tx, api.id):
            if gone.name not in imported.models:
                keys.models.delete(tx, api.id, gone.name)
    authorizers = _named(ids, tx, keys.authorizers, api.id, imported.authorizers, overwrite)
    validators = _named(ids, tx, keys.validators, api.id, imported.validators, overwrite)
    _responses(tx, api.id, imported, overwrite)
    _resources(ids, tx, api, imported, overwrite, authorizers, validators)
    if parts and imported.parts:
        put_parts(ids, tx, api.id, imported.parts, overwrite=overwrite)
    changed = _settings(api, imported, overwrite)
    keys.apis.put(tx, changed, changed.account, changed.region, changed.id)
    return changed


def _settings(api: RestApi, imported: Imported, overwrite: bool) -> RestApi:
    given = imported.settings
    types = given.binary_media_types
    if not overwrite:
        types = tuple(dict.fromkeys((*api.binary_media_types, *types)))
    compression = given.minimum_compression
    disabled = given.disable_execute_api
    return replace(
        api,
        name=imported.name or api.name,
        description=imported.description if overwrite else imported.description or api.description,
        version=imported.version if overwrite else imported.version or api.version,
        binary_media_types=types,
        minimum_compression=api.minimum_compression if compression is None and not overwrite else compression,
        api_key_source=given.api_key_source or ("HEADER" if overwrite else api.api_key_source),
        policy=given.policy if given.policy is not None else api.policy,
        vpc_endpoints=api.vpc_endpoints if given.vpc_endpoints is None else given.vpc_endpoints,
        ip_address_type=given.ip_address_type or api.ip_address_type,
        disable_execute_api=api.disable_execute_api if disabled is None else disabled,
    )


def _named(
    ids: Ids, tx: Transaction, table: Table[Any], api: str, given: Mapping[str, Any], overwrite: bool
) -> dict[str, str]:
    """Store records that have an id and a name; returns the ids by name."""
    there = {record.name: record for _, record in table.scan(tx, api)}
    found = {}
    for name, record in given.items():
        id = there[name].id if name in there else new_id(ids, ID_LENGTH)
        table.put(tx, replace(record, id=id), api, id)
        found[name] = id
    for name, old in there.items():
        if name not in given:
            if overwrite:
                table.delete(tx, api, old.id)
            else:
                found[name] = old.id
    return found


def _responses(tx: Transaction, api: str, imported: Imported, overwrite: bool) -> None:
    if overwrite:
        for _, old in keys.responses.scan(tx, api):
            if old.type not in imported.gateway_responses:
                keys.responses.delete(tx, api, old.type)
    for kind, response in imported.gateway_responses.items():
        templates = response.templates or dict(DEFAULT_TEMPLATES)
        keys.responses.put(tx, replace(response, templates=templates), api, kind)


def _resources(
    ids: Ids,
    tx: Transaction,
    api: RestApi,
    imported: Imported,
    overwrite: bool,
    authorizers: Mapping[str, str],
    validators: Mapping[str, str],
) -> None:
    there = {resource.path: resource for _, resource in keys.resources.scan(tx, api.id)}
    kept = {path: r for path, r in there.items() if path == "/" or not overwrite or path in imported.resources}
    if len(kept.keys() | imported.resources.keys()) > RESOURCES_MAX:
        raise too_many("resources for this API", "resources")
    for path in there.keys() - kept.keys():
        keys.resources.delete(tx, api.id, there[path].id)
    for path, methods in imported.resources.items():
        found = kept.get(path)
        if found is None:
            above, _, part = path.rpartition("/")
            parent = kept[above or "/"]
            _refuse_sibling(kept, parent, path, part)
            found = Resource(id=new_id(ids, ID_LENGTH), parent=parent.id, part=part, path=path)
        made = {verb: _placed(method, found.id, authorizers, validators) for verb, method in methods.items()}
        kept[path] = replace(found, methods=made if overwrite else {**found.methods, **made})
        keys.resources.put(tx, kept[path], api.id, found.id)


def _refuse_sibling(kept: Mapping[str, Resource], parent: Resource, path: str, part: str) -> None:
    if not part.startswith("{"):
        return
    for other in kept.values():
        if other.parent == parent.id and other.part.startswith("{"):
            raise ImportFailed(
                [
                    f"Unable to create resource at path '{path}': A sibling ({other.part}) of this resource already "
                    "has a variable path part -- only one unique variable path part is allowed"
                ],
                [],
            )


def _placed(method: Method, resource: str, authorizers: Mapping[str, str], validators: Mapping[str, str]) -> Method:
    """A method as it is stored: with ids in place of names, and its integration's cache below its resource."""
    integration = method.integration
    if integration is not None and integration.cache_namespace is None:
        integration = replace(integration, cache_namespace=resource)
    return replace(
        method,
        authorizer_id=authorizers[method.authorizer_id] if method.authorizer_id else None,
        validator_id=validators[method.validator_id] if method.validator_id else None,
        integration=integration,
    )


def parts_of(tx: Reader, api: str) -> list[DocumentationPart]:
    """The documentation parts of an API."""
    return [part for _, part in keys.docparts.scan(tx, api)]


def put_parts(
    ids: Ids, tx: Transaction, api: str, parts: tuple[DocumentationPart, ...], *, overwrite: bool
) -> list[str]:
    """Store documentation parts, one for a location; returns their ids. `overwrite`: all others go."""
    there = {tuple(sorted(part.location.items())): part.id for part in parts_of(tx, api)}
    found = []
    for part in parts:
        id = there.get(tuple(sorted(part.location.items()))) or new_id(ids, ID_LENGTH)
        keys.docparts.put(tx, replace(part, id=id), api, id)
        found.append(id)
    if overwrite:
        for old in set(there.values()) - set(found):
            keys.docparts.delete(tx, api, old)
    return found
