"""Groups and who is in them."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import about, about_path, get, iam, page, replace, scan_page
from lambent.services.iam.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded, no_such

from .users import user_shape

Req = dict[str, Any]
GROUPS_PER_USER_MAX = 10


def group_shape(group: model.Group) -> Req:
    """A group as the model has it."""
    return {
        "Path": group.path,
        "GroupName": group.name,
        "GroupId": group.id,
        "Arn": group.arn,
        "CreateDate": model.when(group.created_ms),
    }


@iam.operation(tx="write", authorize=about("group", "CreateGroup"))
def create_group(ctx: Context, tx: Transaction, req: Req) -> Req:
    if keys.find(tx, "group", ctx.account, req["GroupName"]) is not None:
        raise EntityAlreadyExists(f"Group with name {req['GroupName']} already exists.")
    group = model.Group(
        account=ctx.account,
        name=req["GroupName"],
        path=req.get("Path", "/"),
        id=ctx.cloud.ids.unique("AGPA"),
        created_ms=ctx.now_ms,
    )
    return {"Group": group_shape(keys.save(tx, group))}


@iam.operation(tx="read", authorize=about("group", "GetGroup"))
def get_group(ctx: Context, tx: Reader, req: Req) -> Req:
    group: model.Group = get(tx, "group", ctx, req["GroupName"])
    found = page(keys.members(tx, ctx.account, group.name), req, "Users", str)
    users = [keys.USERS.get(tx, ctx.account, name) for name in found["Users"]]
    found["Users"] = [user_shape(user, full=False) for user in users if user is not None]
    return {"Group": group_shape(group), **found}


@iam.operation(tx="read", authorize=about_path("group", "ListGroups"))
def list_groups(ctx: Context, tx: Reader, req: Req) -> Req:
    found, more = scan_page(tx, keys.GROUPS, ctx.account, req)
    return {"Groups": [group_shape(group) for group in found], **more}


@iam.operation(tx="read", authorize=about("user", "ListGroupsForUser"))
def list_groups_for_user(ctx: Context, tx: Reader, req: Req) -> Req:
    user: model.User = get(tx, "user", ctx, req["UserName"])
    found = page(sorted(user.groups, key=str.lower), req, "Groups", str.lower)
    groups = [keys.GROUPS.get(tx, ctx.account, name.lower()) for name in found["Groups"]]
    found["Groups"] = [group_shape(group) for group in groups if group is not None]
    return found


@iam.operation(tx="write", authorize=about("group", "UpdateGroup"))
def update_group(ctx: Context, tx: Transaction, req: Req) -> None:
    group: model.Group = get(tx, "group", ctx, req["GroupName"])
    name = req.get("NewGroupName", group.name)
    if name.lower() != group.name.lower() and keys.find(tx, "group", ctx.account, name) is not None:
        raise EntityAlreadyExists(f"Group with name {name} already exists.")
    for member in keys.members(tx, ctx.account, group.name):
        user = keys.USERS.get(tx, ctx.account, member)
        if user is not None:
            names = tuple(name if old.lower() == group.name.lower() else old for old in user.groups)
            keys.save(tx, replace(user, groups=names))
    keys.remove(tx, group)
    keys.save(tx, replace(group, name=name, path=req.get("NewPath", group.path)))


@iam.operation(tx="write", authorize=about("group", "DeleteGroup"))
def delete_group(ctx: Context, tx: Transaction, req: Req) -> None:
    group: model.Group = get(tx, "group", ctx, req["GroupName"])
    for held, what in (
        (keys.MEMBERS.scan(tx, ctx.account, group.name.lower(), limit=1), "must remove users from group first"),
        (group.attached, "must detach all policies first"),
        (group.inline, "must delete policies first"),
    ):
        if held:
            raise DeleteConflict(f"Cannot delete entity, {what}.")
    keys.remove(tx, group)


@iam.operation(tx="write", authorize=about("group", "AddUserToGroup"))
def add_user_to_group(ctx: Context, tx: Transaction, req: Req) -> None:
    group: model.Group = get(tx, "group", ctx, req["GroupName"])
    user: model.User = get(tx, "user", ctx, req["UserName"])
    if group.name in user.groups:
        return
    if len(user.groups) >= GROUPS_PER_USER_MAX:
        raise LimitExceeded(f"Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER_MAX}")
    keys.save(tx, replace(user, groups=(*user.groups, group.name)))


@iam.operation(tx="write", authorize=about("group", "RemoveUserFromGroup"))
def remove_user_from_group(ctx: Context, tx: Transaction, req: Req) -> None:
    group: model.Group = get(tx, "group", ctx, req["GroupName"])
    user: model.User = get(tx, "user", ctx, req["UserName"])
    if group.name not in user.groups:
        raise no_such("user", user.name)
    keys.save(tx, replace(user, groups=tuple(name for name in user.groups if name != group.name)))
