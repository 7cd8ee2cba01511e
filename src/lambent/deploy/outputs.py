"""A stack's outputs, its exports, and what it imports."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from lambent.contracts.ports import Reader, Settings, Transaction
from lambent.kit.sites import website_url
from lambent.services.cloudformation import keys
from lambent.services.cloudformation.errors import ValidationError
from lambent.services.cloudformation.model import Export, Importer, Output, Stack

from .schedule import StepFailed
from .template import graph
from .template.intrinsics import UNKNOWN, Scope, evaluate
from .template.model import Template
from .template.parameters import text

_API: Final = re.compile(
    r"\b(https|wss)://([a-z0-9]{10})\.execute-api\.[a-z0-9-]+\.amazonaws\.com(?!\.?[A-Za-z0-9-]|:\d)"
)
_WEBSITE: Final = re.compile(
    r"\bhttp://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.s3-website[.-][a-z0-9-]+\.amazonaws\.com(?!\.?[A-Za-z0-9-]|:\d)"
)


def evaluate_outputs(template: Template, scope: Scope) -> tuple[Output, ...]:
    """The outputs whose condition holds; raises `ValidationError`."""
    found = []
    for key, output in template.outputs.items():
        if output.condition and not scope.condition(output.condition):
            continue
        value = evaluate(output.value, scope)
        if isinstance(value, dict | list):
            raise ValidationError(
                f"Template format error: Output {key} is malformed. The Value field of every Outputs member must "
                "evaluate to a String."
            )
        export = "" if output.export is None else text(evaluate(output.export, scope))
        found.append(Output(key=key, value=text(value), description=output.description, export=export))
    exported = [output.export for output in found if output.export]
    twice = [name for name in exported if exported.count(name) > 1]
    if twice:
        raise ValidationError(f"Duplicate Export names: [{twice[0]}]")
    return tuple(found)


def localized(tx: Reader, value: str, settings: Settings) -> str:
    """An output with the addresses of this cloud's APIs and websites in place of those that they would have on AWS,
    which is how templates write them: `https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/`. Addresses of
    APIs that are not here stay as they are."""
    if ".amazonaws.com" not in value:
        return value
    # API Gateway is loaded by the few stacks that need it.
    from lambent.services.apigateway.common import addresses, ids

    def api(match: re.Match[str]) -> str:
        place = ids.find(tx, match[2])
        if place is None:
            return match[0]
        url = addresses.websocket_url if match[1] == "wss" else addresses.api_url
        return url(settings, match[2], place.region)

    return _WEBSITE.sub(lambda match: website_url(settings, match[1]), _API.sub(api, value))


def imports_of(template: Template, scope: Scope) -> set[str]:
    """Names of the exports that an expanded template imports. `scope` need not know any resource."""
    found: set[str] = set()

    def note(name: str) -> Any:
        found.add(name)
        return UNKNOWN

    kept, scope.imported = scope.imported, note
    try:
        for resource in graph.active(template, scope).values():
            evaluate(resource.properties, scope)
        for output in template.outputs.values():
            if not output.condition or scope.condition(output.condition):
                evaluate([output.value, output.export], scope)
    finally:
        scope.imported = kept
    return found


def exports_in(tx: Reader, stack: Stack) -> dict[str, str]:
    """Every export of the stack's account and region, with its value."""
    found = keys.exports.scan(tx, stack.account, stack.region)
    return {str(keys.exports.parts(key)[2]): export.value for key, export in found}


def importers_of(tx: Reader, stack: Stack, export: str) -> list[str]:
    """Names of the stacks that import an export."""
    found = keys.importers.scan(tx, stack.account, stack.region, export)
    return sorted(importer.stack_name for _, importer in found)


def commit_exports(tx: Transaction, stack: Stack, outputs: tuple[Output, ...]) -> None:
    """Replace a stack's exports by those of `outputs`; `StepFailed` when one is taken, or in use and changed."""
    old = {output.export: output.value for output in stack.outputs if output.export}
    new = {output.export: output.value for output in outputs if output.export}
    for name in old.keys() - new.keys():
        users = importers_of(tx, stack, name)
        if users:
            raise StepFailed(f"Export {name} cannot be deleted as it is in use by {', '.join(users)}")
    for name, value in new.items():
        there = keys.exports.get(tx, stack.account, stack.region, name)
        if there is not None and there.stack_id != stack.id:
            other = there.stack_id.split("/")[1]
            raise StepFailed(
                f"Export with name {name} is already exported by stack {other}. Rollback requested by user."
            )
        users = importers_of(tx, stack, name) if name in old and old[name] != value else []
        if users:
            raise StepFailed(f"Export {name} cannot be updated as it is in use by {', '.join(users)}")
    for name in old.keys() - new.keys():
        keys.exports.delete(tx, stack.account, stack.region, name)
    for name, value in new.items():
        keys.exports.put(tx, Export(stack.id, value), stack.account, stack.region, name)


def commit_imports(tx: Transaction, stack: Stack, wanted: set[str], *, add_only: bool = False) -> None:
    """Record which exports the stack imports; with `add_only` earlier ones stay."""
    for key, _ in keys.importers.scan(tx, stack.account, stack.region):
        _, _, name, importer = keys.importers.parts(key)
        if importer == stack.id and name not in wanted and not add_only:
            keys.importers.delete(tx, stack.account, stack.region, str(name), stack.id)
    for name in wanted:
        keys.importers.put(tx, Importer(stack.name), stack.account, stack.region, name, stack.id)


def attribute_lookup(attributes: str, name: str, kind: str) -> Any:
    """An attribute from a resource's JSON text of attributes; raises `ValidationError` when it has none of the name."""
    found = json.loads(attributes)
    if name in found:
        return found[name]
    value: Any = found
    for step in name.split("."):
        if not isinstance(value, dict) or step not in value:
            raise ValidationError(f"Resource type {kind} does not support attribute {{{name}}}")
        value = value[step]
    return value
