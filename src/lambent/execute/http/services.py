"""Routes that a service of AWS answers: parameters become a request of that service, signed as the integration's role.

Requests go through the cloud's front door, so the service's own answer, status and headers reach the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

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


class Asked(NamedTuple):
    """A request of a service, before it is signed: headers by name, and the body."""

    headers: dict[str, str]
    body: bytes


class Call(NamedTuple):
    """How a subtype is called: the service's signing name, and what makes the request of the parameters."""

    service: str
    make: Callable[[Given], Asked]


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Refusal(400, "A parameter of the integration is not JSON.") from None


def _put_events(given: Given) -> Asked:
    entry: dict[str, Any] = {name: given[name] for name in ("Detail", "DetailType", "Source") if name in given}
    for name in ("EventBusName", "TraceHeader"):
        if name in given:
            entry[name] = given[name]
    if "Resources" in given:
        entry["Resources"] = _json(given["Resources"]) if given["Resources"].startswith("[") else [given["Resources"]]
    if "Time" in given:
        time = given["Time"]
        entry["Time"] = int(time) if time.isascii() and time.isdigit() else time
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.PutEvents"}
    return Asked(headers, orjson.dumps({"Entries": [entry]}))


_DOCUMENTS: Final = {"MessageAttributes": "MessageAttribute", "MessageSystemAttributes": "MessageSystemAttribute"}
_LISTS: Final = {"AttributeNames": "AttributeName", "MessageAttributeNames": "MessageAttributeName"}


def _of_queue(action: str) -> Callable[[Given], Asked]:
    """SQS is asked, and answers, in its query protocol: callers of such an integration get XML, as on AWS."""

    def make(given: Given) -> Asked:
        form = {"Action": action, "Version": "2012-11-05"}
        for name, text in given.items():
            if name in _DOCUMENTS:
                form.update(_attributes(_DOCUMENTS[name], _json(text)))
            elif name in _LISTS:
                names = _json(text) if text.startswith("[") else text.split(",")
                form.update({f"{_LISTS[name]}.{place}": str(one) for place, one in enumerate(names, 1)})
            elif name != "Region":
                form[name] = text
        return Asked({"content-type": "application/x-www-form-urlencoded"}, urlencode(form).encode())

    return make


def _attributes(prefix: str, given: Any) -> dict[str, str]:
    if not isinstance(given, dict):
        raise Refusal(400, "Attributes of a message are an object.")
    form: dict[str, str] = {}
    for place, (name, value) in enumerate(given.items(), 1):
        form[f"{prefix}.{place}.Name"] = name
        for member, text in value.items() if isinstance(value, dict) else ():
            form[f"{prefix}.{place}.Value.{member}"] = str(text)
    return form


CALLS: Final[Mapping[str, Call]] = {
    "EventBridge-PutEvents": Call("events", _put_events),
    **{f"SQS-{name}": Call("sqs", _of_queue(name)) for name in ("DeleteMessage", "PurgeQueue", "ReceiveMessage")},
    "SQS-SendMessage": Call("sqs", _of_queue("SendMessage")),
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
    asked = call.make(given)
    headers = {
        "host": f"{call.service}.{region}.amazonaws.com",
        "content-length": str(len(asked.body)),
        **asked.headers,
    }
    number = exchange.cloud.ids.request_id()
    request = Request("POST", "/", headers=headers, body=BytesBody(asked.body), peer=exchange.request.peer, id=number)
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
    shown = [found for name, value in response.headers if (found := _shown(exchange, name, value)) is not None]
    return Answer(response.status, shown, response.body)


def _shown(exchange: Exchange, name: str, value: str) -> tuple[str, str] | None:
    if name.lower() == "x-amzn-requestid":
        exchange.backend.request_id = value
        return None
    return passed_on(name, value)
