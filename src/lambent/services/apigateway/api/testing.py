"""TestInvokeMethod and TestInvokeAuthorizer: the API as it is now runs in the data plane, without a deployment."""

from __future__ import annotations

import json
from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context

from .. import testing
from ..errors import BadRequestException
from ..model import Authorizer, Method, Resource, Snapshot
from ..service import find_api, operation
from ..snapshots import take
from ..testing import Trial
from .authorizers import find_authorizer
from .methods import find_method


def _trial(req: dict[str, Any]) -> Trial:
    """The request of a test; headers of multiValueHeaders come in the place of others."""
    single = {name: [value] for name, value in (req.get("headers") or {}).items()}
    several = {name: list(values) for name, values in (req.get("multiValueHeaders") or {}).items()}
    return Trial(
        path=req.get("pathWithQueryString") or "",
        headers={**single, **several},
        body=req.get("body") or "",
        stage_variables=req.get("stageVariables") or {},
    )


@operation("none")
async def test_invoke_method(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Run a method as it is now, without authorization, and show the answer with the execution log."""

    def find(tx: Reader) -> tuple[Snapshot, Resource, Method]:
        resource, method = find_method(ctx, tx, req)
        return take(tx, find_api(ctx, tx, req["restApiId"])), resource, method

    snapshot, resource, method = await ctx.cloud.store.read(find)
    if method.integration is None:
        raise BadRequestException("No integration defined for method")
    done = await testing.tester(ctx.cloud).test_invoke(snapshot, resource, method, _trial(req))
    return {
        "status": done.status,
        "body": done.body,
        "headers": {name: values[-1] for name, values in done.headers.items() if values},
        "multiValueHeaders": done.headers,
        "log": done.log,
        "latency": done.latency_ms,
    }


@operation("none", unbuilt=("additionalContext",))
async def test_invoke_authorizer(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    """Run an authorizer, and show what it said with the execution log."""

    def find(tx: Reader) -> tuple[Snapshot, Authorizer]:
        authorizer = find_authorizer(ctx, tx, req)
        return take(tx, find_api(ctx, tx, req["restApiId"])), authorizer

    snapshot, authorizer = await ctx.cloud.store.read(find)
    done = await testing.tester(ctx.cloud).test_authorizer(snapshot, authorizer, _trial(req))
    shown: dict[str, Any] = {
        "clientStatus": done.client_status,
        "log": done.log,
        "latency": done.latency_ms,
        "authorization": done.authorization,
        "claims": done.claims,
    }
    if done.principal_id:
        shown["principalId"] = done.principal_id
    if done.policy:
        shown["policy"] = json.dumps(json.loads(done.policy), separators=(",", ":"))
    return shown
