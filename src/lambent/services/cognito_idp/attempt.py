"""One sign-in on its way: who, through which client; and what follows a proof: challenges, and in the end tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from lambent.contracts.ports import Cloud, Transaction

from . import codes, factors, granting, guarding, keys, letters, sessions, tokens, triggers, users
from .errors import (
    InvalidParameterException,
    NotAuthorizedException,
    PasswordResetRequiredException,
    UserNotConfirmedException,
)
from .model import CONFIRMED, FORCE_CHANGE_PASSWORD, RESET_REQUIRED, UNCONFIRMED, Client, Pool, User

AUTHENTICATION = "TokenGeneration_Authentication"
NEW_PASSWORD = "TokenGeneration_NewPasswordChallenge"


class Attempt(NamedTuple):
    """A sign-in. `name` is what the user typed; `metadata` the request's ClientMetadata; `at` the cloud's address as
    the client spells it.
    A `hosted` one is of a pool's own pages, and ends with the user in place of tokens."""

    cloud: Cloud
    pool: Pool
    client: Client
    name: str
    metadata: Mapping[str, str]
    at: str
    hosted: bool = False

    @property
    def now_ms(self) -> int:
        """The clock."""
        return self.cloud.clock.now_ns() // 1_000_000

    async def call(
        self, trigger: str, user: User | None, request: dict[str, Any], response: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Call one of the pool's functions about the sign-in."""
        about = {"userAttributes": triggers.user_attributes(user) if user is not None else {}}
        if user is None:
            about["userNotFound"] = True  # type: ignore[assignment]  # a flag beside the map
        return await triggers.call(
            self.cloud,
            self.pool,
            trigger,
            f"{trigger}_Authentication",
            user=user.name if user is not None else self.name,
            client=self.client.id,
            request={**about, **request},
            response=response,
        )


async def before(attempt: Attempt, user: User | None) -> None:
    """Ask the pool's function whether this sign-in may go on at all."""
    if user is None and not attempt.client.hides_users:
        return
    await attempt.call("PreAuthentication", user, {"validationData": dict(attempt.metadata)}, {})


async def proven(attempt: Attempt, user: User) -> dict[str, Any]:
    """The password was right: what is asked next, or the tokens."""
    check_status(user, attempt.now_ms)
    if user.status == FORCE_CHANGE_PASSWORD:
        return await ask_new_password(attempt, user)
    return await second(attempt, user, AUTHENTICATION)


def check_status(user: User, now_ms: int) -> None:
    """Refuse a user who cannot sign in yet, or not now."""
    if not user.enabled:
        raise NotAuthorizedException("User is disabled.")
    if user.status == UNCONFIRMED:
        raise UserNotConfirmedException("User is not confirmed.")
    if user.status == RESET_REQUIRED:
        raise PasswordResetRequiredException("Password reset required for the user")
    if user.status == FORCE_CHANGE_PASSWORD and user.temporary_until_ms <= now_ms:
        raise NotAuthorizedException("Temporary password has expired and must be reset by an administrator.")


async def ask(
    attempt: Attempt, user: User, challenge: str, params: dict[str, str], data: dict[str, Any]
) -> dict[str, Any]:
    """A challenge, as InitiateAuth answers with it."""
    secret = sessions.token(attempt.cloud.ids)
    me = users.key(attempt.pool, user)
    now_ms = attempt.now_ms

    def keep(tx: Transaction) -> None:
        sessions.begin(
            tx, secret, attempt.pool, attempt.client, challenge=challenge, user=me, name=attempt.name, now_ms=now_ms,
            data=data,
        )  # fmt: skip

    await attempt.cloud.store.write(keep)
    return {"ChallengeName": challenge, "Session": secret, "ChallengeParameters": params}


async def ask_new_password(attempt: Attempt, user: User) -> dict[str, Any]:
    """Whoever was given a password chooses another."""
    missing = [
        f"userAttributes.{one.name}"
        for one in attempt.pool.schema
        if one.required and one.name != "sub" and one.name not in user.attributes
    ]
    params = {
        "USER_ID_FOR_SRP": user.name,
        "requiredAttributes": json.dumps(missing, separators=(",", ":")),
        "userAttributes": json.dumps(user.attributes, separators=(",", ":")),
    }
    return await ask(attempt, user, "NEW_PASSWORD_REQUIRED", params, {})


async def second(attempt: Attempt, user: User, source: str) -> dict[str, Any]:
    """The second factor, where there is one, or the tokens. `source` is what PreTokenGeneration is told."""
    pool = attempt.pool
    if not factors.offered(pool):
        return await complete(attempt, user, source)
    mine = factors.owned(pool, user)
    chosen = factors.chosen(pool, user)
    if chosen:
        return await ask_factor(attempt, user, chosen, source)
    params = {"USER_ID_FOR_SRP": user.name}
    if mine:
        params["MFAS_CAN_CHOOSE"] = json.dumps(list(mine))
        return await ask(attempt, user, "SELECT_MFA_TYPE", params, {"source": source})
    if pool.mfa == "ON":
        params["MFAS_CAN_SETUP"] = json.dumps([one for one in factors.offered(pool) if one == factors.TOTP])
        return await ask(attempt, user, "MFA_SETUP", params, {"source": source})
    return await complete(attempt, user, source)


async def ask_factor(attempt: Attempt, user: User, factor: str, source: str) -> dict[str, Any]:
    """Ask for the code of an authenticator, or send one."""
    if factor == factors.TOTP:
        params = {"FRIENDLY_DEVICE_NAME": "TOTP device", "USER_ID_FOR_SRP": user.name}
        return await ask(attempt, user, factor, params, {"source": source})
    cloud, pool = attempt.cloud, attempt.pool
    attribute = factors.ADDRESS[factor]
    to = user.attributes[attribute]
    words = await letters.wording(cloud, pool, attempt.client.id, user, letters.SIGN_IN, attempt.metadata)

    code = codes.make(cloud.ids)
    await cloud.store.write(
        lambda tx: letters.send(cloud, tx, pool, user, attribute, to, words, code, attempt.client.id)
    )
    details = codes.delivery(attribute, to)
    params = {
        "CODE_DELIVERY_DELIVERY_MEDIUM": details["DeliveryMedium"],
        "CODE_DELIVERY_DESTINATION": details["Destination"],
        "USER_ID_FOR_SRP": user.name,
    }
    return await ask(attempt, user, factor, params, {"source": source, "code": keys.digest(code)})


async def complete(attempt: Attempt, user: User, source: str) -> dict[str, Any]:
    """Everything was proven: tokens."""
    check_status(user, attempt.now_ms)
    if user.status != CONFIRMED:
        raise InvalidParameterException("User is not confirmed.")
    await after(attempt, user)
    if attempt.hosted:
        await attempt.cloud.store.write(lambda tx: guarding.passed(tx, attempt.pool, attempt.name))
        return {"User": user}
    cloud, now_ms = attempt.cloud, attempt.now_ms

    def grant(tx: Transaction) -> Any:
        guarding.passed(tx, attempt.pool, attempt.name)
        current = users.get(tx, attempt.pool, user.name)
        check_status(current, now_ms)
        return current, *granting.make(cloud, tx, attempt.pool, attempt.client, current, auth_ms=now_ms)

    current, made, refresh = await cloud.store.write(grant)
    metadata = dict(attempt.metadata)
    result = await tokens.issue(
        cloud, attempt.pool, attempt.client, current, made, at=attempt.at, source=source, metadata=metadata
    )
    return {"ChallengeParameters": {}, "AuthenticationResult": {**result, "RefreshToken": refresh}}


async def after(attempt: Attempt, user: User) -> None:
    """Tell the pool's function that somebody signed in."""
    request = {"newDeviceUsed": False, "clientMetadata": dict(attempt.metadata)}
    await attempt.call("PostAuthentication", user, request, {})


def with_password(user: User, pool: Pool, salt: bytes, verifier: bytes, now_ms: int) -> User:
    """A user with a new password of their own."""
    return replace(user, salt=salt, verifier=verifier, status=CONFIRMED, temporary_until_ms=0, modified_ms=now_ms)
