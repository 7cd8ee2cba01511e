"""What administrators do with pools and users, what users do with their account, and who may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from lambent.contracts.caller import Caller, Principal
from tests.support import ACCOUNT

from .support import DAY_S, PASSWORD, PoolCloud, claims, refused

NEW = "Another-horse-8"


def run(scenario: Callable[[PoolCloud], Coroutine[Any, Any, None]], client: Any = None, **pool: Any) -> None:
    async def main() -> None:
        await scenario(await PoolCloud.begin(client=client, **pool))

    asyncio.run(main())


def test_an_invited_user_gets_a_password_and_changes_it() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        made = await cloud.admin(
            "AdminCreateUser",
            Username="anna",
            UserAttributes=[{"Name": "email", "Value": "anna@example.com"}],
            DesiredDeliveryMediums=["EMAIL"],
        )
        assert made["User"]["UserStatus"] == "FORCE_CHANGE_PASSWORD"
        (letter,) = await cloud.mails()
        temporary = letter.details["Code"]
        assert letter.body == f"Your username is anna and temporary password is {temporary}."
        asked = await cloud.sign_in(password=temporary)
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
        params = asked["ChallengeParameters"]
        assert params["USER_ID_FOR_SRP"] == "anna"
        assert json.loads(params["requiredAttributes"]) == ["userAttributes.given_name"]

        async def choose(password: str, **answers: str) -> dict[str, Any]:
            given = {"USERNAME": "anna", "NEW_PASSWORD": password, **answers}
            return await cloud.app(
                "RespondToAuthChallenge", ChallengeName="NEW_PASSWORD_REQUIRED", Session=asked["Session"],
                ChallengeResponses=given,
            )  # fmt: skip

        assert (await refused(choose("short")))[0] == "InvalidPasswordException"
        assert (await refused(choose(NEW)))[0] == "InvalidParameterException"
        done = await choose(NEW, **{"userAttributes.given_name": "Anna"})
        assert claims(done["AuthenticationResult"]["IdToken"])["given_name"] == "Anna"
        assert (await cloud.admin("AdminGetUser", Username="anna"))["UserStatus"] == "CONFIRMED"
        assert (await refused(choose(PASSWORD)))[0] == "NotAuthorizedException"
        again = cloud.admin("AdminCreateUser", Username="anna")
        assert await refused(again) == ("UsernameExistsException", "User account already exists")

    run(scenario, Schema=[{"Name": "given_name", "Required": True}])


def test_a_temporary_password_ends_and_can_be_sent_again() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        given = {"Username": "anna", "UserAttributes": [{"Name": "email", "Value": "anna@example.com"}]}
        await cloud.admin("AdminCreateUser", **given, TemporaryPassword="Temporary-1")
        cloud.advance(7 * DAY_S)
        assert await refused(cloud.sign_in(password="Temporary-1")) == (
            "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator.",
        )  # fmt: skip
        await cloud.admin("AdminCreateUser", Username="anna", MessageAction="RESEND")
        asked = await cloud.sign_in(password=await cloud.code("anna@example.com"))
        assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"

    run(scenario)


def test_an_administrator_resets_a_password() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        await cloud.admin("AdminResetUserPassword", Username="anna")
        assert await refused(cloud.sign_in()) == (
            "PasswordResetRequiredException", "Password reset required for the user",
        )  # fmt: skip
        code = await cloud.code("anna@example.com")
        await cloud.app("ConfirmForgotPassword", Username="anna", ConfirmationCode=code, Password=NEW)
        await cloud.tokens(password=NEW)

    run(scenario)


def test_users_are_listed_and_filtered_page_by_page() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        for name in ("anna", "anton", "berta"):
            await cloud.user(name, family_name=f"{name} the reader")
        await cloud.admin("AdminDisableUser", Username="anton")

        async def names(filter: str, **params: Any) -> list[str]:
            found = await cloud.admin("ListUsers", Filter=filter, **params)
            return [one["Username"] for one in found["Users"]]

        assert await names("") == ["anna", "anton", "berta"]
        assert await names('username ^= "an"') == ["anna", "anton"]
        assert await names('email = "berta@example.com"') == ["berta"]
        assert await names('status = "Disabled"') == ["anton"]
        assert await names('cognito:user_status = "confirmed"') == ["anna", "anton", "berta"]
        assert await names('family_name ^= "b"') == ["berta"]
        for wrong in ("email", 'shoe = "44"', 'email > "a"'):
            assert (await refused(names(wrong)))[0] == "InvalidParameterException"
        page = await cloud.admin("ListUsers", Limit=2, AttributesToGet=["email"])
        assert page["Users"][0]["Attributes"] == [{"Name": "email", "Value": "anna@example.com"}]
        rest = await cloud.admin("ListUsers", Limit=2, PaginationToken=page["PaginationToken"])
        assert [one["Username"] for one in rest["Users"]] == ["berta"]
        assert "PaginationToken" not in rest

    run(scenario)


def test_groups_have_members_and_go() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        for name, precedence in (("late", 9), ("early", 1)):
            await cloud.admin("CreateGroup", GroupName=name, Precedence=precedence)
            await cloud.admin("AdminAddUserToGroup", GroupName=name, Username="anna")
        assert claims((await cloud.tokens())["IdToken"])["cognito:groups"] == ["early", "late"]
        taken = cloud.admin("CreateGroup", GroupName="late")
        assert await refused(taken) == ("GroupExistsException", "A group with the name already exists.")
        members = await cloud.admin("ListUsersInGroup", GroupName="late")
        assert [one["Username"] for one in members["Users"]] == ["anna"]
        await cloud.admin("DeleteGroup", GroupName="late")
        mine = await cloud.admin("AdminListGroupsForUser", Username="anna")
        assert [one["GroupName"] for one in mine["Groups"]] == ["early"]
        await cloud.admin("AdminDeleteUser", Username="anna")
        assert (await cloud.admin("ListUsersInGroup", GroupName="early"))["Users"] == []
        missing = cloud.admin("GetGroup", GroupName="late")
        assert await refused(missing) == ("ResourceNotFoundException", "Group not found.")

    run(scenario)


def test_users_change_their_own_account() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        access = (await cloud.tokens())["AccessToken"]
        change = {"PreviousPassword": "x", "ProposedPassword": NEW, "AccessToken": access}
        assert await refused(cloud.anyone("ChangePassword", **change)) == (
            "NotAuthorizedException", "Incorrect username or password.",
        )  # fmt: skip
        await cloud.anyone("ChangePassword", **{**change, "PreviousPassword": PASSWORD})
        await cloud.tokens(password=NEW)
        given = [{"Name": "email", "Value": "new@example.com"}, {"Name": "name", "Value": "Anna"}]
        answer = await cloud.anyone("UpdateUserAttributes", UserAttributes=given, AccessToken=access)
        assert answer["CodeDeliveryDetailsList"][0]["Destination"] == "n***@e***"
        verify = {"AccessToken": access, "AttributeName": "email"}
        assert {"Name": "email_verified", "Value": "false"} in await attributes(cloud, access)
        code = await cloud.code("new@example.com")
        wrong = "000000" if code != "000000" else "000001"
        assert (await refused(cloud.anyone("VerifyUserAttribute", **verify, Code=wrong)))[0] == "CodeMismatchException"
        await cloud.anyone("VerifyUserAttribute", **verify, Code=code)
        assert {"Name": "email_verified", "Value": "true"} in await attributes(cloud, access)
        await cloud.anyone("DeleteUserAttributes", UserAttributeNames=["name"], AccessToken=access)
        assert "name" not in [one["Name"] for one in await attributes(cloud, access)]
        await cloud.anyone("DeleteUser", AccessToken=access)
        assert (await cloud.admin("DescribeUserPool"))["UserPool"]["EstimatedNumberOfUsers"] == 0

    run(scenario)


async def attributes(cloud: PoolCloud, access: str) -> list[dict[str, str]]:
    found = await cloud.anyone("GetUser", AccessToken=access)
    return list(found["UserAttributes"])


def test_a_new_address_may_have_to_wait_for_its_code() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        access = (await cloud.tokens())["AccessToken"]
        given = [{"Name": "email", "Value": "new@example.com"}]
        await cloud.anyone("UpdateUserAttributes", UserAttributes=given, AccessToken=access)
        assert {"Name": "email", "Value": "anna@example.com"} in await attributes(cloud, access)
        code = await cloud.code("new@example.com")
        await cloud.anyone("VerifyUserAttribute", AttributeName="email", Code=code, AccessToken=access)
        assert {"Name": "email", "Value": "new@example.com"} in await attributes(cloud, access)

    run(scenario, UserAttributeUpdateSettings={"AttributesRequireVerificationBeforeUpdate": ["email"]})


def test_old_passwords_are_remembered_where_the_pool_says_so() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        for password in ("Second-pass-2", "Third-pass-3"):
            await cloud.admin("AdminSetUserPassword", Username="anna", Password=password, Permanent=True)
        again = cloud.admin("AdminSetUserPassword", Username="anna", Password="Second-pass-2", Permanent=True)
        assert (await refused(again))[0] == "PasswordHistoryPolicyViolationException"
        await cloud.admin("AdminSetUserPassword", Username="anna", Password=PASSWORD, Permanent=True)

    run(scenario, Policies={"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 2}})


def test_no_password_is_kept_and_nothing_remains_of_a_pool() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        await cloud.tokens()
        await cloud.admin("CreateGroup", GroupName="g")

        def rows(tx: Any) -> list[tuple[bytes, bytes]]:
            return list(tx.scan(b"\x03cognito.", b"\x03cognito.\xff"))

        kept = await cloud.store.read(rows)
        assert not any(PASSWORD.encode() in value for _, value in kept)
        protected = {"DeletionProtection": "ACTIVE"}
        await cloud.admin("UpdateUserPool", **protected)
        assert await refused(cloud.admin("DeleteUserPool")) == (
            "InvalidParameterException",
            "The user pool cannot be deleted because deletion protection is activated. "
            "Deletion protection must be inactivated first.",
        )
        await cloud.admin("UpdateUserPool")
        await cloud.admin("DeleteUserPool")
        tables = {key.split(b"\x00")[0] for key, _ in await cloud.store.read(rows)}
        assert tables == {b"\x03cognito.expiring"}
        assert (await refused(cloud.admin("DescribeUserPool")))[1] == f"User pool {cloud.pool} does not exist."
        assert (await refused(cloud.sign_in()))[1] == f"User pool client {cloud.client} does not exist."

    run(scenario)


def test_administration_needs_permission_and_pools_stay_in_their_account() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        await cloud.call("iam", "CreateUser", UserName="clerk")
        statement = {
            "Effect": "Allow",
            "Action": ["cognito-idp:AdminGetUser"],
            "Resource": f"arn:aws:cognito-idp:us-east-1:{ACCOUNT}:userpool/{cloud.pool}",
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        await cloud.call("iam", "PutUserPolicy", UserName="clerk", PolicyName="p", PolicyDocument=policy)
        found = (await cloud.call("iam", "GetUser", UserName="clerk"))["User"]
        clerk = Caller(kind=Principal.USER, account=ACCOUNT, arn=found["Arn"], user_id=found["UserId"])
        params = {"UserPoolId": cloud.pool, "Username": "anna"}
        assert (await cloud.call("cognito-idp", "AdminGetUser", clerk, **params))["Username"] == "anna"
        denied = await refused(cloud.call("cognito-idp", "AdminDeleteUser", clerk, **params))
        assert denied[0] == "AccessDeniedException"
        assert f"userpool/{cloud.pool}" in denied[1]
        for operation in ("AdminGetUser", "AdminDeleteUser", "ListUsers", "AdminSetUserPassword", "DescribeUserPool"):
            more = {"Password": NEW} if operation == "AdminSetUserPassword" else {}
            given = params if "Admin" in operation else {"UserPoolId": cloud.pool}
            assert (await refused(cloud.anyone(operation, **given, **more)))[0] == "AccessDeniedException"
        elsewhere = cloud.call("cognito-idp", "AdminGetUser", region="eu-west-1", **params)
        assert (await refused(elsewhere))[0] == "ResourceNotFoundException"

    run(scenario)


def test_what_is_over_is_swept_by_what_comes() -> None:
    async def scenario(cloud: PoolCloud) -> None:
        await cloud.user()
        for number in range(15):
            await refused(cloud.sign_in(f"nobody{number}"))
            cloud.advance(DAY_S)

        def rows(tx: Any) -> int:
            return len(tx.scan(b"\x03cognito.attempts\x00", b"\x03cognito.attempts\xff"))

        assert await cloud.store.read(rows) < 5

    run(scenario, {"PreventUserExistenceErrors": "ENABLED"})
