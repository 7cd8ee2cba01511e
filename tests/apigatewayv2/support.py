"""What the tests of the control plane share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from lambent.contracts.errors import ServiceError
from tests.support import TestCloud

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/x"


class Api:
    """Calls of apigatewayv2 on one API."""

    def __init__(self, cloud: TestCloud, id: str) -> None:
        self.cloud = cloud
        self.id = id

    async def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        return await self.cloud.call("apigatewayv2", operation, ApiId=self.id, **params)

    async def refused(self, operation: str, **params: Any) -> tuple[str, str]:
        """The code and message that a call is refused with."""
        return await refused(self.cloud, operation, ApiId=self.id, **params)

    async def integration(self, **params: Any) -> str:
        """A new integration's id."""
        given = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "IntegrationUri": "http://x.example"}
        made = await self("CreateIntegration", **{**given, **params})
        return str(made["IntegrationId"])


async def refused(cloud: TestCloud, operation: str, **params: Any) -> tuple[str, str]:
    """The code and message that a call is refused with."""
    with pytest.raises(ServiceError) as error:
        await cloud.call("apigatewayv2", operation, **params)
    return error.value.code, error.value.message


def with_api(scenario: Callable[[Api], Awaitable[None]], **params: Any) -> None:
    """Run a scenario on a new HTTP API (or what `params` say)."""

    async def run() -> None:
        cloud = TestCloud()
        made = await cloud.call("apigatewayv2", "CreateApi", **{"Name": "a", "ProtocolType": "HTTP", **params})
        await scenario(Api(cloud, made["ApiId"]))

    asyncio.run(run())
