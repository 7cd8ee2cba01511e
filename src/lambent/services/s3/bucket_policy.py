"""What S3 refuses when a bucket policy is put, beyond the grammar of policies: who, what and which must exist here."""

from __future__ import annotations

import fnmatch
import functools
import json
from typing import Any

from lambent.contracts.ports import Directory, Reader
from lambent.policy import MalformedPolicyDocument, named_principals, parse_document

from . import errors
from .model import BucketRecord

_ARN = "arn:aws:s3:::"
# From AWS's service authorization reference: the actions whose resource is an object, and those about a bucket.
_OBJECT_ACTIONS = """
AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion
DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention
GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes
GetObjectVersionForReplication GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication
ListMultipartUploadParts ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl PutObjectLegalHold
PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging ReplicateDelete ReplicateObject
ReplicateTags RestoreObject UpdateObjectEncryption
"""
_BUCKET_ACTIONS = """
CreateBucket CreateBucketMetadataTableConfiguration DeleteBucket DeleteBucketMetadataTableConfiguration
DeleteBucketPolicy DeleteBucketWebsite GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac
GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy
GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning
GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration
GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration ListBucket
ListBucketMultipartUploads ListBucketVersions ListTagsForResource PutAccelerateConfiguration
PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification
PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock
PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration
PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration PutMetricsConfiguration
PutReplicationConfiguration TagResource UntagResource UpdateBucketMetadataInventoryTableConfiguration
UpdateBucketMetadataJournalTableConfiguration
"""


@functools.cache
def _actions(names: str) -> frozenset[str]:
    return frozenset(f"s3:{name.lower()}" for name in names.split())


def check(tx: Reader, directory: Directory, bucket: BucketRecord, policy: str) -> None:
    """MalformedPolicy unless it is a resource policy about this bucket whose users, roles and actions exist."""
    try:
        parse_document(policy, "resource")
        statements = json.loads(policy)["Statement"]
    except MalformedPolicyDocument as error:
        raise errors.MalformedPolicy(str(error)) from None
    except (ValueError, KeyError, TypeError):
        raise errors.MalformedPolicy("Policies must be valid JSON and the first byte must be '{'") from None
    for statement in [statements] if isinstance(statements, dict) else statements:
        for arn in named_principals(statement):
            if not directory.principal_exists(tx, arn):
                raise errors.MalformedPolicy("Invalid principal in policy", Detail=f'"AWS" : "{arn}"')
        _check_resources(bucket, statement)
        _check_actions(statement)


def _check_resources(bucket: BucketRecord, statement: dict[str, Any]) -> None:
    for member in ("Resource", "NotResource"):
        for resource in _listed(statement, member):
            if not _about(bucket, resource):
                raise errors.MalformedPolicy("Policy has invalid resource", Detail=resource)
    if "Resource" not in statement and "NotResource" not in statement:
        raise errors.MalformedPolicy("Missing required field Resource")


def _about(bucket: BucketRecord, resource: str) -> bool:
    """Whether a resource of a policy can mean the bucket or its objects."""
    if resource == "*":
        return True
    name = resource.removeprefix(_ARN).partition("/")[0]
    if "*" in name or "?" in name:
        fixed = name.replace("?", "*").partition("*")[0]
        return resource.startswith(_ARN) and bucket.name.startswith(fixed)
    return resource.startswith(_ARN) and (name == bucket.name or "${" in name)


def _check_actions(statement: dict[str, Any]) -> None:
    """Each action is one of S3's, and has a resource of its kind in the statement."""
    resources = _listed(statement, "Resource")
    objects = not resources or any("/" in name or "*" in name for name in resources)
    buckets = not resources or any("/" not in name or "*" in name.partition("/")[0] for name in resources)
    for action in (*_listed(statement, "Action"), *_listed(statement, "NotAction")):
        pattern = action.lower()
        of_objects = bool(fnmatch.filter(_actions(_OBJECT_ACTIONS), pattern))
        of_buckets = bool(fnmatch.filter(_actions(_BUCKET_ACTIONS), pattern))
        if not of_objects and not of_buckets:
            raise errors.MalformedPolicy("Policy has invalid action", Detail=action)
        if not (of_objects and objects) and not (of_buckets and buckets) and "Action" in statement:
            raise errors.MalformedPolicy("Action does not apply to any resource(s) in statement", Detail=action)


def _listed(statement: dict[str, Any], member: str) -> list[str]:
    named = statement.get(member, [])
    return [named] if isinstance(named, str) else list(named)
