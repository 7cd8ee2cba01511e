"""Clients of pools; what they are told apart by: their secrets, two at most."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import clients, keys
from ..errors import InvalidParameterException, LimitExceededException
from ..model import Alias, Client
from ..service import after, cognito_idp, get_client, get_pool, moment, on_pool, paged

_ID_LETTERS = 26
_SECRET_LETTERS = 52
_SECRETS_MAX = 2
_PAGE = 60


def _letters(ctx: Context, count: int) -> str:
    return "".join(ctx.cloud.ids.random.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=count))


def _secret(ctx: Context, value: str = "") -> tuple[str, str, int]:
    return f"secret-{_letters(ctx, 20)}", value or _letters(ctx, _SECRET_LETTERS), ctx.now_ms


@cognito_idp.operation(tx="write", resource=on_pool, unbuilt=("AnalyticsConfiguration",))
def create_user_pool_client(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    secret = bool(req.get("GenerateSecret") or req.get("ClientSecret"))
    client = Client(
        id=_letters(ctx, _ID_LETTERS),
        pool=pool.id,
        name=req["ClientName"],
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        settings=clients.read(tx, pool, req, secret=secret),
        secrets=(_secret(ctx, req.get("ClientSecret", "")),) if secret else (),
    )
    keys.clients.put(tx, client, pool.id, client.id)
    keys.client_pools.put(tx, Alias(pool.id), client.id)
    return {"UserPoolClient": clients.show(client)}


@cognito_idp.operation(tx="read", resource=on_pool)
def describe_user_pool_client(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    client = get_client(tx, get_pool(ctx, tx, req["UserPoolId"]), req["ClientId"])
    return {"UserPoolClient": clients.show(client)}


@cognito_idp.operation(tx="write", resource=on_pool, unbuilt=("AnalyticsConfiguration",))
def update_user_pool_client(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    client = get_client(tx, pool, req["ClientId"])
    changed = replace(
        client,
        name=req.get("ClientName", client.name),
        settings=clients.read(tx, pool, req, secret=bool(client.secrets)),
        modified_ms=ctx.now_ms,
    )
    keys.clients.put(tx, changed, pool.id, client.id)
    return {"UserPoolClient": clients.show(changed)}


@cognito_idp.operation(tx="write", resource=on_pool)
def delete_user_pool_client(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    client = get_client(tx, get_pool(ctx, tx, req["UserPoolId"]), req["ClientId"])
    # Its grants stay until they are over; without the client nothing is done for them.
    keys.clients.delete(tx, client.pool, client.id)
    keys.client_pools.delete(tx, client.id)


@cognito_idp.operation(tx="read", resource=on_pool)
def list_user_pool_clients(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    limit = req.get("MaxResults", _PAGE)
    shown, token = paged(keys.clients.scan(tx, pool.id, after=after(req), limit=limit + 1), limit)
    found = [{"ClientId": one.id, "UserPoolId": pool.id, "ClientName": one.name} for _, one in shown]
    return {"UserPoolClients": found, **token}


# -- secrets -----------------------------------------------------------------------------------------------------------


def _described(secret: tuple[str, str, int]) -> dict[str, Any]:
    return {"ClientSecretId": secret[0], "ClientSecretCreateDate": moment(secret[2])}


@cognito_idp.operation(tx="write", resource=on_pool)
def add_user_pool_client_secret(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    client = get_client(tx, get_pool(ctx, tx, req["UserPoolId"]), req["ClientId"])
    if len(client.secrets) >= _SECRETS_MAX:
        raise LimitExceededException("A client has two secrets at most.")
    made = _secret(ctx, req.get("ClientSecret", ""))
    changed = replace(client, secrets=(*client.secrets, made), modified_ms=ctx.now_ms)
    keys.clients.put(tx, changed, client.pool, client.id)
    return {"ClientSecretDescriptor": {**_described(made), "ClientSecretValue": made[1]}}


@cognito_idp.operation(tx="write", resource=on_pool)
def delete_user_pool_client_secret(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    client = get_client(tx, get_pool(ctx, tx, req["UserPoolId"]), req["ClientId"])
    kept = tuple(one for one in client.secrets if one[0] != req["ClientSecretId"])
    if len(kept) == len(client.secrets) or not kept:
        raise InvalidParameterException("The client has no such secret, or no other one.")
    keys.clients.put(tx, replace(client, secrets=kept, modified_ms=ctx.now_ms), client.pool, client.id)


@cognito_idp.operation(tx="read", resource=on_pool)
def list_user_pool_client_secrets(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    client = get_client(tx, get_pool(ctx, tx, req["UserPoolId"]), req["ClientId"])
    return {"ClientSecrets": [_described(one) for one in client.secrets]}
