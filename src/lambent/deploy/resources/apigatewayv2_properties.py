"""Properties of AWS::ApiGatewayV2::* as parameters of the service, and what an update changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from .base import HandlerFailed

_MERGED: Final = ("RequestParameters", "ResponseParameters", "StageVariables")
"""Maps of which an update changes the entries that it names: one that is gone has to be set to nothing."""


def _cleared(value: Any) -> Any:
    """What a property is set to when a template no longer says it; None where nothing says that."""
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return ""
    return type(value)() if isinstance(value, dict | list) else None


def differing(old: Mapping[str, Any], new: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The parameters of an update: what is new or different, and what is gone set to nothing. Maps say of each entry
    that is gone that it is nothing."""
    found: dict[str, Any] = {}
    for name in names:
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if after is None:
            after = _cleared(before)
        if name in _MERGED and isinstance(before, dict) and isinstance(after, dict):
            after = {**{key: _cleared(value) for key, value in before.items() if key not in after}, **after}
        if after is not None:
            found[name] = after
    return found


def plain(properties: dict[str, Any]) -> dict[str, Any]:
    """Properties that are parameters as they are."""
    return properties


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}


def integration(properties: dict[str, Any]) -> dict[str, Any]:
    """An integration's properties as parameters: its response parameters are lists of source and destination here."""
    found = dict(properties)
    for name in ("RequestParameters", "RequestTemplates"):
        if name in found:
            found[name] = _texts(found[name])
    if "ResponseParameters" in found:
        found["ResponseParameters"] = {str(key): _pairs(value) for key, value in found["ResponseParameters"].items()}
    return found


def _pairs(value: Any) -> dict[str, str]:
    listed = value.get("ResponseParameters") if isinstance(value, dict) else value
    if isinstance(listed, list):
        return {pair["Destination"]: str(pair["Source"]) for pair in listed}
    return _texts(value)


def _constraint(value: Any) -> dict[str, bool]:
    required = value.get("Required", False) if isinstance(value, dict) else value
    return {"Required": required in (True, "true", "True")}


def route(properties: dict[str, Any]) -> dict[str, Any]:
    """A route's or its response's properties as parameters."""
    found = dict(properties)
    for name in ("RequestParameters", "ResponseParameters"):
        if name in found:
            found[name] = {key: _constraint(value) for key, value in found[name].items()}
    if "ModelSelectionExpression" in found and not found["ModelSelectionExpression"]:
        del found["ModelSelectionExpression"]
    return found


def model(properties: dict[str, Any]) -> dict[str, Any]:
    """A model's properties as parameters: its schema as text."""
    schema = properties.get("Schema")
    return properties if schema is None or isinstance(schema, str) else {**properties, "Schema": json.dumps(schema)}


def _number(value: Any, kind: Callable[[Any], Any]) -> Any:
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise HandlerFailed(f"{value!r} is no number") from None


def _settings(value: Mapping[str, Any]) -> dict[str, Any]:
    """Route settings, whose numbers and flags a template may write as texts."""
    found = dict(value)
    for name, kind in (("ThrottlingBurstLimit", int), ("ThrottlingRateLimit", float)):
        if name in found:
            found[name] = _number(found[name], kind)
    for name in ("DataTraceEnabled", "DetailedMetricsEnabled"):
        if name in found:
            found[name] = found[name] in (True, "true", "True")
    return found


def stage(properties: dict[str, Any]) -> dict[str, Any]:
    """A stage's properties as parameters."""
    found = dict(properties)
    if "DefaultRouteSettings" in found:
        found["DefaultRouteSettings"] = _settings(found["DefaultRouteSettings"])
    if "RouteSettings" in found:
        found["RouteSettings"] = {key: _settings(value) for key, value in found["RouteSettings"].items()}
    if "StageVariables" in found:
        found["StageVariables"] = _texts(found["StageVariables"])
    found.pop("AccessPolicyId", None)
    return found
