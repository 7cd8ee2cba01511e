"""Receipt handles: which message of which queue, and which receipt of it. Opaque to clients, as AWS's are."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from .errors import ReceiptHandleIsInvalid
from .model import Queue

_FORM: Final = struct.Struct(">3s8s8sBQI")
_HEAD: Final = b"\x01\x01\x01"


class Handle(NamedTuple):
    """What a handle says; `contents` are those that the queue had."""

    contents: bytes
    shelf: int
    sequence: int
    receipt: int


def write(queue: Queue, shelf: int, sequence: int, receipt: int) -> str:
    """The handle of a receipt: `receipt` counts those of the message."""
    raw = _FORM.pack(_HEAD, queue.id, queue.contents, shelf, sequence, receipt)
    return base64.b64encode(raw).decode()


def read(queue: Queue, text: str) -> Handle:
    """What a handle of this queue says; `ReceiptHandleIsInvalid` for anything else."""
    try:
        head, id, contents, shelf, sequence, receipt = _FORM.unpack(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, struct.error):
        raise invalid(text) from None
    if head != _HEAD or id != queue.id:
        raise invalid(text)
    return Handle(contents, shelf, sequence, receipt)


def invalid(text: str) -> ReceiptHandleIsInvalid:
    """The error of a handle that this queue never gave."""
    return ReceiptHandleIsInvalid(f'The input receipt handle "{text}" is not a valid receipt handle.')


def shelves(texts: Iterable[str]) -> set[int]:
    """The shelves that handles name, as far as they can be read."""
    found = set()
    for text in texts:
        try:
            found.add(_FORM.unpack(base64.b64decode(text, validate=True))[3])
        except (binascii.Error, ValueError, struct.error):
            continue
    return found
