"""Who an access key stands for, and which policies a caller has: always as the store says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lambent.contracts.caller import Credential, Principal, root, service
from lambent.contracts.errors import ServiceError
from lambent.services.iam import keys
from lambent.services.iam.directory import IamDirectory
from tests.support import ACCOUNT

from .support import ARN, TRUST, Iam, allow, scene

HOUR_NS = 3_600_000_000_000


async def find(iam: Iam, access_key: str) -> Credential | None:
    return await iam.cloud.store.read(lambda tx: iam.cloud.directory.credential(tx, access_key))


def test_conventional_keys_are_root() -> None:
    async def play(iam: Iam) -> None:
        found = await find(iam, "test")
        assert found is not None
        assert (found.secret, found.caller) == ("test", root(ACCOUNT, "test"))
        other = await find(iam, "123456789012")
        assert other is not None
        assert other.caller == root("123456789012", "123456789012")
        assert await find(iam, "123") is None
        assert await find(iam, "AKIAAAAAAAAAAAAAAAAA") is None
        iam.cloud.settings = msgspec.structs.replace(iam.cloud.settings, auth="strict")
        assert await find(iam, "test") is None
        assert await find(iam, "123456789012") is None

    scene(play)


def test_the_first_root_key_is_made_once() -> None:
    async def play(iam: Iam) -> None:
        directory = iam.cloud.directory
        assert isinstance(directory, IamDirectory)
        made = await directory.root_key(ACCOUNT)
        assert made is not None
        found = await find(iam, made[0])
        assert found is not None
        assert (found.secret, found.caller.kind, found.caller.account) == (made[1], Principal.ROOT, ACCOUNT)
        assert await directory.root_key(ACCOUNT) is None
        listed = await iam("ListAccessKeys", caller=found.caller)
        assert [key["AccessKeyId"] for key in listed["AccessKeyMetadata"]] == [made[0]]

    scene(play)


def test_another_node_sees_a_change_at_once() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        node = IamDirectory(iam.cloud)
        read = iam.cloud.store.read
        before = await read(lambda tx: node.policies(tx, ada))
        assert before.identity == ()
        assert await read(lambda tx: node.policies(tx, ada)) is before
        await iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=allow())
        after = await read(lambda tx: node.policies(tx, ada))
        assert [policy.name for policy in after.identity] == ["p"]

    scene(play)


def test_what_a_failed_transaction_showed_is_not_remembered() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        directory, guard = iam.cloud.directory, iam.cloud.guard
        user = await iam.cloud.store.read(lambda tx: keys.find(tx, "user", ACCOUNT, "ada"))
        assert user is not None

        def fail(tx: Any) -> None:
            keys.save(tx, msgspec.structs.replace(user, inline=(("p", allow("*")),)))  # type: ignore[type-var]
            assert guard.decide(tx, ada, "s3:GetObject", "*", {}).allowed
            raise LookupError

        with pytest.raises(LookupError):
            await iam.cloud.store.write(fail)
        assert not await iam.may(ada)
        await iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=allow("sqs:*"))
        assert not await iam.may(ada)
        found = await iam.cloud.store.read(lambda tx: directory.policies(tx, ada))
        assert found.identity[0].document == allow("sqs:*")

    scene(play)


def test_a_user_made_anew_has_nothing_of_the_old() -> None:
    async def play(iam: Iam) -> None:
        old = await iam.user()
        await iam("DeleteAccessKey", UserName="ada", AccessKeyId=old.access_key)
        await iam("DeleteUser", UserName="ada")
        new = await iam.user()
        await iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=allow())
        assert await iam.may(new)
        assert not await iam.may(old)

    scene(play)


def test_a_renamed_user_keeps_what_it_signs_in_with() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        await iam("CreateLoginProfile", UserName="ada", Password="correct horse")
        await iam("CreateServiceSpecificCredential", UserName="ada", ServiceName="codecommit.amazonaws.com")
        await iam("UpdateUser", UserName="ada", NewUserName="grace")
        await iam("TagUser", UserName="grace", Tags=[{"Key": "team", "Value": "red"}])
        caller = await iam.caller(ada.access_key)
        listed = await iam("ListServiceSpecificCredentials", UserName="grace")
        assert [one["UserName"] for one in listed["ServiceSpecificCredentials"]] == ["grace"]
        assert "LoginProfile" in await iam("GetLoginProfile", UserName="grace")
        assert (caller.arn, caller.user_id, caller.tags) == (f"{ARN}user/grace", ada.user_id, (("team", "red"),))

    scene(play)


def test_a_service_acts_in_a_role_that_trusts_it() -> None:
    async def play(iam: Iam) -> None:
        role = await iam.role()
        await iam("PutRolePolicy", RoleName="worker", PolicyName="p", PolicyDocument=allow("s3:GetObject"))
        directory = iam.cloud.directory
        made = await directory.role_session(role["Arn"], "job", "lambda.amazonaws.com", 900)
        found = await find(iam, made.access_key)
        assert found == made
        assert found.token
        assert found.expires_ns == iam.cloud.clock.now_ns() + 900 * 10**9
        assert found.caller.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/job"
        assert found.caller.user_id == f"{role['RoleId']}:job"
        assert await iam.may(found.caller)
        assert not await iam.may(found.caller, "s3:PutObject")
        for principal, arn in (("states.amazonaws.com", role["Arn"]), ("lambda.amazonaws.com", f"{ARN}role/none")):
            with pytest.raises(ServiceError) as caught:
                await directory.role_session(arn, "job", principal)
            assert caught.value.code == "AccessDenied"

    scene(play)


def test_a_trust_policy_may_name_the_source() -> None:
    async def play(iam: Iam) -> None:
        condition = '"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:lambda:*:*:function:f"}}, "Effect"'
        role = await iam.role(AssumeRolePolicyDocument=TRUST.replace('"Effect"', condition))
        directory = iam.cloud.directory
        source = "arn:aws:lambda:us-east-1:000000000000:function:"
        await directory.role_session(role["Arn"], "job", "lambda.amazonaws.com", source_arn=source + "f")
        with pytest.raises(ServiceError):
            await directory.role_session(role["Arn"], "job", "lambda.amazonaws.com", source_arn=source + "g")

    scene(play)


def test_expired_sessions_are_forgotten() -> None:
    async def play(iam: Iam) -> None:
        role = await iam.role()
        directory = iam.cloud.directory
        made = [await directory.role_session(role["Arn"], "job", "lambda.amazonaws.com", 900) for _ in range(3)]
        iam.cloud.clock.advance(HOUR_NS)
        await directory.role_session(role["Arn"], "job", "lambda.amazonaws.com")
        # An hour's grace, in which they are known to have expired.
        assert await find(iam, made[0].access_key) == made[0]
        iam.cloud.clock.advance(HOUR_NS)
        await directory.role_session(role["Arn"], "job", "lambda.amazonaws.com")
        assert [await find(iam, one.access_key) for one in made] == [None] * 3
        left = await iam.cloud.store.read(keys.SESSIONS.scan)
        assert len(left) == 2

    scene(play)


def test_services_have_no_policies_of_their_own() -> None:
    async def play(iam: Iam) -> None:
        found = await iam.cloud.store.read(
            lambda tx: iam.cloud.directory.policies(tx, service("s3.amazonaws.com", ACCOUNT))
        )
        assert found.identity == ()

    scene(play)


def test_indexes_follow_their_rows() -> None:
    async def play(iam: Iam) -> None:
        arn = (await iam("CreatePolicy", PolicyName="p", PolicyDocument=allow()))["Policy"]["Arn"]
        await iam("CreateGroup", GroupName="g")
        await iam("CreateUser", UserName="ada", PermissionsBoundary=arn)
        await iam("AddUserToGroup", GroupName="g", UserName="ada")
        await iam("AttachUserPolicy", UserName="ada", PolicyArn=arn)
        await iam("UpdateUser", UserName="ada", NewUserName="eve")

        def rows(tx: Any) -> list[list[tuple[Any, ...]]]:
            tables = (keys.ATTACHMENTS, keys.BOUNDARIES, keys.MEMBERS)
            return [[table.parts(key)[1:] for key, _ in table.scan(tx)] for table in tables]

        assert await iam.cloud.store.read(rows) == [[(arn, "user", "eve")], [(arn, "user", "eve")], [("g", "eve")]]
        await iam("DetachUserPolicy", UserName="eve", PolicyArn=arn)
        await iam("RemoveUserFromGroup", GroupName="g", UserName="eve")
        await iam("DeleteUser", UserName="eve")
        assert await iam.cloud.store.read(rows) == [[], [], []]

    scene(play)
