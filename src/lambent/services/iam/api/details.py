"""GetAccountAuthorizationDetails: everything that decides who may do what, in one list."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context
from lambent.services.iam import keys, managed_policies, model
from lambent.services.iam.base import iam, page
from lambent.services.iam.managed_policies import ManagedPolicy

from .groups import group_shape
from .policies import aws_policy_shape, policy_shape
from .profiles import profile_shape
from .roles import role_shape
from .users import user_shape

Req = dict[str, Any]
Row = model.AnyEntity | model.Policy | ManagedPolicy
_FILTERS = ("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")


def _attached(entity: model.AnyEntity) -> list[Req]:
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in entity.attached]


def _inline(entity: model.AnyEntity) -> list[Req]:
    return [{"PolicyName": name, "PolicyDocument": model.encoded(document)} for name, document in entity.inline]


def _user(tx: Reader, user: model.User) -> Req:
    found = user_shape(user) | {"GroupList": list(user.groups), "AttachedManagedPolicies": _attached(user)}
    return found | ({"UserPolicyList": _inline(user)} if user.inline else {}) | {"Tags": model.tag_list(user.tags)}


def _group(tx: Reader, group: model.Group) -> Req:
    return group_shape(group) | {"GroupPolicyList": _inline(group), "AttachedManagedPolicies": _attached(group)}


def _role(tx: Reader, role: model.RoleRecord) -> Req:
    found = role_shape(role, session=False)
    found.pop("Description", None)
    rows = keys.PROFILES_OF_ROLE.scan(tx, role.account, role.name.lower())
    names = [str(keys.PROFILES_OF_ROLE.parts(key)[2]) for key, _ in rows]
    profiles = [keys.PROFILES.get(tx, role.account, name) for name in names]
    return found | {
        "InstanceProfileList": [profile_shape(tx, profile, tags=False) for profile in profiles if profile is not None],
        "RolePolicyList": _inline(role),
        "AttachedManagedPolicies": _attached(role),
        "RoleLastUsed": {},
        "Tags": model.tag_list(role.tags),
    }


def _policy(tx: Reader, account: str, policy: model.Policy | ManagedPolicy) -> Req:
    if isinstance(policy, ManagedPolicy):
        found = aws_policy_shape(tx, account, policy)
        versions = [model.Version(policy.version, policy.document, 0)]
        default, created = policy.version, found["CreateDate"]
    else:
        found = policy_shape(tx, policy)
        versions, default, created = list(policy.versions), policy.default, None
    found["PolicyVersionList"] = [
        {
            "Document": model.encoded(version.document),
            "VersionId": f"v{version.number}",
            "IsDefaultVersion": version.number == default,
            "CreateDate": created or model.when(version.created_ms),
        }
        for version in versions
    ]
    return found


def _rows(tx: Reader, account: str, wanted: set[str]) -> list[tuple[str, Row]]:
    """(sorting name, record) of everything asked for, one kind after another."""
    found: list[tuple[str, Row]] = []
    for number, kind in enumerate(("User", "Group", "Role")):
        if kind in wanted:
            rows = keys.TABLES[kind.lower()].scan(tx, account)
            found += [(f"{number}{record.name.lower()}", record) for _, record in rows]
    if "LocalManagedPolicy" in wanted:
        found += [(f"3{policy.name.lower()}", policy) for _, policy in keys.POLICIES.scan(tx, account)]
    if "AWSManagedPolicy" in wanted:
        policies = [managed_policies.by_name(name) for name in managed_policies.names()]
        # AWS lists those of its policies that are in use.
        used = [p for p in policies if p is not None and keys.ATTACHMENTS.scan(tx, account, p.arn, limit=1)]
        found += [(f"4{policy.name.lower()}", policy) for policy in used]
    return sorted(found, key=lambda row: row[0])


@iam.operation(tx="read")
def get_account_authorization_details(ctx: Context, tx: Reader, req: Req) -> Req:
    found = page(_rows(tx, ctx.account, set(req.get("Filter") or _FILTERS)), req, "Rows", lambda row: row[0])
    rows: list[tuple[str, Row]] = found.pop("Rows")
    lists: dict[str, list[Req]] = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    for _, row in rows:
        if isinstance(row, model.User):
            lists["UserDetailList"].append(_user(tx, row))
        elif isinstance(row, model.Group):
            lists["GroupDetailList"].append(_group(tx, row))
        elif isinstance(row, model.RoleRecord):
            lists["RoleDetailList"].append(_role(tx, row))
        else:
            lists["Policies"].append(_policy(tx, ctx.account, row))
    return found | lists
