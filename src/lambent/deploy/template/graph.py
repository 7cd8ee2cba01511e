"""What depends on what: edges between the resources of a template, and their check."""

from __future__ import annotations

from typing import Any

from lambent.services.cloudformation.errors import ValidationError

from .intrinsics import Scope
from .model import ResourceSpec, Template
from .references import PSEUDO, references


def check_names(template: Template) -> None:
    """Raise AWS's error when an expression names something that the template does not have."""
    for name, expression in template.conditions.items():
        for reference in references(expression):
            if reference.kind == "condition" and reference.name not in template.conditions:
                raise ValidationError(f"Template error: unresolved condition dependency {reference.name} in {name}")
            known = reference.name in template.parameters or reference.name in PSEUDO
            if reference.kind == "getatt" or (reference.kind == "ref" and not known):
                raise ValidationError(
                    f"Template error: Unresolved dependencies [{reference.name}]. Cannot reference resources in the "
                    "Conditions block of the template"
                )
    missing: list[str] = []
    for resource in template.resources.values():
        _check_condition(template, resource.condition, "Condition")
        missing += [name for name in resource.depends_on if name not in template.resources]
        missing += _unknown(template, resource.properties)
    _refuse(missing, "Resources")
    missing = []
    for output in template.outputs.values():
        _check_condition(template, output.condition, "Condition")
        missing += _unknown(template, [output.value, output.export])
    _refuse(missing, "Outputs")


def _check_condition(template: Template, condition: str, where: str) -> None:
    if condition and condition not in template.conditions:
        raise ValidationError(f"Template error: unresolved condition dependency {condition} in {where}")


def _unknown(template: Template, value: Any) -> list[str]:
    missing = []
    for reference in references(value):
        if reference.kind == "condition":
            _check_condition(template, reference.name, "Fn::If")
        elif reference.kind == "getatt" and reference.name not in template.resources:
            raise ValidationError(
                f"Template error: instance of Fn::GetAtt references undefined resource {reference.name}"
            )
        elif reference.kind == "ref":
            known = (template.parameters, PSEUDO, template.resources)
            if not any(reference.name in names for names in known):
                missing.append(reference.name)
    return missing


def _refuse(missing: list[str], block: str) -> None:
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        raise ValidationError(
            f"Template format error: Unresolved resource dependencies [{names}] in the {block} block of the template"
        )


def active(template: Template, scope: Scope) -> dict[str, ResourceSpec]:
    """The resources whose condition holds; raises when one of them, or an output, refers to one that does not."""
    chosen = scope.decide_all()
    found = {
        name: resource
        for name, resource in template.resources.items()
        if not resource.condition or chosen[resource.condition]
    }
    for resource in found.values():
        _refuse([other for other in _edges(resource, chosen, template) if other not in found], "Resources")
    for output in template.outputs.values():
        if not output.condition or chosen[output.condition]:
            named = [r.name for r in references([output.value, output.export], chosen) if r.kind in ("ref", "getatt")]
            _refuse([other for other in named if other in template.resources and other not in found], "Outputs")
    return found


def _edges(resource: ResourceSpec, chosen: dict[str, bool], template: Template) -> list[str]:
    named = [r.name for r in references(resource.properties, chosen) if r.kind in ("ref", "getatt")]
    return [name for name in named if name in template.resources]


def dependencies(template: Template, scope: Scope) -> dict[str, tuple[str, ...]]:
    """For each active resource the others that must exist before it; raises on a circle."""
    chosen = scope.decide_all()
    found = active(template, scope)
    edges: dict[str, tuple[str, ...]] = {}
    for name, resource in found.items():
        explicit = [other for other in resource.depends_on if other in found]
        edges[name] = tuple(dict.fromkeys(explicit + _edges(resource, chosen, template)))
    check_circles(edges)
    return edges


def check_circles(edges: dict[str, tuple[str, ...]]) -> None:
    """Raise AWS's error when the graph has a circle."""
    left = {name: set(needs) for name, needs in edges.items()}
    while left:
        free = [name for name, needs in left.items() if not needs & left.keys()]
        if not free:
            names = ", ".join(sorted(_on_circles(left)))
            raise ValidationError(f"Circular dependency between resources: [{names}]")
        for name in free:
            del left[name]


def _on_circles(edges: dict[str, set[str]]) -> set[str]:
    # Peel off those that nothing left depends on: they lead to a circle but are not on one.
    left = dict(edges)
    while True:
        needed = set().union(*left.values()) if left else set()
        loose = [name for name in left if name not in needed]
        if not loose:
            return set(left)
        for name in loose:
            del left[name]
