"""Templates: getting them back, and asking what they say."""

from __future__ import annotations

from typing import Any

from lambent.contracts.deploy import TemplateSummary
from lambent.contracts.ports import Reader
from lambent.kit import Context

from .. import keys
from .._service import cloudformation
from ..errors import ChangeSetNotFound, ValidationError
from ..model import Stack
from . import proposals, shapes


@cloudformation.operation(tx="read", resource=proposals.stack_arn)
def get_template(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    name, change_set = req.get("StackName"), req.get("ChangeSetName")
    if not name and not change_set:
        raise ValidationError("StackName is required if ChangeSetName is not specified.")
    if change_set:
        stack, template = _of_change_set(ctx, tx, name, change_set)
    else:
        stack = keys.get_stack(tx, ctx.account, ctx.region, name or "")
        template = stack.template
    found = keys.template_of(tx, stack, template)
    if found is None:
        return {"StagesAvailable": []}
    processed = found.processed if found.transforms else found.original
    wanted = processed if req.get("TemplateStage", "Original") == "Processed" else found.original
    return {"TemplateBody": wanted, "StagesAvailable": ["Original", "Processed"]}


def _of_change_set(ctx: Context, tx: Reader, name: str | None, change_set: str) -> tuple[Stack, str]:
    if change_set.startswith("arn:"):
        pointer = keys.change_set_ids.get(tx, ctx.account, ctx.region, change_set)
        name = pointer.stack_id if pointer is not None else None
        if name is None:
            raise ChangeSetNotFound(f"ChangeSet [{change_set}] does not exist")
    if not name:
        raise ValidationError("StackName is a required parameter.")
    stack = keys.get_stack(tx, ctx.account, ctx.region, name)
    for _, found in keys.change_sets.scan(tx, stack.account, stack.region, stack.id):
        if change_set in (found.name, found.id):
            return stack, found.operation.template
    raise ChangeSetNotFound(f"ChangeSet [{change_set}] does not exist")


@cloudformation.operation(tx="none")
async def validate_template(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    body = await proposals.template_body(ctx, req)
    found = proposals.engine(ctx.cloud).summary(body)
    shown = {"Parameters": [shapes.declaration(item) for item in found.parameters]}
    return {**shown, **_common(found)}


def _common(found: TemplateSummary) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if found.description:
        shown["Description"] = found.description
    if found.capabilities:
        shown["Capabilities"] = list(found.capabilities)
        shown["CapabilitiesReason"] = found.capabilities_reason
    if found.transforms:
        shown["DeclaredTransforms"] = list(found.transforms)
    return shown


@cloudformation.operation(
    tx="none", action="cloudformation:GetTemplateSummary", unbuilt=("StackSetName", "CallAs", "TemplateSummaryConfig")
)
async def get_template_summary(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    name = req.get("StackName")
    if name:
        body = await ctx.cloud.store.read(lambda tx: _original(ctx, tx, name))
    else:
        body = await proposals.template_body(ctx, req)
    found = proposals.engine(ctx.cloud).summary(body)
    by_type: dict[str, list[str]] = {}
    for logical_id, kind in found.resources:
        by_type.setdefault(kind, []).append(logical_id)
    shown: dict[str, Any] = {
        "Parameters": [_declared(item) for item in found.parameters],
        "ResourceTypes": [kind for _, kind in found.resources],
        "ResourceIdentifierSummaries": [
            {"ResourceType": kind, "LogicalResourceIds": ids} for kind, ids in by_type.items()
        ],
        **_common(found),
    }
    if found.version:
        shown["Version"] = found.version
    if found.metadata:
        shown["Metadata"] = found.metadata
    return shown


def _original(ctx: Context, tx: Reader, name: str) -> str:
    stack = keys.get_stack(tx, ctx.account, ctx.region, name)
    found = keys.template_of(tx, stack, stack.template)
    if found is None:
        raise ValidationError(f"Stack with id {name} does not exist")
    return found.original


def _declared(item: Any) -> dict[str, Any]:
    shown = {**shapes.declaration(item), "ParameterType": item.type}
    shown["ParameterConstraints"] = {"AllowedValues": list(item.allowed_values)} if item.allowed_values else {}
    return shown
