"""Stacks: making, deleting, and looking at them."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page, unseal

from .. import events, keys
from .._service import cloudformation
from ..errors import AlreadyExistsException, ValidationError, no_stack
from ..model import BUSY, DELETED, Operation, Pointer, Stack
from . import proposals, shapes

_PAGE = 100
_UNBUILT = ("TimeoutInMinutes", "StackPolicyBody", "StackPolicyURL")


@cloudformation.operation(tx="none", authorize=proposals.authorize("CreateStack"), unbuilt=_UNBUILT)
async def create_stack(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req["StackName"]
    proposals.check_name(name)
    proposals.refuse_filled(req, "CreateStack", "NotificationARNs", "RollbackConfiguration", "RetainExceptOnCreate")
    found = await ctx.cloud.store.read(lambda tx: keys.find_stack(tx, ctx.account, ctx.region, name))
    repeated = _repeated(found, req)
    if repeated is not None:
        return repeated
    stack = found if found is not None else proposals.new_stack(ctx, name)
    body = await proposals.template_body(ctx, req)
    _, prepared = await proposals.prepare(ctx, req, stack, body)
    proposals.check_capabilities(req, prepared, reviewed=False)
    operation = proposals.operation(ctx, req, stack, prepared, "create", ctx.cloud.ids.uuid())
    event_id = ctx.cloud.ids.uuid()

    def create(tx: Transaction) -> dict[str, Any]:
        there = keys.find_stack(tx, ctx.account, ctx.region, name)
        answer = _repeated(there, req)
        if answer is not None:
            return answer
        begun = replace(
            there or stack,
            description=prepared.description,
            parameters=prepared.parameters,
            capabilities=operation.capabilities,
            tags=operation.tags,
            role_arn=operation.role_arn,
            disable_rollback=bool(req.get("DisableRollback", False)),
            protected=bool(req.get("EnableTerminationProtection", False)),
            token=operation.token,
            template=operation.template,
        )
        proposals.store_template(tx, begun, operation.template, prepared)
        _obsolete(tx, begun)
        keys.names.put(tx, Pointer(begun.id), ctx.account, ctx.region, name)
        events.start(ctx.cloud, tx, begun, operation, "CREATE_IN_PROGRESS", event_id=event_id, now_ms=ctx.now_ms)
        return {"StackId": begun.id}

    return await ctx.cloud.store.write(create)


def _repeated(found: Stack | None, req: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a repetition of the request that made the stack; raises when the name is taken."""
    if found is None or found.status == "REVIEW_IN_PROGRESS":
        return None
    if found.token and found.token == req.get("ClientRequestToken"):
        return {"StackId": found.id}
    raise AlreadyExistsException(f"Stack [{found.name}] already exists")


def _obsolete(tx: Transaction, stack: Stack) -> None:
    for _, change_set in keys.change_sets.scan(tx, stack.account, stack.region, stack.id):
        stale = replace(change_set, execution="OBSOLETE")
        keys.change_sets.put(tx, stale, stack.account, stack.region, stack.id, change_set.id)


@cloudformation.operation(tx="write", authorize=proposals.authorize("DeleteStack"), unbuilt=("DeletionMode",))
def delete_stack(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    stack = keys.find_stack(tx, ctx.account, ctx.region, req["StackName"])
    if stack is None or stack.status in (DELETED, "DELETE_IN_PROGRESS"):
        return
    if stack.protected:
        raise ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
    if stack.status == "CREATE_IN_PROGRESS" and stack.operation is not None:
        # The creation stops, and then everything is deleted instead of rolled back.
        stopping = replace(stack.operation, cancelled=True, on_failure="DELETE")
        keys.put_stack(tx, replace(stack, operation=stopping))
        return
    if stack.status in BUSY:
        raise ValidationError(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
    retain = tuple(req.get("RetainResources", []))
    if retain and stack.status != "DELETE_FAILED":
        raise ValidationError(
            f"Invalid operation on stack [{stack.id}]. RetainResources can be specified only when the stack is in "
            "the DELETE_FAILED state."
        )
    operation = Operation(
        id=ctx.cloud.ids.uuid(),
        kind="delete",
        phase="forward",
        caller=ctx.caller,
        role_arn=req.get("RoleARN") or stack.role_arn,
        retain=retain,
        token=req.get("ClientRequestToken", ""),
    )
    events.start(
        ctx.cloud, tx, stack, operation, "DELETE_IN_PROGRESS", event_id=ctx.cloud.ids.uuid(), now_ms=ctx.now_ms
    )


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def describe_stacks(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    if req.get("StackName"):
        return {"Stacks": [shapes.stack(keys.get_stack(tx, ctx.account, ctx.region, req["StackName"]))]}
    found = [(key, stack) for key, stack in _stacks(ctx, tx, req) if stack.status != DELETED]
    shown, token = page(found, _PAGE, lambda item: item[0])
    answer: dict[str, Any] = {"Stacks": [shapes.stack(stack) for _, stack in shown]}
    return {**answer, "NextToken": token} if token else answer


@cloudformation.operation(tx="read")
def list_stacks(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    wanted = set(req.get("StackStatusFilter", []))
    found = [(key, stack) for key, stack in _stacks(ctx, tx, req) if not wanted or stack.status in wanted]
    shown, token = page(found, _PAGE, lambda item: item[0])
    answer: dict[str, Any] = {"StackSummaries": [shapes.summary(stack) for _, stack in shown]}
    return {**answer, "NextToken": token} if token else answer


def _stacks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[tuple[bytes, Stack]]:
    after = unseal(req["NextToken"], ValidationError) if req.get("NextToken") else None
    return keys.stacks.scan(tx, ctx.account, ctx.region, after=after)


@cloudformation.operation(tx="write", resource=proposals.stack_arn)
def update_termination_protection(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    stack = keys.find_stack(tx, ctx.account, ctx.region, req["StackName"])
    if stack is None:
        raise no_stack(req["StackName"])
    if stack.status == DELETED:
        raise ValidationError(f"Stack [{stack.name}] is in {DELETED} state and can not be updated.")
    keys.put_stack(tx, replace(stack, protected=req["EnableTerminationProtection"]))
    return {"StackId": stack.id}
