"""The rules for tags, as the header, the document and the bucket have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_plus

from . import errors

Tags = tuple[tuple[str, str], ...]

OBJECT_TAGS_MAX = 10
BUCKET_TAGS_MAX = 50
_ALLOWED = re.compile(r"[\w\s.:/=+\-@]*\Z")


def of_header(header: str) -> Tags:
    """The tags in an x-amz-tagging header (a URL query)."""
    pairs = [one.partition("=") for one in header.split("&") if one]
    tags = tuple((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)
    if len({name for name, _ in tags}) < len(tags) or any(not name for name, _ in tags) or "," in header:
        raise errors.InvalidArgument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
            ArgumentName="x-amz-tagging",
            ArgumentValue=header,
        )
    _check(tags, "Your TagKey cannot be prefixed with aws:", OBJECT_TAGS_MAX)
    return tags


def of_object(tag_set: Iterable[Mapping[str, str]]) -> Tags:
    """The tags in a PutObjectTagging document."""
    return _of_document(tag_set, "Your TagKey cannot be prefixed with aws:", OBJECT_TAGS_MAX)


def of_bucket(tag_set: Iterable[Mapping[str, str]], *, new: bool = False) -> Tags:
    """The tags in a PutBucketTagging or (`new`) CreateBucket document."""
    system = "System tags cannot be added/updated by requester"
    if new:
        system = (
            'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. Remove "aws:" '
            "from your tag keys and try again."
        )
    return _of_document(tag_set, system, BUCKET_TAGS_MAX)


def shown(tags: Tags) -> list[dict[str, str]]:
    """Tags as answers show them."""
    return [{"Key": name, "Value": value} for name, value in tags]


def _of_document(tag_set: Iterable[Mapping[str, str]], system: str, most: int) -> Tags:
    found: list[tuple[str, str]] = []
    for row in tag_set:
        if not row.get("Key") or row.get("Value") is None:
            raise errors.MalformedXML
        if any(row["Key"] == name for name, _ in found):
            raise errors.InvalidTag("Cannot provide multiple Tags with the same key", TagKey=row["Key"])
        found.append((row["Key"], row["Value"]))
    tags = tuple(found)
    _check(tags, system, most)
    return tags


def _check(tags: Tags, system: str, most: int) -> None:
    if len(tags) > most:
        noun = "Object" if most == OBJECT_TAGS_MAX else "Bucket"
        raise errors.BadRequest(f"{noun} tags cannot be greater than {most}")
    for name, value in tags:
        if name.startswith("aws:"):
            raise errors.InvalidTag(system, TagKey=name)
        if len(name) > 128 or not _ALLOWED.match(name):
            raise errors.InvalidTag("The TagKey you have provided is invalid", TagKey=name)
        if len(value) > 256 or not _ALLOWED.match(value):
            raise errors.InvalidTag("The TagValue you have provided is invalid", TagKey=name, TagValue=value)
