"""What models' JSON schemas say to one another: references between models, a schema with all that it refers to inside,
and a mapping template that makes an example of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .model import Model

REFERENCE: Final = re.compile(r"https://apigateway\.amazonaws\.com/restapis/[a-z0-9]+/models/([a-zA-Z0-9]+)").fullmatch
LEVELS_MAX: Final = 100
"""How deep a schema may be nested."""
_DEPTH_MAX: Final = 12
_EXAMPLES_MAX: Final = 2000
"""How many values an example has: models that refer to models can mean more than anybody wants to read."""
_EXAMPLES: Final = {"string": '"foo"', "integer": "42", "number": "3.149", "boolean": "true", "null": "null"}


def parse(schema: str) -> Any:
    """A schema as JSON has it; an empty one for a text that is none."""
    try:
        return json.loads(schema)
    except ValueError:
        return {}


def too_deep(schema: Any) -> bool:
    """Whether a schema is nested deeper than it may be; counted without recursion."""
    pending = [(schema, 1)]
    while pending:
        node, level = pending.pop()
        if level > LEVELS_MAX:
            return True
        below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        pending += [(one, level + 1) for one in below]
    return False


def references(schema: str) -> set[str]:
    """The names of the models that a schema refers to."""
    return set(_named(parse(schema)))


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        fits = REFERENCE(str(node.get("$ref", "")))
        if fits:
            yield fits[1]
    for below in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _named(below)


def flatten(model: Model, schemas: Mapping[str, str]) -> str:
    """A model's schema, the models that it refers to, and they in turn, among its definitions."""
    wanted, found = references(model.schema), dict[str, Any]()
    while wanted:
        name = wanted.pop()
        if name in found or name not in schemas:
            continue
        found[name] = _inside(parse(schemas[name]))
        wanted |= references(schemas[name])
    whole = _inside(parse(model.schema))
    if found:
        whole["definitions"] = {**whole.get("definitions", {}), **dict(sorted(found.items()))}
    return json.dumps(whole)


def _inside(node: Any) -> Any:
    """A schema whose references to models are references to its own definitions."""
    if isinstance(node, list):
        return [_inside(one) for one in node]
    if not isinstance(node, dict):
        return node
    fits = REFERENCE(str(node.get("$ref", "")))
    if fits:
        return {**node, "$ref": f"#/definitions/{fits[1]}"}
    return {key: _inside(value) for key, value in node.items()}


def template(model: Model, schemas: Mapping[str, str]) -> str:
    """A mapping template that gives an example of a model."""
    whole = parse(flatten(model, schemas))
    lines = _Examples(whole).of(whole, 0, _DEPTH_MAX)
    return "\n".join(("#set($inputRoot = $input.path('$'))", *lines))


class _Examples:
    """Makes examples of what a schema describes, a bounded number of them."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        self._definitions = whole.get("definitions", {})
        self._left = _EXAMPLES_MAX

    def of(self, node: Any, indent: int, depth: int) -> list[str]:
        """The lines of an example; the first is not indented."""
        self._left -= 1
        if isinstance(node, dict) and str(node.get("$ref", "")).startswith("#/definitions/"):
            node = self._definitions.get(node["$ref"].rpartition("/")[2], {})
        if not isinstance(node, dict) or depth == 0 or self._left < 0:
            return ["{}"]
        kind = node.get("type", "array" if "items" in node and "properties" not in node else "object")
        kind = kind[0] if isinstance(kind, list) and kind else kind
        if kind == "array":
            return self._array(node, indent, depth)
        if kind == "object":
            return self._object(node, indent, depth)
        return [_EXAMPLES.get(str(kind), '"foo"')]

    def _array(self, node: Mapping[str, Any], indent: int, depth: int) -> list[str]:
        pad = "  " * indent
        first, *rest = self.of(node.get("items", {}), indent + 1, depth - 1)
        return [
            "[",
            "##TODO: Update this foreach loop to reference array from input json",
            "#foreach($elem in $inputRoot)",
            f"{pad}  {first}",
            *rest,
            "#if($foreach.hasNext),#end",
            "#end",
            f"{pad}]",
        ]

    def _object(self, node: Mapping[str, Any], indent: int, depth: int) -> list[str]:
        pad = "  " * indent
        lines = ["{"]
        found = node.get("properties", {})
        properties = list(found.items()) if isinstance(found, dict) else []
        for at, (name, one) in enumerate(properties):
            inner = self.of(one, indent + 1, depth - 1)
            if at < len(properties) - 1:
                inner[-1] += ","
            lines += [f"{pad}  {json.dumps(name)} : {inner[0]}", *inner[1:]]
        return [*lines, f"{pad}}}"]
