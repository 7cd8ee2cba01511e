"""What executing a template would change in a stack: the content of a change set."""

from __future__ import annotations

import json
from typing import Any, Final

from lambent.contracts.deploy import Change, ChangeDetail, Comparison, Deployed, DeployedResource, Prepared, Proposal
from lambent.services.cloudformation.errors import ValidationError

from .prepare import pseudo, scope_of
from .template import graph, schema
from .template.intrinsics import UNKNOWN, Scope, evaluate, has_unknown
from .template.model import ResourceSpec, Template, parse
from .template.parameters import text
from .template.references import references

KNOWN_AFTER_APPLY: Final = "{{changeSet:KNOWN_AFTER_APPLY}}"


def compare(
    proposal: Proposal, prepared: Prepared, deployed: Deployed, tags: tuple[tuple[str, str], ...]
) -> Comparison:
    """The changes from `deployed` to `prepared`, whose stack shall have `tags`."""
    return _Comparer(proposal, prepared, deployed, tags).run()


class _Comparer:
    def __init__(
        self, proposal: Proposal, prepared: Prepared, deployed: Deployed, tags: tuple[tuple[str, str], ...]
    ) -> None:
        self.template = parse(json.loads(prepared.processed))
        self.live = {resource.logical_id: resource for resource in deployed.resources}
        self.deployed = deployed
        self.retagged = sorted(tags) != sorted(deployed.tags)
        self.pseudos = pseudo(proposal.account, proposal.region, proposal.stack_name, proposal.stack_id)
        self.scope = self._scope(self.template, prepared.parameters)
        self.replaced: set[str] = set()

    def _scope(self, template: Template, values: Any) -> Scope:
        return scope_of(template, values, self.pseudos, ref=self._ref, attribute=self._attribute)

    def _ref(self, name: str) -> Any:
        found = self.live.get(name)
        return UNKNOWN if found is None or name in self.replaced else found.physical_id

    def _attribute(self, name: str, attribute: str) -> Any:
        found = self.live.get(name)
        if found is None or name in self.replaced:
            return UNKNOWN
        return json.loads(found.attributes).get(attribute, UNKNOWN)

    def run(self) -> Comparison:
        old_template = parse(json.loads(self.deployed.processed)) if self.deployed.processed else None
        edges = graph.dependencies(self.template, self.scope)
        retyped = [
            name for name in edges if name in self.live and self.live[name].type != self.template.resources[name].type
        ]
        if retyped:
            raise ValidationError(
                "Update of resource type is not permitted. The new template modifies resource type of the following "
                f"resources: [{', '.join(retyped)}]"
            )
        found: dict[str, Change] = {}
        for name in _ordered(edges):
            change = self._change(self.template.resources[name])
            if change is not None:
                found[name] = change
        for name, resource in self.live.items():
            if name not in edges:
                found[name] = self._removal(resource, old_template)
        changes = tuple(found[name] for name in sorted(found))
        return Comparison(differs=bool(changes) or self.retagged or self._outputs_differ(old_template), changes=changes)

    def _outputs_differ(self, old: Template | None) -> bool:
        if old is None:
            return True
        before = self._outputs(old, self._scope(old, self.deployed.parameters))
        return before != self._outputs(self.template, self.scope)

    def _outputs(self, template: Template, scope: Scope) -> dict[str, Any]:
        return {
            key: (output.description, evaluate([output.value, output.export], scope))
            for key, output in template.outputs.items()
            if not output.condition or scope.condition(output.condition)
        }

    def _change(self, spec: ResourceSpec) -> Change | None:
        after = evaluate(spec.properties, self.scope)
        live = self.live.get(spec.logical_id)
        if live is None:
            return Change(action="Add", logical_id=spec.logical_id, type=spec.type, after=_context(after))
        before = json.loads(live.properties)
        changed = [key for key in {**before, **after} if _shown(before.get(key)) != _shown(after.get(key))]
        metadata = json.dumps(spec.metadata, sort_keys=True) if spec.metadata is not None else ""
        details = [d for key in sorted(changed) for d in self._details(spec, key, before, after)]
        scope = ["Properties"] if changed else []
        if metadata != live.metadata:
            details.insert(0, ChangeDetail(attribute="Metadata"))
            scope.insert(0, "Metadata")
        if self.retagged and schema.taggable(spec.type):
            details.append(ChangeDetail(attribute="Tags"))
            scope.append("Tags")
        if not scope:
            return None
        certain = schema.replaced_by(spec.type, _shown(before), _shown(after))
        replacement = "True" if certain else "False"
        if certain and all(has_unknown(after.get(key)) for key in certain):
            replacement = "Conditional"
        if certain:
            self.replaced.add(spec.logical_id)
        retain = spec.update_replace_policy == "Retain"
        return Change(
            action="Modify",
            logical_id=spec.logical_id,
            type=spec.type,
            physical_id=live.physical_id,
            replacement=replacement,
            policy_action=("ReplaceAndRetain" if retain else "ReplaceAndDelete") if replacement == "True" else "",
            scope=tuple(scope),
            details=tuple(details),
            before=_context(before),
            after=_context(after),
        )

    def _details(
        self, spec: ResourceSpec, key: str, before: dict[str, Any], after: dict[str, Any]
    ) -> list[ChangeDetail]:
        recreation = "Always" if key in schema.create_only(spec.type) else "Never"
        known: dict[str, str] = {
            "name": key,
            "recreation": recreation,
            "before": _text(before[key]) if key in before else "",
            "after": _text(after[key]) if key in after else "",
        }
        found = []
        for reference in references(spec.properties.get(key), self.scope.decide_all()):
            if reference.kind == "ref" and reference.name in self.template.parameters:
                found.append(ChangeDetail(source="ParameterReference", entity=reference.name, **known))
            elif reference.kind == "ref" and reference.name in self.template.resources:
                found.append(ChangeDetail(source="ResourceReference", entity=reference.name, **known))
            elif reference.kind == "getatt" and isinstance(reference.attribute, str):
                entity = f"{reference.name}.{reference.attribute}"
                found.append(ChangeDetail(source="ResourceAttribute", entity=entity, evaluation="Dynamic", **known))
        direct = ChangeDetail(evaluation="Dynamic" if found else "Static", **known)
        return [*dict.fromkeys(found), direct]

    def _removal(self, live: DeployedResource, old: Template | None) -> Change:
        spec = old.resources.get(live.logical_id) if old is not None else None
        retain = spec is not None and spec.deletion_policy in ("Retain", "RetainExceptOnCreate")
        return Change(
            action="Remove",
            logical_id=live.logical_id,
            type=live.type,
            physical_id=live.physical_id,
            policy_action="Retain" if retain else "Delete",
            before=_context(json.loads(live.properties)),
        )


def _ordered(edges: dict[str, tuple[str, ...]]) -> list[str]:
    done: list[str] = []
    left = dict(edges)
    while left:
        free = [name for name, needs in left.items() if not any(other in left for other in needs)]
        done += free
        for name in free:
            del left[name]
    return done


def _shown(value: Any) -> Any:
    if value is UNKNOWN:
        return KNOWN_AFTER_APPLY
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _context(properties: dict[str, Any]) -> str:
    return json.dumps({"Properties": _shown(properties)}, separators=(",", ":"))


def _text(value: Any) -> str:
    shown = _shown(value)
    return json.dumps(shown, separators=(",", ":")) if isinstance(shown, dict | list) else text(shown)
