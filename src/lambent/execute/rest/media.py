"""Binary or text: which content types an API treats as binary, and what becomes of bodies that cross the border.

The tables of "Content type conversions in API Gateway" in four lines: a body whose type is binary goes through as it
is, or becomes Base64 text where text is wanted; a body of a text type is UTF-8, or is Base64 of bytes where bytes are
wanted.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from .refusals import misconfigured

TO_BINARY: Final = "CONVERT_TO_BINARY"
TO_TEXT: Final = "CONVERT_TO_TEXT"


class MediaTypes:
    """An API's binary media types. `any` type or a type's `*` are allowed as wildcards."""

    __slots__ = ("_all", "_exact", "_kinds", "defined")

    def __init__(self, types: tuple[str, ...]) -> None:
        # Patches of OpenAPI and the CLI write the slash as ~1.
        names = [name.replace("~1", "/").strip().lower() for name in types]
        self.defined = bool(names)
        self._all = "*/*" in names
        self._exact = frozenset(names)
        self._kinds = frozenset(name[:-1] for name in names if name.endswith("/*"))

    def __contains__(self, content_type: str) -> bool:
        """Whether a Content-Type, or the first of an Accept header, is binary."""
        if not self.defined:
            return False
        if self._all:
            return True
        name = content_type.partition(",")[0].partition(";")[0].strip().lower()
        return name in self._exact or name[: name.find("/") + 1] in self._kinds


def incoming(body: bytes, binary: bool, handling: str | None) -> bytes:
    """A request's body for the integration. `binary`: whether its Content-Type is one of the API's binary types."""
    if handling == TO_TEXT and binary:
        return base64.b64encode(body)
    if binary:
        return body
    return from_base64(body) if handling == TO_BINARY else utf8(body)


def outgoing(body: bytes, binary: bool, wanted: bool, handling: str | None) -> bytes:
    """An integration's body for the client. `binary`: whether its Content-Type is one of the API's binary types;
    `wanted`: whether the client's Accept is."""
    if binary:
        text = handling == TO_TEXT or (handling is None and not wanted)
        return base64.b64encode(body) if text else body
    bytes_ = handling == TO_BINARY or (handling is None and wanted)
    return from_base64(body) if bytes_ else utf8(body)


def from_base64(body: bytes) -> bytes:
    """The bytes that Base64 text stands for; a `Refusal` when it is none."""
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise misconfigured("Unable to base64 decode the body.") from None


def utf8(body: bytes) -> bytes:
    """Text as UTF-8: what is none becomes U+FFFD, as on AWS."""
    if body.isascii():
        return body
    return body.decode("utf-8", "replace").encode()
