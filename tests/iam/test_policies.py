"""Managed policies, their versions, attachments and boundaries."""

from __future__ import annotations

import pytest

from lambent.policy import parse_document
from lambent.services.iam import managed_policies

from .support import ARN, TRUST, Iam, allow, document, scene

AWS = "arn:aws:iam::aws:policy/"


@pytest.mark.parametrize("name", managed_policies.names())
def test_every_aws_policy_is_well_formed(name: str) -> None:
    policy = managed_policies.by_name(name)
    assert policy is not None
    assert parse_document(policy.document, "identity").statements
    assert managed_policies.find(policy.arn) is policy
    assert policy.description


@pytest.mark.parametrize(
    "name",
    ["service-role/AWSLambdaBasicExecutionRole", "service-role/AWSLambdaSQSQueueExecutionRole", "AmazonS3FullAccess",
     "AdministratorAccess", "AWSLambda_FullAccess", "AWSXRayDaemonWriteAccess", "ReadOnlyAccess"],
)  # fmt: skip
def test_policies_that_applications_name(name: str) -> None:
    assert managed_policies.find(AWS + name) is not None
    assert managed_policies.find(AWS + "../" + name) is None


def test_a_policy_lives() -> None:
    async def play(iam: Iam) -> None:
        made = (await iam("CreatePolicy", PolicyName="P", PolicyDocument=allow(), Description="d"))["Policy"]
        assert set(made) == {
            "PolicyName", "PolicyId", "Arn", "Path", "DefaultVersionId", "AttachmentCount",
            "PermissionsBoundaryUsageCount", "IsAttachable", "CreateDate", "UpdateDate",
        }  # fmt: skip
        arn = made["Arn"]
        assert arn == f"{ARN}policy/P"
        got = (await iam("GetPolicy", PolicyArn=arn))["Policy"]
        assert got == made | {"Tags": [], "Description": "d"}
        again = "A policy called p already exists. Duplicate names are not allowed."
        await iam.refused("EntityAlreadyExists", again, "CreatePolicy", PolicyName="p", PolicyDocument=allow())
        await iam.refused(
            "MalformedPolicyDocument", "Syntax errors in policy.", "CreatePolicy", PolicyName="q", PolicyDocument="{"
        )
        old = allow().replace("2012", "2008")
        version = "Policy document must be version 2012-10-17 or greater."
        await iam.refused("MalformedPolicyDocument", version, "CreatePolicy", PolicyName="q", PolicyDocument=old)
        wide = allow("s3:*", [f"arn:aws:s3:::bucket-{number:04}/*" for number in range(300)])
        quota = "Cannot exceed quota for PolicySize: 6144"
        await iam.refused("LimitExceeded", quota, "CreatePolicy", PolicyName="q", PolicyDocument=wide)
        local = (await iam("ListPolicies", Scope="Local"))["Policies"]
        assert [policy["Arn"] for policy in local] == [arn]
        await iam("DeletePolicy", PolicyArn=arn)
        gone = f"Policy {arn} was not found."
        await iam.refused("NoSuchEntity", gone, "GetPolicy", PolicyArn=arn)
        await iam.refused("NoSuchEntity", gone, "DeletePolicy", PolicyArn=arn)

    scene(play)


def test_versions() -> None:
    async def play(iam: Iam) -> None:
        arn = (await iam("CreatePolicy", PolicyName="p", PolicyDocument=allow("s3:Get*")))["Policy"]["Arn"]
        for number in range(2, 6):
            made = await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=allow(f"s3:Get{number}"))
            assert made["PolicyVersion"]["VersionId"] == f"v{number}"
            assert made["PolicyVersion"]["IsDefaultVersion"] is False
        full = (
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
            "version."
        )
        await iam.refused("LimitExceeded", full, "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=allow())
        await iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v3")
        default = "Cannot delete the default version of a policy."
        await iam.refused("DeleteConflict", default, "DeletePolicyVersion", PolicyArn=arn, VersionId="v3")
        await iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v1")
        gone = f"Policy {arn} version v1 does not exist or is not attachable."
        await iam.refused("NoSuchEntity", gone, "GetPolicyVersion", PolicyArn=arn, VersionId="v1")
        made = await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=allow("s3:Put*"), SetAsDefault=True)
        assert made["PolicyVersion"]["VersionId"] == "v6"
        listed = (await iam("ListPolicyVersions", PolicyArn=arn))["Versions"]
        assert [v["VersionId"] for v in listed if v["IsDefaultVersion"]] == ["v6"]
        assert [v["VersionId"] for v in listed] == ["v6", "v5", "v4", "v3", "v2"]
        got = (await iam("GetPolicyVersion", PolicyArn=arn, VersionId="v6"))["PolicyVersion"]
        assert document(got["Document"])["Statement"][0]["Action"] == "s3:Put*"
        with_versions = (
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        )
        await iam.refused("DeleteConflict", with_versions, "DeletePolicy", PolicyArn=arn)

    scene(play)


def test_a_new_default_version_decides_at_once() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        arn = (await iam("CreatePolicy", PolicyName="p", PolicyDocument=allow("s3:Get*")))["Policy"]["Arn"]
        assert not await iam.may(ada)
        await iam("AttachUserPolicy", UserName="ada", PolicyArn=arn)
        assert await iam.may(ada)
        await iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=allow("s3:Put*"), SetAsDefault=True)
        assert not await iam.may(ada)
        await iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
        assert await iam.may(ada)
        await iam("DetachUserPolicy", UserName="ada", PolicyArn=arn)
        assert not await iam.may(ada)

    scene(play)


def test_attachments() -> None:
    async def play(iam: Iam) -> None:
        await iam.role()
        arn = (await iam("CreatePolicy", PolicyName="p", PolicyDocument=allow()))["Policy"]["Arn"]
        malformed = "Invalid ARN:  Could not be parsed!"
        await iam.refused("ValidationError", malformed, "AttachRolePolicy", RoleName="worker", PolicyArn="p" * 20)
        missing = f"Policy {arn}123 does not exist or is not attachable."
        await iam.refused("NoSuchEntity", missing, "AttachRolePolicy", RoleName="worker", PolicyArn=arn + "123")
        for one in (arn, arn, AWS + "AmazonS3ReadOnlyAccess"):
            await iam("AttachRolePolicy", RoleName="worker", PolicyArn=one)
        listed = (await iam("ListAttachedRolePolicies", RoleName="worker"))["AttachedPolicies"]
        assert [policy["PolicyName"] for policy in listed] == ["AmazonS3ReadOnlyAccess", "p"]
        assert (await iam("GetPolicy", PolicyArn=arn))["Policy"]["AttachmentCount"] == 1
        entities = await iam("ListEntitiesForPolicy", PolicyArn=arn)
        assert [role["RoleName"] for role in entities["PolicyRoles"]] == ["worker"]
        assert (entities["PolicyUsers"], entities["PolicyGroups"], entities["IsTruncated"]) == ([], [], False)
        attached = "Cannot delete a policy attached to entities."
        await iam.refused("DeleteConflict", attached, "DeletePolicy", PolicyArn=arn)
        used = (await iam("ListPolicies", OnlyAttached=True))["Policies"]
        assert [policy["PolicyName"] for policy in used] == ["AmazonS3ReadOnlyAccess", "p"]
        await iam("DetachRolePolicy", RoleName="worker", PolicyArn=arn)
        gone = f"Policy {arn} was not found."
        await iam.refused("NoSuchEntity", gone, "DetachRolePolicy", RoleName="worker", PolicyArn=arn)
        await iam("DeletePolicy", PolicyArn=arn)

    scene(play)


def test_ten_policies_at_most() -> None:
    async def play(iam: Iam) -> None:
        await iam("CreateGroup", GroupName="g")
        arns = [managed_policies.by_name(name).arn for name in managed_policies.names()[:11]]  # type: ignore[union-attr]
        for arn in arns[:10]:
            await iam("AttachGroupPolicy", GroupName="g", PolicyArn=arn)
        quota = "Cannot exceed quota for PoliciesPerGroup: 10"
        await iam.refused("LimitExceeded", quota, "AttachGroupPolicy", GroupName="g", PolicyArn=arns[10])

    scene(play)


def test_boundaries() -> None:
    async def play(iam: Iam) -> None:
        limit = (await iam("CreatePolicy", PolicyName="limit", PolicyDocument=allow("sqs:*")))["Policy"]["Arn"]
        ada = await iam.user(PermissionsBoundary=limit)
        await iam("PutUserPolicy", UserName="ada", PolicyName="all", PolicyDocument=allow("*"))
        assert not await iam.may(ada)
        assert await iam.may(ada, "sqs:SendMessage")
        shown = (await iam("GetUser", UserName="ada"))["User"]["PermissionsBoundary"]
        assert shown == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": limit}
        assert (await iam("GetPolicy", PolicyArn=limit))["Policy"]["PermissionsBoundaryUsageCount"] == 1
        attached = "Cannot delete a policy attached to entities."
        await iam.refused("DeleteConflict", attached, "DeletePolicy", PolicyArn=limit)
        await iam("DeleteUserPermissionsBoundary", UserName="ada")
        assert await iam.may(ada)
        await iam("PutUserPermissionsBoundary", UserName="ada", PermissionsBoundary=AWS + "AmazonS3ReadOnlyAccess")
        assert await iam.may(ada)
        assert not await iam.may(ada, "s3:PutObject")
        await iam("DeletePolicy", PolicyArn=limit)

    scene(play)


def test_inline_policies_have_a_size() -> None:
    async def play(iam: Iam) -> None:
        await iam("CreateUser", UserName="ada")
        wide = allow("s3:*", [f"arn:aws:s3:::bucket-{number:04}/*" for number in range(100)])
        message = "Maximum policy size of 2048 bytes exceeded for user ada"
        await iam.refused(
            "LimitExceeded", message, "PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=wide
        )
        for name in ("b", "a"):
            await iam("PutUserPolicy", UserName="ada", PolicyName=name, PolicyDocument=allow())
        assert (await iam("ListUserPolicies", UserName="ada"))["PolicyNames"] == ["a", "b"]
        page = await iam("ListUserPolicies", UserName="ada", MaxItems=1)
        assert (page["PolicyNames"], page["IsTruncated"]) == (["a"], True)
        rest = await iam("ListUserPolicies", UserName="ada", Marker=page["Marker"])
        assert (rest["PolicyNames"], rest["IsTruncated"]) == (["b"], False)
        await iam("DeleteUserPolicy", UserName="ada", PolicyName="a")
        missing = "The user policy with name a cannot be found."
        await iam.refused("NoSuchEntity", missing, "GetUserPolicy", UserName="ada", PolicyName="a")

    scene(play)


def test_permission_to_attach_can_depend_on_the_policy() -> None:
    async def play(iam: Iam) -> None:
        ada = await iam.user()
        await iam.role()
        only = allow("iam:AttachRolePolicy", Condition={"ArnEquals": {"iam:PolicyARN": AWS + "AmazonS3ReadOnlyAccess"}})
        await iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=only)
        await iam("AttachRolePolicy", caller=ada, RoleName="worker", PolicyArn=AWS + "AmazonS3ReadOnlyAccess")
        await iam.refused(
            "AccessDenied",
            f"User: {ada.arn} is not authorized to perform: iam:AttachRolePolicy on resource: {ARN}role/worker "
            "because no identity-based policy allows the iam:AttachRolePolicy action",
            "AttachRolePolicy",
            caller=ada,
            RoleName="worker",
            PolicyArn=AWS + "AdministratorAccess",
        )

    scene(play)


def test_details_tell_everything() -> None:
    async def play(iam: Iam) -> None:
        await iam.user()
        await iam("CreateGroup", GroupName="g")
        await iam("AddUserToGroup", GroupName="g", UserName="ada")
        await iam("PutGroupPolicy", GroupName="g", PolicyName="p", PolicyDocument=allow())
        await iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=TRUST)
        await iam("AttachRolePolicy", RoleName="r", PolicyArn=AWS + "AmazonS3ReadOnlyAccess")
        await iam("CreatePolicy", PolicyName="own", PolicyDocument=allow())
        found = await iam("GetAccountAuthorizationDetails")
        assert found["UserDetailList"][0]["GroupList"] == ["g"]
        assert document(found["GroupDetailList"][0]["GroupPolicyList"][0]["PolicyDocument"])
        assert found["RoleDetailList"][0]["AttachedManagedPolicies"][0]["PolicyName"] == "AmazonS3ReadOnlyAccess"
        assert [policy["PolicyName"] for policy in found["Policies"]] == ["own", "AmazonS3ReadOnlyAccess"]
        first = await iam("GetAccountAuthorizationDetails", MaxItems=2)
        rest = await iam("GetAccountAuthorizationDetails", Marker=first["Marker"])
        assert len(first["UserDetailList"] + first["GroupDetailList"]) == 2
        assert (len(rest["RoleDetailList"]), len(rest["Policies"])) == (1, 2)
        summary = (await iam("GetAccountSummary"))["SummaryMap"]
        assert (summary["Users"], summary["Roles"], summary["Policies"]) == (1, 1, 1)

    scene(play)


def test_account_alias_and_password_policy() -> None:
    async def play(iam: Iam) -> None:
        await iam("CreateAccountAlias", AccountAlias="lab")
        assert (await iam("ListAccountAliases"))["AccountAliases"] == ["lab"]
        taken = "The account alias lab already exists."
        await iam.refused("EntityAlreadyExists", taken, "CreateAccountAlias", AccountAlias="lab")
        await iam("DeleteAccountAlias", AccountAlias="lab")
        await iam("UpdateAccountPasswordPolicy", MinimumPasswordLength=12)
        policy = (await iam("GetAccountPasswordPolicy"))["PasswordPolicy"]
        assert (policy["MinimumPasswordLength"], policy["ExpirePasswords"]) == (12, False)
        await iam("DeleteAccountPasswordPolicy")
        missing = "The Password Policy with domain name 000000000000 cannot be found."
        await iam.refused("NoSuchEntity", missing, "GetAccountPasswordPolicy")

    scene(play)
