"""Users, groups, login profiles, access keys."""

from __future__ import annotations

from lambent.contracts.caller import Principal
from tests.support import ACCOUNT

from .support import ARN, Iam, allow, scene


def test_a_user_lives() -> None:
    async def play(iam: Iam) -> None:
        made = (await iam("CreateUser", UserName="Ada", Path="/team/"))["User"]
        assert set(made) == {"Path", "UserName", "UserId", "Arn", "CreateDate"}
        assert made["Arn"] == f"{ARN}user/team/Ada"
        assert made["UserId"].startswith("AIDA")
        assert (await iam("GetUser", UserName="ADA"))["User"] == made
        listed = await iam("ListUsers", PathPrefix="/team/")
        assert [user["UserName"] for user in listed["Users"]] == ["Ada"]
        assert listed["IsTruncated"] is False
        assert (await iam("ListUsers", PathPrefix="/none/"))["Users"] == []
        await iam("UpdateUser", UserName="Ada", NewUserName="Grace", NewPath="/")
        assert (await iam("GetUser", UserName="grace"))["User"]["Arn"] == f"{ARN}user/Grace"
        await iam("DeleteUser", UserName="Grace")
        await iam.refused("NoSuchEntity", "The user with name Grace cannot be found.", "GetUser", UserName="Grace")

    scene(play)


def test_names_are_unique_without_case() -> None:
    async def play(iam: Iam) -> None:
        await iam("CreateUser", UserName="ada")
        await iam.refused("EntityAlreadyExists", "User with name ADA already exists.", "CreateUser", UserName="ADA")
        await iam("CreateGroup", GroupName="dev")
        await iam.refused("EntityAlreadyExists", "Group with name Dev already exists.", "CreateGroup", GroupName="Dev")

    scene(play)


def test_names_and_paths_are_made_of_few_characters() -> None:
    async def play(iam: Iam) -> None:
        name = (
            "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the "
            "following: +=,.@_-"
        )
        for wrong in ("a b", "a/b", "a:b", "ä"):
            await iam.refused("ValidationError", name, "CreateUser", UserName=wrong)
        path = (
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric "
            "characters and/or / characters."
        )
        for wrong in ("a", "/a", "/a b/"):
            await iam.refused("ValidationError", path, "CreateUser", UserName="ada", Path=wrong)
        await iam("CreateUser", UserName="ada")
        wrong_id = (
            "1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [\\w]+"
        )
        await iam.refused(
            "ValidationError",
            wrong_id,
            "DeleteServiceSpecificCredential",
            UserName="ada",
            ServiceSpecificCredentialId="totally-wrong-credential-id-with-hyphens",
        )

    scene(play)


def test_tags() -> None:
    async def play(iam: Iam) -> None:
        tags = [{"Key": "team", "Value": "red"}]
        assert (await iam("CreateUser", UserName="ada", Tags=tags))["User"]["Tags"] == tags
        await iam("TagUser", UserName="ada", Tags=[{"Key": "Team", "Value": "blue"}, {"Key": "a", "Value": ""}])
        listed = await iam("ListUserTags", UserName="ada")
        assert listed["Tags"] == [{"Key": "Team", "Value": "blue"}, {"Key": "a", "Value": ""}]
        await iam("UntagUser", UserName="ada", TagKeys=["A"])
        assert (await iam("GetUser", UserName="ada"))["User"]["Tags"] == [{"Key": "Team", "Value": "blue"}]
        await iam.refused(
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            "TagUser",
            UserName="ada",
            Tags=[{"Key": "x", "Value": ""}, {"Key": "X", "Value": ""}],
        )

    scene(play)


def test_pages() -> None:
    async def play(iam: Iam) -> None:
        for number in range(7):
            await iam("CreateUser", UserName=f"u{number}", Path="/odd/" if number % 2 else "/even/")
        names: list[str] = []
        marker: dict[str, str] = {}
        while True:
            page = await iam("ListUsers", PathPrefix="/even/", MaxItems=3, **marker)
            names += [user["UserName"] for user in page["Users"]]
            if not page["IsTruncated"]:
                break
            assert len(page["Users"]) == 3
            marker = {"Marker": page["Marker"]}
        assert names == ["u0", "u2", "u4", "u6"]

    scene(play)


def test_groups_and_members() -> None:
    async def play(iam: Iam) -> None:
        await iam("CreateGroup", GroupName="dev")
        ada = await iam.user()
        await iam("AddUserToGroup", GroupName="dev", UserName="ada")
        await iam("AddUserToGroup", GroupName="dev", UserName="ada")
        assert [u["UserName"] for u in (await iam("GetGroup", GroupName="dev"))["Users"]] == ["ada"]
        await iam("PutGroupPolicy", GroupName="dev", PolicyName="p", PolicyDocument=allow())
        assert await iam.may(ada)
        await iam("UpdateGroup", GroupName="dev", NewGroupName="ops")
        groups = (await iam("ListGroupsForUser", UserName="ada"))["Groups"]
        assert [(g["GroupName"], g["Arn"]) for g in groups] == [("ops", f"{ARN}group/ops")]
        assert await iam.may(ada)
        full = "Cannot delete entity, must remove users from group first."
        await iam.refused("DeleteConflict", full, "DeleteGroup", GroupName="ops")
        await iam("RemoveUserFromGroup", GroupName="ops", UserName="ada")
        assert not await iam.may(ada)
        held = "Cannot delete entity, must delete policies first."
        await iam.refused("DeleteConflict", held, "DeleteGroup", GroupName="ops")
        await iam("DeleteGroupPolicy", GroupName="ops", PolicyName="p")
        await iam("DeleteGroup", GroupName="ops")
        assert (await iam("ListGroups"))["Groups"] == []

    scene(play)


def test_access_keys() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        assert (ada.kind, ada.arn) == (Principal.USER, f"{ARN}user/ada")
        second = (await iam("CreateAccessKey", caller=None, UserName="ada"))["AccessKey"]
        assert set(second) == {"UserName", "AccessKeyId", "Status", "SecretAccessKey", "CreateDate"}
        over = "Cannot exceed quota for AccessKeysPerUser: 2"
        await iam.refused("LimitExceeded", over, "CreateAccessKey", UserName="ada")
        await iam("UpdateAccessKey", UserName="ada", AccessKeyId=second["AccessKeyId"], Status="Inactive")
        listed = (await iam("ListAccessKeys", UserName="ada"))["AccessKeyMetadata"]
        assert {key["AccessKeyId"]: key["Status"] for key in listed} == {
            ada.access_key: "Active",
            second["AccessKeyId"]: "Inactive",
        }
        directory, store = iam.cloud.directory, iam.cloud.store
        found = await store.read(lambda tx: directory.credential(tx, second["AccessKeyId"]))
        assert found is not None
        assert not found.active
        held = "Cannot delete entity, must delete access keys first."
        await iam.refused("DeleteConflict", held, "DeleteUser", UserName="ada")
        for key in (ada.access_key, second["AccessKeyId"]):
            await iam("DeleteAccessKey", UserName="ada", AccessKeyId=key)
        gone = f"The Access Key with id {ada.access_key} cannot be found."
        await iam.refused("NoSuchEntity", gone, "DeleteAccessKey", UserName="ada", AccessKeyId=ada.access_key)
        assert await store.read(lambda tx: directory.credential(tx, ada.access_key)) is None
        await iam("DeleteUser", UserName="ada")

    scene(play)


def test_the_last_use_of_a_key_is_told() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        before = await iam("GetAccessKeyLastUsed", AccessKeyId=ada.access_key)
        assert before == {"UserName": "ada", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
        written: list[object] = []
        iam.cloud.spawn = written.append
        directory = iam.cloud.directory
        directory.note_use(ada, "s3", "us-east-1")  # type: ignore[attr-defined]
        directory.note_use(ada, "sqs", "us-east-1")  # type: ignore[attr-defined]
        assert len(written) == 1
        await written[0]  # type: ignore[misc]
        used = (await iam("GetAccessKeyLastUsed", AccessKeyId=ada.access_key))["AccessKeyLastUsed"]
        assert (used["ServiceName"], used["Region"]) == ("s3", "us-east-1")
        assert used["LastUsedDate"].timestamp() == iam.cloud.clock.now_ns() // 10**9

    scene(play)


def test_a_user_speaks_of_itself() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        own = allow(["iam:GetUser", "iam:*AccessKey*"], "arn:aws:iam::*:user/${aws:username}")
        await iam("PutUserPolicy", UserName="ada", PolicyName="own", PolicyDocument=own)
        assert (await iam("GetUser", caller=ada))["User"]["UserName"] == "ada"
        assert len((await iam("ListAccessKeys", caller=ada))["AccessKeyMetadata"]) == 1
        await iam("CreateUser", UserName="eve")
        await iam.refused(
            "AccessDenied",
            f"User: {ada.arn} is not authorized to perform: iam:GetUser on resource: {ARN}user/eve "
            "because no identity-based policy allows the iam:GetUser action",
            "GetUser",
            caller=ada,
            UserName="eve",
        )
        root = (await iam("GetUser"))["User"]
        assert (root["Arn"], root["UserId"]) == (f"{ARN}root", ACCOUNT)

    scene(play)


def test_login_profiles() -> None:
    async def play(iam: Iam) -> None:
        await iam("CreateUser", UserName="ada")
        made = await iam("CreateLoginProfile", UserName="ada", Password="correct horse")
        assert made["LoginProfile"]["PasswordResetRequired"] is False
        again = "Login Profile for user ada already exists."
        await iam.refused("EntityAlreadyExists", again, "CreateLoginProfile", UserName="ada", Password="x")
        await iam("UpdateLoginProfile", UserName="ada", PasswordResetRequired=True)
        assert (await iam("GetLoginProfile", UserName="ada"))["LoginProfile"]["PasswordResetRequired"] is True
        held = "Cannot delete entity, must delete login profile first."
        await iam.refused("DeleteConflict", held, "DeleteUser", UserName="ada")
        await iam("DeleteLoginProfile", UserName="ada")
        gone = "Login Profile for User ada cannot be found."
        await iam.refused("NoSuchEntity", gone, "GetLoginProfile", UserName="ada")

    scene(play)


def test_service_specific_credentials() -> None:
    async def play(iam: Iam) -> None:
        await iam("CreateUser", UserName="ada")
        service = "codecommit.amazonaws.com"
        made = await iam("CreateServiceSpecificCredential", UserName="ada", ServiceName=service)
        credential = made["ServiceSpecificCredential"]
        assert credential["ServiceUserName"] == f"ada-at-{ACCOUNT}"
        name = credential["ServiceSpecificCredentialId"]
        reset = await iam("ResetServiceSpecificCredential", UserName="ada", ServiceSpecificCredentialId=name)
        assert reset["ServiceSpecificCredential"]["ServicePassword"] != credential["ServicePassword"]
        listed = await iam("ListServiceSpecificCredentials", UserName="ada")
        assert "ServicePassword" not in listed["ServiceSpecificCredentials"][0]
        unknown = "No such service none.amazonaws.com is supported for Service Specific Credentials"
        await iam.refused(
            "NoSuchEntity", unknown, "ListServiceSpecificCredentials", UserName="ada", ServiceName="none.amazonaws.com"
        )
        await iam("DeleteServiceSpecificCredential", UserName="ada", ServiceSpecificCredentialId=name)
        missing = f"No such credential {name} exists"
        await iam.refused(
            "NoSuchEntity",
            missing,
            "DeleteServiceSpecificCredential",
            UserName="ada",
            ServiceSpecificCredentialId=name,
        )

    scene(play)


def test_tags_of_aws_are_not_for_callers() -> None:
    async def play(iam: Iam) -> None:
        message = "Tag keys that start with aws: are reserved for system use."
        tags = [{"Key": "AWS:cloudformation:stack-name", "Value": "mine"}]
        await iam.refused("InvalidInput", message, "CreateUser", UserName="ada", Tags=tags)
        await iam.user("ada")
        await iam.refused("InvalidInput", message, "TagUser", UserName="ada", Tags=tags)

    scene(play)
