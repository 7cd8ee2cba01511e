"""What TestInvokeMethod and TestInvokeAuthorizer ask of the data plane, which lives in another room and offers itself
as `cloud.targets["apigateway"]`."""

from __future__ import annotations

from typing import Protocol, cast

import msgspec

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Cloud

from .model import Authorizer, Method, Resource, Snapshot


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The request of a test. `path` has the query string, and is empty where nothing is said; each header has all its
    values."""

    __test__ = False
    path: str = ""
    headers: dict[str, list[str]] = {}
    body: str = ""
    stage_variables: dict[str, str] = {}


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What a test of a method gave: the answer, the execution log as text, and how long it took."""

    __test__ = False
    status: int
    body: str
    headers: dict[str, list[str]]
    log: str
    latency_ms: int


class TestedAuthorizer(msgspec.Struct, frozen=True, kw_only=True):
    """What a test of an authorizer gave: its HTTP status, its policy as JSON text, the principal, the claims of a
    token, what Cognito or the function says about it, the execution log and how long it took."""

    __test__ = False
    client_status: int
    log: str
    latency_ms: int
    principal_id: str = ""
    policy: str = ""
    authorization: dict[str, list[str]] = {}
    claims: dict[str, str] = {}


class Tester(Protocol):
    """What `lambent.execute` offers to TestInvokeMethod. `snapshot` is the API as it would be deployed now; nothing of
    authorization, keys, throttles or caches is asked."""

    async def test_invoke(self, snapshot: Snapshot, resource: Resource, method: Method, trial: Trial) -> Tested:
        """Run a method. The trial's path may be anything: where it does not match the resource's, path parameters are
        empty; empty: the resource's own path."""
        ...

    async def test_authorizer(self, snapshot: Snapshot, authorizer: Authorizer, trial: Trial) -> TestedAuthorizer:
        """Run an authorizer."""
        ...


def tester(cloud: Cloud) -> Tester:
    """The data plane of this cloud; `NotBuilt` where it has none."""
    try:
        return cast("Tester", cloud.targets["apigateway"])
    except (KeyError, ImportError):
        raise NotBuilt("Lambent has not built the data plane of REST APIs yet.") from None
