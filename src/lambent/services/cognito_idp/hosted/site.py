"""One request at a pool's pages: its fields, its cookies, and answers to it."""

from __future__ import annotations

import hmac
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode

import orjson

from lambent.contracts.http import BytesBody, Request, Response
from lambent.contracts.ports import Cloud, Reader

from .. import keys
from ..addresses import endpoint
from ..model import HOUR_MS, Browser, Client, Domain, Pool, User

BODY_BYTES_MAX: Final = 65_536
_FIELDS_MAX: Final = 100
SIGNED_IN: Final = "cognito"
_FORM: Final = "csrf"
CORS: Final = [
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, POST, OPTIONS"),
    ("access-control-allow-headers", "authorization, content-type, x-amz-user-agent"),
    ("access-control-max-age", "86400"),
]
NO_STORE: Final = ("cache-control", "no-store")


class Site(NamedTuple):
    """A request below a pool's address. `prefix` is what stands before `path` in its links."""

    cloud: Cloud
    request: Request
    pool: Pool
    domain: Domain | None
    prefix: str
    path: str

    @property
    def at(self) -> str:
        """The cloud's address as the browser spells it."""
        return endpoint(self.cloud, self.request)

    @property
    def now_ms(self) -> int:
        """The clock."""
        return self.cloud.clock.now_ns() // 1_000_000

    @property
    def query(self) -> dict[str, str]:
        """The query's fields. One that is given twice is none: which of them was checked, which is used?"""
        return _fields(self.request.query)

    async def form(self) -> dict[str, str]:
        """The body's fields, as above."""
        data = await self.request.body.read(BODY_BYTES_MAX)
        self.request.body = BytesBody(data)
        return _fields(data.decode("utf-8", "replace"))

    def link(self, path: str, fields: dict[str, str] | None = None) -> str:
        """The address of another page, with these fields or the request's own."""
        query = urlencode(fields if fields is not None else self.query)
        return f"{self.prefix}{path}{'?' if query else ''}{query}"

    def cookie(self, name: str) -> str:
        """A cookie's value, or empty."""
        for one in self.request.headers.get("cookie", "").replace(",", ";").split(";"):
            key, _, value = one.strip().partition("=")
            if key == name:
                return value
        return ""

    def set_cookie(self, name: str, value: str, max_age_s: int) -> tuple[str, str]:
        """A header that sets one: for these pages only, out of reach of scripts and of other sites' posts."""
        secure = "; Secure" if self.request.secure else ""
        path = self.prefix or "/"
        return "set-cookie", f"{name}={value}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    twice = set()
    if text.count("&") >= _FIELDS_MAX:
        return {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in found:
            twice.add(name)
        found[name] = value
    return {name: value for name, value in found.items() if name not in twice}


# -- answers ----------------------------------------------------------------------------------------------------------


def json_answer(value: Any, headers: list[tuple[str, str]], status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, [("content-type", "application/json"), *headers], orjson.dumps(value))


def failure(status: int, code: str, text: str = "") -> Response:
    """An error as OAuth 2 has it."""
    body = {"error": code, **({"error_description": text} if text else {})}
    return json_answer(body, [NO_STORE], status)


def redirect(to: str, *headers: tuple[str, str]) -> Response:
    """Send the browser elsewhere: to a page of these, or an address that was checked."""
    return Response(302, [("location", to), NO_STORE, ("referrer-policy", "no-referrer"), *headers])


# -- forms and who is signed in ---------------------------------------------------------------------------------------


async def form_token(site: Site) -> tuple[str, list[tuple[str, str]]]:
    """The token that a form carries, and the cookie that belongs to it. Without the pool's pepper nobody can make the
    one from the other, so neither another site nor a neighbouring host can post a form."""
    seed = site.cookie(_FORM)
    headers = []
    if not (len(seed) == 32 and seed.isalnum()):
        seed = site.cloud.ids.hex(32)
        headers.append(site.set_cookie(_FORM, seed, 24 * 3600))
    return await _sealed(site, seed), headers


async def form_is_ours(site: Site, fields: dict[str, str]) -> bool:
    """Whether a form that was posted is one that we gave to this browser."""
    seed = site.cookie(_FORM)
    wanted = await _sealed(site, seed)
    return bool(seed) and hmac.compare_digest(wanted.encode(), fields.get("_csrf", "").encode())


async def _sealed(site: Site, seed: str) -> str:
    pool_secrets = await site.cloud.store.read(lambda tx: keys.pool_secrets.get(tx, site.pool.id))
    return hmac.digest(
        pool_secrets.pepper if pool_secrets is not None else b"", f"form {seed}".encode(), "sha256"
    ).hex()


async def who(site: Site) -> tuple[Browser, User] | None:
    """Who is signed in at this browser; None for nobody."""
    cookie = site.cookie(SIGNED_IN)
    if not cookie:
        return None

    def look(tx: Reader) -> tuple[Browser, User] | None:
        found = keys.browsers.get(tx, keys.digest(cookie))
        if found is None or found.pool != site.pool.id or found.until_ms <= site.now_ms:
            return None
        user = keys.users.get(tx, found.pool, found.user)
        same = user is not None and user.sub == found.sub and user.enabled
        return (found, user) if same and user is not None else None

    return await site.cloud.store.read(look)


def client_of(tx: Reader, site: Site, id: str) -> Client | None:
    """The pool's client of an id."""
    return keys.clients.get(tx, site.pool.id, id) if id else None


BROWSER_MS: Final = HOUR_MS
"""How long a browser stays signed in at the pages."""
