"""Small REST APIs for tests, written straight into the store as deployments are, and functions that are Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from lambent.contracts.events import Undeliverable
from lambent.contracts.functions import Outcome
from lambent.contracts.http import BytesBody, Request, Response
from lambent.contracts.ports import Transaction
from lambent.execute import serve
from lambent.execute.testing import TestingRoom
from lambent.services.apigateway import keys
from lambent.services.apigateway.common import ids
from lambent.services.apigateway.model import (
    Integration,
    IntegrationResponse,
    Method,
    Resource,
    RestApi,
    Snapshot,
    Stage,
)
from tests.support import ACCOUNT, REGION, TestCloud

ROLE = f"arn:aws:iam::{ACCOUNT}:role/api"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
INVOCATIONS = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}%s/invocations"
TRUST = orjson.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
).decode()
ALL = orjson.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
).decode()


class Functions:
    """Stands for the Lambda service: functions are Python callables of their event."""

    def __init__(self, **functions: Callable[[Any], Any]) -> None:
        self.functions = functions
        self.events: list[tuple[str, Any]] = []
        self.sources: list[str] = []

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Whether there is such a function."""
        if target.split(":")[6] not in self.functions:
            raise Undeliverable(f"no function {target}")

    async def invoke(self, arn: str, payload: bytes, *, principal: str, source: str, account: str) -> Outcome:
        """Run a function; one that raises has failed with the text of its exception."""
        name = arn.split(":")[6]
        event = orjson.loads(payload)
        self.events.append((name, event))
        self.sources.append(source)
        if name not in self.functions:
            raise Undeliverable(f"no function {name}")
        try:
            result = self.functions[name](event)
        except Exception as error:
            body = {"errorMessage": str(error), "errorType": type(error).__name__}
            return Outcome(payload=orjson.dumps(body), error="Unhandled")
        return Outcome(payload=result if isinstance(result, bytes) else orjson.dumps(result))


class Making:
    """A REST API under construction: `method` adds, `deploy` writes, `ask` requests."""

    def __init__(self, cloud: TestCloud, api: str = "abcdefghij", **fields: Any) -> None:
        self.cloud = cloud
        cloud.targets["apigateway"] = TestingRoom(cloud)
        self.id = api
        fields = {"name": "books", "root": "root", "created_ms": 0, **fields}
        self.api = RestApi(id=api, account=ACCOUNT, region=REGION, **fields)
        self.methods: dict[str, dict[str, Method]] = {}
        self.parts: dict[str, Any] = {}

    def method(self, path: str, verb: str, integration: Integration | None = None, **fields: Any) -> None:
        """Add a method."""
        method = Method(http_method=verb, integration=integration, **fields)
        self.methods.setdefault(path, {})[verb] = method

    def snapshot(self) -> Snapshot:
        """The API as it is now."""
        resources = tuple(
            Resource(id=f"r{number}", path=path, methods=methods)
            for number, (path, methods) in enumerate(self.methods.items())
        )
        return Snapshot(api=self.api, resources=resources, **self.parts)

    async def deploy(self, stage: str = "dev", deployment: str = "d1", **fields: Any) -> None:
        """Make a deployment of the API as it is, and a stage that serves it."""
        record = Stage(name=stage, deployment=deployment, created_ms=0, updated_ms=0, **fields)

        def write(tx: Transaction) -> None:
            keys.snapshots.put(tx, self.snapshot(), self.id, deployment)
            keys.stages.put(tx, record, self.id, stage)
            ids.places.put(tx, ids.Place(account=ACCOUNT, region=REGION, kind="REST"), self.id)

        await self.cloud.store.write(write)

    async def stage(self, name: str = "dev", **fields: Any) -> None:
        """Change a stage."""

        def write(tx: Transaction) -> None:
            record = keys.stages.get(tx, self.id, name)
            assert record is not None
            keys.stages.put(tx, msgspec.structs.replace(record, **fields), self.id, name)

        await self.cloud.store.write(write)

    async def ask(
        self,
        verb: str,
        path: str,
        *,
        stage: str = "dev",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        peer: str = "127.0.0.1",
        host: str = "",
    ) -> Response:
        """Ask the API; `path` may have a query."""
        bare, _, query = path.partition("?")
        named = {"host": host or f"{self.id}.execute-api.localhost:4566"}
        named |= {name.lower(): value for name, value in (headers or {}).items()}
        full = f"/{stage}{bare}" if stage else bare
        request = Request(verb, full, query, named, BytesBody(body), peer=peer, id=self.cloud.ids.request_id())
        answer = await serve(self.cloud, request)
        assert answer is not None
        return answer


def mock(template: str = "", status: str = "200", **fields: Any) -> Integration:
    """A mock that answers `template`."""
    response = IntegrationResponse(status_code=status, templates={"application/json": template} if template else {})
    fields = {"templates": {"application/json": '{"statusCode": 200}'}, "responses": {status: response}, **fields}
    return Integration(type="MOCK", **fields)


def lambda_proxy(name: str, **fields: Any) -> Integration:
    """A Lambda proxy integration."""
    return Integration(type="AWS_PROXY", http_method="POST", uri=INVOCATIONS % name, **fields)


async def role(cloud: TestCloud, name: str = "api", policy: str = ALL, trust: str = TRUST) -> str:
    """A role that trusts API Gateway and may do what `policy` says."""
    made = await cloud.call("iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=trust)
    await cloud.call("iam", "PutRolePolicy", RoleName=name, PolicyName="it", PolicyDocument=policy)
    arn: str = made["Role"]["Arn"]
    return arn


def header(response: Response, name: str) -> str | None:
    """A header of a response, whatever the case of its name."""
    return next((value for key, value in response.headers if key.lower() == name.lower()), None)


def json(response: Response) -> Any:
    """The body as JSON."""
    assert isinstance(response.body, bytes)
    return orjson.loads(response.body)


def echo(event: Any) -> dict[str, Any]:
    """A function that answers its event."""
    return {"statusCode": 200, "body": orjson.dumps(event).decode()}
