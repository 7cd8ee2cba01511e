"""Models: JSON schemas that routes of WebSocket APIs name."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import BadRequestException, ConflictException, missing
from ..model import Api, Model
from ..service import changed, operation, paged, small_id, the_api
from ..views import MODEL, fields, shown


def _show(model: Model) -> dict[str, Any]:
    return {**shown(model, MODEL), "ModelId": model.id}


def _the_model(tx: Reader, api: Api, req: dict[str, Any]) -> Model:
    found = keys.models.get(tx, api.id, req["ModelId"])
    if found is None:
        raise missing("Model", req["ModelId"])
    return found


def _check(tx: Reader, api: Api, made: Model) -> None:
    if not made.name.isalnum() or not made.name.isascii():
        raise BadRequestException("Model name must be alphanumeric")
    try:
        orjson.loads(made.schema)
    except orjson.JSONDecodeError:
        raise BadRequestException("Invalid model specified: the schema is not JSON") from None
    if any(other.name == made.name and other.id != made.id for _, other in keys.models.scan(tx, api.id)):
        raise ConflictException(f"Model name already exists for this API: {made.name}")


@operation(tx="write")
def create_model(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    made = Model(**fields(req, MODEL), id=small_id(ctx, 6))
    _check(tx, api, made)
    keys.models.put(tx, made, api.id, made.id)
    changed(ctx, tx, api)
    return _show(made)


@operation(tx="read")
def get_model(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show(_the_model(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_models(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    return paged(req, lambda after, limit: keys.models.scan(tx, api.id, after=after, limit=limit), _show)


@operation(tx="write")
def update_model(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    new = replace(_the_model(tx, api, req), **fields(req, MODEL))
    _check(tx, api, new)
    keys.models.put(tx, new, api.id, new.id)
    changed(ctx, tx, api)
    return _show(new)


@operation(tx="write")
def delete_model(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    model = _the_model(tx, api, req)
    keys.models.delete(tx, api.id, model.id)
    changed(ctx, tx, api)


@operation(tx="read")
def get_model_template(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    schema = orjson.loads(_the_model(tx, the_api(ctx, tx, req), req).schema)
    return {"Value": _template(schema, "$input.path('$')", 0)}


def _template(schema: Any, place: str, depth: int) -> str:
    """A mapping template that takes a schema's members over, as the console offers it."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    margin = "  " * (depth + 1)
    if kind == "object" or (kind is None and isinstance(schema, dict) and "properties" in schema):
        members = [
            f'{margin}"{name}" : {_template(inner, f"{place}.{name}", depth + 1)}'
            for name, inner in schema.get("properties", {}).items()
        ]
        return "{\n" + ",\n".join(members) + "\n" + "  " * depth + "}"
    if kind == "array":
        inner = _template(schema.get("items", {}), "$elem", depth + 1)
        return f"[\n#foreach($elem in {place})\n{margin}{inner}#if($foreach.hasNext),#end\n#end\n" + "  " * depth + "]"
    return f'"{place}"' if kind in ("string", None) else place
