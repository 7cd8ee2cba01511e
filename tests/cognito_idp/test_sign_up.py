"""Signing up, confirming, forgotten passwords: codes come by mail, and end."""

from __future__ import annotations

import asyncio

from .support import PASSWORD, PoolCloud, claims, refused

MAIL = "anna@example.com"
EMAIL = [{"Name": "email", "Value": MAIL}]
WRONG = ("CodeMismatchException", "Invalid verification code provided, please try again.")
STALE = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
OFTEN = ("LimitExceededException", "Attempt limit exceeded, please try after some time.")


async def sign_up(cloud: PoolCloud, name: str = "anna") -> dict[str, object]:
    return await cloud.app("SignUp", Username=name, Password=PASSWORD, UserAttributes=EMAIL)


def other(code: str) -> str:
    """A code that is not the given one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_who_signs_up_confirms_by_mail_and_signs_in() -> None:
    async def scenario() -> None:
        cloud = await PoolCloud.begin()
        answer = await sign_up(cloud)
        assert answer["UserConfirmed"] is False
        assert answer["CodeDeliveryDetails"] == {
            "Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email",
        }  # fmt: skip
        assert await refused(cloud.sign_in()) == ("UserNotConfirmedException", "User is not confirmed.")
        (letter,) = await cloud.mails()
        assert (letter.to, letter.subject) == (MAIL, "Your verification code")
        code = await cloud.code(MAIL)
        assert letter.body == f"Your confirmation code is {code}"
        assert await refused(cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=other(code))) == WRONG
        await cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=code)
        assert await refused(cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=code)) == (
            "NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED",
        )  # fmt: skip
        said = claims((await cloud.tokens())["IdToken"])
        assert said["email_verified"] is True
        assert (said["email"], said["sub"], said["cognito:username"]) == (MAIL, answer["UserSub"], "anna")

    asyncio.run(scenario())
