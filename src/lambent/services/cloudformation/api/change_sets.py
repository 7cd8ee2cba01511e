"""Change sets. They are computed before CreateChangeSet answers, so none is ever seen in CREATE_PENDING."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.deploy import Comparison, Prepared, Proposal
from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page, unseal

from .. import events, keys
from .._service import cloudformation
from ..errors import AlreadyExistsException, ChangeSetNotFound, InvalidChangeSetStatus, ValidationError
from ..model import BUSY, DELETED, ChangeSet, Pointer, Stack
from . import proposals, shapes, updates

_PAGE = 100
_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
_NESTED = "AWS::CloudFormation::Stack"
_UNBUILT = ("ResourcesToImport", "DeploymentMode")


@cloudformation.operation(tx="none", authorize=proposals.authorize("CreateChangeSet"), unbuilt=_UNBUILT)
async def create_change_set(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    proposals.check_name(req["StackName"])
    empty = ("NotificationARNs", "RollbackConfiguration", "ImportExistingResources")
    proposals.refuse_filled(req, "CreateChangeSet", *empty)
    kind = req.get("ChangeSetType", "UPDATE")
    if kind == "IMPORT":
        raise NotBuilt("Lambent has not built change sets of type IMPORT yet.")
    found = await ctx.cloud.store.read(lambda tx: _aimed_at(tx, ctx, req, kind))
    stack = found or proposals.new_stack(ctx, req["StackName"])
    previous = await ctx.cloud.store.read(lambda tx: keys.template_of(tx, stack, stack.template))
    body = await proposals.template_body(ctx, req, previous.original if previous is not None else None)
    proposal, prepared = await proposals.prepare(ctx, req, stack, body)
    proposals.check_capabilities(req, prepared, reviewed=True)
    if _NESTED in prepared.resource_types:  # a template without them has nothing to include: the CDK always asks
        proposals.refuse_filled(req, "CreateChangeSet", "IncludeNestedStacks")
    change_set = await _computed(ctx, req, stack, proposal, prepared)
    event_id = ctx.cloud.ids.uuid()

    def create(tx: Transaction) -> dict[str, Any]:
        there = _aimed_at(tx, ctx, req, kind) or stack
        if _named(tx, there, change_set.name) is not None:
            raise AlreadyExistsException(f"ChangeSet [{change_set.name}] already exists")
        if keys.stacks.get(tx, there.account, there.region, there.id) is None:
            begun = replace(there, reason="User Initiated")
            keys.put_stack(tx, begun)
            keys.names.put(tx, Pointer(begun.id), ctx.account, ctx.region, begun.name)
            events.record(ctx.cloud, tx, begun, begun.status, begun.reason, event_id=event_id, now_ms=ctx.now_ms)
        proposals.store_template(tx, there, change_set.operation.template, prepared)
        _put(tx, there, change_set)
        keys.change_set_ids.put(tx, Pointer(there.id), ctx.account, ctx.region, change_set.id)
        return {"Id": change_set.id, "StackId": there.id}

    return await ctx.cloud.store.write(create)


def _aimed_at(tx: Reader, ctx: Context, req: dict[str, Any], kind: str) -> Stack | None:
    """The stack that the change set is for; None when it is to be made. Raises when it cannot be."""
    name = req["StackName"]
    found = keys.find_stack(tx, ctx.account, ctx.region, name)
    reviewing = found is not None and found.status == "REVIEW_IN_PROGRESS"
    if kind == "CREATE":
        if found is not None and not reviewing:
            raise ValidationError(
                f"Stack [{found.name}] already exists and cannot be created again with the changeSet "
                f"[{req['ChangeSetName']}]."
            )
        return found
    if found is None:
        raise ValidationError(f"Stack [{name}] does not exist")
    updates.check_updatable(found)
    return found


async def _computed(
    ctx: Context, req: dict[str, Any], stack: Stack, proposal: Proposal, prepared: Prepared
) -> ChangeSet:
    creating = stack.status == "REVIEW_IN_PROGRESS"
    operation = proposals.operation(ctx, req, stack, prepared, "create" if creating else "update", ctx.cloud.ids.uuid())
    comparison = Comparison(differs=True, changes=())
    if not prepared.failure:
        comparison = await proposals.compared(ctx, proposal, prepared, stack, operation.tags)
    reason = prepared.failure or ("" if creating or comparison.differs else _NO_CHANGES)
    name = req["ChangeSetName"]
    change_set_id = ctx.arn("cloudformation", f"changeSet/{name}/{ctx.cloud.ids.uuid()}")
    return ChangeSet(
        id=change_set_id,
        name=name,
        kind="CREATE" if creating else "UPDATE",
        status="FAILED" if reason else "CREATE_COMPLETE",
        reason=reason,
        execution="UNAVAILABLE" if reason else "AVAILABLE",
        description=req.get("Description", ""),
        created_ms=ctx.now_ms,
        changes=comparison.changes,
        operation=replace(operation, change_set=change_set_id),
        token=req.get("ClientToken", ""),
        on_failure=req.get("OnStackFailure", ""),
        nested=bool(req.get("IncludeNestedStacks")),
    )


def _put(tx: Transaction, stack: Stack, change_set: ChangeSet) -> None:
    keys.change_sets.put(tx, change_set, stack.account, stack.region, stack.id, change_set.id)


def _named(tx: Reader, stack: Stack, name: str) -> ChangeSet | None:
    found = keys.change_sets.scan(tx, stack.account, stack.region, stack.id)
    live = [c for _, c in found if c.name == name and c.execution not in ("OBSOLETE", "EXECUTE_IN_PROGRESS")]
    gone = [c for _, c in found if c.name == name]
    return live[-1] if live else max(gone, key=lambda c: c.created_ms) if gone and stack.status in BUSY else None


def _find(tx: Reader, ctx: Context, req: dict[str, Any]) -> tuple[Stack, ChangeSet]:
    name = req["ChangeSetName"]
    if name.startswith("arn:"):
        pointer = keys.change_set_ids.get(tx, ctx.account, ctx.region, name)
        if pointer is None:
            raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")
        stack = keys.get_stack(tx, ctx.account, ctx.region, pointer.stack_id)
        found = keys.change_sets.get(tx, stack.account, stack.region, stack.id, name)
    else:
        if not req.get("StackName"):
            raise ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
        there = keys.find_stack(tx, ctx.account, ctx.region, req["StackName"])
        if there is None:
            raise ValidationError(f"Stack [{req['StackName']}] does not exist")
        stack, found = there, _named(tx, there, name) or _executed(tx, there, name)
    if found is None:
        raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")
    return stack, found


def _executed(tx: Reader, stack: Stack, name: str) -> ChangeSet | None:
    found = keys.change_sets.scan(tx, stack.account, stack.region, stack.id)
    return max((c for _, c in found if c.name == name), key=lambda c: c.created_ms, default=None)


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def describe_change_set(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    stack, found = _find(tx, ctx, req)
    begin = int(unseal(req["NextToken"], ValidationError)) if req.get("NextToken") else 0
    shown = shapes.change_set(found, stack, values=bool(req.get("IncludePropertyValues")))
    changes = shown["Changes"]
    shown["Changes"], token = page(changes[begin : begin + _PAGE + 1], _PAGE, lambda _: str(begin + _PAGE).encode())
    return {**shown, "NextToken": token} if token else shown


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def list_change_sets(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    stack = keys.find_stack(tx, ctx.account, ctx.region, req["StackName"])
    if stack is None:
        raise ValidationError(f"Stack [{req['StackName']}] does not exist")
    found = [c for _, c in keys.change_sets.scan(tx, stack.account, stack.region, stack.id)]
    live = sorted((c for c in found if c.execution in ("AVAILABLE", "UNAVAILABLE")), key=lambda c: c.created_ms)
    names = ("StackId", "StackName", "ChangeSetId", "ChangeSetName", "ExecutionStatus", "Status", "StatusReason")
    summaries = []
    for change_set in live:
        shown = shapes.change_set(change_set, stack, values=False)
        picked = (*names, "CreationTime", "Description", "IncludeNestedStacks")
        summaries.append({name: shown[name] for name in picked if name in shown})
    return {"Summaries": summaries}


@cloudformation.operation(tx="write", resource=proposals.stack_arn)
def delete_change_set(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    try:
        stack, found = _find(tx, ctx, req)
    except ChangeSetNotFound:
        return
    if found.execution == "EXECUTE_IN_PROGRESS" and stack.status in BUSY:
        raise InvalidChangeSetStatus(f"ChangeSet [{found.id}] cannot be deleted in status EXECUTE_IN_PROGRESS")
    keys.change_sets.delete(tx, stack.account, stack.region, stack.id, found.id)
    keys.change_set_ids.delete(tx, ctx.account, ctx.region, found.id)
    if found.operation.template != stack.template:
        keys.templates.delete(tx, stack.account, stack.region, stack.id, found.operation.template)


@cloudformation.operation(tx="write", resource=proposals.stack_arn, unbuilt=("RetainExceptOnCreate",))
def execute_change_set(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    stack, found = _find(tx, ctx, req)
    token = req.get("ClientRequestToken", "")
    if found.execution == "EXECUTE_IN_PROGRESS" and token and found.token == token:
        return
    if found.execution != "AVAILABLE" or stack.status == DELETED:
        status = found.status if found.status == "FAILED" else shapes.execution(found, stack)
        raise InvalidChangeSetStatus(f"ChangeSet [{found.id}] cannot be executed in its current status of [{status}]")
    creating = found.kind == "CREATE"
    if not creating:
        updates.check_updatable(stack)
    stopped = req.get("DisableRollback") or found.on_failure == "DO_NOTHING"
    behaviour = "DO_NOTHING" if stopped else found.on_failure or "ROLLBACK"
    operation = replace(found.operation, caller=ctx.caller, on_failure=behaviour, token=token)
    for _, other in keys.change_sets.scan(tx, stack.account, stack.region, stack.id):
        if other.id != found.id and other.execution == "AVAILABLE":
            _put(tx, stack, replace(other, execution="OBSOLETE"))
    _put(tx, stack, replace(found, execution="EXECUTE_IN_PROGRESS", token=token))
    begun = updates.aim(stack, operation, ctx.now_ms)
    if creating:
        begun = replace(
            begun,
            description=operation.description,
            parameters=operation.parameters,
            capabilities=operation.capabilities,
            tags=operation.tags,
            change_set=found.id,
            template=operation.template,
        )
    status = "CREATE_IN_PROGRESS" if creating else "UPDATE_IN_PROGRESS"
    events.start(ctx.cloud, tx, begun, operation, status, event_id=ctx.cloud.ids.uuid(), now_ms=ctx.now_ms)
