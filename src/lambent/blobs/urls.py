"""URLs of stores of blobs: `s3://bucket[/prefix]?endpoint=http://host:port&region=...`."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from .errors import BlobsError

KEYS: Final = ("endpoint", "region", "access_key", "secret_key")
FORM: Final = "s3://BUCKET[/PREFIX][?endpoint=http://HOST:PORT&region=REGION&access_key=ID&secret_key=SECRET]"

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_REGION = re.compile(r"[a-z0-9-]+")
_PREFIX_BYTES_MAX = 512


class S3Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where an S3-compatible store is. `prefix` ends with a slash unless it is empty. `endpoint` is a base URL, empty
    for AWS. `region` is empty when the URL does not say. The keys are empty when they come from the environment."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""

    def __repr__(self) -> str:
        return f"S3Location({self})"

    def __str__(self) -> str:
        """How messages name it: nothing that is secret."""
        where = f" at {self.endpoint}" if self.endpoint else ""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/") + where


def parse(url: str) -> S3Location:
    """What a URL says; `BlobsError` with one line that says what is wrong with it, never with its secret."""
    parts = urlsplit(url)
    if parts.scheme != "s3":
        raise BlobsError(f"bodies cannot be kept at {parts.scheme or 'a path'}:// URLs; write {FORM}")
    bucket, prefix = parts.netloc, parts.path.strip("/")
    if not bucket:
        raise BlobsError(f"the URL of the blobs names no bucket; write {FORM}")
    if _BUCKET.fullmatch(bucket) is None:
        if "@" in bucket:  # a secret, perhaps
            raise BlobsError("keys do not belong before the bucket; write ?access_key=ID&secret_key=SECRET")
        raise BlobsError(f"{bucket!r} is not the name of a bucket: 3 to 63 of a-z, 0-9, hyphen and full stop")
    if prefix and (
        _PREFIX.fullmatch(prefix) is None or len(prefix) > _PREFIX_BYTES_MAX or {".", ".."} & set(prefix.split("/"))
    ):
        raise BlobsError(
            f"{prefix!r} cannot be a prefix of keys: letters, digits, full stop, hyphen, underscore, slash"
        )
    if parts.fragment:
        raise BlobsError("the URL of the blobs has a fragment (#...); percent-encode a # as %23")
    given = _query(parts.query)
    if bool(given.get("access_key")) != bool(given.get("secret_key")):
        raise BlobsError("the URL of the blobs has only one of access_key and secret_key")
    region = given.get("region", "")
    if region and _REGION.fullmatch(region) is None:
        raise BlobsError(f"{region!r} is not the name of a region")
    return S3Location(
        bucket=bucket,
        prefix=f"{prefix}/" if prefix else "",
        endpoint=_endpoint(given.get("endpoint", "")),
        region=region,
        access_key=given.get("access_key", ""),
        secret_key=given.get("secret_key", ""),
    )


def _query(query: str) -> dict[str, str]:
    """The query's values by key. A plus sign is one: secrets have them, and nobody encodes them."""
    given: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, _, value = part.partition("=")
        if key not in KEYS:
            raise BlobsError(f"the URL of the blobs has an unknown parameter {key!r}; known are {', '.join(KEYS)}")
        if key in given:
            raise BlobsError(f"the URL of the blobs has {key} twice")
        given[key] = unquote(value)
    return given


def _endpoint(endpoint: str) -> str:
    if not endpoint:
        return ""
    wrong = BlobsError(f"the endpoint {endpoint!r} of the blobs is not of the form http://HOST:PORT or https://HOST")
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise wrong
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise wrong
    return f"{parts.scheme}://{parts.netloc}"
