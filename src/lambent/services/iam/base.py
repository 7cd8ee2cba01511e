"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from lambent.contracts.caller import Principal
from lambent.contracts.ports import Reader
from lambent.kit import Check, Context, Service
from lambent.kit.paging import seal, unseal

from . import keys, model
from .errors import InvalidInput, LimitExceeded, ValidationError, no_such

iam = Service("iam")

Authorizer = Callable[[Context, Reader, dict[str, Any]], list[Check]]
Conditions = dict[str, str | tuple[str, ...]]
T = TypeVar("T")
NAMES = {"user": "UserName", "group": "GroupName", "role": "RoleName"}
PAGE_DEFAULT = 100
TAGS_MAX = 50


_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)
_PATH = re.compile(r"/|/[\x21-\x7e]+/")
_PREFIX = re.compile(r"/[\x21-\x7e]*")
_ID = re.compile(r"\w+", re.ASCII)
_NAMED = ("UserName", "GroupName", "RoleName", "PolicyName", "InstanceProfileName", "NewUserName", "NewGroupName")


def check_form(req: dict[str, Any]) -> None:
    """Raise `ValidationError` for names, paths and ids that hold characters they must not: ARNs are made of them."""
    for member in _NAMED:
        if member in req and not _NAME.fullmatch(req[member]):
            raise ValidationError(
                f"The specified value for {_camel(member)} is invalid. It must contain only alphanumeric characters "
                "and/or the following: +=,.@_-"
            )
    for member, pattern in (("Path", _PATH), ("NewPath", _PATH), ("PathPrefix", _PREFIX)):
        if member in req and not pattern.fullmatch(req[member]):
            raise ValidationError(
                f"The specified value for {_camel(member)} is invalid. It must begin and end with / and contain only "
                "alphanumeric characters and/or / characters."
            )
    for member in ("AccessKeyId", "ServiceSpecificCredentialId"):
        if member in req and not _ID.fullmatch(req[member]):
            raise ValidationError(
                f"1 validation error detected: Value at '{_camel(member)}' failed to satisfy constraint: Member must "
                "satisfy regular expression pattern: [\\w]+"
            )


def _camel(member: str) -> str:
    return member[0].lower() + member[1:]


def tags_of(req: dict[str, Any]) -> model.Tags:
    """The tags of a request, in its order; `InvalidInput` when keys repeat or are AWS's own."""
    tags = tuple((tag["Key"], tag["Value"]) for tag in req.get("Tags", ()))
    lowered = [key.lower() for key, _ in tags]
    if len(set(lowered)) != len(lowered):
        raise InvalidInput("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in lowered):
        raise InvalidInput("Tag keys that start with aws: are reserved for system use.")
    if len(tags) > TAGS_MAX:
        raise LimitExceeded("The number of tags has reached the maximum limit.")
    return tags


def merged(old: model.Tags, new: model.Tags) -> model.Tags:
    """`old` with `new` put over it; keys do not differ by case."""
    replaced = {key.lower() for key, _ in new}
    tags = tuple(tag for tag in old if tag[0].lower() not in replaced) + new
    if len(tags) > TAGS_MAX:
        raise LimitExceeded("The number of tags has reached the maximum limit.")
    return tags


def without(old: model.Tags, names: Iterable[str]) -> model.Tags:
    """`old` without the tags of these keys."""
    gone = {name.lower() for name in names}
    return tuple(tag for tag in old if tag[0].lower() not in gone)


def request_conditions(req: dict[str, Any]) -> Conditions:
    """The condition keys that a request to IAM carries."""
    found: Conditions = {}
    if "Tags" in req:
        found["aws:tagkeys"] = tuple(tag["Key"] for tag in req["Tags"])
        found.update({f"aws:requesttag/{tag['Key'].lower()}": tag["Value"] for tag in req["Tags"]})
    if "TagKeys" in req:
        found["aws:tagkeys"] = tuple(req["TagKeys"])
    if "PolicyArn" in req:
        found["iam:policyarn"] = req["PolicyArn"]
    if "PermissionsBoundary" in req:
        found["iam:permissionsboundary"] = req["PermissionsBoundary"]
    return found


def resource_tags(tags: model.Tags) -> Conditions:
    """The condition keys of a resource's tags."""
    found: Conditions = {}
    for key, value in tags:
        found[f"aws:resourcetag/{key.lower()}"] = value
        found[f"iam:resourcetag/{key.lower()}"] = value
    return found


def about(kind: str, operation: str) -> Authorizer:
    """Ask about the user, group or role that the request names (the caller's own user when it names none)."""
    member = NAMES[kind]

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        check_form(req)
        name = req.get(member) or own_user_name(ctx)
        entity = keys.find(tx, kind, ctx.account, name) if name else None
        if entity is None:
            path = req.get("Path", "/")
            resource = f"arn:aws:iam::{ctx.account}:{kind}{path}{name}" if name else "*"
            return [Check(f"iam:{operation}", resource, request_conditions(req))]
        conditions = request_conditions(req) | resource_tags(entity.tags)
        if entity.boundary:
            conditions.setdefault("iam:permissionsboundary", entity.boundary)
        return [Check(f"iam:{operation}", entity.arn, conditions)]

    return authorize


def about_arn(member: str, operation: str) -> Authorizer:
    """Ask about the ARN in a member of the request: a managed policy."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        check_form(req)
        policy = keys.find_policy(tx, req[member])
        conditions = request_conditions(req) | resource_tags(policy.tags if policy else ())
        conditions.pop("iam:policyarn", None)
        return [Check(f"iam:{operation}", req[member], conditions)]

    return authorize


def about_new(kind: str, member: str, operation: str) -> Authorizer:
    """Ask about what the request is to create, or about `kind` with the request's name at the root path."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        check_form(req)
        resource = f"arn:aws:iam::{ctx.account}:{kind}{req.get('Path', '/')}{req[member]}"
        return [Check(f"iam:{operation}", resource, request_conditions(req))]

    return authorize


def about_path(kind: str, operation: str) -> Authorizer:
    """Ask about everything under the request's path prefix."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        check_form(req)
        prefix = req.get("PathPrefix", "/")
        return [Check(f"iam:{operation}", f"arn:aws:iam::{ctx.account}:{kind}{prefix}")]

    return authorize


def own_user_name(ctx: Context) -> str:
    """The caller's own user name; empty when the caller is no user."""
    return ctx.caller.arn.rpartition("/")[2] if ctx.caller.kind is Principal.USER else ""


def get(tx: Reader, kind: str, ctx: Context, name: str) -> Any:
    """The user, group or role of that name; `NoSuchEntity` when there is none."""
    entity = keys.find(tx, kind, ctx.account, name)
    if entity is None:
        raise no_such(kind, name)
    return entity


def user_of(ctx: Context, tx: Reader, req: dict[str, Any]) -> model.User:
    """The user that a request names, or the caller's own."""
    name = req.get("UserName") or own_user_name(ctx)
    if not name:
        raise ValidationError("Must specify userName when calling with non-User credentials")
    user: model.User = get(tx, "user", ctx, name)
    return user


def replace(entity: T, **fields: Any) -> T:
    """A copy of a record with some fields changed."""
    return msgspec.structs.replace(entity, **fields)  # type: ignore[type-var, no-any-return, unused-ignore]


def page(items: list[T], req: dict[str, Any], member: str, name: Callable[[T], str]) -> dict[str, Any]:
    """One page of a list that is sorted by `name`: `{member: [...], IsTruncated, Marker?}`, not yet shaped."""
    if "Marker" in req:
        after = unseal(req["Marker"], ValidationError).decode(errors="replace")
        items = [item for item in items if name(item) > after]
    limit = req.get("MaxItems", PAGE_DEFAULT)
    found: dict[str, Any] = {member: items[:limit], "IsTruncated": len(items) > limit}
    if len(items) > limit:
        found["Marker"] = seal(name(items[limit - 1]).encode())
    return found


def scan_page(
    tx: Reader, table: Any, account: str, req: dict[str, Any], keep: Callable[[Any], bool] | None = None
) -> tuple[list[Any], dict[str, Any]]:
    """One page of an account's records in a table keyed by (account, name), and the members that say whether more
    follow. `keep` leaves records out (a path prefix); records are fetched a page at a time."""
    limit = req.get("MaxItems", PAGE_DEFAULT)
    after = None
    if "Marker" in req:
        after = table.key(account, unseal(req["Marker"], ValidationError).decode(errors="replace"))
    prefix = req.get("PathPrefix", "/")
    found: list[Any] = []
    while len(found) <= limit:
        rows = table.scan(tx, account, after=after, limit=limit + 1)
        found += [r for _, r in rows if r.path.startswith(prefix) and (keep is None or keep(r))]
        if len(rows) <= limit:
            break
        after = rows[-1][0]
    more: dict[str, Any] = {"IsTruncated": len(found) > limit}
    if len(found) > limit:
        more["Marker"] = seal(found[limit - 1].name.lower().encode())
    return found[:limit], more
