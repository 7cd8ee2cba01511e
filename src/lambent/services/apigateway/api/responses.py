"""The responses that methods declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import building
from ..errors import ConflictException, no_status
from ..model import Method, MethodResponse, Resource
from ..patching import ALL, Patcher, Rule, entry, is_true
from ..service import operation
from ..views import show_method_response
from .methods import find_method, put


def _find(ctx: Context, tx: Reader, req: Mapping[str, Any]) -> tuple[Resource, Method, MethodResponse]:
    resource, method = find_method(ctx, tx, req)
    response = method.responses.get(req["statusCode"])
    if response is None:
        raise no_status()
    return resource, method, response


def _put(tx: Transaction, api: str, resource: Resource, method: Method, response: MethodResponse) -> None:
    responses = {**method.responses, response.status_code: response}
    put(tx, api, resource, replace(method, responses=responses))


@operation("write")
def put_method_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Declare a response."""
    resource, method = find_method(ctx, tx, req)
    made = building.method_response(req, building.known(tx, req["restApiId"]))
    if made.status_code in method.responses:
        raise ConflictException("Response already exists for this resource")
    _put(tx, req["restApiId"], resource, method, made)
    return show_method_response(made)


@operation("read")
def get_method_response(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show a response."""
    return show_method_response(_find(ctx, tx, req)[2])


_PATCHER: Final = Patcher(
    Rule("/responseModels/{}", entry("models", "Content-Type specified was not found"), ALL),
    Rule("/responseParameters/{}", entry("parameters", "Invalid parameter name specified", is_true), ALL),
)


@operation("write")
def update_method_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change a response."""
    resource, method, response = _find(ctx, tx, req)
    changed = _PATCHER.apply(response, req.get("patchOperations") or ())
    changed = building.check_method_response(changed, building.known(tx, req["restApiId"]))
    _put(tx, req["restApiId"], resource, method, changed)
    return show_method_response(changed)


@operation("write")
def delete_method_response(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Take a response back."""
    resource, method, response = _find(ctx, tx, req)
    left = {status: one for status, one in method.responses.items() if status != response.status_code}
    put(tx, req["restApiId"], resource, replace(method, responses=left))
