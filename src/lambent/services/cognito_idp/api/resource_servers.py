"""Resource servers: APIs and the scopes that clients may ask for."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import InvalidParameterException, ResourceNotFoundException
from ..model import Pool, ResourceServer
from ..service import after, cognito_idp, get_pool, on_pool, paged

_PAGE = 50


def _get(tx: Reader, pool: Pool, identifier: str) -> ResourceServer:
    found = keys.resource_servers.get(tx, pool.id, identifier)
    if found is None:
        raise ResourceNotFoundException("Resource server does not exist.")
    return found


def _read(pool: Pool, req: dict[str, Any]) -> ResourceServer:
    scopes = tuple((one["ScopeName"], one["ScopeDescription"]) for one in req.get("Scopes", ()))
    if len({name for name, _ in scopes}) != len(scopes):
        raise InvalidParameterException("The scope names of a resource server must differ.")
    return ResourceServer(pool=pool.id, identifier=req["Identifier"], name=req["Name"], scopes=scopes)


def _show(server: ResourceServer) -> dict[str, Any]:
    return {
        "UserPoolId": server.pool,
        "Identifier": server.identifier,
        "Name": server.name,
        "Scopes": [{"ScopeName": name, "ScopeDescription": text} for name, text in server.scopes],
    }


@cognito_idp.operation(tx="write", resource=on_pool)
def create_resource_server(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    made = _read(pool, req)
    if keys.resource_servers.get(tx, pool.id, made.identifier) is not None:
        raise InvalidParameterException(f"{made.identifier} already exists in user pool {pool.id}.")
    keys.resource_servers.put(tx, made, pool.id, made.identifier)
    return {"ResourceServer": _show(made)}


@cognito_idp.operation(tx="write", resource=on_pool)
def update_resource_server(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    _get(tx, pool, req["Identifier"])
    changed = _read(pool, req)
    keys.resource_servers.put(tx, changed, pool.id, changed.identifier)
    return {"ResourceServer": _show(changed)}


@cognito_idp.operation(tx="read", resource=on_pool)
def describe_resource_server(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"ResourceServer": _show(_get(tx, get_pool(ctx, tx, req["UserPoolId"]), req["Identifier"]))}


@cognito_idp.operation(tx="write", resource=on_pool)
def delete_resource_server(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    keys.resource_servers.delete(tx, pool.id, _get(tx, pool, req["Identifier"]).identifier)


@cognito_idp.operation(tx="read", resource=on_pool)
def list_resource_servers(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    limit = req.get("MaxResults", _PAGE)
    shown, token = paged(keys.resource_servers.scan(tx, pool.id, after=after(req), limit=limit + 1), limit)
    return {"ResourceServers": [_show(one) for _, one in shown], **token}
