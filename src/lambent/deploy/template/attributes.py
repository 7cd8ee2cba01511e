"""Do the types that Fn::GetAtt asks have the attributes that it asks for?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambent.services.cloudformation.errors import ValidationError

from . import schema
from .model import Template
from .references import function, references


def check_attributes(template: Template) -> None:
    """Raise `ValidationError`, naming place, type and attribute, for the first attribute that does not exist."""
    places = [(f"/Resources/{r.logical_id}/Properties", r.properties) for r in template.resources.values()]
    places += [(f"/Outputs/{o.key}/Value", o.value) for o in template.outputs.values()]
    for root, value in places:
        for path, resource, attribute in _asked(value, root):
            kind = template.resources[resource].type
            if not _has(kind, attribute):
                raise ValidationError(
                    f"[Error] {path}: Resource type {kind} does not support attribute {{{attribute}}}"
                )


def _asked(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    called = function(value)
    if called is not None and called[0] in ("Fn::GetAtt", "Fn::Sub"):
        for reference in references(value):
            if reference.kind == "getatt" and isinstance(reference.attribute, str):
                yield f"{path}/{called[0]}", reference.name, reference.attribute
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _asked(item, f"{path}/{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _asked(item, f"{path}/{index}")


def _has(kind: str, attribute: str) -> bool:
    if schema.is_custom(kind) or kind == "AWS::CloudFormation::Stack":
        return True
    found = schema.schema(kind)
    top = attribute.split(".", maxsplit=1)[0]
    return top in found.get("properties", {})
