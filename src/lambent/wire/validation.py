"""Validators compiled from a shape's constraints; they word what is wrong as AWS does.

A validator is called with (value, path, errors) and appends to errors; where a shape has nothing to check there is no
validator. Paths are written as AWS writes them: member names begin with a lower-case letter, list positions count
from 1: `messageAttributeNames.1.member`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from lambent.contracts.errors import ServiceError
from lambent.model import Shape

from .errors import ValidationError, ValidationException

Validator = Callable[[Any, str, list[str]], None]
_MEASURED = {"string": "length", "blob": "length", "list": "length", "map": "length"}
_NUMBERS = ("integer", "long", "short", "byte", "float", "double")
_WITHOUT = frozenset({"s3", "s3control"})
"""Services that check everything by themselves, and word it their own way."""
_WITHOUT_PATTERNS = frozenset({"iam", "sts"})
"""Services whose patterns are checked by the service, with other codes."""


def compile_validator(service: str, shape: Shape | None) -> Callable[[dict[str, Any]], None] | None:
    """A function that raises the service's validation error unless `params` keep the constraints; None: no checks."""
    if shape is None or service in _WITHOUT:
        return None
    check = _Compiler(service not in _WITHOUT_PATTERNS).structure(shape)
    if check is None:
        return None
    found_in: type[ServiceError] = ValidationException
    if shape._service.metadata["protocol"] in ("query", "ec2"):
        found_in = ValidationError

    def validate(params: dict[str, Any]) -> None:
        errors: list[str] = []
        check(params, "", errors)
        if errors:
            noun = "error" if len(errors) == 1 else "errors"
            raise found_in(f"{len(errors)} validation {noun} detected: {'; '.join(errors)}")

    return validate


def bean(name: str) -> str:
    """A member's name as AWS's messages spell it."""
    return name[:1].lower() + name[1:]


def say(value: Any, path: str, constraint: str) -> str:
    """One complaint."""
    shown = "null" if value is None else f"'{show(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def show(value: Any) -> str:
    """A value as AWS's Java services print it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(show(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, bytes | bytearray):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)


class _Compiler:
    """Compiles shapes once each; recursive shapes find their own validator by name."""

    def __init__(self, patterns: bool) -> None:
        self._patterns = patterns
        self._known: dict[str, Validator | None] = {}
        self._open: set[str] = set()

    def compile(self, shape: Shape) -> Validator | None:
        if shape.kind == "structure":
            return self.structure(shape)
        if shape.kind == "list":
            return self._list(shape)
        if shape.kind == "map":
            return self._map(shape)
        if shape.kind in _NUMBERS:
            return self._number(shape)
        if shape.kind in ("string", "blob"):
            return self._text(shape)
        return None

    def structure(self, shape: Shape) -> Validator | None:
        if shape.name in self._known:
            return self._known[shape.name]
        if shape.name in self._open:
            # Recursive: looked up when it runs, for it is not finished yet.
            return self._later(shape.name)
        self._open.add(shape.name)
        members = [(n, bean(n), check) for n, m in shape.members.items() if (check := self.compile(m)) is not None]
        required = tuple((name, bean(name)) for name in shape.required if not _filled(shape, name))
        self._open.discard(shape.name)
        self._known[shape.name] = _structure(members, required) if members or required else None
        return self._known[shape.name]

    def _later(self, name: str) -> Validator:
        def validate(value: Any, path: str, errors: list[str]) -> None:
            found = self._known[name]
            if found is not None:
                found(value, path, errors)

        return validate

    def _list(self, shape: Shape) -> Validator | None:
        size = _size(shape)
        element = shape.element
        if element.kind == "string" and element.enum:
            return _enum_list(size, element.enum)
        check = self.compile(element)
        if check is None:
            return size

        def validate(value: Any, path: str, errors: list[str]) -> None:
            if size is not None:
                size(value, path, errors)
            for number, item in enumerate(value, 1):
                check(item, f"{path}.{number}.member", errors)

        return validate

    def _map(self, shape: Shape) -> Validator | None:
        size, check, check_key = _size(shape), self.compile(shape.value), self.compile(shape.key)
        if check is None and check_key is None:
            return size

        def validate(value: Any, path: str, errors: list[str]) -> None:
            if size is not None:
                size(value, path, errors)
            for key, item in value.items():
                if check_key is not None:
                    check_key(key, f"{path}.{key}.key", errors)
                if check is not None:
                    check(item, f"{path}.{key}.member", errors)

        return validate

    @staticmethod
    def _number(shape: Shape) -> Validator | None:
        least, most = shape.trait("min"), shape.trait("max")
        if least is None and most is None:
            return None

        def validate(value: Any, path: str, errors: list[str]) -> None:
            if most is not None and value > most:
                errors.append(say(value, path, f"Member must have value less than or equal to {most}"))
            if least is not None and value < least:
                errors.append(say(value, path, f"Member must have value greater than or equal to {least}"))

        return validate

    def _text(self, shape: Shape) -> Validator | None:
        size = None if shape.streaming else _size(shape)
        pattern = compile_pattern(shape.trait("pattern")) if self._patterns else None
        enum = shape.enum
        if size is None and pattern is None and not enum:
            return None
        allowed = frozenset(enum)
        wanted = f"Member must satisfy enum value set: [{', '.join(enum)}]"
        written = str(shape.trait("pattern"))

        def validate(value: Any, path: str, errors: list[str]) -> None:
            if size is not None:
                size(value, path, errors)
            if allowed and value not in allowed:
                errors.append(say(value, path, wanted))
            elif pattern is not None and pattern(value) is None:
                errors.append(say(value, path, f"Member must satisfy regular expression pattern: {written}"))

        return validate


def compile_pattern(pattern: str | None) -> Callable[[str], re.Match[str] | None] | None:
    """The full-match function of a model's regular expression; None where Python has no equal of it."""
    if not pattern or pattern in (".*", "[\\s\\S]*"):
        return None
    translated = pattern.replace("\\p{L}", "\\w").replace("\\p{N}", "\\d").replace("\\p{Z}", "\\s")
    try:
        return re.compile(translated).fullmatch
    except (re.error, OverflowError):
        return None


def _filled(shape: Shape, name: str) -> bool:
    """An idempotency token that is missing is made by the service; a streaming body is always there."""
    member = shape.members.get(name)
    return member is None or bool(member.trait("idempotencyToken")) or member.streaming


def _structure(members: list[tuple[str, str, Validator]], required: tuple[tuple[str, str], ...]) -> Validator:
    def validate(value: Any, path: str, errors: list[str]) -> None:
        prefix = f"{path}." if path else ""
        for name, spelled in required:
            if value.get(name) is None:
                errors.append(say(None, prefix + spelled, "Member must not be null"))
        for name, spelled, check in members:
            item = value.get(name)
            if item is not None:
                check(item, prefix + spelled, errors)

    return validate


def _size(shape: Shape) -> Validator | None:
    least, most = shape.trait("min"), shape.trait("max")
    if shape.kind not in _MEASURED or (not least and most is None):
        return None

    def validate(value: Any, path: str, errors: list[str]) -> None:
        length = len(value)
        if most is not None and length > most:
            errors.append(say(value, path, f"Member must have length less than or equal to {most}"))
        if least and length < least:
            errors.append(say(value, path, f"Member must have length greater than or equal to {least}"))

    return validate


def _enum_list(size: Validator | None, enum: tuple[str, ...]) -> Validator:
    allowed = frozenset(enum)
    wanted = f"Member must satisfy constraint: [Member must satisfy enum value set: [{', '.join(enum)}]]"

    def validate(value: Any, path: str, errors: list[str]) -> None:
        if size is not None:
            size(value, path, errors)
        if any(item not in allowed for item in value):
            errors.append(say(value, path, wanted))

    return validate
