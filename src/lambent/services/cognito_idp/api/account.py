"""What users do with their own account, by their access token."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import attributes, codes, guarding, keys, letters, passwords, registering, srp, tokens, users
from ..errors import InvalidParameterException, Refusal, bad_login
from ..model import User
from ..service import cognito_idp, write
from ..tokens import Bearer

_VERIFIABLE = ("email", "phone_number")


async def bearer_of(ctx: Context, token: str) -> Bearer:
    """Whom an access token stands for."""
    return await ctx.cloud.store.read(lambda tx: tokens.read_access(ctx.cloud, tx, token))


@cognito_idp.operation(tx="none", open=True, anonymous=True)
async def get_user(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bearer = await bearer_of(ctx, req["AccessToken"])
    user = bearer.user
    shown = attributes.show(user.sub, attributes.readable(bearer.client, user.attributes))
    return {"Username": user.name, "UserAttributes": shown, **users.show_mfa(user)}


@cognito_idp.operation(tx="none", open=True, anonymous=True)
async def change_password(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bearer = await bearer_of(ctx, req["AccessToken"])
    pool, user = bearer.pool, bearer.user
    await ctx.cloud.store.read(lambda tx: guarding.check(tx, pool, user.name, ctx.now_ms))
    right = not user.verifier or srp.matches(
        pool.short, user.name, req.get("PreviousPassword", ""), user.salt, user.verifier
    )
    await ctx.cloud.store.write(lambda tx: guarding.settle(tx, pool, user.name, ctx.now_ms, right=right))
    if not right:
        raise bad_login()
    passwords.check(pool, req["ProposedPassword"])
    salt = passwords.secured(ctx.cloud.ids)
    verifier = srp.verifier(pool.short, user.name, req["ProposedPassword"], salt)
    earlier = passwords.earlier(pool, user, req["ProposedPassword"])

    def change(tx: Transaction) -> None:
        current = tokens.read_access(ctx.cloud, tx, req["AccessToken"]).user
        if current.verifier != user.verifier:
            raise bad_login()
        changed = replace(current, salt=salt, verifier=verifier, earlier=earlier, modified_ms=ctx.now_ms)
        keys.users.put(tx, changed, pool.id, users.key(pool, user))

    await ctx.cloud.store.write(change)
    return {}


@cognito_idp.operation(tx="none", open=True, anonymous=True)
async def update_user_attributes(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bearer = await bearer_of(ctx, req["AccessToken"])
    pool, client = bearer.pool, bearer.client
    given = attributes.read(req["UserAttributes"])
    attributes.check_writable(client, given)
    attributes.check(pool, given, new=False)
    wait = pool.settings.get("UserAttributeUpdateSettings", {}).get("AttributesRequireVerificationBeforeUpdate", [])
    pending = {name: given.pop(name) for name in wait if given.get(name)}

    def change(tx: Transaction) -> tuple[User, dict[str, str]]:
        current = tokens.read_access(ctx.cloud, tx, req["AccessToken"]).user
        changed = users.changed(current, ctx.now_ms, given)
        changed = replace(changed, pending={**changed.pending, **pending})
        users.put(tx, pool, current, changed)
        asked = {name: given[name] for name in _VERIFIABLE if given.get(name)}
        new = {name: value for name, value in asked.items() if value != current.attributes.get(name)}
        return changed, {**new, **pending}

    user, new = await ctx.cloud.store.write(change)
    details = []
    for attribute, to in new.items():
        if attribute in pool.auto_verified:
            details.append(
                await registering.send_code(
                    ctx.cloud,
                    pool,
                    client,
                    user,
                    purpose=f"verify {attribute}",
                    attribute=attribute,
                    to=to,
                    source=letters.UPDATE,
                    metadata=req.get("ClientMetadata"),
                )
            )
    return {"CodeDeliveryDetailsList": details}


@cognito_idp.operation(tx="write", open=True, anonymous=True)
def delete_user_attributes(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    bearer = tokens.read_access(ctx.cloud, tx, req["AccessToken"])
    names = req["UserAttributeNames"]
    attributes.check_writable(bearer.client, names)
    users.put(tx, bearer.pool, bearer.user, without(bearer, names, ctx.now_ms))
    return {}


def without(bearer: Bearer, names: list[str], now_ms: int) -> User:
    """A user without some attributes; refuses to take away what is required."""
    given = dict.fromkeys(names, "")
    attributes.check(bearer.pool, given, new=False)
    for name in names:
        attribute = bearer.pool.attribute(name)
        if attribute is not None and attribute.required:
            raise InvalidParameterException(f"Invalid user attributes: {name}: Attribute cannot be deleted.")
    return users.changed(bearer.user, now_ms, given)


@cognito_idp.operation(tx="none", open=True, anonymous=True)
async def get_user_attribute_verification_code(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bearer = await bearer_of(ctx, req["AccessToken"])
    attribute = req["AttributeName"]
    to = bearer.user.pending.get(attribute) or bearer.user.attributes.get(attribute)
    if attribute not in _VERIFIABLE or not to:
        raise InvalidParameterException(f"{attribute} cannot be verified.")
    if bearer.user.verified(attribute) and attribute not in bearer.user.pending:
        raise InvalidParameterException(f"User {attribute} is already verified.")
    details = await registering.send_code(
        ctx.cloud, bearer.pool, bearer.client, bearer.user, purpose=f"verify {attribute}", attribute=attribute, to=to,
        source=letters.VERIFY, metadata=req.get("ClientMetadata"),
    )  # fmt: skip
    return {"CodeDeliveryDetails": details}


@cognito_idp.operation(tx="none", open=True, anonymous=True)
async def verify_user_attribute(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    attribute = req["AttributeName"]

    def verify(tx: Transaction) -> dict[str, Any] | Refusal:
        bearer = tokens.read_access(ctx.cloud, tx, req["AccessToken"])
        found = codes.take(tx, bearer.pool, bearer.user, f"verify {attribute}", req["Code"], ctx.now_ms)
        if isinstance(found, Refusal):
            return found
        pending = dict(bearer.user.pending)
        new = {f"{attribute}_verified": "true"}
        if attribute in pending:
            new[attribute] = pending.pop(attribute)
        changed = replace(users.changed(bearer.user, ctx.now_ms, new), pending=pending)
        users.put(tx, bearer.pool, bearer.user, changed)
        return {}

    return await write(ctx.cloud, verify)


@cognito_idp.operation(tx="write", open=True, anonymous=True)
def delete_user(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    bearer = tokens.read_access(ctx.cloud, tx, req["AccessToken"])
    users.delete(tx, bearer.pool, bearer.user)
