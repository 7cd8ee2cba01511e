"""Signing up, and getting a forgotten password back: what people without a signature ask for."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import attributes, clients, codes, guarding, keys, letters, migrating, passwords, registering, srp, users
from ..addresses import endpoint
from ..attempt import Attempt
from ..errors import (
    InvalidParameterException,
    LimitExceededException,
    NotAuthorizedException,
    Refusal,
    UserNotFoundException,
    stale_code,
    wrong_code,
)
from ..model import CONFIRMED, FORCE_CHANGE_PASSWORD, RESET_REQUIRED, UNCONFIRMED, Client, Pool, User
from ..service import client_and_pool, cognito_idp, write

_HARMLESS = ("AnalyticsMetadata", "UserContextData")


async def _client(ctx: Context, req: dict[str, Any]) -> tuple[Pool, Client]:
    pool, client = await ctx.cloud.store.read(lambda tx: client_and_pool(tx, req["ClientId"]))
    clients.check_hash(client, req.get("SecretHash"), req["Username"])
    return pool, client


async def _send(
    ctx: Context, pool: Pool, client: Client, user: User, purpose: str, attribute: str, req: dict[str, Any]
) -> dict[str, Any]:
    """Send a code. Where nobody may learn who exists, one that is asked for too often is silently not sent: nobody is
    told so of a name that does not exist."""
    to = user.attributes[attribute]
    source = letters.FORGOT if purpose == codes.FORGOT else letters.RESEND
    metadata = req.get("ClientMetadata")
    try:
        return await registering.send_code(
            ctx.cloud, pool, client, user, purpose=purpose, attribute=attribute, to=to, source=source, metadata=metadata
        )
    except LimitExceededException:
        if not client.hides_users:
            raise
        return codes.delivery(attribute, to)


def _nobody() -> UserNotFoundException:
    return UserNotFoundException("Username/client id combination not found.")


@cognito_idp.operation(tx="none", open=True, anonymous=True, harmless=_HARMLESS)
async def sign_up(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await _client(ctx, req)
    if pool.settings.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
        raise NotAuthorizedException("SignUp is not permitted for this user pool")
    password = req.get("Password")
    if not password:
        raise InvalidParameterException("Missing required parameter Password")
    given = attributes.read(req.get("UserAttributes"))
    attributes.check_writable(client, given)
    given = registering.check_name(pool, req["Username"], given)
    attributes.check(pool, given, new=True, complete=True)
    passwords.check(pool, password)
    cloud, sub, salt = ctx.cloud, ctx.cloud.ids.uuid(), passwords.secured(ctx.cloud.ids)
    name = sub if pool.signs_in_by else req["Username"]
    blank = User(pool=pool.id, name=name, sub=sub, status=UNCONFIRMED, created_ms=ctx.now_ms, modified_ms=ctx.now_ms)
    user = replace(
        users.changed(blank, ctx.now_ms, given), salt=salt, verifier=srp.verifier(pool.short, name, password, salt)
    )
    await cloud.store.read(lambda tx: registering.check_free(tx, pool, user, req["Username"]))
    user = await registering.pre_sign_up(cloud, pool, client.id, user, "PreSignUp_SignUp", req)
    attribute = codes.to_verify(pool, user) if user.status == UNCONFIRMED else ""
    metadata = req.get("ClientMetadata")
    words = await letters.wording(cloud, pool, client.id, user, letters.SIGN_UP, metadata) if attribute else None

    def make(tx: Transaction) -> None:
        registering.check_free(tx, pool, user, req["Username"])
        users.put(tx, pool, None, user)
        if words is not None:
            code = codes.issue(tx, cloud.ids, pool, user, codes.SIGN_UP, attribute, ctx.now_ms)
            letters.send(cloud, tx, pool, user, attribute, user.attributes[attribute], words, code, client.id)

    await cloud.store.write(make)
    answer: dict[str, Any] = {"UserConfirmed": user.status == CONFIRMED, "UserSub": sub}
    if attribute:
        answer["CodeDeliveryDetails"] = codes.delivery(attribute, user.attributes[attribute])
    if user.status == CONFIRMED:
        source = "PostConfirmation_ConfirmSignUp"
        await registering.post_confirmation(cloud, pool, client.id, user, source, metadata)
    return answer


@cognito_idp.operation(tx="none", open=True, anonymous=True, unbuilt=("Session",), harmless=_HARMLESS)
async def confirm_sign_up(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await _client(ctx, req)

    def confirm(tx: Transaction) -> User | Refusal:
        user = users.find(tx, pool, req["Username"])
        if user is None:
            raise stale_code() if client.hides_users else _nobody()
        if user.status != UNCONFIRMED:
            raise NotAuthorizedException(f"User cannot be confirmed. Current status is {user.status}")
        found = codes.take(tx, pool, user, codes.SIGN_UP, req["ConfirmationCode"], ctx.now_ms)
        if isinstance(found, Refusal):
            return found
        verified = {f"{found.attribute}_verified": "true"} if found.attribute else {}
        changed = replace(user, status=CONFIRMED, attributes={**user.attributes, **verified}, modified_ms=ctx.now_ms)
        users.put(tx, pool, user, changed, steal=bool(req.get("ForceAliasCreation")))
        return changed

    user = await write(ctx.cloud, confirm)
    source = "PostConfirmation_ConfirmSignUp"
    await registering.post_confirmation(ctx.cloud, pool, client.id, user, source, req.get("ClientMetadata"))
    return {}


@cognito_idp.operation(tx="none", open=True, anonymous=True, harmless=_HARMLESS)
async def resend_confirmation_code(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await _client(ctx, req)
    user = await ctx.cloud.store.read(lambda tx: users.find(tx, pool, req["Username"]))
    if user is None or (client.hides_users and user.status != UNCONFIRMED):
        if client.hides_users:
            return {"CodeDeliveryDetails": _pretended(pool, req["Username"])}
        raise _nobody()
    if user.status != UNCONFIRMED:
        raise InvalidParameterException("User is already confirmed.")
    attribute = codes.to_verify(pool, user)
    if not attribute:
        raise InvalidParameterException("Cannot resend codes. Auto verification not turned on.")
    return {"CodeDeliveryDetails": await _send(ctx, pool, client, user, codes.SIGN_UP, attribute, req)}


def _pretended(pool: Pool, name: str) -> dict[str, Any]:
    """Where a code would have gone, had there been somebody to send one to."""
    if attributes.is_phone(name):
        return codes.delivery("phone_number", name)
    return codes.delivery("email", name if attributes.is_email(name) else f"{name}@{pool.short.lower()}")


# -- forgotten passwords ----------------------------------------------------------------------------------------------


@cognito_idp.operation(tx="none", open=True, anonymous=True, harmless=_HARMLESS)
async def forgot_password(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await _client(ctx, req)
    metadata = req.get("ClientMetadata", {})
    user = await ctx.cloud.store.read(lambda tx: users.find(tx, pool, req["Username"]))
    if user is None:
        at = endpoint(ctx.cloud, ctx.request)
        user = await migrating.at_forgotten(Attempt(ctx.cloud, pool, client, req["Username"], metadata, at))
    if user is None:
        if client.hides_users:
            return {"CodeDeliveryDetails": _pretended(pool, req["Username"])}
        raise _nobody()
    try:
        attribute = _recovery(pool, user)
    except Refusal:
        if client.hides_users:
            return {"CodeDeliveryDetails": _pretended(pool, req["Username"])}
        raise
    return {"CodeDeliveryDetails": await _send(ctx, pool, client, user, codes.FORGOT, attribute, req)}


def _recovery(pool: Pool, user: User) -> str:
    if not user.enabled:
        raise NotAuthorizedException("User is disabled.")
    if user.status == FORCE_CHANGE_PASSWORD:
        raise NotAuthorizedException("User password cannot be reset in the current state.")
    return codes.to_recover(pool, user)


@cognito_idp.operation(tx="none", open=True, anonymous=True, harmless=_HARMLESS)
async def confirm_forgot_password(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pool, client = await _client(ctx, req)
    passwords.check(pool, req["Password"])
    user = await ctx.cloud.store.read(lambda tx: users.find(tx, pool, req["Username"]))
    if user is None:
        raise wrong_code() if client.hides_users else _nobody()
    salt = passwords.secured(ctx.cloud.ids)
    verifier = srp.verifier(pool.short, user.name, req["Password"], salt)

    def change(tx: Transaction) -> User | Refusal:
        current = users.get(tx, pool, user.name)
        found = codes.take(tx, pool, current, codes.FORGOT, req["ConfirmationCode"], ctx.now_ms)
        if isinstance(found, Refusal):
            # Who is told that a code is old, or tried too often, knows that there is somebody.
            return wrong_code() if client.hides_users else found
        earlier = passwords.earlier(pool, current, req["Password"])
        status = CONFIRMED if current.status in (RESET_REQUIRED, UNCONFIRMED, CONFIRMED) else current.status
        changed = replace(current, salt=salt, verifier=verifier, earlier=earlier, status=status, modified_ms=ctx.now_ms)
        keys.users.put(tx, changed, pool.id, users.key(pool, changed))
        guarding.passed(tx, pool, changed.name)
        return changed

    changed = await write(ctx.cloud, change)
    source = "PostConfirmation_ConfirmForgotPassword"
    await registering.post_confirmation(ctx.cloud, pool, client.id, changed, source, req.get("ClientMetadata"))
    return {}
