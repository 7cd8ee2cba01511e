"""Users."""

from __future__ import annotations

from typing import Any

from lambent.contracts.caller import Principal
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import (
    about,
    about_path,
    get,
    iam,
    own_user_name,
    replace,
    scan_page,
    tags_of,
    user_of,
)
from lambent.services.iam.errors import DeleteConflict, EntityAlreadyExists

from .policies import require_policy

Req = dict[str, Any]


def user_shape(user: model.User, *, full: bool = True) -> Req:
    """A user as the model has it; `full` adds tags and boundary."""
    found: Req = {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": model.when(user.created_ms),
    }
    return found | extras(user) if full else found


def extras(entity: model.AnyEntity) -> Req:
    """The members that appear only when they say something: permissions boundary and tags."""
    found: Req = {}
    if entity.boundary:
        found["PermissionsBoundary"] = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": entity.boundary}
    if entity.tags:
        found["Tags"] = model.tag_list(entity.tags)
    return found


@iam.operation(tx="write", authorize=about("user", "CreateUser"))
def create_user(ctx: Context, tx: Transaction, req: Req) -> Req:
    if keys.find(tx, "user", ctx.account, req["UserName"]) is not None:
        raise EntityAlreadyExists(f"User with name {req['UserName']} already exists.")
    if "PermissionsBoundary" in req:
        require_policy(tx, ctx, req["PermissionsBoundary"])
    user = model.User(
        account=ctx.account,
        name=req["UserName"],
        path=req.get("Path", "/"),
        id=ctx.cloud.ids.unique("AIDA"),
        created_ms=ctx.now_ms,
        tags=tags_of(req),
        boundary=req.get("PermissionsBoundary", ""),
    )
    return {"User": user_shape(keys.save(tx, user))}


def _about_user(ctx: Context, tx: Reader, req: Req) -> list[Check]:
    if not req.get("UserName") and ctx.caller.kind is Principal.ROOT:
        return []
    return about("user", "GetUser")(ctx, tx, req)


@iam.operation(tx="read", authorize=_about_user)
def get_user(ctx: Context, tx: Reader, req: Req) -> Req:
    if not req.get("UserName") and not own_user_name(ctx) and ctx.caller.kind is Principal.ROOT:
        return {"User": {"UserId": ctx.account, "Arn": ctx.caller.arn, "CreateDate": model.when(0)}}
    return {"User": user_shape(user_of(ctx, tx, req))}


@iam.operation(tx="read", authorize=about_path("user", "ListUsers"))
def list_users(ctx: Context, tx: Reader, req: Req) -> Req:
    found, more = scan_page(tx, keys.USERS, ctx.account, req)
    return {"Users": [user_shape(user, full=False) for user in found], **more}


@iam.operation(tx="write", authorize=about("user", "UpdateUser"))
def update_user(ctx: Context, tx: Transaction, req: Req) -> None:
    user: model.User = get(tx, "user", ctx, req["UserName"])
    name = req.get("NewUserName", user.name)
    if name.lower() != user.name.lower() and keys.find(tx, "user", ctx.account, name) is not None:
        raise EntityAlreadyExists(f"User with name {name} already exists.")
    renamed = replace(user, name=name, path=req.get("NewPath", user.path))
    keys.remove(tx, user)
    keys.save(tx, renamed)
    _move_credentials(tx, user, name)


def _move_credentials(tx: Transaction, user: model.User, name: str) -> None:
    """Have everything that a user signs in with follow it to a new name."""
    for key in user.keys:
        record = keys.KEYS.get(tx, key)
        if record is not None:
            keys.KEYS.put(tx, replace(record, user=name), key)
    account, old, new = user.account, user.name.lower(), name.lower()
    login = keys.LOGINS.get(tx, account, old)
    if login is not None:
        keys.LOGINS.delete(tx, account, old)
        keys.LOGINS.put(tx, login, account, new)
    for _, credential in keys.SERVICE_CREDENTIALS.scan(tx, account, old):
        keys.SERVICE_CREDENTIALS.delete(tx, account, old, credential.id)
        keys.SERVICE_CREDENTIALS.put(tx, replace(credential, user=name), account, new, credential.id)


@iam.operation(tx="write", authorize=about("user", "DeleteUser"))
def delete_user(ctx: Context, tx: Transaction, req: Req) -> None:
    user: model.User = get(tx, "user", ctx, req["UserName"])
    name = user.name.lower()
    for held, what in (
        (user.attached, "must detach all policies first"),
        (user.inline, "must delete policies first"),
        (user.keys, "must delete access keys first"),
        (user.groups, "must remove users from group first"),
        (keys.LOGINS.get(tx, ctx.account, name), "must delete login profile first"),
        (
            keys.SERVICE_CREDENTIALS.scan(tx, ctx.account, name, limit=1),
            "must delete service specific credential first",
        ),
    ):
        if held:
            raise DeleteConflict(f"Cannot delete entity, {what}.")
    keys.remove(tx, user)
