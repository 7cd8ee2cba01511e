"""API destinations."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context, outward

from .. import connecting, keys
from ..errors import ResourceAlreadyExistsException, ResourceNotFoundException, invalid
from ..model import RATE_MAX, Connection, Destination, present, timestamp
from ..service import events, listed, named, paged


def _connection(tx: Reader, text: str) -> Connection:
    found = connecting.at(tx, text)
    if found is None:
        raise ResourceNotFoundException(f"Connection '{text.split('/')[1]}' does not exist.")
    return found


def _check_endpoint(url: str) -> None:
    try:
        outward.address(url)
    except ValueError as error:
        raise invalid("InvocationEndpoint", f"{error}.") from None


def _get(ctx: Context, tx: Reader, name: str) -> Destination:
    found = keys.destinations.get(tx, ctx.account, ctx.region, name)
    if found is None:
        raise ResourceNotFoundException(
            f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
        )
    return found


def _answer(tx: Reader, destination: Destination) -> dict[str, Any]:
    connection = connecting.at(tx, destination.connection)
    active = connection is not None and connection.state == "AUTHORIZED"
    return {
        "ApiDestinationArn": destination.arn,
        "ApiDestinationState": "ACTIVE" if active else "INACTIVE",
        "CreationTime": timestamp(destination.created_ms),
        "LastModifiedTime": timestamp(destination.modified_ms),
    }


def _store(tx: Transaction, destination: Destination) -> dict[str, Any]:
    keys.destinations.put(tx, destination, destination.account, destination.region, destination.name)
    return _answer(tx, destination)


@events.operation(tx="write", resource=named("api-destination", "Name"))
def create_api_destination(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name: str = req["Name"]
    _check_endpoint(req["InvocationEndpoint"])
    _connection(tx, req["ConnectionArn"])
    if keys.destinations.get(tx, ctx.account, ctx.region, name) is not None:
        raise ResourceAlreadyExistsException(f"An api-destination '{name}' already exists.")
    destination = Destination(
        account=ctx.account,
        region=ctx.region,
        name=name,
        id=ctx.cloud.ids.uuid(),
        connection=req["ConnectionArn"],
        endpoint=req["InvocationEndpoint"],
        method=req["HttpMethod"],
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        rate=req.get("InvocationRateLimitPerSecond", RATE_MAX),
        description=req.get("Description", ""),
    )
    return _store(tx, destination)


@events.operation(tx="write", resource=named("api-destination", "Name"))
def update_api_destination(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old = _get(ctx, tx, req["Name"])
    if "InvocationEndpoint" in req:
        _check_endpoint(req["InvocationEndpoint"])
    if "ConnectionArn" in req:
        _connection(tx, req["ConnectionArn"])
    destination = replace(
        old,
        connection=req.get("ConnectionArn", old.connection),
        endpoint=req.get("InvocationEndpoint", old.endpoint),
        method=req.get("HttpMethod", old.method),
        rate=req.get("InvocationRateLimitPerSecond", old.rate),
        description=req.get("Description", old.description),
        modified_ms=ctx.now_ms,
    )
    return _store(tx, destination)


@events.operation(tx="write", resource=named("api-destination", "Name"))
def delete_api_destination(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    keys.destinations.delete(tx, ctx.account, ctx.region, _get(ctx, tx, req["Name"]).name)


def _shown(tx: Reader, destination: Destination) -> dict[str, Any]:
    return {
        **_answer(tx, destination),
        "Name": destination.name,
        "ConnectionArn": destination.connection,
        "InvocationEndpoint": destination.endpoint,
        "HttpMethod": destination.method,
        "InvocationRateLimitPerSecond": destination.rate,
    }


@events.operation(tx="read", resource=named("api-destination", "Name"))
def describe_api_destination(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    destination = _get(ctx, tx, req["Name"])
    return {**_shown(tx, destination), **present(Description=destination.description)}


@events.operation(tx="read")
def list_api_destinations(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    def wanted(destination: Destination) -> bool:
        return req.get("ConnectionArn") in (None, destination.connection)

    rows = listed(keys.destinations, tx, (ctx.account, ctx.region), req.get("NamePrefix", ""), wanted)
    return paged(req, rows, "ApiDestinations", lambda destination: _shown(tx, destination))
