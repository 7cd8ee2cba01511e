"""Models: JSON schemas with names."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import building, keys, schemas
from ..common.ids import new_id
from ..errors import ConflictException, NotFoundException
from ..model import Model
from ..patching import Patcher, Rule, text
from ..service import find_api, has_api, operation, page_of
from ..views import show_model


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> Model:
    api, name = req["restApiId"], req["modelName"]
    found = keys.models.get(tx, api, name) if has_api(ctx, tx, api) else None
    if found is None:
        raise NotFoundException(f"Invalid model name specified: {name}")
    return found


@operation("write")
def create_model(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a model."""
    api = find_api(ctx, tx, req["restApiId"])
    made = building.model(req, new_id(ctx.cloud.ids, 6))
    if keys.models.get(tx, api.id, made.name) is not None:
        raise ConflictException("Model name already exists for this REST API")
    keys.models.put(tx, made, api.id, made.name)
    return show_model(made)


@operation("read")
def get_model(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show a model; with `flatten` the models that it refers to lie inside its schema."""
    model = _find(ctx, tx, req)
    shown = show_model(model)
    if req.get("flatten") and model.schema:
        shown["schema"] = schemas.flatten(model, _schemas(tx, req["restApiId"]))
    return shown


@operation("read")
def get_models(ctx: Context, tx: Reader, req: dict[str, Any]) -> Any:
    """List the models of an API by their names."""
    api = find_api(ctx, tx, req["restApiId"])
    return page_of((one for _, one in keys.models.scan(tx, api.id)), req, lambda model: model.name, show_model)


@operation("read")
def get_model_template(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """A mapping template that gives an example of what a model describes."""
    return {"value": schemas.template(_find(ctx, tx, req), _schemas(tx, req["restApiId"]))}


def _schemas(tx: Reader, api: str) -> dict[str, str]:
    return {model.name: model.schema for _, model in keys.models.scan(tx, api)}


_PATCHER: Final = Patcher(Rule("/description", text("description")), Rule("/schema", text("schema", "")), listed=True)


@operation("write")
def update_model(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change a model."""
    model = _PATCHER.apply(_find(ctx, tx, req), req.get("patchOperations") or ())
    keys.models.put(tx, building.check_model(model), req["restApiId"], model.name)
    return show_model(model)


@operation("write")
def delete_model(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a model that nothing refers to."""
    model = _find(ctx, tx, req)
    user = _user(tx, req["restApiId"], model.name)
    if user:
        raise ConflictException(f"Cannot delete model '{model.name}', is referenced in {user}")
    keys.models.delete(tx, req["restApiId"], model.name)


def _user(tx: Reader, api: str, name: str) -> str:
    """What refers to a model; empty when nothing does."""
    found = [resource for _, resource in keys.resources.scan(tx, api)]
    for resource in sorted(found, key=lambda one: one.path, reverse=True):
        for verb, method in sorted(resource.methods.items()):
            where = f"{resource.path}/{verb}"
            if name in (method.models or {}).values():
                return f"method request: {where}"
            for status, response in sorted(method.responses.items()):
                if name in (response.models or {}).values():
                    return f"method response: {where}/{status}"
    for other, schema in sorted(_schemas(tx, api).items()):
        if other != name and name in schemas.references(schema):
            return f"model: {other}"
    return ""
