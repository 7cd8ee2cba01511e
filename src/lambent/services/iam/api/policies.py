"""Managed policies and their versions: the customer's own, and AWS's."""

from __future__ import annotations

import re
from typing import Any

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.policy import parse_document
from lambent.services.iam import keys, managed_policies, model
from lambent.services.iam.base import about_arn, about_new, about_path, iam, page, replace, tags_of
from lambent.services.iam.errors import (
    AccessDenied,
    DeleteConflict,
    EntityAlreadyExists,
    LimitExceeded,
    MalformedPolicyDocument,
    NoSuchEntity,
    ValidationError,
)
from lambent.services.iam.managed_policies import ManagedPolicy

Req = dict[str, Any]
SIZE_MAX = 6144
VERSIONS_MAX = 5
_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/.+")
_SPACE = re.compile(r"\s")
# AWS tells when each of its policies was made; for all of them here that is the start of the service.
_AWS_CREATED_MS = 1_286_150_400_000


def non_blank(document: str) -> int:
    """The size that quotas count: characters other than white space."""
    return len(_SPACE.sub("", document))


def require_policy(tx: Reader, ctx: Context, arn: str) -> None:
    """Raise unless `arn` names a managed policy that this account may attach."""
    if not _ARN.fullmatch(arn):
        raise ValidationError("Invalid ARN:  Could not be parsed!")
    own = arn.split(":")[4] in (ctx.account, "aws")
    if not own or (keys.find_policy(tx, arn) is None and managed_policies.find(arn) is None):
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")


def find(tx: Reader, ctx: Context, arn: str) -> model.Policy:
    """The customer's policy of that ARN, to be changed; AWS's own refuse."""
    if not _ARN.fullmatch(arn):
        raise ValidationError("Invalid ARN:  Could not be parsed!")
    policy = keys.find_policy(tx, arn)
    if arn.startswith(managed_policies.PREFIX):
        raise AccessDenied(f"User: {ctx.caller.arn} is not authorized to change the AWS managed policy {arn}")
    if policy is None or policy.account != ctx.account:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


def usage(tx: Reader, account: str, arn: str) -> Req:
    """How many entities have a policy attached, and as their boundary."""
    return {
        "AttachmentCount": len(keys.ATTACHMENTS.scan(tx, account, arn)),
        "PermissionsBoundaryUsageCount": len(keys.BOUNDARIES.scan(tx, account, arn)),
    }


def policy_shape(tx: Reader, policy: model.Policy) -> Req:
    """A customer managed policy as the model has it, without description and tags."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default}",
        **usage(tx, policy.account, policy.arn),
        "IsAttachable": True,
        "CreateDate": model.when(policy.created_ms),
        "UpdateDate": model.when(policy.updated_ms),
    }


def aws_policy_shape(tx: Reader, account: str, policy: ManagedPolicy) -> Req:
    """An AWS managed policy as the model has it, as seen by `account`."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy_id(policy),
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.version}",
        **usage(tx, account, policy.arn),
        "IsAttachable": True,
        "CreateDate": model.when(_AWS_CREATED_MS),
        "UpdateDate": model.when(_AWS_CREATED_MS),
    }


def policy_id(policy: ManagedPolicy) -> str:
    """A steady unique id for an AWS managed policy, from its name."""
    letters = re.sub(r"[^A-Z2-7]", "", policy.name.upper())
    return ("ANPA" + letters + "A" * 17)[:21]


@iam.operation(tx="write", authorize=about_new("policy", "PolicyName", "CreatePolicy"))
def create_policy(ctx: Context, tx: Transaction, req: Req) -> Req:
    name = req["PolicyName"]
    if keys.POLICIES.get(tx, ctx.account, name.lower()) is not None:
        raise EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
    document = check_document(req["PolicyDocument"])
    policy = model.Policy(
        account=ctx.account,
        name=name,
        path=req.get("Path", "/"),
        id=ctx.cloud.ids.unique("ANPA"),
        created_ms=ctx.now_ms,
        updated_ms=ctx.now_ms,
        versions=(model.Version(1, document, ctx.now_ms),),
        description=req.get("Description", ""),
        tags=tags_of(req),
    )
    found = policy_shape(tx, keys.save_policy(tx, policy))
    if policy.tags:
        found["Tags"] = model.tag_list(policy.tags)
    return {"Policy": found}


def check_document(document: str) -> str:
    """Check a managed policy's grammar and size. Inline policies may still be of the old version, managed ones not."""
    if parse_document(document, "identity").version != "2012-10-17":
        raise MalformedPolicyDocument("Policy document must be version 2012-10-17 or greater.")
    if non_blank(document) > SIZE_MAX:
        raise LimitExceeded(f"Cannot exceed quota for PolicySize: {SIZE_MAX}")
    return document


@iam.operation(tx="read", authorize=about_arn("PolicyArn", "GetPolicy"))
def get_policy(ctx: Context, tx: Reader, req: Req) -> Req:
    aws = managed_policies.find(req["PolicyArn"])
    if aws is not None:
        shape = aws_policy_shape(tx, ctx.account, aws)
        return {"Policy": shape | {"Description": aws.description, "Tags": []}}
    policy = _readable(tx, ctx, req["PolicyArn"])
    found = policy_shape(tx, policy) | {"Tags": model.tag_list(policy.tags)}
    if policy.description:
        found["Description"] = policy.description
    return {"Policy": found}


def _readable(tx: Reader, ctx: Context, arn: str) -> model.Policy:
    policy = keys.find_policy(tx, arn)
    if not _ARN.fullmatch(arn):
        raise ValidationError("Invalid ARN:  Could not be parsed!")
    if policy is None or policy.account != ctx.account:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


@iam.operation(tx="read", authorize=about_path("policy", "ListPolicies"))
def list_policies(ctx: Context, tx: Reader, req: Req) -> Req:
    scope = req.get("Scope", "All")
    prefix = req.get("PathPrefix", "/")
    found: list[Req] = []
    if scope in ("All", "Local"):
        own = (policy for _, policy in keys.POLICIES.scan(tx, ctx.account))
        found += [policy_shape(tx, policy) for policy in own if policy.path.startswith(prefix)]
    if scope in ("All", "AWS"):
        aws = (managed_policies.by_name(name) for name in managed_policies.names())
        found += [aws_policy_shape(tx, ctx.account, p) for p in aws if p is not None and p.path.startswith(prefix)]
    counted = {"PermissionsPolicy": "AttachmentCount", "PermissionsBoundary": "PermissionsBoundaryUsageCount"}
    used = counted.get(req.get("PolicyUsageFilter", ""))
    if used is not None:
        found = [policy for policy in found if policy[used]]
    if req.get("OnlyAttached"):
        found = [policy for policy in found if policy["AttachmentCount"]]
    found.sort(key=_name)
    return page(found, req, "Policies", _name)


def _name(policy: Req) -> str:
    # Two policies may share a name: the customer's and AWS's.
    return f"{policy['PolicyName'].lower()} {policy['Arn']}"


@iam.operation(tx="write", authorize=about_arn("PolicyArn", "DeletePolicy"))
def delete_policy(ctx: Context, tx: Transaction, req: Req) -> None:
    policy = find(tx, ctx, req["PolicyArn"])
    counts = usage(tx, ctx.account, policy.arn)
    if counts["AttachmentCount"] or counts["PermissionsBoundaryUsageCount"]:
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        )
    keys.remove_policy(tx, policy)


def _version_shape(version: model.Version, default: int, *, document: bool) -> Req:
    found: Req = {
        "VersionId": f"v{version.number}",
        "IsDefaultVersion": version.number == default,
        "CreateDate": model.when(version.created_ms),
    }
    return found | {"Document": model.encoded(version.document)} if document else found


def _number(policy: model.Policy, version_id: str) -> model.Version:
    version = policy.version(int(version_id[1:])) if re.fullmatch(r"v[1-9]\d{0,8}", version_id) else None
    if version is None:
        raise NoSuchEntity(f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")
    return version


@iam.operation(tx="write", authorize=about_arn("PolicyArn", "CreatePolicyVersion"))
def create_policy_version(ctx: Context, tx: Transaction, req: Req) -> Req:
    policy = find(tx, ctx, req["PolicyArn"])
    document = check_document(req["PolicyDocument"])
    if len(policy.versions) >= VERSIONS_MAX:
        raise LimitExceeded(
            f"A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new version, you must "
            "delete an existing version."
        )
    version = model.Version(policy.next_number, document, ctx.now_ms)
    default = version.number if req.get("SetAsDefault") else policy.default
    policy = replace(
        policy,
        versions=(*policy.versions, version),
        next_number=policy.next_number + 1,
        default=default,
        updated_ms=ctx.now_ms,
    )
    keys.save_policy(tx, policy)
    return {"PolicyVersion": _version_shape(version, default, document=False)}


@iam.operation(tx="read", authorize=about_arn("PolicyArn", "GetPolicyVersion"))
def get_policy_version(ctx: Context, tx: Reader, req: Req) -> Req:
    aws = managed_policies.find(req["PolicyArn"])
    if aws is not None and req["VersionId"] == f"v{aws.version}":
        version = model.Version(aws.version, aws.document, _AWS_CREATED_MS)
        return {"PolicyVersion": _version_shape(version, aws.version, document=True)}
    policy = _readable(tx, ctx, req["PolicyArn"])
    return {"PolicyVersion": _version_shape(_number(policy, req["VersionId"]), policy.default, document=True)}


@iam.operation(tx="read", authorize=about_arn("PolicyArn", "ListPolicyVersions"))
def list_policy_versions(ctx: Context, tx: Reader, req: Req) -> Req:
    aws = managed_policies.find(req["PolicyArn"])
    if aws is not None:
        only = model.Version(aws.version, aws.document, _AWS_CREATED_MS)
        return {"Versions": [_version_shape(only, aws.version, document=False)], "IsTruncated": False}
    policy = _readable(tx, ctx, req["PolicyArn"])
    # The newest comes first; markers sort by what is left to come.
    versions = sorted(policy.versions, key=_age)
    found = page(versions, req, "Versions", _age)
    found["Versions"] = [_version_shape(version, policy.default, document=False) for version in found["Versions"]]
    return found


def _age(version: model.Version) -> str:
    return f"{10**9 - version.number:010}"


@iam.operation(tx="write", authorize=about_arn("PolicyArn", "SetDefaultPolicyVersion"))
def set_default_policy_version(ctx: Context, tx: Transaction, req: Req) -> None:
    policy = find(tx, ctx, req["PolicyArn"])
    version = _number(policy, req["VersionId"])
    keys.save_policy(tx, replace(policy, default=version.number, updated_ms=ctx.now_ms))


@iam.operation(tx="write", authorize=about_arn("PolicyArn", "DeletePolicyVersion"))
def delete_policy_version(ctx: Context, tx: Transaction, req: Req) -> None:
    policy = find(tx, ctx, req["PolicyArn"])
    version = _number(policy, req["VersionId"])
    if version.number == policy.default:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    rest = tuple(other for other in policy.versions if other is not version)
    keys.save_policy(tx, replace(policy, versions=rest, updated_ms=ctx.now_ms))
