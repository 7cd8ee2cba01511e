"""Tags of users, roles, managed policies and instance profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import NAMES, about, about_arn, get, iam, merged, page, replace, tags_of, without
from lambent.services.iam.errors import NoSuchEntity

from . import policies, profiles

Req = dict[str, Any]
Change = Callable[[model.Tags], model.Tags]


def _adding(req: Req) -> Change:
    new = tags_of(req)
    return lambda old: merged(old, new)


def _removing(req: Req) -> Change:
    return lambda old: without(old, req["TagKeys"])


def _page(tags: model.Tags, req: Req) -> Req:
    return page(sorted(model.tag_list(tags), key=_key), req, "Tags", _key)


def _key(tag: dict[str, str]) -> str:
    return tag["Key"]


def _entity(ctx: Context, tx: Transaction, req: Req, kind: str, change: Change) -> None:
    entity = get(tx, kind, ctx, req[NAMES[kind]])
    keys.save(tx, replace(entity, tags=change(entity.tags)))


def _policy(ctx: Context, tx: Transaction, req: Req, change: Change) -> None:
    policy = policies.find(tx, ctx, req["PolicyArn"])
    keys.save_policy(tx, replace(policy, tags=change(policy.tags)))


def _profile(ctx: Context, tx: Transaction, req: Req, change: Change) -> None:
    profile = profiles.find(ctx, tx, req["InstanceProfileName"])
    profiles.save(tx, replace(profile, tags=change(profile.tags)))


@iam.operation(tx="write", authorize=about("user", "TagUser"))
def tag_user(ctx: Context, tx: Transaction, req: Req) -> None:
    _entity(ctx, tx, req, "user", _adding(req))


@iam.operation(tx="write", authorize=about("user", "UntagUser"))
def untag_user(ctx: Context, tx: Transaction, req: Req) -> None:
    _entity(ctx, tx, req, "user", _removing(req))


@iam.operation(tx="read", authorize=about("user", "ListUserTags"))
def list_user_tags(ctx: Context, tx: Reader, req: Req) -> Req:
    return _page(get(tx, "user", ctx, req["UserName"]).tags, req)


@iam.operation(tx="write", authorize=about("role", "TagRole"))
def tag_role(ctx: Context, tx: Transaction, req: Req) -> None:
    _entity(ctx, tx, req, "role", _adding(req))


@iam.operation(tx="write", authorize=about("role", "UntagRole"))
def untag_role(ctx: Context, tx: Transaction, req: Req) -> None:
    _entity(ctx, tx, req, "role", _removing(req))


@iam.operation(tx="read", authorize=about("role", "ListRoleTags"))
def list_role_tags(ctx: Context, tx: Reader, req: Req) -> Req:
    return _page(get(tx, "role", ctx, req["RoleName"]).tags, req)


@iam.operation(tx="write", authorize=about_arn("PolicyArn", "TagPolicy"))
def tag_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _policy(ctx, tx, req, _adding(req))


@iam.operation(tx="write", authorize=about_arn("PolicyArn", "UntagPolicy"))
def untag_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    _policy(ctx, tx, req, _removing(req))


@iam.operation(tx="read", authorize=about_arn("PolicyArn", "ListPolicyTags"))
def list_policy_tags(ctx: Context, tx: Reader, req: Req) -> Req:
    policy = keys.find_policy(tx, req["PolicyArn"])
    if policy is None or policy.account != ctx.account:
        raise NoSuchEntity(f"Policy {req['PolicyArn']} was not found.")
    return _page(policy.tags, req)


@iam.operation(tx="write", authorize=profiles.about_profile("TagInstanceProfile"))
def tag_instance_profile(ctx: Context, tx: Transaction, req: Req) -> None:
    _profile(ctx, tx, req, _adding(req))


@iam.operation(tx="write", authorize=profiles.about_profile("UntagInstanceProfile"))
def untag_instance_profile(ctx: Context, tx: Transaction, req: Req) -> None:
    _profile(ctx, tx, req, _removing(req))


@iam.operation(tx="read", authorize=profiles.about_profile("ListInstanceProfileTags"))
def list_instance_profile_tags(ctx: Context, tx: Reader, req: Req) -> Req:
    return _page(profiles.find(ctx, tx, req["InstanceProfileName"]).tags, req)
