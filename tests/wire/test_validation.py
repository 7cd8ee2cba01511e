"""Parameters that break the model are refused with AWS's code and words."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import pytest

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import Request
from lambent.wire import Route, codec, validate
from lambent.wire.patterns import compile_pattern

ROLE = "arn:aws:iam::000000000000:role/r"
ENTRY = {"Source": "s", "DetailType": "t", "Detail": "{}"}


def refusal(service: str, operation: str, **params: Any) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        validate(service, operation, params)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "message"),
    [
        (
            "lambda",
            "ListAliases",
            {"FunctionName": "f", "FunctionVersion": "!"},
            "ValidationException",
            "1 validation error detected: Value '!' at 'functionVersion' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: (\\$LATEST(\\.PUBLISHED)?|[0-9]+)",
        ),
        (
            "lambda",
            "PutProvisionedConcurrencyConfig",
            {"FunctionName": "f", "Qualifier": "1", "ProvisionedConcurrentExecutions": 0},
            "ValidationException",
            "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy "
            "constraint: Member must have value greater than or equal to 1",
        ),
        (
            "stepfunctions",
            "ListExecutions",
            {"maxResults": 1001},
            "ValidationException",
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have "
            "value less than or equal to 1000",
        ),
        (
            "sts",
            "AssumeRole",
            {"RoleArn": ROLE, "RoleSessionName": "Session1:2"},
            "ValidationError",
            "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [\\w+=,.@-]*",
        ),
        (
            "cloudwatch",
            "SetAlarmState",
            {"AlarmName": "a", "StateValue": "INVALID", "StateReason": "r"},
            "ValidationException",
            "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must "
            "satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
        ),
        (
            "cloudformation",
            "CreateStack",
            {"StackName": "*@da591fa3_$"},
            "ValidationError",
            "1 validation error detected: Value '*@da591fa3_$' at 'stackName' failed to satisfy constraint: Member "
            "must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*",
        ),
        (
            "iam",
            "UpdateAccessKey",
            {"AccessKeyId": "A" * 20, "Status": "bogus"},
            "ValidationError",
            "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum "
            "value set",
        ),
        (
            "sns",
            "Publish",
            {"Message": "m", "MessageAttributes": {"attr1": {"StringValue": "x"}}},
            "ValidationError",
            "1 validation error detected: Value null at 'messageAttributes.attr1.member.dataType' failed to satisfy "
            "constraint: Member must not be null",
        ),
        (
            "logs",
            "DescribeLogGroups",
            {"limit": 51},
            "InvalidParameterException",
            "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: Member must have value "
            "less than or equal to 50",
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "x" * 513},
            "InvalidParameterException",
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        ),
        (
            "logs",
            "CreateLogStream",
            {"logGroupName": "x", "logStreamName": "x" * 513},
            "InvalidParameterException",
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        ),
        (
            "logs",
            "PutDeliveryDestination",
            {"name": "n", "outputFormat": "foobar"},
            "ValidationException",
            "1 validation error detected: Value 'foobar' at 'outputFormat' failed to satisfy constraint: Member must "
            "satisfy enum value set: [w3c, raw, json, plain, parquet]",
        ),
        (
            "apigateway",
            "CreateRestApi",
            {"name": "n", "endpointConfiguration": {"types": ["wrong"], "ipAddressType": "wrong"}},
            "ValidationException",
            "2 validation errors detected: Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed "
            "to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, "
            "EDGE, REGIONAL]]; Value 'wrong' at 'createRestApiInput.endpointConfiguration.ipAddressType' failed to "
            "satisfy constraint: Member must satisfy enum value set: [ipv4, dualstack]",
        ),
        (
            "apigateway",
            "CreateRestApi",
            {"name": "n", "endpointConfiguration": {"types": ["wrong"], "ipAddressType": ""}},
            "ValidationException",
            "1 validation error detected: Value '[wrong]' at 'createRestApiInput.endpointConfiguration.types' failed "
            "to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, "
            "EDGE, REGIONAL]]",
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "VpcConfig": {"SecurityGroupIds": ["<sg>"]}},
            "ValidationException",
            "1 validation error detected: Value '[<sg>]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
            "length greater than or equal to 0, Member must satisfy regular expression pattern: sg-[0-9a-zA-Z]*]",
        ),
        (
            "lambda",
            "ListLayers",
            {"CompatibleArchitecture": "archdoesnotexist"},
            "ValidationException",
            "1 validation error detected: Value 'archdoesnotexist' at 'compatibleArchitecture' failed to satisfy "
            "constraint: Member must satisfy enum value set: [x86_64, arm64]",
        ),
    ],
)
def test_words_and_codes_are_those_that_aws_was_heard_to_use(
    service: str, operation: str, params: dict[str, Any], code: str, message: str
) -> None:
    assert refusal(service, operation, **params) == (code, message)


def test_cloudwatch_names_what_is_broken_as_each_protocol_does() -> None:
    with pytest.raises(ServiceError) as caught:
        validate("cloudwatch", "SetAlarmState", {"AlarmName": "a", "StateValue": "INVALID", "StateReason": "r"})
    error = caught.value
    request = Request("POST", "/")
    cbor = codec(Route("cloudwatch", "SetAlarmState", "smithy-rpc-v2-cbor")).serialize_error(error, "1", request)
    assert isinstance(cbor.body, bytes)
    assert cbor2.loads(cbor.body)["__type"] == "com.amazon.coral.validate#ValidationException"
    assert ("x-amzn-query-error", "ValidationError;Sender") in cbor.headers
    query = codec(Route("cloudwatch", "SetAlarmState", "query")).serialize_error(error, "1", request)
    assert isinstance(query.body, bytes)
    assert b"<Code>ValidationError</Code>" in query.body


def test_cognito_has_its_own_name_for_it_and_shows_no_secrets() -> None:
    must = "failed to satisfy constraint: Member must satisfy regular expression pattern: "
    code, found = refusal("cognito-idp", "SignUp", ClientId="a", Username="a b", Password="Passw0rd!")
    assert code == "InvalidParameterException"
    assert (
        found == f"1 validation error detected: Value at 'username' {must}[\\p{{L}}\\p{{M}}\\p{{S}}\\p{{N}}\\p{{P}}]+"
    )
    _, found = refusal("cognito-idp", "SignUp", ClientId="a-b", Username="a", Password="Passw0rd!")
    assert found == f"1 validation error detected: Value 'a-b' at 'clientId' {must}[\\w+]+"
    _, found = refusal("cognito-idp", "ListUsers", Limit=1)
    assert found.endswith("Value null at 'userPoolId' failed to satisfy constraint: Member must not be null")


def test_every_broken_constraint_is_named_pattern_before_length() -> None:
    _, message = refusal("events", "CreateConnection", Name="a b" * 30, AuthorizationType="X", AuthParameters={})
    first, second, third = message.split("; ")
    assert first.startswith("3 validation errors detected: Value 'a ba b")
    assert first.endswith("pattern: [\\.\\-_A-Za-z0-9]+")
    assert second.endswith("Member must have length less than or equal to 64")
    assert third.startswith("Value 'X' at 'authorizationType' failed")


def test_a_structure_is_shown_with_every_member() -> None:
    _, message = refusal("events", "PutEvents", Entries=[ENTRY] * 11)
    assert message.startswith(
        "1 validation error detected: Value '[PutEventsRequestEntry(time=null, source=s, resources=null, detailType=t, "
        "detail={}, eventBusName=null,"
    )
    assert message.endswith(
        "at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"
    )


def test_a_path_leads_through_lists_and_structures() -> None:
    key = {"TagKey": "k", "TagValue": "v" * 257}
    _, message = refusal("kms", "TagResource", KeyId="k", Tags=[key])
    assert "at 'tags.1.member.tagValue' failed to satisfy constraint: Member must have length less" in message


def test_lambda_words_two_of_its_lists_in_ways_of_their_own() -> None:
    _, message = refusal(
        "lambda",
        "PublishLayerVersion",
        LayerName="l",
        Content={},
        CompatibleRuntimes=["no"],
        CompatibleArchitectures=["no"],
    )
    architectures, runtimes = message.removeprefix("2 validation errors detected: ").split("; ")
    assert "Value '[no]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum" in runtimes
    assert architectures.endswith(
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
    )


def test_a_shape_that_contains_itself_is_checked_at_every_depth() -> None:
    filter_ = {"Not": {"Not": {"Dimensions": {"Key": "NOPE", "Values": ["x"]}}}}
    _, message = refusal(
        "ce",
        "GetCostAndUsage",
        TimePeriod={"Start": "2024-01-01", "End": "2024-01-02"},
        Granularity="DAILY",
        Metrics=["m"],
        Filter=filter_,
    )
    assert "Value 'NOPE' at 'filter.not.not.dimensions.key' failed" in message


def test_s3_judges_for_itself() -> None:
    assert validate("s3", "PutObject", {"Bucket": "b"}) == {"Bucket": "b"}


@pytest.mark.parametrize(
    ("pattern", "fitting", "unfitting"),
    [
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", "Grüße 日本 𠀀 42", "emoji 😀"),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a😀\n", "a\x00"),
        (r"[\w]+", "abc_1", "ä"),
        (r"\P{C}*", "text", "\x01"),
        (r"$|kafka://.+", "", "http://x"),
        (r"\A\d+\z", "12", "12\n"),
    ],
)
def test_javas_patterns_mean_the_same_in_python(pattern: str, fitting: str, unfitting: str) -> None:
    fits = compile_pattern(pattern)
    assert fits is not None
    assert fits(fitting)
    assert not fits(unfitting)


def test_a_pattern_that_python_cannot_read_lets_everything_pass() -> None:
    assert compile_pattern(r"[\p{Print}&&[^|:/]]+") is None


@pytest.mark.parametrize(("value", "name"), [(True, "lang.Boolean"), (1, "lang.Integer"), ({}, "util.LinkedHashMap")])
def test_api_gateway_names_the_java_class_of_what_is_no_text(value: Any, name: str) -> None:
    path = "/restapis/a/resources/b/methods/GET/integration"
    body = json.dumps({"type": "MOCK", "requestParameters": {"integration.request.path.p": value}}).encode()
    labels = {"restapi_id": "a", "resource_id": "b", "http_method": "GET"}
    route = Route("apigateway", "PutIntegration", "rest-json", labels=labels)
    with pytest.raises(ServiceError) as caught:
        codec(route).parse(route, Request("PUT", path), body)
    assert caught.value.code == "SerializationException"
    assert caught.value.message == f"class java.{name} can not be converted to an String"
