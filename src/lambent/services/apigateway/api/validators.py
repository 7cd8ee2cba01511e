"""Request validators."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import building, keys
from ..common.ids import new_id
from ..errors import BadRequestException, ConflictException, not_found
from ..model import Validator
from ..patching import Patcher, Rule, flag, text
from ..service import find_api, has_api, operation, page_of
from ..views import show_validator


def _find(ctx: Context, tx: Reader, req: dict[str, Any]) -> Validator:
    api, id = req["restApiId"], req["requestValidatorId"]
    found = keys.validators.get(tx, api, id) if has_api(ctx, tx, api) else None
    if found is None:
        raise not_found("Request Validator")
    return found


@operation("write")
def create_request_validator(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a validator."""
    if not has_api(ctx, tx, req["restApiId"]):
        raise BadRequestException("Invalid REST API identifier specified")
    made = building.validator(req, new_id(ctx.cloud.ids, 6))
    keys.validators.put(tx, made, req["restApiId"], made.id)
    return show_validator(made)


@operation("read")
def get_request_validator(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show a validator."""
    return show_validator(_find(ctx, tx, req))


@operation("read")
def get_request_validators(ctx: Context, tx: Reader, req: dict[str, Any]) -> Any:
    """List the validators of an API."""
    api = find_api(ctx, tx, req["restApiId"])
    return page_of((one for _, one in keys.validators.scan(tx, api.id)), req, lambda one: one.id, show_validator)


_PATCHER: Final = Patcher(
    Rule("/name", text("name", "")),
    Rule("/validateRequestBody", flag("body")),
    Rule("/validateRequestParameters", flag("parameters")),
    listed=True,
)


@operation("write")
def update_request_validator(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change a validator."""
    validator = _PATCHER.apply(_find(ctx, tx, req), req.get("patchOperations") or ())
    keys.validators.put(tx, validator, req["restApiId"], validator.id)
    return show_validator(validator)


@operation("write")
def delete_request_validator(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a validator that no method uses."""
    validator = _find(ctx, tx, req)
    for _, resource in keys.resources.scan(tx, req["restApiId"]):
        for verb, method in resource.methods.items():
            if method.validator_id == validator.id:
                raise ConflictException(
                    f"Cannot delete request validator '{validator.id}', is referenced in method request: "
                    f"{resource.path}/{verb}"
                )
    keys.validators.delete(tx, req["restApiId"], validator.id)
