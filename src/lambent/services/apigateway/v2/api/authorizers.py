"""Authorizers."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..checks import check_authorizer
from ..errors import BadRequestException, ConflictException, full, missing
from ..model import AUTHORIZERS_MAX, Api, Authorizer
from ..service import changed, operation, paged, small_id, the_api
from ..views import authorizer_fields, show_authorizer


def _the_authorizer(tx: Reader, api: Api, req: dict[str, Any]) -> Authorizer:
    found = keys.authorizers.get(tx, api.id, req["AuthorizerId"])
    if found is None:
        raise missing("Authorizer", req["AuthorizerId"])
    return found


def _refuse_taken(tx: Reader, api: Api, made: Authorizer) -> None:
    for _, other in keys.authorizers.scan(tx, api.id):
        if other.name == made.name and other.id != made.id:
            raise BadRequestException(
                f"Authorizer name must be unique. Authorizer {made.name} already exists in this API"
            )


@operation(tx="write")
def create_authorizer(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    made = Authorizer(**authorizer_fields(req), id=small_id(ctx, 6))
    check_authorizer(api, made)
    _refuse_taken(tx, api, made)
    if len(keys.authorizers.scan(tx, api.id, limit=AUTHORIZERS_MAX)) >= AUTHORIZERS_MAX:
        raise full("Authorizers")
    keys.authorizers.put(tx, made, api.id, made.id)
    changed(ctx, tx, api)
    return show_authorizer(made)


@operation(tx="read")
def get_authorizer(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_authorizer(_the_authorizer(tx, the_api(ctx, tx, req), req))


@operation(tx="read")
def get_authorizers(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    return paged(req, lambda after, limit: keys.authorizers.scan(tx, api.id, after=after, limit=limit), show_authorizer)


@operation(tx="write")
def update_authorizer(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    api = the_api(ctx, tx, req)
    new = replace(_the_authorizer(tx, api, req), **authorizer_fields(req))
    check_authorizer(api, new)
    _refuse_taken(tx, api, new)
    keys.authorizers.put(tx, new, api.id, new.id)
    changed(ctx, tx, api)
    return show_authorizer(new)


@operation(tx="write")
def delete_authorizer(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    api = the_api(ctx, tx, req)
    authorizer = _the_authorizer(tx, api, req)
    users = [route.key for _, route in keys.routes.scan(tx, api.id) if route.authorizer == authorizer.id]
    if users:
        raise ConflictException(f"Cannot delete authorizer '{authorizer.id}', is referenced in route: {users[0]}")
    keys.authorizers.delete(tx, api.id, authorizer.id)
    changed(ctx, tx, api)
