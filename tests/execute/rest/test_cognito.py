"""Cognito authorizers: tokens of a user pool, and all that is none."""

from __future__ import annotations

from functools import cache
from typing import Any

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from lambent.contracts.http import Request, Response
from lambent.services.apigateway.model import Authorizer
from tests.execute.rest.making import Functions, Making, echo, json, lambda_proxy
from tests.support import ACCOUNT, REGION, TestCloud

POOL = "us-east-1_AbCdEf123"
ISSUER = f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"
S = 1_000_000_000


@cache
def key(number: int = 1) -> rsa.RSAPrivateKey:
    """A key, the same for each number."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks() -> bytes:
    document = orjson.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key().public_key()))
    return orjson.dumps({"keys": [{**document, "kid": "k1", "alg": "RS256", "use": "sig"}]})


async def protected(scopes: tuple[str, ...] = ()) -> tuple[TestCloud, Making]:
    cloud = TestCloud()
    cloud.targets["lambda"] = Functions(echo=echo)  # type: ignore[assignment]

    async def front(request: Request) -> Response:
        assert (request.method, request.path) == ("GET", f"/{POOL}/.well-known/jwks.json")
        return Response(200, [], jwks())

    cloud.front = front
    making = Making(cloud)
    arn = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{POOL}"
    one = Authorizer(
        id="auth",
        name="auth",
        type="COGNITO_USER_POOLS",
        provider_arns=(arn,),
        identity_source="method.request.header.Authorization",
    )
    making.parts["authorizers"] = {"auth": one}
    making.method(
        "/", "GET", lambda_proxy("echo"), authorization="COGNITO_USER_POOLS", authorizer_id="auth", scopes=scopes
    )
    await making.deploy()
    return cloud, making


def token(cloud: TestCloud, *, signer: Any = None, algorithm: str = "RS256", kid: str = "k1", **claims: Any) -> str:
    now_s = cloud.clock.now_ns() // S
    base = {
        "sub": "me",
        "iss": ISSUER,
        "aud": "client",
        "token_use": "id",
        "auth_time": now_s - 10,
        "iat": now_s - 10,
        "exp": now_s + 60,
    }
    payload = {name: value for name, value in {**base, **claims}.items() if value is not None}
    return jwt.encode(payload, signer if signer is not None else key(), algorithm, headers={"kid": kid})


async def ask(making: Making, value: str) -> tuple[int, Any]:
    answer = await making.ask("GET", "", headers={"Authorization": value})
    return answer.status, json(answer)


@pytest.mark.slow
async def test_an_id_token_opens_a_method_without_scopes() -> None:
    cloud, making = await protected()
    groups: dict[str, Any] = {"cognito:groups": ["admin", "users"], "email_verified": True}
    for prefix in ("", "Bearer "):
        status, event = await ask(making, prefix + token(cloud, **groups))
        assert status == 200
        assert event["requestContext"]["authorizer"] == {
            "claims": {
                "sub": "me",
                "iss": ISSUER,
                "aud": "client",
                "token_use": "id",
                "auth_time": "1699999990",
                "iat": "Tue Nov 14 22:13:10 UTC 2023",
                "exp": "Tue Nov 14 22:14:20 UTC 2023",
                "cognito:groups": "admin,users",
                "email_verified": "true",
            }
        }
    access = token(cloud, token_use="access", aud=None, client_id="client", scope="books/read")
    assert await ask(making, access) == (401, {"message": "Unauthorized"})


@pytest.mark.slow
async def test_an_access_token_with_a_scope_opens_a_method_with_scopes() -> None:
    cloud, making = await protected(("books/read", "books/write"))
    good: dict[str, Any] = {"token_use": "access", "aud": None, "client_id": "client"}
    assert (await ask(making, token(cloud, **good, scope="openid books/write")))[0] == 200
    assert (await ask(making, token(cloud, **good, scope="openid")))[0] == 403
    assert (await ask(making, token(cloud, scope="books/read")))[0] == 401, "an id token"


@pytest.mark.slow
async def test_tokens_that_are_not_good() -> None:
    cloud, making = await protected()
    now_s = cloud.clock.now_ns() // S
    header, payload, signature = token(cloud).split(".")
    bad = [
        token(cloud, signer=key(2)),
        token(cloud, signer="secret" * 10, algorithm="HS256"),
        jwt.encode({"iss": ISSUER, "token_use": "id", "aud": "client", "exp": now_s + 60}, "", "none"),
        token(cloud, kid="other"),
        token(cloud, iss=ISSUER + "x"),
        token(cloud, iss=f"https://evil.example/{POOL}"),
        token(cloud, iss=None),
        token(cloud, iat=now_s + 60),
        token(cloud, nbf=now_s + 60),
        token(cloud, token_use=None),
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}",
        "nothing",
        "a.b.c",
        "",
        "Bearer ",
        "." * 20_000,
    ]
    for one in bad:
        assert await ask(making, one) == (401, {"message": "Unauthorized"}), one[:80]
    for expired in (token(cloud, exp=now_s - 1), token(cloud, exp=None)):
        assert await ask(making, expired) == (401, {"message": "The incoming token has expired"})
