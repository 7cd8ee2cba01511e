"""User pools in stacks."""

from __future__ import annotations

from typing import Any

from lambent.services.cognito_idp.clients import hash_of
from tests.cloudformation.cloud import Cloud, run

TEMPLATE = """
Resources:
  Pool:
    Type: AWS::Cognito::UserPool
    Properties:
      UserPoolName: readers
      UsernameAttributes: [email]
      AutoVerifiedAttributes: [email]
      MfaConfiguration: OPTIONAL
      EnabledMfas: [SOFTWARE_TOKEN_MFA]
      Policies: {PasswordPolicy: {MinimumLength: 10}}
      Schema: [{Name: email, Required: true}, {Name: shelf, AttributeDataType: String}]
      UserPoolTags: {Department: Books}
  Client:
    Type: AWS::Cognito::UserPoolClient
    Properties:
      UserPoolId: !Ref Pool
      GenerateSecret: true
      ExplicitAuthFlows: [ALLOW_USER_PASSWORD_AUTH, ALLOW_REFRESH_TOKEN_AUTH]
      AllowedOAuthFlowsUserPoolClient: true
      AllowedOAuthFlows: [code]
      AllowedOAuthScopes: [openid, api/read]
      CallbackURLs: [http://localhost:3000/]
    DependsOn: Server
  Server:
    Type: AWS::Cognito::UserPoolResourceServer
    Properties:
      UserPoolId: !Ref Pool
      Identifier: api
      Name: API
      Scopes: [{ScopeName: read, ScopeDescription: Reading}]
  Domain:
    Type: AWS::Cognito::UserPoolDomain
    Properties: {UserPoolId: !Ref Pool, Domain: books}
  Staff:
    Type: AWS::Cognito::UserPoolGroup
    Properties: {UserPoolId: !Ref Pool, GroupName: staff, Precedence: 3}
  Anna:
    Type: AWS::Cognito::UserPoolUser
    Properties:
      UserPoolId: !Ref Pool
      Username: anna@example.com
      DesiredDeliveryMediums: [EMAIL]
      UserAttributes: [{Name: custom:shelf, Value: A1}]
  Member:
    Type: AWS::Cognito::UserPoolUserToGroupAttachment
    Properties: {UserPoolId: !Ref Pool, GroupName: !Ref Staff, Username: !Ref Anna}
Outputs:
  Pool: {Value: !Ref Pool}
  Arn: {Value: !GetAtt Pool.Arn}
  Url: {Value: !GetAtt Pool.ProviderURL}
  Name: {Value: !GetAtt Pool.ProviderName}
  Client: {Value: !Ref Client}
  ClientId: {Value: !GetAtt Client.ClientId}
  Secret: {Value: !GetAtt Client.ClientSecret}
  Domain: {Value: !Ref Domain}
"""


async def outputs(c: Cloud) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in (await c.stack()).get("Outputs", [])}


async def described(c: Cloud, pool: str) -> dict[str, Any]:
    return dict((await c.call("cognito-idp", "DescribeUserPool", UserPoolId=pool))["UserPool"])


def test_a_pool_with_all_that_belongs_to_it_is_made_changed_and_removed() -> None:
    async def scenario(c: Cloud) -> None:
        await c.cfn("CreateStack", StackName="s", TemplateBody=TEMPLATE)
        assert await c.failures() == []
        found = await outputs(c)
        pool = found["Pool"]
        assert found["Arn"] == f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{pool}"
        assert (found["Url"], found["Name"]) == (f"http://127.0.0.1:4566/{pool}", f"127.0.0.1:4566/{pool}")
        assert (found["Client"], found["Domain"]) == (found["ClientId"], "books")
        now = await described(c, pool)
        assert (now["Name"], now["Domain"], now["MfaConfiguration"]) == ("readers", "books", "OPTIONAL")
        assert now["UserPoolTags"]["Department"] == "Books"
        user = await c.call("cognito-idp", "AdminGetUser", UserPoolId=pool, Username="anna@example.com")
        assert (user["UserStatus"], user["Username"]) == ("FORCE_CHANGE_PASSWORD", user["UserAttributes"][0]["Value"])
        groups = await c.call("cognito-idp", "AdminListGroupsForUser", UserPoolId=pool, Username="anna@example.com")
        assert [one["GroupName"] for one in groups["Groups"]] == ["staff"]
        hash = hash_of(found["Secret"], "anna@example.com", found["Client"])
        assert len(hash) == 44
        changed = (
            TEMPLATE.replace("MinimumLength: 10", "MinimumLength: 12")
            .replace(
                "{Name: shelf, AttributeDataType: String}]", "{Name: shelf, AttributeDataType: String}, {Name: row}]"
            )
            .replace("http://localhost:3000/", "https://books.example.com/")
            .replace("Precedence: 3", "Precedence: 4")
        )
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        assert (await c.stack())["StackStatus"] == "UPDATE_COMPLETE"
        assert (await outputs(c)) == found
        now = await described(c, pool)
        assert now["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
        assert now["MfaConfiguration"] == "OPTIONAL"
        assert "custom:row" in [one["Name"] for one in now["SchemaAttributes"]]
        client = await c.call("cognito-idp", "DescribeUserPoolClient", UserPoolId=pool, ClientId=found["Client"])
        assert client["UserPoolClient"]["CallbackURLs"] == ["https://books.example.com/"]
        await c.cfn("DeleteStack", StackName="s")
        assert (await c.call("cognito-idp", "ListUserPools", MaxResults=10))["UserPools"] == []

    run(scenario)


def test_another_way_of_naming_users_makes_another_pool() -> None:
    async def scenario(c: Cloud) -> None:
        template = "Resources: {P: {Type: AWS::Cognito::UserPool}}\nOutputs: {Id: {Value: !Ref P}}"
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        first = (await outputs(c))["Id"]
        changed = template.replace("UserPool}", "UserPool, Properties: {UsernameAttributes: [email]}}")
        await c.cfn("UpdateStack", StackName="s", TemplateBody=changed)
        assert (await outputs(c))["Id"] != first
        assert len((await c.call("cognito-idp", "ListUserPools", MaxResults=10))["UserPools"]) == 1

    run(scenario)


def test_what_is_not_built_is_named() -> None:
    async def scenario(c: Cloud) -> None:
        properties = "{DeviceConfiguration: {ChallengeRequiredOnNewDevice: true}}"
        template = f"Resources: {{P: {{Type: AWS::Cognito::UserPool, Properties: {properties}}}}}"
        await c.cfn("CreateStack", StackName="s", TemplateBody=template)
        assert any("DeviceConfiguration" in one for one in await c.failures())

    run(scenario)
