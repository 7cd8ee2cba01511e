"""PutEvents and TestEventPattern."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import orjson

from lambent import patterns
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context
from lambent.patterns import InvalidPattern

from .. import errors, keys, routing
from ..errors import ValidationException, bad_pattern, invalid
from ..model import ENTRIES_BYTES_MAX, Sent, milliseconds, moment
from ..service import bus_place, events

_REQUIRED: Final = (("Source", "Source"), ("DetailType", "DetailType"), ("Detail", "Detail"))
_NEEDED: Final = ("id", "account", "source", "time", "region", "detail-type")
"""What TestEventPattern wants an event to have: AWS says resources too, and takes events without."""
_TIME_BYTES: Final = 14


def _ask(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
    """A question for each bus, source and detail-type of the entries."""
    found: dict[tuple[str, ...], Check] = {}
    for entry in req["Entries"]:
        place = bus_place(ctx, entry.get("EventBusName"))
        source, title = entry.get("Source") or "", entry.get("DetailType") or ""
        bus = keys.find_bus(tx, *place)
        conditions = {"events:source": source, "events:detail-type": title}
        policy = bus.policy or None if bus is not None else None
        found[place.arn, source, title] = Check("events:PutEvents", place.arn, conditions, policy, place.account)
    return list(found.values())


@events.operation(tx="write", authorize=_ask, unbuilt=("EndpointId",))
def put_events(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    entries: list[dict[str, Any]] = req["Entries"]
    if sum(_size(entry) for entry in entries) > ENTRIES_BYTES_MAX:
        raise ValidationException("Total size of the entries in the request is over the limit.")
    answers = [_put(ctx, tx, entry) for entry in entries]
    return {"FailedEntryCount": sum("ErrorCode" in answer for answer in answers), "Entries": answers}


def _put(ctx: Context, tx: Transaction, entry: dict[str, Any]) -> dict[str, str]:
    for name, _ in _REQUIRED:
        if not entry.get(name):
            reason = f"{name} is a required argument."
            return _failed("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")
    if entry["Source"].startswith("aws."):
        return _failed("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = orjson.loads(entry["Detail"])
    except orjson.JSONDecodeError:
        detail = None
    if not isinstance(detail, dict):
        return _failed("MalformedDetail", "Detail is malformed.")
    id = ctx.cloud.ids.uuid()
    bus = keys.find_bus(tx, *bus_place(ctx, entry.get("EventBusName")))
    if bus is not None:  # AWS accepts what is for no bus, and loses it
        time: datetime | None = entry.get("Time")
        event: Sent = {
            "version": "0",
            "id": id,
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": ctx.account,
            "time": moment(ctx.now_ms if time is None else milliseconds(time)),
            "region": ctx.region,
            "resources": entry.get("Resources", []),
            "detail": detail,
        }
        metrics, trace = ctx.cloud.metrics, entry.get("TraceHeader", "")
        routing.ingest(tx, bus, event, ctx.now_ms, metrics=metrics, size=_size(entry), trace=trace)
    return {"EventId": id}


def _failed(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}


def _size(entry: dict[str, Any]) -> int:
    """The size of an entry as AWS counts it: a time is 14 bytes, names do not count."""
    texts = [entry.get(name) or "" for name, _ in _REQUIRED] + list(entry.get("Resources", ()))
    return _TIME_BYTES + sum(len(text.encode()) for text in texts)


@events.operation(tx="read")
def test_event_pattern(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    try:
        pattern = patterns.compile_pattern(req["EventPattern"])
    except InvalidPattern as error:
        raise bad_pattern(error) from None
    try:
        event = orjson.loads(req["Event"])
    except orjson.JSONDecodeError:
        raise invalid("Event") from None
    if not isinstance(event, dict) or any(name not in event for name in _NEEDED):
        raise errors.invalid("Event")
    return {"Result": pattern.matches(patterns.flatten(event))}
