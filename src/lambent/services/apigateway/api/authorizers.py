"""Authorizers."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import building, keys
from ..common.ids import new_id
from ..errors import BadRequestException, ConflictException, not_found
from ..model import Authorizer
from ..patching import Patch, Patcher, Rule, member, text, whole
from ..service import find_api, has_api, operation, page_of
from ..views import show_authorizer


def find_authorizer(ctx: Context, tx: Reader, req: dict[str, Any]) -> Authorizer:
    """The authorizer that a request names."""
    api, id = req["restApiId"], req["authorizerId"]
    found = keys.authorizers.get(tx, api, id) if has_api(ctx, tx, api) else None
    if found is None:
        raise not_found("Authorizer")
    return found


def _check_name(tx: Reader, api: str, authorizer: Authorizer) -> None:
    for _, other in keys.authorizers.scan(tx, api):
        if other.name == authorizer.name and other.id != authorizer.id:
            raise BadRequestException(
                f"Authorizer name must be unique. Authorizer {authorizer.name} already exists in this RestApi."
            )


@operation("write")
def create_authorizer(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make an authorizer. AWS tells of an API that is not there in its own way here."""
    if not has_api(ctx, tx, req["restApiId"]):
        raise ConflictException("Unable to complete operation due to concurrent modification. Please try again later.")
    made = building.authorizer(req, new_id(ctx.cloud.ids, 6))
    _check_name(tx, req["restApiId"], made)
    keys.authorizers.put(tx, made, req["restApiId"], made.id)
    return show_authorizer(made)


@operation("read")
def get_authorizer(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Show an authorizer."""
    return show_authorizer(find_authorizer(ctx, tx, req))


@operation("read")
def get_authorizers(ctx: Context, tx: Reader, req: dict[str, Any]) -> Any:
    """List the authorizers of an API."""
    api = find_api(ctx, tx, req["restApiId"])
    return page_of((one for _, one in keys.authorizers.scan(tx, api.id)), req, lambda one: one.id, show_authorizer)


def _change_ttl(authorizer: Authorizer, patch: Patch) -> Authorizer:
    return replace(authorizer, ttl_s=whole(patch, "Authorizer result TTL must be between 0 and 3600 seconds"))


def _change_type(authorizer: Authorizer, patch: Patch) -> Authorizer:
    if patch.value not in ("TOKEN", "REQUEST", "COGNITO_USER_POOLS"):
        raise BadRequestException("Invalid authorizer type specified. Valid options are "
                                  "TOKEN,REQUEST,COGNITO_USER_POOLS")  # fmt: skip
    return replace(authorizer, type=patch.value)


_PATCHER: Final = Patcher(
    Rule("/name", text("name", "")),
    Rule("/type", _change_type),
    Rule("/authType", text("auth_type")),
    Rule("/authorizerUri", text("uri")),
    Rule("/authorizerCredentials", lambda one, patch: replace(one, credentials=patch.value or None)),
    Rule("/identitySource", text("identity_source")),
    Rule("/identityValidationExpression", lambda one, patch: replace(one, identity_validation=patch.value or None)),
    Rule("/authorizerResultTtlInSeconds", _change_ttl),
    Rule("/providerARNs", member("provider_arns"), ("add", "remove")),
    Rule("/providerARNs/{}", member("provider_arns"), ("add", "remove")),
    listed=True,
)


@operation("write")
def update_authorizer(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Change an authorizer."""
    changed = _PATCHER.apply(find_authorizer(ctx, tx, req), req.get("patchOperations") or ())
    building.check_authorizer(changed)
    _check_name(tx, req["restApiId"], changed)
    keys.authorizers.put(tx, changed, req["restApiId"], changed.id)
    return show_authorizer(changed)


@operation("write")
def delete_authorizer(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    """Delete an authorizer that no method uses."""
    authorizer = find_authorizer(ctx, tx, req)
    for _, resource in keys.resources.scan(tx, req["restApiId"]):
        for verb, method in resource.methods.items():
            if method.authorizer_id == authorizer.id:
                raise ConflictException(
                    f"Cannot delete authorizer '{authorizer.name}', is referenced in method: {resource.path}/{verb}"
                )
    keys.authorizers.delete(tx, req["restApiId"], authorizer.id)
