"""STS: identities, assumed roles, session and federation tokens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.contracts.caller import Caller, root
from lambent.contracts.errors import NotBuilt, ServiceError
from tests.support import ACCOUNT, TestCloud

AWAY = "222222222222"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/worker"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: Any = "s3:*", **more: Any) -> str:
    return document({"Effect": "Allow", "Action": action, "Resource": "*", **more})


def trust(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> str:
    return document({"Effect": "Allow", "Action": action, "Principal": principal, **more})


class Sts:
    """STS and IAM of a small cloud."""

    def __init__(self, cloud: TestCloud) -> None:
        self.cloud = cloud

    async def __call__(self, operation: str, caller: Caller | None = None, **params: Any) -> dict[str, Any]:
        return await self.cloud.call("sts", operation, caller, **params)

    async def iam(self, operation: str, caller: Caller | None = None, **params: Any) -> dict[str, Any]:
        return await self.cloud.call("iam", operation, caller, **params)

    async def user(self, policy: str = "") -> Caller:
        await self.iam("CreateUser", UserName="ada")
        if policy:
            await self.iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=policy)
        key = (await self.iam("CreateAccessKey", UserName="ada"))["AccessKey"]
        return await self.caller(key["AccessKeyId"])

    async def role(self, trusted: str, name: str = "worker", policy: str = "", **more: Any) -> None:
        await self.iam("CreateRole", RoleName=name, AssumeRolePolicyDocument=trusted, **more)
        await self.iam("PutRolePolicy", RoleName=name, PolicyName="p", PolicyDocument=policy or allow())

    async def caller(self, access_key: str) -> Caller:
        directory = self.cloud.directory
        found = await self.cloud.store.read(lambda tx: directory.credential(tx, access_key))
        assert found is not None
        return found.caller

    async def assume(self, caller: Caller | None = None, **more: Any) -> Caller:
        params = {"RoleArn": ROLE, "RoleSessionName": "job", **more}
        found = await self("AssumeRole", caller, **params)
        return await self.caller(found["Credentials"]["AccessKeyId"])

    async def refused(self, code: str, message: str, operation: str, **params: Any) -> None:
        with pytest.raises(ServiceError) as caught:
            await self(operation, **params)
        assert (caught.value.code, caught.value.message) == (code, message)

    async def may(self, caller: Caller, action: str = "s3:GetObject") -> bool:
        guard = self.cloud.guard
        return await self.cloud.store.read(lambda tx: guard.decide(tx, caller, action, "arn:aws:x", {}).allowed)


def scene(play: Callable[[Sts], Awaitable[None]]) -> None:
    async def run() -> None:
        await play(Sts(TestCloud()))

    asyncio.run(run())


def test_everyone_may_ask_who_they_are() -> None:
    async def play(sts: Sts) -> None:
        found = await sts("GetCallerIdentity")
        assert found == {"UserId": ACCOUNT, "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
        ada = await sts.user(document({"Effect": "Deny", "Action": "*", "Resource": "*"}))
        found = await sts("GetCallerIdentity", ada)
        assert found == {"UserId": ada.user_id, "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada"}

    scene(play)


def test_a_role_is_assumed() -> None:
    async def play(sts: Sts) -> None:
        await sts.role(trust({"AWS": ACCOUNT}))
        found = await sts("AssumeRole", RoleArn=ROLE, RoleSessionName="job")
        assert set(found) == {"Credentials", "AssumedRoleUser"}
        credentials = found["Credentials"]
        assert set(credentials) == {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"}
        assert credentials["AccessKeyId"].startswith("ASIA")
        assert credentials["Expiration"].timestamp() == sts.cloud.clock.now_ns() // 10**9 + 3600
        user = found["AssumedRoleUser"]
        assert user["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/job"
        caller = await sts.caller(credentials["AccessKeyId"])
        identity = await sts("GetCallerIdentity", caller)
        assert (identity["Arn"], identity["UserId"]) == (user["Arn"], user["AssumedRoleId"])
        assert await sts.may(caller)
        assert not await sts.may(caller, "sqs:SendMessage")

    scene(play)


def refusal(arn: str, reason: str) -> str:
    return f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {ROLE} {reason}"


def test_the_trust_policy_and_the_caller_must_agree() -> None:
    async def play(sts: Sts) -> None:
        ada = await sts.user()
        await sts.role(trust({"Service": "lambda.amazonaws.com"}))
        ask = {"caller": ada, "RoleArn": ROLE, "RoleSessionName": "job"}
        identity = refusal(ada.arn, "because no identity-based policy allows the sts:AssumeRole action")
        trusting = refusal(ada.arn, "because no role trust policy allows the sts:AssumeRole action")
        await sts.refused("AccessDenied", identity, "AssumeRole", **ask)
        await sts.iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=allow("sts:AssumeRole"))
        await sts.refused("AccessDenied", trusting, "AssumeRole", **ask)
        await sts.iam(
            "UpdateAssumeRolePolicy", RoleName="worker", PolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        )
        assert await sts.may(await sts.assume(ada))
        await sts.iam("DeleteUserPolicy", UserName="ada", PolicyName="p")
        await sts.refused("AccessDenied", identity, "AssumeRole", **ask)
        await sts.iam("UpdateAssumeRolePolicy", RoleName="worker", PolicyDocument=trust({"AWS": ada.arn}))
        assert await sts.may(await sts.assume(ada))

    scene(play)


def test_another_account_needs_both_sides() -> None:
    async def play(sts: Sts) -> None:
        ask = {"caller": root(AWAY), "RoleArn": ROLE, "RoleSessionName": "job"}
        denied = refusal(f"arn:aws:iam::{AWAY}:root", "because no role trust policy allows the sts:AssumeRole action")
        await sts.refused("AccessDenied", denied, "AssumeRole", **ask)
        await sts.role(trust({"AWS": AWAY}, Condition={"StringEquals": {"sts:ExternalId": "secret"}}))
        await sts.refused("AccessDenied", denied, "AssumeRole", **ask)
        caller = await sts.assume(root(AWAY), ExternalId="secret")
        assert caller.account == ACCOUNT

    scene(play)


def test_no_role_no_session() -> None:
    async def play(sts: Sts) -> None:
        gone = f"User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
        await sts.refused("AccessDenied", gone, "AssumeRole", RoleArn=ROLE, RoleSessionName="job")

    scene(play)


@pytest.mark.parametrize(
    "arn",
    [
        "nothing-valid-in-here",
        "arn::b:::something/test-role",
        "arn:a:a::aaaaaaaaaa:",
        "arn:a::::something/test-role",
        "arn:a:::something/test-role",
    ],
)
def test_role_arns_that_are_none(arn: str) -> None:
    async def play(sts: Sts) -> None:
        await sts.refused("ValidationError", f"{arn} is invalid", "AssumeRole", RoleArn=arn, RoleSessionName="job")

    scene(play)


def test_names_that_cannot_be_part_of_an_arn() -> None:
    async def play(sts: Sts) -> None:
        wrong = (
            "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )
        await sts.refused("ValidationError", wrong, "AssumeRole", RoleArn=ROLE, RoleSessionName="Session1:2")
        with pytest.raises(ServiceError, match="at 'name' failed"):
            await sts("GetFederationToken", Name="a/b")

    scene(play)


def test_session_policies_narrow() -> None:
    async def play(sts: Sts) -> None:
        await sts.role(trust({"AWS": ACCOUNT}))
        narrow = await sts.assume(Policy=allow("s3:GetObject"))
        assert await sts.may(narrow)
        assert not await sts.may(narrow, "s3:PutObject")
        arn = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
        managed = await sts.assume(PolicyArns=[{"arn": arn}])
        assert await sts.may(managed)
        assert not await sts.may(managed, "s3:PutObject")
        wider = await sts.assume(Policy=allow("sqs:*"))
        assert not await sts.may(wider, "sqs:SendMessage")
        found = await sts("AssumeRole", RoleArn=ROLE, RoleSessionName="job", Policy=allow("s3:GetObject"))
        assert 0 < found["PackedPolicySize"] < 10
        await sts.refused(
            "MalformedPolicyDocument",
            "Syntax errors in policy.",
            "AssumeRole",
            RoleArn=ROLE,
            RoleSessionName="job",
            Policy="{}",
        )

    scene(play)


def test_durations() -> None:
    async def play(sts: Sts) -> None:
        await sts.role(trust({"AWS": "*"}), MaxSessionDuration=7200, policy=allow("*"))
        caller = await sts.assume(DurationSeconds=7200)
        long = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        ask = {"RoleArn": ROLE, "RoleSessionName": "job"}
        await sts.refused("ValidationError", long, "AssumeRole", **ask, DurationSeconds=7201)
        chained = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        await sts.refused("ValidationError", chained, "AssumeRole", caller=caller, **ask, DurationSeconds=3601)
        await sts.assume(caller, DurationSeconds=3600)

    scene(play)


def test_tags_travel_with_a_session() -> None:
    async def play(sts: Sts) -> None:
        tagging = ["sts:AssumeRole", "sts:TagSession"]
        tags = [{"Key": "Team", "Value": "role"}, {"Key": "own", "Value": "1"}]
        await sts.role(trust({"AWS": "*"}, tagging), Tags=tags, policy=allow("sts:*"))
        first = await sts.assume(
            Tags=[{"Key": "team", "Value": "red"}, {"Key": "x", "Value": "y"}], TransitiveTagKeys=["team"]
        )
        assert first.tags == (("own", "1"), ("team", "red"), ("x", "y"))
        second = await sts.assume(first)
        assert second.tags == (("own", "1"), ("team", "red"))
        assert second.transitive_tags == ("team",)
        conflict = (
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key "
            "from the calling session."
        )
        ask = {"caller": first, "RoleArn": ROLE, "RoleSessionName": "job"}
        for key in ("team", "TEAM"):
            tag = [{"Key": key, "Value": "blue"}]
            await sts.refused("InvalidParameterValue", conflict, "AssumeRole", **ask, Tags=tag)

    scene(play)


def test_tags_and_source_identity_need_their_own_permission() -> None:
    async def play(sts: Sts) -> None:
        await sts.role(trust({"AWS": "*"}))
        ask = {"RoleArn": ROLE, "RoleSessionName": "job"}
        with pytest.raises(ServiceError, match="sts:TagSession"):
            await sts("AssumeRole", **ask, Tags=[{"Key": "a", "Value": "b"}])
        with pytest.raises(ServiceError, match="sts:SetSourceIdentity"):
            await sts("AssumeRole", **ask, SourceIdentity="ada")
        trusted = trust({"AWS": "*"}, "sts:*")
        await sts.iam("UpdateAssumeRolePolicy", RoleName="worker", PolicyDocument=trusted)
        found = await sts("AssumeRole", **ask, SourceIdentity="ada")
        assert found["SourceIdentity"] == "ada"
        caller = await sts.caller(found["Credentials"]["AccessKeyId"])
        assert (await sts.assume(caller)).source_identity == "ada"
        with pytest.raises(ServiceError, match="cannot be changed"):
            await sts.assume(caller, SourceIdentity="eve")

    scene(play)


def test_session_tokens() -> None:
    async def play(sts: Sts) -> None:
        ada = await sts.user(allow())
        found = await sts("GetSessionToken", ada, DurationSeconds=900)
        caller = await sts.caller(found["Credentials"]["AccessKeyId"])
        assert (await sts("GetCallerIdentity", caller))["Arn"] == ada.arn
        assert await sts.may(caller)
        again = "Cannot call GetSessionToken with session credentials"
        await sts.refused("AccessDenied", again, "GetSessionToken", caller=caller)
        found = await sts("GetSessionToken")
        assert found["Credentials"]["Expiration"].timestamp() == sts.cloud.clock.now_ns() // 10**9 + 3600
        caller = await sts.caller(found["Credentials"]["AccessKeyId"])
        assert await sts.may(caller, "iam:DeleteUser")

    scene(play)


def test_federation_tokens() -> None:
    async def play(sts: Sts) -> None:
        ada = await sts.user(allow(["s3:*", "sts:GetFederationToken"]))
        found = await sts("GetFederationToken", ada, Name="bob", Policy=allow(["s3:GetObject", "sqs:*"]))
        arn = f"arn:aws:sts::{ACCOUNT}:federated-user/bob"
        assert found["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:bob", "Arn": arn}
        caller = await sts.caller(found["Credentials"]["AccessKeyId"])
        assert caller.arn == arn
        decided = [await sts.may(caller, action) for action in ("s3:GetObject", "s3:PutObject", "sqs:SendMessage")]
        assert decided == [True, False, False]
        bare = await sts("GetFederationToken", ada, Name="bob")
        assert not await sts.may(await sts.caller(bare["Credentials"]["AccessKeyId"]))
        from_root = await sts("GetFederationToken", Name="bob", Policy=allow("sqs:*"))
        caller = await sts.caller(from_root["Credentials"]["AccessKeyId"])
        assert await sts.may(caller, "sqs:SendMessage")
        assert not await sts.may(caller)

    scene(play)


def test_whose_a_key_is() -> None:
    async def play(sts: Sts) -> None:
        ada = await sts.user()
        assert await sts("GetAccessKeyInfo", AccessKeyId=ada.access_key) == {"Account": ACCOUNT}
        other = (await sts.cloud.call("iam", "CreateAccessKey", root(AWAY)))["AccessKey"]["AccessKeyId"]
        assert (len(ada.access_key), len(other)) == (20, 20)
        await sts.cloud.call("iam", "DeleteAccessKey", root(AWAY), AccessKeyId=other)
        assert await sts("GetAccessKeyInfo", AccessKeyId=other) == {"Account": AWAY}  # the key itself says it
        found = await sts("GetAccessKeyInfo", AccessKeyId="ASIAQNZGKIQY56JQ7WML")
        assert found == {"Account": "029608264753"}
        with pytest.raises(ServiceError, match="Invalid value"):
            await sts("GetAccessKeyInfo", AccessKeyId="not_a_key_but_long")

    scene(play)


def test_what_is_not_built_says_so() -> None:
    async def play(sts: Sts) -> None:
        with pytest.raises(NotBuilt, match="AssumeRoleWithSAML"):
            await sts("AssumeRoleWithSAML", RoleArn=ROLE, PrincipalArn=ROLE, SAMLAssertion="AAAA")
        with pytest.raises(ServiceError, match="Message is not valid"):
            await sts("DecodeAuthorizationMessage", EncodedMessage="e30=")

    scene(play)
