"""AWS::S3::Bucket and AWS::S3::BucketPolicy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from lambent.kit.sites import website_url

from .base import Handler, HandlerFailed, Physical, Work, chosen, document, tag_list
from .s3_settings import cors, encryption, lifecycle, notifications, ownership, website

_NO_BUCKET: Final = ("NoSuchBucket", "404", "NotFound")


class _Setting(NamedTuple):
    """A property that is set by an operation of its own after the bucket is there, and how it is taken back."""

    put: str
    member: str
    convert: Callable[[Any], Any]
    delete: str


def _same(value: Any) -> Any:
    return value


_SETTINGS: Final[Mapping[str, _Setting]] = {
    "PublicAccessBlockConfiguration": _Setting(
        "PutPublicAccessBlock", "PublicAccessBlockConfiguration", _same, "DeletePublicAccessBlock"
    ),
    "OwnershipControls": _Setting(
        "PutBucketOwnershipControls", "OwnershipControls", ownership, "DeleteBucketOwnershipControls"
    ),
    "VersioningConfiguration": _Setting("PutBucketVersioning", "VersioningConfiguration", _same, ""),
    "BucketEncryption": _Setting(
        "PutBucketEncryption", "ServerSideEncryptionConfiguration", encryption, "DeleteBucketEncryption"
    ),
    "CorsConfiguration": _Setting("PutBucketCors", "CORSConfiguration", cors, "DeleteBucketCors"),
    "LifecycleConfiguration": _Setting(
        "PutBucketLifecycleConfiguration", "LifecycleConfiguration", lifecycle, "DeleteBucketLifecycle"
    ),
    "WebsiteConfiguration": _Setting("PutBucketWebsite", "WebsiteConfiguration", website, "DeleteBucketWebsite"),
    "NotificationConfiguration": _Setting(
        "PutBucketNotificationConfiguration", "NotificationConfiguration", notifications, ""
    ),
}
_EMPTY: Final[Mapping[str, Any]] = {
    "VersioningConfiguration": {"Status": "Suspended"},
    "NotificationConfiguration": {},
}
"""What is put when a property that cannot be deleted is taken out of the template."""
_BUILT: Final = frozenset(("BucketName", "Tags", "AccessControl", "ObjectLockEnabled", *_SETTINGS))


class Bucket(Handler):
    """AWS::S3::Bucket."""

    name_property = "BucketName"

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Create the bucket and configure it."""
        for name in sorted(properties.keys() - _BUILT):
            raise HandlerFailed(f"Lambent has not built the property {name} of AWS::S3::Bucket yet.")
        bucket = work.physical_id or properties.get("BucketName") or work.name(63, lower=True)
        if not work.physical_id:
            await self._make(work, bucket, properties)
            await work.made(bucket)
        await self._configure(work, bucket, {}, properties)
        tags = tag_list(work, properties)
        if tags:
            await work.call("s3", "PutBucketTagging", Bucket=bucket, Tagging={"TagSet": tags})
        return self._physical(work, bucket)

    async def _make(self, work: Work, bucket: str, properties: dict[str, Any]) -> None:
        # CreateBucket succeeds for a bucket that its caller has already; a stack must not take such a one over.
        if await work.attempt(_NO_BUCKET, "s3", "HeadBucket", Bucket=bucket) is not None:
            buckets = (await work.call("s3", "ListBuckets"))["Buckets"] if work.resumed else []
            if not any(b["Name"] == bucket and work.ours(b["CreationDate"]) for b in buckets):
                raise HandlerFailed(f"{bucket} already exists")
            return
        params: dict[str, Any] = {"Bucket": bucket}
        if work.region != "us-east-1":
            params["CreateBucketConfiguration"] = {"LocationConstraint": work.region}
        if "AccessControl" in properties:
            params["ACL"] = _kebab(properties["AccessControl"])
        if properties.get("ObjectLockEnabled"):
            params["ObjectLockEnabledForBucket"] = True
        if "OwnershipControls" in properties:
            params["ObjectOwnership"] = properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
        await work.call("s3", "CreateBucket", **params)

    async def _configure(self, work: Work, bucket: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        for name, setting in _SETTINGS.items():
            if new.get(name) == old.get(name):
                continue
            if name in new:
                value = setting.convert(new[name])
                await work.call("s3", setting.put, Bucket=bucket, **{setting.member: value})
            elif setting.delete:
                await work.call("s3", setting.delete, Bucket=bucket)
            else:
                await work.call("s3", setting.put, Bucket=bucket, **{setting.member: dict(_EMPTY[name])})

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Change what differs."""
        for name in sorted(new.keys() - _BUILT):
            raise HandlerFailed(f"Lambent has not built the property {name} of AWS::S3::Bucket yet.")
        if chosen(old, "AccessControl") != chosen(new, "AccessControl"):
            acl = _kebab(new.get("AccessControl", "Private"))
            await work.call("s3", "PutBucketAcl", Bucket=physical.id, ACL=acl)
        await self._configure(work, physical.id, old, new)
        tags = tag_list(work, new)
        if tags:
            await work.call("s3", "PutBucketTagging", Bucket=physical.id, Tagging={"TagSet": tags})
        elif old.get("Tags") or work.old_tags:
            await work.call("s3", "DeleteBucketTagging", Bucket=physical.id)
        return self._physical(work, physical.id)

    def _physical(self, work: Work, bucket: str) -> Physical:
        attributes = {
            "Arn": f"arn:aws:s3:::{bucket}",
            "DomainName": f"{bucket}.s3.amazonaws.com",
            "RegionalDomainName": f"{bucket}.s3.{work.region}.amazonaws.com",
            "DualStackDomainName": f"{bucket}.s3.dualstack.{work.region}.amazonaws.com",
            "WebsiteURL": website_url(work.cloud.settings, bucket),
        }
        return Physical(bucket, attributes)

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Delete the bucket; S3 refuses while it holds objects."""
        await work.attempt(_NO_BUCKET, "s3", "DeleteBucket", Bucket=physical.id)


def _kebab(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


class BucketPolicy(Handler):
    """AWS::S3::BucketPolicy."""

    async def create(self, work: Work, properties: dict[str, Any]) -> Physical:
        """Put the policy; a bucket that has one already is another resource's."""
        bucket = properties["Bucket"]
        if not work.resumed and not work.physical_id:
            absent = (*_NO_BUCKET, "NoSuchBucketPolicy")
            if await work.attempt(absent, "s3", "GetBucketPolicy", Bucket=bucket) is not None:
                raise HandlerFailed("The bucket policy already exists on bucket " + bucket + ".")
        await self._put(work, properties)
        return Physical(bucket)

    async def _put(self, work: Work, properties: dict[str, Any]) -> None:
        policy = document(properties["PolicyDocument"])
        await work.call("s3", "PutBucketPolicy", Bucket=properties["Bucket"], Policy=policy)

    async def update(self, work: Work, physical: Physical, old: dict[str, Any], new: dict[str, Any]) -> Physical:
        """Put the new policy."""
        await self._put(work, new)
        return physical

    async def delete(self, work: Work, physical: Physical, properties: dict[str, Any]) -> None:
        """Take the policy away."""
        absent = (*_NO_BUCKET, "NoSuchBucketPolicy")
        await work.attempt(absent, "s3", "DeleteBucketPolicy", Bucket=properties["Bucket"])


HANDLERS: Final[Mapping[str, Handler]] = {
    "AWS::S3::Bucket": Bucket(),
    "AWS::S3::BucketPolicy": BucketPolicy(),
}
