"""Calls inside the cloud: parameters that the model does not have are refused by name, at any depth.

Over the wire AWS ignores what it does not know. A caller inside the cloud that passes such a parameter (a resource of
a template, say) would get a green light for what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lambent.model import Shape

from .errors import ValidationException

Check = Callable[[Any, str], None]


def compile_names(shape: Shape | None) -> Check:
    """A function (parameters, path) that raises `ValidationException` when a name or a container is not the model's."""
    if shape is None:
        return lambda value, path: _refuse(value, path, {}) if value else None
    return _Compiler().structure(shape)


class _Compiler:
    """Compiles shapes once each; a shape that contains itself finds its own check by name."""

    def __init__(self) -> None:
        self._known: dict[str, Check] = {}

    def compile(self, shape: Shape) -> Check | None:
        if shape.trait("document") or shape.trait("eventstream"):
            return None
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            return _items(self.compile(shape.element))
        if shape.kind == "map":
            return _values(self.compile(shape.value))
        return None

    def structure(self, shape: Shape) -> Check:
        known = self._known.get(shape.name)
        if known is not None:
            return known
        members: dict[str, Check | None] = {}

        def check(value: Any, path: str) -> None:
            if not isinstance(value, Mapping):
                raise _wrong(value, path, "dict")
            if not value.keys() <= members.keys():
                _refuse(value, path, members)
            for name, item in value.items():
                inner = members[name]
                if inner is not None and item is not None:
                    inner(item, f"{path}.{name}" if path else name)

        self._known[shape.name] = check
        members.update((name, self.compile(member)) for name, member in shape.members.items())
        return check


def _items(inner: Check | None) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, list | tuple):
            raise _wrong(value, path, "list")
        for place, item in enumerate(value if inner is not None else ()):
            if inner is not None and item is not None:
                inner(item, f"{path}[{place}]")

    return check


def _values(inner: Check | None) -> Check:
    def check(value: Any, path: str) -> None:
        if not isinstance(value, Mapping):
            raise _wrong(value, path, "dict")
        for key, item in value.items() if inner is not None else ():
            if inner is not None and item is not None:
                inner(item, f"{path}.{key}")

    return check


def _refuse(value: Mapping[str, Any], path: str, members: Mapping[str, Any]) -> None:
    unknown = next(name for name in value if name not in members)
    known = ", ".join(members) or "none"
    raise ValidationException(f'Unknown parameter in {path or "input"}: "{unknown}", must be one of: {known}')


def _wrong(value: Any, path: str, wanted: str) -> ValidationException:
    kind = type(value).__name__
    return ValidationException(f"Invalid type for parameter {path or 'input'}, type: {kind}, valid types: {wanted}")
