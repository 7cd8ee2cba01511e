"""Requests that are not for the AWS API but for what users have built on it: their APIs, websites and sign-in pages.

They are told by host name or by path, before the front door asks for a service:

- `{api}.execute-api.*`, `/_aws/execute-api/{api}/{stage}/...` and custom domain names: APIs of API Gateway
- `{bucket}.s3-website.*`, `{bucket}.s3-website-{region}.*`, `/_aws/s3-website/{bucket}/...`: websites of S3; a bucket
  may also be named like the host itself
- `{domain}.auth.*`, `/_aws/cognito/{domain}/...`: pages of user pools, and `/{pool}/.well-known/...`: their keys
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Cloud, Reader, Settings
from lambent.kit.loading import load
from lambent.model import index

Site = Callable[[Cloud, Request], Awaitable[Response | None]]

_PLAIN = frozenset(("localhost", "127.0.0.1", "[::1]", "localhost.localdomain", ""))
"""The names that nearly every request to the AWS API comes by."""
_OWN = "lambent.localhost"
_POOL_KEYS = re.compile(r"/[a-z]{2}(-[a-z]+)+-\d_[0-9A-Za-z]{1,55}/\.well-known/[a-z.-]+").fullmatch
_POOL_PAGES = ("/oauth2/", "/login", "/signup", "/confirm", "/resend", "/forgotPassword", "/logout")
_WEBSITE = re.compile(r"s3-website(-[a-z0-9-]+)?")
_ADDRESS = re.compile(r"[0-9.]+|\[[0-9a-f:.]*\]").fullmatch


async def _apis(cloud: Cloud, request: Request) -> Response | None:
    answer: Response | None = await (await load("lambent.execute")).serve(cloud, request)
    return answer


async def _websites(cloud: Cloud, request: Request) -> Response | None:
    answer: Response | None = await (await load("lambent.services.s3.website")).serve(cloud, request)
    return answer


async def _pools(cloud: Cloud, request: Request) -> Response | None:
    answer: Response | None = await (await load("lambent.services.cognito_idp.hosted")).serve(cloud, request)
    return answer


async def _named(cloud: Cloud, request: Request) -> Response | None:
    """A host name of the user's own: a custom domain name of an API, a bucket of that name with a website, or the
    domain of a user pool. A name that leads to things of several accounts is the account's that had it first."""
    if _is_of_cloud(cloud.settings, request.host):
        return None
    domains, s3, pools = [await load(name) for name in _KEYS]
    host = domains.normal(request.host)

    def look(tx: Reader) -> list[_Claim]:
        found = []
        wildcard = f"*.{host.partition('.')[2]}"
        for name in (host, wildcard):
            api = domains.get_domain(tx, name)
            if api is not None:
                found.append(_Claim(name == wildcard, api.created_ms, 0, api.account, _apis))
        bucket = s3.buckets.get(tx, host)
        if bucket is not None and s3.websites.get(tx, bucket.id) is not None:
            found.append(_Claim(False, bucket.created_ms, 1, bucket.account, _websites))
        domain = pools.domains.get(tx, host)
        pool = pools.pools.get(tx, domain.pool) if domain is not None and domain.custom else None
        if pool is not None:
            found.append(_Claim(False, domain.created_ms, 2, pool.account, _pools))
        return found

    claims = await cloud.store.read(look)
    owner = min(claims, key=lambda claim: claim[:3]).account if claims else ""
    for claim in sorted((one for one in claims if one.account == owner), key=lambda one: one.order):
        if claim.site is not _pools or request.path.startswith(_POOL_PAGES):
            answer = await claim.site(cloud, request)
            if answer is not None:
                return answer
    return None


class _Claim(NamedTuple):
    """Something that answers at a host. Names that are written out come before wildcards, then older ones; `order` is
    the place among things of one account."""

    wildcard: bool
    created_ms: int
    order: int
    account: str
    site: Site


_KEYS = ("lambent.services.apigateway.common.domains", "lambent.services.s3.keys", "lambent.services.cognito_idp.keys")


_PATHS = {"execute-api": _apis, "s3-website": _websites, "cognito": _pools}


def find(request: Request) -> Site | None:
    """What may answer the request in place of the AWS API; None for nearly all requests. A site that answers None
    leaves the request to the API after all."""
    path = request.path
    if path.startswith("/_aws/"):
        return _PATHS.get(path.split("/", 3)[2])
    if path.endswith(("/jwks.json", "/openid-configuration")) and _POOL_KEYS(path):
        return _pools
    host = request.host
    if host in _PLAIN:
        return None
    site = _by_host(host)
    return None if site is _named and _is_call(request) else site


@lru_cache(4096)
def _by_host(host: str) -> Site | None:
    labels = host.split(".")
    if "execute-api" in labels[1:]:
        return _apis
    if any(_WEBSITE.fullmatch(label) for label in labels[1:]):
        return _websites
    if "auth" in labels[1:]:
        return _pools
    if _ADDRESS(host) or _is_of_aws(labels):
        return None
    return _named


def _is_of_aws(labels: list[str]) -> bool:
    """Whether a host is that of a service or of a bucket, so that nobody takes it by a domain name or a website: what
    is not signed (a bucket's public objects, a web identity's token) would go to them."""
    base = 1 if labels[-1] == "localhost" else 2 if labels[-2:] == ["amazonaws", "com"] else 0
    return bool(base) and _is_of_base(labels[:-base])


def _is_of_base(above: list[str]) -> bool:
    """The same for the labels above a name of the cloud's own; without any, it is that name."""
    return not above or "s3" in above or above[0] in index.by_signing_name()


def _is_of_cloud(settings: Settings, host: str) -> bool:
    """Whether a host is, as above, one by which clients know this very cloud."""
    own = {urlsplit(url).hostname or "" for url in (settings.endpoint, settings.node_endpoint)} - {""}
    for base in (_OWN, *own):
        above = host.removesuffix(base)
        if above != host and (not above or (above.endswith(".") and _is_of_base(above[:-1].split(".")))):
            return True
    return False


def _is_call(request: Request) -> bool:
    """Whether the request is certainly one to the AWS API, so that nobody's domain names are looked at for it."""
    headers = request.headers
    return (
        "x-amz-target" in headers
        or headers.get("authorization", "").startswith("AWS4-")
        or "X-Amz-Signature=" in request.query
    )
