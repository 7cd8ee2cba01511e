"""A cloud for the tests of Lambda: a role, a function, and a compute room that does what a test says."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from lambent.bus.relay import Relay
from lambent.contracts.caller import Caller, Principal
from lambent.contracts.events import Delivery
from lambent.contracts.functions import FunctionSpec, Invocation, Outcome
from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader
from lambent.kv.engines.memory import MemoryStore
from lambent.services.lambda_ import keys
from lambent.services.lambda_.running import spec
from tests.support import ACCOUNT, REGION, TestCloud

SECOND_NS = 1_000_000_000
ROLE = f"arn:aws:iam::{ACCOUNT}:role/runner"
NAME = "hello"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{NAME}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}

Behaviour = Callable[[FunctionSpec, Invocation], Outcome]


def echo(spec: FunctionSpec, invocation: Invocation) -> Outcome:
    """Answers with the event."""
    return Outcome(payload=invocation.payload, log_tail=b"END RequestId: x\n")


def fail(spec: FunctionSpec, invocation: Invocation) -> Outcome:
    """A function that raises."""
    return Outcome(payload=b'{"errorMessage": "broken", "errorType": "ValueError"}', error="Unhandled")


class FakeCompute:
    """Implements contracts.functions.Compute without running anything."""

    def __init__(self) -> None:
        self.behave: Behaviour = echo
        self.calls: list[tuple[FunctionSpec, Invocation]] = []
        self.retired: list[str] = []

    async def invoke(self, spec: FunctionSpec, invocation: Invocation) -> Outcome:
        self.calls.append((spec, invocation))
        return self.behave(spec, invocation)

    async def retire(self, arn_prefix: str) -> None:
        self.retired.append(arn_prefix)

    def runtimes(self) -> list[str]:
        return ["python3.11", "python3.12"]

    def load(self) -> dict[str, int]:
        return {}

    async def close(self) -> None:
        """Nothing runs."""


class Mailbox:
    """A target that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[Delivery] = []

    async def deliver(self, delivery: Delivery) -> None:
        self.got.append(delivery)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Everyone may come in."""


class LambdaCloud(TestCloud):
    """A cloud with the role `runner` and the function `hello` in it once `begin` was awaited."""

    compute: FakeCompute
    store: MemoryStore

    def __init__(self, beside: LambdaCloud | None = None) -> None:
        super().__init__()
        if beside is not None:
            # Another node of the same cloud: one store, the same bodies, one time.
            self.clock, self.ids, self.blobs = beside.clock, Ids(beside.ids.random.getrandbits(32)), beside.blobs
            self.store = beside.store.handle(self.clock, self.ids)
        self.compute = FakeCompute()
        self.queue = self.targets["sqs"] = Mailbox()
        self.relay = Relay(self, self.store.node)

    async def begin(self, **settings: Any) -> LambdaCloud:
        await self.call("iam", "CreateRole", RoleName="runner", AssumeRolePolicyDocument=json.dumps(TRUST))
        await self.create(**settings)
        await self.relay.start()
        return self

    async def create(self, **settings: Any) -> dict[str, Any]:
        params: dict[str, Any] = {
            "FunctionName": NAME,
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": zipped()},
        }
        return await self.lambda_("CreateFunction", **{**params, **settings})

    async def lambda_(self, operation: str, caller: Caller | None = None, **params: Any) -> dict[str, Any]:
        return await self.call("lambda", operation, caller, **params)

    async def invoke(self, payload: Any = None, **params: Any) -> dict[str, Any]:
        body = b"" if payload is None else json.dumps(payload).encode()
        return await self.lambda_("Invoke", **{"FunctionName": NAME, "Payload": body, **params})

    async def spec(self, name: str = NAME) -> FunctionSpec:
        """What compute would be told of a function now."""

        def find(tx: Reader) -> FunctionSpec:
            function = keys.functions.get(tx, ACCOUNT, REGION, name)
            assert function is not None
            return spec(function, function.latest)

        return await self.store.read(find)

    async def advance(self, seconds: float) -> None:
        """Move the clock and let the relay do what is due."""
        self.clock.advance(int(seconds * SECOND_NS))
        await self.relay.settled()

    async def allow_role(self, action: str, resource: str = "*") -> None:
        """Give the role a permission."""
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}],
        }
        await self.call(
            "iam", "PutRolePolicy", RoleName="runner", PolicyName="allow", PolicyDocument=json.dumps(policy)
        )

    async def user(self, *statements: dict[str, Any]) -> Caller:
        """A user with these permissions."""
        await self.call("iam", "CreateUser", UserName="eve")
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        await self.call("iam", "PutUserPolicy", UserName="eve", PolicyName="own", PolicyDocument=policy)
        found = await self.call("iam", "GetUser", UserName="eve")
        return Caller(kind=Principal.USER, account=ACCOUNT, arn=found["User"]["Arn"], user_id=found["User"]["UserId"])


def zipped(*names: str, text: str = "def handler(event, context): return event") -> bytes:
    """A zip archive with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ("app.py",):
            archive.writestr(name, text)
    return buffer.getvalue()
