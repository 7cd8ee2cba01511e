"""The authorization endpoint: who asks, where the answer may go, and the answer: a code, or tokens at once."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from lambent.contracts.http import Response
from lambent.contracts.ports import Transaction

from .. import granting, keys, tokens
from ..model import MINUTE_MS, Client, OauthCode, User
from . import pages
from .site import SIGNED_IN, Site, client_of, redirect, who

CODE_MS: Final = 5 * MINUTE_MS
_FLOWS: Final = {"code": "code", "token": "implicit"}
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class Asked(NamedTuple):
    """A checked request for a code or tokens. `redirect` is one of the client's own addresses, to the letter."""

    client: Client
    redirect: str
    kind: str
    state: str
    scopes: tuple[str, ...]
    challenge: str
    nonce: str


async def read(site: Site) -> Asked | Response:
    """What the query asks for. Errors are told on a page until the address to go back to is known as the client's."""
    query = site.query
    client = await site.cloud.store.read(lambda tx: client_of(tx, site, query.get("client_id", "")))
    if client is None:
        return pages.message(site, "Sign-in is not possible", "The application is not known here (invalid client_id).")
    settings = client.settings
    callbacks = settings.get("CallbackURLs", [])
    default = settings.get("DefaultRedirectURI") or (callbacks[0] if len(callbacks) == 1 else "")
    back = query.get("redirect_uri") or default
    if not back or back not in callbacks:
        text = "The address to return to is not one of the application's (redirect_mismatch)."
        return pages.message(site, "Sign-in is not possible", text)
    state, kind = query.get("state", ""), query.get("response_type", "")
    flow = _FLOWS.get(kind)
    if flow is None:
        return _back(back, "code", state, {"error": "unsupported_response_type"})
    if not settings.get("AllowedOAuthFlowsUserPoolClient") or flow not in settings.get("AllowedOAuthFlows", []):
        return _back(back, kind, state, {"error": "unauthorized_client"})
    allowed = settings.get("AllowedOAuthScopes", [])
    scopes = tuple(dict.fromkeys(query.get("scope", "").split())) or tuple(allowed)
    if any(one not in allowed for one in scopes):
        return _back(back, kind, state, {"error": "invalid_scope"})
    challenge = query.get("code_challenge", "")
    method = query.get("code_challenge_method", "S256" if not challenge else "")
    if method != "S256" or (challenge and not _CHALLENGE.fullmatch(challenge)):
        text = "code_challenge_method must be S256"
        return _back(back, kind, state, {"error": "invalid_request", "error_description": text})
    return Asked(client, back, kind, state, scopes, challenge, query.get("nonce", ""))


def _back(to: str, kind: str, state: str, fields: dict[str, str]) -> Response:
    """Send the browser back to the application: fields in the query, or in the fragment for tokens."""
    if state:
        fields = {**fields, "state": state}
    # Joined as text: taking the address apart and together again would change some, for instance `app:///in`.
    joint = "#" if kind == "token" else "&" if "?" in to else "?"
    return redirect(f"{to}{joint}{urlencode(fields)}")


async def authorize(site: Site) -> Response:
    """GET /oauth2/authorize: an answer for whoever is signed in, else the sign-in page."""
    asked = await read(site)
    if isinstance(asked, Response):
        return asked
    prompt = site.query.get("prompt", "").split()
    found = await who(site) if "login" not in prompt else None
    if found is None:
        if "none" in prompt:
            return _back(asked.redirect, asked.kind, asked.state, {"error": "login_required"})
        return redirect(site.link("/login"))
    browser, user = found
    return await answer(site, asked, user, browser.auth_ms)


async def answer(site: Site, asked: Asked, user: User, auth_ms: int) -> Response:
    """The code, or the tokens, of a user who is signed in."""
    if asked.kind == "token":
        return _back(asked.redirect, "token", asked.state, await _tokens(site, asked, user, auth_ms))
    code = site.cloud.ids.uuid()
    made = OauthCode(
        pool=site.pool.id,
        client=asked.client.id,
        user=site.pool.fold(user.name),
        sub=user.sub,
        redirect=asked.redirect,
        scopes=asked.scopes,
        challenge=asked.challenge,
        nonce=asked.nonce,
        auth_ms=auth_ms,
        until_ms=site.now_ms + CODE_MS,
    )

    def keep(tx: Transaction) -> None:
        digest = keys.digest(code)
        keys.oauth_codes.put(tx, made, digest)
        keys.expire(tx, keys.oauth_codes.key(digest), made.until_ms, site.now_ms)

    await site.cloud.store.write(keep)
    return _back(asked.redirect, "code", asked.state, {"code": code})


async def _tokens(site: Site, asked: Asked, user: User, auth_ms: int) -> dict[str, str]:
    def grant(tx: Transaction) -> Any:
        return granting.make(
            site.cloud,
            tx,
            site.pool,
            asked.client,
            user,
            auth_ms=auth_ms,
            scopes=asked.scopes,
            hosted=True,
            nonce=asked.nonce,
        )

    # The implicit flow gives no refresh token: the one that was made is forgotten here.
    made, _ = await site.cloud.store.write(grant)
    source = "TokenGeneration_HostedAuth"
    found = await tokens.issue(
        site.cloud, site.pool, asked.client, user, made, at=site.at, source=source, metadata=None
    )
    fields = {"access_token": found["AccessToken"], "expires_in": str(found["ExpiresIn"]), "token_type": "Bearer"}
    return {"id_token": found["IdToken"], **fields} if "IdToken" in found else fields


async def logout(site: Site) -> Response:
    """GET /logout: nobody is signed in at this browser any more; then to the application, or to the sign-in page."""
    query = site.query
    client = await site.cloud.store.read(lambda tx: client_of(tx, site, query.get("client_id", "")))
    cookie = site.cookie(SIGNED_IN)
    if cookie:
        await site.cloud.store.write(lambda tx: keys.browsers.delete(tx, keys.digest(cookie)))
    gone = site.set_cookie(SIGNED_IN, "", 0)
    if client is None:
        return pages.message(site, "Signed out", "The application is not known here (invalid client_id).")
    to = query.get("logout_uri", "")
    if to:
        if to not in client.settings.get("LogoutURLs", []):
            return pages.message(site, "Signed out", "The address to go to is not one of the application's.")
        return redirect(to, gone)
    if "redirect_uri" in query:
        return redirect(site.link("/login"), gone)
    return pages.message(site, "Signed out", "You are signed out.", status=200)
