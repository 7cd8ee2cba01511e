"""Access keys of users and of the root user."""

from __future__ import annotations

from typing import Any

from lambent.contracts.caller import Principal
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import about, iam, page, replace, user_of
from lambent.services.iam.errors import LimitExceeded, NoSuchEntity

Req = dict[str, Any]
KEYS_PER_USER_MAX = 2


def _owner(ctx: Context, tx: Reader, req: Req) -> model.User | None:
    """The user whose keys are meant; None for the root user, who manages its own."""
    if not req.get("UserName") and ctx.caller.kind is Principal.ROOT:
        return None
    return user_of(ctx, tx, req)


def _held(ctx: Context, tx: Reader, user: model.User | None) -> tuple[str, ...]:
    return user.keys if user is not None else keys.account_of(tx, ctx.account).root_keys


def _hold(ctx: Context, tx: Transaction, user: model.User | None, held: tuple[str, ...]) -> None:
    if user is not None:
        keys.save(tx, replace(user, keys=held))
    else:
        keys.ACCOUNTS.put(tx, replace(keys.account_of(tx, ctx.account), root_keys=held), ctx.account)


def _find(ctx: Context, tx: Reader, req: Req) -> tuple[model.User | None, model.AccessKey]:
    user = _owner(ctx, tx, req)
    key = keys.KEYS.get(tx, req["AccessKeyId"])
    if key is None or key.id not in _held(ctx, tx, user):
        raise NoSuchEntity(f"The Access Key with id {req['AccessKeyId']} cannot be found.")
    return user, key


def _metadata(key: model.AccessKey) -> Req:
    found: Req = {"UserName": key.user} if key.user else {}
    return found | {
        "AccessKeyId": key.id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": model.when(key.created_ms),
    }


@iam.operation(tx="write", authorize=about("user", "CreateAccessKey"))
def create_access_key(ctx: Context, tx: Transaction, req: Req) -> Req:
    user = _owner(ctx, tx, req)
    held = _held(ctx, tx, user)
    if len(held) >= KEYS_PER_USER_MAX:
        raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER_MAX}")
    ids = ctx.cloud.ids
    key = model.AccessKey(
        id=keys.new_access_key(tx, ids, "AKIA", ctx.account),
        secret=ids.alphanumeric(40),
        account=ctx.account,
        user=user.name if user is not None else "",
        created_ms=ctx.now_ms,
    )
    keys.KEYS.put(tx, key, key.id)
    _hold(ctx, tx, user, (*held, key.id))
    return {"AccessKey": {"UserName": key.user, **_metadata(key), "SecretAccessKey": key.secret}}


@iam.operation(tx="read", authorize=about("user", "ListAccessKeys"))
def list_access_keys(ctx: Context, tx: Reader, req: Req) -> Req:
    held = _held(ctx, tx, _owner(ctx, tx, req))
    found = page(sorted(held), req, "AccessKeyMetadata", str)
    records = [keys.KEYS.get(tx, key) for key in found["AccessKeyMetadata"]]
    found["AccessKeyMetadata"] = [_metadata(key) for key in records if key is not None]
    return found


@iam.operation(tx="write", authorize=about("user", "UpdateAccessKey"))
def update_access_key(ctx: Context, tx: Transaction, req: Req) -> None:
    _, key = _find(ctx, tx, req)
    keys.KEYS.put(tx, replace(key, active=req["Status"] == "Active"), key.id)


@iam.operation(tx="write", authorize=about("user", "DeleteAccessKey"))
def delete_access_key(ctx: Context, tx: Transaction, req: Req) -> None:
    user, key = _find(ctx, tx, req)
    keys.KEYS.delete(tx, key.id)
    keys.KEY_USES.delete(tx, key.id)
    _hold(ctx, tx, user, tuple(other for other in _held(ctx, tx, user) if other != key.id))


def _about_key(ctx: Context, tx: Reader, req: Req) -> list[Check]:
    key = keys.KEYS.get(tx, req["AccessKeyId"])
    user = keys.find(tx, "user", ctx.account, key.user) if key is not None and key.user else None
    return [Check("iam:GetAccessKeyLastUsed", user.arn if user is not None else "*")]


@iam.operation(tx="read", authorize=_about_key)
def get_access_key_last_used(ctx: Context, tx: Reader, req: Req) -> Req:
    key = keys.KEYS.get(tx, req["AccessKeyId"])
    if key is None or key.account != ctx.account:
        raise NoSuchEntity(f"The Access Key with id {req['AccessKeyId']} cannot be found.")
    use = keys.KEY_USES.get(tx, key.id)
    if use is None:
        return {"UserName": key.user, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    used = {"LastUsedDate": model.when(use.used_ms), "ServiceName": use.service, "Region": use.region}
    return {"UserName": key.user, "AccessKeyLastUsed": used}
