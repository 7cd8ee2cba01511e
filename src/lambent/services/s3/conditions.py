"""Conditional requests and ranges: pure rules. Times compare in whole seconds, as HTTP dates have no more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from . import errors
from .model import ObjectRecord

_RANGE = re.compile(r"bytes=(\d*)-(\d*)\Z")


def not_modified(req: Mapping[str, Any], record: ObjectRecord, now_ms: int) -> bool:
    """Whether a read is answered by 304; PreconditionFailed when by 412. A true If-Match outdoes
    If-Unmodified-Since, a false If-None-Match outdoes If-Modified-Since."""
    if "IfMatch" in req:
        if not matches(req["IfMatch"], record.etag):
            raise errors.PreconditionFailed(Condition="If-Match")
    elif "IfUnmodifiedSince" in req and _later(record, req["IfUnmodifiedSince"]):
        raise errors.PreconditionFailed(Condition="If-Unmodified-Since")
    if "IfNoneMatch" in req:
        return matches(req["IfNoneMatch"], record.etag)
    if "IfModifiedSince" in req:
        since = req["IfModifiedSince"]
        return not _later(record, since) and since.timestamp() * 1000 <= now_ms + 999
    return False


def check_copy_source(req: Mapping[str, Any], record: ObjectRecord) -> None:
    """PreconditionFailed when a condition on the source of a copy does not hold."""
    condition = ""
    if "CopySourceIfMatch" in req:
        if not matches(req["CopySourceIfMatch"], record.etag):
            condition = "If-Match"
    elif "CopySourceIfUnmodifiedSince" in req and _later(record, req["CopySourceIfUnmodifiedSince"]):
        condition = "If-Unmodified-Since"
    if not condition and "CopySourceIfNoneMatch" in req:
        if matches(req["CopySourceIfNoneMatch"], record.etag):
            condition = "If-None-Match"
    elif not condition and "CopySourceIfModifiedSince" in req and not _later(record, req["CopySourceIfModifiedSince"]):
        condition = "If-Modified-Since"
    if condition:
        raise errors.PreconditionFailed(Condition=f"x-amz-copy-source-{condition}")


def check_write_form(req: Mapping[str, Any]) -> None:
    """HeaderNotImplemented for conditions on a write that AWS does not know."""
    if "IfMatch" in req and "IfNoneMatch" in req:
        raise errors.HeaderNotImplemented(
            Header="If-Match,If-None-Match",
            additionalMessage="Multiple conditional request headers present in the request",
        )
    for member, header, refused in (("IfMatch", "If-Match", "*"), ("IfNoneMatch", "If-None-Match", None)):
        if member in req and (req[member] == refused or (refused is None and req[member] != "*")):
            raise errors.HeaderNotImplemented(
                Header=header,
                additionalMessage=f"We don't accept the provided value of {header} header for this API",
            )


def check_write(req: Mapping[str, Any], key: str, current: ObjectRecord | None) -> None:
    """PreconditionFailed, or NoSuchKey, when a condition on a write does not hold against the current version."""
    if "IfMatch" in req:
        if current is None:
            raise errors.NoSuchKey(Key=key)
        if not matches(req["IfMatch"], current.etag):
            raise errors.PreconditionFailed(Condition="If-Match")
    elif "IfNoneMatch" in req and current is not None:
        raise errors.PreconditionFailed(Condition="If-None-Match")


def matches(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names `etag`."""
    if header.strip() == "*":
        return True
    return any(one.strip().removeprefix("W/").strip('"') == etag for one in header.split(","))


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """First byte and length that a Range header asks for; None when it is to be ignored; InvalidRange when no byte of
    the object is in it."""
    found = _RANGE.match(header.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        if length == 0:
            raise errors.InvalidRange(RangeRequested=header, ActualObjectSize=str(size))
        return size - length, length
    first = int(found[1])
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    if found[2] and int(found[2]) < first:
        return None
    if first >= size:
        raise errors.InvalidRange(RangeRequested=header, ActualObjectSize=str(size))
    return first, last - first + 1


def copy_range(header: str, size: int) -> tuple[int, int]:
    """First byte and length of an UploadPartCopy's source range; InvalidArgument or InvalidRange."""
    found = _RANGE.match(header.strip())
    if found is None or not found[1] or not found[2] or int(found[2]) < int(found[1]):
        raise errors.InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    first, last = int(found[1]), int(found[2])
    if last >= size:
        raise errors.InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    return first, last - first + 1


def _later(record: ObjectRecord, since: datetime) -> bool:
    return record.modified_ms // 1000 > since.timestamp()
