"""Where a pool is found: the issuer of its tokens, and the host of its pages."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from lambent.contracts.http import Request
from lambent.contracts.ports import Cloud

from .model import Domain, Pool

PATH: Final = "/_aws/cognito/"
ISSUER_TAG: Final = "lambent:issuer"
"""A pool's tag: with the value `aws` its tokens name AWS's address as their issuer."""
_HERE: Final = ("localhost", "127.0.0.1")


def endpoint(cloud: Cloud, request: Request | None) -> str:
    """The cloud's address as the client spells it: who came by `localhost` is told of `localhost`, though the cloud
    was started at 127.0.0.1. Any other name in a request says nothing: it may be a proxy's, or anybody's."""
    told = cloud.settings.endpoint
    if request is None or not request.headers.get("host"):
        return told
    own = urlsplit(told)
    host = "localhost" if request.host.endswith(".localhost") else request.host
    _, _, port = request.headers["host"].rpartition(":")
    if own.hostname not in _HERE or host not in _HERE or port != str(own.port):
        return told
    return f"{'https' if request.secure else 'http'}://{host}:{port}"


def issuer(at: str, pool: Pool) -> str:
    """The `iss` of a pool's tokens: below the cloud's address `at`, where their keys are found; AWS's where the pool
    is tagged so, for libraries that take no other."""
    if pool.tags.get(ISSUER_TAG) == "aws":
        return f"https://cognito-idp.{pool.region}.amazonaws.com/{pool.id}"
    return f"{at}/{pool.id}"


def base_url(at: str, pool: Pool) -> str:
    """Where a pool's pages are, in the form that needs no name resolution. By the domain, or the id where it has none
    (then only what a mail links to is served)."""
    return f"{at}{PATH}{pool.domain or pool.custom_domain or pool.id}"


def host_url(cloud: Cloud, domain: Domain) -> str:
    """Where a domain's pages are by host name: `http://NAME.auth.REGION.localhost:4566`."""
    parts = urlsplit(cloud.settings.endpoint)
    port = f":{parts.port}" if parts.port else ""
    host = domain.name if domain.custom else f"{domain.name}.auth.{domain.region}.localhost"
    return f"{parts.scheme}://{host}{port}"
