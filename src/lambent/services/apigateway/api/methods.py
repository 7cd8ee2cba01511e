"""Methods of resources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import building, keys
from ..errors import ConflictException, not_found
from ..model import Method, Resource
from ..patching import ALL, Patcher, Rule, entry, flag, is_true, member, text
from ..service import find_resource, operation
from ..views import show_method


def find_method(ctx: Context, tx: Reader, req: Mapping[str, Any], missing: str = "Method") -> tuple[Resource, Method]:
    """The method that a request names, with its resource; `missing` is what AWS says is not there when it is not."""
    resource = find_resource(ctx, tx, req)
    method = resource.methods.get(req["httpMethod"])
    if method is None:
        raise not_found(missing)
    return resource, method


def put(tx: Transaction, api: str, resource: Resource, method: Method) -> None:
    """Store a method of a resource."""
    methods = {**resource.methods, method.http_method: method}
    keys.resources.put(tx, replace(resource, methods=methods), api, resource.id)


@operation("write")
def put_method(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a method."""
    resource = find_resource(ctx, tx, req)
    made = building.method(req, building.known(tx, req["restApiId"]))
    if made.http_method in resource.methods:
        raise ConflictException("Method already exists for this resource")
    put(tx, req["restApiId"], resource, made)
    return show_method(made)


@operation("read")
def get_method(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show a method."""
    return show_method(find_method(ctx, tx, req)[1])


_PATCHER: Final = Patcher(
    Rule("/apiKeyRequired", flag("api_key_required")),
    Rule("/authorizationType", text("authorization", "")),
    Rule("/authorizerId", text("authorizer_id")),
    Rule("/authorizationScopes", member("scopes"), ALL),
    Rule("/authorizationScopes/{}", member("scopes"), ALL),
    Rule("/operationName", text("operation_name")),
    Rule("/requestValidatorId", lambda method, patch: replace(method, validator_id=patch.value or None)),
    Rule("/requestModels/{}", entry("models", "Content-Type specified was not found"), ALL),
    Rule("/requestParameters/{}", entry("parameters", "Invalid parameter name specified", is_true), ALL),
)


@operation("write")
def update_method(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change a method."""
    resource, method = find_method(ctx, tx, req)
    changed = _PATCHER.apply(method, req.get("patchOperations") or ())
    changed = building.check_method(changed, building.known(tx, req["restApiId"]))
    put(tx, req["restApiId"], resource, changed)
    return show_method(changed)


@operation("write")
def delete_method(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete a method with its integration."""
    resource, method = find_method(ctx, tx, req)
    left = {verb: one for verb, one in resource.methods.items() if verb != method.http_method}
    keys.resources.put(tx, replace(resource, methods=left), req["restApiId"], resource.id)
