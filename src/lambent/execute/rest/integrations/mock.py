"""MOCK integrations: the request template says a status, and the integration response of that status answers."""

from __future__ import annotations

import re
from typing import Final

import orjson

from .. import transform
from ..exchange import Answer, Exchange
from ..refusals import misconfigured

_STATUS: Final = re.compile(rb"""["']?statusCode["']?\s*:\s*["']?(\d{1,3})\b""")
"""API Gateway reads these templates loosely: `{statusCode: 200}` is one."""


async def mock(x: Exchange) -> Answer:
    """Answer by the integration's responses alone."""
    made = transform.outgoing(x, frozenset())
    status = _status(made.body)
    if status is None:
        raise misconfigured("Unable to parse statusCode. It should be an integer and defined in request template.")
    x.backend.status = status
    return transform.answer(x, transform.Backed(str(status), {}, b""), mock=True)


def _status(body: bytes) -> int | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        match = _STATUS.search(body)
        return int(match[1]) if match is not None and body.lstrip().startswith(b"{") else None
    value = document.get("statusCode") if isinstance(document, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return int(value) if str(value).isascii() and str(value).isdigit() else None
