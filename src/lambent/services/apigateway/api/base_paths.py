"""Base path mappings: which API and stage answers below a path of a domain name."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..common import domains
from ..common.domains import Mapping
from ..common.ids import new_id
from ..errors import BadRequestException, ConflictException
from ..mappings import NONE, find_domain, find_mapping
from ..patching import Patch, Patcher, Rule, text
from ..service import operation, page_of
from ..views import shown

_PATH: Final = re.compile(r"[A-Za-z0-9$_.+!*'()~-]+")


def _show(mapping: Mapping) -> dict[str, Any]:
    return shown({"basePath": mapping.path or NONE, "restApiId": mapping.api, "stage": mapping.stage or None})


def _path(given: str | None) -> str:
    if not given or given == NONE:
        return ""
    if "/" in given:
        raise BadRequestException(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level "
            "base path mapping, use API Gateway V2."
        )
    if not _PATH.fullmatch(given) or len(given) > domains.PATH_CHARACTERS_MAX:
        raise BadRequestException("Base path contains invalid characters")
    return given


def _check(ctx: Context, tx: Reader, mapping: Mapping) -> Mapping:
    if keys.apis.get(tx, ctx.account, ctx.region, mapping.api) is None:
        raise BadRequestException("Invalid REST API identifier specified")
    if mapping.stage and keys.stages.get(tx, mapping.api, mapping.stage) is None:
        raise BadRequestException("Invalid stage identifier specified")
    there = domains.get_mapping(tx, mapping.domain, mapping.path)
    if there is not None and there.id != mapping.id:
        raise ConflictException("Base path already exists for this domain name")
    return mapping


@operation(tx="write", unbuilt=("domainNameId",))
def create_base_path_mapping(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    domain = find_domain(ctx, tx, req["domainName"])
    made = Mapping(
        id=new_id(ctx.cloud.ids, 6),
        domain=domain.name,
        path=_path(req.get("basePath")),
        api=req["restApiId"],
        stage=req.get("stage") or "",
        kind="REST",
    )
    _check(ctx, tx, made)
    there = domains.of_domain(tx, domain.name)
    if any(other.kind == "WEBSOCKET" for other in there):
        raise BadRequestException("WebSocket APIs cannot share a domain name with REST or HTTP APIs")
    if len(there) >= domains.MAPPINGS_MAX:
        raise BadRequestException("The maximum number of base path mappings for this domain name has been reached.")
    domains.put_mapping(tx, made)
    return _show(made)


@operation(tx="read", unbuilt=("domainNameId",))
def get_base_path_mapping(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show(find_mapping(ctx, tx, req["domainName"], req["basePath"]))


@operation(tx="read", unbuilt=("domainNameId",))
def get_base_path_mappings(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = domains.of_domain(tx, find_domain(ctx, tx, req["domainName"]).name)
    answer: dict[str, Any] = page_of(found, req, lambda mapping: mapping.path, _show)
    return answer


def _moved(mapping: Mapping, patch: Patch) -> Mapping:
    return replace(mapping, path=_path(patch.value))


_PATCHES: Final = Patcher(
    Rule("/basePath", _moved),
    Rule("/basepath", _moved),
    Rule("/restapiId", text("api", "")),
    Rule("/restApiId", text("api", "")),
    Rule("/stage", text("stage", ""), ("replace", "remove")),
)


@operation(tx="write", unbuilt=("domainNameId",))
def update_base_path_mapping(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    mapping = find_mapping(ctx, tx, req["domainName"], req["basePath"])
    changed = _check(ctx, tx, _PATCHES.apply(mapping, req.get("patchOperations") or ()))
    domains.delete_mapping(tx, mapping)
    domains.put_mapping(tx, changed)
    return _show(changed)


@operation(tx="write", unbuilt=("domainNameId",))
def delete_base_path_mapping(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    domains.delete_mapping(tx, find_mapping(ctx, tx, req["domainName"], req["basePath"]))
