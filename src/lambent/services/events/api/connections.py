"""Connections of API destinations."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import connecting, keys
from ..connecting import MEMBERS
from ..errors import ResourceAlreadyExistsException, ResourceNotFoundException, ValidationException
from ..model import Connection, present, timestamp
from ..service import events, listed, named, paged

_SECRETS: Final = ("ApiKeyValue", "Password", "ClientSecret")


def _check(kind: str, auth: dict[str, Any]) -> None:
    if not auth.get(MEMBERS[kind]):
        raise ValidationException(f"Authorization type {kind} needs {MEMBERS[kind]} in AuthParameters.")


def _state(kind: str) -> str:
    return "AUTHORIZING" if kind == "OAUTH_CLIENT_CREDENTIALS" else "AUTHORIZED"


def _get(ctx: Context, tx: Reader, name: str) -> Connection:
    found = keys.connections.get(tx, ctx.account, ctx.region, name)
    if found is None:
        raise ResourceNotFoundException(f"Failed to describe the connection(s). Connection '{name}' does not exist.")
    return found


def _answer(connection: Connection) -> dict[str, Any]:
    return {
        "ConnectionArn": connection.arn,
        "ConnectionState": connection.state,
        "CreationTime": timestamp(connection.created_ms),
        "LastModifiedTime": timestamp(connection.modified_ms),
    }


def _authorized(connection: Connection) -> dict[str, Any]:
    return {"LastAuthorizedTime": timestamp(connection.authorized_ms)} if connection.authorized_ms else {}


@events.operation(
    tx="write",
    resource=named("connection", "Name"),
    unbuilt=("InvocationConnectivityParameters",),
    harmless=("KmsKeyIdentifier",),
)
def create_connection(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    name, kind = req["Name"], req["AuthorizationType"]
    _check(kind, req["AuthParameters"])
    if keys.connections.get(tx, ctx.account, ctx.region, name) is not None:
        raise ResourceAlreadyExistsException(f"Connection {name} already exists.")
    state = _state(kind)
    connection = Connection(
        account=ctx.account,
        region=ctx.region,
        name=name,
        id=ctx.cloud.ids.uuid(),
        secret=f"{ctx.cloud.ids.uuid()}-{ctx.cloud.ids.alphanumeric(6)}",
        kind=kind,
        auth=req["AuthParameters"],
        state=state,
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        authorized_ms=ctx.now_ms if state == "AUTHORIZED" else 0,
        description=req.get("Description", ""),
        kms=req.get("KmsKeyIdentifier", ""),
    )
    connecting.store(tx, connection)
    return _answer(connection)


def _merged(old: Any, new: Any) -> Any:
    """What an update leaves of AuthParameters: it says only what it changes."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}


@events.operation(
    tx="write",
    resource=named("connection", "Name"),
    unbuilt=("InvocationConnectivityParameters",),
    harmless=("KmsKeyIdentifier",),
)
def update_connection(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old = _get(ctx, tx, req["Name"])
    kind = req.get("AuthorizationType", old.kind)
    auth: dict[str, Any] = _merged(old.auth, req.get("AuthParameters", {}))
    _check(kind, auth)
    others = {member for member in MEMBERS.values() if member != MEMBERS[kind]}
    state = _state(kind)
    connection = replace(
        old,
        kind=kind,
        auth={name: value for name, value in auth.items() if name not in others},
        state=state,
        reason="",
        description=req.get("Description", old.description),
        kms=req.get("KmsKeyIdentifier", old.kms),
        modified_ms=ctx.now_ms,
        authorized_ms=ctx.now_ms if state == "AUTHORIZED" else old.authorized_ms,
        version=old.version + 1,
    )
    connecting.store(tx, connection)
    return {**_answer(connection), **_authorized(connection)}


@events.operation(tx="write", resource=named("connection", "Name"))
def deauthorize_connection(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old = _get(ctx, tx, req["Name"])
    public = _public(old.auth)
    connection = replace(old, auth=public, state="DEAUTHORIZED", modified_ms=ctx.now_ms, version=old.version + 1)
    keys.tokens.delete(tx, old.arn)
    connecting.store(tx, connection)
    return {**_answer(replace(connection, state="DEAUTHORIZING")), **_authorized(connection)}


@events.operation(tx="write", resource=named("connection", "Name"))
def delete_connection(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    connection = _get(ctx, tx, req["Name"])
    keys.connections.delete(tx, ctx.account, ctx.region, connection.name)
    keys.tokens.delete(tx, connection.arn)
    return {**_answer(replace(connection, state="DELETING")), **_authorized(connection)}


def _public(value: Any) -> Any:
    """AuthParameters without what is secret in them."""
    if isinstance(value, list):
        return [_public(item) for item in value]
    if not isinstance(value, dict):
        return value
    hidden = ("Value", *_SECRETS) if value.get("IsValueSecret") else _SECRETS
    return {name: _public(item) for name, item in value.items() if name not in hidden}


def _shown(connection: Connection) -> dict[str, Any]:
    return {
        **_answer(connection),
        "Name": connection.name,
        "AuthorizationType": connection.kind,
        **_authorized(connection),
        **present(StateReason=connection.reason),
    }


@events.operation(tx="read", resource=named("connection", "Name"))
def describe_connection(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    connection = _get(ctx, tx, req["Name"])
    more = present(Description=connection.description, KmsKeyIdentifier=connection.kms)
    return {
        **_shown(connection),
        "SecretArn": connection.secret_arn,
        "AuthParameters": _public(connection.auth),
        **more,
    }


@events.operation(tx="read")
def list_connections(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    def wanted(connection: Connection) -> bool:
        return req.get("ConnectionState") in (None, connection.state)

    rows = listed(keys.connections, tx, (ctx.account, ctx.region), req.get("NamePrefix", ""), wanted)
    return paged(req, rows, "Connections", _shown)
