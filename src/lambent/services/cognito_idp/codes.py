"""Codes that prove an address: made, sent once too often, checked."""

from __future__ import annotations

import hmac
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Transaction

from . import attributes, keys, users
from .errors import InvalidParameterException, Refusal, stale_code, too_often, wrong_code
from .model import DAY_MS, HOUR_MS, Code, Pool, User

SIGN_UP: Final = "sign-up"
FORGOT: Final = "forgot"
LIFE_MS: Final = {SIGN_UP: DAY_MS, FORGOT: HOUR_MS}
"""How long codes serve; those that verify an attribute, a day."""
DIGITS: Final = 6
_SENT_MAX: Final = 5
_TRIES_MAX: Final = 5


def make(ids: Ids) -> str:
    """Six digits."""
    return f"{ids.random.randrange(10**DIGITS):0{DIGITS}d}"


def issue(tx: Transaction, ids: Ids, pool: Pool, user: User, purpose: str, attribute: str, now_ms: int) -> str:
    """A new code in the place of the last; refused after five in an hour."""
    me = users.key(pool, user)
    before = keys.codes.get(tx, pool.id, me, purpose)
    hour_ms, sent = now_ms, 1
    if before is not None and now_ms < before.hour_ms + HOUR_MS:
        if before.sent >= _SENT_MAX:
            raise too_often()
        hour_ms, sent = before.hour_ms, before.sent + 1
    code = make(ids)
    until_ms = now_ms + LIFE_MS.get(purpose, DAY_MS)
    made = Code(digest=keys.digest(code), until_ms=until_ms, attribute=attribute, sent=sent, hour_ms=hour_ms)
    keys.codes.put(tx, made, pool.id, me, purpose)
    keys.expire(tx, keys.codes.key(pool.id, me, purpose), until_ms, now_ms)
    return code


def take(tx: Transaction, pool: Pool, user: User, purpose: str, given: str, now_ms: int) -> Code | Refusal:
    """The code's record when it is the right one, which then is gone; else what to refuse it with. Wrong ones are
    counted, so the refusal is to be raised after the commit."""
    me = users.key(pool, user)
    found = keys.codes.get(tx, pool.id, me, purpose)
    if found is None or found.until_ms <= now_ms:
        return stale_code()
    if found.tries >= _TRIES_MAX:
        return too_often()
    if not hmac.compare_digest(found.digest, keys.digest(given.strip())):
        keys.codes.put(tx, replace(found, tries=found.tries + 1), pool.id, me, purpose)
        return wrong_code()
    # What was sent within the hour stays known, so that taking codes does not give new ones for free.
    keys.codes.put(tx, replace(found, until_ms=0), pool.id, me, purpose)
    return found


def delivery(attribute: str, to: str) -> dict[str, Any]:
    """Where a code went, as it is told."""
    medium = "SMS" if attribute == "phone_number" else "EMAIL"
    return {"Destination": attributes.masked(attribute, to), "DeliveryMedium": medium, "AttributeName": attribute}


def to_verify(pool: Pool, user: User) -> str:
    """The address that a new user's code goes to: the number first, as Cognito does; empty for none."""
    for attribute in ("phone_number", "email"):
        if attribute in pool.auto_verified and user.attributes.get(attribute):
            return attribute
    return ""


def to_recover(pool: Pool, user: User) -> str:
    """The address by which a forgotten password is recovered; refuses when there is none."""
    chosen = pool.settings.get("AccountRecoverySetting", {}).get("RecoveryMechanisms")
    if chosen:
        order = [one["Name"] for one in sorted(chosen, key=lambda one: one["Priority"])]
        names: list[str] = [name.removeprefix("verified_") for name in order if name.startswith("verified_")]
    else:
        names = ["phone_number", "email"]
    for attribute in names:
        if user.attributes.get(attribute) and user.verified(attribute):
            return attribute
    raise InvalidParameterException(
        "Cannot reset password for the user as there is no registered/verified email or phone_number"
    )
