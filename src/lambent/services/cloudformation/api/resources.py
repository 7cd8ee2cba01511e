"""The resources and the history of a stack."""

from __future__ import annotations

from typing import Any

from lambent.contracts.ports import Reader
from lambent.kit import Context
from lambent.kit.paging import page, unseal

from .. import keys
from .._service import cloudformation
from ..errors import ValidationError
from ..model import Resource, Stack
from . import proposals, shapes

_PAGE = 100


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def describe_stack_events(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    name = req.get("StackName") or ""
    stack = keys.find_stack(tx, ctx.account, ctx.region, name)
    if stack is None:
        raise ValidationError(f"Stack [{name}] does not exist")
    after = unseal(req["NextToken"], ValidationError) if req.get("NextToken") else None
    place = (stack.account, stack.region, stack.id)
    found = keys.events.scan(tx, *place, after=after, limit=_PAGE + 1, reverse=True)
    shown, token = page(found, _PAGE, lambda item: item[0])
    answer: dict[str, Any] = {"StackEvents": [shapes.event(event, stack) for _, event in shown]}
    return {**answer, "NextToken": token} if token else answer


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def describe_stack_resource(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    name, logical_id = req["StackName"], req["LogicalResourceId"]
    stack = keys.find_stack(tx, ctx.account, ctx.region, name)
    if stack is None:
        raise ValidationError(f"Stack '{name}' does not exist")
    found = keys.resources.get(tx, stack.account, stack.region, stack.id, logical_id)
    if found is None:
        raise ValidationError(f"Resource {logical_id} does not exist for stack {stack.name}")
    shown = shapes.resource(found, "LastUpdatedTimestamp")
    named = {"StackName": stack.name, "StackId": stack.id, "Metadata": shapes.metadata(found)}
    return {"StackResourceDetail": {**named, **shown}}


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def describe_stack_resources(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    physical_id = req.get("PhysicalResourceId")
    if req.get("StackName"):
        stack = keys.get_stack(tx, ctx.account, ctx.region, req["StackName"])
    elif physical_id:
        stack = _owner(ctx, tx, physical_id)
    else:
        raise ValidationError("Either StackName or PhysicalResourceId must be specified.")
    found = sorted(keys.resources_of(tx, stack).values(), key=lambda r: r.logical_id)
    logical_id = req.get("LogicalResourceId")
    if logical_id is not None:
        found = [r for r in found if r.logical_id == logical_id]
        if not found:
            raise ValidationError(f"Resource {logical_id} does not exist for stack {stack.name}")
    named = {"StackName": stack.name, "StackId": stack.id}
    return {"StackResources": [{**named, **shapes.resource(r, "Timestamp")} for r in found]}


def _owner(ctx: Context, tx: Reader, physical_id: str) -> Stack:
    for key, resource in keys.resources.scan(tx, ctx.account, ctx.region):
        if resource.physical_id == physical_id and resource.status != "DELETE_COMPLETE":
            return keys.get_stack(tx, ctx.account, ctx.region, str(keys.resources.parts(key)[2]))
    raise ValidationError(f"Stack for {physical_id} does not exist")


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def list_stack_resources(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    stack = keys.get_stack(tx, ctx.account, ctx.region, req["StackName"])
    after = unseal(req["NextToken"], ValidationError) if req.get("NextToken") else None
    place = (stack.account, stack.region, stack.id)
    found: list[tuple[bytes, Resource]] = keys.resources.scan(tx, *place, after=after, limit=_PAGE + 1)
    shown, token = page(found, _PAGE, lambda item: item[0])
    answer: dict[str, Any] = {"StackResourceSummaries": [shapes.resource(r, "LastUpdatedTimestamp") for _, r in shown]}
    return {**answer, "NextToken": token} if token else answer
