"""Request validators: required parameters, and bodies against models (JSON schema, draft 4).

Nothing is ever fetched: a `$ref` leads into its own schema or to another model of the API. Schemas are compiled once
and cached by their texts. A validation has a budget as templates have one, so neither a schema that multiplies itself
by its references nor a runaway `pattern` holds the event loop; what exceeds it counts as invalid.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from . import patterns
from .budget import Budget
from .errors import BodyNotJson, TemplateFailed
from .scope import Scope, parse_json
from .variables import header_values

INVALID_BODY: Final = "Invalid request body"
_MODELS: Final = "https://apigateway.amazonaws.com/restapis/"
_STEPS_LEAST: Final = 100_000
_STEPS_A_BYTE: Final = 20
_STEPS_MAX: Final = 1_000_000
"""Work grows with the body, up to some tenths of a second."""
_STEPS_EACH: Final = 5
"""Steps of the budget that one `$ref`, property or item costs, for each is some microseconds of work."""
_REFERENCE_STEPS: Final = 25

Validator = Any
"""A validator of the `jsonschema` package, or None for a schema that accepts nothing because it is broken."""
Model = Callable[[str], str | None]
"""The schema of a model by its name; None when the API has no such model."""


def missing_parameters(parameters: Mapping[str, bool], scope: Scope) -> list[str]:
    """Names of the required parameters (`method.request.querystring.q`: true) that are missing or blank, in the order
    in which API Gateway names them."""
    return [
        name
        for kind, name in sorted(_required(parameters))
        if not any(value.strip() for value in _values(kind, name, scope))
    ]


def missing_text(names: Iterable[str]) -> str:
    """What the caller is told: response type BAD_REQUEST_PARAMETERS, status 400."""
    return f"Missing required request parameters: [{', '.join(names)}]"


def _required(parameters: Mapping[str, bool]) -> Iterator[tuple[str, str]]:
    for parameter, required in parameters.items():
        kind, _, name = parameter.removeprefix("method.request.").partition(".")
        if required and name:
            yield kind.removeprefix("multivalue"), name


def _values(kind: str, name: str, scope: Scope) -> Iterable[str]:
    if kind == "path":
        return [scope.path.get(name, "")]
    return scope.query.get(name, ()) if kind == "querystring" else header_values(scope.headers, name)


def model_name(models: Mapping[str, str], content_type: str) -> str | None:
    """The model for a request: of its media type (application/json when it names none), or `$default`."""
    media_type = content_type.partition(";")[0].strip().lower() or "application/json"
    by_type = {key.lower(): name for key, name in models.items()}
    return by_type.get(media_type, by_type.get("$default"))


def body_faults(body: bytes, schema: str, model: Model) -> list[str]:
    """What is wrong with a body, in sentences for `$context.error.validationErrorString`; empty when it fits. The
    caller is told `INVALID_BODY`: response type BAD_REQUEST_BODY, status 400. An empty body is `{}`."""
    try:
        document = parse_json(body)
    except BodyNotJson as error:
        return [str(error)]
    try:
        validator = _validator(schema, _referenced(schema, model))
    except TemplateFailed as error:
        return [str(error)]
    return _faults(validator, document, Budget(min(_STEPS_MAX, _STEPS_LEAST + _STEPS_A_BYTE * len(body))))


def _referenced(schema: str, model: Model) -> tuple[tuple[str, str], ...]:
    """The models that a schema leads to, directly and through others, by address: the schema's whole meaning is then in
    its text and theirs."""
    found: dict[str, str] = {}
    waiting = [schema]
    while waiting:
        for address in _addresses(waiting.pop()):
            text = model(address.partition("#")[0].rpartition("/")[2]) if address.startswith(_MODELS) else None
            base = address.partition("#")[0]
            if text is not None and base not in found:
                found[base] = text
                waiting.append(text)
    return tuple(sorted(found.items()))


@functools.lru_cache(maxsize=1024)
def _addresses(schema: str) -> tuple[str, ...]:
    """Where the `$ref` of a schema lead outside of it."""
    found: list[str] = []
    waiting = [_schema_of(schema)]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            reference = here.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                found.append(reference)
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
    return tuple(dict.fromkeys(found))


@functools.lru_cache(maxsize=1024)
def _schema_of(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise TemplateFailed(f"a model's schema is no JSON: {error}") from None


@functools.lru_cache(maxsize=512)
def _validator(schema: str, others: tuple[tuple[str, str], ...]) -> Validator:
    """A validator for a schema that may lead to `others`. The packages cost 0.2 s to import, at the first validator."""
    import jsonschema  # type: ignore[import-untyped, unused-ignore]
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT4

    base = jsonschema.Draft4Validator
    kind = jsonschema.validators.extend(base, _keywords(base.VALIDATORS))
    document = _schema_of(schema)
    try:
        kind.check_schema(document)
        resources = [
            (address, Resource.from_contents(_schema_of(text), default_specification=DRAFT4))
            for address, text in others
        ]
        return kind(document, registry=Registry().with_resources(resources))
    except (jsonschema.SchemaError, RecursionError) as error:
        raise TemplateFailed(f"a model's schema is wrong: {error.args[0] if error.args else error}") from None


class _Spending:
    """Carries the budget of one validation in the place of a checker of formats, the one thing that a validator hands
    on to all its parts."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget

    def check(self, instance: Any, format: str) -> None:
        """Formats are not checked."""


def _keywords(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Draft 4's keywords of which one can be made to do much work, with the budget."""

    def spending(keyword: str, steps: Callable[[Any], int]) -> Any:
        check = plain[keyword]

        def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
            validator.format_checker.budget.spend(steps(instance))
            return check(validator, value, instance, schema)

        return checked

    def each(instance: Any) -> int:
        return _STEPS_EACH * (1 + len(instance)) if isinstance(instance, list | dict) else _STEPS_EACH

    return {
        "$ref": spending("$ref", lambda instance: _REFERENCE_STEPS),
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(plain["additionalProperties"]),
        "uniqueItems": _unique,
        **{keyword: spending(keyword, each) for keyword in ("properties", "items", "allOf", "anyOf", "oneOf", "not")},
        "enum": spending("enum", each),
    }


def _fault(text: str) -> Any:
    import jsonschema

    return jsonschema.ValidationError(text)


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if isinstance(instance, str) and not patterns.found(
        patterns.compiled(pattern), instance, validator.format_checker.budget
    ):
        yield _fault(f'ECMA 262 regex "{pattern}" does not match input string "{instance[:100]}"')


def _pattern_properties(validator: Any, properties: Any, instance: Any, schema: Any) -> Iterator[Any]:
    if not isinstance(instance, dict):
        return
    for pattern, part in properties.items():
        compiled = patterns.compiled(pattern)
        for name, value in instance.items():
            if patterns.found(compiled, name, validator.format_checker.budget):
                yield from validator.descend(value, part, path=name, schema_path=pattern)


def _additional_properties(plain: Any) -> Any:
    """The package asks all patterns at once through Python's own expressions; here one by one, in bounds."""

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(instance, dict):
            return
        budget = validator.format_checker.budget
        budget.spend(_STEPS_EACH * (1 + len(instance)))
        compiled = [patterns.compiled(pattern) for pattern in schema.get("patternProperties", {})]
        known = schema.get("properties", {})
        extras = {
            name: item
            for name, item in instance.items()
            if name not in known and not any(patterns.found(pattern, name, budget) for pattern in compiled)
        }
        if extras and value is False:
            names = orjson.dumps(sorted(extras)).decode()
            yield _fault(f"object instance has properties which are not allowed by the schema: {names}")
            return
        yield from plain(validator, value, extras, {})

    return check


def _unique(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """By the items' texts, so in the time of one look at each."""
    if not value or not isinstance(instance, list):
        return
    validator.format_checker.budget.spend(len(instance))
    try:
        texts = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in instance}
    except TypeError:  # whole numbers beyond 64 bits
        texts = {repr(item).encode() for item in instance}
    if len(texts) < len(instance):
        yield _fault("array must not contain duplicate elements")


def _faults(validator: Validator, document: Any, budget: Budget) -> list[str]:
    from referencing.exceptions import Unresolvable

    running = validator.evolve(format_checker=_Spending(budget))
    faults: list[str] = []
    try:
        for fault in running.iter_errors(document):
            faults.append(_sentence(fault))
            if len(faults) == 20:
                break
    except (TemplateFailed, Unresolvable, RecursionError) as error:
        faults.append(f"the model cannot be applied: {type(error).__name__}")
    return faults


_KINDS: Final = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


def _sentence(fault: Any) -> str:
    """A fault in the words of the library that API Gateway uses, where it is one of the common ones."""
    instance, value = fault.instance, fault.validator_value
    match fault.validator:
        case "required":
            missing = [name for name in value if isinstance(instance, dict) and name not in instance]
            return f"object has missing required properties ({orjson.dumps(missing).decode()})"
        case "type":
            allowed = orjson.dumps(value if isinstance(value, list) else [value]).decode()
            kind = "null" if instance is None else _KINDS.get(type(instance), "any")
            return f"instance type ({kind}) does not match any allowed primitive type (allowed: {allowed})"
        case "enum":
            choices = _shown(value)
            return f"instance value ({_shown(instance)}) not found in enum (possible values: {choices})"
    said = _SENTENCES.get(fault.validator)
    return (said(fault) if said is not None else str(fault.message))[:500]


def _shown(value: Any) -> str:
    """A value as JSON, also a whole number beyond 64 bits."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _limit(side: str, name: str, opposite: str) -> Callable[[Any], str]:
    """What is said of a number beyond its limit, or at one that it may not reach."""

    def say(fault: Any) -> str:
        shown = _shown(fault.validator_value)
        if fault.schema.get(f"exclusive{name.capitalize()}") is True and fault.instance == fault.validator_value:
            return f"numeric instance is not strictly {opposite} than the required {name} {shown}"
        return f"numeric instance is {side} than the required {name} ({name}: {shown}, found: {_shown(fault.instance)})"

    return say


def _sized(words: str) -> Callable[[Any], str]:
    """What is said of a size, from words with `{found}`, `{value}` and `{shown}` (the text itself)."""
    return lambda fault: words.format(
        found=len(fault.instance), value=fault.validator_value, shown=str(fault.instance)[:100]
    )


_SENTENCES: Final[Mapping[str, Callable[[Any], str]]] = {
    "minimum": _limit("lower", "minimum", "greater"),
    "maximum": _limit("greater", "maximum", "lower"),
    "minLength": _sized('string "{shown}" is too short (length: {found}, required minimum: {value})'),
    "maxLength": _sized('string "{shown}" is too long (length: {found}, maximum allowed: {value})'),
    "minItems": _sized("array is too short: must have at least {value} elements but instance has {found} elements"),
    "maxItems": _sized("array is too long: must have at most {value} elements but instance has {found} elements"),
    "minProperties": _sized("object has too few properties (found {found} but schema requires at least {value})"),
    "maxProperties": _sized("object has too many properties (found {found} but schema requires at most {value})"),
    "multipleOf": lambda fault: f"remainder of division is not zero ({fault.instance} / {fault.validator_value})",
    "anyOf": lambda fault: f"instance failed to match at least one required schema among {len(fault.validator_value)}",
    "not": lambda fault: "instance matched a schema which it should not have matched",
}


def fault_text(faults: list[str]) -> str:
    """`$context.error.validationErrorString`."""
    return f"[{', '.join(dict.fromkeys(faults))}]"
