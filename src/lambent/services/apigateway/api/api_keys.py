"""API keys."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import unseal

from .. import keys
from ..common.ids import new_id
from ..errors import BadRequestException, ConflictException, NotFoundException, not_found
from ..model import ApiKey
from ..patching import ALL, Patcher, Rule, flag, text
from ..plans import add_key, find_plan, forget_key
from ..service import PAGE_MAX, operation, page_of, read_tags
from ..views import shown, when

VALUE_LENGTH: Final = 40
_VALUE_MIN: Final = 20
_VALUE_MAX: Final = 128
_DESCRIPTION_MAX: Final = 125_000
_COLUMNS: Final = ("name", "key", "description", "enabled", "usageplanids")
_PATCHES: Final = Patcher(
    Rule("/description", text("description"), ALL),
    Rule("/enabled", flag("enabled")),
    Rule("/name", text("name", ""), ALL),
    Rule("/customerId", text("customer_id"), ALL),
    listed=True,
)


def show_key(key: ApiKey, *, value: bool = False, tags: bool = False) -> dict[str, Any]:
    """A key; its value and its tags where they are asked for."""
    return shown(
        {
            "id": key.id,
            "value": key.value if value else None,
            "name": key.name or None,
            "customerId": key.customer_id,
            "description": key.description,
            "enabled": key.enabled,
            "createdDate": when(key.created_ms),
            "lastUpdatedDate": when(key.updated_ms),
            "stageKeys": list(key.stages),
            "tags": dict(key.tags) if key.tags or tags else None,
        }
    )


def find_key(ctx: Context, tx: Reader, id: str) -> ApiKey:
    """A key of the caller's account and region."""
    found = keys.api_keys.get(tx, ctx.account, ctx.region, id)
    if found is None:
        raise not_found("API Key")
    return found


def _check(key: ApiKey) -> ApiKey:
    if len(key.description or "") > _DESCRIPTION_MAX:
        raise BadRequestException("Invalid API Key description specified.")
    return key


def _value(ctx: Context, tx: Reader, given: str | None) -> str:
    """The value of a new key: the one that is given, if it will do and nobody has it, or a new one."""
    if not given:
        return ctx.cloud.ids.alphanumeric(VALUE_LENGTH)
    if len(given) < _VALUE_MIN:
        raise BadRequestException(f"API Key value should be at least {_VALUE_MIN} characters")
    if len(given) > _VALUE_MAX:
        raise BadRequestException(f"API Key value exceeds maximum size of {_VALUE_MAX} characters")
    if keys.key_values.get(tx, given) is not None:
        raise ConflictException("API Key already exists")
    return given


def _stages(ctx: Context, tx: Reader, given: list[Mapping[str, str]]) -> tuple[str, ...]:
    """The stages that an old-fashioned key is for, as `api/stage`."""
    found = []
    for one in given:
        api, stage = one.get("restApiId", ""), one.get("stageName", "")
        if keys.apis.get(tx, ctx.account, ctx.region, api) is None or keys.stages.get(tx, api, stage) is None:
            raise NotFoundException("Invalid stage identifier specified")
        found.append(f"{api}/{stage}")
    return tuple(found)


def _id_at(position: str) -> str:
    """The id of the last key of the page before."""
    found = unseal(position, lambda _: BadRequestException("Invalid position parameter specified"))
    return found.decode(errors="replace")


def _store(ctx: Context, tx: Transaction, key: ApiKey) -> None:
    keys.api_keys.put(tx, key, ctx.account, ctx.region, key.id)
    keys.key_values.put(tx, keys.Owner(ctx.account, ctx.region, key.id), key.value)


@operation(tx="write", harmless=("generateDistinctId",))
def create_api_key(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    made = ApiKey(
        id=new_id(ctx.cloud.ids),
        value=_value(ctx, tx, req.get("value")),
        name=req.get("name") or "",
        enabled=bool(req.get("enabled")),
        created_ms=ctx.now_ms,
        updated_ms=ctx.now_ms,
        description=req.get("description"),
        customer_id=req.get("customerId"),
        stages=_stages(ctx, tx, req.get("stageKeys") or []),
        tags=read_tags(req.get("tags")),
    )
    _store(ctx, tx, _check(made))
    return show_key(made, value=True)


@operation(tx="read")
def get_api_key(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_key(find_key(ctx, tx, req["apiKey"]), value=bool(req.get("includeValue")), tags=True)


@operation(tx="read")
def get_api_keys(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    name, customer = req.get("nameQuery") or "", req.get("customerId")
    place = (ctx.account, ctx.region)
    if name or customer:
        rows = keys.api_keys.scan(tx, *place)
        found = [key for _, key in rows if key.name.startswith(name) and customer in (None, "", key.customer_id)]
    else:
        # There may be thousands: a page is read, not all of them.
        after = keys.api_keys.key(*place, _id_at(req["position"])) if req.get("position") else None
        found = [key for _, key in keys.api_keys.scan(tx, *place, after=after, limit=PAGE_MAX + 1)]
    values = bool(req.get("includeValues"))
    answer: dict[str, Any] = page_of(found, req, lambda key: key.id, lambda key: show_key(key, value=values))
    return answer


@operation(tx="write")
def update_api_key(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    key = find_key(ctx, tx, req["apiKey"])
    changed = _check(_PATCHES.apply(key, req.get("patchOperations") or ()))
    changed = replace(changed, updated_ms=ctx.now_ms)
    keys.api_keys.put(tx, changed, ctx.account, ctx.region, key.id)
    return show_key(changed, tags=True)


@operation(tx="write")
def delete_api_key(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    key = find_key(ctx, tx, req["apiKey"])
    forget_key(tx, key.id)
    keys.key_values.delete(tx, key.value)
    keys.api_keys.delete(tx, ctx.account, ctx.region, key.id)


def _rows(body: bytes) -> list[dict[str, str]]:
    """The rows of a file of keys, by the names of its columns in small letters."""
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise BadRequestException("Failed to parse the CSV file of API Keys") from None
    lines = [line for line in lines if line]
    columns = [name.strip().lower() for name in lines[0]] if lines else []
    if "name" not in columns or "key" not in columns or set(columns) - set(_COLUMNS):
        raise BadRequestException("The header of the CSV file of API Keys must name the columns name and key")
    return [dict(zip(columns, line, strict=False)) for line in lines[1:]]


@operation(tx="write")
def import_api_keys(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("format", "csv") != "csv":
        raise BadRequestException("Invalid format specified: it must be csv")
    made, warnings = [], []
    for number, row in enumerate(_rows(req["body"]), 1):
        try:
            value = _value(ctx, tx, row.get("key", "").strip())
        except ConflictException:
            warnings.append(f"API Key of row {number} already exists")
            continue
        key = ApiKey(
            id=new_id(ctx.cloud.ids),
            value=value,
            name=row["name"].strip(),
            enabled=row.get("enabled", "true").strip().lower() == "true",
            created_ms=ctx.now_ms,
            updated_ms=ctx.now_ms,
            description=row.get("description") or None,
        )
        _store(ctx, tx, _check(key))
        for plan in filter(None, (id.strip() for id in row.get("usageplanids", "").split(","))):
            add_key(tx, find_plan(ctx, tx, plan), key)
        made.append(key.id)
    if warnings and req.get("failOnWarnings"):
        raise BadRequestException("\n\t".join(("Warnings found during import:", *warnings)))
    return {"ids": made, "warnings": warnings}
