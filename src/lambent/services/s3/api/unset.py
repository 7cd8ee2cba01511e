"""What buckets and objects never have here, because it is not built: AWS's answers for what is unset.

Unsetting it succeeds, as it is unset afterwards; setting it is refused by name.
"""

from __future__ import annotations

from typing import Any

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader
from lambent.kit import Context

from .. import access, errors, keys, settings
from .._service import s3
from .objects import version_for_change

_INTEGRITY = ("ContentMD5", "ChecksumAlgorithm")
_GONE = {"ResponseMetadata": {"HTTPStatusCode": 204}}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetLifecycleConfiguration"))
def get_bucket_lifecycle_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """There are no lifecycle rules."""
    raise errors.NoSuchLifecycleConfiguration(BucketName=keys.bucket(tx, req).name)


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetReplicationConfiguration"))
def get_bucket_replication(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """The bucket is not replicated."""
    raise errors.ReplicationConfigurationNotFoundError(BucketName=keys.bucket(tx, req).name)


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketObjectLockConfiguration"))
def get_object_lock_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """The bucket has no object lock."""
    raise errors.ObjectLockConfigurationNotFoundError(BucketName=keys.bucket(tx, req).name)


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketLogging"))
def get_bucket_logging(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Access is not logged."""
    keys.bucket(tx, req)
    return {}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetAccelerateConfiguration"), harmless=("RequestPayer",))
def get_bucket_accelerate_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """Acceleration was never set."""
    keys.bucket(tx, req)
    return {}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetBucketRequestPayment"))
def get_bucket_request_payment(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The owner pays."""
    keys.bucket(tx, req)
    return {"Payer": "BucketOwner"}


@s3.operation(tx="read", authorize=access.on_bucket("s3:PutLifecycleConfiguration"))
def delete_bucket_lifecycle(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """There are no lifecycle rules to remove."""
    keys.bucket(tx, req)
    return _GONE


@s3.operation(tx="read", authorize=access.on_bucket("s3:PutReplicationConfiguration"))
def delete_bucket_replication(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The bucket is not replicated anyway."""
    keys.bucket(tx, req)
    return _GONE


@s3.operation(tx="read", authorize=access.on_bucket("s3:PutBucketRequestPayment"), harmless=_INTEGRITY)
def put_bucket_request_payment(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """The owner pays; nobody else can."""
    keys.bucket(tx, req)
    payer = settings.document(req, "RequestPaymentConfiguration").get("Payer")
    if payer == "Requester":
        raise NotBuilt("Lambent has not built the payer Requester of PutBucketRequestPayment yet.")
    if payer != "BucketOwner":
        raise errors.MalformedXML


@s3.operation(tx="read", authorize=access.on_bucket("s3:PutBucketLogging"), harmless=_INTEGRITY)
def put_bucket_logging(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """Access logs can only be turned off."""
    keys.bucket(tx, req)
    if settings.document(req, "BucketLoggingStatus").get("LoggingEnabled") is not None:
        raise NotBuilt("Lambent has not built LoggingEnabled of PutBucketLogging yet.")


@s3.operation(tx="read", authorize=access.on_object("s3:GetObjectRetention"), harmless=("RequestPayer",))
def get_object_retention(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """No bucket has an object lock."""
    version_for_change(ctx, tx, req, "GET")
    raise errors.InvalidRequest("Bucket is missing Object Lock Configuration")


@s3.operation(tx="read", authorize=access.on_object("s3:GetObjectLegalHold"), harmless=("RequestPayer",))
def get_object_legal_hold(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """No bucket has an object lock."""
    version_for_change(ctx, tx, req, "GET")
    raise errors.InvalidRequest("Bucket is missing Object Lock Configuration")


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetAnalyticsConfiguration"))
def get_bucket_analytics_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """There is no analytics configuration of any id."""
    keys.bucket(tx, req)
    raise errors.NoSuchConfiguration


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetAnalyticsConfiguration"))
def list_bucket_analytics_configurations(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """There are no analytics configurations."""
    keys.bucket(tx, req)
    return {"IsTruncated": False}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetInventoryConfiguration"))
def get_bucket_inventory_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """There is no inventory configuration of any id."""
    keys.bucket(tx, req)
    raise errors.NoSuchConfiguration


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetInventoryConfiguration"))
def list_bucket_inventory_configurations(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """There are no inventory configurations."""
    keys.bucket(tx, req)
    return {"IsTruncated": False}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetMetricsConfiguration"))
def get_bucket_metrics_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """There is no metrics configuration of any id."""
    keys.bucket(tx, req)
    raise errors.NoSuchConfiguration


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetMetricsConfiguration"))
def list_bucket_metrics_configurations(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """There are no metrics configurations."""
    keys.bucket(tx, req)
    return {"IsTruncated": False}


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetIntelligentTieringConfiguration"))
def get_bucket_intelligent_tiering_configuration(ctx: Context, tx: Reader, req: dict[str, Any]) -> None:
    """There is no tiering configuration of any id."""
    keys.bucket(tx, req)
    raise errors.NoSuchConfiguration


@s3.operation(tx="read", authorize=access.on_bucket("s3:GetIntelligentTieringConfiguration"))
def list_bucket_intelligent_tiering_configurations(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """There are no tiering configurations."""
    keys.bucket(tx, req)
    return {"IsTruncated": False}
