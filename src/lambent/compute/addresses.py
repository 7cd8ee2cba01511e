"""Addresses of Lambent's own that a function is handed in its event, as the function can reach them. Pure."""

from __future__ import annotations

import re
from typing import Final

from lambent.contracts.deploy import RESPONSE_PATH

_PATH: Final = RESPONSE_PATH.encode()
_BASE: Final = re.compile(rb"https?://[^/\s\"\\]+(?=" + re.escape(_PATH) + rb"[^/\s\"\\]+)")


def reachable(payload: bytes, endpoint: str) -> bytes:
    """`payload`, with the URLs to which custom resources answer leading to `endpoint`, where a function finds Lambent.

    They name the node that asked, as the world outside reaches it: a sandbox reaches its own node only, and by another
    address; and the node that asked may be dead by now, while every node takes the answer.
    """
    if _PATH not in payload:
        return payload
    return _BASE.sub(endpoint.encode().replace(b"\\", rb"\\"), payload)
