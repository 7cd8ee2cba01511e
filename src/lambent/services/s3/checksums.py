"""Checksums: which one a request asks for, whether it fits, and how those of parts make that of the whole."""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from lambent.blobs.digests import digest as _digest
from lambent.contracts.http import Request

from . import errors
from .model import Checksum, PartRecord

FULL_OBJECT = "FULL_OBJECT"
COMPOSITE = "COMPOSITE"
DEFAULT = "crc64nvme"
MEMBERS = {
    "crc32": "ChecksumCRC32",
    "crc32c": "ChecksumCRC32C",
    "crc64nvme": "ChecksumCRC64NVME",
    "sha1": "ChecksumSHA1",
    "sha256": "ChecksumSHA256",
}
"""The built algorithms, and the members of requests and answers that carry their values."""
UNBUILT = tuple(f"Checksum{name}" for name in ("SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"))

_SIZES = {"crc32": 4, "crc32c": 4, "crc64nvme": 8, "sha1": 20, "sha256": 32}
_COMBINED = ("crc32", "crc32c", "crc64nvme")
_TRAILER = "x-amz-checksum-"


class Wanted(NamedTuple):
    """What a request says about its body: the algorithm (empty: none), its expected value (base64, empty when it
    comes in a trailer or not at all), whether a trailer brings it, the expected raw MD5, and whether the body is a part
    of an upload."""

    algorithm: str
    value: str
    trailer: bool
    md5: bytes | None
    part: bool = False

    @property
    def stored(self) -> str:
        """The algorithm whose value is kept."""
        return self.algorithm or DEFAULT


def wanted(req: Mapping[str, Any], request: Request | None) -> Wanted:
    """Read checksum and Content-MD5 of a request; InvalidRequest or InvalidDigest when they are no digests."""
    md5 = _md5(req["ContentMD5"]) if "ContentMD5" in req else None
    given = [name for name, member in MEMBERS.items() if member in req]
    if len(given) > 1:
        raise errors.InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    if given:
        value = req[MEMBERS[given[0]]]
        check_form(given[0], value)
        return Wanted(given[0], value, False, md5, "PartNumber" in req)
    trailer = "" if request is None else request.headers.get("x-amz-trailer", "").strip().lower()
    if trailer.startswith(_TRAILER) and trailer[len(_TRAILER) :] in MEMBERS:
        return Wanted(trailer[len(_TRAILER) :], "", True, md5, "PartNumber" in req)
    asked = algorithm_of(req.get("ChecksumAlgorithm", ""))
    if asked and request is not None:
        raise errors.InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers "
            "were found."
        )
    return Wanted(asked, "", False, md5, "PartNumber" in req)


def algorithm_of(name: str) -> str:
    """The algorithm that a ChecksumAlgorithm parameter names; InvalidRequest when it is not one."""
    lower = name.lower()
    if lower and lower not in MEMBERS:
        raise errors.InvalidRequest(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
            "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
        )
    return lower


def check_form(algorithm: str, value: str) -> None:
    """InvalidRequest unless `value` is the base64 of a digest of the algorithm's length."""
    try:
        fits = len(base64.b64decode(value, validate=True)) == _SIZES[algorithm]
    except (binascii.Error, ValueError):
        fits = False
    if not fits:
        raise errors.InvalidRequest(f"Value for {_TRAILER}{algorithm} header is invalid.")


def verify(want: Wanted, digests: Mapping[str, bytes], trailers: Mapping[str, str]) -> None:
    """BadDigest unless the digests of the body are the expected ones."""
    if want.md5 is not None and digests["md5"] != want.md5:
        raise errors.BadDigest(
            "The Content-MD5 you specified did not match what we received.",
            # AWS shows the expected one in hexadecimal, except for parts.
            ExpectedDigest=text(want.md5) if want.part else want.md5.hex(),
            CalculatedDigest=text(digests["md5"]),
        )
    value = want.value
    if want.trailer:
        value = trailers.get(f"{_TRAILER}{want.algorithm}", "")
        check_form(want.algorithm, value)
    if value and value != text(digests[want.algorithm]):
        raise mismatch(want.algorithm)


def mismatch(algorithm: str) -> errors.BadDigest:
    """The error of a body that does not have the checksum."""
    return errors.BadDigest(f"The {algorithm.upper()} you specified did not match the calculated checksum.")


def text(raw: bytes) -> str:
    """A raw digest as headers show it."""
    return base64.b64encode(raw).decode()


def compute(data: bytes, algorithms: tuple[str, ...]) -> dict[str, bytes]:
    """Digests of a small body."""
    found: dict[str, bytes] = {}
    for name in algorithms:
        if name == "md5":
            found[name] = hashlib.md5(data, usedforsecurity=False).digest()
        elif name == DEFAULT:
            found[name] = _native().crc64nvme(data).to_bytes(8, "big")
        elif name == "crc32":
            found[name] = zlib.crc32(data).to_bytes(4, "big")
        else:
            found[name] = _digest(data, name)
    return found


def shown(checksum: Checksum | None) -> dict[str, str]:
    """The members of an answer that show a checksum; a COMPOSITE one as its objects store it, with its suffix."""
    if checksum is None:
        return {}
    return {MEMBERS[checksum.algorithm]: checksum.value, "ChecksumType": checksum.kind}


def full_of_parts(algorithm: str, parts: list[PartRecord]) -> str:
    """The base64 checksum of the whole body, from those of its parts, without reading it again (CRCs only)."""
    combine = getattr(_native(), f"combine_{algorithm}")
    whole = 0
    for part in parts:
        whole = combine(whole, int.from_bytes(part.checksums[algorithm], "big"), part.size)
    return text(whole.to_bytes(_SIZES[algorithm], "big"))


def composite(algorithm: str, parts: list[PartRecord]) -> str:
    """The base64 checksum of the parts' checksums, with the number of parts behind it."""
    joined = b"".join(part.checksums[algorithm] for part in parts)
    return f"{text(compute(joined, (algorithm,))[algorithm])}-{len(parts)}"


def kind_for_upload(algorithm: str, kind: str) -> str:
    """The checksum type of a new multipart upload; InvalidRequest for a pair that AWS does not have."""
    if not algorithm:
        if kind:
            raise errors.InvalidRequest(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
        return ""
    if not kind:
        return FULL_OBJECT if algorithm == DEFAULT else COMPOSITE
    if kind not in (FULL_OBJECT, COMPOSITE):
        raise errors.InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    if (algorithm == DEFAULT and kind == COMPOSITE) or (kind == FULL_OBJECT and algorithm not in _COMBINED):
        raise errors.InvalidRequest(f"The {kind} checksum type cannot be used with the {algorithm} checksum algorithm.")
    return kind


@functools.cache
def _native() -> Any:
    # A native library of some megabytes, which a cloud that only sees CRC32, boto3's choice, never needs.
    import awscrt.checksums

    return awscrt.checksums


def _md5(given: str) -> bytes:
    try:
        raw = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 16:
        element: dict[str, Any] = {"Content-MD5": given}
        raise errors.InvalidDigest(**element)
    return raw
