"""New users: their names, their first addresses, and the codes that confirm them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Cloud, Reader, Transaction

from . import attributes, codes, keys, letters, triggers, users
from .errors import InvalidParameterException, UsernameExistsException
from .model import CONFIRMED, Client, Pool, User


def check_name(pool: Pool, name: str, given: dict[str, str]) -> dict[str, str]:
    """The attributes of a new user, after the name gave some; refuses a name that the pool does not take."""
    kinds = pool.signs_in_by
    if not kinds:
        for kind, fits in (("email", attributes.is_email(name)), ("phone_number", attributes.is_phone(name))):
            if kind in pool.aliases and fits:
                what = "email" if kind == "email" else "phone number"
                raise InvalidParameterException(
                    f"Username cannot be of {what} format, since user pool is configured for {what} alias."
                )
        return given
    if "email" in kinds and attributes.is_email(name):
        return {**given, "email": name}
    if "phone_number" in kinds and attributes.is_phone(name):
        return {**given, "phone_number": name}
    wanted: dict[tuple[str, ...], str] = {
        ("email",): "Username should be an email.",
        ("phone_number",): "Username should be a phone number.",
    }
    raise InvalidParameterException(wanted.get(tuple(kinds), "Username should be either an email or a phone number."))


def check_free(tx: Reader, pool: Pool, user: User, typed: str) -> None:
    """Refuse a name that somebody has."""
    if pool.signs_in_by:
        for kind in pool.signs_in_by:
            value = user.attributes.get(kind)
            if value and users.find(tx, pool, value) is not None:
                raise UsernameExistsException(f"An account with the given {kind} already exists.")
    elif users.find(tx, pool, typed) is not None:
        raise UsernameExistsException("User already exists")


async def pre_sign_up(cloud: Cloud, pool: Pool, client: str, user: User, source: str, req: Mapping[str, Any]) -> User:
    """Ask the pool's function; it may confirm the user and their addresses."""
    request = {
        "userAttributes": user.attributes,
        "validationData": attributes.read(req.get("ValidationData")),
        "clientMetadata": req.get("ClientMetadata", {}),
    }
    empty = {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}
    found = await triggers.call(
        cloud, pool, "PreSignUp", source, user=user.name, client=client, request=request, response=empty
    )
    if found is None:
        return user
    verified = {}
    for flag, attribute in (("autoVerifyEmail", "email"), ("autoVerifyPhone", "phone_number")):
        if triggers.flag(found, flag) and attribute in user.attributes:
            verified[f"{attribute}_verified"] = "true"
    status = CONFIRMED if triggers.flag(found, "autoConfirmUser") and user.status != "FORCE_CHANGE_PASSWORD" else None
    return replace(user, attributes={**user.attributes, **verified}, status=status or user.status)


async def post_confirmation(
    cloud: Cloud, pool: Pool, client: str, user: User, source: str, metadata: Mapping[str, str] | None
) -> None:
    """Tell the pool's function that somebody is a user now, or has a new password."""
    request = {"userAttributes": triggers.user_attributes(user), "clientMetadata": dict(metadata or {})}
    await triggers.call(
        cloud, pool, "PostConfirmation", source, user=user.name, client=client, request=request, response={}
    )


def _proves(user: User, purpose: str, attribute: str) -> str | None:
    """The address that a code would prove now."""
    return users.address(user, attribute) if purpose.startswith("verify ") else user.attributes.get(attribute)


async def send_code(
    cloud: Cloud,
    pool: Pool,
    client: Client,
    user: User,
    *,
    purpose: str,
    attribute: str,
    to: str,
    source: str,
    metadata: Mapping[str, str] | None,
) -> dict[str, Any]:
    """Make a code and send it; the answer is where it went."""
    words = await letters.wording(cloud, pool, client.id, user, source, metadata)
    now_ms = cloud.clock.now_ns() // 1_000_000

    def send(tx: Transaction) -> None:
        current = keys.users.get(tx, pool.id, users.key(pool, user))
        if current is None or to != _proves(current, purpose, attribute):
            raise InvalidParameterException(f"The {attribute} was changed at the same time.")
        code = codes.issue(tx, cloud.ids, pool, user, purpose, attribute, now_ms)
        letters.send(cloud, tx, pool, user, attribute, to, words, code, client.id)

    await cloud.store.write(send)
    return codes.delivery(attribute, to)
