"""Pipes."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context, pass_role
from lambent.kit.paging import page, unseal
from lambent.kit.service import Authorizer

from ..checks import check
from ..errors import ValidationException, conflict
from ..keys import get_pipe, pipes, put_pipe
from ..model import (
    CREATING,
    DELETED,
    DELETING,
    PRINCIPAL,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    TRANSITIONS,
    UPDATING,
    Pipe,
)
from ..service import moment, on_pipe, pipes_service

_UNBUILT: Final = ("KmsKeyIdentifier",)
_PAGE: Final = 100


def _with_role(action: str) -> Authorizer:
    """The operation itself, and that the caller may pass the role."""

    def asks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        passing = pass_role(req["RoleArn"], PRINCIPAL)
        return [Check(action, on_pipe(ctx, req)), passing]

    return asks


async def _check_role(ctx: Context, req: dict[str, Any]) -> None:
    try:
        await ctx.cloud.directory.role_session(req["RoleArn"], "CheckRole", PRINCIPAL, source_arn=on_pipe(ctx, req))
    except ServiceError:
        raise ValidationException(
            f"Role {req['RoleArn']} is invalid or cannot be assumed by the service principal {PRINCIPAL}."
        ) from None


@pipes_service.operation(tx="none", authorize=_with_role("pipes:CreatePipe"), unbuilt=_UNBUILT)
async def create_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    pipe = Pipe(
        account=ctx.account,
        region=ctx.region,
        name=req["Name"],
        id=ctx.cloud.ids.uuid(),
        source=req["Source"],
        target=req["Target"],
        role=req["RoleArn"],
        desired=req.get("DesiredState", RUNNING),
        state=CREATING,
        created_ms=ctx.now_ms,
        modified_ms=ctx.now_ms,
        description=req.get("Description", ""),
        enrichment=req.get("Enrichment", ""),
        source_parameters=req.get("SourceParameters", {}),
        enrichment_parameters=req.get("EnrichmentParameters", {}),
        target_parameters=req.get("TargetParameters", {}),
        log=req.get("LogConfiguration", {}),
        tags=req.get("Tags", {}),
    )
    check(pipe)
    await _check_role(ctx, req)

    def put(tx: Transaction) -> None:
        if pipes.get(tx, *pipe.place) is not None:
            raise conflict(pipe.name, "already exists")
        put_pipe(tx, pipe)

    await ctx.cloud.store.write(put)
    return _short(pipe)


@pipes_service.operation(tx="none", authorize=_with_role("pipes:UpdatePipe"), unbuilt=_UNBUILT)
async def update_pipe(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    await _check_role(ctx, req)
    return await ctx.cloud.store.write(lambda tx: _update(ctx, tx, req))


def _update(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    old = _settled(ctx, tx, req)
    changed = replace(
        old,
        role=req["RoleArn"],
        desired=req.get("DesiredState", old.desired),
        target=req.get("Target", old.target),
        description=req.get("Description", old.description),
        enrichment=req.get("Enrichment", old.enrichment),
        source_parameters=_merged(old.source_parameters, req.get("SourceParameters", {})),
        enrichment_parameters=req.get("EnrichmentParameters", old.enrichment_parameters),
        target_parameters=req.get("TargetParameters", old.target_parameters),
        log=req.get("LogConfiguration", old.log),
    )
    check(changed)
    return _short(_move(ctx, tx, changed, UPDATING))


def _merged(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Source parameters after an update: what it does not say stays, a stream's starting position among it."""
    found = dict(old)
    for name, value in given.items():
        found[name] = value if name == "FilterCriteria" else {**old.get(name, {}), **value}
    return found


def _settled(ctx: Context, tx: Reader, req: dict[str, Any]) -> Pipe:
    """The pipe, if it is not just changing."""
    pipe = get_pipe(tx, ctx.account, ctx.region, req["Name"])
    if pipe.state in TRANSITIONS:
        raise conflict(pipe.name, f"is in state {pipe.state} and cannot be changed")
    return pipe


def _move(ctx: Context, tx: Transaction, pipe: Pipe, state: str) -> Pipe:
    """Announce a state; a node that polls says when it is reached."""
    moved = replace(pipe, state=state, modified_ms=ctx.now_ms, revision=pipe.revision + 1, reason="")
    put_pipe(tx, moved)
    return moved


@pipes_service.operation(tx="write", resource=on_pipe)
def delete_pipe(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pipe = get_pipe(tx, ctx.account, ctx.region, req["Name"])
    if pipe.state != DELETING:
        pipe = _move(ctx, tx, replace(pipe, desired=DELETED), DELETING)
    return _short(pipe)


@pipes_service.operation(tx="write", resource=on_pipe)
def start_pipe(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pipe = _settled(ctx, tx, req)
    if pipe.state == RUNNING:
        return _short(pipe)
    return _short(_move(ctx, tx, replace(pipe, desired=RUNNING), STARTING))


@pipes_service.operation(tx="write", resource=on_pipe)
def stop_pipe(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    pipe = _settled(ctx, tx, req)
    if pipe.state == STOPPED:
        return _short(pipe)
    return _short(_move(ctx, tx, replace(pipe, desired=STOPPED), STOPPING))


@pipes_service.operation(tx="read", resource=on_pipe)
def describe_pipe(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pipe = get_pipe(tx, ctx.account, ctx.region, req["Name"])
    shown: dict[str, Any] = {**_listed(pipe), "RoleArn": pipe.role, "Tags": pipe.tags}
    more = {
        "Description": pipe.description,
        "SourceParameters": pipe.source_parameters,
        "EnrichmentParameters": pipe.enrichment_parameters,
        "TargetParameters": pipe.target_parameters,
        "LogConfiguration": pipe.log,
    }
    return shown | {name: value for name, value in more.items() if value}


@pipes_service.operation(tx="read")
def list_pipes(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    begin = unseal(req["NextToken"], ValidationException) if "NextToken" in req else None
    rows = [row for row in pipes.scan(tx, ctx.account, ctx.region, after=begin) if _wanted(row[1], req)]
    shown, token = page(rows, req.get("Limit", _PAGE), lambda row: row[0])
    return {"Pipes": [_listed(pipe) for _, pipe in shown], **({"NextToken": token} if token else {})}


def _wanted(pipe: Pipe, req: dict[str, Any]) -> bool:
    texts = {"NamePrefix": pipe.name, "SourcePrefix": pipe.source, "TargetPrefix": pipe.target}
    states = {"DesiredState": pipe.desired, "CurrentState": pipe.state}
    starts = all(text.startswith(req.get(name, "")) for name, text in texts.items())
    return starts and all(req.get(name, state) == state for name, state in states.items())


def _short(pipe: Pipe) -> dict[str, Any]:
    return {
        "Arn": pipe.arn,
        "Name": pipe.name,
        "DesiredState": pipe.desired,
        "CurrentState": pipe.state,
        "CreationTime": moment(pipe.created_ms),
        "LastModifiedTime": moment(pipe.modified_ms),
    }


def _listed(pipe: Pipe) -> dict[str, Any]:
    shown = {**_short(pipe), "Source": pipe.source, "Target": pipe.target}
    if pipe.enrichment:
        shown["Enrichment"] = pipe.enrichment
    if pipe.reason:
        shown["StateReason"] = pipe.reason
    return shown
