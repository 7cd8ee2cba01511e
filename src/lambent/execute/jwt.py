"""JSON Web Tokens, as HTTP APIs accept them: signed with RSA by a key of the issuer, for this audience, now.

Only RS256, RS384 and RS512 are taken, whatever a token or a key says of itself: `none` and the HMAC algorithms, with
which a public key would do as a secret, are refused before anything is computed.

The issuer's keys are found by its discovery document (`/.well-known/openid-configuration`), and kept: a key that is not
among them has them read again, at most every ten seconds; keys that are two hours old are read again; when the issuer
cannot be reached, keys of a day are still used. A user pool of this cloud is asked in process, and both of its
spellings, AWS's and the one at this cloud's endpoint, are one issuer.

A signature takes 150 us to check, and most tokens come again and again: one that was good is not checked again while
its key is the issuer's. All else is asked of every request: whether the key still is one of the issuer's, whom the
token is from and for, and the time.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import orjson

from lambent.contracts.http import Request, Response
from lambent.contracts.ports import Cloud
from lambent.kit.loading import load

from .caching import Kept

ALGORITHMS: Final = ("RS256", "RS384", "RS512")
TOKEN_BYTES_MAX: Final = 16_384
KEYS_MAX: Final = 100
ISSUERS_MAX: Final = 1000
_NS: Final = 1_000_000_000
_FRESH_NS: Final = 2 * 3600 * _NS
_STALE_NS: Final = 24 * 3600 * _NS
_AGAIN_NS: Final = 10 * _NS
_RSA_BITS_MIN: Final = 2048
_KEPT_BYTES_MAX: Final = 16 << 20
_KEPT_NS: Final = 3600 * _NS
_SIZE: Final = 4
"""What claims take in memory, as a multiple of their token's length: reckoned high."""
_POOL: Final = re.compile(r"([a-z]{2}(?:-[a-z]+)+-\d)_[A-Za-z0-9]{1,55}")
_AWS_HOST: Final = re.compile(r"cognito-idp\.([a-z0-9-]+)\.amazonaws\.com")
Get = Callable[[str], Awaitable[bytes]]
"""Reads a URL; raises OSError, TimeoutError or ValueError when there is no answer of 200."""


class TokenRefused(Exception):
    """A token is not accepted; the text says why, and may be told to the caller."""


class IssuerUnreachable(Exception):
    """The issuer's keys could not be read, so nothing can be said of a token."""


class Key(NamedTuple):
    """A public key of an issuer, and the algorithm that it is for (empty: any)."""

    key: Any
    algorithm: str


class _Signed(NamedTuple):
    """What a token said whose signature was good: the id of its key, the key itself, its claims."""

    id: str
    key: Key
    claims: dict[str, Any]


class _Keys:
    """The keys of an issuer by id, and when they were read and asked for."""

    __slots__ = ("asked_ns", "by_id", "read_ns", "reading")

    def __init__(self) -> None:
        self.by_id: dict[str, Key] = {}
        self.read_ns = 0
        self.asked_ns = 0
        self.reading: asyncio.Future[dict[str, Key]] | None = None

    def done(self, reading: asyncio.Future[dict[str, Key]]) -> None:
        """A reading has ended, well or not."""
        self.reading = None
        if not reading.cancelled():
            reading.exception()  # whoever waits for it has it; nobody may be left


def pool_of(issuer: str, endpoint: str) -> str:
    """The id of the user pool that an issuer is, of AWS's spelling or at this cloud's `endpoint`; empty when it is
    none."""
    try:
        parts = urlsplit(issuer)
        port = parts.port
    except ValueError:
        return ""
    pool = parts.path.strip("/")
    found = _POOL.fullmatch(pool)
    if found is None or parts.query or parts.fragment:
        return ""
    host = _AWS_HOST.fullmatch(parts.hostname or "")
    if host is not None:
        return pool if parts.scheme == "https" and host[1] == found[1] else ""
    here = urlsplit(endpoint)
    local = ("localhost", "127.0.0.1", here.hostname)
    return pool if parts.hostname in local and here.hostname is not None and port == here.port else ""


class Tokens:
    """Verifies tokens, with a cache of the issuers' keys. `get` reads URLs outside the cloud."""

    def __init__(self, cloud: Cloud, get: Get) -> None:
        self._cloud = cloud
        self._get = get
        self._issuers: dict[str, _Keys] = {}
        self._signed: Kept[_Signed] = Kept(bytes_max=_KEPT_BYTES_MAX)

    def same(self, issuer: str, claimed: object) -> bool:
        """Whether a token's `iss` names the issuer."""
        if not isinstance(claimed, str):
            return False
        if claimed == issuer:
            return True
        pool = pool_of(issuer, self._cloud.settings.endpoint)
        return bool(pool) and pool_of(claimed, self._cloud.settings.endpoint) == pool

    async def verify(self, token: str, issuer: str, audience: Iterable[str]) -> dict[str, Any]:
        """The claims of a token that is good now. Raises `TokenRefused` and `IssuerUnreachable`."""
        if len(token) > TOKEN_BYTES_MAX:
            raise TokenRefused("the token is too long")
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        now_ns = self._cloud.clock.now_ns()
        kept = self._signed.get(digest, now_ns)
        # The key is asked for anew, and must be the very one: keys that were read again check the token again.
        if kept is None or await self._key(issuer, kept.id) is not kept.key:
            kept = await self._read_signed(token, issuer)
            self._check(kept.claims, issuer, tuple(audience))
            self._signed.put(digest, kept, now_ns + _KEPT_NS, _SIZE * len(token))
        else:
            self._check(kept.claims, issuer, tuple(audience))
        return dict(kept.claims)

    async def _read_signed(self, token: str, issuer: str) -> _Signed:
        """What a token says, once its signature is checked."""
        # Deferred: cryptography takes 50 ms to load, which only APIs with tokens need pay for.
        jwt: Any = await load("jwt")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise TokenRefused("the token is malformed") from None
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise TokenRefused("signing method is invalid")
        if "crit" in header:
            raise TokenRefused("the token has critical headers that are not understood")
        id = header.get("kid")
        if not isinstance(id, str) or not id:
            raise TokenRefused("the token does not name its key")
        key = await self._key(issuer, id)
        if key.algorithm not in (algorithm, ""):
            raise TokenRefused("the key is for another signing method")
        try:
            verified = jwt.PyJWS().decode_complete(token, key.key, algorithms=[algorithm])
            claims = orjson.loads(verified["payload"])
        except (jwt.PyJWTError, orjson.JSONDecodeError, ValueError):
            raise TokenRefused("the token's signature is invalid") from None
        if not isinstance(claims, dict):
            raise TokenRefused("the token is malformed")
        return _Signed(id, key, claims)

    def _check(self, claims: Mapping[str, Any], issuer: str, audience: tuple[str, ...]) -> None:
        now_s = self._cloud.clock.now_ns() / _NS
        if not self.same(issuer, claims.get("iss")):
            raise TokenRefused("the token has an invalid issuer")
        told = claims["aud"] if "aud" in claims else claims.get("client_id")
        audiences = told if isinstance(told, list) else [told]
        if not any(isinstance(one, str) and one in audience for one in audiences):
            raise TokenRefused("the token does not have a valid audience")
        expires = _time(claims, "exp")
        if expires is None or expires <= now_s:
            raise TokenRefused("the token has expired")
        begins = _time(claims, "nbf")
        if begins is not None and begins > now_s:
            raise TokenRefused("the token is not valid yet")
        issued = _time(claims, "iat")
        if issued is not None and issued > now_s:
            raise TokenRefused("the token was issued in the future")

    async def _key(self, issuer: str, id: str) -> Key:
        now_ns = self._cloud.clock.now_ns()
        known = self._issuers.get(issuer)
        if known is None:
            if len(self._issuers) >= ISSUERS_MAX:
                self._issuers.pop(next(iter(self._issuers)))
            known = self._issuers[issuer] = _Keys()
        old = not known.read_ns or now_ns - known.read_ns >= _FRESH_NS
        if old or id not in known.by_id:
            await self._refresh(issuer, known, now_ns)
        if now_ns - known.read_ns >= _STALE_NS:
            raise IssuerUnreachable(f"{issuer}: its keys are too old")
        found = known.by_id.get(id)
        if found is None:
            raise TokenRefused("the token's key is not one of the issuer's")
        return found

    async def _refresh(self, issuer: str, known: _Keys, now_ns: int) -> None:
        """Read the keys again unless that was tried a moment ago; requests that come meanwhile wait for the same."""
        if known.reading is None:
            if known.asked_ns and now_ns - known.asked_ns < _AGAIN_NS:
                return
            known.asked_ns = now_ns
            known.reading = asyncio.ensure_future(self._read(issuer))
            known.reading.add_done_callback(known.done)
        try:
            known.by_id = await asyncio.shield(known.reading)
            known.read_ns = now_ns
        except (OSError, TimeoutError, ValueError) as error:
            if not known.read_ns:
                known.asked_ns = 0
                raise IssuerUnreachable(f"{issuer}: {error}") from None

    async def _read(self, issuer: str) -> dict[str, Key]:
        pool = pool_of(issuer, self._cloud.settings.endpoint)
        if pool:
            raw = await self._ask(f"/{pool}/.well-known/jwks.json")
        else:
            document = orjson.loads(await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
            address = document.get("jwks_uri") if isinstance(document, dict) else None
            if not isinstance(address, str):
                raise ValueError("its discovery document names no keys")
            raw = await self._get(address)
        return parse_keys(raw)

    async def _ask(self, path: str) -> bytes:
        """Ask this cloud itself."""
        response: Response = await self._cloud.front(Request("GET", path, headers={"host": "localhost"}))
        if response.status != 200:
            raise ValueError(f"it answered {response.status}")
        if isinstance(response.body, bytes):
            return response.body
        raise ValueError("its answer is a stream")


def parse_keys(raw: bytes) -> dict[str, Key]:
    """The usable keys of a JWKS document by id: RSA, for signatures, of 2048 bits or more. `ValueError` for anything
    that is no such document."""
    # Deferred, as above.
    import jwt

    document = orjson.loads(raw)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("its keys are no list")
    found: dict[str, Key] = {}
    for one in listed[:KEYS_MAX]:
        if not isinstance(one, dict) or one.get("kty") != "RSA" or one.get("use", "sig") != "sig":
            continue
        id = one.get("kid")
        if not isinstance(id, str) or one.get("alg", "RS256") not in ALGORITHMS:
            continue
        try:
            key = jwt.PyJWK(one, algorithm=one.get("alg", "RS256")).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if getattr(key, "key_size", 0) >= _RSA_BITS_MIN:
            found[id] = Key(key, one.get("alg", ""))
    return found


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """A time in a token, in seconds; `TokenRefused` when it is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenRefused(f"the token's {name} is no time")
    return float(value)


def scopes_of(claims: Mapping[str, Any]) -> list[str]:
    """The scopes that a token was given, by `scope` (a text) or `scp` (a text or list)."""
    value = claims.get("scope", claims.get("scp"))
    if isinstance(value, str):
        return value.split()
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def shown_claims(claims: Mapping[str, Any]) -> dict[str, str]:
    """Claims as functions see them: all are texts, lists between brackets."""
    return {name: _text(value) for name, value in claims.items()}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{' '.join(_text(one) for one in value)}]"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{name}:{_text(one)}" for name, one in sorted(value.items())) + "]"
    return "null" if value is None else str(value)
