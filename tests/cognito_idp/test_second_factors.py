"""Authenticators, codes by text message and mail, and where everybody needs one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from lambent.services.cognito_idp import totp

from .support import PASSWORD, PoolCloud, refused

TOTP = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
MISMATCH = ("CodeMismatchException", "Invalid code received for user")


def run(wanted: str, factors: dict[str, Any], scenario: Callable[[PoolCloud], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        cloud = await PoolCloud.begin()
        await cloud.admin("SetUserPoolMfaConfig", MfaConfiguration=wanted, **factors)
        await scenario(cloud)

    asyncio.run(main())


def code(cloud: PoolCloud, secret: str, steps: int = 0) -> str:
    """What an authenticator shows now, or some steps later."""
    return totp.code(secret, cloud.clock.now_ns() // 30_000_000_000 + steps)


async def answer(cloud: PoolCloud, asked: dict[str, Any], **answers: str) -> dict[str, Any]:
    """Answer a challenge for anna."""
    return await cloud.app(
        "RespondToAuthChallenge",
        ChallengeName=asked["ChallengeName"],
        Session=asked["Session"],
        ChallengeResponses={"USERNAME": "anna", **answers},
    )


async def enrolled(cloud: PoolCloud) -> str:
    """Anna gets an authenticator; its secret."""
    access = (await cloud.tokens())["AccessToken"]
    secret = (await cloud.anyone("AssociateSoftwareToken", AccessToken=access))["SecretCode"]
    wrong = cloud.anyone("VerifySoftwareToken", AccessToken=access, UserCode=code(cloud, secret, 9))
    assert await refused(wrong) == ("EnableSoftwareTokenMFAException", "Code mismatch")
    done = await cloud.anyone("VerifySoftwareToken", AccessToken=access, UserCode=code(cloud, secret))
    assert done["Status"] == "SUCCESS"
    settings = {"Enabled": True, "PreferredMfa": True}
    await cloud.anyone("SetUserMFAPreference", AccessToken=access, SoftwareTokenMfaSettings=settings)
    cloud.advance(30)
    return str(secret)


@pytest.mark.parametrize(
    ("at_s", "shown"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_the_standard(at_s: int, shown: str) -> None:
    # RFC 6238, appendix B: the secret is the ASCII text 12345678901234567890.
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.code(secret, at_s // 30) == shown
    assert totp.step_of(secret, shown, at_s * 1000) == at_s // 30


def test_an_authenticator_is_asked_for_and_each_code_serves_once() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        secret = await enrolled(cloud)
        asked = await cloud.sign_in()
        assert asked["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
        wrong = answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE=code(cloud, secret, 5))
        assert await refused(wrong) == MISMATCH
        assert await refused(answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE="١٢٣٤٥٦")) == MISMATCH
        used = code(cloud, secret)
        done = await answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE=used)
        access = done["AuthenticationResult"]["AccessToken"]
        asked = await cloud.sign_in()
        assert await refused(answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE=used)) == (
            "ExpiredCodeException", "Your software token has already been used once.",
        )  # fmt: skip
        shown = await cloud.anyone("GetUser", AccessToken=access)
        assert shown["UserMFASettingList"] == ["SOFTWARE_TOKEN_MFA"]
        assert shown["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
        await cloud.admin("AdminDeleteSoftwareToken", Username="anna")
        left = await cloud.anyone("GetUserAuthFactors", AccessToken=access)
        assert left == {"Username": "anna", "ConfiguredUserAuthFactors": ["PASSWORD"]}
        assert "AuthenticationResult" in await cloud.sign_in()

    run("OPTIONAL", TOTP, scenario)


def test_codes_cannot_be_guessed_by_signing_in_again_and_again() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        secret = await enrolled(cloud)
        wrong = code(cloud, secret, 7)
        asked = await cloud.sign_in()
        for _ in range(3):
            assert await refused(answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE=wrong)) == MISMATCH
        over = ("NotAuthorizedException", "Invalid session for the user.")
        assert await refused(answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE=code(cloud, secret))) == over
        asked = await cloud.sign_in()
        for _ in range(2):
            await refused(answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE=wrong))
        assert await refused(cloud.sign_in()) == ("NotAuthorizedException", "Password attempts exceeded")

    run("OPTIONAL", TOTP, scenario)


def test_where_everybody_needs_one_it_is_set_up_at_sign_in() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        asked = await cloud.sign_in()
        assert asked["ChallengeName"] == "MFA_SETUP"
        assert asked["ChallengeParameters"]["MFAS_CAN_SETUP"] == '["SOFTWARE_TOKEN_MFA"]'
        early = await refused(answer(cloud, asked))
        assert early[0] == "InvalidParameterException"
        given = await cloud.anyone("AssociateSoftwareToken", Session=asked["Session"])
        shown = code(cloud, given["SecretCode"])
        done = await cloud.anyone("VerifySoftwareToken", Session=given["Session"], UserCode=shown)
        result = await answer(cloud, {"ChallengeName": "MFA_SETUP", "Session": done["Session"]})
        assert "AccessToken" in result["AuthenticationResult"]
        assert (await cloud.sign_in())["ChallengeName"] == "SOFTWARE_TOKEN_MFA"

    run("ON", TOTP, scenario)


@pytest.mark.parametrize(
    ("factors", "challenge", "to"),
    [
        ({"SmsMfaConfiguration": {"SmsAuthenticationMessage": "Code: {####}"}}, "SMS_MFA", "+4915112345678"),
        ({"EmailMfaConfiguration": {"Message": "Code: {####}", "Subject": "Hello"}}, "EMAIL_OTP", "anna@example.com"),
    ],
)
def test_a_code_is_sent(factors: dict[str, Any], challenge: str, to: str) -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user(phone_number="+4915112345678")
        asked = await cloud.sign_in()
        assert asked["ChallengeName"] == challenge
        (letter,) = await cloud.mails(to)
        sent = letter.details["Code"]
        assert (letter.body, letter.kind) == (f"Code: {sent}", "sms" if challenge == "SMS_MFA" else "email")
        field = f"{challenge}_CODE"
        wrong = "000000" if sent != "000000" else "000001"
        assert (await refused(answer(cloud, asked, **{field: wrong})))[0] == "CodeMismatchException"
        assert "AccessToken" in (await answer(cloud, asked, **{field: sent}))["AuthenticationResult"]
        assert (await refused(answer(cloud, asked, **{field: sent})))[0] == "NotAuthorizedException"

    run("ON", factors, scenario)


def test_whoever_has_two_chooses() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user(phone_number="+4915112345678")
        secret = await _enroll_first(cloud)
        asked = await cloud.sign_in()
        assert asked["ChallengeName"] == "SELECT_MFA_TYPE"
        assert asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"] == '["SMS_MFA", "SOFTWARE_TOKEN_MFA"]'
        asked = await answer(cloud, asked, ANSWER="SOFTWARE_TOKEN_MFA")
        done = await answer(cloud, asked, SOFTWARE_TOKEN_MFA_CODE=code(cloud, secret))
        assert "AccessToken" in done["AuthenticationResult"]

    run("OPTIONAL", {**TOTP, "SmsMfaConfiguration": {}}, scenario)


async def _enroll_first(cloud: PoolCloud) -> str:
    secret = await enrolled(cloud)
    await cloud.admin(
        "AdminSetUserMFAPreference",
        Username="anna",
        SMSMfaSettings={"Enabled": True},
        SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": False},
    )
    return secret


def test_a_first_password_and_a_second_factor_follow_one_another() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.admin(
            "AdminCreateUser", Username="anna", TemporaryPassword="Temporary-1", MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "phone_number", "Value": "+4915112345678"}],
        )  # fmt: skip
        asked = await cloud.sign_in(password="Temporary-1")
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        asked = await answer(cloud, asked, NEW_PASSWORD=PASSWORD)
        assert asked["ChallengeName"] == "SMS_MFA"
        done = await answer(cloud, asked, SMS_MFA_CODE=await cloud.code("+4915112345678"))
        assert "AccessToken" in done["AuthenticationResult"]

    run("ON", {"SmsMfaConfiguration": {}}, scenario)
