"""Names of headers: how functions see them, which ones a hop keeps, and which are sent on under another name.

Functions see names as they were sent; well-known ones in small letters, as over HTTP/2, they see as everybody writes
them (`User-Agent`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from ..mapping import parameters as mappings

_SPECIAL: Final = {
    "etag": "ETag",
    "te": "TE",
    "www-authenticate": "WWW-Authenticate",
    "content-md5": "Content-MD5",
    "dnt": "DNT",
    "x-amzn-requestid": "x-amzn-RequestId",
    "x-xss-protection": "X-XSS-Protection",
}
_KNOWN: Final = frozenset((
    "accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges", "age", "allow",
    "authorization", "cache-control", "connection", "content-disposition", "content-encoding", "content-language",
    "content-length", "content-location", "content-range", "content-type", "cookie", "date", "expect", "expires",
    "forwarded", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "last-modified", "link", "location", "max-forwards", "origin", "pragma",
    "proxy-authenticate", "proxy-authorization", "range", "referer", "retry-after", "server", "set-cookie",
    "trailer", "transfer-encoding", "upgrade", "user-agent", "vary", "via", "warning", "x-amzn-trace-id",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-requested-with",
    "access-control-request-headers", "access-control-request-method", "access-control-allow-origin",
))  # fmt: skip


@lru_cache(4096)
def proper(name: str) -> str:
    """A header's name as functions see it."""
    if name in _SPECIAL:
        return _SPECIAL[name]
    return name.title() if name in _KNOWN else name


TO_FUNCTIONS_DROPPED: Final = frozenset((
    "connection", "content-length", "content-md5", "expect", "max-forwards", "proxy-authenticate",
    "proxy-authorization", "server", "te", "trailer", "transfer-encoding", "upgrade", "www-authenticate",
))  # fmt: skip
"""Headers of a request that neither functions nor mappings are shown."""

TO_BACKENDS_DROPPED: Final = TO_FUNCTIONS_DROPPED | {
    "host", "keep-alive", "proxy-connection",
    "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto",
}  # fmt: skip
"""Headers of a request that are not sent on to an HTTP backend as they came: those of the connection, and those that
are written anew."""

REMAPPED: Final = mappings.REMAPPED | mappings.REMAPPED_OF_PROXY | {"x-amz-apigw-id"}
"""Headers of a response that the client gets as `x-amzn-Remapped-...`, from whatever integration."""
DROPPED: Final = frozenset(("transfer-encoding", "keep-alive", "proxy-connection"))
_UNSAFE: Final = dict.fromkeys((*range(9), *range(10, 32), 127))


def is_signature(name: str, value: str) -> bool:
    """Whether a header has a signature: that was for API Gateway, which shows it to no function and no backend."""
    return name.lower() == "authorization" and value.startswith("AWS4-")


def to_client(name: str, value: str) -> tuple[str, str] | None:
    """A header of an integration's answer as the client gets it; None where it gets none."""
    low = name.lower()
    if low in DROPPED or not is_name(name):
        return None
    return (f"x-amzn-Remapped-{name}" if low in REMAPPED else name), clean(value)


def clean(value: str) -> str:
    """A header's value without the characters that could end it: nobody adds headers through a value."""
    return value if value.isprintable() else value.translate(_UNSAFE)


_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@lru_cache(4096)
def is_name(name: str) -> bool:
    """Whether a text is the name of a header."""
    return bool(name) and _TOKEN.issuperset(name)
