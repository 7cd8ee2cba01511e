"""The beginning of a sign-in: InitiateAuth and AdminInitiateAuth, by flow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from typing import Any, Final

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import attributes, clients, custom, granting, guarding, keys, migrating, sessions, srp, users
from .attempt import Attempt, before, proven
from .errors import InvalidParameterException, bad_login, no_user
from .model import Client, Pool, User

_PASSWORD_FLOWS: Final = ("USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH")
_REFRESH_FLOWS: Final = ("REFRESH_TOKEN_AUTH", "REFRESH_TOKEN")


async def start(
    cloud: Cloud, pool: Pool, client: Client, req: Mapping[str, Any], *, at: str, admin: bool
) -> dict[str, Any]:
    """Begin a sign-in; the answer is a challenge or tokens."""
    flow, params = req["AuthFlow"], req.get("AuthParameters", {})
    metadata = req.get("ClientMetadata", {})
    _check_flow(client, flow, admin)
    if "DEVICE_KEY" in params and flow not in _REFRESH_FLOWS:
        raise NotBuilt("Lambent has not built the parameter DEVICE_KEY (remembered devices) yet.")
    if flow in _REFRESH_FLOWS:
        token = _needed(params, "REFRESH_TOKEN")
        # An empty hash is one that is missing; None would be: not asked for.
        secret_hash = params.get("SECRET_HASH", "")
        result = await granting.refresh(cloud, pool, client, token, metadata, at=at, secret_hash=secret_hash)
        return {"ChallengeParameters": {}, "AuthenticationResult": result}
    name = _needed(params, "USERNAME")
    clients.check_hash(client, params.get("SECRET_HASH"), name)
    attempt = Attempt(cloud, pool, client, name, metadata, at)
    if flow == "CUSTOM_AUTH":
        return await custom.start(attempt, params)
    if flow == "USER_SRP_AUTH":
        return await offer_proof(attempt, _needed(params, "SRP_A"))
    return await by_password(attempt, _needed(params, "PASSWORD"))


def _check_flow(client: Client, flow: str, admin: bool) -> None:
    if flow == "USER_AUTH":
        raise NotBuilt("Lambent has not built the flow USER_AUTH (choice-based sign-in) yet.")
    if flow in _REFRESH_FLOWS:
        if clients.rotates(client) or not clients.allows(client, "REFRESH_TOKEN"):
            raise InvalidParameterException("REFRESH_TOKEN_AUTH flow not enabled for this client")
    elif flow in _PASSWORD_FLOWS[1:]:
        if not admin or not clients.allows(client, "ADMIN_USER_PASSWORD"):
            raise InvalidParameterException("Auth flow not enabled for this client")
    elif flow == "USER_PASSWORD_AUTH":
        if not clients.allows(client, "USER_PASSWORD"):
            raise InvalidParameterException("USER_PASSWORD_AUTH flow not enabled for this client")
    elif not clients.allows(client, flow.removesuffix("_AUTH")):
        raise InvalidParameterException(f"{flow} is not enabled for the client.")


def _needed(params: Mapping[str, str], name: str) -> str:
    found = params.get(name)
    if not found:
        raise InvalidParameterException(f"Missing required parameter {name}")
    return found


# -- the password itself ----------------------------------------------------------------------------------------------


async def by_password(attempt: Attempt, password: str) -> dict[str, Any]:
    """Sign in with a password that came over the line."""
    return await proven(attempt, await check_password(attempt, password))


async def check_password(attempt: Attempt, password: str) -> User:
    """The user whose password this is. What an unknown name is told, and how long that takes, is what a wrong password
    is told, if the client hides who exists."""
    cloud, pool, now_ms = attempt.cloud, attempt.pool, attempt.now_ms

    def look(tx: Reader) -> User | None:
        guarding.check(tx, pool, attempt.name, now_ms)
        return users.find(tx, pool, attempt.name)

    user = await cloud.store.read(look)
    if user is None:
        migrated = await migrating.at_sign_in(attempt, password)
        if migrated is not None:
            return migrated
    await before(attempt, user)
    salt, kept = (user.salt, user.verifier) if user is not None else (b"\x10" * 16, b"")
    right = srp.matches(pool.short, user.name if user else attempt.name, password, salt, kept or b"\x00")
    await cloud.store.write(lambda tx: guarding.settle(tx, pool, attempt.name, now_ms, right=right))
    if right and user is not None:
        return user
    raise bad_login() if user is not None or attempt.client.hides_users else no_user()


# -- SRP --------------------------------------------------------------------------------------------------------------


async def offer_proof(attempt: Attempt, client_public: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """Answer the client's public value with ours; the password stays where it is. `data` is a custom sign-in's own."""
    cloud, pool, now_ms = attempt.cloud, attempt.pool, attempt.now_ms
    try:
        srp.public_of(client_public)
    except srp.NotAPublicValue:
        raise InvalidParameterException("Invalid SRP_A value.") from None
    block = base64.b64encode(cloud.ids.bytes(96)).decode()
    secret = cloud.ids.bytes(32)

    def offer(tx: Transaction) -> tuple[str, bytes, bytes]:
        guarding.check(tx, pool, attempt.name, now_ms)
        user = users.find(tx, pool, attempt.name)
        if user is None and not attempt.client.hides_users:
            raise no_user()
        name, salt, kept = _pretended(tx, pool, attempt.name)
        if user is not None:
            # One without a password gets a verifier that no password has, and is refused in the end.
            name, salt, kept = user.name, user.salt or salt, user.verifier or kept
        sessions.begin(
            tx, block, pool, attempt.client, challenge="PASSWORD_VERIFIER", name=attempt.name, now_ms=now_ms,
            user=users.key(pool, user) if user is not None else "",
            data={"A": client_public, "b": secret, **(data or {})},
        )  # fmt: skip
        return name, salt, kept

    name, salt, kept = await cloud.store.write(offer)
    params = {
        "SALT": salt.hex(),
        "SECRET_BLOCK": block,
        "SRP_B": f"{srp.server_public(kept, secret):x}",
        "USERNAME": name,
        "USER_ID_FOR_SRP": name,
    }
    return {"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": params}


def _pretended(tx: Reader, pool: Pool, name: str) -> tuple[str, bytes, bytes]:
    """Name, salt and verifier of somebody who does not exist: the same whenever asked, as those of one who does."""
    pool_secrets = keys.pool_secrets.get(tx, pool.id)
    pepper = pool_secrets.pepper if pool_secrets is not None else b""
    seed = hmac.digest(pepper, pool.fold(name).encode(), "sha256")
    made = hashlib.shake_256(seed).digest(384 + 32)
    shown = name
    if pool.signs_in_by or (pool.aliases and (attributes.is_email(name) or attributes.is_phone(name))):
        shown = str(uuid.UUID(bytes=made[16:32], version=4))
    return shown, bytes((made[0] | 0x10,)) + made[1:16], made[32:]
