"""Routes that a service of AWS answers: parameters become a request of that service, signed as the integration's role.

Requests go through the cloud's front door, so the service's own answer, status and headers reach the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import orjson

from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.contracts.http import BytesBody, Request
from lambent.services.apigateway.v2.model import Integration

from ..calls import in_time
from ..mapping.errors import MappingError
from ..mapping.expressions import values
from ..sessions import sign
from .answers import Answer, passed_on
from .exchange import Exchange
from .lambdas import NO_RIGHT
from .mapping import sources_of
from .refusals import Refusal, broken, unavailable

Given = Mapping[str, str]


class Call(NamedTuple):
    """How a subtype is called: the service's signing name, the target of its JSON protocol and version, and what makes
    the request of the parameters."""

    service: str
    target: str
    version: str
    make: Callable[[Given], dict[str, Any]]


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refusal(400, "A parameter of the integration is not JSON.") from None


def _number(text: str) -> Any:
    return int(text) if text.isascii() and text.isdigit() else text


def _put_events(given: Given) -> dict[str, Any]:
    entry: dict[str, Any] = {name: given[name] for name in ("Detail", "DetailType", "Source") if name in given}
    for name in ("EventBusName", "TraceHeader"):
        if name in given:
            entry[name] = given[name]
    if "Resources" in given:
        entry["Resources"] = _json(given["Resources"]) if given["Resources"].startswith("[") else [given["Resources"]]
    if "Time" in given:
        entry["Time"] = _number(given["Time"])
    return {"Entries": [entry]}


_NUMBERS: Final = ("DelaySeconds", "MaxNumberOfMessages", "VisibilityTimeout", "WaitTimeSeconds")
_DOCUMENTS: Final = ("MessageAttributes", "MessageSystemAttributes")
_LISTS: Final = ("AttributeNames", "MessageAttributeNames")


def _of_queue(given: Given) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, text in given.items():
        if name == "Region":
            continue
        if name in _NUMBERS:
            made[name] = _number(text)
        elif name in _DOCUMENTS:
            made[name] = _json(text)
        elif name in _LISTS:
            made[name] = _json(text) if text.startswith("[") else text.split(",")
        else:
            made[name] = text
    return made


CALLS: Final[Mapping[str, Call]] = {
    "EventBridge-PutEvents": Call("events", "AWSEvents.PutEvents", "1.1", _put_events),
    "SQS-DeleteMessage": Call("sqs", "AmazonSQS.DeleteMessage", "1.0", _of_queue),
    "SQS-PurgeQueue": Call("sqs", "AmazonSQS.PurgeQueue", "1.0", _of_queue),
    "SQS-ReceiveMessage": Call("sqs", "AmazonSQS.ReceiveMessage", "1.0", _of_queue),
    "SQS-SendMessage": Call("sqs", "AmazonSQS.SendMessage", "1.0", _of_queue),
}


async def answer(exchange: Exchange, integration: Integration) -> Answer:
    """Call the service and pass its answer on; `Refusal` when there is none."""
    call = CALLS.get(integration.subtype or "")
    if call is None:
        raise NotBuilt(f"Lambent has not built the integration subtype {integration.subtype} yet.")
    try:
        given = values(integration.request_parameters or {}, sources_of(exchange))
    except MappingError as error:
        raise Refusal(400, str(error)) from None
    region = given.get("Region", exchange.found.region)
    body = orjson.dumps(call.make(given))
    request = Request(
        "POST",
        "/",
        headers={
            "host": f"{call.service}.{region}.amazonaws.com",
            "content-type": f"application/x-amz-json-{call.version}",
            "x-amz-target": call.target,
            "content-length": str(len(body)),
        },
        body=BytesBody(body),
        peer=exchange.request.peer,
    )
    try:
        session = await exchange.room.sessions.assume(integration.credentials or "", exchange.source_arn)
    except ServiceError as error:
        raise broken(f"{NO_RIGHT} ({error.message})") from None
    sign(request, session, region, call.service, exchange.cloud.clock)
    try:
        response = await in_time(exchange.cloud, integration.timeout_ms, exchange.cloud.front(request))
    except TimeoutError:
        raise unavailable("The service took too long to answer.") from None
    if not isinstance(response.body, bytes):
        raise broken("The service's answer is a stream.")
    exchange.backend.status = response.status
    headers = [found for name, value in response.headers if (found := _shown(exchange, name, value)) is not None]
    return Answer(response.status, headers, response.body)


def _shown(exchange: Exchange, name: str, value: str) -> tuple[str, str] | None:
    if name.lower() == "x-amzn-requestid":
        exchange.backend.request_id = value
        return None
    return passed_on(name, value)
