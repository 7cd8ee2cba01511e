"""The pages and OAuth 2 endpoints of pools, and the keys of their tokens.

`/{pool}/.well-known/...` at the cloud's endpoint; the rest at `{domain}.auth.{region}.*`, at a custom domain, or below
`/_aws/cognito/{domain}/`, which needs no name resolution.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import BodyTooLarge, Request, Response
from lambent.contracts.ports import Cloud, Reader

from .. import keypairs, keys
from ..addresses import PATH, endpoint
from ..model import Domain, Pool
from . import account, authorize, discovery, login, pages, token
from .site import CORS, Site, failure, json_answer

__all__ = ["serve"]

Page = Callable[[Site], Awaitable[Response]]
_WELL_KNOWN: Final = "/.well-known/"
_PAGES: Final[Mapping[str, tuple[tuple[str, ...], Page]]] = {
    "/oauth2/authorize": (("GET",), authorize.authorize),
    "/login": (("GET", "POST"), login.login),
    "/signup": (("GET", "POST"), account.sign_up),
    "/confirm": (("GET", "POST"), account.confirm),
    "/confirmUser": (("GET",), account.confirm_by_link),
    "/resend": (("POST",), account.resend),
    "/forgotPassword": (("GET", "POST"), account.forgot),
    "/confirmForgotPassword": (("GET", "POST"), account.reset),
    "/logout": (("GET",), authorize.logout),
}
_ENDPOINTS: Final[Mapping[str, tuple[tuple[str, ...], Page]]] = {
    "/oauth2/token": (("POST",), token.token),
    "/oauth2/userInfo": (("GET", "POST"), token.user_info),
    "/oauth2/revoke": (("POST",), token.revoke),
}
"""What programs call, browsers among them from pages of other origins."""


async def serve(cloud: Cloud, request: Request) -> Response | None:
    """Answer a request at a pool's address; None when it is none."""
    id, well_known, name = request.path[1:].partition(_WELL_KNOWN)
    if well_known and "/" not in id:
        return await _keys(cloud, request, id, name)
    if request.path.startswith(PATH):
        name, _, rest = request.path.removeprefix(PATH).partition("/")
        prefix, path = f"{PATH}{name}", f"/{rest}"
    else:
        name, prefix, path = request.host, "", request.path
    found = await cloud.store.read(lambda tx: _find(tx, name, by_path=bool(prefix)))
    if found is None:
        return _nowhere(path, "There is no user pool with this domain.") if prefix else None
    pool, domain = found
    site = Site(cloud, request, pool, domain, prefix, path)
    if domain is None and path != "/confirmUser":
        return _nowhere(path, "This user pool has no domain.")
    try:
        return await _answer(site)
    except BodyTooLarge:
        return failure(413, "invalid_request", "The request is too long.")
    except NotBuilt as error:
        return pages.message(site, "Not built yet", error.message, status=501)
    except ServiceError as error:
        return pages.message(site, "This did not work", error.message)


def _nowhere(path: str, text: str) -> Response:
    """An answer where there are no pages: programs get JSON, people a page."""
    if path in _ENDPOINTS:
        return failure(404, "not_found", text)
    return pages.nowhere("Not found", text, status=404)


def _find(tx: Reader, name: str, *, by_path: bool) -> tuple[Pool, Domain | None] | None:
    """The pool at a name: a domain's, or by path the pool's id, at which links of mails lead to it."""
    domain = keys.domains.get(tx, name)
    if domain is None and not by_path:
        # NAME.auth.REGION.ANYTHING
        prefix, _, rest = name.partition(".auth.")
        domain = keys.domains.get(tx, prefix)
        if domain is None or domain.custom or not rest.startswith(domain.region + "."):
            return None
    pool = keys.pools.get(tx, domain.pool if domain is not None else name)
    return None if pool is None else (pool, domain)


async def _answer(site: Site) -> Response:
    method = site.request.method
    if site.path in _ENDPOINTS:
        methods, endpoint = _ENDPOINTS[site.path]
        if method == "OPTIONS":
            return Response(204, CORS)
        answer = await endpoint(site) if method in methods else Response(405, [("allow", ", ".join(methods))])
        answer.headers.extend(CORS)
        return answer
    if site.path not in _PAGES:
        return pages.message(site, "Not found", "There is no such page.", status=404)
    methods, page = _PAGES[site.path]
    if method not in methods:
        return Response(405, [("allow", ", ".join(methods))])
    return await page(site)


async def _keys(cloud: Cloud, request: Request, id: str, name: str) -> Response | None:
    if request.method == "OPTIONS":
        return Response(204, CORS)

    def look(tx: Reader) -> object:
        pool, pool_secrets = keys.pools.get(tx, id), keys.pool_secrets.get(tx, id)
        if pool is None or pool_secrets is None:
            return None
        if name == "jwks.json":
            return keypairs.jwks(pool_secrets)
        return discovery.configuration(endpoint(cloud, request), pool) if name == "openid-configuration" else None

    found = await cloud.store.read(look)
    if found is None:
        return failure(404, "not_found", "There is no such user pool.")
    return json_answer(found, [*CORS, ("cache-control", "public, max-age=300")])
