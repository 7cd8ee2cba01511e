"""Where a pool is found: the issuer of its tokens, and the host of its pages."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from lambent.contracts.ports import Cloud

from .model import Domain, Pool

PATH: Final = "/_aws/cognito/"


def issuer(cloud: Cloud, pool: Pool) -> str:
    """The `iss` of a pool's tokens: an address of this cloud, below which their keys are found."""
    return f"{cloud.settings.endpoint}/{pool.id}"


def issuers(cloud: Cloud, region: str, pool: str) -> tuple[str, str]:
    """The two spellings of a pool's issuer that authorizers take for the same: this cloud's, and AWS's."""
    return f"{cloud.settings.endpoint}/{pool}", f"https://cognito-idp.{region}.amazonaws.com/{pool}"


def base_url(cloud: Cloud, pool: Pool) -> str:
    """Where a pool's pages are, in the form that needs no name resolution. By the domain, or the id where it has none
    (then only what a mail links to is served)."""
    return f"{cloud.settings.endpoint}{PATH}{pool.domain or pool.custom_domain or pool.id}"


def host_url(cloud: Cloud, domain: Domain) -> str:
    """Where a domain's pages are by host name: `http://NAME.auth.REGION.localhost:4566`."""
    parts = urlsplit(cloud.settings.endpoint)
    port = f":{parts.port}" if parts.port else ""
    host = domain.name if domain.custom else f"{domain.name}.auth.{domain.region}.localhost"
    return f"{parts.scheme}://{host}{port}"
