"""Transforms of whole templates: AWS::LanguageExtensions here, AWS::Serverless-2016-10-31 in sam.py."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.errors import NotBuilt
from lambent.services.cloudformation.errors import ValidationError

from .intrinsics import Scope, evaluate
from .references import function

LANGUAGE_EXTENSIONS: Final = "AWS::LanguageExtensions"
SERVERLESS: Final = "AWS::Serverless-2016-10-31"
LOOPS_EXPANDED_MAX: Final = 5_000
_LOOP = "Fn::ForEach::"


def check(names: tuple[str, ...]) -> None:
    """Raise `NotBuilt` for a transform that Lambent does not have."""
    for name in names:
        if name not in (LANGUAGE_EXTENSIONS, SERVERLESS):
            raise NotBuilt(f"Lambent has not built the transform {name} yet.")


def find_embedded(value: Any) -> str:
    """The name of the first Fn::Transform inside `value`, or empty."""
    if isinstance(value, dict):
        if "Fn::Transform" in value:
            inner = value["Fn::Transform"]
            return str(inner.get("Name", "") if isinstance(inner, dict) else inner)
        return next(filter(None, map(find_embedded, value.values())), "")
    if isinstance(value, list):
        return next(filter(None, map(find_embedded, value)), "")
    return ""


def expand_language(document: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Unroll Fn::ForEach, and evaluate deletion policies, as AWS::LanguageExtensions does."""
    budget = [LOOPS_EXPANDED_MAX]
    expanded = {key: _unroll(value, {}, scope, budget) for key, value in document.items() if key != "Transform"}
    for resource in expanded.get("Resources", {}).values():
        for key in ("DeletionPolicy", "UpdateReplacePolicy"):
            if isinstance(resource, dict) and isinstance(resource.get(key), dict):
                resource[key] = evaluate(resource[key], scope)
    return expanded


def _unroll(value: Any, names: dict[str, str], scope: Scope, budget: list[int]) -> Any:
    if isinstance(value, str):
        return _substitute(value, names)
    if isinstance(value, list):
        return [_unroll(item, names, scope, budget) for item in value]
    if not isinstance(value, dict):
        return value
    called = function(value)
    if called == ("Ref", called[1] if called else "") and isinstance(called[1], str) and called[1] in names:
        return names[called[1]]
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key.startswith(_LOOP):
            found.update(_loop(key, item, names, scope, budget))
        else:
            found[_substitute(key, names)] = _unroll(item, names, scope, budget)
    return found


def _loop(key: str, argument: Any, names: dict[str, str], scope: Scope, budget: list[int]) -> dict[str, Any]:
    good = isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)
    if not good or not isinstance(argument[2], dict):
        raise ValidationError(f"Template error: {key} requires an identifier, a collection and a fragment")
    identifier, collection, fragment = argument
    items = evaluate(_unroll(collection, names, scope, budget), scope)
    if isinstance(items, str):
        items = [items]
    if not isinstance(items, list) or not all(isinstance(item, str | int | float) for item in items):
        raise ValidationError(f"Template error: the collection of {key} must resolve to a list of strings")
    found: dict[str, Any] = {}
    for item in items:
        budget[0] -= 1
        if budget[0] < 0:
            raise ValidationError("Template error: Fn::ForEach expands to too many items")
        inner = _unroll(fragment, {**names, identifier: str(item)}, scope, budget)
        repeated = found.keys() & inner.keys()
        if repeated:
            raise ValidationError(f"Template error: {key} makes the key {sorted(repeated)[0]} more than once")
        found.update(inner)
    return found


def _substitute(value: str, names: dict[str, str]) -> str:
    for name, replacement in names.items():
        plain = "".join(letter for letter in replacement if letter.isalnum())
        value = value.replace("${" + name + "}", replacement).replace("&{" + name + "}", plain)
    return value
