"""Passwords of users. Nothing signs in with them yet; they are kept as scrypt hashes."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import about, get, iam, own_user_name, replace, user_of
from lambent.services.iam.errors import AccessDenied, EntityAlreadyExists, NoSuchEntity

Req = dict[str, Any]


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=4096, r=8, p=1)


def _profile(ctx: Context, tx: Reader, user: model.User) -> model.LoginProfile:
    profile = keys.LOGINS.get(tx, ctx.account, user.name.lower())
    if profile is None:
        raise NoSuchEntity(f"Login Profile for User {user.name} cannot be found.")
    return profile


def _shape(user: model.User, profile: model.LoginProfile) -> Req:
    return {
        "UserName": user.name,
        "CreateDate": model.when(profile.created_ms),
        "PasswordResetRequired": profile.reset_required,
    }


@iam.operation(tx="write", authorize=about("user", "CreateLoginProfile"))
def create_login_profile(ctx: Context, tx: Transaction, req: Req) -> Req:
    user = user_of(ctx, tx, req)
    if keys.LOGINS.get(tx, ctx.account, user.name.lower()) is not None:
        raise EntityAlreadyExists(f"Login Profile for user {user.name} already exists.")
    salt = ctx.cloud.ids.bytes(16)
    profile = model.LoginProfile(
        salt=salt,
        digest=_digest(req.get("Password", ""), salt),
        created_ms=ctx.now_ms,
        reset_required=req.get("PasswordResetRequired", False),
    )
    keys.LOGINS.put(tx, profile, ctx.account, user.name.lower())
    return {"LoginProfile": _shape(user, profile)}


@iam.operation(tx="read", authorize=about("user", "GetLoginProfile"))
def get_login_profile(ctx: Context, tx: Reader, req: Req) -> Req:
    user = user_of(ctx, tx, req)
    return {"LoginProfile": _shape(user, _profile(ctx, tx, user))}


@iam.operation(tx="write", authorize=about("user", "UpdateLoginProfile"))
def update_login_profile(ctx: Context, tx: Transaction, req: Req) -> None:
    user = user_of(ctx, tx, req)
    profile = _profile(ctx, tx, user)
    if "Password" in req:
        profile = replace(profile, digest=_digest(req["Password"], profile.salt))
    profile = replace(profile, reset_required=req.get("PasswordResetRequired", profile.reset_required))
    keys.LOGINS.put(tx, profile, ctx.account, user.name.lower())


@iam.operation(tx="write", authorize=about("user", "DeleteLoginProfile"))
def delete_login_profile(ctx: Context, tx: Transaction, req: Req) -> None:
    user = user_of(ctx, tx, req)
    _profile(ctx, tx, user)
    keys.LOGINS.delete(tx, ctx.account, user.name.lower())


@iam.operation(tx="write", authorize=about("user", "ChangePassword"))
def change_password(ctx: Context, tx: Transaction, req: Req) -> None:
    user: model.User = get(tx, "user", ctx, own_user_name(ctx))
    profile = _profile(ctx, tx, user)
    if not hmac.compare_digest(profile.digest, _digest(req["OldPassword"], profile.salt)):
        raise AccessDenied("The old password was incorrect.")
    changed = replace(profile, digest=_digest(req["NewPassword"], profile.salt), reset_required=False)
    keys.LOGINS.put(tx, changed, ctx.account, user.name.lower())
