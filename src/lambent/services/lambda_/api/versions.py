"""Versions and aliases."""

from __future__ import annotations

from typing import Any

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page

from .. import keys
from ..errors import InvalidParameterValueException, ResourceConflictException, no_alias, no_function, stale_revision
from ..model import LATEST, AliasRecord
from ..names import Ref, ref
from ..publishing import publish
from ..service import lambda_, on_function, page_size, position
from ..views import alias_view, config_view


@lambda_.operation(tx="write", authorize=on_function("PublishVersion"))
def publish_version(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    if "PublishTo" in req:
        raise NotBuilt("Lambent has not built the parameter PublishTo of PublishVersion yet.")
    target = ref(ctx, req)
    function = keys.get_function(tx, target)
    if "RevisionId" in req and req["RevisionId"] != function.latest.revision:
        raise stale_revision("GetFunction/GetAlias")
    current = function.latest.code.sha256
    if req.get("CodeSha256", current) != current:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({req['CodeSha256']}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    function, version = publish(ctx, tx, target, function, req.get("Description"))
    return config_view(function, version)


@lambda_.operation(tx="read", authorize=on_function("ListVersionsByFunction"))
def list_versions_by_function(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    function = keys.get_function(tx, target)
    limit = page_size(req)
    after = position(req, keys.versions)
    # $LATEST comes first, and takes a place of the first page.
    first = [(keys.versions.key(*target.place), function.latest)] if after is None else []
    found = first + keys.versions.scan(tx, *target.place, after=after, limit=limit + 1 - len(first))
    versions, marker = page(found, limit, lambda entry: entry[0])
    shown = []
    for _, config in versions:
        view = config_view(function, config, qualified=True)
        del view["State"], view["LastUpdateStatus"], view["RuntimeVersionConfig"]
        shown.append(view)
    result: dict[str, Any] = {"Versions": shown}
    return result | {"NextMarker": marker} if marker else result


@lambda_.operation(tx="write", authorize=on_function("CreateAlias"))
def create_alias(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    keys.get_function(tx, target)
    if keys.aliases.get(tx, *target.place, req["Name"]) is not None:
        raise ResourceConflictException(f"Alias already exists: {target.arn}:{req['Name']}")
    alias = AliasRecord(req["Name"], "", "", {}, "")
    return _put_alias(ctx, tx, target, alias, req)


@lambda_.operation(tx="write", authorize=on_function("UpdateAlias"))
def update_alias(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    keys.get_function(tx, target)
    alias = _get_alias(tx, target, req["Name"])
    if "RevisionId" in req and req["RevisionId"] != alias.revision:
        raise stale_revision("GetFunction/GetAlias")
    return _put_alias(ctx, tx, target, alias, req)


def _put_alias(ctx: Context, tx: Transaction, target: Ref, old: AliasRecord, req: dict[str, Any]) -> dict[str, Any]:
    weights = old.weights
    if "RoutingConfig" in req:
        weights = {k: float(v) for k, v in req["RoutingConfig"].get("AdditionalVersionWeights", {}).items()}
    alias = AliasRecord(
        old.name,
        req.get("FunctionVersion", old.version),
        req.get("Description", old.description),
        weights,
        ctx.cloud.ids.uuid(),
    )
    if alias.version != LATEST and not alias.version.isdigit():
        raise no_function(f"{target.arn}:{alias.version}")
    keys.get_version(tx, target, alias.version)
    if weights:
        _check_weights(tx, target, alias)
    keys.aliases.put(tx, alias, *target.place, alias.name)
    return alias_view(target, alias)


def _check_weights(tx: Reader, target: Ref, alias: AliasRecord) -> None:
    if len(alias.weights) > 1:
        raise InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if LATEST in alias.weights or alias.version == LATEST:
        raise InvalidParameterValueException("$LATEST is not supported for an alias pointing to more than 1 version")
    for version, weight in alias.weights.items():
        if version == alias.version:
            raise InvalidParameterValueException(
                f"Invalid function version {version}. Function version {version} is already included in routing "
                "configuration."
            )
        if not version.isdigit():
            raise no_function(f"{target.arn}:{version}")
        keys.get_version(tx, target, version)
        if not 0.0 <= weight <= 1.0:
            raise InvalidParameterValueException(f"The weight of version {version} must be between 0.0 and 1.0.")


def _get_alias(tx: Reader, target: Ref, name: str) -> AliasRecord:
    alias = keys.aliases.get(tx, *target.place, name)
    if alias is None:
        raise no_alias(f"{target.arn}:{name}")
    return alias


@lambda_.operation(tx="read", authorize=on_function("GetAlias"))
def get_alias(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    return alias_view(target, _get_alias(tx, target, req["Name"]))


@lambda_.operation(tx="write", authorize=on_function("DeleteAlias"))
def delete_alias(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    target = ref(ctx, req)
    keys.aliases.delete(tx, *target.place, req["Name"])
    keys.policies.delete(tx, *target.place, req["Name"])
    keys.event_configs.delete(tx, *target.place, req["Name"])


@lambda_.operation(tx="read", authorize=on_function("ListAliases"))
def list_aliases(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    keys.get_function(tx, target)
    limit = page_size(req)
    # A function has few aliases; those of one version are picked from all of them.
    wanted = req.get("FunctionVersion")
    after = position(req, keys.aliases)
    found = [
        entry
        for entry in keys.aliases.scan(tx, *target.place, after=after, limit=None if wanted else limit + 1)
        if wanted is None or entry[1].version == wanted or wanted in entry[1].weights
    ]
    aliases, marker = page(found[: limit + 1], limit, lambda entry: entry[0])
    result: dict[str, Any] = {"Aliases": [alias_view(target, alias) for _, alias in aliases]}
    return result | {"NextMarker": marker} if marker else result
