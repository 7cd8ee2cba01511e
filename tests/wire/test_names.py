"""Inside the cloud a parameter that the model does not have is an error with its name in it."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from lambent.contracts.http import BytesBody
from lambent.wire import validate


@pytest.mark.parametrize(
    ("service", "operation", "params", "message"),
    [
        (
            "s3",
            "CreateBucket",
            {"Bucket": "b", "Colour": 1},
            'Unknown parameter in input: "Colour", must be one of: ACL, ',
        ),
        ("s3", "ListBuckets", {"Colour": 1}, 'Unknown parameter in input: "Colour", must be one of: MaxBuckets'),
        (
            "sts",
            "GetCallerIdentity",
            {"Colour": 1},
            'Unknown parameter in input: "Colour", must be one of: none',
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "VpcConfig": {"Subnets": []}},
            'Unknown parameter in VpcConfig: "Subnets", must be one of: SubnetIds, ',
        ),
        (
            "events",
            "PutEvents",
            {"Entries": [{"Source": "a"}, {"Origin": "b"}]},
            'Unknown parameter in Entries[1]: "Origin", must be one of: Time, Source, ',
        ),
        (
            "dynamodb",
            "PutItem",
            {"TableName": "t", "Item": {"k": {"M": {"x": {"Q": "1"}}}}},
            'Unknown parameter in Item.k.M.x: "Q", must be one of: S, N, ',
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "Environment": "A=1"},
            "Invalid type for parameter Environment, type: str, valid types: dict",
        ),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "Layers": "arn"},
            "Invalid type for parameter Layers, type: str, valid types: list",
        ),
    ],
)
def test_what_the_model_does_not_have_is_named(
    service: str, operation: str, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        validate(service, operation, params)
    assert caught.value.code == "ValidationException"
    assert caught.value.message.startswith(message)


def test_what_the_model_has_passes_as_it_is() -> None:
    item = {"k": {"M": {"x": {"L": [{"S": "1"}, {"BOOL": True}]}}}}
    assert validate("dynamodb", "PutItem", {"TableName": "ttt", "Item": item}) == {"TableName": "ttt", "Item": item}
    body = BytesBody(b"x")
    assert (
        validate("s3", "PutObject", {"Bucket": "b", "Key": "k", "Body": body, "Metadata": {"any": "x"}})["Body"] is body
    )


def test_the_callers_dict_is_not_the_handlers() -> None:
    params = {"Bucket": "b"}
    assert validate("s3", "HeadBucket", params) is not params
