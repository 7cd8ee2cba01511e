"""What an S3-compatible store answers: its XML, read into values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_ERROR = re.compile(rb"\s*(<\?xml[^>]*\?>)?\s*<Error[\s>]")
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Answer(NamedTuple):
    """A response that has arrived whole. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Listed(NamedTuple):
    """An object, or an unfinished upload (then with its `upload_id`), and how long ago it was written or begun, by the
    store's own clock. The age of an object `in_parts` is, on AWS, that of its upload's beginning."""

    key: str
    age: timedelta
    upload_id: str = ""
    in_parts: bool = False


class Page(NamedTuple):
    """A page of a list. `more` are the query parameters that lead to the next one; None at the end."""

    items: list[Listed]
    more: dict[str, str] | None


def error_of(answer: Answer) -> tuple[str, str]:
    """Code and message of an error; of one without a body (to a HEAD), what the status says."""
    root = _root(answer.body)
    if root is not None and _name(root) == "Error":
        return _text(root, "Code"), " ".join(_text(root, "Message").split())
    plain = {404: "NotFound", 403: "Forbidden", 301: "PermanentRedirect", 412: "PreconditionFailed"}
    return plain.get(answer.status, f"HTTP{answer.status}"), ""


def is_error(answer: Answer) -> bool:
    """Whether it is an error. Some operations answer 200 before they know, so the body has the last word."""
    return answer.status >= 300 or _ERROR.match(answer.body) is not None


def date_of(answer: Answer) -> datetime:
    """The store's time when it answered, to the second."""
    return parsedate_to_datetime(answer.headers["date"])


def text_of(answer: Answer, name: str) -> str:
    """The text of the first element `name`; `ValueError` when there is none."""
    root = _root(answer.body)
    found = "" if root is None else _text(root, name)
    if not found:
        raise ValueError(f"an answer without {name}")
    return found


def objects(answer: Answer) -> Page:
    """A page of ListObjectsV2."""
    root, now = _whole(answer), _now(answer)
    items = [
        Listed(_text(item, "Key"), now - _time(_text(item, "LastModified")), in_parts="-" in _text(item, "ETag"))
        for item in root.iterfind("{*}Contents")
    ]
    token = _text(root, "NextContinuationToken")
    return Page(items, {"continuation-token": token} if token else None)


def uploads(answer: Answer) -> Page:
    """A page of ListMultipartUploads."""
    root, now = _whole(answer), _now(answer)
    items = [
        Listed(_text(item, "Key"), now - _time(_text(item, "Initiated")), _text(item, "UploadId"))
        for item in root.iterfind("{*}Upload")
    ]
    if _text(root, "IsTruncated") != "true":
        return Page(items, None)
    markers = {"key-marker": "NextKeyMarker", "upload-id-marker": "NextUploadIdMarker"}
    return Page(items, {query: found for query, name in markers.items() if (found := _text(root, name))})


def failures(answer: Answer) -> list[str]:
    """Which keys DeleteObjects could not delete, and why."""
    return [f"{_text(item, 'Key')}: {_text(item, 'Code')}" for item in _whole(answer).iterfind("{*}Error")]


def completion(etags: Iterable[tuple[int, str]]) -> bytes:
    """The body of CompleteMultipartUpload."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>" for number, etag in etags
    )
    return f'<CompleteMultipartUpload xmlns="{_NAMESPACE}">{parts}</CompleteMultipartUpload>'.encode()


def deletion(keys: Iterable[str]) -> bytes:
    """The body of DeleteObjects; only failures are answered."""
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    return f'<Delete xmlns="{_NAMESPACE}"><Quiet>true</Quiet>{objects}</Delete>'.encode()


def placement(region: str) -> bytes:
    """The body of CreateBucket in a region that is not us-east-1."""
    constraint = f"<LocationConstraint>{escape(region)}</LocationConstraint>"
    return f'<CreateBucketConfiguration xmlns="{_NAMESPACE}">{constraint}</CreateBucketConfiguration>'.encode()


def _root(body: bytes) -> ElementTree.Element | None:
    try:
        return ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None


def _whole(answer: Answer) -> ElementTree.Element:
    root = _root(answer.body)
    if root is None:
        raise ValueError("an answer that is not XML")
    return root


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _now(answer: Answer) -> datetime:
    # It answers to the second, and lists to the millisecond.
    return date_of(answer) + timedelta(seconds=1)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
