"""Records of S3 and the pure rules about them. Times end in their unit; ETags and checksums carry no quotes."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib

import msgspec

INLINE_BYTES_MAX = 2048
"""A body up to this size lives inside the object's record."""
ROW_BYTES_MAX = 64 * 1024 - 1
"""A body up to this size lives in the store, beside the record; a longer one is a blob."""
OBJECT_BYTES_MAX = 5 * 1024**3
PART_BYTES_MIN = 5 * 1024**2
METADATA_BYTES_MAX = 2048
KEY_BYTES_MAX = 1024
STORAGE_CLASSES = frozenset(("STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"))
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"

OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
ENABLED = "Enabled"
SUSPENDED = "Suspended"
NULL_VERSION = "null"

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_IP = re.compile(r"\d+\.\d+\.\d+\.\d+\Z")
_ALTERNATIVE = b"._"


class Grant(msgspec.Struct, frozen=True):
    """One grant of an ACL. `kind` is CanonicalUser or Group, `grantee` the canonical id or the group's URI."""

    kind: str
    grantee: str
    permission: str


class PublicBlock(msgspec.Struct, frozen=True, omit_defaults=True):
    """A bucket's public access block."""

    block_acls: bool = False
    ignore_acls: bool = False
    block_policy: bool = False
    restrict: bool = False


class Destination(msgspec.Struct, frozen=True, omit_defaults=True):
    """One notification: which events of which keys go to which ARN. `kind` is Queue, Topic or LambdaFunction."""

    id: str
    kind: str
    arn: str
    events: tuple[str, ...]
    rules: tuple[tuple[str, str], ...] = ()
    """The filter's rules (name as it was given, value)."""

    def wants(self, event: str, key: str) -> bool:
        """Whether an event (`s3:ObjectCreated:Put`) of `key` goes here."""
        if not any(event == mine or (mine[-1] == "*" and event.startswith(mine[:-1])) for mine in self.events):
            return False
        return key.startswith(self.rule("prefix")) and key.endswith(self.rule("suffix"))

    def rule(self, name: str) -> str:
        """The value of the filter's rule `name`, empty when there is none."""
        return next((value for mine, value in self.rules if mine.lower() == name), "")


class BucketRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A bucket. `id` is new for each creation, so that nothing of a deleted bucket of the same name shows again.

    `versioning` is empty, Enabled or Suspended. `grants` empty means: the owner has full control.
    `cors` says whether there is a CORS configuration, which has a row of its own. `encryption` is the algorithm of the
    default encryption, empty for S3's own default.
    """

    id: str
    name: str
    account: str
    region: str
    created_ms: int
    versioning: str = ""
    policy: str = ""
    ownership: str = "BucketOwnerEnforced"
    grants: tuple[Grant, ...] = ()
    public_block: PublicBlock | None = None
    tags: tuple[tuple[str, str], ...] = ()
    destinations: tuple[Destination, ...] = ()
    event_bridge: bool = False
    cors: bool = False
    encryption: str = ""

    @property
    def arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:aws:s3:::{self.name}"

    @property
    def block(self) -> PublicBlock:
        """The public access block, all off when none is set."""
        return self.public_block or _OPEN


_OPEN = PublicBlock()


class OwnedBucket(msgspec.Struct, frozen=True):
    """The row by which an account's buckets are listed."""

    region: str
    created_ms: int


class PartRow(msgspec.Struct, frozen=True, array_like=True):
    """A part of a completed multipart upload: its number, size, and base64 checksum (empty unless COMPOSITE)."""

    number: int
    size: int
    checksum: str = ""


class Checksum(msgspec.Struct, frozen=True, array_like=True):
    """A checksum: algorithm (`crc32`), base64 value, FULL_OBJECT or COMPOSITE."""

    algorithm: str
    value: str
    kind: str = "FULL_OBJECT"


class Settings(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a caller says about an object when he creates it. `headers` are by model names (CacheControl, ...);
    `expires_s` is the Expires header, where it is a date; `grants` its ACL, empty for the default."""

    content_type: str = "binary/octet-stream"
    headers: dict[str, str] = {}
    expires_s: int = 0
    metadata: dict[str, str] = {}
    storage_class: str = "STANDARD"
    tags: tuple[tuple[str, str], ...] = ()
    grants: tuple[Grant, ...] = ()


class ObjectRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version of an object, or a delete marker.

    `seq` orders the versions of a key; `version` is empty for the null version. The body is `inline`, or the blob
    `blob`, or else a row of its own. `upload` is the multipart upload that made it.
    """

    seq: int
    modified_ms: int
    owner: str
    size: int = 0
    etag: str = ""
    version: str = ""
    checksum: Checksum | None = None
    inline: bytes | None = None
    blob: str = ""
    settings: Settings = Settings()
    parts: tuple[PartRow, ...] = ()
    upload: str = ""
    marker: bool = False

    @property
    def shown_version(self) -> str:
        """The version id as callers see it."""
        return self.version or NULL_VERSION


class BodyRecord(msgspec.Struct, frozen=True):
    """A body in a row of its own."""

    data: bytes


class NullVersion(msgspec.Struct, frozen=True):
    """Where among the noncurrent versions the null version is."""

    seq: int


class Shares(msgspec.Struct, frozen=True):
    """How many objects name a blob; only kept when they are more than one."""

    count: int


class UploadRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A multipart upload in progress. `algorithm` empty: none was asked for. `disturbed`: the key was deleted since."""

    id: str
    seq: int
    initiator: str
    initiated_ms: int
    settings: Settings = Settings()
    algorithm: str = ""
    kind: str = ""
    disturbed: bool = False


class PartRecord(msgspec.Struct, frozen=True):
    """An uploaded part: always a blob. `checksums` are raw digests by algorithm, crc64nvme always among them."""

    size: int
    etag: str
    modified_ms: int
    blob: str
    checksums: dict[str, bytes]
    asked: str = ""


class CorsRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule of a CORS configuration."""

    methods: tuple[str, ...]
    origins: tuple[str, ...]
    headers: tuple[str, ...] = ()
    expose: tuple[str, ...] = ()
    max_age_s: int | None = None
    id: str = ""


class CorsRecord(msgspec.Struct, frozen=True):
    """A bucket's CORS configuration."""

    rules: tuple[CorsRule, ...]


class Redirect(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a website sends a browser. `host` and `protocol` empty mean: as in the request; `code` 0 means 301; of the
    replacements of the key, None means that it is not asked for."""

    host: str = ""
    protocol: str = ""
    code: int = 0
    prefix: str | None = None
    key: str | None = None


class RoutingRule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One routing rule of a website: requests for keys that begin with `prefix` (any where None), that would be
    answered by `error` (0: whatever they would be answered by)."""

    redirect: Redirect
    prefix: str | None = None
    error: int = 0


class WebsiteRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A bucket's website configuration: `everything` redirects all requests; else `index` is the suffix of folders and
    `error` the key of the error document, empty where there is none."""

    index: str = ""
    error: str = ""
    rules: tuple[RoutingRule, ...] = ()
    everything: Redirect | None = None


def is_bucket_name(name: str) -> bool:
    """Whether `name` follows the rules for the names of general purpose buckets."""
    if not _NAME.match(name) or _IP.match(name) or ".." in name:
        return False
    return not name.startswith(("xn--", "sthree-", "amzn-s3-demo-")) and not name.endswith(
        ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
    )


def seal_version(seq: int, random: bytes) -> str:
    """A version id (or upload id): 32 characters that carry `seq` and can be told from a made-up one.

    `random` is 12 bytes.
    """
    mask = hashlib.blake2b(random, digest_size=8).digest()
    head = bytes(a ^ b for a, b in zip(seq.to_bytes(8, "big"), mask, strict=True))
    body = head + random
    return base64.b64encode(body + zlib.crc32(body).to_bytes(4, "big"), _ALTERNATIVE).decode()


def open_version(text: str) -> int | None:
    """The `seq` in a version id made by `seal_version`, or None when it was not made by it."""
    if len(text) != 32:
        return None
    try:
        raw = base64.b64decode(text.encode(), _ALTERNATIVE, validate=True)
    except ValueError:
        return None
    body, check = raw[:20], raw[20:]
    if zlib.crc32(body).to_bytes(4, "big") != check:
        return None
    mask = hashlib.blake2b(body[8:], digest_size=8).digest()
    return int.from_bytes(bytes(a ^ b for a, b in zip(body[:8], mask, strict=True)), "big")


def multipart_etag(part_etags: list[str]) -> str:
    """The ETag of a multipart object: the MD5 of its parts' MD5s, and their number."""
    joined = b"".join(bytes.fromhex(etag) for etag in part_etags)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(part_etags)}"
