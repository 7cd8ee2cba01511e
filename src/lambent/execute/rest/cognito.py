"""Cognito authorizers: a token of one of the named user pools, verified by the pool's published keys.

A method without scopes takes an id token; one with scopes an access token that has one of them.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import orjson

from lambent.contracts.arn import parse
from lambent.contracts.ports import Cloud

from ..jwt import IssuerUnreachable, TokenRefused, Tokens, scopes_of
from ..times import long_time
from . import variables
from .exchange import Exchange
from .refusals import Refusal

_DATES: Final = frozenset(("exp", "iat"))


class PoolTokens(Tokens):
    """Tokens of this cloud's own user pools: no other issuer is ever asked."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, _nowhere)


async def _nowhere(url: str) -> bytes:
    raise ValueError(f"{url} is not of this cloud")


async def authorize(x: Exchange) -> None:
    """Let the holder of a good token in; its claims are in the exchange afterwards."""
    authorizer = x.plan.snapshot.authorizers.get(x.route.method.authorizer_id or "")
    if authorizer is None:
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR", note="The method's authorizer does not exist.")
    token = variables.text(x, authorizer.identity_source or "method.request.header.Authorization") or ""
    token = token[7:].strip() if token[:7].lower() == "bearer " else token.strip()
    claimed = unverified(token)
    issuer = _issuer(claimed.get("iss"), authorizer.provider_arns)
    if not issuer:
        raise Refusal("UNAUTHORIZED", note="The token is of none of the authorizer's user pools.")
    scopes = x.route.method.scopes
    # A pool's authorizer takes the tokens of all its clients.
    audience = [one for one in (claimed.get("aud"), claimed.get("client_id")) if isinstance(one, str)]
    try:
        claims = await x.room.part(PoolTokens).verify(token, issuer, audience)
    except TokenRefused as refused:
        expired = "expired" in str(refused)
        raise Refusal("UNAUTHORIZED", "The incoming token has expired" if expired else "", note=str(refused)) from None
    except IssuerUnreachable as error:
        raise Refusal("AUTHORIZER_CONFIGURATION_ERROR", note=str(error)) from None
    if claims.get("token_use") != ("access" if scopes else "id"):
        raise Refusal("UNAUTHORIZED", note="The token is of the wrong kind: access tokens need scopes.")
    if scopes and not set(scopes) & set(scopes_of(claims)):
        raise Refusal("ACCESS_DENIED", "Access Denied", note="The token has none of the method's scopes.")
    x.authorizer = {"claims": shown(claims)}


def unverified(token: str) -> dict[str, Any]:
    """What a token says of itself, not verified: only for finding out whom to ask about it."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > 16_384:
        raise Refusal("UNAUTHORIZED")
    try:
        claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        raise Refusal("UNAUTHORIZED") from None
    if not isinstance(claims, dict):
        raise Refusal("UNAUTHORIZED")
    return claims


def _issuer(claimed: object, pools: tuple[str, ...]) -> str:
    """The issuer of the authorizer's pool that a token says it is from; empty when it is from another."""
    if not isinstance(claimed, str):
        return ""
    for arn in pools:
        place = parse(arn)
        pool = place.resource.partition("/")[2]
        if claimed.rstrip("/").rpartition("/")[2] == pool:
            return f"https://cognito-idp.{place.region}.amazonaws.com/{pool}"
    return ""


def shown(claims: dict[str, Any]) -> dict[str, str]:
    """Claims as functions and templates see them: all are texts; of the times, `exp` and `iat` are written out."""
    return {name: _date(value) if name in _DATES else _text(value) for name, value in claims.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return orjson.dumps(value).decode()


def _date(value: Any) -> str:
    """`Fri Sep 15 10:59:49 UTC 2017`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _text(value)
    return long_time(int(value) * 1_000_000_000)
