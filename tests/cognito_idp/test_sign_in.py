"""Signing in by password and SRP, tokens and their ends, what must not work."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Coroutine
from typing import Any

import jwt
import orjson
import pytest

from lambent.contracts.errors import ServiceError
from lambent.services.cognito_idp import keypairs, srp
from lambent.services.cognito_idp.clients import hash_of

from .support import DAY_S, FUNCTION, HOUR_S, MINUTE_S, PASSWORD, PoolCloud, claims, forged, refused

HIDES = {"PreventUserExistenceErrors": "ENABLED"}
WRONG = ("NotAuthorizedException", "Incorrect username or password.")
REVOKED = ("NotAuthorizedException", "Access Token has been revoked")
INVALID = ("NotAuthorizedException", "Invalid Access Token")
BAD_REFRESH = ("NotAuthorizedException", "Invalid Refresh Token")


def run(scenario: Callable[[PoolCloud], Coroutine[Any, Any, None]], client: Any = None, **pool: Any) -> None:
    async def main() -> None:
        await scenario(await PoolCloud.begin(client=client, **pool))

    asyncio.run(main())


async def prove(cloud: PoolCloud, name: str, password: str, flow: str = "USER_SRP_AUTH", **more: str) -> dict[str, Any]:
    """Sign in as a client of SRP does, knowing nothing of the server's."""
    a = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big")
    public = pow(srp.GENERATOR, a, srp.PRIME)
    asked = await cloud.app(
        "InitiateAuth", AuthFlow=flow, AuthParameters={"USERNAME": name, "SRP_A": f"{public:x}", **more}
    )
    return await answer_proof(cloud, asked, a, password, **more)


async def answer_proof(cloud: PoolCloud, asked: dict[str, Any], a: int, password: str, **more: str) -> dict[str, Any]:
    assert asked["ChallengeName"] == "PASSWORD_VERIFIER"
    assert "Session" not in asked
    given = asked["ChallengeParameters"]
    public, b = pow(srp.GENERATOR, a, srp.PRIME), int(given["SRP_B"], 16)
    user, salt = given["USER_ID_FOR_SRP"], int(given["SALT"], 16)
    pool = cloud.pool.partition("_")[2]

    def hashed(*numbers: int) -> int:
        return int.from_bytes(hashlib.sha256(b"".join(map(srp.padded, numbers))).digest(), "big")

    u, k = hashed(public, b), hashed(srp.PRIME, srp.GENERATOR)
    inner = hashlib.sha256(f"{pool}{user}:{password}".encode()).digest()
    x = int.from_bytes(hashlib.sha256(srp.padded(salt) + inner).digest(), "big")
    shared = pow(b - k * pow(srp.GENERATOR, x, srp.PRIME), a + u * x, srp.PRIME)
    prk = hmac.digest(srp.padded(u), srp.padded(shared), "sha256")
    key = hmac.digest(prk, b"Caldera Derived Key\x01", "sha256")[:16]
    stamp = "Tue Nov 14 22:13:20 UTC 2023"
    block = base64.b64decode(given["SECRET_BLOCK"])
    signature = hmac.digest(key, f"{pool}{user}".encode() + block + stamp.encode(), "sha256")
    answers = {
        "USERNAME": user, "PASSWORD_CLAIM_SECRET_BLOCK": given["SECRET_BLOCK"], "TIMESTAMP": stamp,
        "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(signature).decode(),
    }  # fmt: skip
    return await cloud.app("RespondToAuthChallenge", ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=answers)


def test_tokens_say_what_aws_says() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        sub = await cloud.user(phone_number="+4915112345678", birthdate="1990-02-03")
        result = (await cloud.sign_in())["AuthenticationResult"]
        assert (result["ExpiresIn"], result["TokenType"]) == (3600, "Bearer")
        now_s = cloud.clock.now_ns() // 10**9
        access, identity = claims(result["AccessToken"]), claims(result["IdToken"])
        issuer = f"http://127.0.0.1:4566/{cloud.pool}"
        for said in (access, identity):
            assert (said.pop("sub"), said.pop("iss"), said.pop("auth_time")) == (sub, issuer, now_s)
            assert (said.pop("iat"), said.pop("exp")) == (now_s, now_s + 3600)
            assert len(said.pop("jti")) == 36
        assert access.pop("origin_jti") == identity.pop("origin_jti")
        assert access.pop("event_id") == identity.pop("event_id")
        assert access == {
            "client_id": cloud.client, "token_use": "access", "scope": "aws.cognito.signin.user.admin",
            "username": "anna",
        }  # fmt: skip
        assert identity == {
            "aud": cloud.client, "token_use": "id", "cognito:username": "anna", "email": "anna@example.com",
            "email_verified": True, "phone_number": "+4915112345678", "phone_number_verified": False,
            "birthdate": "1990-02-03",
        }  # fmt: skip
        pool_keys = await cloud.store.read(lambda tx: keys_of(tx, cloud.pool))
        kids = {one["kid"]: jwt.PyJWK(one).key for one in pool_keys["keys"]}
        used = {jwt.get_unverified_header(result[name])["kid"] for name in ("AccessToken", "IdToken")}
        assert used == set(kids)
        for name in ("AccessToken", "IdToken"):
            kid = jwt.get_unverified_header(result[name])["kid"]
            options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
            assert jwt.decode(result[name], kids[kid], algorithms=["RS256"], options=options)["sub"] == sub

    run(scenario)


def keys_of(tx: Any, pool: str) -> dict[str, Any]:
    from lambent.services.cognito_idp import keys

    pool_secrets = keys.pool_secrets.get(tx, pool)
    assert pool_secrets is not None
    return keypairs.jwks(pool_secrets)


def test_srp_proves_the_password_and_nothing_else_does() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        assert "AccessToken" in (await prove(cloud, "anna", PASSWORD))["AuthenticationResult"]
        assert await refused(prove(cloud, "anna", "nonsense")) == WRONG
        # Nobody comes in who has no password, not even with the verifier's neutral element.
        await cloud.admin("AdminCreateUser", Username="new", MessageAction="SUPPRESS")
        for public in ("0", f"{srp.PRIME:x}", f"{2 * srp.PRIME:x}", "zz", ""):
            given = {"USERNAME": "anna", "SRP_A": public}
            with pytest.raises(ServiceError) as caught:
                await cloud.app("InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters=given)
            assert caught.value.code == "InvalidParameterException"

    run(scenario)


def test_a_proof_serves_once() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        public = pow(srp.GENERATOR, 7, srp.PRIME)
        given = {"USERNAME": "anna", "SRP_A": f"{public:x}"}
        asked = await cloud.app("InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters=given)
        await answer_proof(cloud, asked, 7, PASSWORD)
        again = ("NotAuthorizedException", "Invalid session for the user.")
        assert await refused(answer_proof(cloud, asked, 7, PASSWORD)) == again
        asked = await cloud.app("InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters=given)
        cloud.advance(3 * MINUTE_S)
        late = ("NotAuthorizedException", "Invalid session for the user, session is expired.")
        assert await refused(answer_proof(cloud, asked, 7, PASSWORD)) == late

    run(scenario)


def test_unknown_users_look_like_known_ones_with_a_wrong_password() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        assert await refused(cloud.sign_in("nobody")) == await refused(cloud.sign_in(password="x")) == WRONG
        given = {"USERNAME": "nobody", "SRP_A": "abcdef"}
        first = await cloud.app("InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters=given)
        second = await cloud.app("InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters=given)
        assert first["ChallengeParameters"]["SALT"] == second["ChallengeParameters"]["SALT"]
        known = await cloud.app(
            "InitiateAuth", AuthFlow="USER_SRP_AUTH", AuthParameters={"USERNAME": "anna", "SRP_A": "abcdef"}
        )
        assert sorted(first["ChallengeParameters"]) == sorted(known["ChallengeParameters"])
        assert len(first["ChallengeParameters"]["SALT"]) == len(known["ChallengeParameters"]["SALT"])
        assert await refused(prove(cloud, "nobody", PASSWORD)) == WRONG

    run(scenario, HIDES)


def test_an_unknown_name_costs_as_much_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[str] = []
    original = srp.verifier

    def counting(pool: str, user: str, password: str, salt: bytes) -> bytes:
        counted.append(user)
        return original(pool, user, password, salt)

    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        monkeypatch.setattr(srp, "verifier", counting)
        await refused(cloud.sign_in("nobody"))
        await refused(cloud.sign_in(password="x"))
        assert counted == ["nobody", "anna"]

    run(scenario, HIDES)


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_after_five_wrong_passwords_the_next_has_to_wait(name: str) -> None:
    exceeded = ("NotAuthorizedException", "Password attempts exceeded")

    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        for _ in range(5):
            assert await refused(cloud.sign_in(name, "x")) == WRONG
        assert await refused(cloud.sign_in(name)) == exceeded
        assert await refused(prove(cloud, name, PASSWORD)) == exceeded
        cloud.advance(1)
        assert await refused(cloud.sign_in(name, "x")) == WRONG
        cloud.advance(1)
        assert await refused(cloud.sign_in(name)) == exceeded
        cloud.advance(1)
        if name == "anna":
            await cloud.tokens()
            assert await refused(cloud.sign_in(name, "x")) == WRONG

    run(scenario, HIDES)


def test_many_guesses_at_once_are_no_more_than_five() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        guesses = [*(f"guess-{number}" for number in range(9)), PASSWORD]
        told = await asyncio.gather(*(refused(cloud.sign_in("anna", guess)) for guess in guesses))
        exceeded = ("NotAuthorizedException", "Password attempts exceeded")
        assert sorted(told) == [WRONG] * 5 + [exceeded] * 5

    run(scenario, LambdaConfig={"PreAuthentication": FUNCTION})


def test_flows_must_be_allowed() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        assert await refused(cloud.sign_in()) == (
            "InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client",
        )  # fmt: skip
        params = {"USERNAME": "anna", "PASSWORD": PASSWORD}
        admin = cloud.admin(
            "AdminInitiateAuth", ClientId=cloud.client, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters=params
        )
        assert await refused(admin) == ("InvalidParameterException", "Auth flow not enabled for this client")
        await prove(cloud, "anna", PASSWORD)
        with pytest.raises(ServiceError) as caught:
            await cloud.app("InitiateAuth", AuthFlow="USER_AUTH", AuthParameters=params)
        assert caught.value.code == "NotImplemented"

    run(scenario, {"ExplicitAuthFlows": []})


def test_a_secret_must_be_proven() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        assert await refused(cloud.sign_in()) == (
            "NotAuthorizedException",
            f"Client {cloud.client} is configured with secret but SECRET_HASH was not received",
        )
        unable = ("NotAuthorizedException", f"Unable to verify secret hash for client {cloud.client}")
        assert await refused(cloud.sign_in(SECRET_HASH="x")) == unable
        other = hash_of(cloud.secret, "berta", cloud.client)
        assert await refused(cloud.sign_in(SECRET_HASH=other)) == unable
        hash = hash_of(cloud.secret, "anna", cloud.client)
        found = (await cloud.sign_in(SECRET_HASH=hash))["AuthenticationResult"]
        assert (await refused(cloud.refresh(found["RefreshToken"])))[0] == "NotAuthorizedException"
        params = {"REFRESH_TOKEN": found["RefreshToken"], "SECRET_HASH": hash}
        await cloud.app("InitiateAuth", AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=params)

    run(scenario, {"GenerateSecret": True})


# -- the ends of tokens -----------------------------------------------------------------------------------------------


def test_tokens_end_by_time() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        found = await cloud.tokens()
        cloud.advance(HOUR_S - 1)
        assert (await cloud.anyone("GetUser", AccessToken=found["AccessToken"]))["Username"] == "anna"
        cloud.advance(1)
        late = ("NotAuthorizedException", "Access Token has expired")
        assert await refused(cloud.anyone("GetUser", AccessToken=found["AccessToken"])) == late
        again = await cloud.refresh(found["RefreshToken"])
        assert "RefreshToken" not in again
        assert claims(again["AccessToken"])["auth_time"] == claims(found["AccessToken"])["auth_time"]
        cloud.advance(30 * DAY_S - HOUR_S)
        assert await refused(cloud.refresh(found["RefreshToken"])) == (
            "NotAuthorizedException", "Refresh Token has expired",
        )  # fmt: skip

    run(scenario)


def test_signing_out_everywhere_ends_all_tokens() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        first, second = await cloud.tokens(), await cloud.tokens()
        await cloud.anyone("GlobalSignOut", AccessToken=first["AccessToken"])
        for one in (first, second):
            assert await refused(cloud.anyone("GetUser", AccessToken=one["AccessToken"])) == REVOKED
            assert await refused(cloud.refresh(one["RefreshToken"])) == BAD_REFRESH
        assert "AccessToken" in await cloud.tokens()
        third = await cloud.tokens()
        await cloud.admin("AdminUserGlobalSignOut", Username="anna")
        assert await refused(cloud.anyone("GetUser", AccessToken=third["AccessToken"])) == REVOKED

    run(scenario)


def test_revoking_a_refresh_token_ends_what_came_of_it_only() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        first, second = await cloud.tokens(), await cloud.tokens()
        await cloud.app("RevokeToken", Token=first["RefreshToken"])
        await cloud.app("RevokeToken", Token=first["RefreshToken"])
        assert await refused(cloud.anyone("GetUser", AccessToken=first["AccessToken"])) == REVOKED
        assert await refused(cloud.refresh(first["RefreshToken"])) == BAD_REFRESH
        await cloud.anyone("GetUser", AccessToken=second["AccessToken"])
        told = await refused(cloud.app("RevokeToken", Token=second["AccessToken"]))
        assert told[0] == "UnsupportedTokenTypeException"

    run(scenario)


def test_a_refresh_token_that_rotates_serves_once() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        first = await cloud.tokens()

        async def next_of(token: str) -> dict[str, Any]:
            answer = await cloud.app("GetTokensFromRefreshToken", RefreshToken=token)
            return dict(answer["AuthenticationResult"])

        second = await next_of(first["RefreshToken"])
        assert second["RefreshToken"] != first["RefreshToken"]
        cloud.advance(5)
        again = await next_of(first["RefreshToken"])  # within the grace: the first answer may have been lost
        assert await refused(next_of(second["RefreshToken"])) == BAD_REFRESH
        cloud.advance(10)
        assert (await refused(next_of(first["RefreshToken"])))[0] == "RefreshTokenReuseException"
        await next_of(again["RefreshToken"])

    flows = ["ALLOW_USER_PASSWORD_AUTH"]
    run(
        scenario,
        {
            "ExplicitAuthFlows": flows,
            "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10},
        },
    )


def test_tokens_of_other_hands_are_refused() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        await cloud.user("root")
        found = await cloud.tokens()
        access = found["AccessToken"]
        said = claims(access)
        kid = jwt.get_unverified_header(access)["kid"]
        mine = (await keypairs_of(cloud)).keys
        public = keypairs.loaded(mine[0][1]).public_key()
        body = {**said, "username": "root"}

        def signed(key: Any, algorithm: str, kid: str = kid) -> str:
            return jwt.api_jws.encode(orjson.dumps(body), key, algorithm=algorithm, headers={"kid": kid})

        unsigned = jwt.api_jws.encode(orjson.dumps(body), "", algorithm="none", headers={"kid": kid})
        secret = f"{public.public_numbers().n:x}"
        for token in (
            forged(access, username="root"),
            forged(access, exp=2**40),
            access[:-4] + "AAAA",
            unsigned,
            signed(secret, "HS256"),
            signed(keypairs.loaded(mine[1][1]), "RS256"),  # the key of ID tokens signs no access token
            signed(keypairs.loaded(mine[1][1]), "RS256", mine[1][0]),
            found["IdToken"],
            found["RefreshToken"],
            "a.b.c",
        ):
            assert await refused(cloud.anyone("GetUser", AccessToken=token)) == INVALID

    run(scenario)


async def keypairs_of(cloud: PoolCloud) -> Any:
    from lambent.services.cognito_idp import keys

    return await cloud.store.read(lambda tx: keys.pool_secrets.get(tx, cloud.pool))


def test_who_is_gone_or_disabled_has_no_tokens() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        found = await cloud.tokens()
        await cloud.admin("AdminDisableUser", Username="anna")
        assert await refused(cloud.anyone("GetUser", AccessToken=found["AccessToken"])) == REVOKED
        assert await refused(cloud.sign_in()) == ("NotAuthorizedException", "User is disabled.")
        await cloud.admin("AdminEnableUser", Username="anna")
        found = await cloud.tokens()
        await cloud.admin("AdminDeleteUser", Username="anna")
        await cloud.user()  # another one of the same name
        assert await refused(cloud.anyone("GetUser", AccessToken=found["AccessToken"])) == INVALID
        assert await refused(cloud.refresh(found["RefreshToken"])) == BAD_REFRESH

    run(scenario)
