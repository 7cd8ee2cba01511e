"""Tokens of whatever shape: refused in words, unless the issuer has signed them for this audience and this time."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.execute.jwt import TokenRefused, Tokens
from lambent.services.cognito_idp import tokens as pool_tokens
from tests.support import TestCloud

from .test_jwt import ISSUER, Issuer, claims, rsa_key, token

DEEP = "[" * 11_000
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner))
HEADERS = st.dictionaries(st.sampled_from(("alg", "kid", "typ", "crit", "b64", "jku", "jwk", "x5u", "zip")), VALUES)
CLAIMS = st.dictionaries(st.sampled_from(("iss", "aud", "exp", "nbf", "iat", "client_id", "scope", "sub")), VALUES)


def part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def verdict(text: str, more: dict[str, Any] | None = None) -> str:
    """Why a token is refused; empty for one that is let in."""
    cloud = TestCloud()
    if more is not None:
        text = jwt.api_jws.encode(
            json.dumps({**claims(cloud), **more}).encode(), rsa_key(1), algorithm="RS256", headers={"kid": "k1"}
        )
    try:
        await Tokens(cloud, Issuer().get).verify(text, ISSUER, ("app",))
    except TokenRefused as refused:
        return str(refused)
    return ""


@pytest.mark.slow
@given(HEADERS, st.text(max_size=20) | st.just("e30"), st.binary(max_size=20))
def test_no_header_lets_a_token_in(header: dict[str, Any], payload: str, signature: bytes) -> None:
    text = f"{part(json.dumps(header).encode())}.{payload}.{part(signature)}"
    assert asyncio.run(verdict(text))


@pytest.mark.slow
@given(CLAIMS)
def test_claims_of_any_kind_are_refused_or_good(more: dict[str, Any]) -> None:
    if asyncio.run(verdict("", more)):
        return
    assert more.get("iss", ISSUER) == ISSUER
    told = more.get("aud", "app")
    assert told == "app" or "app" in told
    for name in ("exp", "nbf", "iat"):
        assert isinstance(more.get(name, 0), int | float | None)
        assert not isinstance(more.get(name), bool)


@pytest.mark.parametrize("header", [DEEP, '{"a":' * 3000, "9" * 8000, '{"alg":"RS256","kid":"k1","a":' + DEEP[:9000]])
async def test_a_header_that_is_nested_deep_is_refused(header: str) -> None:
    text = f"{part(header.encode())}.e30.AA"
    assert await verdict(text)
    cloud = TestCloud()
    assert await cloud.store.read(lambda tx: pool_tokens._verified(tx, text)) is None


async def test_a_good_token_is_let_in() -> None:
    cloud = TestCloud()
    found = await Tokens(cloud, Issuer().get).verify(token(claims(cloud)), ISSUER, ("app",))
    assert found["sub"] == "me"
