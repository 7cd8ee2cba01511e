"""Archives."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent import patterns
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.patterns import InvalidPattern

from .. import archiving, errors, keys, routing
from ..errors import (
    ResourceAlreadyExistsException,
    ResourceNotFoundException,
    ValidationException,
    bad_pattern,
    invalid,
)
from ..model import Archive, Mark, present, timestamp
from ..service import events, listed, named, one_filter, paged, parsed


def _pattern(req: dict[str, Any]) -> str:
    text: str = req.get("EventPattern", "")
    if text:
        try:
            patterns.compile_pattern(text)
        except InvalidPattern as error:
            raise bad_pattern(error) from None
    return text


def _get(ctx: Context, tx: Reader, name: str) -> Archive:
    found = keys.archives.get(tx, ctx.account, ctx.region, name)
    if found is None:
        raise ResourceNotFoundException(f"Archive {name} does not exist.")
    return found


def _answer(archive: Archive) -> dict[str, Any]:
    return {"ArchiveArn": archive.arn, "State": "ENABLED", "CreationTime": timestamp(archive.created_ms)}


def bus_of(ctx: Context, text: str, parameter: str) -> str:
    """The name in the ARN of a bus of the call's account and region."""
    place, kind, name = parsed(text, parameter)
    if kind != "event-bus" or (place.account, place.region) != (ctx.account, ctx.region):
        raise invalid(parameter, "Must contain an event bus ARN.")
    return name


@events.operation(tx="write", resource=named("archive", "ArchiveName"), harmless=("KmsKeyIdentifier",))
def create_archive(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name: str = req["ArchiveName"]
    pattern = _pattern(req)
    bus = keys.get_bus(tx, ctx.account, ctx.region, bus_of(ctx, req["EventSourceArn"], "EventSourceArn"))
    if keys.archives.get(tx, ctx.account, ctx.region, name) is not None:
        raise ResourceAlreadyExistsException(f"Archive {name} already exists.")
    archive = Archive(
        account=ctx.account,
        region=ctx.region,
        name=name,
        id=ctx.cloud.ids.request_id(),
        bus=bus.name,
        created_ms=ctx.now_ms,
        pattern=pattern,
        description=req.get("Description", ""),
        days=req.get("RetentionDays", 0),
        kms=req.get("KmsKeyIdentifier", ""),
    )
    keys.of_bus.put(tx, Mark(), *bus.place, name)
    archiving.store(tx, archive, ctx.now_ms)
    return _answer(archive)


@events.operation(tx="write", resource=named("archive", "ArchiveName"), harmless=("KmsKeyIdentifier",))
def update_archive(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    if not any(name in req for name in ("EventPattern", "RetentionDays", "Description", "KmsKeyIdentifier")):
        raise ValidationException("At least one of EventPattern, RetentionDays or Description must be provided.")
    archive = _get(ctx, tx, req["ArchiveName"])
    archive = replace(
        archive,
        pattern=_pattern(req) if "EventPattern" in req else archive.pattern,
        description=req.get("Description", archive.description),
        days=req.get("RetentionDays", archive.days),
        kms=req.get("KmsKeyIdentifier", archive.kms),
        sweeper=archive.sweeper + 1,
    )
    archiving.store(tx, archive, ctx.now_ms)
    return _answer(archive)


@events.operation(tx="write", resource=named("archive", "ArchiveName"))
def delete_archive(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    archive = _get(ctx, tx, req["ArchiveName"])
    keys.archives.delete(tx, archive.account, archive.region, archive.name)
    keys.of_bus.delete(tx, archive.account, archive.region, archive.bus, archive.name)
    archiving.forget(tx, archive.arn, archive.id)


def _shown(tx: Reader, archive: Archive) -> dict[str, Any]:
    held = routing.holding(tx, archive)
    return {
        "ArchiveName": archive.name,
        "EventSourceArn": archive.bus_arn,
        "State": "ENABLED",
        "RetentionDays": archive.days,
        "SizeBytes": held.size,
        "EventCount": held.count,
        "CreationTime": timestamp(archive.created_ms),
    }


@events.operation(tx="read", resource=named("archive", "ArchiveName"))
def describe_archive(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    archive = _get(ctx, tx, req["ArchiveName"])
    more = present(Description=archive.description, EventPattern=archive.pattern, KmsKeyIdentifier=archive.kms)
    return {"ArchiveArn": archive.arn, **_shown(tx, archive), **more}


@events.operation(tx="read")
def list_archives(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    one_filter(req, "ListArchives")
    if "EventSourceArn" in req:
        bus = bus_of(ctx, req["EventSourceArn"], "EventSourceArn")
        if keys.find_bus(tx, ctx.account, ctx.region, bus) is None:
            raise errors.no_bus(bus)

    def wanted(archive: Archive) -> bool:
        return req.get("State", "ENABLED") == "ENABLED" and req.get("EventSourceArn") in (None, archive.bus_arn)

    rows = listed(keys.archives, tx, (ctx.account, ctx.region), req.get("NamePrefix", ""), wanted)
    return paged(req, rows, "Archives", lambda archive: _shown(tx, archive))
