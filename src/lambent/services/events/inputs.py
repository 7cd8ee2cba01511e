"""What a target gets of an event: all of it, a part (InputPath), a constant (Input) or a text made of it
(InputTransformer). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from .errors import ValidationException, invalid
from .model import Sent, moment

_PLACEHOLDER: Final = re.compile(r"<([A-Za-z0-9_.\-]+)>")
_RESERVED: Final = (
    "aws.events.rule-arn",
    "aws.events.rule-name",
    "aws.events.event",
    "aws.events.event.json",
    "aws.events.event.ingestion-time",
)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\['([^']*)'\]|\[(\d+|\*)\]")
_decoder: Final = json.JSONDecoder()
_MISSING: Final = object()


class BadInput(Exception):
    """What the template makes of the event is no JSON: the event cannot be sent."""


def check(spec: Mapping[str, Any]) -> None:
    """Raise AWS's error unless a target's input is well said."""
    given = [name for name in ("Input", "InputPath", "InputTransformer") if spec.get(name) is not None]
    if len(given) > 1:
        raise ValidationException(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {spec['Id']}."
        )
    if "Input" in given:
        try:
            json.loads(spec["Input"])
        except ValueError:
            raise ValidationException(f"JSON syntax error in input for target {spec['Id']} : {spec['Input']}") from None
    if "InputPath" in given:
        _check_path(spec["InputPath"], spec["Id"])
    if "InputTransformer" not in given:
        return
    paths = spec["InputTransformer"].get("InputPathsMap", {})
    for name, path in paths.items():
        if name.upper().startswith("AWS"):
            raise invalid("InputPathsMap", f"{name} begins with AWS, which is reserved.")
        _check_path(path, spec["Id"])
    for name in _PLACEHOLDER.findall(spec["InputTransformer"]["InputTemplate"]):
        if name not in paths and name not in _RESERVED:
            raise ValidationException(f"InputTemplate for target {spec['Id']} contains invalid placeholder {name}.")


def _check_path(path: str, id: str) -> None:
    if steps(path) is None:
        raise ValidationException(f"Invalid InputPath for target {id}.")


def steps(path: str) -> list[str | int] | None:
    """The steps of a JSON path; `*` is all elements of a list. None when it is no path."""
    if not path.startswith("$"):
        return None
    found: list[str | int] = []
    at = 1
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        name = match[1] if match[1] is not None else match[2]
        found.append(name if name is not None else (-1 if match[3] == "*" else int(match[3])))
        at = match.end()
    return found


def look(event: Any, path: str) -> Any:
    """What lies at a path; None where nothing does."""
    found = _follow(event, steps(path) or [])
    return None if found is _MISSING else found


def _follow(value: Any, way: list[str | int]) -> Any:
    for number, step in enumerate(way):
        if isinstance(step, str):
            if not isinstance(value, dict) or step not in value:
                return _MISSING
            value = value[step]
        elif not isinstance(value, list) or step >= len(value):
            return _MISSING
        elif step < 0:
            every = (_follow(item, way[number + 1 :]) for item in value)
            return [item for item in every if item is not _MISSING]
        else:
            value = value[step]
    return value


def payload(spec: Mapping[str, Any], event: Sent, rule_arn: str, ingested_ms: int) -> bytes:
    """What a target gets. `BadInput` when that cannot be made."""
    if spec.get("Input") is not None:
        return str(spec["Input"]).encode()
    if spec.get("InputPath"):
        return orjson.dumps(look(event, spec["InputPath"]))
    if spec.get("InputTransformer"):
        return _transform(spec["InputTransformer"], event, rule_arn, ingested_ms).encode()
    return orjson.dumps(event)


def _transform(transformer: Mapping[str, Any], event: Sent, rule_arn: str, ingested_ms: int) -> str:
    values: dict[str, Any] = {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": moment(ingested_ms),
    }
    for name, path in transformer.get("InputPathsMap", {}).items():
        values[name] = look(event, path)
    template: str = transformer["InputTemplate"]
    made = _fill(template, values, is_text=template.lstrip().startswith('"'))
    _check_json(made)
    return made


def _fill(template: str, values: Mapping[str, Any], *, is_text: bool) -> str:
    """The template with values in it. Inside quotes a string is itself; a list or object loses its quotes in a template
    that is text, and keeps them (which seldom leaves JSON) in one that is an object."""
    made: list[str] = []
    quoted = False
    at = 0
    while at < len(template):
        character = template[at]
        match = _PLACEHOLDER.match(template, at) if character == "<" else None
        if match is not None and match[1] in values:
            made.append(_inside(values[match[1]], is_text) if quoted else _outside(values[match[1]]))
            at = match.end()
            continue
        if character == "\\" and quoted:
            made.append(template[at : at + 2])
            at += 2
            continue
        if character == '"':
            quoted = not quoted
        made.append(character)
        at += 1
    return "".join(made)


def _inside(value: Any, is_text: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)[1:-1]
    text = orjson.dumps(value).decode()
    return text.replace('"', "") if is_text else text


def _outside(value: Any) -> str:
    return '""' if value is None else orjson.dumps(value).decode()


def _check_json(text: str) -> None:
    """`BadInput` unless a text is JSON values, one after another: a template of several lines is several strings."""
    at = 0
    try:
        while True:
            while at < len(text) and text[at] in " \t\r\n":
                at += 1
            if at == len(text):
                return
            _, at = _decoder.raw_decode(text, at)
    except ValueError as error:
        raise BadInput(f"The input template makes no JSON of the event: {error}") from None


def http_parameters(given: Mapping[str, Any], event: Sent) -> dict[str, Any]:
    """HttpParameters of a target with the event's values where they say a path: of the event itself, whatever the
    target's input is. Where nothing is: an empty text."""

    def said(value: str) -> str:
        way = steps(value)
        found = _follow(event, way) if way else value
        if found is None or found is _MISSING:
            return ""
        return found if isinstance(found, str) else orjson.dumps(found).decode()

    pairs = ("HeaderParameters", "QueryStringParameters")
    found = {name: {key: said(value) for key, value in given.get(name, {}).items()} for name in pairs}
    return {**found, "PathParameterValues": [said(value) for value in given.get("PathParameterValues", ())]}


def says(spec: Mapping[str, Any]) -> bool:
    """Whether a target gets anything other than the event."""
    return any(spec.get(name) is not None for name in ("Input", "InputPath", "InputTransformer"))
