"""Resource schemas, as AWS publishes them and cfn-lint ships them: types of properties, what forces a replacement.

Only cfn-lint's data files are read; the package itself is never imported. A schema is read when it is first used.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from functools import cache
from typing import Any

from .parameters import text

_CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")
_INTEGER = re.compile(r"[+-]?\d+")
_ITEMS_SHOWN_MAX = 20


class PropertyProblem(Exception):
    """Properties do not fit the schema; the text is a status reason."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(f"Property validation failure: [{'; '.join(problems[:_ITEMS_SHOWN_MAX])}]")


def is_custom(type_name: str) -> bool:
    """Is it a custom resource, whose properties are its provider's own affair?"""
    return type_name.startswith(_CUSTOM)


@cache
def _folder() -> str:
    spec = importlib.util.find_spec("cfnlint")
    assert spec is not None
    assert spec.submodule_search_locations
    return os.path.join(spec.submodule_search_locations[0], "data", "schemas")


@cache
def _index() -> dict[str, str]:
    with open(os.path.join(_folder(), "providers", "us-east-1.json"), encoding="utf-8") as file:
        index: dict[str, str] = json.load(file)
    return index


def exists(type_name: str) -> bool:
    """Does AWS have this resource type?"""
    return is_custom(type_name) or type_name in _index()


@cache
def schema(type_name: str) -> dict[str, Any]:
    """The schema of a type; an empty one for custom resources. `KeyError` when AWS has no such type."""
    if is_custom(type_name):
        return {
            "properties": {"ServiceToken": {"type": "string"}},
            "createOnlyProperties": ["/properties/ServiceToken"],
        }
    with open(os.path.join(_folder(), "resources", _index()[type_name] + ".json"), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _top(pointers: list[str]) -> set[str]:
    return {pointer.split("/")[2] for pointer in pointers}


def create_only(type_name: str) -> set[str]:
    """Names of the top-level properties that hold something whose change forces a replacement."""
    return _top(schema(type_name).get("createOnlyProperties", []))


def identifiers(type_name: str) -> tuple[str, ...]:
    """Names of the properties that identify a resource of the type."""
    return tuple(pointer.removeprefix("/properties/") for pointer in schema(type_name).get("primaryIdentifier", []))


def taggable(type_name: str) -> bool:
    """Do stack tags spread to resources of the type?"""
    found = schema(type_name)
    declared = found.get("tagging", {}).get("taggable", found.get("taggable"))
    return bool(declared) if declared is not None else "Tags" in found.get("properties", {})


def replaced_by(type_name: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Top-level names of the properties whose change from `old` to `new` forces a replacement."""
    pointers = [pointer.split("/")[2:] for pointer in schema(type_name).get("createOnlyProperties", [])]
    return list(dict.fromkeys(p[0] for p in pointers if _follow(old, p) != _follow(new, p)))


def _follow(value: Any, path: list[str]) -> Any:
    for step in path:
        if step == "*" or not isinstance(value, dict):
            return value
        value = value.get(step)
    return text(value) if isinstance(value, bool | int | float) else value


def conform(type_name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """`properties` with scalars turned into the types of the schema, as CloudFormation does; raises
    `PropertyProblem` for unknown, missing and ill-typed ones."""
    if is_custom(type_name):
        if "ServiceToken" not in properties:
            raise PropertyProblem(["The property {/ServiceToken} is required"])
        return properties
    root = schema(type_name)
    problems: list[str] = []
    read_only = {p.split("/")[2] for p in root.get("readOnlyProperties", []) if p.count("/") == 2}
    given = sorted(read_only & properties.keys() - _top(root.get("createOnlyProperties", [])))
    if given:
        problems.append(f"Encountered unsupported properties in {{/}}: [{', '.join(given)}]")
    found = _Checker(root, problems).value(root, properties, "")
    if problems:
        raise PropertyProblem(problems)
    assert isinstance(found, dict)
    return found


class _Checker:
    def __init__(self, root: dict[str, Any], problems: list[str]) -> None:
        self.root = root
        self.problems = problems

    def value(self, node: dict[str, Any], value: Any, path: str) -> Any:
        node = self.resolve(node)
        kinds = node.get("type", "object" if "properties" in node else None)
        if kinds is None:
            return self.alternative(node, value, path)
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if isinstance(value, dict):
            found = self.object(node, value, path) if "object" in kinds else self.wrong(kinds, value, path)
        elif isinstance(value, list):
            found = self.array(node, value, path) if "array" in kinds else self.wrong(kinds, value, path)
        else:
            found = self.scalar(node, kinds, value, path)
        return found

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            target: Any = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def alternative(self, node: dict[str, Any], value: Any, path: str) -> Any:
        choices = node.get("anyOf") or node.get("oneOf") or []
        failures: list[str] = []
        for choice in choices:
            trial = _Checker(self.root, [])
            found = trial.value({**choice}, value, path)
            if not trial.problems:
                return found
            failures = failures or trial.problems
        self.problems += failures
        return value

    def object(self, node: dict[str, Any], value: dict[str, Any], path: str) -> dict[str, Any]:
        known = node.get("properties", {})
        patterns = node.get("patternProperties", {})
        found: dict[str, Any] = {}
        unsupported = []
        for key, item in value.items():
            child = known.get(key) or next((s for p, s in patterns.items() if _matches(p, key)), None)
            if child is None and isinstance(node.get("additionalProperties"), dict):
                child = node["additionalProperties"]
            if child is not None:
                found[key] = self.value(child, item, f"{path}/{key}")
            elif node.get("additionalProperties") is False and (known or patterns):
                unsupported.append(key)
            else:
                found[key] = item
        if unsupported:
            self.problems.append(f"Encountered unsupported properties in {{{path or '/'}}}: [{', '.join(unsupported)}]")
        for key in node.get("required", []):
            if key not in value:
                self.problems.append(f"The property {{{path}/{key}}} is required")
        return found

    def array(self, node: dict[str, Any], value: list[Any], path: str) -> list[Any]:
        items = node.get("items")
        self.bounds(len(value), node.get("minItems"), node.get("maxItems"), "Length of property", path)
        if not isinstance(items, dict):
            return value
        return [self.value(items, item, f"{path}/{index}") for index, item in enumerate(value)]

    def scalar(self, node: dict[str, Any], kinds: list[str], value: Any, path: str) -> Any:
        found = value
        if "boolean" in kinds and (isinstance(value, bool) or str(value).lower() in ("true", "false")):
            found = value if isinstance(value, bool) else value.lower() == "true"
        elif "integer" in kinds and not isinstance(value, bool) and _INTEGER.fullmatch(text(value)):
            found = int(text(value))
        elif "number" in kinds and not isinstance(value, bool) and _is_number(value):
            found = float(value) if "." in text(value) else int(text(value))
        elif "string" in kinds:
            found = text(value)
        else:
            return self.wrong(kinds, value, path)
        self.limits(node, found, path)
        return found

    def limits(self, node: dict[str, Any], value: Any, path: str) -> None:
        allowed = node.get("enum")
        if allowed is not None and value not in allowed and text(value) not in [text(a) for a in allowed]:
            shown = ", ".join(text(item) for item in allowed)
            self.problems.append(f"Value {text(value)} of property {{{path}}} must be one of [{shown}]")
        if isinstance(value, str):
            self.bounds(len(value), node.get("minLength"), node.get("maxLength"), "Length of property", path)
            pattern = node.get("pattern")
            if pattern is not None and not _matches(pattern, value):
                self.problems.append(f"Value of property {{{path}}} does not match pattern {pattern}")
        elif not isinstance(value, bool):
            self.bounds(value, node.get("minimum"), node.get("maximum"), "Value of property", path)

    def bounds(self, size: float, least: float | None, most: float | None, what: str, path: str) -> None:
        if least is not None and size < least:
            self.problems.append(f"{what} {{{path}}} must not be less than {text(least)}")
        if most is not None and size > most:
            self.problems.append(f"{what} {{{path}}} must not be greater than {text(most)}")

    def wrong(self, kinds: list[str], value: Any, path: str) -> Any:
        self.problems.append(f"Value of property {{{path}}} does not match type {{{kinds[0].capitalize()}}}")
        return value


def _is_number(value: Any) -> bool:
    try:
        float(text(value))
    except ValueError:
        return False
    return True


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # Some schemas use syntax of other engines; AWS's service itself checks such a value.
        return None


def _matches(pattern: str, value: str) -> bool:
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(value) is not None
