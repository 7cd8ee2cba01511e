"""What is known of a client for as long as it is connected, and what its events say of it."""

from __future__ import annotations

from typing import Any

import msgspec

from lambent.contracts.ids import Ids
from lambent.services.apigateway.connections.model import new_id

from ..times import clf_time


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client. `host` is what it asked for, with the port; `domain` what a function puts before `/{stage}` to reach
    the management API. `identity` is shown in events; `authorizer` is what the authorizer of
    $connect handed on, None without one."""

    id: str
    api: str
    stage: str
    account: str
    region: str
    host: str
    domain: str
    connected_ms: int
    identity: dict[str, Any]
    authorizer: dict[str, Any] | None = None

    def arn(self, route: str) -> str:
        """What IAM and functions' policies know a route by."""
        return f"arn:aws:execute-api:{self.region}:{self.account}:{self.api}/{self.stage}/{route}"


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a client did: `kind` is CONNECT, MESSAGE or DISCONNECT."""

    client: Client
    kind: str
    route: str
    request_id: str
    message_id: str
    at_ns: int
    code: int = 0
    reason: str = ""


def happening(
    ids: Ids, now_ns: int, client: Client, kind: str, route: str, code: int = 0, reason: str = ""
) -> Happening:
    """A new event of a client's."""
    message = new_id(ids) if kind == "MESSAGE" else ""
    return Happening(
        client=client,
        kind=kind,
        route=route,
        request_id=new_id(ids),
        message_id=message,
        at_ns=now_ns,
        code=code,
        reason=reason,
    )


def context(event: Happening) -> dict[str, Any]:
    """The `requestContext` of an event, which is `$context` for mappings."""
    client = event.client
    found: dict[str, Any] = {"routeKey": event.route}
    if client.authorizer is not None:
        found["authorizer"] = client.authorizer
    if event.kind == "MESSAGE":
        found["messageId"] = event.message_id
    if event.kind == "DISCONNECT":
        found["disconnectStatusCode"] = event.code
    found["eventType"] = event.kind
    found["extendedRequestId"] = event.request_id
    found["requestTime"] = clf_time(event.at_ns)
    found["messageDirection"] = "IN"
    if event.kind == "DISCONNECT":
        found["disconnectReason"] = event.reason
    found |= {
        "stage": client.stage,
        "connectedAt": client.connected_ms,
        "requestTimeEpoch": event.at_ns // 1_000_000,
        "identity": client.identity,
        "requestId": event.request_id,
        "domainName": client.domain,
        "connectionId": client.id,
        "apiId": client.api,
    }
    return found
