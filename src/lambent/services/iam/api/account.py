"""What belongs to the account: alias, password policy, summary."""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.services.iam import keys, model
from lambent.services.iam.base import iam, replace
from lambent.services.iam.errors import EntityAlreadyExists, NoSuchEntity

from . import access_keys, attachments, groups, inline, policies, roles

Req = dict[str, Any]

_QUOTAS = {
    "AccessKeysPerUserQuota": access_keys.KEYS_PER_USER_MAX,
    "AssumeRolePolicySizeQuota": roles.TRUST_SIZE_MAX,
    "AttachedPoliciesPerGroupQuota": attachments.ATTACHED_MAX,
    "AttachedPoliciesPerRoleQuota": attachments.ATTACHED_MAX,
    "AttachedPoliciesPerUserQuota": attachments.ATTACHED_MAX,
    "GroupPolicySizeQuota": inline.SIZES_MAX["group"],
    "GroupsPerUserQuota": groups.GROUPS_PER_USER_MAX,
    "PolicySizeQuota": policies.SIZE_MAX,
    "RolePolicySizeQuota": inline.SIZES_MAX["role"],
    "UserPolicySizeQuota": inline.SIZES_MAX["user"],
    "VersionsPerPolicyQuota": policies.VERSIONS_MAX,
}
_PASSWORD_DEFAULTS: dict[str, Any] = {
    "MinimumPasswordLength": 6,
    "RequireSymbols": False,
    "RequireNumbers": False,
    "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False,
}


@iam.operation(tx="write")
def create_account_alias(ctx: Context, tx: Transaction, req: Req) -> None:
    alias = req["AccountAlias"]
    owner = keys.ALIASES.get(tx, alias)
    if owner is not None:
        raise EntityAlreadyExists(f"The account alias {alias} already exists.")
    account = keys.account_of(tx, ctx.account)
    if account.alias:
        keys.ALIASES.delete(tx, account.alias)
    keys.ALIASES.put(tx, model.Text(ctx.account), alias)
    keys.ACCOUNTS.put(tx, replace(account, alias=alias), ctx.account)


@iam.operation(tx="read")
def list_account_aliases(ctx: Context, tx: Reader, req: Req) -> Req:
    alias = keys.account_of(tx, ctx.account).alias
    return {"AccountAliases": [alias] if alias else [], "IsTruncated": False}


@iam.operation(tx="write")
def delete_account_alias(ctx: Context, tx: Transaction, req: Req) -> None:
    account = keys.account_of(tx, ctx.account)
    if account.alias != req["AccountAlias"]:
        raise NoSuchEntity(f"The account alias {req['AccountAlias']} cannot be found.")
    keys.ALIASES.delete(tx, account.alias)
    keys.ACCOUNTS.put(tx, replace(account, alias=""), ctx.account)


@iam.operation(tx="write")
def update_account_password_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    text = msgspec.json.encode({**_PASSWORD_DEFAULTS, **req}).decode()
    keys.ACCOUNTS.put(tx, replace(keys.account_of(tx, ctx.account), password_policy=text), ctx.account)


@iam.operation(tx="read")
def get_account_password_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    text = keys.account_of(tx, ctx.account).password_policy
    if not text:
        raise NoSuchEntity(f"The Password Policy with domain name {ctx.account} cannot be found.")
    policy = msgspec.json.decode(text)
    return {"PasswordPolicy": {**policy, "ExpirePasswords": policy.get("MaxPasswordAge", 0) > 0}}


@iam.operation(tx="write")
def delete_account_password_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    account = keys.account_of(tx, ctx.account)
    if not account.password_policy:
        raise NoSuchEntity(f"The Password Policy with domain name {ctx.account} cannot be found.")
    keys.ACCOUNTS.put(tx, replace(account, password_policy=""), ctx.account)


@iam.operation(tx="read")
def get_account_summary(ctx: Context, tx: Reader, req: Req) -> Req:
    account = ctx.account
    own = [policy for _, policy in keys.POLICIES.scan(tx, account)]
    found = {
        "Users": len(keys.USERS.scan(tx, account)),
        "Groups": len(keys.GROUPS.scan(tx, account)),
        "Roles": len(keys.ROLES.scan(tx, account)),
        "InstanceProfiles": len(keys.PROFILES.scan(tx, account)),
        "Policies": len(own),
        "PolicyVersionsInUse": sum(len(policy.versions) for policy in own),
        "AccountAccessKeysPresent": int(bool(keys.account_of(tx, account).root_keys)),
        "AccountMFAEnabled": 0,
        "MFADevices": 0,
        "MFADevicesInUse": 0,
        "ServerCertificates": 0,
    }
    return {"SummaryMap": found | _QUOTAS}
