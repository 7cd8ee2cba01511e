"""Replays."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import archiving, keys
from ..errors import (
    IllegalStatusException,
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    invalid,
)
from ..model import Archive, Replay, milliseconds, present, timestamp
from ..service import events, listed, named, one_filter, paged, parsed
from .archives import bus_of


def _archive(ctx: Context, tx: Reader, text: str) -> Archive:
    _, kind, name = parsed(text, "EventSourceArn")
    if kind != "archive":
        raise invalid("EventSourceArn", "Must contain an archive ARN.")
    found = keys.archives.get(tx, ctx.account, ctx.region, name)
    if found is None or found.arn != text:
        raise invalid("EventSourceArn", f"Archive {name} does not exist.")
    return found


@events.operation(tx="write", resource=named("replay", "ReplayName"))
def start_replay(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name: str = req["ReplayName"]
    destination = req["Destination"]
    bus = bus_of(ctx, destination["Arn"], "Destination.Arn")
    if keys.find_bus(tx, ctx.account, ctx.region, bus) is None:
        raise invalid("Destination.Arn", f"Event bus {bus} does not exist.")
    archive = _archive(ctx, tx, req["EventSourceArn"])
    if bus != archive.bus:
        raise invalid("Destination.Arn", "Cross event bus replay is not permitted.")
    begin_ms, end_ms = milliseconds(req["EventStartTime"]), milliseconds(req["EventEndTime"])
    if begin_ms >= end_ms:
        raise invalid("EventEndTime", "EventStartTime must be before EventEndTime.")
    if keys.replays.get(tx, ctx.account, ctx.region, name) is not None:
        raise ResourceAlreadyExistsException(f"Replay {name} already exists.")
    replay = Replay(
        account=ctx.account,
        region=ctx.region,
        name=name,
        id=ctx.cloud.ids.request_id(),
        archive=archive.arn,
        archive_id=archive.id,
        bus=bus,
        rules=tuple(destination.get("FilterArns", ())),
        begin_ms=begin_ms,
        end_ms=end_ms,
        state="STARTING",
        started_ms=ctx.now_ms,
        description=req.get("Description", ""),
    )
    archiving.begin(tx, replay)
    return {"ReplayArn": replay.arn, "State": replay.state, "ReplayStartTime": timestamp(replay.started_ms)}


def _get(ctx: Context, tx: Reader, name: str) -> Replay:
    found = keys.replays.get(tx, ctx.account, ctx.region, name)
    if found is None:
        raise ResourceNotFoundException(f"Replay {name} does not exist.")
    return found


@events.operation(tx="write", resource=named("replay", "ReplayName"))
def cancel_replay(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    replay = _get(ctx, tx, req["ReplayName"])
    if replay.state not in ("STARTING", "RUNNING"):
        raise IllegalStatusException(f"Replay {replay.name} is not in a valid state for this operation.")
    archiving.put(tx, replace(replay, state="CANCELLING"))
    return {"ReplayArn": replay.arn, "State": "CANCELLING"}


def _shown(replay: Replay) -> dict[str, Any]:
    times = {"EventLastReplayedTime": replay.last_ms, "ReplayEndTime": replay.ended_ms}
    return {
        "ReplayName": replay.name,
        "EventSourceArn": replay.archive,
        "State": replay.state,
        "EventStartTime": timestamp(replay.begin_ms),
        "EventEndTime": timestamp(replay.end_ms),
        "ReplayStartTime": timestamp(replay.started_ms),
        **{name: timestamp(time_ms) for name, time_ms in times.items() if time_ms},
        **present(StateReason=replay.reason),
    }


@events.operation(tx="read", resource=named("replay", "ReplayName"))
def describe_replay(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    replay = _get(ctx, tx, req["ReplayName"])
    destination: dict[str, Any] = {"Arn": f"arn:aws:events:{replay.region}:{replay.account}:event-bus/{replay.bus}"}
    if replay.rules:
        destination["FilterArns"] = list(replay.rules)
    more = present(Description=replay.description)
    return {"ReplayArn": replay.arn, "Destination": destination, **_shown(replay), **more}


@events.operation(tx="read")
def list_replays(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    one_filter(req, "ListReplays")

    def wanted(replay: Replay) -> bool:
        return req.get("State") in (None, replay.state) and req.get("EventSourceArn") in (None, replay.archive)

    rows = listed(keys.replays, tx, (ctx.account, ctx.region), req.get("NamePrefix", ""), wanted)
    return paged(req, rows, "Replays", _shown)
