"""A cloud with a REST API under construction."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from lambent.contracts.errors import ServiceError

from ..support import ACCOUNT, REGION, TestCloud

__all__ = ["ACCOUNT", "REGION", "RestCloud", "patch", "refused"]

NO_RESOURCE = ("NotFoundException", "Invalid Resource identifier specified")
NO_METHOD = ("NotFoundException", "Invalid Method identifier specified")
NO_INTEGRATION = ("NotFoundException", "Invalid Integration identifier specified")
NO_STATUS = ("NotFoundException", "Invalid Response status code specified")


def patch(op: str, path: str, value: str | None = None, source: str | None = None) -> dict[str, str]:
    """One patch operation."""
    found = {"op": op, "path": path, "value": value, "from": source}
    return {name: text for name, text in found.items() if text is not None}


class RestCloud(TestCloud):
    """Make one with `await RestCloud.with_api()`; `do` calls operations on its API, of which `root` is the root."""

    api_id: str
    root: str

    @classmethod
    async def with_api(cls, **params: Any) -> RestCloud:
        """A cloud with an API of the name `books`."""
        cloud = cls()
        made = await cloud.call("apigateway", "CreateRestApi", name="books", **params)
        cloud.api_id, cloud.root = made["id"], made["rootResourceId"]
        return cloud

    async def do(self, operation: str, **params: Any) -> dict[str, Any]:
        """An operation on the API."""
        return await self.call("apigateway", operation, **{"restApiId": self.api_id, **params})

    async def resource(self, part: str, parent: str = "") -> str:
        """A new resource's id."""
        made = await self.do("CreateResource", parentId=parent or self.root, pathPart=part)
        return str(made["id"])

    async def method(self, resource: str = "", verb: str = "GET", **params: Any) -> dict[str, Any]:
        """A new method that needs no authorization."""
        given: dict[str, Any] = {"authorizationType": "NONE", **params}
        return await self.do("PutMethod", resourceId=resource or self.root, httpMethod=verb, **given)

    async def mock(self, resource: str = "", verb: str = "GET") -> None:
        """A new method that answers by itself."""
        await self.method(resource, verb)
        where = {"resourceId": resource or self.root, "httpMethod": verb}
        await self.do("PutIntegration", type="MOCK", **where)

    async def update(self, operation: str, *patches: dict[str, str], **params: Any) -> dict[str, Any]:
        """An operation that takes patches."""
        return await self.do(operation, patchOperations=list(patches), **params)


async def refused(work: Awaitable[Any]) -> tuple[str, str]:
    """The code and the message of the error that `work` raises."""
    try:
        await work
    except ServiceError as error:
        return error.code, error.message
    raise AssertionError("not refused")
