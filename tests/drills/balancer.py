"""Clients' way to the nodes: as SDKs behind a load balancer, who leave a node alone for a while that did not answer."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
import msgspec
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from tests.e2e.node import REGION
from tests.history.operations import Operation, Outcome, now_ns

from .servers import Node

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 5
ASIDE_NS = 3_000_000_000
CONNECTIONS = 64


class Answer(NamedTuple):
    """What became of a request: its outcome, the result of one that succeeded, the code of one that was refused."""

    outcome: Outcome
    result: dict[str, Any]
    code: str
    invoked_ns: int
    completed_ns: int
    node: str
    operation: str

    def ended(self, operation: Operation) -> Operation:
        """The operation that it answers, as it ended."""
        return msgspec.structs.replace(
            operation,
            process=f"{operation.process} at {self.node}",
            invoked_ns=self.invoked_ns,
            completed_ns=self.completed_ns,
            outcome=self.outcome,
        )


class Balancer:
    """Sends each request to the next node that is not set aside, once. `answers` are all that were given."""

    def __init__(self, nodes: list[Node], key: tuple[str, str]) -> None:
        self._clients = {
            (service, node.name): client(node, service, key) for node in nodes for service in ("s3", "dynamodb")
        }
        self._names = [node.name for node in nodes]
        self._turns = itertools.count()
        self._aside_until_ns: dict[str, int] = {}
        self.errors: Counter[str] = Counter()
        self.answers: list[Answer] = []
        self._lock = threading.Lock()

    def call(self, operation: str, *, service: str = "s3", node: str = "", **params: Any) -> Answer:
        """Send a request to `node`, or to the one whose turn it is; what a node or the network does raises nothing."""
        name = node or self._choose()
        invoked_ns = now_ns()
        outcome, result, code = self._send(getattr(self._clients[service, name], operation), params)
        completed_ns = now_ns()
        answer = Answer(outcome, result, code, invoked_ns, completed_ns, name, operation)
        with self._lock:
            self.answers.append(answer)
            if outcome != "ok":
                self.errors[code] += 1
            if outcome == "unknown" or code in _UNREACHED:
                self._aside_until_ns[name] = completed_ns + ASIDE_NS
        return answer

    def _choose(self) -> str:
        now, turn = now_ns(), next(self._turns)
        names = [self._names[(turn + place) % len(self._names)] for place in range(len(self._names))]
        return next((name for name in names if self._aside_until_ns.get(name, 0) < now), names[0])

    def _send(self, send: Callable[..., Any], params: dict[str, Any]) -> tuple[Outcome, dict[str, Any], str]:
        try:
            result = send(**params)
            if "Body" in result:
                result["Body"] = result["Body"].read()
        except ClientError as error:
            code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status >= 500 or code == "RequestTimeout":
                return "unknown", {}, f"{status} {code}"
            return "failed", {}, code
        except (EndpointConnectionError, ConnectTimeoutError) as error:
            return "failed", {}, type(error).__name__
        except BotoCoreError as error:
            return "unknown", {}, type(error).__name__
        return "ok", result, ""

    def close(self) -> None:
        """Hang up."""
        for each in self._clients.values():
            each.close()


_UNREACHED = (EndpointConnectionError.__name__, ConnectTimeoutError.__name__)


def client(node: Node, service: str, key: tuple[str, str], read_timeout_s: int = READ_TIMEOUT_S) -> Any:
    """A boto3 client of one node that tries once."""
    make: Any = boto3.client  # the stubs want the name written out
    return make(
        service, endpoint_url=node.url, region_name=REGION, aws_access_key_id=key[0], aws_secret_access_key=key[1],
        config=Config(
            retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=read_timeout_s, max_pool_connections=CONNECTIONS,
        ),
    )  # fmt: skip
