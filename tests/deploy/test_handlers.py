"""Pure parts of the resource handlers: names, words of CloudFormation turned into the services' own, inline code."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest

from lambent.contracts.caller import root
from lambent.deploy.resources import BUILT, Registry, Work
from lambent.deploy.resources.inline_code import archive
from lambent.deploy.resources.s3_settings import cors, encryption, lifecycle, notifications, website
from lambent.deploy.template import schema
from lambent.services.cloudformation.model import Resource, Stack
from tests.support import TestCloud


def work(stack: str, logical_id: str, *, resumed: bool = False) -> Work:
    async def made(physical_id: str) -> None:
        return None

    record = Resource(
        logical_id=logical_id, type="Custom::X", status="", suffix="abcDEF123456", started_ms=1_700_000_000_900
    )
    place = Stack(id="arn:s/1", name=stack, account="0", region="us-east-1", status="")
    return Work(TestCloud(), root("0"), place, record, resumed=resumed, tags=(), made=made)


@pytest.mark.parametrize(
    ("stack", "logical_id", "length_max", "name"),
    [
        ("s", "Queue", 64, "s-Queue-abcDEF123456"),
        ("s" * 60, "Queue", 64, "s" * 45 + "-Queue-abcDEF123456"),
        ("s" * 60, "Q" * 60, 64, "s" * 25 + "-" + "Q" * 25 + "-abcDEF123456"),
    ],
)
def test_names_fit(stack: str, logical_id: str, length_max: int, name: str) -> None:
    found = work(stack, logical_id).name(length_max)
    assert found == name
    assert len(found) <= length_max


def test_only_what_a_crashed_try_made_is_ours() -> None:
    first, second = work("s", "Q"), work("s", "Q", resumed=True)
    assert not first.ours(1_700_000_001_000)
    assert second.ours(1_700_000_001_000)
    assert second.ours(1_700_000_000_000), "the service knows the second only"
    assert not second.ours(1_699_999_999_999)
    assert not second.ours(None)


@pytest.mark.parametrize(
    ("convert", "given", "expected"),
    [
        (
            notifications,
            {
                "LambdaConfigurations": [
                    {
                        "Event": "s3:ObjectCreated:*",
                        "Function": "arn:f",
                        "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "raw/"}]}},
                    }
                ],
                "EventBridgeConfiguration": {"EventBridgeEnabled": True},
            },
            {
                "LambdaFunctionConfigurations": [
                    {
                        "LambdaFunctionArn": "arn:f",
                        "Events": ["s3:ObjectCreated:*"],
                        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}},
                    }
                ],
                "EventBridgeConfiguration": {},
            },
        ),
        (
            encryption,
            {"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
            {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]},
        ),
        (
            cors,
            {"CorsRules": [{"AllowedMethods": ["GET"], "ExposedHeaders": ["etag"], "MaxAge": 5, "Id": "i"}]},
            {"CORSRules": [{"AllowedMethods": ["GET"], "ExposeHeaders": ["etag"], "MaxAgeSeconds": 5, "ID": "i"}]},
        ),
        (
            website,
            {"IndexDocument": "i.html", "ErrorDocument": "e.html"},
            {"IndexDocument": {"Suffix": "i.html"}, "ErrorDocument": {"Key": "e.html"}},
        ),
        (
            website,
            {
                "IndexDocument": "i.html",
                "RoutingRules": [
                    {
                        "RedirectRule": {"ReplaceKeyWith": "i.html", "HttpRedirectCode": 302},
                        "RoutingRuleCondition": {"HttpErrorCodeReturnedEquals": 404},
                    }
                ],
            },
            {
                "IndexDocument": {"Suffix": "i.html"},
                "RoutingRules": [
                    {
                        "Redirect": {"ReplaceKeyWith": "i.html", "HttpRedirectCode": "302"},
                        "Condition": {"HttpErrorCodeReturnedEquals": "404"},
                    }
                ],
            },
        ),
        (
            lifecycle,
            {"Rules": [{"Id": "r", "Status": "Enabled", "Prefix": "a/", "ExpirationInDays": 3}]},
            {"Rules": [{"ID": "r", "Status": "Enabled", "Expiration": {"Days": 3}, "Filter": {"Prefix": "a/"}}]},
        ),
        (
            lifecycle,
            {"Rules": [{"Status": "Enabled", "Prefix": "a/", "TagFilters": [{"Key": "k", "Value": "v"}]}]},
            {
                "Rules": [
                    {"Status": "Enabled", "Filter": {"And": {"Prefix": "a/", "Tags": [{"Key": "k", "Value": "v"}]}}}
                ]
            },
        ),
    ],
)
def test_bucket_settings_are_put_into_the_words_of_s3(convert: Any, given: Any, expected: Any) -> None:
    assert convert(given) == expected


@pytest.mark.parametrize(
    ("runtime", "names"),
    [("python3.11", ["cfnresponse.py", "index.py"]), ("nodejs20.x", ["cfn-response.js", "index.js"])],
)
def test_inline_code_is_packed_with_the_response_module(runtime: str, names: list[str]) -> None:
    packed = archive("code", runtime)
    assert packed == archive("code", runtime)
    with zipfile.ZipFile(io.BytesIO(packed)) as found:
        assert sorted(found.namelist()) == names
        assert found.read(names[1]) == b"code"


def test_the_python_response_module_is_python() -> None:
    with zipfile.ZipFile(io.BytesIO(archive("", "python3.11"))) as found:
        compile(found.read("cfnresponse.py"), "cfnresponse.py", "exec")


@pytest.mark.parametrize("type_name", sorted(BUILT))
def test_every_built_type_exists_on_aws_and_has_a_handler(type_name: str) -> None:
    assert schema.exists(type_name)
    handler = Registry().handler(type_name)
    if handler.name_property:
        assert handler.name_property in schema.schema(type_name)["properties"]


def test_types_whose_service_lacks_their_operation_are_not_built() -> None:
    assert Registry().built("AWS::Lambda::Function")
    assert Registry().built("Custom::Anything")
    assert not Registry().built("AWS::Kinesis::Stream")
