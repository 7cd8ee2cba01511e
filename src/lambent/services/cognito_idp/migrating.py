"""Users who come from elsewhere: the pool's UserMigration function is asked about names that nobody has."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Cloud, Transaction

from . import attributes, passwords, srp, triggers, users
from .attempt import Attempt
from .errors import bad_login
from .model import CONFIRMED, RESET_REQUIRED, Pool, User


async def at_sign_in(attempt: Attempt, password: str) -> User | None:
    """The user that the function knows by this password, made here; None where it knows none, or there is none."""
    response = await _ask(attempt, "UserMigration_Authentication", {"password": password})
    if response is None:
        return None
    user = await _make(attempt.cloud, attempt.pool, attempt.name, response, password)
    if user.status == RESET_REQUIRED:
        return user
    if user.status != CONFIRMED:
        raise bad_login()
    return user


async def at_forgotten(attempt: Attempt) -> User | None:
    """The user that the function knows, made here; None as above."""
    response = await _ask(attempt, "UserMigration_ForgotPassword", {})
    return None if response is None else await _make(attempt.cloud, attempt.pool, attempt.name, response, "")


async def _ask(attempt: Attempt, source: str, request: dict[str, Any]) -> dict[str, Any] | None:
    empty = dict.fromkeys(
        ("userAttributes", "forceAliasCreation", "finalUserStatus", "messageAction", "desiredDeliveryMediums")
    )
    found = await triggers.call(
        attempt.cloud,
        attempt.pool,
        "UserMigration",
        source,
        user=attempt.name,
        client=attempt.client.id,
        request={**request, "validationData": dict(attempt.metadata), "clientMetadata": dict(attempt.metadata)},
        response=empty,
    )
    return found if found is not None and found.get("userAttributes") else None


async def _make(cloud: Cloud, pool: Pool, name: str, response: dict[str, Any], password: str) -> User:
    given = triggers.texts(response, "userAttributes")
    own_name = given.pop("username", name)
    given.pop("sub", None)
    attributes.check(pool, given, new=True)
    status = response.get("finalUserStatus") or RESET_REQUIRED
    salt = passwords.secured(cloud.ids)
    sub = cloud.ids.uuid()
    stored_name = sub if pool.signs_in_by else own_name
    user = User(
        pool=pool.id,
        name=stored_name,
        sub=sub,
        status=CONFIRMED if status == CONFIRMED and password else RESET_REQUIRED,
        created_ms=cloud.clock.now_ns() // 1_000_000,
        modified_ms=cloud.clock.now_ns() // 1_000_000,
        attributes=given,
        salt=salt if password else b"",
        verifier=srp.verifier(pool.short, stored_name, password, salt) if password else b"",
    )

    def keep(tx: Transaction) -> User:
        there = users.find(tx, pool, name)
        if there is None:
            users.put(tx, pool, None, user, steal=triggers.flag(response, "forceAliasCreation"))
        return there or user

    return await cloud.store.write(keep)
