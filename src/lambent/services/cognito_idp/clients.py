"""Clients: their settings, what they are shown as, their secrets, how long their tokens last."""

from __future__ import annotations

import base64
import hmac
import re
from typing import Any, Final
from urllib.parse import urlsplit

from lambent.contracts.ports import Reader

from . import keys
from .errors import (
    InvalidOAuthFlowException,
    InvalidParameterException,
    NotAuthorizedException,
    ScopeDoesNotExistException,
)
from .model import DAY_MS, HOUR_MS, MINUTE_MS, STANDARD_SCOPES, Client, Pool
from .service import moment

UNITS_MS: Final = {"seconds": 1000, "minutes": MINUTE_MS, "hours": HOUR_MS, "days": DAY_MS}
_LIVES: Final = {
    "AccessToken": ("AccessTokenValidity", "hours", 60 * MINUTE_MS, 5 * MINUTE_MS, DAY_MS),
    "IdToken": ("IdTokenValidity", "hours", 60 * MINUTE_MS, 5 * MINUTE_MS, DAY_MS),
    "RefreshToken": ("RefreshTokenValidity", "days", 30 * DAY_MS, 60 * MINUTE_MS, 3650 * DAY_MS),
}
"""Token: its setting, its unit unless said, its default, shortest and longest life."""
_LEGACY: Final = frozenset(("ADMIN_NO_SRP_AUTH", "CUSTOM_AUTH_FLOW_ONLY", "USER_PASSWORD_AUTH"))
SETTINGS: Final = (
    "RefreshTokenValidity", "AccessTokenValidity", "IdTokenValidity", "TokenValidityUnits", "ReadAttributes",
    "WriteAttributes", "ExplicitAuthFlows", "SupportedIdentityProviders", "CallbackURLs", "LogoutURLs",
    "DefaultRedirectURI", "AllowedOAuthFlows", "AllowedOAuthScopes", "AllowedOAuthFlowsUserPoolClient",
    "PreventUserExistenceErrors", "EnableTokenRevocation", "EnablePropagateAdditionalUserContextData",
    "AuthSessionValidity", "RefreshTokenRotation", "AnalyticsConfiguration",
)  # fmt: skip
"""The parameters that are a client's settings."""
_LOCAL: Final = ("localhost", "127.0.0.1", "[::1]", "::1")


# -- settings ---------------------------------------------------------------------------------------------------------


def read(tx: Reader, pool: Pool, req: dict[str, Any], *, secret: bool) -> dict[str, Any]:
    """A client's settings of a request, checked."""
    settings: dict[str, Any] = {name: req[name] for name in SETTINGS if name in req}
    _check_flows(settings)
    for token in _LIVES:
        life_ms(settings, token)
    for one in (*settings.get("ReadAttributes", ()), *settings.get("WriteAttributes", ())):
        if pool.attribute(one) is None:
            raise InvalidParameterException(f"Invalid write attributes specified while creating a client: {one}")
    for one in settings.get("SupportedIdentityProviders", ()):
        if one != "COGNITO":
            raise InvalidParameterException(f"The provider {one} does not exist for User Pool {pool.id}.")
    _check_oauth(tx, pool, settings, secret)
    return settings


def _check_flows(settings: dict[str, Any]) -> None:
    flows = set(settings.get("ExplicitAuthFlows", ()))
    if flows & _LEGACY and flows - _LEGACY:
        raise InvalidParameterException(
            "Cannot mix legacy and ALLOW_ prefixed flows in the ExplicitAuthFlows parameter."
        )


def _check_oauth(tx: Reader, pool: Pool, settings: dict[str, Any], secret: bool) -> None:
    flows, scopes = settings.get("AllowedOAuthFlows", []), settings.get("AllowedOAuthScopes", [])
    if settings.get("AllowedOAuthFlowsUserPoolClient") and (not flows or not scopes):
        raise InvalidOAuthFlowException(
            "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth flows."
        )
    if "client_credentials" in flows:
        if len(flows) > 1:
            raise InvalidOAuthFlowException(
                "client_credentials flow can not be selected along with code flow or implicit flow."
            )
        if not secret:
            raise InvalidOAuthFlowException(
                "client_credentials flow can not be selected if client does not have a client secret."
            )
    for scope in scopes:
        if scope not in STANDARD_SCOPES and not _exists(tx, pool, scope):
            raise ScopeDoesNotExistException(f"Invalid scope: {scope}")
        if "client_credentials" in flows and scope in STANDARD_SCOPES:
            raise InvalidOAuthFlowException(
                "client_credentials flow can not be selected along with any of the standard scopes."
            )
    for url in (*settings.get("CallbackURLs", ()), *settings.get("LogoutURLs", ())):
        check_redirect(url)
    default = settings.get("DefaultRedirectURI")
    if default and default not in settings.get("CallbackURLs", ()):
        raise InvalidParameterException("Default redirect URI is not included in callback URLs.")


def _exists(tx: Reader, pool: Pool, scope: str) -> bool:
    identifier, _, name = scope.rpartition("/")
    server = keys.resource_servers.get(tx, pool.id, identifier)
    return server is not None and any(name == one for one, _ in server.scopes)


def check_redirect(url: str) -> None:
    """Refuse an address that no sign-in may end at: https, http on this machine, or an app's own scheme."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidParameterException(f"{url} is not a valid redirect URI.") from None
    plain = re.fullmatch(r"[a-zA-Z][a-zA-Z0-9+.-]*", parts.scheme or "") is not None
    if (
        not plain
        or parts.fragment
        or parts.scheme.lower() in ("javascript", "data", "vbscript", "file", "blob", "about")
    ):
        raise InvalidParameterException(f"{url} is not a valid redirect URI.")
    if parts.scheme in ("http", "https") and not parts.hostname:
        raise InvalidParameterException(f"{url} is not a valid redirect URI.")
    host = parts.hostname or ""
    if parts.scheme == "http" and host not in _LOCAL and not host.endswith(".localhost"):
        raise InvalidParameterException(f"{url} cannot use the HTTP protocol.")


def life_ms(settings: dict[str, Any], token: str) -> int:
    """How long a token lasts: `AccessToken`, `IdToken` or `RefreshToken`."""
    name, unit, default_ms, shortest_ms, longest_ms = _LIVES[token]
    given = settings.get(name)
    if not given:
        return default_ms
    found = int(given) * UNITS_MS.get(settings.get("TokenValidityUnits", {}).get(token, unit), 0)
    if not shortest_ms <= found <= longest_ms:
        raise InvalidParameterException(f"Invalid range for token validity: {name}.")
    return found


def session_ms(client: Client) -> int:
    """How long a challenge waits for its answer."""
    return int(client.settings.get("AuthSessionValidity", 3)) * MINUTE_MS


def rotates(client: Client) -> bool:
    """Whether each use of a refresh token gives a new one."""
    return bool(client.settings.get("RefreshTokenRotation", {}).get("Feature") == "ENABLED")


def show(client: Client) -> dict[str, Any]:
    """A client as the API tells of it."""
    shown: dict[str, Any] = {
        "UserPoolId": client.pool,
        "ClientName": client.name,
        "ClientId": client.id,
        "LastModifiedDate": moment(client.modified_ms),
        "CreationDate": moment(client.created_ms),
        "RefreshTokenValidity": 30,
        "AllowedOAuthFlowsUserPoolClient": False,
        "EnableTokenRevocation": True,
        "EnablePropagateAdditionalUserContextData": False,
        "AuthSessionValidity": 3,
        **client.settings,
    }
    if client.secrets:
        shown["ClientSecret"] = client.secrets[0][1]
    return shown


# -- what a caller must prove -----------------------------------------------------------------------------------------


def allows(client: Client, flow: str) -> bool:
    """Whether a client may use a flow: USER_SRP, USER_PASSWORD, ADMIN_USER_PASSWORD, CUSTOM or REFRESH_TOKEN."""
    given = client.settings.get("ExplicitAuthFlows") or []
    if not given:
        return flow in ("USER_SRP", "CUSTOM", "REFRESH_TOKEN")
    if set(given) & _LEGACY:
        older = {"USER_PASSWORD": "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD": "ADMIN_NO_SRP_AUTH"}
        if flow in older:
            return older[flow] in given
        return flow != "USER_SRP" or "CUSTOM_AUTH_FLOW_ONLY" not in given
    return f"ALLOW_{flow}_AUTH" in given


def hash_of(secret: str, name: str, client: str) -> str:
    """The SECRET_HASH of a name: what a client with a secret sends along with it."""
    return base64.b64encode(hmac.digest(secret.encode(), (name + client).encode(), "sha256")).decode()


def check_hash(client: Client, given: str | None, *names: str) -> None:
    """Refuse a caller who does not know the client's secret. `names` are what the hash may be of."""
    if not client.secrets:
        if given:
            raise NotAuthorizedException(f"Unable to verify secret hash for client {client.id}")
        return
    if not given:
        raise NotAuthorizedException(f"Client {client.id} is configured with secret but SECRET_HASH was not received")
    fitting = [hash_of(secret, name, client.id) for _, secret, _ in client.secrets for name in names]
    if not any(hmac.compare_digest(one.encode(), given.encode()) for one in fitting):
        raise NotAuthorizedException(f"Unable to verify secret hash for client {client.id}")


def knows_secret(client: Client, given: str) -> bool:
    """Whether a secret that was sent is the client's; a client without one sends none."""
    if not client.secrets:
        return not given
    return any(hmac.compare_digest(secret.encode(), given.encode()) for _, secret, _ in client.secrets)
