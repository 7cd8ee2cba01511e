"""CloudFormation's API: what it refuses, and with which sentence; what it shows."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import NotBuilt, ServiceError
from tests.cloudformation.cloud import TRUST, Cloud, run
from tests.support import ACCOUNT

GROUP = """
Description: One log group.
Metadata: {k: v}
Parameters:
  Days: {Type: Number, Default: 7}
  Secret: {Type: String, Default: hush, NoEcho: true}
Resources:
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !Ref Days}}
Outputs:
  Name: {Value: !Ref Logs, Description: its name}
"""
ROLE = f"Resources: {{Role: {{Type: AWS::IAM::Role, Properties: {{AssumeRolePolicyDocument: {TRUST}}}}}}}"
NAMED = ROLE.replace("Properties: {", "Properties: {RoleName: mine, ")

REFUSALS: list[tuple[str, dict[str, Any], str, str]] = [
    ("DescribeStacks", {"StackName": "no"}, "ValidationError", "Stack with id no does not exist"),
    ("ListStackResources", {"StackName": "no"}, "ValidationError", "Stack with id no does not exist"),
    ("DescribeStackEvents", {"StackName": "no"}, "ValidationError", r"Stack \[no\] does not exist"),
    ("GetTemplate", {"StackName": "no"}, "ValidationError", "Stack with id no does not exist"),
    ("GetTemplate", {}, "ValidationError", "StackName is required if ChangeSetName is not specified."),
    ("GetTemplate", {"ChangeSetName": "c"}, "ValidationError", "StackName is a required parameter."),
    (
        "DescribeStackResource",
        {"StackName": "no", "LogicalResourceId": "x"},
        "ValidationError",
        "Stack 'no' does not exist",
    ),
    (
        "DescribeStackResource",
        {"StackName": "s", "LogicalResourceId": "Nope"},
        "ValidationError",
        "Resource Nope does not exist for stack s",
    ),
    ("DeleteChangeSet", {"StackName": "no", "ChangeSetName": "c"}, "ValidationError", r"Stack \[no\] does not exist"),
    (
        "DeleteChangeSet",
        {"ChangeSetName": "c"},
        "ValidationError",
        "StackName must be specified if ChangeSetName is not specified as an ARN.",
    ),
    (
        "DescribeChangeSet",
        {"StackName": "s", "ChangeSetName": "c"},
        "ChangeSetNotFound",
        r"ChangeSet \[c\] does not exist",
    ),
    ("CreateStack", {"StackName": "s", "TemplateBody": GROUP}, "AlreadyExistsException", r"Stack \[s\] already exists"),
    (
        "CreateStack",
        {"StackName": "*@_$", "TemplateBody": GROUP},
        "ValidationError",
        r"Value '\*@_\$' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern",
    ),
    ("CreateStack", {"StackName": "n"}, "ValidationError", "Either Template URL or Template Body must be specified."),
    (
        "CreateStack",
        {"StackName": "n", "TemplateURL": "https://example.com/a/b"},
        "ValidationError",
        "TemplateURL must be a supported URL.",
    ),
    (
        "CreateStack",
        {"StackName": "n", "TemplateBody": ROLE},
        "InsufficientCapabilitiesException",
        r"Requires capabilities : \[CAPABILITY_IAM\]",
    ),
    (
        "CreateStack",
        {"StackName": "n", "TemplateBody": NAMED, "Capabilities": ["CAPABILITY_IAM"]},
        "InsufficientCapabilitiesException",
        r"Requires capabilities : \[CAPABILITY_NAMED_IAM\]",
    ),
    (
        "CreateChangeSet",
        {"StackName": "s", "ChangeSetName": "c", "ChangeSetType": "CREATE", "TemplateBody": GROUP},
        "ValidationError",
        r"Stack \[s\] already exists and cannot be created again with the changeSet \[c\].",
    ),
    (
        "CreateChangeSet",
        {"StackName": "no", "ChangeSetName": "c", "TemplateBody": GROUP},
        "ValidationError",
        r"Stack \[no\] does not exist",
    ),
    (
        "CreateStack",
        {"StackName": "n", "TemplateBody": GROUP, "ResourceTypes": ["AWS::EC2::*"]},
        "ValidationError",
        r"Resource type AWS::Logs::LogGroup is not allowed by parameter ResourceTypes \[AWS::EC2::\*\]",
    ),
    (
        "UpdateStack",
        {"StackName": "s", "UsePreviousTemplate": True},
        "ValidationError",
        r"No updates are to be performed\.",
    ),
    ("UpdateStack", {"StackName": "no", "TemplateBody": GROUP}, "ValidationError", r"Stack \[no\] does not exist"),
    ("ListImports", {"ExportName": "x"}, "ValidationError", "Export 'x' is not imported by any stack."),
    ("CancelUpdateStack", {"StackName": "s"}, "ValidationError", "cannot be called from current stack status"),
]


@pytest.mark.parametrize(("operation", "params", "code", "message"), REFUSALS, ids=[f"{r[0]}-{r[3]}" for r in REFUSALS])
def test_refusals(operation: str, params: dict[str, Any], code: str, message: str) -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP)
        with pytest.raises(ServiceError, match=message) as caught:
            await c.cfn(operation, **params)
        assert caught.value.code == code

    run(scenario)


def test_a_role_that_cannot_be_assumed_is_refused() -> None:
    async def scenario(c: Cloud) -> None:
        role = f"arn:aws:iam::{ACCOUNT}:role/none"
        with pytest.raises(ServiceError, match=r"Role .*role/none is invalid or cannot be assumed"):
            await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP, RoleARN=role)

    run(scenario)


def test_a_stack_is_made_as_its_role() -> None:
    trust = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",'
        '"Principal":{"Service":"cloudformation.amazonaws.com"}}}'
    )

    async def scenario(c: Cloud) -> None:
        made = (await c.call("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument=trust))["Role"]
        await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP, RoleARN=made["Arn"])
        assert (await c.stack())["StackStatus"] == "ROLLBACK_COMPLETE"
        (failure,) = await c.failures()
        assert "assumed-role/r/AWSCloudFormation is not authorized to perform: logs:CreateLogGroup" in failure
        await c.call("iam", "DeleteRole", RoleName="r")
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.stack())["StackStatus"] == "DELETE_FAILED"
        assert (await c.stack())["StackStatusReason"] == f"Role {made['Arn']} is invalid or cannot be assumed"

    run(scenario)


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"TimeoutInMinutes": 5}, "TimeoutInMinutes"),
        ({"NotificationARNs": ["arn:aws:sns:us-east-1:000000000000:t"]}, "NotificationARNs"),
        ({"StackPolicyBody": "{}"}, "StackPolicyBody"),
    ],
)
def test_parameters_without_effect_are_refused_by_name(params: dict[str, Any], name: str) -> None:
    async def scenario(c: Cloud) -> None:
        with pytest.raises(NotBuilt, match=name):
            await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP, **params)

    run(scenario)


def test_a_stack_is_shown_as_aws_shows_it() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP, Tags=[{"Key": "team", "Value": "blue"}])
        stack = await c.stack()
        name = stack["Outputs"][0]["OutputValue"]
        assert name.startswith("s-Logs-")
        times = {key: stack.pop(key) for key in ("CreationTime", "StackId")}
        assert stack == {
            "StackName": "s",
            "StackStatus": "CREATE_COMPLETE",
            "Description": "One log group.",
            "Parameters": [
                {"ParameterKey": "Days", "ParameterValue": "7"},
                {"ParameterKey": "Secret", "ParameterValue": "****"},
            ],
            "Outputs": [{"OutputKey": "Name", "OutputValue": name, "Description": "its name"}],
            "RollbackConfiguration": {},
            "DisableRollback": False,
            "NotificationARNs": [],
            "Tags": [{"Key": "team", "Value": "blue"}],
            "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
            "EnableTerminationProtection": False,
        }
        resource = (await c.cfn("DescribeStackResources", PhysicalResourceId=name))["StackResources"][0]
        assert resource.pop("Timestamp") >= times["CreationTime"]
        assert resource == {
            "StackName": "s",
            "StackId": times["StackId"],
            "LogicalResourceId": "Logs",
            "PhysicalResourceId": name,
            "ResourceType": "AWS::Logs::LogGroup",
            "ResourceStatus": "CREATE_COMPLETE",
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }

    run(scenario)


def test_templates_are_given_back_and_described() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP)
        found = await c.cfn("GetTemplate", StackName="s", TemplateStage="Processed")
        assert found == {"TemplateBody": GROUP, "StagesAvailable": ["Original", "Processed"]}
        summary = await c.cfn("GetTemplateSummary", StackName="s")
        assert summary["ResourceTypes"] == ["AWS::Logs::LogGroup"]
        assert summary["Metadata"] == '{"k":"v"}'
        assert summary["Parameters"][1] == {
            "ParameterKey": "Secret",
            "ParameterType": "String",
            "DefaultValue": "****",
            "NoEcho": True,
            "ParameterConstraints": {},
        }
        valid = await c.cfn("ValidateTemplate", TemplateBody=ROLE)
        assert valid["Capabilities"] == ["CAPABILITY_IAM"]
        assert valid["CapabilitiesReason"] == "The following resource(s) require capabilities: [AWS::IAM::Role]"

    run(scenario)


def test_a_template_may_come_from_a_bucket() -> None:
    async def scenario(c: Cloud) -> None:
        await c.call("s3", "CreateBucket", Bucket="templates")
        await c.call("s3", "PutObject", Bucket="templates", Key="a/b.yaml", Body=GROUP.encode())
        for number, url in enumerate(
            (
                "https://s3.amazonaws.com/templates/a/b.yaml",
                "https://templates.s3.us-east-1.amazonaws.com/a/b.yaml",
                "http://127.0.0.1:4566/templates/a%2Fb.yaml",
            )
        ):
            await c.cfn("CreateStack", StackName=f"s{number}", TemplateURL=url)
            assert (await c.stack(f"s{number}"))["StackStatus"] == "CREATE_COMPLETE"
        with pytest.raises(ServiceError, match="S3 error"):
            await c.cfn("CreateStack", StackName="n", TemplateURL="https://s3.amazonaws.com/templates/none")

    run(scenario)


def test_a_repeated_request_with_its_token_makes_one_stack() -> None:
    async def scenario(c: Cloud) -> None:
        given = {"StackName": "s", "TemplateBody": GROUP, "ClientRequestToken": "t"}
        assert await c.cfn("CreateStack", **given) == await c.cfn("CreateStack", **given)
        events = (await c.cfn("DescribeStackEvents", StackName="s"))["StackEvents"]
        assert {event["ClientRequestToken"] for event in events} == {"t"}

    run(scenario)


def test_a_protected_stack_cannot_be_deleted() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP, EnableTerminationProtection=True)
        with pytest.raises(ServiceError, match=r"Stack \[s\] cannot be deleted while TerminationProtection is enabled"):
            await c.cfn("DeleteStack", StackName="s")
        await c.cfn("UpdateTerminationProtection", StackName="s", EnableTerminationProtection=False)
        await c.cfn("DeleteStack", StackName="s")
        assert [s["StackStatus"] for s in (await c.cfn("ListStacks"))["StackSummaries"]] == ["DELETE_COMPLETE"]
        assert (await c.cfn("DescribeStacks"))["Stacks"] == []

    run(scenario)


def test_previous_values_are_kept_when_asked() -> None:
    async def scenario(c: Cloud) -> None:
        given = [{"ParameterKey": "Days", "ParameterValue": "14"}]
        await c.cfn("CreateStack", StackName="s", TemplateBody=GROUP, Parameters=given)
        kept = [{"ParameterKey": "Days", "UsePreviousValue": True}, {"ParameterKey": "Secret", "ParameterValue": "x"}]
        template = GROUP.replace("its name", "the name")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=template, Parameters=kept)
        stack = await c.stack()
        assert stack["StackStatus"] == "UPDATE_COMPLETE"
        assert stack["Parameters"][0]["ParameterValue"] == "14"
        assert stack["Outputs"][0]["Description"] == "the name"

    run(scenario)


def test_a_stack_does_only_what_its_caller_may() -> None:
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"cloudformation:*","Resource":"*"}}'

    async def scenario(c: Cloud) -> None:
        user = (await c.call("iam", "CreateUser", UserName="u"))["User"]
        await c.call("iam", "PutUserPolicy", UserName="u", PolicyName="p", PolicyDocument=policy)
        caller = Caller(kind=Principal.USER, account=ACCOUNT, arn=user["Arn"], user_id=user["UserId"])
        await c.call("cloudformation", "CreateStack", caller, StackName="s", TemplateBody=GROUP)
        assert (await c.stack())["StackStatus"] == "ROLLBACK_COMPLETE"
        (failure,) = await c.failures()
        assert "logs:CreateLogGroup" in failure
        assert "HandlerErrorCode: AccessDenied" in failure
        role = f"arn:aws:iam::{ACCOUNT}:role/r"
        with pytest.raises(ServiceError, match="iam:PassRole"):
            await c.call("cloudformation", "CreateStack", caller, StackName="t", TemplateBody=GROUP, RoleARN=role)

    run(scenario)


NESTED = (
    "Resources: {Inner: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: https://s3.amazonaws.com/a/b}}}"
)


def test_a_change_set_includes_nested_stacks_where_there_are_none() -> None:
    async def scenario(c: Cloud) -> None:
        given: dict[str, Any] = {"ChangeSetName": "c", "ChangeSetType": "CREATE", "IncludeNestedStacks": True}
        await c.cfn("CreateChangeSet", StackName="s", TemplateBody=GROUP, **given)
        shown = await c.cfn("DescribeChangeSet", StackName="s", ChangeSetName="c")
        assert (shown["Status"], shown["IncludeNestedStacks"]) == ("CREATE_COMPLETE", True)
        with pytest.raises(NotBuilt, match="IncludeNestedStacks"):
            await c.cfn("CreateChangeSet", StackName="n", TemplateBody=NESTED, **given)

    run(scenario)
