"""The token endpoint, userInfo and revocation: what programs call with a code, a secret or a token."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final
from urllib.parse import unquote_plus

from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Response
from lambent.contracts.ports import Reader, Transaction

from .. import attributes, clients, granting, keys, tokens
from ..model import Client, Grant, OauthCode, User
from .site import NO_STORE, Site, client_of, failure, json_answer

_FORM: Final = "application/x-www-form-urlencoded"
_BY_SCOPE: Final = {"email": ("email", "email_verified"), "phone": ("phone_number", "phone_number_verified")}
_VERIFIER_MAX: Final = 128


async def _client(site: Site, fields: dict[str, str]) -> Client | None:
    """The client that proved to be it: by Basic, or by the body's fields. One without a secret just says who it is."""
    id, secret = fields.get("client_id", ""), fields.get("client_secret", "")
    header = site.request.headers.get("authorization", "")
    if header[:6].lower() == "basic ":
        try:
            text = base64.b64decode(header[6:].strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return None
        name, _, given = text.partition(":")
        if id and id != unquote_plus(name):
            return None
        id, secret = unquote_plus(name), unquote_plus(given)
    client = await site.cloud.store.read(lambda tx: client_of(tx, site, id))
    return client if client is not None and clients.knows_secret(client, secret) else None


async def token(site: Site) -> Response:
    """POST /oauth2/token."""
    if site.request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return failure(400, "invalid_request", f"The content type must be {_FORM}.")
    fields = await site.form()
    kind = fields.get("grant_type")
    if kind not in ("authorization_code", "refresh_token", "client_credentials"):
        return failure(400, "unsupported_grant_type" if kind else "invalid_request")
    client = await _client(site, fields)
    if client is None:
        return failure(400, "invalid_client")
    if kind == "client_credentials":
        return await _for_itself(site, client, fields)
    if not client.settings.get("AllowedOAuthFlowsUserPoolClient"):
        return failure(400, "unauthorized_client")
    if kind == "refresh_token":
        return await _refreshed(site, client, fields)
    return await _of_code(site, client, fields)


def _answer(found: dict[str, Any], refresh: str = "") -> Response:
    body = {"access_token": found["AccessToken"], "expires_in": found["ExpiresIn"], "token_type": "Bearer"}
    if "IdToken" in found:
        body["id_token"] = found["IdToken"]
    if refresh or "RefreshToken" in found:
        body["refresh_token"] = refresh or found["RefreshToken"]
    return json_answer(body, [NO_STORE, ("pragma", "no-cache")])


async def _of_code(site: Site, client: Client, fields: dict[str, str]) -> Response:
    code = fields.get("code", "")
    if not code:
        return failure(400, "invalid_request")
    cloud, pool, digest = site.cloud, site.pool, keys.digest(code)

    def use(tx: Transaction) -> tuple[Grant, str, User] | None:
        found = keys.oauth_codes.get(tx, digest)
        if found is None or found.pool != pool.id or found.client != client.id:
            return None
        if found.used:
            # Somebody has had it before: whoever that was, what came of it ends.
            grant = keys.grants.get(tx, pool.id, found.user, found.used)
            if grant is not None:
                keys.delete_grant(tx, grant)
            return None
        user = keys.users.get(tx, pool.id, found.user)
        if user is None or user.sub != found.sub or not user.enabled or not _fits(found, fields, site.now_ms):
            keys.oauth_codes.delete(tx, digest)
            return None
        made, refresh = granting.make(
            cloud, tx, pool, client, user, auth_ms=found.auth_ms, scopes=found.scopes, hosted=True, nonce=found.nonce
        )
        keys.oauth_codes.put(tx, replace(found, used=made.id), digest)
        return made, refresh, user

    used = await cloud.store.write(use)
    if used is None:
        return failure(400, "invalid_grant")
    grant, refresh, user = used
    source = "TokenGeneration_HostedAuth"
    try:
        found = await tokens.issue(cloud, pool, client, user, grant, at=site.at, source=source, metadata=None)
    except ServiceError as error:
        return failure(400, "invalid_grant", error.message)
    return _answer(found, refresh)


def _fits(code: OauthCode, fields: dict[str, str], now_ms: int) -> bool:
    """Whether whoever has the code is who asked for it, in time."""
    if code.until_ms <= now_ms or fields.get("redirect_uri") != code.redirect:
        return False
    verifier = fields.get("code_verifier", "")
    if not code.challenge:
        return not verifier
    if len(verifier) > _VERIFIER_MAX:
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(made, code.challenge)


async def _refreshed(site: Site, client: Client, fields: dict[str, str]) -> Response:
    given = fields.get("refresh_token", "")
    if not given:
        return failure(400, "invalid_request")
    try:
        return _answer(await granting.refresh(site.cloud, site.pool, client, given, None, at=site.at))
    except ServiceError:
        return failure(400, "invalid_grant")


async def _for_itself(site: Site, client: Client, fields: dict[str, str]) -> Response:
    settings = client.settings
    if "client_credentials" not in settings.get("AllowedOAuthFlows", []) or not client.secrets:
        return failure(400, "unauthorized_client")
    allowed = settings.get("AllowedOAuthScopes", [])
    scopes = tuple(dict.fromkeys(fields.get("scope", "").split())) or tuple(allowed)
    if any(one not in allowed for one in scopes):
        return failure(400, "invalid_scope")
    pool_secrets = await site.cloud.store.read(lambda tx: keys.pool_secrets.get(tx, site.pool.id))
    if pool_secrets is None:
        return failure(400, "invalid_client")
    made = tokens.client_credentials(site.cloud, site.pool, client, pool_secrets, scopes, site.at)
    life_s = clients.life_ms(settings, "AccessToken") // 1000
    return _answer({"AccessToken": made, "ExpiresIn": life_s})


async def user_info(site: Site) -> Response:
    """GET /oauth2/userInfo: what the scopes of an access token tell of its user."""
    header = site.request.headers.get("authorization", "")
    if header[:7].lower() != "bearer ":
        return _unwelcome("invalid_request", "The access token is missing.")

    def look(tx: Reader) -> tokens.Bearer:
        return tokens.read_access(site.cloud, tx, header[7:].strip(), scope="openid")

    try:
        bearer = await site.cloud.store.read(look)
    except ServiceError as error:
        return _unwelcome("invalid_token", error.message)
    if bearer.pool.id != site.pool.id:
        return _unwelcome("invalid_token", "The access token is of another user pool.")
    found = attributes.readable(bearer.client, bearer.user.attributes)
    scopes = bearer.claims["scope"].split()
    asked = [name for scope, names in _BY_SCOPE.items() if scope in scopes for name in names]
    if asked and "profile" not in scopes:
        found = {name: value for name, value in found.items() if name in asked}
    return json_answer({"sub": bearer.user.sub, **found, "username": bearer.user.name}, [NO_STORE])


def _unwelcome(code: str, text: str) -> Response:
    answer = failure(401, code, text)
    answer.headers.append(("www-authenticate", f'Bearer error="{code}", error_description="{text}"'))
    return answer


async def revoke(site: Site) -> Response:
    """POST /oauth2/revoke: end everything that came of a refresh token."""
    fields = await site.form()
    client = await _client(site, fields)
    if client is None:
        return failure(401 if "authorization" in site.request.headers else 400, "invalid_client")
    if not client.revokes:
        return failure(400, "invalid_request", "Token revocation is not enabled for this client.")
    given = fields.get("token", "")
    if not given:
        return failure(400, "invalid_request")
    if given.count(".") == 2:
        return failure(400, "unsupported_token_type")
    await site.cloud.store.write(lambda tx: granting.revoke(tx, given, client))
    return Response(200, [NO_STORE])
