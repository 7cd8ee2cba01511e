"""Users, as administrators make, see, change and remove them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import attributes, codes, filtering, guarding, keys, letters, passwords, registering, srp, users
from ..errors import (
    InvalidParameterException,
    NotAuthorizedException,
    UnsupportedUserStateException,
    UsernameExistsException,
    UserNotFoundException,
)
from ..letters import Wording
from ..model import CONFIRMED, DAY_MS, FORCE_CHANGE_PASSWORD, RESET_REQUIRED, UNCONFIRMED, Client, Pool, User
from ..service import after, cognito_idp, get_pool, on_pool, paged
from ..triggers import ADMIN_CLIENT

_PAGE = 60
_READ_AT_ONCE = 500
_NO_CLIENT = Client(id=ADMIN_CLIENT, pool="", name="", created_ms=0, modified_ms=0)


async def _pool(ctx: Context, req: dict[str, Any]) -> Pool:
    return await ctx.cloud.store.read(lambda tx: get_pool(ctx, tx, req["UserPoolId"]))


def _of(ctx: Context, tx: Reader, req: dict[str, Any]) -> tuple[Pool, User]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    return pool, users.get(tx, pool, req["Username"])


# -- making -----------------------------------------------------------------------------------------------------------


@cognito_idp.operation(tx="none", resource=on_pool)
async def admin_create_user(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool = await _pool(ctx, req)
    if req.get("MessageAction") == "RESEND":
        return await _invite_again(ctx, pool, req)
    cloud = ctx.cloud
    given = registering.check_name(pool, req["Username"], attributes.read(req.get("UserAttributes")))
    attributes.check(pool, given, new=True)
    temporary = req.get("TemporaryPassword") or passwords.make(pool, cloud.ids)
    passwords.check(pool, temporary)
    sub = cloud.ids.uuid()
    name = sub if pool.signs_in_by else req["Username"]
    user = _with_temporary(
        ctx,
        pool,
        users.changed(
            User(
                pool=pool.id, name=name, sub=sub, status=FORCE_CHANGE_PASSWORD, created_ms=ctx.now_ms,
                modified_ms=ctx.now_ms,
            ),
            ctx.now_ms,
            given,
        ),
        temporary,
    )  # fmt: skip
    user = await registering.pre_sign_up(cloud, pool, "", user, "PreSignUp_AdminCreateUser", req)
    words = None
    if req.get("MessageAction") != "SUPPRESS":
        words = await letters.wording(cloud, pool, "", user, letters.INVITE, req.get("ClientMetadata"))

    def make(tx: Transaction) -> None:
        try:
            registering.check_free(tx, pool, user, req["Username"])
        except UsernameExistsException as taken:
            raise taken if pool.signs_in_by else UsernameExistsException("User account already exists") from None
        users.put(tx, pool, None, user, steal=bool(req.get("ForceAliasCreation")))
        if words is not None:
            _invite(ctx, tx, pool, user, words, temporary, req.get("DesiredDeliveryMediums"))

    await cloud.store.write(make)
    return {"User": users.show(user)}


def _with_temporary(ctx: Context, pool: Pool, user: User, password: str) -> User:
    days = int(passwords.policy(pool)["TemporaryPasswordValidityDays"]) or 7
    salt = passwords.secured(ctx.cloud.ids)
    return replace(
        user,
        status=FORCE_CHANGE_PASSWORD,
        salt=salt,
        verifier=srp.verifier(pool.short, user.name, password, salt),
        temporary_until_ms=ctx.now_ms + days * DAY_MS,
        modified_ms=ctx.now_ms,
    )


def _invite(
    ctx: Context, tx: Transaction, pool: Pool, user: User, words: Wording, password: str, mediums: list[str] | None
) -> None:
    """Send name and password by every medium that was asked for; text messages unless said."""
    for medium in mediums or ["SMS"]:
        attribute = "email" if medium == "EMAIL" else "phone_number"
        to = user.attributes.get(attribute)
        if not to and not mediums:
            attribute, to = "email", user.attributes.get("email")
        if to:
            letters.send(ctx.cloud, tx, pool, user, attribute, to, words, password, "")


async def _invite_again(ctx: Context, pool: Pool, req: dict[str, Any]) -> dict[str, Any]:
    found = await ctx.cloud.store.read(lambda tx: users.find(tx, pool, req["Username"]))
    if found is None:
        raise UserNotFoundException("User does not exist.")
    if found.status != FORCE_CHANGE_PASSWORD:
        raise UnsupportedUserStateException(
            f"Resend not possible. {req['Username']} status is not FORCE_CHANGE_PASSWORD"
        )
    temporary = req.get("TemporaryPassword") or passwords.make(pool, ctx.cloud.ids)
    passwords.check(pool, temporary)
    user = _with_temporary(ctx, pool, found, temporary)
    words = await letters.wording(ctx.cloud, pool, "", user, letters.INVITE, req.get("ClientMetadata"))

    def change(tx: Transaction) -> None:
        keys.users.put(tx, user, pool.id, users.key(pool, user))
        _invite(ctx, tx, pool, user, words, temporary, req.get("DesiredDeliveryMediums"))

    await ctx.cloud.store.write(change)
    return {"User": users.show(user)}


# -- seeing -----------------------------------------------------------------------------------------------------------


@cognito_idp.operation(tx="read", resource=on_pool)
def admin_get_user(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    _, user = _of(ctx, tx, req)
    shown = users.show(user)
    shown["UserAttributes"] = shown.pop("Attributes")
    return {**shown, **users.show_mfa(user)}


@cognito_idp.operation(tx="none", resource=on_pool)
async def list_users(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool = await _pool(ctx, req)
    limit = req.get("Limit") or _PAGE
    fits = filtering.parse(req.get("Filter", ""))
    for name in req.get("AttributesToGet", ()):
        if pool.attribute(name) is None:
            raise InvalidParameterException(f"One or more requested attributes do not exist: {name}")
    found: list[tuple[bytes, User]] = []
    position = after(req, "PaginationToken")
    while len(found) <= limit:
        rows = await ctx.cloud.store.read(_rows_after(pool, position))
        found += [(row, user) for row, user in rows if fits(user)]
        if len(rows) < _READ_AT_ONCE:
            break
        position = rows[-1][0]
        # A filter may read a whole pool: others get their turn between its pages.
        await asyncio.sleep(0)
    shown, token = paged(found[: limit + 1], limit, "PaginationToken")
    return {"Users": [users.show(user, req.get("AttributesToGet")) for _, user in shown], **token}


def _rows_after(pool: Pool, position: bytes | None) -> Callable[[Reader], list[tuple[bytes, User]]]:
    return lambda tx: keys.users.scan(tx, pool.id, after=position, limit=_READ_AT_ONCE)


# -- changing ---------------------------------------------------------------------------------------------------------


@cognito_idp.operation(tx="none", resource=on_pool)
async def admin_confirm_sign_up(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool = await _pool(ctx, req)

    def confirm(tx: Transaction) -> User:
        user = users.get(tx, pool, req["Username"])
        if user.status != UNCONFIRMED:
            raise NotAuthorizedException(f"User cannot be confirmed. Current status is {user.status}")
        changed = replace(user, status=CONFIRMED, modified_ms=ctx.now_ms)
        keys.users.put(tx, changed, pool.id, users.key(pool, user))
        return changed

    user = await ctx.cloud.store.write(confirm)
    source = "PostConfirmation_ConfirmSignUp"
    await registering.post_confirmation(ctx.cloud, pool, "", user, source, req.get("ClientMetadata"))
    return {}


@cognito_idp.operation(tx="none", resource=on_pool)
async def admin_set_user_password(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool = await _pool(ctx, req)
    passwords.check(pool, req["Password"])
    user = await ctx.cloud.store.read(lambda tx: users.get(tx, pool, req["Username"]))
    given = _with_temporary(ctx, pool, user, req["Password"])

    def change(tx: Transaction) -> None:
        current = users.get(tx, pool, user.name)
        permanent = bool(req.get("Permanent"))
        changed = replace(
            current,
            salt=given.salt,
            verifier=given.verifier,
            earlier=passwords.earlier(pool, current, req["Password"]),
            status=CONFIRMED if permanent else FORCE_CHANGE_PASSWORD,
            temporary_until_ms=0 if permanent else given.temporary_until_ms,
            modified_ms=ctx.now_ms,
        )
        keys.users.put(tx, changed, pool.id, users.key(pool, changed))
        guarding.passed(tx, pool, changed.name)

    await ctx.cloud.store.write(change)
    return {}


@cognito_idp.operation(tx="none", resource=on_pool)
async def admin_reset_user_password(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool = await _pool(ctx, req)

    def reset(tx: Transaction) -> tuple[User, str]:
        user = users.get(tx, pool, req["Username"])
        if user.status in (UNCONFIRMED, FORCE_CHANGE_PASSWORD):
            raise NotAuthorizedException("User password cannot be reset in the current state.")
        attribute = codes.to_recover(pool, user)
        changed = replace(user, status=RESET_REQUIRED, modified_ms=ctx.now_ms)
        keys.users.put(tx, changed, pool.id, users.key(pool, user))
        return changed, attribute

    user, attribute = await ctx.cloud.store.write(reset)
    await registering.send_code(
        ctx.cloud, pool, _NO_CLIENT, user, purpose=codes.FORGOT, attribute=attribute, to=user.attributes[attribute],
        source=letters.FORGOT, metadata=req.get("ClientMetadata"),
    )  # fmt: skip
    return {}


@cognito_idp.operation(tx="none", resource=on_pool)
async def admin_update_user_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool = await _pool(ctx, req)
    given = attributes.read(req["UserAttributes"])
    attributes.check(pool, given, new=False)

    def change(tx: Transaction) -> None:
        user = users.get(tx, pool, req["Username"])
        users.put(tx, pool, user, users.changed(user, ctx.now_ms, given))

    await ctx.cloud.store.write(change)
    return {}


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_delete_user_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool, user = _of(ctx, tx, req)
    given = dict.fromkeys(req["UserAttributeNames"], "")
    attributes.check(pool, given, new=False)
    users.put(tx, pool, user, users.changed(user, ctx.now_ms, given))
    return {}


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_enable_user(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool, user = _of(ctx, tx, req)
    keys.users.put(tx, replace(user, enabled=True, modified_ms=ctx.now_ms), pool.id, users.key(pool, user))
    return {}


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_disable_user(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool, user = _of(ctx, tx, req)
    keys.users.put(tx, replace(user, enabled=False, modified_ms=ctx.now_ms), pool.id, users.key(pool, user))
    keys.delete_grants(tx, pool.id, users.key(pool, user))
    return {}


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_delete_user(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    pool, user = _of(ctx, tx, req)
    users.delete(tx, pool, user)
