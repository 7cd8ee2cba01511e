"""Errors in AWS's own words, as recorded, where they are easily got wrong."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError

from .support import ARN, NAME, ROLE, TRUST, LambdaCloud

OTHER = ARN.replace(NAME, "none")
IAM = "arn:aws:iam:us-east-1:000000000000:function:hello"

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "PutFunctionConcurrency",
        {"FunctionName": "none", "ReservedConcurrentExecutions": 2000},
        "ResourceNotFoundException",
        f"Function not found: {OTHER}:$LATEST",
    ),
    (
        "PutFunctionEventInvokeConfig",
        {"FunctionName": NAME, "Qualifier": "none", "MaximumRetryAttempts": 1},
        "ResourceNotFoundException",
        "The function doesn't exist.",
    ),
    (
        "UpdateFunctionEventInvokeConfig",
        {"FunctionName": "none", "MaximumRetryAttempts": 1},
        "ResourceNotFoundException",
        "The function doesn't exist.",
    ),
    (
        "UpdateFunctionEventInvokeConfig",
        {"FunctionName": NAME, "MaximumRetryAttempts": 1},
        "ResourceNotFoundException",
        f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig",
    ),
    (
        "PutFunctionEventInvokeConfig",
        {"FunctionName": NAME, "DestinationConfig": {"OnSuccess": {"Destination": IAM}}},
        "InvalidParameterValueException",
        f"The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={IAM}), onFailure=null) "
        "is invalid.",
    ),
    (
        "TagResource",
        {"Resource": ARN, "Tags": {}},
        "InvalidParameterValueException",
        "An error occurred and the request cannot be processed.",
    ),
    (
        "UpdateFunctionConfiguration",
        {"FunctionName": NAME, "Timeout": 901},
        "ValidationException",
        "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value "
        "less than or equal to 900",
    ),
    (
        "UpdateFunctionConfiguration",
        {"FunctionName": NAME, "MemorySize": 10_241},
        "InvalidParameterValueException",
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240",
    ),
]


@pytest.mark.parametrize(("operation", "params", "code", "message"), CASES)
def test_errors_are_worded_as_recorded(operation: str, params: dict[str, Any], code: str, message: str) -> None:
    async def story() -> None:
        cloud = await LambdaCloud().begin()
        with pytest.raises(ServiceError) as caught:
            await cloud.lambda_(operation, **params)
        assert (caught.value.code, caught.value.message) == (code, message)

    asyncio.run(story())


def test_a_trust_policy_may_name_the_function() -> None:
    trust = json.loads(json.dumps(TRUST))
    trust["Statement"][0]["Condition"] = {"ArnEquals": {"aws:SourceArn": ARN}}

    async def story() -> None:
        cloud = await LambdaCloud().begin()
        await cloud.call("iam", "UpdateAssumeRolePolicy", RoleName="runner", PolicyDocument=json.dumps(trust))
        await cloud.lambda_("UpdateFunctionConfiguration", FunctionName=NAME, Role=ROLE)
        with pytest.raises(ServiceError, match="cannot be assumed by Lambda"):
            await cloud.create(FunctionName="another")

    asyncio.run(story())
