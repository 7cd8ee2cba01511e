"""What a request says about the object that it makes: headers, metadata, storage class, tags, ACL; all checked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from lambent.contracts.errors import NotBuilt

from . import acl, checksums, errors, tagging
from .model import (
    KEY_BYTES_MAX,
    METADATA_BYTES_MAX,
    STORAGE_CLASSES,
    BucketRecord,
    Grant,
    ObjectRecord,
    Settings,
)

REDIRECT = "WebsiteRedirectLocation"
REDIRECT_BYTES_MAX = 2048
HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")
UNBUILT = (
    "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5", "SSEKMSKeyId", "SSEKMSEncryptionContext",
    "BucketKeyEnabled", "ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus",
    "ObjectLockEventHold", "ObjectLockEventHoldDurationDays", "ObjectLockEventHoldDurationYears",
    "WriteOffsetBytes",
)  # fmt: skip
"""Parameters of operations that write objects, which are refused by name."""
UNBUILT_READ = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")
UNBUILT_BODY = (*UNBUILT, *checksums.UNBUILT)
HARMLESS = ("RequestPayer", "ContentLength")
ENCRYPTION = "AES256"

_UNKNOWN_CLASSES = frozenset(("GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", "OUTPOSTS", "SNOW", "EXPRESS_ONEZONE"))


def of_request(req: Mapping[str, Any], bucket: BucketRecord) -> Settings:
    """The settings that a request asks for."""
    grants = acl.admit(bucket, req, acl.given(req, bucket.account))
    return without_acl(req, grants=grants, tags=tagging.of_header(req["Tagging"]) if "Tagging" in req else ())


def without_acl(req: Mapping[str, Any], *, grants: tuple[Grant, ...] = (), tags: tagging.Tags = ()) -> Settings:
    """The settings that a request asks for, with grants and tags that were read from it before."""
    check_encryption(req)
    metadata = {name.lower(): value for name, value in req["Metadata"].items()} if "Metadata" in req else {}
    if metadata:
        size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
        if size > METADATA_BYTES_MAX:
            raise errors.MetadataTooLarge(Size=str(size), MaxSizeAllowed=str(METADATA_BYTES_MAX))
    headers = {name: _header(name, req[name]) for name in HEADERS if req.get(name)}
    if req.get(REDIRECT):
        headers[REDIRECT] = redirect_location(req)
    expires = req.get("Expires")
    if isinstance(expires, str):
        headers["Expires"] = expires  # no date, but S3 gives back what it was given
    return Settings(
        content_type=req.get("ContentType") or "binary/octet-stream",
        headers=headers,
        expires_s=int(expires.timestamp()) if isinstance(expires, datetime) else 0,
        metadata=metadata,
        storage_class=storage_class(req),
        tags=tags,
        grants=grants,
    )


def redirect_location(req: Mapping[str, Any]) -> str:
    """Where a website sends those who ask for the object, empty for nowhere; InvalidRedirectLocation."""
    location: str = req.get(REDIRECT) or ""
    if location and not location.startswith(("/", "http://", "https://")):
        raise errors.InvalidRedirectLocation
    if len(location.encode()) > REDIRECT_BYTES_MAX:
        raise errors.InvalidRedirectLocation("The length of website redirect location cannot exceed 2,048 characters.")
    return location


def storage_class(req: Mapping[str, Any]) -> str:
    """The storage class that a request asks for. Archives, which would have to be restored, are not built."""
    asked = req.get("StorageClass", "STANDARD")
    if asked in STORAGE_CLASSES:
        return str(asked)
    if asked in _UNKNOWN_CLASSES and asked != "OUTPOSTS":
        raise NotBuilt(f"Lambent has not built the storage class {asked} yet.")
    raise errors.InvalidStorageClass(StorageClassRequested=asked)


def check_encryption(req: Mapping[str, Any]) -> None:
    """NotBuilt for keys of KMS, InvalidEncryptionAlgorithmError for what is no algorithm."""
    asked = req.get("ServerSideEncryption", ENCRYPTION)
    if asked in ("aws:kms", "aws:kms:dsse", "aws:fsx", "aws:backup"):
        raise NotBuilt(f"Lambent has not built ServerSideEncryption {asked} yet.")
    if asked != ENCRYPTION:
        raise errors.InvalidEncryptionAlgorithmError(ArgumentName="x-amz-server-side-encryption", ArgumentValue=asked)


def check_key(key: str) -> None:
    """KeyTooLongError for a key of more than 1,024 bytes."""
    if len(key) * 4 > KEY_BYTES_MAX and len(key.encode()) > KEY_BYTES_MAX:
        raise errors.KeyTooLongError(Size=str(len(key.encode())), MaxSizeAllowed=str(KEY_BYTES_MAX))


def shown(record: ObjectRecord) -> dict[str, Any]:
    """The members by which GetObject and HeadObject show an object's settings."""
    settings = record.settings
    found: dict[str, Any] = {
        "ContentType": settings.content_type,
        "Metadata": settings.metadata,
        "ServerSideEncryption": ENCRYPTION,
    }
    if settings.headers:
        found.update(settings.headers)
    if settings.expires_s:
        found["Expires"] = datetime.fromtimestamp(settings.expires_s, UTC)
    if settings.storage_class != "STANDARD":
        found["StorageClass"] = settings.storage_class
    if settings.tags:
        found["TagCount"] = len(settings.tags)
    return found


def document(req: Mapping[str, Any], member: str) -> Any:
    """The document that a request brings; MissingRequestBodyError."""
    if member not in req:
        raise errors.MissingRequestBodyError
    return req[member]


def when(milliseconds: int) -> datetime:
    """A time as answers carry it: whole seconds, UTC."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC)


def _header(name: str, value: str) -> str:
    if name != "ContentEncoding":
        return value
    # aws-chunked says how the body came, not what it is.
    return ",".join(one.strip() for one in value.split(",") if one.strip() and one.strip() != "aws-chunked")
