"""Roles, instance profiles, service-linked roles."""

from __future__ import annotations

import json

from lambent.contracts.errors import NotBuilt

from .support import ARN, TRUST, Iam, allow, document, scene


def test_a_role_lives() -> None:
    async def play(iam: Iam) -> None:
        made = await iam.role(Path="/app/")
        assert set(made) == {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}
        assert made["Arn"] == f"{ARN}role/app/worker"
        assert "%22" in made["AssumeRolePolicyDocument"]
        assert document(made["AssumeRolePolicyDocument"]) == json.loads(TRUST)
        got = (await iam("GetRole", RoleName="worker"))["Role"]
        assert got == made | {"MaxSessionDuration": 3600, "RoleLastUsed": {}}
        listed = (await iam("ListRoles", PathPrefix="/app/"))["Roles"]
        assert listed == [made | {"MaxSessionDuration": 3600}]
        await iam("UpdateRole", RoleName="worker", Description="works", MaxSessionDuration=7200)
        got = (await iam("GetRole", RoleName="worker"))["Role"]
        assert (got["Description"], got["MaxSessionDuration"]) == ("works", 7200)
        trust = TRUST.replace("lambda", "states")
        await iam("UpdateAssumeRolePolicy", RoleName="worker", PolicyDocument=trust)
        got = (await iam("GetRole", RoleName="worker"))["Role"]
        assert document(got["AssumeRolePolicyDocument"]) == json.loads(trust)
        again = "Role with name Worker already exists."
        await iam.refused("EntityAlreadyExists", again, "CreateRole", RoleName="Worker", AssumeRolePolicyDocument=TRUST)
        await iam("DeleteRole", RoleName="worker")
        await iam.refused("NoSuchEntity", "The role with name worker cannot be found.", "GetRole", RoleName="worker")

    scene(play)


def test_percent_signs_in_documents_survive() -> None:
    async def play(iam: Iam) -> None:
        await iam.role()
        text = allow("apigateway:PUT", ["arn:aws:apigateway:us-east-1::/tags/arn%3Aaws%3Aapigateway%3A%2Frestapis"])
        await iam("PutRolePolicy", RoleName="worker", PolicyName="p", PolicyDocument=text)
        got = await iam("GetRolePolicy", RoleName="worker", PolicyName="p")
        assert document(got["PolicyDocument"]) == json.loads(text)
        assert (got["RoleName"], got["PolicyName"]) == ("worker", "p")

    scene(play)


def test_malformed_trust_policies() -> None:
    async def play(iam: Iam) -> None:
        async def refused(text: str, code: str, message: str) -> None:
            await iam.refused(code, message, "CreateRole", RoleName="r", AssumeRolePolicyDocument=text)

        await refused("not json", "MalformedPolicyDocument", "This policy contains invalid Json")
        await refused(allow("sts:AssumeRole"), "MalformedPolicyDocument", "Missing required field Principal")
        long = json.loads(TRUST)
        long["Statement"][0]["Principal"] = {"Service": [f"s{number}.amazonaws.com" for number in range(120)]}
        await refused(json.dumps(long), "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048")

    scene(play)


def test_what_keeps_a_role() -> None:
    async def play(iam: Iam) -> None:
        await iam.role()
        arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
        await iam("AttachRolePolicy", RoleName="worker", PolicyArn=arn)
        await iam("PutRolePolicy", RoleName="worker", PolicyName="p", PolicyDocument=allow())
        await iam("CreateInstanceProfile", InstanceProfileName="box")
        await iam("AddRoleToInstanceProfile", InstanceProfileName="box", RoleName="worker")
        conflict = "Cannot delete entity, must detach all policies first."
        await iam.refused("DeleteConflict", conflict, "DeleteRole", RoleName="worker")
        await iam("DetachRolePolicy", RoleName="worker", PolicyArn=arn)
        conflict = "Cannot delete entity, must delete policies first."
        await iam.refused("DeleteConflict", conflict, "DeleteRole", RoleName="worker")
        await iam("DeleteRolePolicy", RoleName="worker", PolicyName="p")
        conflict = "Cannot delete entity, must remove roles from instance profile first."
        await iam.refused("DeleteConflict", conflict, "DeleteRole", RoleName="worker")
        profiles = (await iam("ListInstanceProfilesForRole", RoleName="worker"))["InstanceProfiles"]
        assert [profile["Arn"] for profile in profiles] == [f"{ARN}instance-profile/box"]
        assert profiles[0]["Roles"][0]["RoleName"] == "worker"
        await iam.refused("DeleteConflict", conflict, "DeleteInstanceProfile", InstanceProfileName="box")
        await iam("RemoveRoleFromInstanceProfile", InstanceProfileName="box", RoleName="worker")
        await iam("DeleteRole", RoleName="worker")
        await iam("DeleteInstanceProfile", InstanceProfileName="box")
        gone = "Instance Profile box cannot be found."
        await iam.refused("NoSuchEntity", gone, "GetInstanceProfile", InstanceProfileName="box")

    scene(play)


def test_instance_profiles_hold_one_role() -> None:
    async def play(iam: Iam) -> None:
        await iam.role()
        await iam.role("other")
        await iam("CreateInstanceProfile", InstanceProfileName="box", Tags=[{"Key": "a", "Value": "b"}])
        again = "Instance Profile BOX already exists."
        await iam.refused("EntityAlreadyExists", again, "CreateInstanceProfile", InstanceProfileName="BOX")
        await iam("AddRoleToInstanceProfile", InstanceProfileName="box", RoleName="worker")
        full = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"
        await iam.refused(
            "LimitExceeded", full, "AddRoleToInstanceProfile", InstanceProfileName="box", RoleName="other"
        )
        await iam("TagInstanceProfile", InstanceProfileName="box", Tags=[{"Key": "c", "Value": "d"}])
        got = (await iam("GetInstanceProfile", InstanceProfileName="box"))["InstanceProfile"]
        assert {tag["Key"] for tag in got["Tags"]} == {"a", "c"}
        assert len((await iam("ListInstanceProfiles"))["InstanceProfiles"]) == 1

    scene(play)


def test_service_linked_roles() -> None:
    async def play(iam: Iam) -> None:
        role = (await iam("CreateServiceLinkedRole", AWSServiceName="batch.amazonaws.com"))["Role"]
        assert role["Arn"] == f"{ARN}role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
        taken = (
            "Service role name AWSServiceRoleForBatch has been taken in this account, please try a different suffix."
        )
        await iam.refused("InvalidInput", taken, "CreateServiceLinkedRole", AWSServiceName="batch.amazonaws.com")
        attached = await iam("ListAttachedRolePolicies", RoleName="AWSServiceRoleForBatch")
        assert [policy["PolicyName"] for policy in attached["AttachedPolicies"]] == ["BatchServiceRolePolicy"]
        protected = (
            "Cannot perform the operation on the protected role 'AWSServiceRoleForBatch' - this role is only "
            "modifiable by AWS"
        )
        await iam.refused("UnmodifiableEntity", protected, "DeleteRole", RoleName="AWSServiceRoleForBatch")
        task = (await iam("DeleteServiceLinkedRole", RoleName="AWSServiceRoleForBatch"))["DeletionTaskId"]
        assert task.startswith("task/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch/")
        assert await iam("GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task) == {"Status": "SUCCEEDED"}
        assert (await iam("ListRoles"))["Roles"] == []

    scene(play)


def test_suffixes_of_service_linked_roles() -> None:
    async def play(iam: Iam) -> None:
        service = "lexv2.amazonaws.com"
        role = (await iam("CreateServiceLinkedRole", AWSServiceName=service, CustomSuffix="a"))["Role"]
        assert role["RoleName"] == "AWSServiceRoleForLexV2Bots_a"
        message = "Custom suffix is not allowed for rds.amazonaws.com"
        await iam.refused(
            "InvalidInput", message, "CreateServiceLinkedRole", AWSServiceName="rds.amazonaws.com", CustomSuffix="a"
        )
        unknown = "Lambent does not know the service-linked role of none.amazonaws.com yet."
        await iam.refused(NotBuilt.code, unknown, "CreateServiceLinkedRole", AWSServiceName="none.amazonaws.com")

    scene(play)


def test_only_those_who_exist_can_be_trusted() -> None:
    async def play(iam: Iam) -> None:
        arn = f"{ARN}user/team/ada"
        trust = TRUST.replace('"Service": "lambda.amazonaws.com"', f'"AWS": "{arn}"')
        message = f'Invalid principal in policy: "AWS":"{arn}"'
        create = {"RoleName": "worker", "AssumeRolePolicyDocument": trust}
        await iam.refused("MalformedPolicyDocument", message, "CreateRole", **create)
        await iam("CreateUser", UserName="ada")  # at another path, so it is another ARN
        await iam.refused("MalformedPolicyDocument", message, "CreateRole", **create)
        await iam("UpdateUser", UserName="ada", NewPath="/team/")
        await iam("CreateRole", **create)
        gone = {"RoleName": "worker", "PolicyDocument": trust.replace("ada", "bob")}
        await iam.refused("MalformedPolicyDocument", message.replace("ada", "bob"), "UpdateAssumeRolePolicy", **gone)

    scene(play)
