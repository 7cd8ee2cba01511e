"""Pages in browsers: whose requests may carry a signature.

A browser on the machine of a developer runs pages of the whole web, and each of them reaches this cloud. Without
`--auth strict` everybody knows the root user's key, so that a page could sign whatever it likes: in a header, for which
the browser asks first, or in a URL, for which it does not. What a page cannot do is to hide that it is one.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request
from lambent.contracts.ports import Settings

_LOOPBACK: Final = frozenset(("127.0.0.1", "::1"))
_ADDRESS: Final = re.compile(r"[0-9.]+|\[[0-9a-f:.]*\]").fullmatch
_AWS: Final = ("localhost", "amazonaws.com")


class AccessDenied(ServiceError):
    """A page of the web has signed with a key that everybody knows."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "Pages of this origin may not sign requests with a key that everybody knows: use the keys of an IAM user, "
            "or a cloud that was started with --auth strict."
        )


def known_to_all(settings: Settings, caller: Caller) -> bool:
    """Whether everybody can sign as this caller."""
    return settings.auth != "strict" and caller.kind is Principal.ROOT


def is_local(origin: str) -> bool:
    """Whether an origin is one of this machine's pages."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return f".{host}".endswith(".localhost") or host in _LOOPBACK


def named_by_web(settings: Settings, request: Request) -> bool:
    """Whether a request came to this machine's loopback by a name of the web's: a page that had its own name lead here
    (DNS rebinding) reads whatever it asks for, as it asks its own origin."""
    host = request.host
    if "." not in host or _ADDRESS(host) or not (request.peer.startswith("127.") or request.peer == "::1"):
        return False
    own = (*_AWS, *(urlsplit(url).hostname or "" for url in (settings.endpoint, settings.node_endpoint)))
    return not any(base and f".{host}".endswith(f".{base}") for base in own)


def of_foreign_page(settings: Settings, request: Request, service: str) -> bool:
    """Whether a page that is not of this machine asks. Reading from S3 is no harm where the page cannot see it."""
    headers = request.headers
    origin = headers.get("origin")
    if origin is not None and not is_local(origin):
        return service != "s3" or request.method not in ("GET", "HEAD")
    if origin is None and headers.get("sec-fetch-site") == "cross-site" and service != "s3":
        return True
    return headers.get("user-agent", "").startswith("Mozilla/") and named_by_web(settings, request)
