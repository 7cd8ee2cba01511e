"""The global condition keys that describe a call, rather than who calls or what for."""

from __future__ import annotations

import time

from lambent.contracts.http import Request

Surroundings = dict[str, str | tuple[str, ...]]
_NS = 1_000_000_000


def surroundings(request: Request | None, region: str, now_ns: int) -> Surroundings:
    """The keys in small letters; of a call inside the cloud (no `request`) those that need no network."""
    seconds = now_ns // _NS
    found: Surroundings = {
        "aws:currenttime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
        "aws:epochtime": str(seconds),
        "aws:requestedregion": region,
        "aws:securetransport": "true",
    }
    if request is not None:
        # What never left this machine, nobody could listen to: docs/decisions/004.
        found["aws:securetransport"] = "true" if request.secure or request.is_local else "false"
        found["aws:sourceip"] = request.peer
        if "user-agent" in request.headers:
            found["aws:useragent"] = request.headers["user-agent"]
        if "referer" in request.headers:
            found["aws:referer"] = request.headers["referer"]
    return found
