"""JSON Web Tokens: who is let in, and everything that is refused."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from functools import lru_cache
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from lambent.contracts.http import Request, Response
from lambent.execute.http.memory import Memory
from lambent.execute.jwt import IssuerUnreachable, TokenRefused, Tokens, parse_keys, pool_of, shown_claims
from tests.support import TestCloud

from .support import HttpApi, body, header, new_api

ISSUER = "https://issuer.example"
POOL = "us-east-1_AbCdEf123"


@lru_cache
def rsa_key(n: int) -> rsa.RSAPrivateKey:
    """A key; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module", autouse=True)
def _keys() -> None:
    """Keys are made before the tests, so that these are quick."""
    for n in (1, 2):
        rsa_key(n)


def jwk(n: int, kid: str, **more: Any) -> dict[str, Any]:
    """The public half of a key, as an issuer publishes it."""
    found: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key(n).public_key()))
    return {**found, "kid": kid, "use": "sig", "alg": "RS256", **more}


class Issuer:
    """Stands for the web: documents by URL, and how often each was read."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [jwk(1, "k1")]
        self.down = False
        self.asked: list[str] = []

    async def get(self, url: str) -> bytes:
        """A document."""
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.down:
            raise ConnectionError("down")
        if url == f"{ISSUER}/.well-known/openid-configuration":
            return orjson.dumps({"issuer": ISSUER, "jwks_uri": f"{ISSUER}/keys"})
        if url != f"{ISSUER}/keys":
            raise ValueError(f"nothing is at {url}")
        return orjson.dumps({"keys": self.keys})


def claims(cloud: TestCloud, **more: Any) -> dict[str, Any]:
    """Good claims; None leaves one out."""
    now_s = cloud.clock.now_ns() // 1_000_000_000
    found = {"iss": ISSUER, "aud": "app", "sub": "me", "iat": now_s - 10, "exp": now_s + 60, "scope": "read write"}
    return {name: value for name, value in {**found, **more}.items() if value is not None}


def token(given: dict[str, Any], n: int = 1, kid: str | None = "k1", alg: str = "RS256", **headers: Any) -> str:
    """A token signed with key `n`."""
    named = {"kid": kid, **headers} if kid is not None else headers
    return jwt.encode(given, rsa_key(n), algorithm=alg, headers=named)


def forged(given: dict[str, Any], header: dict[str, Any], secret: bytes | None) -> str:
    """A token that no library would make: signed with HMAC by `secret`, or not at all."""

    def part(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    signed = part(orjson.dumps(header)) + b"." + part(orjson.dumps(given))
    signature = part(hmac.digest(secret, signed, hashlib.sha256)) if secret is not None else b""
    return (signed + b"." + signature).decode()


async def guarded(issuer: Issuer, scopes: tuple[str, ...] = (), **jwt_configuration: Any) -> HttpApi:
    """An API with a route that wants a token."""
    api = await new_api(TestCloud())
    configuration = {"Issuer": ISSUER, "Audience": ["app", "other"], **jwt_configuration}
    made = await api.v2(
        "CreateAuthorizer",
        Name="jwt",
        AuthorizerType="JWT",
        IdentitySource=["$request.header.Authorization"],
        JwtConfiguration=configuration,
    )
    route = {"AuthorizationType": "JWT", "AuthorizerId": made["AuthorizerId"], "AuthorizationScopes": list(scopes)}
    await api.function("GET /a", lambda event: event["requestContext"]["authorizer"], **route)
    memory = _memory(api)
    memory.tokens = Tokens(api.cloud, issuer.get)
    return api


def _memory(api: HttpApi) -> Memory:
    room: Any = api.cloud.targets["apigateway"]
    found: Memory = room.part(Memory)
    return found


async def status(api: HttpApi, text: str) -> int:
    """What a request with a token is answered."""
    return (await api.ask("GET", "/a", authorization=f"Bearer {text}")).status


def test_a_good_token() -> None:
    async def run() -> None:
        api = await guarded(Issuer())
        good = claims(api.cloud, groups=["a", "b"], admin=True)
        answer = await api.ask("GET", "/a", authorization=f"Bearer {token(good)}")
        assert answer.status == 200
        shown = orjson.loads(body(answer))["jwt"]
        assert shown["scopes"] is None
        assert shown["claims"]["sub"] == "me"
        assert shown["claims"]["groups"] == "[a b]"
        assert shown["claims"]["admin"] == "true"
        assert shown["claims"]["exp"] == str(good["exp"])
        assert (await api.ask("GET", "/a", authorization=token(good))).status == 200  # without the word Bearer
        assert await status(api, token(claims(api.cloud, aud=["x", "other"]))) == 200
        assert await status(api, token(claims(api.cloud, aud=None, client_id="app"))) == 200
        assert await status(api, token(good, alg="RS256")) == 200

    asyncio.run(run())


def test_no_token() -> None:
    async def run() -> None:
        api = await guarded(Issuer())
        answer = await api.ask("GET", "/a")
        assert (answer.status, body(answer)) == (401, b'{"message":"Unauthorized"}')
        assert header(answer, "www-authenticate") == "Bearer"
        assert (await api.ask("GET", "/a", authorization="Bearer ")).status == 401

    asyncio.run(run())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://evil.example"}, "the token has an invalid issuer"),
        ({"iss": None}, "the token has an invalid issuer"),
        ({"iss": f"{ISSUER}/"}, "the token has an invalid issuer"),
        ({"aud": "somebody"}, "the token does not have a valid audience"),
        ({"aud": None}, "the token does not have a valid audience"),
        ({"aud": "somebody", "client_id": "app"}, "the token does not have a valid audience"),
        ({"exp": 1_000}, "the token has expired"),
        ({"exp": None}, "the token has expired"),
        ({"nbf": 99_999_999_999}, "the token is not valid yet"),
        ({"iat": 99_999_999_999}, "the token was issued in the future"),
        ({"nbf": "soon"}, "the token's nbf is no time"),
    ],
)
def test_wrong_claims(changed: dict[str, Any], reason: str) -> None:
    async def run() -> None:
        api = await guarded(Issuer())
        good = claims(api.cloud, **changed)
        raw = jwt.PyJWS().encode(orjson.dumps(good), rsa_key(1), algorithm="RS256", headers={"kid": "k1"})
        answer = await api.ask("GET", "/a", authorization=f"Bearer {raw}")
        assert (answer.status, body(answer)) == (401, b'{"message":"Unauthorized"}')
        challenge = f'Bearer scope="" error="invalid_token" error_description="{reason}"'
        assert header(answer, "www-authenticate") == challenge
        assert api.functions.events == []

    asyncio.run(run())


def test_a_token_ends_on_the_clock() -> None:
    async def run() -> None:
        api = await guarded(Issuer())
        good = token(claims(api.cloud))
        assert await status(api, good) == 200
        api.cloud.clock.advance(60 * 1_000_000_000)
        assert await status(api, good) == 401

    asyncio.run(run())


def test_wrong_keys() -> None:
    async def run() -> None:
        issuer = Issuer()
        api = await guarded(issuer)
        good = claims(api.cloud)
        assert await status(api, token(good, n=2)) == 401  # another key under the name of the issuer's
        assert await status(api, token(good, kid="k2")) == 401  # a key that the issuer does not have
        assert await status(api, token(good, kid=None)) == 401
        inlined = jwk(2, "k1")
        assert await status(api, token(good, n=2, jwk=inlined)) == 401  # a key that the token brings along
        assert await status(api, token(good, n=2, jku="https://evil.example/keys")) == 401
        assert all(url.startswith(ISSUER) for url in issuer.asked)
        whole = token(good)
        head, payload, signature = whole.split(".")
        other = base64.urlsafe_b64encode(orjson.dumps({**good, "sub": "root"})).rstrip(b"=").decode()
        assert await status(api, f"{head}.{other}.{signature}") == 401
        assert await status(api, f"{head}.{payload}.") == 401
        assert await status(api, "not.a.token") == 401
        assert await status(api, "x" * 20_000) == 401

    asyncio.run(run())


def test_wrong_algorithms() -> None:
    async def run() -> None:
        issuer = Issuer()
        public = rsa_key(1).public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        api = await guarded(issuer)
        good = claims(api.cloud)
        for alg in ("none", "None", "NONE", "nOnE", ""):
            assert await status(api, forged(good, {"alg": alg, "kid": "k1"}, None)) == 401
        for secret in (pem, der, pem.strip(), jwk(1, "k1")["n"].encode()):
            assert await status(api, forged(good, {"alg": "HS256", "kid": "k1"}, secret)) == 401
        elliptic = ec.generate_private_key(ec.SECP256R1())
        issuer.keys.append({**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(elliptic.public_key())), "kid": "e1"})
        issuer.keys.append({"kty": "oct", "k": base64.urlsafe_b64encode(b"s" * 32).decode(), "kid": "o1"})
        assert await status(api, jwt.encode(good, elliptic, algorithm="ES256", headers={"kid": "e1"})) == 401
        assert await status(api, jwt.encode(good, "s" * 32, algorithm="HS256", headers={"kid": "o1"})) == 401
        assert await status(api, token(good, alg="PS256")) == 401
        assert await status(api, token(good, alg="RS512")) == 401  # the key says that it is for RS256
        assert api.functions.events == []

    asyncio.run(run())


def test_keys_that_are_not_for_signatures() -> None:
    raw = orjson.dumps({"keys": [jwk(1, "a"), jwk(1, "b", use="enc"), jwk(1, "c", alg="HS256"), {"kty": "RSA"}, 5]})
    assert list(parse_keys(raw)) == ["a"]
    with pytest.raises(ValueError, match="keys"):
        parse_keys(b"[]")


def test_scopes() -> None:
    async def run() -> None:
        api = await guarded(Issuer(), scopes=("write", "all"))
        answer = await api.ask("GET", "/a", authorization=token(claims(api.cloud)))
        assert orjson.loads(body(answer))["jwt"]["scopes"] == ["read", "write"]
        assert await status(api, token(claims(api.cloud, scope=None, scp=["all"]))) == 200
        for scope in ("read", "writes", None):
            refused = await api.ask("GET", "/a", authorization=token(claims(api.cloud, scope=scope)))
            assert (refused.status, body(refused)) == (403, b'{"message":"Forbidden"}')
            assert 'error="insufficient_scope"' in (header(refused, "www-authenticate") or "")

    asyncio.run(run())


def test_keys_are_kept_and_rotate() -> None:
    async def run() -> None:
        issuer = Issuer()
        api = await guarded(issuer)

        def good(n: int) -> str:
            return token(claims(api.cloud), n=n, kid=f"k{n}")

        assert await status(api, good(1)) == 200
        assert await status(api, good(1)) == 200
        assert len(issuer.asked) == 2  # the discovery document and the keys
        issuer.keys = [jwk(2, "k2")]
        assert await status(api, good(2)) == 401  # asked a moment ago
        api.cloud.clock.advance(11_000_000_000)
        assert await status(api, good(2)) == 200
        assert await status(api, good(1)) == 401
        assert len(issuer.asked) == 4
        issuer.down = True
        api.cloud.clock.advance(3 * 3600 * 1_000_000_000)
        assert await status(api, good(2)) == 200  # two hours old, and nobody to ask
        api.cloud.clock.advance(24 * 3600 * 1_000_000_000)
        assert await status(api, good(2)) == 401
        issuer.down = False
        api.cloud.clock.advance(11_000_000_000)
        assert await status(api, good(2)) == 200

    asyncio.run(run())


def test_a_good_signature_is_checked_once_and_everything_else_again(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    check = jwt.PyJWS.decode_complete

    def counted(self: jwt.PyJWS, text: str, *given: Any, **more: Any) -> Any:
        checked.append(text)
        return check(self, text, *given, **more)

    monkeypatch.setattr(jwt.PyJWS, "decode_complete", counted)

    async def run() -> None:
        issuer, cloud = Issuer(), TestCloud()
        tokens = Tokens(cloud, issuer.get)
        good = token(claims(cloud, exp=cloud.clock.now_ns() // 1_000_000_000 + 3 * 3600))
        first = await tokens.verify(good, ISSUER, ["app"])
        assert await tokens.verify(good, ISSUER, ["app"]) == first
        assert checked == [good]
        with pytest.raises(TokenRefused, match="audience"):
            await tokens.verify(good, ISSUER, ["somebody"])
        with pytest.raises(IssuerUnreachable):
            await tokens.verify(good, "https://evil.example", ["app"])  # whose keys the token's is none of
        with pytest.raises(TokenRefused, match="signature"):
            await tokens.verify(f"{good[:-8]}AAAAAAAA", ISSUER, ["app"])
        assert len(checked) == 2
        cloud.clock.advance(2 * 3600 * 1_000_000_000)
        assert await tokens.verify(good, ISSUER, ["app"]) == first
        assert len(checked) == 3  # the keys were read again
        issuer.keys = [jwk(1, "k2")]
        cloud.clock.advance(11_000_000_000)
        with pytest.raises(TokenRefused, match="not one of the issuer's"):
            await tokens.verify(token(claims(cloud), kid="k3"), ISSUER, ["app"])  # which has them read
        with pytest.raises(TokenRefused, match="not one of the issuer's"):
            await tokens.verify(good, ISSUER, ["app"])
        assert len(checked) == 3

    asyncio.run(run())


def test_an_issuer_that_cannot_be_reached() -> None:
    async def run() -> None:
        issuer = Issuer()
        issuer.down = True
        api = await guarded(issuer)
        assert await status(api, token(claims(api.cloud))) == 401
        issuer.down = False
        assert await status(api, token(claims(api.cloud))) == 200

    asyncio.run(run())


def test_many_first_requests_read_the_keys_once() -> None:
    async def run() -> None:
        issuer = Issuer()
        api = await guarded(issuer)
        good = token(claims(api.cloud))
        assert await asyncio.gather(*(status(api, good) for _ in range(5))) == [200] * 5
        assert len(issuer.asked) == 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("issuer", "pool"),
    [
        (f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}", POOL),
        (f"http://127.0.0.1:4566/{POOL}", POOL),
        (f"http://localhost:4566/{POOL}", POOL),
        (f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL}", ""),
        (f"http://cognito-idp.us-east-1.amazonaws.com/{POOL}", ""),
        (f"http://127.0.0.1:80/{POOL}", ""),
        (f"https://cognito-idp.us-east-1.amazonaws.com.evil.example/{POOL}", ""),
        (f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}/x", ""),
        (f"https://evil.example/{POOL}", ""),
    ],
)
def test_user_pools_of_this_cloud(issuer: str, pool: str) -> None:
    assert pool_of(issuer, "http://127.0.0.1:4566") == pool


def test_a_user_pool_is_asked_in_process_by_either_spelling() -> None:
    async def run() -> None:
        issuer = Issuer()
        aws = f"https://cognito-idp.us-east-1.amazonaws.com/{POOL}"
        local = f"http://127.0.0.1:4566/{POOL}"
        api = await guarded(issuer, Issuer=aws)
        asked: list[str] = []

        async def front(request: Request) -> Response:
            asked.append(request.path)
            return Response(200, body=orjson.dumps({"keys": [jwk(1, "k1")]}))

        api.cloud.front = front  # type: ignore[method-assign]
        assert await status(api, token(claims(api.cloud, iss=aws))) == 200
        assert await status(api, token(claims(api.cloud, iss=local))) == 200
        assert await status(api, token(claims(api.cloud, iss=local.replace(POOL, "us-east-1_Other")))) == 401
        assert asked == [f"/{POOL}/.well-known/jwks.json"]
        assert issuer.asked == []

    asyncio.run(run())


def test_claims_are_shown_as_texts() -> None:
    given = {"a": 1, "b": 1.5, "c": [1, "x"], "d": {"e": True}, "f": None}
    assert shown_claims(given) == {"a": "1", "b": "1.5", "c": "[1 x]", "d": "map[e:true]", "f": "null"}
