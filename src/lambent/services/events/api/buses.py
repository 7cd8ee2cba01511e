"""Event buses and their policies."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import errors, keys
from ..errors import ResourceAlreadyExistsException, ResourceNotFoundException, ValidationException, invalid
from ..model import DEFAULT, POLICY_BYTES_MAX, Bus, present, timestamp
from ..service import bus_place, events, named, paged, read_tags

_SETTINGS = ("KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")
"""Stored and shown: nothing is encrypted or logged by them. A bus's dead-letter queue is for events that its KMS key
cannot be used for, which therefore never comes to pass."""


def _settings(req: dict[str, Any]) -> dict[str, Any]:
    queue = req.get("DeadLetterConfig", {}).get("Arn", "")
    if queue and not queue.startswith("arn:aws:sqs:"):
        raise invalid("DeadLetterConfig.Arn")
    return {name: req[name] for name in _SETTINGS if name in req}


@events.operation(
    tx="write",
    resource=named("event-bus", "Name"),
    unbuilt=("EventSourceName",),
    harmless=("KmsKeyIdentifier", "LogConfig"),
)
def create_event_bus(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name: str = req["Name"]
    if "/" in name:
        raise ValidationException(f"Event bus name must not contain '/': {name}")
    if keys.find_bus(tx, ctx.account, ctx.region, name) is not None:
        raise ResourceAlreadyExistsException(f"Event bus {name} already exists.")
    bus = Bus(
        account=ctx.account,
        region=ctx.region,
        name=name,
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        description=req.get("Description", ""),
        settings=_settings(req),
        tags=read_tags(req.get("Tags", ())),
    )
    keys.put_bus(tx, bus)
    return present(EventBusArn=bus.arn, Description=bus.description, **bus.settings)


def _change(ctx: Context, tx: Transaction, bus: Bus, **changes: Any) -> Bus:
    """Store a change of a bus; the default one, which was always there, counts as made with its first."""
    bus = replace(bus, created_ms=bus.created_ms or ctx.now_ms, modified_ms=ctx.now_ms, **changes)
    keys.put_bus(tx, bus)
    return bus


@events.operation(tx="write", resource=named("event-bus", "Name"), harmless=("KmsKeyIdentifier", "LogConfig"))
def update_event_bus(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    bus = keys.get_bus(tx, *bus_place(ctx, req.get("Name")))
    settings = {**bus.settings, **_settings(req)}
    bus = _change(ctx, tx, bus, description=req.get("Description", bus.description), settings=settings)
    return present(Arn=bus.arn, Name=bus.name, Description=bus.description, **bus.settings)


@events.operation(tx="write", resource=named("event-bus", "Name"))
def delete_event_bus(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    place = bus_place(ctx, req["Name"])
    if place.name == DEFAULT:
        raise ValidationException("Cannot delete event bus default.")
    if keys.rules.scan(tx, *place, limit=1):
        raise ValidationException(f"Event bus {place.name} can't be deleted since it has rules.")
    keys.buses.delete(tx, *place)


def _shown(bus: Bus) -> dict[str, Any]:
    times = {}
    if bus.created_ms:
        times = {"CreationTime": timestamp(bus.created_ms), "LastModifiedTime": timestamp(bus.modified_ms)}
    return present(Name=bus.name, Arn=bus.arn, Description=bus.description, Policy=bus.policy, **times)


@events.operation(tx="read", resource=named("event-bus", "Name"))
def describe_event_bus(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    bus = keys.get_bus(tx, *bus_place(ctx, req.get("Name")))
    return {**_shown(bus), **bus.settings}


@events.operation(tx="read")
def list_event_buses(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    place = (ctx.account, ctx.region)
    found = {keys.buses.key(*place, DEFAULT): keys.get_bus(tx, *place, DEFAULT)}
    found.update(keys.buses.scan(tx, *place))
    prefix = req.get("NamePrefix", "")

    def rows(after: bytes | None, limit: int) -> list[tuple[bytes, Bus]]:
        wanted = [(key, bus) for key, bus in sorted(found.items()) if bus.name.startswith(prefix)]
        return [row for row in wanted if after is None or row[0] > after][:limit]

    return paged(req, rows, "EventBuses", _shown)


@events.operation(tx="write", resource=named("event-bus", "EventBusName"))
def put_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    bus = keys.get_bus(tx, *bus_place(ctx, req.get("EventBusName")))
    if req.get("Policy"):
        try:
            policy = orjson.loads(req["Policy"])
        except orjson.JSONDecodeError:
            policy = None
        if not isinstance(policy, dict):
            raise ValidationException("This policy contains invalid Json")
    else:
        for name in ("StatementId", "Principal", "Action"):
            if not req.get(name):
                raise invalid(name)
        policy = orjson.loads(bus.policy) if bus.policy else {"Version": "2012-10-17", "Statement": []}
        kept = [statement for statement in _statements(policy) if statement.get("Sid") != req["StatementId"]]
        policy = {**policy, "Statement": [*kept, _statement(bus, req)]}
    text = orjson.dumps(policy).decode()
    if len(text) > POLICY_BYTES_MAX:
        raise errors.PolicyLengthExceededException("Policy length exceeds the limit of 10240 bytes.")
    _change(ctx, tx, bus, policy=text)


def _statements(policy: dict[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _statement(bus: Bus, req: dict[str, Any]) -> dict[str, Any]:
    principal = req["Principal"]
    statement: dict[str, Any] = {
        "Sid": req["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": req["Action"],
        "Resource": bus.arn,
    }
    condition = req.get("Condition")
    if condition:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


@events.operation(tx="write", resource=named("event-bus", "EventBusName"))
def remove_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    bus = keys.get_bus(tx, *bus_place(ctx, req.get("EventBusName")))
    text = ""
    if not req.get("RemoveAllPermissions"):
        if not req.get("StatementId"):
            raise invalid("StatementId")
        if not bus.policy:
            raise ResourceNotFoundException("EventBus does not have a policy.")
        policy = orjson.loads(bus.policy)
        kept = [statement for statement in _statements(policy) if statement.get("Sid") != req["StatementId"]]
        if len(kept) == len(_statements(policy)):
            raise ResourceNotFoundException("Statement with the provided id does not exist.")
        text = orjson.dumps({**policy, "Statement": kept}).decode() if kept else ""
    _change(ctx, tx, bus, policy=text)
