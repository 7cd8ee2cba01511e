"""Users and the names that they are found by."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction

from . import attributes, keys
from .errors import AliasExistsException, no_user
from .model import Alias, Group, Pool, User
from .service import moment

_VERIFIABLE = ("email", "phone_number")


def find(tx: Reader, pool: Pool, name: str) -> User | None:
    """The user of a name, an address that they sign in with, or a `sub`."""
    folded = pool.fold(name)
    found = keys.users.get(tx, pool.id, folded)
    if found is not None:
        return found
    for attribute in (*pool.signs_in_by, *pool.aliases, "sub"):
        alias = keys.aliases.get(tx, pool.id, attribute, folded)
        if alias is not None:
            return keys.users.get(tx, pool.id, alias.user)
    return None


def get(tx: Reader, pool: Pool, name: str) -> User:
    """As `find`; refuses who is not there."""
    found = find(tx, pool, name)
    if found is None:
        raise no_user()
    return found


def key(pool: Pool, user: User) -> str:
    """The name of a user as it is looked up."""
    return pool.fold(user.name)


def _names(pool: Pool, user: User) -> dict[str, str]:
    """What a user is found by besides the name: attribute to value."""
    names = {"sub": user.sub}
    for attribute in pool.signs_in_by:
        if user.attributes.get(attribute):
            names[attribute] = pool.fold(user.attributes[attribute])
    for attribute in pool.aliases:
        value = user.attributes.get(attribute)
        if value and (attribute not in _VERIFIABLE or user.verified(attribute)):
            names[attribute] = pool.fold(value)
    return names


def put(tx: Transaction, pool: Pool, old: User | None, new: User, *, steal: bool = False) -> None:
    """Store a user with the names that lead to them. A name of somebody else's is refused, or taken (`steal`)."""
    me = key(pool, new)
    before = _names(pool, old) if old is not None else {}
    after = _names(pool, new)
    for attribute, value in before.items():
        if after.get(attribute) != value:
            keys.aliases.delete(tx, pool.id, attribute, value)
    for attribute, value in after.items():
        if before.get(attribute) == value:
            continue
        owner = keys.aliases.get(tx, pool.id, attribute, value)
        if owner is not None and owner.user != me:
            _take(tx, pool, owner.user, attribute, steal)
        keys.aliases.put(tx, Alias(me), pool.id, attribute, value)
    keys.users.put(tx, new, pool.id, me)
    if old is None:
        keys.change_count(tx, pool.id, 1)
        return
    for attribute in _VERIFIABLE:
        if address(old, attribute) != address(new, attribute):
            _forget_codes(tx, pool, me, attribute)


def address(user: User, attribute: str) -> str:
    """The address that a code would prove: the one that waits for it, or the one that is there."""
    return user.pending.get(attribute) or user.attributes.get(attribute, "")


def _forget_codes(tx: Transaction, pool: Pool, me: str, attribute: str) -> None:
    """A code proves the address that it was sent to, and no other: it is over once that is changed. How many were sent
    stays known."""
    for row, code in keys.codes.scan(tx, pool.id, me):
        if code.attribute == attribute:
            keys.codes.put(tx, replace(code, until_ms=0), *keys.codes.parts(row))


def _take(tx: Transaction, pool: Pool, owner: str, attribute: str, steal: bool) -> None:
    """Somebody else has the name: theirs stays, or is not verified any more."""
    if not steal or attribute in pool.signs_in_by:
        raise AliasExistsException(f"An account with the given {attribute} already exists.")
    other = keys.users.get(tx, pool.id, owner)
    if other is not None:
        kept = {**other.attributes, f"{attribute}_verified": "false"}
        keys.users.put(tx, replace(other, attributes=kept), pool.id, owner)


def delete(tx: Transaction, pool: Pool, user: User) -> None:
    """Remove a user and everything of theirs."""
    me = key(pool, user)
    for attribute, value in _names(pool, user).items():
        keys.aliases.delete(tx, pool.id, attribute, value)
    for row, _ in keys.memberships.scan(tx, pool.id, me):
        group = str(keys.memberships.parts(row)[-1])
        tx.delete(row)
        keys.members.delete(tx, pool.id, group, me)
    for row, _ in keys.codes.scan(tx, pool.id, me):
        tx.delete(row)
    keys.delete_grants(tx, pool.id, me)
    keys.attempts.delete(tx, pool.id, me)
    keys.users.delete(tx, pool.id, me)
    keys.change_count(tx, pool.id, -1)


def changed(user: User, now_ms: int, given: dict[str, str]) -> User:
    """A user with other attributes; an empty value takes one away. A new address is not verified."""
    found = dict(user.attributes)
    for name, value in given.items():
        if name in _VERIFIABLE and value != found.get(name) and f"{name}_verified" not in given:
            found.pop(f"{name}_verified", None)
            if value:
                found[f"{name}_verified"] = "false"
        if value:
            found[name] = value.lower() if name.endswith("_verified") else value
        else:
            found.pop(name, None)
    return replace(user, attributes=found, modified_ms=now_ms)


def groups(tx: Reader, pool: Pool, user: User) -> list[Group]:
    """A user's groups: those of higher precedence (a lower number) first."""
    names = [str(keys.memberships.parts(row)[-1]) for row, _ in keys.memberships.scan(tx, pool.id, key(pool, user))]
    found = [group for name in names if (group := keys.groups.get(tx, pool.id, name)) is not None]
    return sorted(found, key=lambda one: (one.precedence is None, one.precedence or 0, one.name))


def show(user: User, wanted: Iterable[str] | None = None) -> dict[str, Any]:
    """A user as ListUsers tells of them."""
    shown = attributes.show(user.sub, user.attributes)
    if wanted is not None:
        names = set(wanted)
        shown = [one for one in shown if one["Name"] in names]
    return {
        "Username": user.name,
        "Attributes": shown,
        "UserCreateDate": moment(user.created_ms),
        "UserLastModifiedDate": moment(user.modified_ms),
        "Enabled": user.enabled,
        "UserStatus": user.status,
    }


def show_mfa(user: User) -> dict[str, Any]:
    """A user's factors as GetUser tells of them."""
    shown: dict[str, Any] = {}
    if user.mfa:
        shown["UserMFASettingList"] = list(user.mfa)
    if user.preferred_mfa:
        shown["PreferredMfaSetting"] = user.preferred_mfa
    return shown
