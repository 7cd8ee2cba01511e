"""What log events measure: metric filters, and the embedded metric format (`_aws` in a message that is JSON).

Measurements are told to CloudWatch after the commit, as of now: CloudWatch's minutes are those in which events arrive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from lambent.contracts import arn
from lambent.contracts.ports import Metrics, Transaction

from .model import GroupRecord, MetricFilter
from .patterns import compile_pattern

UNITS: Final = frozenset(
    (
        *("Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes"),
        *("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second"),
        *("Kilobytes/Second", "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second"),
        *("Kilobits/Second", "Megabits/Second", "Gigabits/Second", "Terabits/Second", "Count/Second", "None"),
    )
)
_MEASURES_MAX: Final = 10_000
"""Of one batch of events: what is more is dropped, so that no line of a log can hold up the cloud."""
_VALUES_MAX: Final = 100
_MARK: Final = '"_aws"'


class Measure(NamedTuple):
    """One measurement, as `Metrics.note` takes it."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: tuple[tuple[str, str], ...]


def measure(tx: Transaction, metrics: Metrics, group: GroupRecord, batch: list[dict[str, Any]]) -> None:
    """Tell, after the commit, what events of a group measure."""
    found: list[Measure] = []
    for one in group.metric_filters:
        found += filtered(one, [event["message"] for event in batch])
    for event in batch:
        message = event["message"]
        if _MARK in message and len(found) < _MEASURES_MAX:
            found += embedded(message)
    if found:
        tx.on_commit(partial(_tell, metrics, group.arn, found[:_MEASURES_MAX]))


def _tell(metrics: Metrics, group_arn: str, found: list[Measure]) -> None:
    owner = arn.parse(group_arn)
    for one in found:
        metrics.note(owner.account, owner.region, *one)


# -- metric filters ---------------------------------------------------------------------------------------------------


def filtered(given: MetricFilter, messages: list[str]) -> list[Measure]:
    """What messages measure by a metric filter; its default value when none of them matches."""
    pattern, unit = compile_pattern(given.pattern), given.unit or "None"
    matched = False
    measures: list[Measure] = []
    for message in messages:
        fields = pattern.match(message)
        if fields is None:
            continue
        matched = True
        value = _number(_taken(given.value, message, fields))
        taken = {name: _taken(source, message, fields) for name, source in given.dimensions.items()}
        if value is None or not all(taken.values()):
            continue
        dimensions = tuple((name, text) for name, text in taken.items() if text)
        measures.append(Measure(given.namespace, given.metric, value, unit, dimensions))
    if not matched and given.default is not None:
        measures.append(Measure(given.namespace, given.metric, given.default, unit, ()))
    return measures


def _taken(source: str, message: str, fields: dict[str, str]) -> str | None:
    """A text, or what it names of an event: `$.a.b` of JSON, `$column` of columns."""
    if not source.startswith("$"):
        return source
    if source in fields:
        return fields[source]
    if not source.startswith(("$.", "$[")):
        return None
    return (selected(source).match(message) or {}).get(source)


def selected(source: str) -> Any:
    """The pattern that picks out what a selector of JSON names; `InvalidParameterException` when it is no selector."""
    return compile_pattern("{ " + source + " = * }")


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


# -- the embedded metric format ---------------------------------------------------------------------------------------


def embedded(message: str) -> list[Measure]:
    """What a message in the embedded metric format measures; nothing for a message that is not quite in it."""
    try:
        root = orjson.loads(message)
        directives = root["_aws"]["CloudWatchMetrics"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return []
    found: list[Measure] = []
    for directive in directives if isinstance(directives, list) else ():
        for one in _directed(root, directive):
            found.append(one)
            if len(found) == _MEASURES_MAX:
                return found
    return found


def _directed(root: dict[str, Any], directive: Any) -> Iterator[Measure]:
    if not isinstance(directive, dict):
        return
    namespace, metrics = directive.get("Namespace"), directive.get("Metrics")
    if not isinstance(namespace, str) or not namespace or namespace.startswith("AWS/") or not isinstance(metrics, list):
        return
    sets = directive.get("Dimensions")
    chosen = [_dimensions(root, names) for names in sets] if isinstance(sets, list) and sets else [()]
    for metric in metrics:
        name = metric.get("Name") if isinstance(metric, dict) else None
        if not isinstance(name, str) or not name:
            continue
        unit = metric.get("Unit", "None")
        for value in _values(root.get(name)):
            for dimensions in chosen:
                if dimensions is not None:
                    yield Measure(namespace, name, value, unit if unit in UNITS else "None", dimensions)


def _dimensions(root: dict[str, Any], names: Any) -> tuple[tuple[str, str], ...] | None:
    """The values of a set of dimensions; None when one of them is not there."""
    if not isinstance(names, list):
        return None
    found: list[tuple[str, str]] = []
    for name in names:
        value = root.get(name) if isinstance(name, str) else None
        if not isinstance(value, str) or not value:
            return None
        found.append((name, value))
    return tuple(found)


def _values(given: Any) -> list[float]:
    listed = given if isinstance(given, list) else [given]
    return [
        float(value)
        for value in listed[:_VALUES_MAX]
        if isinstance(value, int | float) and value is not True and value is not False
    ]
