"""Authenticators and the choice of second factors."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import factors, guarding, keys, sessions, tokens, totp, users
from ..errors import (
    EnableSoftwareTokenMFAException,
    InvalidParameterException,
    Refusal,
    SoftwareTokenMFANotFoundException,
    bad_session,
)
from ..model import Pool, Session, User
from ..service import cognito_idp, get_pool, on_pool, write

_PENDING = "totp"
_CHALLENGES = ("MFA_SETUP",)


def _who(ctx: Context, tx: Transaction, req: dict[str, Any]) -> tuple[Pool, User, Session | None]:
    """Whose authenticator a request is about: a signed-in user's, or one's who is signing in."""
    if "AccessToken" in req:
        bearer = tokens.read_access(ctx.cloud, tx, req["AccessToken"])
        return bearer.pool, bearer.user, None
    if "Session" not in req:
        raise InvalidParameterException("Exactly one of AccessToken or Session must be provided.")
    session = sessions.get(tx, req["Session"], "", _CHALLENGES, ctx.now_ms)
    pool = keys.pools.get(tx, session.pool)
    user = keys.users.get(tx, session.pool, session.user)
    if pool is None or user is None:
        raise bad_session()
    return pool, user, session


def _again(ctx: Context, tx: Transaction, old: str, session: Session) -> str:
    """A session goes on under another name."""
    new = sessions.token(ctx.cloud.ids)
    sessions.end(tx, old)
    digest = keys.digest(new)
    keys.sessions.put(tx, session, digest)
    keys.expire(tx, keys.sessions.key(digest), session.until_ms, ctx.now_ms)
    return new


@cognito_idp.operation(tx="write", open=True, anonymous=True)
def associate_software_token(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool, user, session = _who(ctx, tx, req)
    if factors.TOTP not in factors.offered(pool):
        raise SoftwareTokenMFANotFoundException("Software Token MFA has not been enabled by the userPool.")
    secret = totp.new_secret(ctx.cloud.ids)
    if session is not None:
        renewed = replace(session, data={**session.data, _PENDING: secret, "verified": False})
        return {"SecretCode": secret, "Session": _again(ctx, tx, req["Session"], renewed)}
    changed = replace(user, pending={**user.pending, _PENDING: secret})
    keys.users.put(tx, changed, pool.id, users.key(pool, user))
    return {"SecretCode": secret}


@cognito_idp.operation(tx="none", open=True, anonymous=True, harmless=("FriendlyDeviceName",))
async def verify_software_token(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    def verify(tx: Transaction) -> dict[str, Any] | Refusal:
        pool, user, session = _who(ctx, tx, req)
        guarding.check(tx, pool, user.name, ctx.now_ms)
        secret = session.data.get(_PENDING) if session is not None else user.pending.get(_PENDING)
        if not secret:
            raise InvalidParameterException("The software token was not associated.")
        step = totp.step_of(secret, req["UserCode"], ctx.now_ms)
        if step is None:
            guarding.failed(tx, pool, user.name, ctx.now_ms)
            return EnableSoftwareTokenMFAException("Code mismatch")
        pending = {name: value for name, value in user.pending.items() if name != _PENDING}
        changed = replace(user, totp=secret, totp_step=step, pending=pending, modified_ms=ctx.now_ms)
        if session is None:
            keys.users.put(tx, changed, pool.id, users.key(pool, user))
            return {"Status": "SUCCESS"}
        mfa = tuple(name for name in factors.NAMES if name == factors.TOTP or name in user.mfa)
        keys.users.put(tx, replace(changed, mfa=mfa), pool.id, users.key(pool, user))
        done = replace(session, data={**session.data, "verified": True})
        return {"Status": "SUCCESS", "Session": _again(ctx, tx, req["Session"], done)}

    return await write(ctx.cloud, verify)


@cognito_idp.operation(tx="write", open=True, anonymous=True, unbuilt=("WebAuthnMfaSettings",))
def set_user_mfa_preference(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    bearer = tokens.read_access(ctx.cloud, tx, req["AccessToken"])
    _prefer(ctx, tx, bearer.pool, bearer.user, req)
    return {}


@cognito_idp.operation(tx="write", resource=on_pool, unbuilt=("WebAuthnMfaSettings",))
def admin_set_user_mfa_preference(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    _prefer(ctx, tx, pool, users.get(tx, pool, req["Username"]), req)
    return {}


def _prefer(ctx: Context, tx: Transaction, pool: Pool, user: User, req: dict[str, Any]) -> None:
    mfa, preferred = factors.preferences(pool, user, req)
    changed = replace(user, mfa=mfa, preferred_mfa=preferred, modified_ms=ctx.now_ms)
    keys.users.put(tx, changed, pool.id, users.key(pool, user))


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_delete_software_token(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    user = users.get(tx, pool, req["Username"])
    if not user.totp:
        raise SoftwareTokenMFANotFoundException("Software Token MFA has not been enabled for the user.")
    changed = replace(
        user,
        totp="",
        mfa=tuple(name for name in user.mfa if name != factors.TOTP),
        preferred_mfa="" if user.preferred_mfa == factors.TOTP else user.preferred_mfa,
        modified_ms=ctx.now_ms,
    )
    keys.users.put(tx, changed, pool.id, users.key(pool, user))
    return {}


def _factors(user: User) -> dict[str, Any]:
    known = ["PASSWORD"] if user.verifier else []
    return {"Username": user.name, "ConfiguredUserAuthFactors": known, **users.show_mfa(user)}


@cognito_idp.operation(tx="none", open=True, anonymous=True)
async def get_user_auth_factors(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    bearer = await ctx.cloud.store.read(lambda tx: tokens.read_access(ctx.cloud, tx, req["AccessToken"]))
    return _factors(bearer.user)


@cognito_idp.operation(tx="read", resource=on_pool)
def admin_get_user_auth_factors(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _factors(users.get(tx, get_pool(ctx, tx, req["UserPoolId"]), req["Username"]))
