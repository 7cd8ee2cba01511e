"""Access control lists: canned ones, grants in headers, documents; and what they allow, as policy statements."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from typing import Any

from lambent.contracts.caller import Caller, Principal
from lambent.policy import canonical_user_id

from . import errors
from .model import BucketRecord, Grant

ALL_USERS = "http://acs.amazonaws.com/groups/global/AllUsers"
AUTHENTICATED_USERS = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
_PUBLIC = (ALL_USERS, AUTHENTICATED_USERS)
_GROUPS = (*_PUBLIC, LOG_DELIVERY)
_PERMISSIONS = ("FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP")
_HEADERS = {
    "GrantFullControl": "FULL_CONTROL",
    "GrantRead": "READ",
    "GrantReadACP": "READ_ACP",
    "GrantWrite": "WRITE",
    "GrantWriteACP": "WRITE_ACP",
}
_CANNED: dict[str, tuple[tuple[str, str], ...]] = {
    "private": (),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
    "public-read": ((ALL_USERS, "READ"),),
    "public-read-write": ((ALL_USERS, "READ"), (ALL_USERS, "WRITE")),
    "authenticated-read": ((AUTHENTICATED_USERS, "READ"),),
    "log-delivery-write": ((LOG_DELIVERY, "WRITE"), (LOG_DELIVERY, "READ_ACP")),
}
_ID = re.compile(r"[0-9a-f]{64}\Z")
_OF_BUCKET = {
    "READ": ("s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"),
    "READ_ACP": ("s3:GetBucketAcl",),
    "WRITE_ACP": ("s3:PutBucketAcl",),
}
_OF_OBJECT = {
    "READ": ("s3:GetObject", "s3:GetObjectVersion"),
    "READ_ACP": ("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    "WRITE_ACP": ("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
}


def given(req: Mapping[str, Any], owner: str, *, document: bool = False) -> tuple[Grant, ...] | None:
    """The grants that a request asks for, None when it says nothing. `owner` is the account that gets full control.
    With `document`, an AccessControlPolicy counts too. Raises the error that AWS has for each nonsense."""
    headers = [member for member in _HEADERS if member in req]
    if "ACL" in req and headers:
        raise errors.InvalidRequest("Specifying both Canned ACLs and Header Grants is not allowed")
    if document and "AccessControlPolicy" in req:
        if "ACL" in req or headers:
            raise errors.UnexpectedContent
        return _of_document(req["AccessControlPolicy"])
    if "ACL" in req:
        return canned(req["ACL"], owner)
    if not headers:
        return None
    return tuple(grant for member in headers for grant in _of_header(member, req[member]))


def canned(name: str, owner: str) -> tuple[Grant, ...]:
    """The grants of a canned ACL."""
    if name not in _CANNED:
        raise errors.InvalidArgument("", ArgumentName="x-amz-acl", ArgumentValue=name)
    full = Grant("CanonicalUser", canonical_user_id(owner), "FULL_CONTROL")
    return (full, *(Grant("Group", uri, permission) for uri, permission in _CANNED[name]))


def admit(bucket: BucketRecord, req: Mapping[str, Any], grants: tuple[Grant, ...] | None) -> tuple[Grant, ...]:
    """The grants to store with an object or bucket: none where ACLs are disabled, for which only the bucket owner's
    full control may be asked; AccessDenied when public ones are blocked."""
    if grants is None:
        return ()
    if bucket.ownership == "BucketOwnerEnforced":
        full = Grant("CanonicalUser", canonical_user_id(bucket.account), "FULL_CONTROL")
        if req.get("ACL") != "bucket-owner-full-control" and ("ACL" in req or grants != (full,)):
            raise errors.AccessControlListNotSupported
        return ()
    if bucket.block.block_acls and is_public(grants):
        raise errors.AccessDenied
    return () if req.get("ACL") == "private" else grants


def is_public(grants: tuple[Grant, ...]) -> bool:
    """Whether everyone, or everyone with an account, is granted something."""
    return any(grant.grantee in _PUBLIC for grant in grants)


def shown(grants: tuple[Grant, ...], owner: str) -> dict[str, Any]:
    """The answer of GetBucketAcl and GetObjectAcl."""
    rows = grants or canned("private", owner)
    return {
        "Owner": {"ID": canonical_user_id(owner)},
        "Grants": [
            {
                "Grantee": {"Type": grant.kind, ("URI" if grant.kind == "Group" else "ID"): grant.grantee},
                "Permission": grant.permission,
            }
            for grant in rows
        ],
    }


def resource_policy(bucket: BucketRecord, caller: Caller, key: str = "", grants: tuple[Grant, ...] = ()) -> str | None:
    """The document that stands for everything the resource itself allows `caller`: the bucket policy, and the grants
    of the ACLs of the bucket and of the object `key` as further statements. None when there is nothing."""
    policy = bucket.policy
    if policy and bucket.block.restrict and caller.account != bucket.account and is_public_policy(policy):
        policy = policy if caller.kind is Principal.SERVICE else ""
    if bucket.ownership == "BucketOwnerEnforced" or not (bucket.grants or grants):
        return policy or None
    statements = _statements(bucket, caller, bucket.grants, bucket.arn, _OF_BUCKET)
    writers = tuple(grant for grant in bucket.grants if grant.permission in ("WRITE", "FULL_CONTROL"))
    actions = {"WRITE": ("s3:PutObject", "s3:DeleteObject")}
    statements += _statements(bucket, caller, writers, f"{bucket.arn}/*", actions)
    if grants:
        statements += _statements(bucket, caller, grants, f"{bucket.arn}/{key}", _OF_OBJECT)
    return _merged(policy, json.dumps(statements)) if statements else policy or None


@functools.lru_cache(maxsize=256)
def is_public_policy(document: str) -> bool:
    """Whether a policy allows something to everyone without a condition that pins down who."""
    statements = json.loads(document).get("Statement", [])
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        everyone = principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS", ())))
        if statement.get("Effect") == "Allow" and everyone and not _pins_down(statement.get("Condition", {})):
            return True
    return False


def _pins_down(condition: Mapping[str, Any]) -> bool:
    fixed = {
        "aws:sourcearn", "aws:sourceaccount", "aws:principalaccount", "aws:principalarn", "aws:principalorgid",
        "aws:sourcevpc", "aws:sourcevpce", "aws:sourceip", "aws:userid", "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
    }  # fmt: skip
    for values in condition.values():
        for key, value in values.items():
            if key.lower() in fixed and not any(one in ("*", "0.0.0.0/0", "::/0") for one in _listed(value)):
                return True
    return False


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _statements(
    bucket: BucketRecord,
    caller: Caller,
    grants: tuple[Grant, ...],
    resource: str,
    actions: Mapping[str, tuple[str, ...]],
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for grant in grants:
        principal: Any = "*"
        if grant.kind == "Group":
            anonymous = caller.kind is Principal.ANONYMOUS
            if grant.grantee not in _PUBLIC or bucket.block.ignore_acls:
                continue
            if anonymous and grant.grantee == AUTHENTICATED_USERS:
                continue
        else:
            if grant.grantee == canonical_user_id(bucket.account):
                continue
            principal = {"CanonicalUser": grant.grantee}
        wanted = actions.values() if grant.permission == "FULL_CONTROL" else (actions.get(grant.permission, ()),)
        names = [name for group in wanted for name in group]
        if names:
            found.append({"Effect": "Allow", "Principal": principal, "Action": names, "Resource": resource})
    return found


@functools.lru_cache(maxsize=1024)
def _merged(policy: str, statements: str) -> str:
    document = json.loads(policy) if policy else {"Version": "2012-10-17", "Statement": []}
    own = document.get("Statement", [])
    document["Statement"] = [*([own] if isinstance(own, dict) else own), *json.loads(statements)]
    return json.dumps(document)


def _of_header(member: str, value: str) -> list[Grant]:
    found = []
    for one in value.split(","):
        name, _, quoted = one.strip().partition("=")
        grantee = quoted.strip().strip('"')
        if name == "uri":
            if grantee not in _GROUPS:
                raise errors.InvalidArgument("Invalid group uri", ArgumentName="uri", ArgumentValue=grantee)
            found.append(Grant("Group", grantee, _HEADERS[member]))
        elif name == "id":
            if not _ID.match(grantee):
                raise errors.InvalidArgument("Invalid id", ArgumentName="id", ArgumentValue=grantee)
            found.append(Grant("CanonicalUser", grantee, _HEADERS[member]))
        else:
            header = "x-amz-grant-" + {"READ_ACP": "read-acp", "WRITE_ACP": "write-acp"}.get(
                _HEADERS[member], _HEADERS[member].lower().replace("_", "-")
            )
            raise errors.InvalidArgument(
                "Argument format not recognized", ArgumentName=header, ArgumentValue=one.strip()
            )
    return found


def _of_document(document: Mapping[str, Any]) -> tuple[Grant, ...]:
    if "Owner" not in document or "Grants" not in document:
        raise errors.MalformedACLError
    owner = document["Owner"].get("ID", "")
    if not _ID.match(owner):
        raise errors.InvalidArgument("Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=owner)
    found = []
    for row in document["Grants"]:
        grantee, permission = row.get("Grantee", {}), row.get("Permission")
        kind = grantee.get("Type")
        if permission not in _PERMISSIONS or kind not in ("CanonicalUser", "Group"):
            raise errors.MalformedACLError
        member = "URI" if kind == "Group" else "ID"
        name = grantee.get(member, "")
        if kind == "Group" and name not in _GROUPS:
            raise errors.InvalidArgument("Invalid group uri", ArgumentName="Group/URI", ArgumentValue=name)
        if kind == "CanonicalUser" and not _ID.match(name):
            raise errors.InvalidArgument("Invalid id", ArgumentName="CanonicalUser/ID", ArgumentValue=name)
        found.append(Grant(kind, name, permission))
    return tuple(found)
