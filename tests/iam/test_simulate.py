"""Simulations."""

from __future__ import annotations

import json

import pytest

from lambent.services.iam import texts

from .support import ARN, Iam, allow, scene

BUCKET = "arn:aws:s3:::bucket"


@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_a_principal_is_simulated(kind: str) -> None:
    async def play(iam: Iam) -> None:
        arn = (await iam("CreatePolicy", PolicyName="p", PolicyDocument=allow("s3:PutObject")))["Policy"]["Arn"]
        await iam("CreateUser", UserName="ada")
        await iam("CreateGroup", GroupName="dev")
        await iam("AddUserToGroup", GroupName="dev", UserName="ada")
        await iam.role()
        if kind == "role":
            await iam("AttachRolePolicy", RoleName="worker", PolicyArn=arn)
        else:
            await iam("AttachGroupPolicy", GroupName="dev", PolicyArn=arn)
        name = {"user": "ada", "group": "dev", "role": "worker"}[kind]
        found = await iam(
            "SimulatePrincipalPolicy",
            PolicySourceArn=f"{ARN}{kind}/{name}",
            ActionNames=["s3:PutObject", "s3:GetObjectVersion"],
            ResourceArns=[BUCKET],
        )
        assert found["IsTruncated"] is False
        first, second = found["EvaluationResults"]
        end = len(allow("s3:PutObject")) - len("]}") + 1
        matched = {
            "SourcePolicyId": "p",
            "SourcePolicyType": "IAM Policy",
            "StartPosition": {"Line": 1, "Column": 41},
            "EndPosition": {"Line": 1, "Column": end},
        }
        assert first == {
            "EvalActionName": "s3:PutObject",
            "EvalDecision": "allowed",
            "EvalDecisionDetails": {},
            "EvalResourceName": BUCKET,
            "MatchedStatements": [matched],
            "MissingContextValues": [],
            "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
            "ResourceSpecificResults": [
                {
                    "EvalResourceDecision": "allowed",
                    "EvalResourceName": BUCKET,
                    "MatchedStatements": [matched],
                    "MissingContextValues": [],
                }
            ],
        }
        assert (second["EvalDecision"], second["MatchedStatements"]) == ("implicitDeny", [])

    scene(play)


def test_custom_policies_context_and_boundary() -> None:
    async def play(iam: Iam) -> None:
        guarded = allow(Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})

        async def simulate(**more: object) -> dict[str, object]:
            found = await iam("SimulateCustomPolicy", PolicyInputList=[guarded], ActionNames=["s3:GetObject"], **more)
            result: dict[str, object] = found["EvaluationResults"][0]
            return result

        result = await simulate()
        assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:RequestedRegion"])
        assert (result["EvalResourceName"], "ResourceSpecificResults" in result) == ("*", False)
        entry = {
            "ContextKeyName": "aws:RequestedRegion",
            "ContextKeyValues": ["eu-west-1"],
            "ContextKeyType": "string",
        }
        result = await simulate(ContextEntries=[entry])
        assert (result["EvalDecision"], result["MissingContextValues"]) == ("allowed", [])
        result = await simulate(ContextEntries=[entry], PermissionsBoundaryPolicyInputList=[allow("sqs:*")])
        assert result["EvalDecision"] == "implicitDeny"
        assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
        denied = await iam(
            "SimulateCustomPolicy",
            PolicyInputList=[allow(), allow("s3:Get*", effect="Deny")],
            ActionNames=["s3:GetObject"],
        )
        (result,) = denied["EvaluationResults"]
        assert result["EvalDecision"] == "explicitDeny"
        assert [one["SourcePolicyId"] for one in result["MatchedStatements"]] == ["PolicyInputList.2"]

    scene(play)


def test_each_action_is_tried_on_each_resource() -> None:
    async def play(iam: Iam) -> None:
        found = await iam(
            "SimulateCustomPolicy",
            PolicyInputList=[allow("s3:GetObject", f"{BUCKET}/open/*")],
            ActionNames=["s3:GetObject", "s3:PutObject"],
            ResourceArns=[f"{BUCKET}/open/a", f"{BUCKET}/closed/a"],
        )
        results = [
            (one["EvalActionName"], one["EvalResourceName"].removeprefix(BUCKET), one["EvalDecision"])
            for one in found["EvaluationResults"]
        ]
        assert results == [
            ("s3:GetObject", "/open/a", "allowed"),
            ("s3:GetObject", "/closed/a", "implicitDeny"),
            ("s3:PutObject", "/open/a", "implicitDeny"),
            ("s3:PutObject", "/closed/a", "implicitDeny"),
        ]

    scene(play)


def test_results_come_in_pages() -> None:
    async def play(iam: Iam) -> None:
        actions = [f"s3:Get{number}" for number in range(5)]
        request = {"PolicyInputList": [allow()], "ActionNames": actions, "MaxItems": 3}
        first = await iam("SimulateCustomPolicy", **request)
        rest = await iam("SimulateCustomPolicy", **request, Marker=first["Marker"])
        seen = [one["EvalActionName"] for one in first["EvaluationResults"] + rest["EvaluationResults"]]
        assert (seen, rest["IsTruncated"]) == (actions, False)

    scene(play)


def test_context_keys() -> None:
    async def play(iam: Iam) -> None:
        text = allow(resource="arn:aws:s3:::${aws:username, 'x'}/*", Condition={"Bool": {"aws:SecureTransport": True}})
        found = await iam("GetContextKeysForCustomPolicy", PolicyInputList=[text, text])
        assert found == {"ContextKeyNames": ["aws:SecureTransport", "aws:username"]}
        await iam("CreateUser", UserName="ada")
        await iam("PutUserPolicy", UserName="ada", PolicyName="p", PolicyDocument=text)
        found = await iam("GetContextKeysForPrincipalPolicy", PolicySourceArn=f"{ARN}user/ada")
        assert found == {"ContextKeyNames": ["aws:SecureTransport", "aws:username"]}
        unknown = "The user with name eve cannot be found."
        await iam.refused("NoSuchEntity", unknown, "GetContextKeysForPrincipalPolicy", PolicySourceArn=f"{ARN}user/eve")

    scene(play)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("listed", [True, False])
def test_statements_are_found_in_their_text(indent: int | None, listed: bool) -> None:
    one = {"Sid": 'a"}{[', "Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}
    two = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a:b": ["true"]}}}
    statements = [one, two] if listed else [two]
    source = {"Version": "2012-10-17", "Id": "Statement", "Statement": statements if listed else two}
    text = json.dumps(source, indent=indent)
    spans = texts.statement_spans(text)
    assert [json.loads(text[span.start : span.end]) for span in spans] == statements


def test_positions_count_from_one() -> None:
    assert texts.position("ab\ncd", 0) == {"Line": 1, "Column": 1}
    assert texts.position("ab\ncd", 4) == {"Line": 2, "Column": 2}
