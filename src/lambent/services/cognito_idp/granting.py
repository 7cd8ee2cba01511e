"""Grants: what a user signed in for. Made at sign-in, they give new tokens while they last, and end with sign-out."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Cloud, Reader, Transaction

from . import clients, keys, sessions, tokens, users
from .errors import NotAuthorizedException, RefreshTokenReuseException, no_user
from .model import ADMIN_SCOPE, Client, Grant, Pool, Refresh, User


def make(
    cloud: Cloud,
    tx: Transaction,
    pool: Pool,
    client: Client,
    user: User,
    *,
    auth_ms: int,
    scopes: tuple[str, ...] = (ADMIN_SCOPE,),
    hosted: bool = False,
    nonce: str = "",
) -> tuple[Grant, str]:
    """A new grant and its refresh token."""
    now_ms = cloud.clock.now_ns() // 1_000_000
    me = users.key(pool, user)
    token = sessions.token(cloud.ids)
    grant = Grant(
        id=cloud.ids.uuid(),
        pool=pool.id,
        client=client.id,
        user=me,
        sub=user.sub,
        auth_ms=auth_ms,
        # An access token must find its grant as long as it lives.
        until_ms=now_ms + max(clients.life_ms(client.settings, one) for one in ("RefreshToken", "AccessToken")),
        scopes=scopes,
        refresh=keys.digest(token),
        hosted=hosted,
        nonce=nonce,
    )
    keys.grants.put(tx, grant, pool.id, me, grant.id)
    keys.refreshes.put(tx, Refresh(pool.id, me, grant.id), grant.refresh)
    keys.expire(tx, keys.grants.key(pool.id, me, grant.id), grant.until_ms, now_ms)
    keys.expire(tx, keys.refreshes.key(grant.refresh), grant.until_ms, now_ms)
    return grant, token


def of_refresh(tx: Reader, token: str, client: Client) -> Grant | None:
    """The grant of a client's refresh token; None for what is none."""
    where = keys.refreshes.get(tx, keys.digest(token))
    grant = keys.grants.get(tx, where.pool, where.user, where.grant) if where is not None else None
    return grant if grant is not None and grant.client == client.id else None


def _usable(tx: Reader, pool: Pool, client: Client, token: str, now_ms: int) -> tuple[Grant, User]:
    grant = of_refresh(tx, token, client)
    if grant is None:
        raise NotAuthorizedException("Invalid Refresh Token")
    if grant.until_ms <= now_ms:
        raise NotAuthorizedException("Refresh Token has expired")
    digest = keys.digest(token)
    if digest != grant.refresh and (digest != grant.previous or grant.previous_until_ms <= now_ms):
        raise RefreshTokenReuseException("Refresh token was already used.")
    user = keys.users.get(tx, pool.id, grant.user)
    if user is None or user.sub != grant.sub:
        raise no_user() if not client.hides_users else NotAuthorizedException("Refresh Token has been revoked")
    if not user.enabled:
        raise NotAuthorizedException("User is disabled.")
    return grant, user


def _rotate(cloud: Cloud, tx: Transaction, client: Client, grant: Grant, token: str) -> tuple[Grant, str]:
    """Another refresh token in the place of the last, which serves a little longer if the client says so."""
    now_ms = cloud.clock.now_ns() // 1_000_000
    grace_ms = 1000 * int(client.settings["RefreshTokenRotation"].get("RetryGracePeriodSeconds", 0))
    new = sessions.token(cloud.ids)
    if grant.previous:
        keys.refreshes.delete(tx, grant.previous)
    again = keys.digest(token) == grant.previous  # within the grace: the first answer was lost
    previous, until_ms = (grant.previous, grant.previous_until_ms) if again else (grant.refresh, now_ms + grace_ms)
    if again:
        keys.refreshes.delete(tx, grant.refresh)
    rotated = replace(grant, refresh=keys.digest(new), previous=previous, previous_until_ms=until_ms)
    where = Refresh(grant.pool, grant.user, grant.id)
    for one in (rotated.refresh, rotated.previous):
        keys.refreshes.put(tx, where, one)
    keys.grants.put(tx, rotated, grant.pool, grant.user, grant.id)
    keys.expire(tx, keys.refreshes.key(rotated.refresh), grant.until_ms, now_ms)
    return rotated, new


async def refresh(
    cloud: Cloud,
    pool: Pool,
    client: Client,
    token: str,
    metadata: dict[str, str] | None,
    *,
    at: str,
    secret_hash: str | None = None,
) -> dict[str, Any]:
    """New tokens for a refresh token, as AuthenticationResult has them. `at` is where the client came to."""

    def use(tx: Transaction) -> tuple[Grant, User, str]:
        grant, user = _usable(tx, pool, client, token, cloud.clock.now_ns() // 1_000_000)
        grant, new = _rotate(cloud, tx, client, grant, token)
        return grant, user, new

    def look(tx: Reader) -> tuple[Grant, User, str]:
        grant, user = _usable(tx, pool, client, token, cloud.clock.now_ns() // 1_000_000)
        return grant, user, ""

    # Looking comes first, so that a wrong secret rotates nothing.
    found = await cloud.store.read(look)
    if secret_hash is not None:
        user = found[1]
        clients.check_hash(client, secret_hash or None, user.name, user.sub, *user.attributes.values())
    if clients.rotates(client):
        found = await cloud.store.write(use)
    grant, user, new = found
    source = "TokenGeneration_RefreshTokens"
    result = await tokens.issue(cloud, pool, client, user, grant, at=at, source=source, metadata=metadata)
    return {**result, "RefreshToken": new} if new else result


def revoke(tx: Transaction, token: str, client: Client) -> None:
    """End everything that came of a refresh token; nothing happens when it is none (any more)."""
    grant = of_refresh(tx, token, client)
    if grant is not None:
        keys.delete_grant(tx, grant)
