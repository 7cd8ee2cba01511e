"""CORS as an HTTP API is configured: the gateway answers preflights, and its headers replace those of integrations."""

from __future__ import annotations

from collections.abc import Iterable

from lambent.contracts.http import Request
from lambent.kit.stars import fits
from lambent.services.apigateway.v2.model import Cors

Header = tuple[str, str]
_PREFIX = "access-control-"


class CorsRules:
    """A configuration, ready to be asked."""

    def __init__(self, cors: Cors) -> None:
        self._cors = cors
        origins = cors.allow_origins or ()
        self._all = "*" in origins
        self._exact = frozenset(origin.lower() for origin in origins)
        self._patterns = [origin.lower().split("*") for origin in origins if "*" in origin and origin != "*"]

    def _origin(self, origin: str) -> str:
        """What the page of `origin` is told it is allowed as; empty when it is not."""
        if self._all:
            return "*"
        low = origin.lower()
        allowed = low in self._exact or any(fits(pattern, low) for pattern in self._patterns)
        return origin if allowed and origin.isprintable() else ""

    def on_answer(self, request: Request) -> list[Header]:
        """The headers that the answer to a request gets; none where it comes from no page, or from one of an origin
        that is not allowed."""
        origin = request.headers.get("origin", "")
        allowed = self._origin(origin) if origin else ""
        if not allowed:
            return []
        headers = [("access-control-allow-origin", allowed)]
        if self._cors.allow_credentials:
            headers.append(("access-control-allow-credentials", "true"))
        if self._cors.expose_headers:
            headers.append(("access-control-expose-headers", ",".join(self._cors.expose_headers)))
        return headers

    def on_preflight(self, request: Request) -> list[Header]:
        """The headers of a preflight's answer."""
        headers = self.on_answer(request)
        if not headers:
            return []
        cors = self._cors
        if cors.allow_methods:
            headers.append(("access-control-allow-methods", ",".join(cors.allow_methods)))
        if cors.allow_headers:
            headers.append(("access-control-allow-headers", ",".join(cors.allow_headers)))
        if cors.max_age_s is not None:
            headers.append(("access-control-max-age", str(cors.max_age_s)))
        return headers


def is_preflight(request: Request) -> bool:
    """Whether a browser asks in advance."""
    return request.method == "OPTIONS" and bool(
        request.headers.get("origin") and request.headers.get("access-control-request-method")
    )


def without(headers: Iterable[Header]) -> list[Header]:
    """Headers of an integration without those that the gateway itself sets."""
    return [(name, value) for name, value in headers if not name.lower().startswith(_PREFIX)]
