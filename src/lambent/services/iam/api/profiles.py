"""Instance profiles."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import (
    Authorizer,
    about,
    about_path,
    check_form,
    get,
    iam,
    page,
    replace,
    request_conditions,
    scan_page,
    tags_of,
)
from lambent.services.iam.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded, NoSuchEntity

from .roles import modifiable, role_shape

Req = dict[str, Any]


def find(ctx: Context, tx: Reader, name: str) -> model.InstanceProfile:
    """The instance profile of that name; `NoSuchEntity` when there is none."""
    profile = keys.PROFILES.get(tx, ctx.account, name.lower())
    if profile is None:
        raise NoSuchEntity(f"Instance Profile {name} cannot be found.")
    return profile


def save(tx: Transaction, profile: model.InstanceProfile) -> None:
    """Store an instance profile."""
    keys.PROFILES.put(tx, profile, profile.account, profile.name.lower())


def about_profile(operation: str) -> Authorizer:
    """Ask about the instance profile that the request names."""

    def authorize(ctx: Context, tx: Reader, req: Req) -> list[Check]:
        check_form(req)
        name = req["InstanceProfileName"]
        profile = keys.PROFILES.get(tx, ctx.account, name.lower())
        path = req.get("Path", "/") if profile is None else profile.path
        resource = f"arn:aws:iam::{ctx.account}:instance-profile{path}{name}"
        return [Check(f"iam:{operation}", resource, request_conditions(req))]

    return authorize


def profile_shape(tx: Reader, profile: model.InstanceProfile, *, tags: bool = True) -> Req:
    """An instance profile as the model has it, its role included."""
    role = keys.ROLES.get(tx, profile.account, profile.role.lower()) if profile.role else None
    found: Req = {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": model.when(profile.created_ms),
        "Roles": [role_shape(role, session=False, full=False)] if role is not None else [],
    }
    if tags:
        found["Tags"] = model.tag_list(profile.tags)
    return found


@iam.operation(tx="write", authorize=about_profile("CreateInstanceProfile"))
def create_instance_profile(ctx: Context, tx: Transaction, req: Req) -> Req:
    name = req["InstanceProfileName"]
    if keys.PROFILES.get(tx, ctx.account, name.lower()) is not None:
        raise EntityAlreadyExists(f"Instance Profile {name} already exists.")
    profile = model.InstanceProfile(
        account=ctx.account,
        name=name,
        path=req.get("Path", "/"),
        id=ctx.cloud.ids.unique("AIPA"),
        created_ms=ctx.now_ms,
        tags=tags_of(req),
    )
    save(tx, profile)
    return {"InstanceProfile": profile_shape(tx, profile, tags=bool(profile.tags))}


@iam.operation(tx="read", authorize=about_profile("GetInstanceProfile"))
def get_instance_profile(ctx: Context, tx: Reader, req: Req) -> Req:
    return {"InstanceProfile": profile_shape(tx, find(ctx, tx, req["InstanceProfileName"]))}


@iam.operation(tx="read", authorize=about_path("instance-profile", "ListInstanceProfiles"))
def list_instance_profiles(ctx: Context, tx: Reader, req: Req) -> Req:
    found, more = scan_page(tx, keys.PROFILES, ctx.account, req)
    return {"InstanceProfiles": [profile_shape(tx, profile, tags=False) for profile in found], **more}


@iam.operation(tx="read", authorize=about("role", "ListInstanceProfilesForRole"))
def list_instance_profiles_for_role(ctx: Context, tx: Reader, req: Req) -> Req:
    role: model.RoleRecord = get(tx, "role", ctx, req["RoleName"])
    rows = keys.PROFILES_OF_ROLE.scan(tx, ctx.account, role.name.lower())
    names = [str(keys.PROFILES_OF_ROLE.parts(key)[2]) for key, _ in rows]
    found = page(names, req, "InstanceProfiles", str)
    found["InstanceProfiles"] = [
        profile_shape(tx, find(ctx, tx, name), tags=False) for name in found["InstanceProfiles"]
    ]
    return found


@iam.operation(tx="write", authorize=about_profile("DeleteInstanceProfile"))
def delete_instance_profile(ctx: Context, tx: Transaction, req: Req) -> None:
    profile = find(ctx, tx, req["InstanceProfileName"])
    if profile.role:
        raise DeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
    keys.PROFILES.delete(tx, ctx.account, profile.name.lower())


@iam.operation(tx="write", authorize=about_profile("AddRoleToInstanceProfile"))
def add_role_to_instance_profile(ctx: Context, tx: Transaction, req: Req) -> None:
    profile = find(ctx, tx, req["InstanceProfileName"])
    role = modifiable(get(tx, "role", ctx, req["RoleName"]))
    if profile.role:
        raise LimitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
    save(tx, replace(profile, role=role.name))
    keys.PROFILES_OF_ROLE.put(tx, model.Mark(), ctx.account, role.name.lower(), profile.name.lower())


@iam.operation(tx="write", authorize=about_profile("RemoveRoleFromInstanceProfile"))
def remove_role_from_instance_profile(ctx: Context, tx: Transaction, req: Req) -> None:
    profile = find(ctx, tx, req["InstanceProfileName"])
    role: model.RoleRecord = get(tx, "role", ctx, req["RoleName"])
    if profile.role != role.name:
        raise NoSuchEntity(f"The role with name {req['RoleName']} cannot be found.")
    save(tx, replace(profile, role=""))
    keys.PROFILES_OF_ROLE.delete(tx, ctx.account, role.name.lower(), profile.name.lower())
