"""Every key of IAM, and the indexes that are written with the rows.

Names are unique without regard to case, so keys hold them in lower case. Whatever changes somebody's permissions goes
through here and moves the account's stamp: nodes compare it to know whether what they remember still holds.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from . import model

USERS = Table("iam.user", model.User)
GROUPS = Table("iam.group", model.Group)
ROLES = Table("iam.role", model.RoleRecord)
POLICIES = Table("iam.policy", model.Policy)
PROFILES = Table("iam.profile", model.InstanceProfile)
PROFILES_OF_ROLE = Table("iam.profile_of_role", model.Mark)
MEMBERS = Table("iam.member", model.Mark)
ATTACHMENTS = Table("iam.attachment", model.Mark)
BOUNDARIES = Table("iam.boundary", model.Mark)
KEYS = Table("iam.key", model.AccessKey)
KEY_USES = Table("iam.key_use", model.KeyUse)
LOGINS = Table("iam.login", model.LoginProfile)
SERVICE_CREDENTIALS = Table("iam.service_credential", model.ServiceCredential)
SESSIONS = Table("iam.session", model.Session)
SESSION_ENDS = Table("iam.session_end", model.Mark)
ACCOUNTS = Table("iam.account", model.Account)
ALIASES = Table("iam.alias", model.Text)
DELETIONS = Table("iam.deletion", model.Text)
STAMPS = Table("iam.stamp", model.Stamp)

TABLES: dict[str, Table[Any]] = {"user": USERS, "group": GROUPS, "role": ROLES}
EntityT = TypeVar("EntityT", model.User, model.Group, model.RoleRecord)


def kind_of(entity: model.AnyEntity) -> str:
    """`user`, `group` or `role`."""
    if isinstance(entity, model.User):
        return "user"
    return "group" if isinstance(entity, model.Group) else "role"


def find(tx: Reader, kind: str, account: str, name: str) -> model.AnyEntity | None:
    """The user, group or role of that name."""
    entity: model.AnyEntity | None = TABLES[kind].get(tx, account, name.lower())
    return entity


def save(tx: Transaction, entity: EntityT) -> EntityT:
    """Store an entity and its index entries, taking back those it no longer has; moves the stamp."""
    kind = kind_of(entity)
    name = entity.name.lower()
    before = find(tx, kind, entity.account, name)
    TABLES[kind].put(tx, entity, entity.account, name)
    _index(tx, entity, kind, before)
    touch(tx, entity.account, kind.encode() + TABLES[kind].codec.encode(entity))
    return entity


def remove(tx: Transaction, entity: model.AnyEntity) -> None:
    """Delete an entity and its index entries."""
    bare = type(entity)(**{**_fields(entity), "attached": (), "boundary": "", **_no_groups(entity)})
    _index(tx, bare, kind_of(entity), entity)
    TABLES[kind_of(entity)].delete(tx, entity.account, entity.name.lower())
    touch(tx, entity.account, b"-" + entity.id.encode())


def _fields(entity: model.AnyEntity) -> dict[str, Any]:
    return {field: getattr(entity, field) for field in entity.__struct_fields__}


def _no_groups(entity: model.AnyEntity) -> dict[str, Any]:
    return {"groups": ()} if isinstance(entity, model.User) else {}


def _index(tx: Transaction, entity: model.AnyEntity, kind: str, before: model.AnyEntity | None) -> None:
    name, account = entity.name.lower(), entity.account
    _swap(tx, ATTACHMENTS, account, set(before.attached if before else ()), set(entity.attached), (kind, name))
    had = {before.boundary} if before is not None and before.boundary else set()
    _swap(tx, BOUNDARIES, account, had, {entity.boundary} if entity.boundary else set(), (kind, name))
    if isinstance(entity, model.User):
        old = before.groups if isinstance(before, model.User) else ()
        _swap(tx, MEMBERS, account, {g.lower() for g in old}, {g.lower() for g in entity.groups}, (name,))


def _swap(
    tx: Transaction, table: Table[model.Mark], account: str, old: set[str], new: set[str], rest: tuple[str, ...]
) -> None:
    for gone in old - new:
        table.delete(tx, account, gone, *rest)
    for come in new - old:
        table.put(tx, model.Mark(), account, come, *rest)


def touch(tx: Transaction, account: str, change: bytes) -> None:
    """Move the account's stamp: some permission has changed.

    A count would not do: a transaction that fails after it was read from leaves its count to be used again for another
    change, and whoever remembered what it read under that count would be wrong.
    """
    stamp = STAMPS.get(tx, account)
    history = stamp.digest if stamp is not None else b""
    STAMPS.put(tx, model.Stamp(hashlib.blake2b(history + change, digest_size=16).digest()), account)


def save_policy(tx: Transaction, policy: model.Policy) -> model.Policy:
    """Store a managed policy; its name alone is unique in the account."""
    POLICIES.put(tx, policy, policy.account, policy.name.lower())
    touch(tx, policy.account, b"policy" + POLICIES.codec.encode(policy))
    return policy


def remove_policy(tx: Transaction, policy: model.Policy) -> None:
    """Delete a managed policy."""
    POLICIES.delete(tx, policy.account, policy.name.lower())
    touch(tx, policy.account, b"-" + policy.id.encode())


def find_policy(tx: Reader, arn: str) -> model.Policy | None:
    """The customer managed policy of that ARN."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or not parts[5].startswith("policy/"):
        return None
    policy = POLICIES.get(tx, parts[4], parts[5].rpartition("/")[2].lower())
    return policy if policy is not None and policy.arn == arn else None


def account_of(tx: Reader, account: str) -> model.Account:
    """The account's own record."""
    return ACCOUNTS.get(tx, account) or model.Account()


def members(tx: Reader, account: str, group: str) -> list[str]:
    """The lower-case names of a group's users, in order."""
    return [str(MEMBERS.parts(key)[2]) for key, _ in MEMBERS.scan(tx, account, group.lower())]


def users_of_policy(tx: Reader, table: Table[model.Mark], account: str, arn: str) -> list[tuple[str, str]]:
    """(kind, lower-case name) of each entity that `table` (ATTACHMENTS, BOUNDARIES) notes for a policy."""
    found = [table.parts(key) for key, _ in table.scan(tx, account, arn)]
    return [(str(parts[2]), str(parts[3])) for parts in found]


def new_access_key(tx: Reader, ids: Ids, prefix: str, account: str) -> str:
    """An access key id that nobody has yet."""
    while True:
        key = model.access_key_id(ids, prefix, account)
        if KEYS.get(tx, key) is None and SESSIONS.get(tx, key) is None:
            return key
