"""Signing up, confirming, forgotten passwords: codes come by mail, and end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from .support import DAY_S, FUNCTION, HOUR_S, PASSWORD, PoolCloud, claims, refused

MAIL = "anna@example.com"
EMAIL = [{"Name": "email", "Value": MAIL}]
WRONG = ("CodeMismatchException", "Invalid verification code provided, please try again.")
STALE = ("ExpiredCodeException", "Invalid code provided, please request a code again.")
OFTEN = ("LimitExceededException", "Attempt limit exceeded, please try after some time.")
HIDES = {"PreventUserExistenceErrors": "ENABLED"}
NEW = "Another-horse-8"


def run(scenario: Callable[[PoolCloud], Coroutine[Any, Any, None]], client: Any = None, **pool: Any) -> None:
    async def main() -> None:
        await scenario(await PoolCloud.begin(client=client, **pool))

    asyncio.run(main())


async def sign_up(cloud: PoolCloud, name: str = "anna", **params: Any) -> dict[str, Any]:
    given = {"Password": PASSWORD, "UserAttributes": EMAIL, **params}
    return await cloud.app("SignUp", Username=name, **given)


def other(code: str) -> str:
    """A code that is not the given one."""
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_who_signs_up_confirms_by_mail_and_signs_in() -> None:
    async def scenario(cloud: PoolCloud) -> None:
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

    run(scenario)


def test_a_code_ends_after_a_day_and_after_five_wrong_answers() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await sign_up(cloud)
        code = await cloud.code(MAIL)
        for _ in range(5):
            assert await refused(cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=other(code))) == WRONG
        assert await refused(cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=code)) == OFTEN
        await cloud.app("ResendConfirmationCode", Username="anna")
        code = await cloud.code(MAIL)
        cloud.advance(DAY_S)
        assert await refused(cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=code)) == STALE
        await cloud.app("ResendConfirmationCode", Username="anna")
        await cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=await cloud.code(MAIL))
        assert await refused(cloud.app("ResendConfirmationCode", Username="anna")) == (
            "InvalidParameterException", "User is already confirmed.",
        )  # fmt: skip

    run(scenario)


def test_codes_are_sent_five_times_an_hour() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await sign_up(cloud)
        for _ in range(4):
            await cloud.app("ResendConfirmationCode", Username="anna")
        assert await refused(cloud.app("ResendConfirmationCode", Username="anna")) == OFTEN
        cloud.advance(HOUR_S)
        await cloud.app("ResendConfirmationCode", Username="anna")
        assert len(await cloud.mails()) == 6

    run(scenario)


def test_a_forgotten_password_is_replaced_by_a_code() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        details = (await cloud.app("ForgotPassword", Username="anna"))["CodeDeliveryDetails"]
        assert details["Destination"] == "a***@e***"
        code = await cloud.code(MAIL)
        reset = {"Username": "anna", "Password": NEW}
        wrong = cloud.app("ConfirmForgotPassword", ConfirmationCode=other(code), **reset)
        assert await refused(wrong) == WRONG
        weak = cloud.app("ConfirmForgotPassword", ConfirmationCode=code, Username="anna", Password="short")
        assert await refused(weak) == (
            "InvalidPasswordException", "Password did not conform with policy: Password not long enough",
        )  # fmt: skip
        await cloud.app("ConfirmForgotPassword", ConfirmationCode=code, **reset)
        assert await refused(cloud.app("ConfirmForgotPassword", ConfirmationCode=code, **reset)) == STALE
        await cloud.tokens(password=NEW)
        await cloud.app("ForgotPassword", Username="anna")
        cloud.advance(HOUR_S)
        late = cloud.app("ConfirmForgotPassword", ConfirmationCode=await cloud.code(MAIL), **reset)
        assert await refused(late) == STALE

    run(scenario)


def test_nobody_learns_who_is_a_user_where_the_client_hides_it() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        unknown = await cloud.app("ForgotPassword", Username="nobody@example.com")
        assert unknown["CodeDeliveryDetails"] == {
            "Destination": "n***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email",
        }  # fmt: skip
        assert await cloud.mails() == []
        assert "CodeDeliveryDetails" in await cloud.app("ResendConfirmationCode", Username="nobody")
        assert "CodeDeliveryDetails" in await cloud.app("ResendConfirmationCode", Username="anna")
        assert await refused(cloud.app("ConfirmSignUp", Username="nobody", ConfirmationCode="123456")) == STALE
        reset = {"ConfirmationCode": "123456", "Password": NEW}
        for _ in range(7):
            assert await refused(cloud.app("ConfirmForgotPassword", Username="nobody", **reset)) == WRONG
            assert await refused(cloud.app("ConfirmForgotPassword", Username="anna", **reset)) == WRONG
        for _ in range(7):
            for name in ("nobody", "anna"):
                assert "CodeDeliveryDetails" in await cloud.app("ForgotPassword", Username=name)
        wrong = {**reset, "ConfirmationCode": "x"}
        for _ in range(7):
            assert await refused(cloud.app("ConfirmForgotPassword", Username="anna", **wrong)) == WRONG
        assert len(await cloud.mails()) == 5

    run(scenario, HIDES)


def test_a_client_that_hides_nothing_says_that_a_user_is_missing() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        missing = ("UserNotFoundException", "Username/client id combination not found.")
        for operation, params in (
            ("ForgotPassword", {}),
            ("ResendConfirmationCode", {}),
            ("ConfirmSignUp", {"ConfirmationCode": "1"}),
            ("ConfirmForgotPassword", {"ConfirmationCode": "1", "Password": NEW}),
        ):
            assert await refused(cloud.app(operation, Username="nobody", **params)) == missing

    run(scenario)


@pytest.mark.parametrize(
    ("password", "complaint"),
    [
        ("Sh0rt!", "Password not long enough"),
        ("lower-case-1", "Password must have uppercase characters"),
        ("UPPER-CASE-1", "Password must have lowercase characters"),
        ("No-Digits-Here", "Password must have numeric characters"),
        ("NoSymbols123", "Password must have symbol characters"),
    ],
)
def test_a_pool_without_a_policy_has_the_strict_one(password: str, complaint: str) -> None:
    async def scenario(cloud: PoolCloud) -> None:
        made = await cloud.call("cognito-idp", "CreateUserPool", PoolName="strict")
        cloud.pool = made["UserPool"]["Id"]
        cloud.client = (await cloud.admin("CreateUserPoolClient", ClientName="c"))["UserPoolClient"]["ClientId"]
        assert await refused(cloud.app("SignUp", Username="anna", Password=password)) == (
            "InvalidPasswordException", f"Password did not conform with policy: {complaint}",
        )  # fmt: skip

    run(scenario)


def test_names_and_addresses_belong_to_one() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await sign_up(cloud)
        assert await refused(sign_up(cloud)) == ("UsernameExistsException", "User already exists")

    run(scenario)

    async def by_mail(cloud: PoolCloud) -> None:
        answer = await sign_up(cloud, MAIL, UserAttributes=[])
        assert await refused(sign_up(cloud, MAIL.upper(), UserAttributes=[])) == (
            "UsernameExistsException", "An account with the given email already exists.",
        )  # fmt: skip
        assert await refused(sign_up(cloud, "anna")) == ("InvalidParameterException", "Username should be an email.")
        await cloud.app("ConfirmSignUp", Username=MAIL, ConfirmationCode=await cloud.code(MAIL))
        said = claims((await cloud.tokens(MAIL))["IdToken"])
        assert said["cognito:username"] == said["sub"] == answer["UserSub"]

    run(by_mail, UsernameAttributes=["email"], UsernameConfiguration={"CaseSensitive": False})


def test_an_alias_serves_when_it_is_verified_and_moves_when_forced() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        assert await refused(sign_up(cloud, MAIL)) == (
            "InvalidParameterException", "Username cannot be of email format, since user pool is configured for "
            "email alias.",
        )  # fmt: skip
        await sign_up(cloud, "anna")
        assert (await refused(cloud.sign_in(MAIL)))[0] == "UserNotFoundException"
        await cloud.app("ConfirmSignUp", Username="anna", ConfirmationCode=await cloud.code(MAIL))
        assert claims((await cloud.tokens(MAIL))["IdToken"])["cognito:username"] == "anna"
        await sign_up(cloud, "other")
        code = await cloud.code(MAIL)
        taken = cloud.app("ConfirmSignUp", Username="other", ConfirmationCode=code)
        assert await refused(taken) == ("AliasExistsException", "An account with the given email already exists.")
        await cloud.app("ConfirmSignUp", Username="other", ConfirmationCode=code, ForceAliasCreation=True)
        assert claims((await cloud.tokens(MAIL))["IdToken"])["cognito:username"] == "other"
        anna = await cloud.admin("AdminGetUser", Username="anna")
        assert {"Name": "email_verified", "Value": "false"} in anna["UserAttributes"]

    run(scenario, AliasAttributes=["email"])


def test_attributes_must_fit_the_schema_and_the_client() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        async def told(*given: tuple[str, str]) -> tuple[str, str]:
            listed = [{"Name": name, "Value": value} for name, value in given]
            return await refused(cloud.app("SignUp", Username="x", Password=PASSWORD, UserAttributes=listed))

        mail = ("email", MAIL)
        assert await told() == (
            "InvalidParameterException",
            "Attributes did not conform to the schema: email: The attribute is required\n",
        )
        assert await told(mail, ("custom:shelf", "12345")) == (
            "InvalidParameterException",
            "Attributes did not conform to the schema: custom:shelf: String must be no longer than 3 characters\n",
        )
        assert await told(("email", "nonsense")) == ("InvalidParameterException", "Invalid email address format.")
        denied = ("NotAuthorizedException", "A client attempted to write unauthorized attribute")
        for name in ("custom:hidden", "email_verified", "sub", "name"):
            assert await told(mail, (name, "true")) == denied

    schema = [
        {"Name": "email", "Required": True},
        {"Name": "shelf", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "3"}},
        {"Name": "hidden", "AttributeDataType": "String"},
    ]
    # A client's own list is made with the pool's attributes, so the client is made after the pool.
    run(scenario, {"WriteAttributes": ["email", "custom:shelf"]}, Schema=schema)


def test_only_administrators_make_users_where_the_pool_says_so() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        assert await refused(sign_up(cloud)) == (
            "NotAuthorizedException", "SignUp is not permitted for this user pool",
        )  # fmt: skip

    run(scenario, AdminCreateUserConfig={"AllowAdminCreateUserOnly": True})


def test_functions_confirm_refuse_and_word_the_mail() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        answers = cloud.functions.answers
        answers["CustomMessage_SignUp"] = lambda asked: {
            "emailMessage": f"Hello {asked['userAttributes']['email']}: {asked['codeParameter']}",
            "emailSubject": "Welcome",
        }
        await sign_up(cloud)
        (letter,) = await cloud.mails()
        assert (letter.subject, letter.body) == ("Welcome", f"Hello {MAIL}: {letter.details['Code']}")
        answers["PreSignUp_SignUp"] = lambda asked: {"autoConfirmUser": True, "autoVerifyEmail": True}
        done = await sign_up(cloud, "berta", ValidationData=[{"Name": "captcha", "Value": "7"}])
        assert done["UserConfirmed"] is True
        assert cloud.functions.sources() == [
            "PreSignUp_SignUp", "CustomMessage_SignUp", "PreSignUp_SignUp", "PostConfirmation_ConfirmSignUp",
        ]  # fmt: skip
        asked = cloud.functions.events[2]
        assert (asked["userPoolId"], asked["userName"], asked["version"]) == (cloud.pool, "berta", "1")
        assert asked["callerContext"]["clientId"] == cloud.client
        assert asked["request"]["validationData"] == {"captcha": "7"}
        assert claims((await cloud.tokens("berta"))["IdToken"])["email_verified"] is True
        cloud.functions.error = "No more readers"
        assert await refused(sign_up(cloud, "carl")) == (
            "UserLambdaValidationException", "PreSignUp failed with error No more readers.",
        )  # fmt: skip
        cloud.functions.error, cloud.functions.missing = "", True
        assert (await refused(sign_up(cloud, "carl")))[0] == "UnexpectedLambdaException"
        cloud.functions.missing = False
        answers["PreSignUp_SignUp"] = lambda asked: {"autoConfirmUser": "perhaps"}
        assert (await refused(sign_up(cloud, "carl")))[0] == "InvalidLambdaResponseException"
        users = await cloud.admin("ListUsers")
        assert [one["Username"] for one in users["Users"]] == ["anna", "berta"]

    names = ("PreSignUp", "PostConfirmation", "CustomMessage")
    run(scenario, LambdaConfig=dict.fromkeys(names, FUNCTION))


def test_a_link_confirms_where_the_pool_wants_links() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await sign_up(cloud)
        (letter,) = await cloud.mails()
        assert letter.details["Link"].startswith(f"http://127.0.0.1:4566/_aws/cognito/{cloud.pool}/confirmUser?")
        assert letter.content_type == "text/html"
        assert ">Verify Email</a>" in letter.body

    run(scenario, VerificationMessageTemplate={"DefaultEmailOption": "CONFIRM_WITH_LINK"})
