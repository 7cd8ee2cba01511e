"""Signing in and out, and refreshing tokens."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import challenges, clients, granting, keys, signing_in, tokens, users
from ..addresses import endpoint
from ..errors import NotAuthorizedException, UnsupportedOperationException, UnsupportedTokenTypeException
from ..model import Client, Pool
from ..service import client_and_pool, cognito_idp, get_client, get_pool, on_pool

_HARMLESS = ("AnalyticsMetadata", "UserContextData", "ContextData")


async def _own(ctx: Context, req: dict[str, Any]) -> tuple[Pool, Client]:
    def look(tx: Reader) -> tuple[Pool, Client]:
        pool = get_pool(ctx, tx, req["UserPoolId"])
        return pool, get_client(tx, pool, req["ClientId"])

    return await ctx.cloud.store.read(look)


@cognito_idp.operation(tx="none", open=True, anonymous=True, unbuilt=("Session",), harmless=_HARMLESS)
async def initiate_auth(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await ctx.cloud.store.read(lambda tx: client_and_pool(tx, req["ClientId"]))
    return await signing_in.start(ctx.cloud, pool, client, req, at=endpoint(ctx.cloud, ctx.request), admin=False)


@cognito_idp.operation(tx="none", resource=on_pool, unbuilt=("Session",), harmless=_HARMLESS)
async def admin_initiate_auth(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await _own(ctx, req)
    return await signing_in.start(ctx.cloud, pool, client, req, at=endpoint(ctx.cloud, ctx.request), admin=True)


@cognito_idp.operation(tx="none", open=True, anonymous=True, harmless=_HARMLESS)
async def respond_to_auth_challenge(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await ctx.cloud.store.read(lambda tx: client_and_pool(tx, req["ClientId"]))
    return await challenges.respond(ctx.cloud, pool, client, req, at=endpoint(ctx.cloud, ctx.request))


@cognito_idp.operation(tx="none", resource=on_pool, harmless=_HARMLESS)
async def admin_respond_to_auth_challenge(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await _own(ctx, req)
    return await challenges.respond(ctx.cloud, pool, client, req, at=endpoint(ctx.cloud, ctx.request))


@cognito_idp.operation(tx="none", open=True, anonymous=True, unbuilt=("DeviceKey",))
async def get_tokens_from_refresh_token(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await ctx.cloud.store.read(lambda tx: client_and_pool(tx, req["ClientId"]))
    if not clients.knows_secret(client, req.get("ClientSecret", "")):
        raise NotAuthorizedException(f"Unable to verify secret for client {client.id}")
    metadata = req.get("ClientMetadata")
    at = endpoint(ctx.cloud, ctx.request)
    result = await granting.refresh(ctx.cloud, pool, client, req["RefreshToken"], metadata, at=at)
    return {"AuthenticationResult": result}


@cognito_idp.operation(tx="write", open=True, anonymous=True, unbuilt=("RevokeAssociatedSessions",))
def revoke_token(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    _, client = client_and_pool(tx, req["ClientId"])
    if not clients.knows_secret(client, req.get("ClientSecret", "")):
        raise NotAuthorizedException(f"Unable to verify secret for client {client.id}")
    if not client.revokes:
        raise UnsupportedOperationException("Token revocation is not enabled for this client.")
    if req["Token"].count(".") == 2:
        raise UnsupportedTokenTypeException("Only refresh tokens can be revoked.")
    granting.revoke(tx, req["Token"], client)
    return {}


@cognito_idp.operation(tx="write", open=True, anonymous=True)
def global_sign_out(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    bearer = tokens.read_access(ctx.cloud, tx, req["AccessToken"])
    keys.delete_grants(tx, bearer.pool.id, users.key(bearer.pool, bearer.user))
    return {}


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_user_global_sign_out(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    keys.delete_grants(tx, pool.id, users.key(pool, users.get(tx, pool, req["Username"])))
    return {}
