"""What S3 reads in ways of its own: numbers and dates in query strings and headers, the digests that come with
documents, and a PUT of an object with half of a part's address.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from lambent.blobs.digests import digest
from lambent.contracts.errors import NotBuilt
from lambent.contracts.http import Request

from .errors import (
    BadDigest,
    InvalidArgument,
    InvalidDigest,
    InvalidRequest,
    MethodNotAllowed,
    SerializationException,
)
from .forms import pairs

_CHECKSUM = "x-amz-checksum-"
_SIZES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
_UNBUILT = frozenset({"sha512", "md5", "xxhash64", "xxhash3", "xxhash128"})
_INTEGERS = ("integer", "long")
_INTEGER_MAX = 2**31
_QUERY_FIELDS_MAX = 1000
_IGNORED = frozenset({"if-modified-since", "if-unmodified-since"})
"""Headers that HTTP says to ignore where they hold no date."""
_AS_SENT = frozenset({"expires"})
"""Headers that are kept as text where they hold no date."""
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "partNumber": "Part number must be an integer between 1 and 10000, inclusive",
        "x-amz-object-lock-retain-until-date": "The retain until date must be provided in ISO 8601 format",
    }
)


def scalar(name: str, kind: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """`read` for the header or parameter `name`: InvalidArgument for what cannot be read, None for what is ignored."""
    if read is str:
        return read
    lower = name.lower()

    def guarded(text: str) -> Any:
        if not text and kind in _INTEGERS and lower.startswith("max-"):
            return None  # a page size that is left empty is the usual one
        try:
            value = read(text)
            if kind != "integer" or -_INTEGER_MAX <= value < _INTEGER_MAX:
                return value
        except SerializationException:
            if lower in _IGNORED:
                return None
            if lower in _AS_SENT:
                return text
        raise InvalidArgument(_words(name, kind), ArgumentName=name, ArgumentValue=text)

    return guarded


def _words(name: str, kind: str) -> str:
    if name in _WORDS:
        return _WORDS[name]
    return f"Provided {name} not an integer or within integer range" if kind in _INTEGERS else "Invalid Argument"


def check_address(request: Request) -> None:
    """Raise where the PUT of an object names a part without its upload, or an upload without its part."""
    try:
        names = {name for name, _ in pairs(request.query, _QUERY_FIELDS_MAX)}
    except ValueError:
        return  # the bindings refuse it
    if "partNumber" in names:
        raise InvalidArgument(
            "This operation does not accept partNumber without uploadId",
            ArgumentName="partNumber",
            ArgumentValue="partNumber",
        )
    if "uploadId" in names:
        raise MethodNotAllowed(
            "The specified method is not allowed against this resource.",
            Method="PUT",
            ResourceType="UPLOAD",
            Headers={"Allow": "DELETE, POST, GET"},
        )


def check_document(headers: Mapping[str, str], body: bytes, checksums: bool) -> None:
    """Raise unless the digests that came with a document are its own. `checksums`: the operation takes x-amz-checksum-*
    for its document; CompleteMultipartUpload, for one, means the object's."""
    given = headers.get("content-md5")
    if given is not None:
        _check_md5(given, body)
    if not checksums:
        return
    found = [name[len(_CHECKSUM) :] for name in headers if name.startswith(_CHECKSUM)]
    unbuilt = [name for name in found if name in _UNBUILT]
    if unbuilt:
        raise NotBuilt(f"Lambent has not built the checksum {unbuilt[0].upper()} yet.")
    found = [name for name in found if name in _SIZES]
    if len(found) > 1:
        raise InvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    for algorithm in found:
        expected = _decoded(headers[_CHECKSUM + algorithm], _SIZES[algorithm])
        if expected is None:
            raise InvalidRequest(f"Value for {_CHECKSUM}{algorithm} header is invalid.")
        if expected != digest(body, algorithm):
            raise BadDigest(f"The {algorithm.upper()} you specified did not match the calculated checksum.")


def _check_md5(given: str, body: bytes) -> None:
    expected = _decoded(given, 16)
    if expected is None:
        element: dict[str, Any] = {"Content-MD5": given}
        raise InvalidDigest("The Content-MD5 you specified was invalid.", **element)
    calculated = digest(body, "md5")
    if calculated != expected:
        raise BadDigest(
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=expected.hex(),  # S3 shows the one in hexadecimal, the other in base64
            CalculatedDigest=base64.b64encode(calculated).decode(),
        )


def _decoded(text: str, size: int) -> bytes | None:
    """The digest of `size` bytes that `text` is the base64 of, if it is."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size else None
