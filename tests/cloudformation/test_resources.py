"""The built resource types, on the services themselves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.deploy import custom_resource_response
from tests.cloudformation.cloud import TRUST, Cloud, run

IAM = f"""
Parameters: {{Action: {{Type: String, Default: "s3:GetObject"}}}}
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {TRUST}
      ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]
      Policies: [{{PolicyName: P, PolicyDocument: &none {{}}}}]
  Managed:
    Type: AWS::IAM::ManagedPolicy
    Properties: {{Roles: [!Ref Role], PolicyDocument: DOCUMENT}}
  Inline: {{Type: AWS::IAM::Policy, Properties: {{PolicyName: x, Roles: [!Ref Role], PolicyDocument: DOCUMENT}}}}
  User: {{Type: AWS::IAM::User, Properties: {{Groups: [!Ref Group]}}}}
  Group: {{Type: AWS::IAM::Group}}
  Key: {{Type: AWS::IAM::AccessKey, Properties: {{UserName: !Ref User}}}}
  Profile: {{Type: AWS::IAM::InstanceProfile, Properties: {{Roles: [!Ref Role]}}}}
  Added: {{Type: AWS::IAM::UserToGroupAddition, Properties: {{GroupName: !Ref Group, Users: [!Ref User]}}}}
Outputs:
  Role: {{Value: !Ref Role}}
  Managed: {{Value: !Ref Managed}}
  Secret: {{Value: !GetAtt Key.SecretAccessKey}}
""".replace("&none {}", "DOCUMENT").replace(
    "DOCUMENT", '{Version: "2012-10-17", Statement: [{Effect: Allow, Action: !Ref Action, Resource: "*"}]}'
)


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


async def created(c: Cloud, template: str, **params: Any) -> dict[str, Any]:
    await c.cfn("CreateStack", StackName="s", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"], **params)
    assert await c.failures() == []
    return await c.stack()


def test_iam() -> None:
    async def scenario(c: Cloud) -> None:
        found = outputs(await created(c, IAM, Tags=[{"Key": "team", "Value": "blue"}]))
        role = (await c.call("iam", "GetRole", RoleName=found["Role"]))["Role"]
        assert role["Tags"] == [{"Key": "team", "Value": "blue"}]
        attached = (await c.call("iam", "ListAttachedRolePolicies", RoleName=found["Role"]))["AttachedPolicies"]
        assert {policy["PolicyArn"] for policy in attached} == {
            found["Managed"],
            "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        }
        assert sorted((await c.call("iam", "ListRolePolicies", RoleName=found["Role"]))["PolicyNames"]) == ["P", "x"]
        changed = [{"ParameterKey": "Action", "ParameterValue": "s3:PutObject"}]
        capabilities = ["CAPABILITY_IAM"]
        await c.cfn(
            "UpdateStack", StackName="s", UsePreviousTemplate=True, Parameters=changed, Capabilities=capabilities
        )
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        policy = (await c.call("iam", "GetPolicy", PolicyArn=found["Managed"]))["Policy"]
        assert policy["DefaultVersionId"] == "v2"
        await c.cfn("DeleteStack", StackName="s")
        with pytest.raises(ServiceError, match="does not exist"):
            await c.stack()
        assert (await c.call("iam", "ListRoles"))["Roles"] == []
        assert (await c.call("iam", "ListUsers"))["Users"] == []

    run(scenario)


STORAGE = """
Parameters: {Status: {Type: String, Default: Enabled}}
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true}
      VersioningConfiguration: {Status: !Ref Status}
      Tags: [{Key: a, Value: b}]
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Deny, Principal: "*", Action: "s3:GetObject", Resource: !Sub "${Bucket.Arn}/*"}]
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: "14"}}
  Stream: {Type: AWS::Logs::LogStream, Properties: {LogGroupName: !Ref Logs}}
Outputs:
  Bucket: {Value: !Ref Bucket}
"""


def test_buckets_and_logs() -> None:
    async def scenario(c: Cloud) -> None:
        bucket = outputs(await created(c, STORAGE))["Bucket"]
        assert bucket == bucket.lower()
        assert (await c.call("s3", "GetBucketVersioning", Bucket=bucket))["Status"] == "Enabled"
        assert (await c.call("logs", "DescribeLogGroups"))["logGroups"][0]["retentionInDays"] == 14
        policy = json.loads((await c.call("s3", "GetBucketPolicy", Bucket=bucket))["Policy"])
        assert policy["Statement"][0]["Resource"] == f"arn:aws:s3:::{bucket}/*"
        await c.call("s3", "PutObject", Bucket=bucket, Key="k", Body=b"x")
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.stack())["StackStatus"] == "DELETE_FAILED"
        assert "The bucket you tried to delete is not empty" in (await c.failures())[-1]

    run(scenario)


def test_a_bucket_that_exists_is_not_taken_over() -> None:
    template = "Resources: {Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: taken}}}"

    async def scenario(c: Cloud) -> None:
        await c.call("s3", "CreateBucket", Bucket="taken")
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        assert await c.failures() == ["Bucket: taken already exists"]
        assert [b["Name"] for b in (await c.call("s3", "ListBuckets"))["Buckets"]] == ["taken"]

    run(scenario)


FUNCTION = f"""
Resources:
  Role: {{Type: AWS::IAM::Role, Properties: {{AssumeRolePolicyDocument: {TRUST}}}}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: "10"
      Code: {{ZipFile: "def handler(event, context): return 1"}}
      Environment: {{Variables: {{LEVEL: 5}}}}
"""
VERSIONED = (
    FUNCTION
    + """
  Version: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Function}}
  Alias:
    Type: AWS::Lambda::Alias
    Properties: {FunctionName: !Ref Function, FunctionVersion: !GetAtt Version.Version, Name: live}
  Permission:
    Type: AWS::Lambda::Permission
    Properties:
      FunctionName: !Ref Alias
      Action: lambda:InvokeFunction
      Principal: s3.amazonaws.com
      SourceAccount: !Ref AWS::AccountId
Outputs: {Alias: {Value: !Ref Alias}, Name: {Value: !Ref Function}}
"""
)
CUSTOM = (
    FUNCTION
    + """
  Thing: {Type: Custom::Thing, Properties: {ServiceToken: !GetAtt Function.Arn, Size: 5}}
Outputs: {Said: {Value: !GetAtt Thing.Said}, Id: {Value: !Ref Thing}}
"""
)


def test_functions() -> None:
    async def scenario(c: Cloud) -> None:
        found = outputs(await created(c, VERSIONED))
        assert found["Alias"].endswith(":live")
        configuration = await c.call("lambda", "GetFunctionConfiguration", FunctionName=found["Name"])
        assert configuration["Timeout"] == 10
        assert configuration["Environment"]["Variables"] == {"LEVEL": "5"}
        changed = VERSIONED.replace("LEVEL: 5", "LEVEL: 6").replace('      Timeout: "10"\n', "")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed, Capabilities=["CAPABILITY_IAM"])
        assert await c.failures() == []
        configuration = await c.call("lambda", "GetFunctionConfiguration", FunctionName=found["Name"])
        assert configuration["Timeout"] == 3
        assert configuration["Environment"]["Variables"] == {"LEVEL": "6"}
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("lambda", "ListFunctions"))["Functions"] == []

    run(scenario)


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED"])
def test_a_custom_resource_is_made_by_its_function(status: str) -> None:
    asked: list[dict[str, Any]] = []

    async def scenario(c: Cloud) -> None:
        async def answer(payload: bytes) -> None:
            event = json.loads(payload)
            asked.append(event)
            token = event["ResponseURL"].rsplit("/", 1)[1]
            body = {"Status": status, "Reason": "so", "PhysicalResourceId": "thing-1", "Data": {"Said": "hello"}}
            if event["RequestType"] == "Delete":
                body["Status"] = "SUCCESS"
            encoded = json.dumps(body).encode()
            assert await custom_resource_response(c.cloud, "nobody", encoded) == 403
            assert await custom_resource_response(c.cloud, token, b"nonsense") == 400
            assert await custom_resource_response(c.cloud, token, b"x" * 5000) == 413
            assert await custom_resource_response(c.cloud, token, encoded) == 200
            assert await custom_resource_response(c.cloud, token, encoded) == 403

        c.compute.answer = answer
        capabilities = ["CAPABILITY_IAM"]
        await c.cloud.call(
            "cloudformation", "CreateStack", StackName="s", TemplateBody=CUSTOM, Capabilities=capabilities
        )
        await until_settled(c)
        stack = await c.stack()
        if status == "SUCCESS":
            assert stack["StackStatus"] == "CREATE_COMPLETE"
            assert outputs(stack) == {"Said": "hello", "Id": "thing-1"}
            assert asked[0]["ResourceProperties"]["Size"] == 5
        else:
            assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
            message = "Thing: Received response status [FAILED] from custom resource. Message returned: so"
            assert (await c.failures())[0].startswith(message)
            assert [event["RequestType"] for event in asked] == ["Create", "Delete"]
            assert asked[1]["PhysicalResourceId"] == "thing-1"

    run(scenario)


async def until_settled(c: Cloud) -> None:
    """Let the clock go on until the stack has come to rest: the engine looks for answers now and then."""
    for _ in range(100):
        stack = (await c.cloud.call("cloudformation", "DescribeStacks", StackName="s"))["Stacks"][0]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        for _ in range(50):
            await asyncio.sleep(0)
        c.cloud.clock.advance(200_000_000)
    await c.relay.settled()


SUBSCRIBED = (
    FUNCTION
    + """
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: source}}
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {FunctionName: !Ref Function, Action: lambda:InvokeFunction, Principal: logs.amazonaws.com}
  Filter:
    Type: AWS::Logs::SubscriptionFilter
    DependsOn: Permission
    Properties: {LogGroupName: !Ref Logs, FilterPattern: ERROR, DestinationArn: !GetAtt Function.Arn}
Outputs: {Filter: {Value: !Ref Filter}}
"""
)


def test_a_function_is_subscribed_to_a_log() -> None:
    async def scenario(c: Cloud) -> None:
        name = outputs(await created(c, SUBSCRIBED))["Filter"]
        assert name.startswith("s-Filter-")
        changed = SUBSCRIBED.replace("ERROR", "WARNING")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed, Capabilities=["CAPABILITY_IAM"])
        found = (await c.call("logs", "DescribeSubscriptionFilters", logGroupName="source"))["subscriptionFilters"]
        assert [(one["filterName"], one["filterPattern"]) for one in found] == [(name, "WARNING")]
        without = changed[: changed.index("  Filter:")]
        await c.cfn("UpdateStack", StackName="s", TemplateBody=without, Capabilities=["CAPABILITY_IAM"])
        assert await c.failures() == []
        found = (await c.call("logs", "DescribeSubscriptionFilters", logGroupName="source"))["subscriptionFilters"]
        assert found == []
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("logs", "DescribeLogGroups"))["logGroups"] == []

    run(scenario)


LOGGED = """
Resources:
  Group: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: watched}}
  Filter:
    Type: AWS::Logs::MetricFilter
    Properties:
      LogGroupName: !Ref Group
      FilterPattern: ERROR
      MetricTransformations: [{MetricName: Errors, MetricNamespace: N, MetricValue: "1"}]
  Policy:
    Type: AWS::Logs::ResourcePolicy
    Properties: {PolicyName: p, PolicyDocument: '{"Version":"2012-10-17","Statement":[]}'}
  Board: {Type: AWS::CloudWatch::Dashboard, Properties: {DashboardBody: '{"widgets":[]}'}}
Outputs:
  Filter: {Value: !Ref Filter}
  Policy: {Value: !Ref Policy}
  Board: {Value: !Ref Board}
"""


def test_what_is_put_is_put_anew_under_its_name() -> None:
    async def scenario(c: Cloud) -> None:
        names = outputs(await created(c, LOGGED))
        assert names["Policy"] == "p"
        assert names["Filter"].startswith("s-Filter-")
        assert names["Board"].startswith("s-Board-")
        changed = LOGGED.replace("ERROR", "WARNING").replace('"Statement":[]', '"Statement":[ ]').replace("[]}", "[ ]}")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        assert await c.failures() == []
        found = (await c.call("logs", "DescribeMetricFilters", logGroupName="watched"))["metricFilters"]
        assert [(one["filterName"], one["filterPattern"]) for one in found] == [(names["Filter"], "WARNING")]
        [policy] = (await c.call("logs", "DescribeResourcePolicies"))["resourcePolicies"]
        assert (policy["policyName"], policy["policyDocument"]) == ("p", '{"Version":"2012-10-17","Statement":[ ]}')
        board = await c.call("cloudwatch", "GetDashboard", DashboardName=names["Board"])
        assert board["DashboardBody"] == '{"widgets":[ ]}'
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("logs", "DescribeResourcePolicies"))["resourcePolicies"] == []
        assert (await c.call("cloudwatch", "ListDashboards"))["DashboardEntries"] == []

    run(scenario)


def test_what_the_cdk_tells_aws_is_nothing_but_a_name() -> None:
    template = "Resources: {CDKMetadata: {Type: AWS::CDK::Metadata, Properties: {Analytics: before}}}"

    async def scenario(c: Cloud) -> None:
        await created(c, template)
        await c.cfn("UpdateStack", StackName="s", TemplateBody=template.replace("before", "after"))
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        await c.cfn("DeleteStack", StackName="s")
        with pytest.raises(ServiceError, match="does not exist"):
            await c.stack()

    run(scenario)
