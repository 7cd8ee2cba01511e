"""IAM and STS as their users have them: least privilege, refusals that say why, sessions, simulations."""

from __future__ import annotations

import itertools
import json
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from .node import ACCOUNT, Node

pytestmark = pytest.mark.e2e
OTHER = "222222222222"
_numbers = itertools.count()


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def trust(principal: Any, **more: Any) -> str:
    return document({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def refusal(work: Any, **params: Any) -> str:
    """Code and message of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        work(**params)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


class User(NamedTuple):
    """A user with an access key, and the bucket that he works on."""

    node: Node
    name: str
    arn: str
    key: str
    secret: str
    bucket: str

    def client(self, service: str) -> Any:
        """A client that signs with the user's key."""
        return self.node.client(service, self.key, self.secret)

    def may(self, *statements: dict[str, Any]) -> None:
        """Give the user one inline policy, named `p`."""
        iam = self.node.client("iam")
        iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))


@pytest.fixture
def user(node: Node) -> User:
    """A user without rights, and a bucket with two objects."""
    number = next(_numbers)
    bucket, name = f"lab-{number}", f"user-{number}"
    s3, iam = node.client("s3"), node.client("iam")
    s3.create_bucket(Bucket=bucket)
    for key in ("in/a", "in/secret"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    arn = iam.create_user(UserName=name, Path="/team/")["User"]["Arn"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return User(node, name, arn, key["AccessKeyId"], key["SecretAccessKey"], bucket)


def unauthorized(user: User, action: str, key: str, why: str) -> str:
    """AWS's sentence."""
    resource = f'"arn:aws:s3:::{user.bucket}/{key}"'
    return f"AccessDenied: User: {user.arn} is not authorized to perform: {action} on resource: {resource} {why}"


def test_least_privilege_and_why_not(user: User) -> None:
    s3 = user.client("s3")
    assert user.client("sts").get_caller_identity()["Arn"] == user.arn
    missing = "because no {} allows the {} action"
    assert refusal(s3.get_object, Bucket=user.bucket, Key="in/a") == unauthorized(
        user, "s3:GetObject", "in/a", missing.format("identity-based policy", "s3:GetObject")
    )
    objects = f"arn:aws:s3:::{user.bucket}/in"
    user.may(allow("s3:GetObject", f"{objects}/*"), deny("s3:*", f"{objects}/secret*", Sid="NoSecrets"))
    assert s3.get_object(Bucket=user.bucket, Key="in/a")["Body"].read() == b"in/a"
    assert refusal(s3.get_object, Bucket=user.bucket, Key="in/secret") == unauthorized(
        user,
        "s3:GetObject",
        "in/secret",
        "with an explicit deny in an identity-based policy (denied by statement NoSecrets of policy p)",
    )
    assert "s3:PutObject" in refusal(s3.put_object, Bucket=user.bucket, Key="in/a", Body=b"")
    assert "s3:ListBucket" in refusal(s3.get_object, Bucket=user.bucket, Key="in/none")
    iam = user.node.client("iam")
    listing = document(allow("s3:ListBucket"))
    boundary = iam.create_policy(PolicyName=user.name, PolicyDocument=listing)["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=user.name, PermissionsBoundary=boundary)
    assert refusal(s3.get_object, Bucket=user.bucket, Key="in/a") == unauthorized(
        user, "s3:GetObject", "in/a", missing.format("permissions boundary", "s3:GetObject")
    )
    assert refusal(iam.delete_policy, PolicyArn=boundary).startswith("DeleteConflict:")


def test_an_assumed_role_is_the_role_within_its_session_policy(user: User) -> None:
    iam, sts = user.node.client("iam"), user.client("sts")
    name = f"role-of-{user.name}"
    external = {"StringEquals": {"sts:ExternalId": "xid"}}
    trusted = trust({"AWS": user.arn}, Condition=external)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted)["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow("s3:*")))
    ask = {"RoleArn": role, "RoleSessionName": "work"}
    for wrong in ({}, {"ExternalId": "other"}):
        assert f"not authorized to perform: sts:AssumeRole on resource: {role}" in refusal(
            sts.assume_role, **ask, **wrong
        )
    assert "MaxSessionDuration" in refusal(sts.assume_role, **ask, ExternalId="xid", DurationSeconds=43200)
    narrow = document(allow("s3:GetObject", f"arn:aws:s3:::{user.bucket}/in/a"))
    given = sts.assume_role(**ask, ExternalId="xid", Policy=narrow)["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"])
    assert len(keys[0]) == 20

    s3 = user.node.client("s3", *keys, given["SessionToken"])
    assert s3.get_object(Bucket=user.bucket, Key="in/a")["Body"].read() == b"in/a"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/work"
    refused = refusal(s3.get_object, Bucket=user.bucket, Key="in/secret")
    assert f"User: {session} is not authorized" in refused
    assert "because no session policy allows" in refused
    wrong_token = user.node.client("s3", *keys, "wrong")
    assert refusal(wrong_token.get_object, Bucket=user.bucket, Key="in/a").startswith("InvalidToken:")
    no_token = user.node.client("sts", *keys)
    assert refusal(no_token.get_caller_identity).startswith("InvalidClientTokenId:")


def test_a_session_token_is_the_user_but_for_iam(user: User) -> None:
    user.may(allow("*"))
    given = user.client("sts").get_session_token()["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    assert user.node.client("sts", *keys).get_caller_identity()["Arn"] == user.arn
    assert user.node.client("s3", *keys).get_object(Bucket=user.bucket, Key="in/a")["Body"].read() == b"in/a"
    assert "session credentials" in refusal(user.node.client("sts", *keys).get_session_token)


def test_keys_that_are_wrong_or_switched_off_let_nobody_in(user: User) -> None:
    user.may(allow("s3:*"))
    stranger = user.node.client("s3", "AKIAAAAAAAAAAAAAAAAA")
    assert refusal(stranger.list_buckets).startswith("InvalidAccessKeyId:")
    assert refusal(user.node.client("s3", user.key, "wrong").list_buckets).startswith("SignatureDoesNotMatch:")
    user.client("s3").list_buckets()
    user.node.client("iam").update_access_key(UserName=user.name, AccessKeyId=user.key, Status="Inactive")
    assert refusal(user.client("s3").list_buckets).startswith("InvalidAccessKeyId:")
    assert refusal(user.client("sts").get_caller_identity).startswith("InvalidClientTokenId:")


def test_another_account_needs_both_sides_to_agree(user: User) -> None:
    iam = user.node.client("iam", OTHER)
    iam.create_user(UserName=user.name)
    made = iam.create_access_key(UserName=user.name)["AccessKey"]
    root = user.node.client("s3", OTHER)
    away = user.node.client("s3", made["AccessKeyId"], made["SecretAccessKey"])
    ask = {"Bucket": user.bucket, "Key": "in/a"}
    assert "no resource-based policy" in refusal(root.get_object, **ask)
    opened = {**allow("s3:GetObject", f"arn:aws:s3:::{user.bucket}/*"), "Principal": {"AWS": OTHER}}
    user.node.client("s3").put_bucket_policy(Bucket=user.bucket, Policy=document(opened))
    assert root.get_object(**ask)["Body"].read() == b"in/a"
    assert "no identity-based policy" in refusal(away.get_object, **ask)
    iam.put_user_policy(UserName=user.name, PolicyName="p", PolicyDocument=document(allow("s3:*")))
    assert away.get_object(**ask)["Body"].read() == b"in/a"
    assert "no resource-based policy" in refusal(away.put_object, **ask, Body=b"")


def test_a_simulation_agrees_with_what_happens(user: User) -> None:
    whole = f"arn:aws:s3:::{user.bucket}"
    iam, s3 = user.node.client("iam"), user.client("s3")
    user.may(
        allow(["s3:Get*", "s3:DeleteObject"], f"{whole}/in/*"),
        allow("s3:PutObject", f"{whole}/${{aws:username}}/*"),
        deny("s3:GetObject", f"{whole}/in/secret"),
        {"Effect": "Allow", "NotAction": ["s3:*", "iam:*"], "Resource": "*"},
        allow("iam:GetUser", f"arn:aws:iam::{ACCOUNT}:user/team/${{aws:username}}"),
    )
    home, there = f"{user.name}/x", {"Bucket": user.bucket}
    elsewhere = f"arn:aws:iam::{ACCOUNT}:user/other"
    iam_of_user, logs = user.client("iam"), user.client("logs")
    cases: list[tuple[str, str, Any, dict[str, Any]]] = [
        ("s3:GetObject", f"{whole}/in/a", s3.get_object, {**there, "Key": "in/a"}),
        ("s3:GetObject", f"{whole}/in/secret", s3.get_object, {**there, "Key": "in/secret"}),
        ("s3:GetObject", f"{whole}/out", s3.get_object, {**there, "Key": "out"}),
        ("s3:GetObjectTagging", f"{whole}/in/a", s3.get_object_tagging, {**there, "Key": "in/a"}),
        ("s3:GetObjectTagging", f"{whole}/in/secret", s3.get_object_tagging, {**there, "Key": "in/secret"}),
        ("s3:PutObject", f"{whole}/in/a", s3.put_object, {**there, "Key": "in/a", "Body": b""}),
        ("s3:PutObject", f"{whole}/{home}", s3.put_object, {**there, "Key": home, "Body": b""}),
        ("s3:DeleteObject", f"{whole}/{home}", s3.delete_object, {**there, "Key": home}),
        ("s3:DeleteObject", f"{whole}/in/a", s3.delete_object, {**there, "Key": "in/a"}),
        ("s3:ListBucket", whole, s3.list_objects_v2, there),
        ("s3:ListAllMyBuckets", "*", s3.list_buckets, {}),
        ("iam:GetUser", user.arn, iam_of_user.get_user, {}),
        ("iam:GetUser", elsewhere, iam_of_user.get_user, {"UserName": "other"}),
        ("logs:DescribeLogGroups", "*", logs.describe_log_groups, {}),
    ]
    words = set()
    for action, resource, work, params in cases:
        ask = {"PolicySourceArn": user.arn, "ActionNames": [action], "ResourceArns": [resource]}
        (result,) = iam.simulate_principal_policy(**ask)["EvaluationResults"]
        words.add(result["EvalDecision"])
        try:
            work(**params)
            happened = "allowed"
        except ClientError as error:
            message = str(error)
            assert "AccessDenied" in message, (action, resource, message)
            happened = "explicitDeny" if "explicit deny" in message else "implicitDeny"
        assert result["EvalDecision"] == happened, (action, resource)
    assert words == {"allowed", "explicitDeny", "implicitDeny"}


def test_what_is_in_use_is_not_deleted_and_what_is_missing_not_trusted(user: User) -> None:
    iam = user.node.client("iam")
    user.may(allow("s3:*"))
    group = f"group-of-{user.name}"
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=user.name)
    assert refusal(iam.delete_group, GroupName=group).startswith("DeleteConflict:")
    assert refusal(iam.delete_user, UserName=user.name).startswith("DeleteConflict:")
    nobody = f"arn:aws:iam::{ACCOUNT}:user/nobody"
    assert (
        refusal(iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust({"AWS": nobody}))
        == f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{nobody}"'
    )


def test_the_aws_cli_shows_documents_and_refusals(user: User) -> None:
    user.may(allow("s3:GetObject"))
    shown = user.node.run("aws", "iam", "get-user-policy", "--user-name", user.name, "--policy-name", "p")
    assert json.loads(shown.stdout)["PolicyDocument"] == json.loads(document(allow("s3:GetObject")))
    refused = user.node.run("aws", "iam", "delete-user", "--user-name", user.name, check=False)
    assert "(DeleteConflict) when calling the DeleteUser operation" in refused.stderr
    identity = json.loads(user.node.run("aws", "sts", "get-caller-identity").stdout)
    assert identity == {"UserId": ACCOUNT, "Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
