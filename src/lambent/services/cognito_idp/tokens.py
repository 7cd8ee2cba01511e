"""Tokens: what they say, how they are signed, what is taken for one."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from lambent.contracts.ports import Cloud, Reader

from . import attributes, clients, customizing, keypairs, keys, users
from .addresses import issuer
from .errors import NotAuthorizedException
from .model import ADMIN_SCOPE, Client, Grant, Group, Pool, Secrets, User

_BOOLEANS: Final = ("email_verified", "phone_number_verified")
_SCOPED: Final = {"email": ("email", "email_verified"), "phone": ("phone_number", "phone_number_verified")}


class Bearer(NamedTuple):
    """Whom an access token stands for."""

    pool: Pool
    client: Client
    user: User
    claims: dict[str, Any]


# -- making -----------------------------------------------------------------------------------------------------------


async def issue(
    cloud: Cloud,
    pool: Pool,
    client: Client,
    user: User,
    grant: Grant,
    *,
    at: str,
    source: str,
    metadata: dict[str, str] | None,
) -> dict[str, Any]:
    """Tokens of a grant, as AuthenticationResult has them, without the refresh token. `at` is the cloud's address as
    their client spells it, `source` the occasion that the pool's PreTokenGeneration function is told."""

    def look(tx: Reader) -> tuple[Secrets | None, list[Group]]:
        return keys.pool_secrets.get(tx, pool.id), users.groups(tx, pool, user)

    pool_secrets, groups = await cloud.store.read(look)
    if pool_secrets is None:
        raise NotAuthorizedException("Invalid Access Token")
    now_s = cloud.clock.now_ns() // 1_000_000_000
    common = {
        "sub": user.sub,
        "iss": issuer(at, pool),
        "origin_jti": grant.id,
        "event_id": cloud.ids.uuid(),
        "auth_time": grant.auth_ms // 1000,
        "iat": now_s,
    }
    access = {
        **common,
        "client_id": client.id,
        "token_use": "access",
        "scope": " ".join(grant.scopes),
        "exp": now_s + clients.life_ms(client.settings, "AccessToken") // 1000,
        "jti": cloud.ids.uuid(),
        "username": user.name,
        **({"version": 2} if grant.hosted else {}),
    }
    identity = {
        **_about(client, user, grant),
        **common,
        "aud": client.id,
        "token_use": "id",
        "cognito:username": user.name,
        "exp": now_s + clients.life_ms(client.settings, "IdToken") // 1000,
        "jti": cloud.ids.uuid(),
        **({"nonce": grant.nonce} if grant.nonce else {}),
    }
    roles = customizing.roles_of(groups)
    access, identity = await customizing.customize(cloud, pool, client, user, roles, access, identity, source, metadata)
    result: dict[str, Any] = {
        "AccessToken": sign(pool_secrets.keys[0], access),
        "ExpiresIn": clients.life_ms(client.settings, "AccessToken") // 1000,
        "TokenType": "Bearer",
    }
    if grant.hosted:
        identity["at_hash"] = _half_hash(result["AccessToken"])
    if not grant.hosted or "openid" in grant.scopes:
        result["IdToken"] = sign(pool_secrets.keys[1], identity)
    return result


def _half_hash(token: str) -> str:
    """What binds an ID token to the access token beside it (OpenID Connect Core, 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()[:16]).decode().rstrip("=")


def _about(client: Client, user: User, grant: Grant) -> dict[str, Any]:
    """What an ID token tells of its user: what the client may read, of which the scopes may leave a part."""
    found: dict[str, Any] = attributes.readable(client, user.attributes)
    asked = [scope for scope in grant.scopes if scope in _SCOPED]
    if grant.hosted and asked and "profile" not in grant.scopes:
        names = [name for scope in asked for name in _SCOPED[scope]]
        found = {name: value for name, value in found.items() if name in names}
    return shaped(found)


def shaped(found: dict[str, Any]) -> dict[str, Any]:
    """Attributes as OpenID Connect's claims: flags, numbers and the address have types there."""
    for name in _BOOLEANS:
        if name in found:
            found[name] = found[name] == "true"
    if "updated_at" in found:
        found["updated_at"] = int(found["updated_at"])
    if "address" in found:
        found["address"] = {"formatted": found["address"]}
    return found


def sign(key: tuple[str, str], claims: dict[str, Any]) -> str:
    """A token: RS256, a third of a millisecond."""
    # Deferred: PyJWT loads cryptography, which a cloud without pools does without.
    import jwt

    # jwt.encode would look at the machine's clock for nothing and encode JSON slowly.
    return jwt.api_jws.encode(
        orjson.dumps(claims), keypairs.loaded(key[1]), algorithm="RS256", headers={"kid": key[0], "typ": None}
    )


def client_credentials(
    cloud: Cloud, pool: Pool, client: Client, pool_secrets: Secrets, scopes: tuple[str, ...], at: str
) -> str:
    """The access token of a program that acts for itself."""
    now_s = cloud.clock.now_ns() // 1_000_000_000
    claims = {
        "sub": client.id,
        "token_use": "access",
        "scope": " ".join(scopes),
        "auth_time": now_s,
        "iss": issuer(at, pool),
        "exp": now_s + clients.life_ms(client.settings, "AccessToken") // 1000,
        "iat": now_s,
        "version": 2,
        "jti": cloud.ids.uuid(),
        "client_id": client.id,
    }
    return sign(pool_secrets.keys[0], claims)


# -- taking -----------------------------------------------------------------------------------------------------------


def read_access(cloud: Cloud, tx: Reader, token: str, scope: str = ADMIN_SCOPE) -> Bearer:
    """Whom an access token stands for; refuses one that is forged, over, revoked, or lacks `scope` (empty: any)."""
    invalid = NotAuthorizedException("Invalid Access Token")
    claims = _verified(tx, token)
    if claims is None or claims.get("token_use") != "access" or "username" not in claims:
        raise invalid
    if claims["exp"] <= cloud.clock.now_ns() // 1_000_000_000:
        raise NotAuthorizedException("Access Token has expired")
    pool = keys.pools.get(tx, str(claims["iss"]).rpartition("/")[2])
    client = keys.clients.get(tx, pool.id, claims["client_id"]) if pool is not None else None
    if pool is None or client is None:
        raise invalid
    user = keys.users.get(tx, pool.id, pool.fold(claims["username"]))
    if user is None or user.sub != claims["sub"]:
        raise invalid
    if keys.grants.get(tx, pool.id, users.key(pool, user), claims["origin_jti"]) is None:
        raise NotAuthorizedException("Access Token has been revoked")
    if not user.enabled:
        raise NotAuthorizedException("User is disabled.")
    if scope and scope not in claims.get("scope", "").split():
        raise NotAuthorizedException("Access Token does not have required scopes")
    return Bearer(pool, client, user, claims)


def _verified(tx: Reader, token: str) -> dict[str, Any] | None:
    """The claims of a token that a pool of this cloud signed; None for any other. Times are the caller's to check,
    against the cloud's clock."""
    # Deferred, as above.
    import jwt

    try:
        head = jwt.get_unverified_header(token)
        unverified = orjson.loads(jwt.api_jws.decode_complete(token, options={"verify_signature": False})["payload"])
        # Whatever address it was issued under: what this pool's key signed is this pool's.
        pool_secrets = keys.pool_secrets.get(tx, str(unverified["iss"]).rpartition("/")[2])
        if pool_secrets is None:
            return None
        # Access tokens are signed by the first key and no other.
        kid, pem = pool_secrets.keys[0]
        if head.get("kid") != kid:
            return None
        claims = orjson.loads(jwt.api_jws.decode(token, _public(pem), algorithms=["RS256"]))
    except (jwt.PyJWTError, ValueError, KeyError, TypeError):
        return None
    return claims if isinstance(claims, dict) else None


@lru_cache(64)
def _public(pem: str) -> Any:
    return keypairs.loaded(pem).public_key()
