"""Validators compiled from a shape's constraints; they word what is wrong as AWS does.

A validator is called with (value, path, errors) and appends to errors; where a shape has nothing to check there is no
validator. Without a path (None) it only finds out whether anything is wrong: paths cost more than checks, and nearly
all requests are right. Paths are written as AWS writes them: member names begin with a lower-case letter, list
positions count from 1, `tags.1.member.key`. A list or map of scalars is shown whole, with every constraint of what it
holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from lambent.contracts.errors import ServiceError
from lambent.model import Shape

from .errors import InvalidParameterException, ValidationError, ValidationException
from .patterns import compile_pattern

Validator = Callable[[Any, str | None, list[str]], None]
_MEASURED = ("string", "blob", "list", "map")
_NUMBERS = ("integer", "long", "short", "byte", "float", "double")
_SCALARS = ("string", "blob", *_NUMBERS)
_WITHOUT = frozenset({"s3", "s3control", "sqs"})
"""Services that check everything by themselves, and word it their own way."""
_WITHOUT_PATTERNS = frozenset({"iam"})
"""Services whose patterns are checked by the service, with words of its own."""
_SECRETIVE = frozenset({"iam"})
"""Services that show neither the value nor the set that it should be of."""
_DISCREET = frozenset({"cognito-idp"})
"""Services that do not show the values of members that are marked as sensitive: `Value at 'password' failed ...`."""
_SHOWN_ALL_THE_SAME = frozenset({"ClientIdType"})
"""Marked as sensitive, and shown: an application's id is no secret."""
_INVALID_PARAMETER = frozenset({"cognito-idp"})
"""Services that have a name of their own for what breaks the model."""
_PREFIXED = frozenset({"apigateway"})
"""Services that name the structure that the body holds: `createRestApiInput.name`."""
_EMPTY_IS_NONE = frozenset({"apigateway"})
"""Services to which the empty text is no value of an enumeration, neither a right nor a wrong one."""
_LOG_NAMES = ("logGroupName", "logStreamName")
_LOG_NAME_MAX = 512
_LONG_LOG_NAME = "Invalid LogGroup or LogStream, both must have length less than or equal to 512."
_WORDINGS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("lambda", "CompatibleRuntimes"): "Member must satisfy enum value set: [{}]",
        ("lambda", "CompatibleArchitectures"): (
            "Member must satisfy constraint: [Member must satisfy enum value set: [{}], Member must not be null]"
        ),
    }
)
"""Lists whose complaint AWS words unlike all others; `{}` is the enumeration."""


def compile_validator(service: str, shape: Shape | None) -> Callable[[dict[str, Any]], None] | None:
    """A function that raises the service's validation error unless `params` keep the constraints; None: no checks."""
    if shape is None or service in _WITHOUT or shape.trait("opaque"):
        return None
    check = _Compiler(service).parameters(shape)
    if check is None:
        return None
    found_in = _error_class(service, shape)

    names_logs = service == "logs" and shape.name in ("CreateLogGroupRequest", "CreateLogStreamRequest")

    def validate(params: dict[str, Any]) -> None:
        broken: list[str] = []
        check(params, None, broken)
        if broken:
            if names_logs and any(len(params.get(name, "")) > _LOG_NAME_MAX for name in _LOG_NAMES):
                raise found_in(_LONG_LOG_NAME)
            errors: list[str] = []
            check(params, "", errors)
            noun = "error" if len(errors) == 1 else "errors"
            raise found_in(f"{len(errors)} validation {noun} detected: {'; '.join(errors)}")

    return validate


def compile_constraints(service: str, shape: Shape) -> Validator | None:
    """The constraints of an operation's parameters, for a service that checks opaque ones itself: a validator of
    values whose types are right, called with (parameters, "" or None, errors)."""
    return _Compiler(service).parameters(shape)


def _error_class(service: str, shape: Shape) -> type[ServiceError]:
    model = shape._service
    if model.metadata["protocol"] in ("query", "ec2"):
        return ValidationError
    declared = {
        reference["shape"]
        for operation in model.operations.values()
        if operation.data.get("input", {}).get("shape") == shape.name
        for reference in operation.data.get("errors", ())
    }
    if service in _INVALID_PARAMETER:
        return InvalidParameterException
    # CloudWatch Logs: operations from before the common name answer with the code that they declare.
    if service == "logs" and "InvalidParameterException" in declared and "ValidationException" not in declared:
        return InvalidParameterException
    return ValidationException


def bean(name: str) -> str:
    """A member's name as AWS's messages spell it."""
    return name[:1].lower() + name[1:]


def show(value: Any, shape: Shape | None = None) -> str:
    """A value as AWS's Java services print it; structures by name, with the members that they lack as null, also
    those that only AWS's own code knows."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        element = shape.element if shape is not None and shape.kind == "list" else None
        return f"[{', '.join(show(item, element) for item in value)}]"
    if isinstance(value, Mapping):
        if shape is not None and shape.kind == "structure":
            members = [f"{bean(name)}={show(value.get(name), member)}" for name, member in shape.members.items()]
            members += [f"{name}=null" for name in shape.trait("unpublished") or ()]
            return f"{shape.name}({', '.join(members)})"
        return "{" + ", ".join(f"{key}={show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, bytes | bytearray):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return str(value)


class _Compiler:
    """Compiles shapes once each; recursive shapes find their own validator by name."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._patterns = service not in _WITHOUT_PATTERNS
        self._secretive = service in _SECRETIVE
        self._known: dict[str, Validator | None] = {}
        self._open: set[str] = set()

    def parameters(self, shape: Shape) -> Validator | None:
        """The validator of an operation's parameters."""
        if self._service not in _PREFIXED:
            return self.structure(shape)
        prefix = f"{bean(shape.name.removesuffix('Request'))}Input."
        return self.structure(shape, lambda name, member: "" if member.trait("location") else prefix)

    def compile(self, shape: Shape) -> Validator | None:
        """The validator of one value; None where any will do."""
        if shape.trait("opaque"):
            return None
        if shape.kind == "structure":
            return None if shape.trait("document") else self.structure(shape)
        if shape.kind == "list":
            return self._list(shape)
        if shape.kind == "map":
            return self._map(shape)
        rules = [] if shape.streaming else list(self._rules(shape))
        return self._scalar(rules, self._hides(shape)) if rules else None

    def structure(self, shape: Shape, prefix: Callable[[str, Shape], str] | None = None) -> Validator | None:
        """The validator of a structure; `prefix` gives what stands before a member's name."""
        if shape.name in self._known:
            return self._known[shape.name]
        if shape.name in self._open:
            return self._later(shape.name)
        self._open.add(shape.name)

        def spelled(name: str) -> str:
            return (prefix(name, shape.members[name]) if prefix is not None else "") + bean(name)

        checks = [(n, spelled(n), check) for n, m in shape.members.items() if (check := self.compile(m)) is not None]
        required = tuple((name, spelled(name)) for name in shape.required if not _filled(shape, name))
        self._open.discard(shape.name)
        self._known[shape.name] = self._structure(checks, required) if checks or required else None
        return self._known[shape.name]

    def _later(self, name: str) -> Validator:
        """The validator of a shape that contains itself: looked up when it runs, for it is not finished yet."""

        def validate(value: Any, path: str | None, errors: list[str]) -> None:
            check = self._known[name]
            if check is not None:
                check(value, path, errors)

        return validate

    def _structure(self, checks: list[tuple[str, str, Validator]], required: tuple[tuple[str, str], ...]) -> Validator:
        by_name = {name: check for name, _, check in checks}

        def validate(value: Any, path: str | None, errors: list[str]) -> None:
            if path is None:
                for name, _ in required:
                    if value.get(name) is None:
                        errors.append("")
                for name, item in value.items():
                    if item is not None and name in by_name:
                        by_name[name](item, None, errors)
                return
            prefix = f"{path}." if path else ""
            for name, spelled in required:
                if value.get(name) is None:
                    errors.append(self._say("null", prefix + spelled, "Member must not be null"))
            for name, spelled, check in checks:
                item = value.get(name)
                if item is not None:
                    check(item, prefix + spelled, errors)

        return validate

    def _hides(self, shape: Shape) -> bool:
        return self._service in _DISCREET and bool(shape.trait("sensitive")) and shape.name not in _SHOWN_ALL_THE_SAME

    def _scalar(self, rules: list[tuple[Callable[[Any], bool], str]], hidden: bool) -> Validator:
        def validate(value: Any, path: str | None, errors: list[str]) -> None:
            for broken, words in rules:
                if broken(value):
                    errors.append(self._say("" if hidden else f"'{show(value)}'", path, words))

        return validate

    def _list(self, shape: Shape) -> Validator | None:
        size = list(_sizes(shape))
        element = shape.element
        check: Validator | None
        inner: list[tuple[Callable[[Any], bool], str]] = []
        words = ""
        if element.kind in _SCALARS:
            check, inner = None, list(self._rules(element))
            words = f"Member must satisfy constraint: [{', '.join(self._described(element))}]"
            own = _WORDINGS.get((self._service, shape.name))
            words = words if own is None else own.format(", ".join(element.enum))
        else:
            check = self.compile(element)
        if not size and check is None and not inner:
            return None

        def validate(value: Any, path: str | None, errors: list[str]) -> None:
            for broken, complaint in size:
                if broken(value):
                    errors.append(self._say(f"'{show(value, shape)}'", path, complaint))
            if inner and any(broken(item) for item in value if item is not None for broken, _ in inner):
                errors.append(self._say(f"'{show(value, shape)}'", path, words))
            if check is not None:
                for number, item in enumerate(value, 1):
                    if item is not None:
                        check(item, None if path is None else f"{path}.{number}.member", errors)

        return validate

    def _map(self, shape: Shape) -> Validator | None:
        size, keys = list(_sizes(shape)), list(self._rules(shape.key))
        value_shape = shape.value
        scalar = value_shape.kind in _SCALARS
        values = list(self._rules(value_shape)) if scalar else []
        check = None if scalar else self.compile(value_shape)
        if not size and not keys and not values and check is None:
            return None
        key_words = f"Map keys must satisfy constraint: [{', '.join(self._described(shape.key))}]"
        value_words = f"Map value must satisfy constraint: [{', '.join(self._described(value_shape))}]"

        def validate(value: Any, path: str | None, errors: list[str]) -> None:
            for broken, complaint in size:
                if broken(value):
                    errors.append(self._say(f"'{show(value)}'", path, complaint))
            if keys and any(broken(key) for key in value for broken, _ in keys):
                errors.append(self._say(f"'{show(value)}'", path, key_words))
            if values and any(broken(item) for item in value.values() if item is not None for broken, _ in values):
                errors.append(self._say(f"'{show(value)}'", path, value_words))
            if check is not None:
                for key, item in value.items():
                    if item is not None:
                        check(item, None if path is None else f"{path}.{key}.member", errors)

        return validate

    def _rules(self, shape: Shape) -> Iterator[tuple[Callable[[Any], bool], str]]:
        """What a scalar must keep, in the order in which AWS complains: (is it broken, the words)."""
        if shape.enum:
            allowed = frozenset(shape.enum) | ({""} if self._service in _EMPTY_IS_NONE else frozenset())
            listed = "" if self._secretive else f": [{', '.join(shape.enum)}]"
            yield lambda value: value not in allowed, f"Member must satisfy enum value set{listed}"
            return
        fits = compile_pattern(shape.trait("pattern")) if self._patterns and shape.kind == "string" else None
        if fits is not None:
            yield lambda value: not fits(value), f"Member must satisfy regular expression pattern: {_written(shape)}"
        yield from _sizes(shape)
        yield from _ranges(shape)

    def _described(self, shape: Shape) -> list[str]:
        """Every constraint of a scalar, also those that nothing can break, as AWS lists them inside brackets."""
        if shape.enum:
            return [words for _, words in self._rules(shape)]
        least, most = shape.trait("min"), shape.trait("max")
        noun = "value" if shape.kind in _NUMBERS else "length"
        found = []
        if most is not None:
            found.append(f"Member must have {noun} less than or equal to {most}")
        if least is not None:
            found.append(f"Member must have {noun} greater than or equal to {least}")
        if self._patterns and shape.trait("pattern"):
            found.append(f"Member must satisfy regular expression pattern: {_written(shape)}")
        return found

    def _say(self, shown: str, path: str | None, constraint: str) -> str:
        value = "" if not shown or (self._secretive and shown != "null") else f" {shown}"
        return f"Value{value} at '{path}' failed to satisfy constraint: {constraint}"


def _written(shape: Shape) -> str:
    return str(shape.trait("pattern"))


def _filled(shape: Shape, name: str) -> bool:
    """An idempotency token that is missing is made by the service; a streaming body is always there."""
    member = shape.members.get(name)
    return member is None or bool(member.trait("idempotencyToken")) or member.streaming


def _sizes(shape: Shape) -> Iterator[tuple[Callable[[Any], bool], str]]:
    """The bounds of a length."""
    if shape.kind not in _MEASURED:
        return
    least, most = shape.trait("min"), shape.trait("max")
    if most is not None:
        yield lambda value: len(value) > most, f"Member must have length less than or equal to {most}"
    if least:
        yield lambda value: len(value) < least, f"Member must have length greater than or equal to {least}"


def _ranges(shape: Shape) -> Iterator[tuple[Callable[[Any], bool], str]]:
    """The bounds of a number."""
    if shape.kind not in _NUMBERS:
        return
    least, most = shape.trait("min"), shape.trait("max")
    if most is not None:
        yield lambda value: value > most, f"Member must have value less than or equal to {most}"
    if least is not None:
        yield lambda value: value < least, f"Member must have value greater than or equal to {least}"
