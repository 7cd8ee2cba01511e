"""Groups and who is in them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys, users
from ..errors import GroupExistsException, ResourceNotFoundException
from ..model import Group, Owned, Pool
from ..service import after, cognito_idp, get_pool, moment, on_pool, paged

_PAGE = 60


def _get(tx: Reader, pool: Pool, name: str) -> Group:
    found = keys.groups.get(tx, pool.id, name)
    if found is None:
        raise ResourceNotFoundException("Group not found.")
    return found


def _show(group: Group) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "GroupName": group.name,
        "UserPoolId": group.pool,
        "LastModifiedDate": moment(group.modified_ms),
        "CreationDate": moment(group.created_ms),
    }
    if group.description:
        shown["Description"] = group.description
    if group.role:
        shown["RoleArn"] = group.role
    if group.precedence is not None:
        shown["Precedence"] = group.precedence
    return shown


@cognito_idp.operation(tx="write", resource=on_pool)
def create_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    if keys.groups.get(tx, pool.id, req["GroupName"]) is not None:
        raise GroupExistsException("A group with the name already exists.")
    made = Group(
        pool=pool.id,
        name=req["GroupName"],
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        description=req.get("Description", ""),
        role=req.get("RoleArn", ""),
        precedence=req.get("Precedence"),
    )
    keys.groups.put(tx, made, pool.id, made.name)
    return {"Group": _show(made)}


@cognito_idp.operation(tx="read", resource=on_pool)
def get_group(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Group": _show(_get(tx, get_pool(ctx, tx, req["UserPoolId"]), req["GroupName"]))}


@cognito_idp.operation(tx="write", resource=on_pool)
def update_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    group = _get(tx, pool, req["GroupName"])
    changed = replace(
        group,
        description=req.get("Description", group.description),
        role=req.get("RoleArn", group.role),
        precedence=req.get("Precedence", group.precedence),
        modified_ms=ctx.now_ms,
    )
    keys.groups.put(tx, changed, pool.id, group.name)
    return {"Group": _show(changed)}


@cognito_idp.operation(tx="write", resource=on_pool)
def delete_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    group = _get(tx, pool, req["GroupName"])
    for row, _ in keys.members.scan(tx, pool.id, group.name):
        keys.memberships.delete(tx, pool.id, keys.members.parts(row)[-1], group.name)
        tx.delete(row)
    keys.groups.delete(tx, pool.id, group.name)


@cognito_idp.operation(tx="read", resource=on_pool)
def list_groups(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    limit = req.get("Limit") or _PAGE
    shown, token = paged(keys.groups.scan(tx, pool.id, after=after(req), limit=limit + 1), limit)
    return {"Groups": [_show(one) for _, one in shown], **token}


# -- members ----------------------------------------------------------------------------------------------------------


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_add_user_to_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    user = users.get(tx, pool, req["Username"])
    group = _get(tx, pool, req["GroupName"])
    keys.members.put(tx, Owned(), pool.id, group.name, users.key(pool, user))
    keys.memberships.put(tx, Owned(), pool.id, users.key(pool, user), group.name)


@cognito_idp.operation(tx="write", resource=on_pool)
def admin_remove_user_from_group(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    user = users.get(tx, pool, req["Username"])
    group = _get(tx, pool, req["GroupName"])
    keys.members.delete(tx, pool.id, group.name, users.key(pool, user))
    keys.memberships.delete(tx, pool.id, users.key(pool, user), group.name)


@cognito_idp.operation(tx="read", resource=on_pool)
def admin_list_groups_for_user(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    user = users.get(tx, pool, req["Username"])
    limit = req.get("Limit") or _PAGE
    rows = keys.memberships.scan(tx, pool.id, users.key(pool, user), after=after(req), limit=limit + 1)
    shown, token = paged(rows, limit)
    found = [keys.groups.get(tx, pool.id, str(keys.memberships.parts(key)[-1])) for key, _ in shown]
    return {"Groups": [_show(group) for group in found if group is not None], **token}


@cognito_idp.operation(tx="read", resource=on_pool)
def list_users_in_group(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pool = get_pool(ctx, tx, req["UserPoolId"])
    group = _get(tx, pool, req["GroupName"])
    limit = req.get("Limit") or _PAGE
    shown, token = paged(keys.members.scan(tx, pool.id, group.name, after=after(req), limit=limit + 1), limit)
    found = [keys.users.get(tx, pool.id, str(keys.members.parts(key)[-1])) for key, _ in shown]
    return {"Users": [users.show(user) for user in found if user is not None], **token}
