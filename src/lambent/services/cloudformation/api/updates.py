"""Updating a stack, stopping an update, and going on with a rollback that failed."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Transaction
from lambent.kit import Context

from .. import events, keys
from .._service import cloudformation
from ..errors import ValidationError
from ..model import BUSY, DELETED, UPDATABLE, Operation, Stack
from . import proposals

_UNBUILT = (
    "StackPolicyBody",
    "StackPolicyURL",
    "StackPolicyDuringUpdateBody",
    "StackPolicyDuringUpdateURL",
)


def check_updatable(stack: Stack) -> None:
    """Raise AWS's error for a stack that cannot be updated in its state."""
    if stack.status not in UPDATABLE:
        raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")


def aim(stack: Stack, operation: Operation, now_ms: int) -> Stack:
    """The stack as an update begins: what it says of itself is still the old, but for the time and the role."""
    return replace(
        stack,
        updated_ms=now_ms,
        role_arn=operation.role_arn,
        disable_rollback=operation.on_failure == "DO_NOTHING",
    )


@cloudformation.operation(tx="none", authorize=proposals.authorize("UpdateStack"), unbuilt=_UNBUILT)
async def update_stack(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["StackName"]
    proposals.check_name(name)
    proposals.refuse_filled(req, "UpdateStack", "NotificationARNs", "RollbackConfiguration", "RetainExceptOnCreate")
    stack = await ctx.cloud.store.read(lambda tx: _existing(tx, ctx, name))
    if _is_repeated(stack, req):
        return {"StackId": stack.id}
    check_updatable(stack)
    previous = await ctx.cloud.store.read(lambda tx: keys.template_of(tx, stack, stack.template))
    body = await proposals.template_body(ctx, req, previous.original if previous is not None else None)
    proposal, prepared = await proposals.prepare(ctx, req, stack, body)
    proposals.check_capabilities(req, prepared, reviewed=False)
    operation = proposals.operation(ctx, req, stack, prepared, "update", ctx.cloud.ids.uuid())
    if not prepared.failure:
        comparison = await proposals.compared(ctx, proposal, prepared, stack, operation.tags)
        if not comparison.differs and stack.status != "UPDATE_FAILED":
            raise ValidationError("No updates are to be performed.")
    event_id = ctx.cloud.ids.uuid()

    def update(tx: Transaction) -> dict[str, Any]:
        there = _existing(tx, ctx, stack.id)
        if _is_repeated(there, req):
            return {"StackId": there.id}
        check_updatable(there)
        proposals.store_template(tx, there, operation.template, prepared)
        begun = aim(there, operation, ctx.now_ms)
        events.start(ctx.cloud, tx, begun, operation, "UPDATE_IN_PROGRESS", event_id=event_id, now_ms=ctx.now_ms)
        return {"StackId": there.id}

    return await ctx.cloud.store.write(update)


def _existing(tx: Any, ctx: Context, name: str) -> Stack:
    found = keys.find_stack(tx, ctx.account, ctx.region, name)
    if found is None:
        raise ValidationError(f"Stack [{name}] does not exist")
    return found


def _is_repeated(stack: Stack, req: dict[str, Any]) -> bool:
    token = req.get("ClientRequestToken")
    return bool(token and stack.operation and stack.operation.kind == "update" and stack.operation.token == token)


@cloudformation.operation(
    tx="write", authorize=proposals.authorize("CancelUpdateStack"), harmless=("ClientRequestToken",)
)
def cancel_update_stack(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    stack = _existing(tx, ctx, req["StackName"])
    if stack.status != "UPDATE_IN_PROGRESS" or stack.operation is None:
        raise ValidationError("CancelUpdateStack cannot be called from current stack status")
    keys.put_stack(tx, replace(stack, operation=replace(stack.operation, cancelled=True)))


@cloudformation.operation(tx="write", authorize=proposals.authorize("ContinueUpdateRollback"))
def continue_update_rollback(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    stack = _existing(tx, ctx, req["StackName"])
    if stack.status != "UPDATE_ROLLBACK_FAILED" or stack.operation is None or stack.status in {*BUSY, DELETED}:
        raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not continue to rollback.")
    skip = tuple(req.get("ResourcesToSkip", []))
    failed = {r.logical_id for r in keys.resources_of(tx, stack).values() if r.status.endswith("_FAILED")}
    wrong = [name for name in skip if name not in failed]
    if wrong:
        raise ValidationError(f"The following resources to skip are not in UPDATE_FAILED state: [{', '.join(wrong)}]")
    # The same operation goes on: its id marks the resources that it touched.
    operation = replace(
        stack.operation,
        phase="rollback",
        skip=skip,
        caller=ctx.caller,
        role_arn=req.get("RoleARN") or stack.operation.role_arn,
        token=req.get("ClientRequestToken", ""),
    )
    event_id = ctx.cloud.ids.uuid()
    events.start(ctx.cloud, tx, stack, operation, "UPDATE_ROLLBACK_IN_PROGRESS", event_id=event_id, now_ms=ctx.now_ms)
