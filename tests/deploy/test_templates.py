"""Whole templates: structure, names, parameters, transforms, capabilities."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.deploy import Prepared, Proposal
from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.deploy.prepare import prepare, summarize
from lambent.deploy.template import schema

QUEUE = "{Type: AWS::SQS::Queue}"


def prepared(body: str, **parameters: str) -> Prepared:
    proposal = Proposal(
        body=body, parameters=parameters, account="000000000000", region="us-east-1", stack_name="s", stack_id="arn:s"
    )
    return prepare(proposal, lambda type_name: type_name != "AWS::SNS::Topic")


REFUSED = [
    ("A: 1", r"Template format error: Invalid template property or properties \[A\]"),
    (
        f"Globals: {{Function: {{Timeout: 5}}}}\nResources: {{A: {QUEUE}}}",
        r"Template format error: Invalid template property or properties \[Globals\]",
    ),
    ("Resources: {}", "Template format error: At least one Resources member must be defined."),
    ("Outputs: {}", "Template format error: At least one Resources member must be defined."),
    ("Resources: {A: text}", "Template format error: Any Resources member must be an object."),
    ("Resources: {A: {}}", r"\[/Resources/A\] Every Resources object must contain a Type member."),
    (f"Resources: {{my-bad-id: {QUEUE}}}", "Template format error: Resource name my-bad-id is non alphanumeric."),
    ("Resources: {A: {Type: AWS::Foo::Bar}}", r"Unrecognized resource types: \[AWS::Foo::Bar\]"),
    ("Resources: {A: {Type: AWS::SNS::Topic}}", r"not built these resource types yet: \[AWS::SNS::Topic\]"),
    (
        "Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Nope}}}",
        r"Template format error: Unresolved resource dependencies \[Nope\] in the Resources block of the template",
    ),
    (
        "Resources: {A: {Type: AWS::SQS::Queue, DependsOn: Nope}}",
        r"Template format error: Unresolved resource dependencies \[Nope\] in the Resources block of the template",
    ),
    (
        f"Resources: {{A: {QUEUE}}}\nOutputs: {{X: {{Value: !Ref Nope}}}}",
        r"Unresolved resource dependencies \[Nope\] in the Outputs block of the template",
    ),
    (
        "Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt Nope.Arn}}}",
        "Template error: instance of Fn::GetAtt references undefined resource Nope",
    ),
    (
        "Resources:\n  A: {Type: AWS::SQS::Queue, DependsOn: B}\n  B: {Type: AWS::SQS::Queue, DependsOn: A}\n"
        "  C: {Type: AWS::SQS::Queue, DependsOn: A}",
        r"Circular dependency between resources: \[A, B\]",
    ),
    (
        f"Resources: {{A: {QUEUE}}}\nOutputs: {{X: {{Value: null}}}}",
        r"\[/Outputs/X/Value\] 'null' values are not allowed",
    ),
    (f"Resources: {{A: {QUEUE}}}\nOutputs: {{X: {{}}}}", "Every Outputs member must contain a Value object"),
    ("Resources: {A: {Type: AWS::SQS::Queue, Condition: Nope}}", "unresolved condition dependency Nope"),
    (
        f"Conditions: {{Nay: !Equals [a, b]}}\nResources: {{A: {{Type: AWS::SQS::Queue, Condition: Nay}}, B: {QUEUE}}}"
        "\n"
        "Outputs: {X: {Value: !Ref A}}",
        r"Unresolved resource dependencies \[A\] in the Outputs block",
    ),
    (f"AWSTemplateFormatVersion: 2009\nResources: {{A: {QUEUE}}}", "version is unsupported"),
    (f"Transform: {{}}\nResources: {{A: {QUEUE}}}", "Key Name of transform definition must be a string."),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=range(len(REFUSED)))
def test_a_wrong_template_is_refused_with_the_sentence_of_aws(body: str, message: str) -> None:
    with pytest.raises(ServiceError, match=message) as caught:
        prepared(body)
    assert caught.value.code == "ValidationError"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (f"Transform: Mine\nResources: {{A: {QUEUE}}}", "Mine"),
        (
            "Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Transform {Name: AWS::Include}}}}",
            "AWS::Include",
        ),
        ("Resources: {A: {Type: AWS::SQS::Queue, Properties: {QueueName: '{{resolve:ssm:x}}'}}}", "ssm"),
        (f"Rules: {{R: {{}}}}\nResources: {{A: {QUEUE}}}", "Rules"),
    ],
)
def test_what_is_not_built_is_named(body: str, name: str) -> None:
    with pytest.raises(NotBuilt, match=name):
        prepared(body)


def with_parameter(**declared: Any) -> str:
    return json.dumps(
        {"Parameters": {"P": {"Type": "String", **declared}}, "Resources": {"A": {"Type": "AWS::SQS::Queue"}}}
    )


PARAMETERS = [
    ({}, None, r"Parameters: \[P\] must have values"),
    ({"Type": "Number"}, "x", "Parameter 'P' must be a number."),
    ({"Type": "Number", "MinValue": 5}, "4", "must be a number not less than 5"),
    ({"Type": "Number", "MaxValue": 5}, "6", "must be a number not greater than 5"),
    ({"AllowedValues": ["a", "b"]}, "c", "Parameter 'P' must be one of AllowedValues"),
    ({"AllowedPattern": "[a-z]+"}, "A", r"Parameter 'P' must match pattern \[a-z\]\+"),
    ({"AllowedPattern": "[a-z]+", "ConstraintDescription": "low"}, "A", "P failed to satisfy constraint: low"),
    ({"AllowedPattern": "(a|aa)+[bc]"}, "a" * 60 + "d", "takes too long"),
    ({"AllowedPattern": "(a"}, "a", "is not valid"),
    ({"MinLength": 2}, "a", "must contain at least 2 characters"),
    ({"MaxLength": "1"}, "ab", "must contain at most 1 characters"),
    ({"Type": "List<Number>"}, "1,x", "must be a number"),
    ({"Type": "Nope"}, "1", "Unrecognized parameter type: Nope"),
]


@pytest.mark.parametrize(("declared", "value", "message"), PARAMETERS, ids=[m for _, _, m in PARAMETERS])
def test_parameters_are_checked(declared: dict[str, Any], value: str | None, message: str) -> None:
    with pytest.raises(ServiceError, match=message):
        prepared(with_parameter(**declared), **({"P": value} if value is not None else {}))


def test_parameters_that_the_template_lacks_are_refused() -> None:
    with pytest.raises(ServiceError, match=r"Parameters: \[X\] do not exist in the template"):
        prepared(with_parameter(Default="a"), X="1")


def test_parameters_of_other_services_are_not_built() -> None:
    with pytest.raises(NotBuilt, match="AWS::SSM::Parameter::Value<String>"):
        prepared(with_parameter(Type="AWS::SSM::Parameter::Value<String>", Default="/a"))


def test_loops_are_unrolled() -> None:
    body = """
    Transform: AWS::LanguageExtensions
    Parameters: {Names: {Type: CommaDelimitedList, Default: "a, b-c"}}
    Resources:
      Fn::ForEach::Queues:
        - Name
        - !Ref Names
        - Queue&{Name}: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "q-${Name}"}}
    """
    resources = json.loads(prepared(body).processed)["Resources"]
    assert resources["Queuebc"]["Properties"] == {"QueueName": {"Fn::Sub": "q-b-c"}}
    assert resources.keys() == {"Queuea", "Queuebc"}


SERVERLESS = """
Transform: AWS::Serverless-2016-10-31
Resources:
  F:
    Type: AWS::Serverless::Function
    Properties: {Runtime: python3.11, Handler: index.handler, InlineCode: "x", Policies: [AWSLambdaExecute]}
Outputs:
  Role: {Value: !GetAtt FRole.Arn}
"""


@pytest.mark.slow
def test_a_serverless_template_is_expanded() -> None:
    found = prepared(SERVERLESS)
    assert not found.failure
    resources = json.loads(found.processed)["Resources"]
    assert {name: r["Type"] for name, r in resources.items()} == {
        "F": "AWS::Lambda::Function",
        "FRole": "AWS::IAM::Role",
    }
    assert "arn:aws:iam::aws:policy/AWSLambdaExecute" in resources["FRole"]["Properties"]["ManagedPolicyArns"]
    assert found.capabilities == ("CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND")


@pytest.mark.slow
def test_a_serverless_template_that_cannot_be_expanded_says_why() -> None:
    found = prepared(SERVERLESS.replace("Handler: index.handler, ", ""))
    assert found.failure.startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document."
    )
    assert "Runtime and Handler needs to be present" in found.failure


def test_a_summary_tells_types_parameters_and_capabilities() -> None:
    role = "{Type: AWS::IAM::Role, Properties: {RoleName: r, AssumeRolePolicyDocument: {}}}"
    found = summarize(
        f"Description: d\nMetadata: {{k: v}}\nParameters: {{P: {{Type: String}}}}\nResources: {{R: {role}}}"
    )
    assert found.resources == (("R", "AWS::IAM::Role"),)
    assert found.capabilities == ("CAPABILITY_NAMED_IAM",)
    assert found.capabilities_reason == "The following resource(s) require capabilities: [AWS::IAM::Role]"
    assert (found.description, found.metadata, found.parameters[0].key) == ("d", '{"k":"v"}', "P")


def test_properties_are_coerced_and_checked_by_the_schema() -> None:
    given = {"Code": {"ZipFile": "x"}, "Role": "arn:aws:iam::000000000000:role/r", "Timeout": "3", "Description": 5}
    found = schema.conform("AWS::Lambda::Function", given)
    assert (found["Timeout"], found["Description"]) == (3, "5")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "The property {/Code} is required; The property {/Role} is required"),
        ({"Code": {}, "Role": "arn:aws:iam::000000000000:role/r", "Foo": 1}, "unsupported properties in {/}: [Foo]"),
        ({"Code": {"Foo": 1}, "Role": "arn:aws:iam::000000000000:role/r"}, "unsupported properties in {/Code}: [Foo]"),
        (
            {"Code": {}, "Role": "arn:aws:iam::000000000000:role/r", "Timeout": "x"},
            "{/Timeout} does not match type {Integer}",
        ),
        (
            {"Code": {}, "Role": "arn:aws:iam::000000000000:role/r", "PackageType": "Jar"},
            "{/PackageType} must be one of",
        ),
        ({"Code": {}, "Role": "arn:aws:iam::000000000000:role/r", "Arn": "x"}, "unsupported properties in {/}: [Arn]"),
        ({"Code": {}, "Role": "nonsense"}, "{/Role} does not match pattern"),
    ],
)
def test_property_problems_name_the_property(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(schema.PropertyProblem) as caught:
        schema.conform("AWS::Lambda::Function", given)
    assert problem in str(caught.value)


def test_what_forces_a_replacement_comes_from_the_schema() -> None:
    assert schema.replaced_by("AWS::Lambda::Function", {"FunctionName": "a"}, {"FunctionName": "b"}) == ["FunctionName"]
    assert schema.replaced_by("AWS::Lambda::Function", {"Timeout": 1}, {"Timeout": 2}) == []


FUNCTIONS = [
    "Ref",
    "Condition",
    "Fn::GetAtt",
    "Fn::Sub",
    "Fn::Join",
    "Fn::Select",
    "Fn::Split",
    "Fn::If",
    "Fn::FindInMap",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::GetAZs",
    "Fn::ImportValue",
    "Fn::And",
    "Fn::Or",
    "Fn::Not",
    "Fn::Equals",
    "Fn::Length",
    "Fn::ToJsonString",
    "Fn::ForEach::X",
    "Fn::Transform",
]
LEAVES = st.sampled_from(
    ["A", "P", "C", "M", "A.Arn", "${A}", "${P.x}", "AWS::Region", "AWS::NoValue", "", "-", 0, 1, -1, 1.5, True, None]
)
ANY = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["A", "k", *FUNCTIONS]), inner, max_size=2)
        | st.builds(lambda name, argument: {name: argument}, st.sampled_from(FUNCTIONS), inner)
    ),
    max_leaves=12,
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "Resources": st.fixed_dictionaries(
            {
                "A": st.fixed_dictionaries(
                    {"Type": st.just("AWS::SQS::Queue"), "Properties": st.fixed_dictionaries({"QueueName": ANY})}
                )
            }
        )
        | ANY
    },
    optional={
        "Conditions": st.fixed_dictionaries({"C": ANY}),
        "Mappings": st.just({"M": {"A": {"k": "v"}}}),
        "Parameters": st.just({"P": {"Type": "String", "Default": "p"}}),
        "Outputs": st.fixed_dictionaries({"O": st.fixed_dictionaries({"Value": ANY})}) | ANY,
        "Transform": st.just("AWS::LanguageExtensions"),
    },
)


@pytest.mark.slow
@settings(max_examples=600)
@given(DOCUMENTS)
def test_any_template_is_prepared_or_refused(document: dict[str, Any]) -> None:
    try:
        found = prepared(json.dumps(document))
    except ServiceError:
        return
    assert json.loads(found.processed)["Resources"]


@pytest.mark.slow
def test_what_all_serverless_functions_share_is_given_to_each() -> None:
    body = """
        Transform: AWS::Serverless-2016-10-31
        Globals: {Function: {Runtime: python3.11, Timeout: 17, CodeUri: s3://b/k, Handler: a.b}}
        Resources: {F: {Type: AWS::Serverless::Function}}
    """
    found = json.loads(prepared(body).processed)
    assert "Globals" not in found
    assert found["Resources"]["F"]["Properties"]["Timeout"] == 17
    assert found["Resources"]["F"]["Properties"]["Runtime"] == "python3.11"
