"""What the tests of IAM share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import pytest

from lambent.contracts.caller import Caller
from lambent.contracts.errors import ServiceError
from tests.support import ACCOUNT, TestCloud

ARN = f"arn:aws:iam::{ACCOUNT}:"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def allow(action: Any = "s3:*", resource: Any = "*", effect: str = "Allow", **more: Any) -> str:
    """A policy of one statement."""
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Iam:
    """IAM of a small cloud: `await iam("CreateUser", UserName="ada")`."""

    def __init__(self, cloud: TestCloud) -> None:
        self.cloud = cloud

    async def __call__(self, operation: str, caller: Caller | None = None, **params: Any) -> dict[str, Any]:
        """Call an operation, as root unless `caller` is given."""
        return await self.cloud.call("iam", operation, caller, **params)

    async def refused(self, code: str, message: str, operation: str, **params: Any) -> None:
        """Expect an error with that code and text."""
        with pytest.raises(ServiceError) as caught:
            await self(operation, **params)
        assert (caught.value.code, caught.value.message) == (code, message)

    async def user(self, name: str = "ada", **params: Any) -> Caller:
        """Make a user with an access key; returns it as a caller."""
        await self("CreateUser", UserName=name, **params)
        key = (await self("CreateAccessKey", UserName=name))["AccessKey"]
        return await self.caller(key["AccessKeyId"])

    async def caller(self, access_key: str) -> Caller:
        """Whom an access key stands for."""
        found = await self.cloud.store.read(lambda tx: self.cloud.directory.credential(tx, access_key))
        assert found is not None
        return found.caller

    async def role(self, name: str = "worker", **params: Any) -> dict[str, Any]:
        """Make a role that Lambda may assume."""
        found = await self("CreateRole", **{"RoleName": name, "AssumeRolePolicyDocument": TRUST, **params})
        role: dict[str, Any] = found["Role"]
        return role

    async def may(self, caller: Caller, action: str = "s3:GetObject", resource: str = "arn:aws:s3:::b/k") -> bool:
        """May the caller do it now?"""
        guard = self.cloud.guard
        return await self.cloud.store.read(lambda tx: guard.decide(tx, caller, action, resource, {}).allowed)


def scene(play: Callable[[Iam], Awaitable[None]]) -> None:
    """Run a test's body in a new cloud."""

    async def run() -> None:
        await play(Iam(TestCloud()))

    asyncio.run(run())


def document(encoded: str) -> Any:
    """A policy document as boto3 would hand it on."""
    return json.loads(unquote(encoded))
