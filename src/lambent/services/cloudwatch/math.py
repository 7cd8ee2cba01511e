"""Metric math: expressions over series, as GetMetricData and alarms take them.

A value is a number, a series (values by the start of their period), or a list of series. An expression is read by
Python's own grammar, which AWS's resembles, and only what is listed here is evaluated.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import reduce
from itertools import pairwise
from typing import Any, Final

from lambent.contracts.errors import NotBuilt

from .errors import ValidationError

Line = dict[int, float]
Value = Any
CHARACTERS_MAX: Final = 2048
_POWER_MAX: Final = 1e6
_WORDS: Final = ((r"\^", "**"), (r"&&", " and "), (r"\|\|", " or "), (r"\bAND\b", "and"), (r"\bOR\b", "or"))
_OPERATORS: Final[dict[type[ast.AST], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: lambda a, b: math.pow(a, b) if abs(b) < _POWER_MAX else math.nan,
    ast.Gt: lambda a, b: float(a > b),
    ast.GtE: lambda a, b: float(a >= b),
    ast.Lt: lambda a, b: float(a < b),
    ast.LtE: lambda a, b: float(a <= b),
    ast.Eq: lambda a, b: float(a == b),
    ast.NotEq: lambda a, b: float(a != b),
    ast.And: lambda a, b: float(bool(a) and bool(b)),
    ast.Or: lambda a, b: float(bool(a) or bool(b)),
}


class Expression:
    """An expression, read once; `names` are the ids that it mentions."""

    def __init__(self, text: str) -> None:
        if len(text) > CHARACTERS_MAX:
            raise ValidationError("The expression is too long.")
        for pattern, word in _WORDS:
            text = re.sub(pattern, word, text)
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ValidationError("Error in expression: the syntax is invalid.") from None
        calls = {id(node.func) for node in ast.walk(self._tree) if isinstance(node, ast.Call)}
        self.names = {node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name) and id(node) not in calls}

    def value(self, known: Mapping[str, Value], metrics: list[tuple[str, Line]], times: list[int]) -> Value:
        """What it comes to. `known` are the values by id, `metrics` (label, series) of all metrics of the request,
        `times` the starts of all periods."""
        try:
            found = _Evaluation(known, metrics, times).visit(self._tree)
            if any(isinstance(one, str) for one in _lines(found)):
                raise TypeError
            return found
        except RecursionError:
            raise ValidationError("Error in expression: it is nested too deeply.") from None
        except (TypeError, AttributeError, ValueError, OverflowError):
            # A text or a number where a function wants a series, a number that is none.
            raise ValidationError("Error in expression: an argument is of the wrong type.") from None


class _Evaluation:
    def __init__(self, known: Mapping[str, Value], metrics: list[tuple[str, Line]], times: list[int]) -> None:
        self._known = known
        self._metrics = metrics
        self._times = times

    def visit(self, node: ast.AST) -> Value:
        """The value of a part of the expression."""
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            return node.value if isinstance(node.value, str) else float(node.value)
        if isinstance(node, ast.Name):
            return self._name(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return _apply(operator.sub, 0.0, self.visit(node.operand))
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _apply(_OPERATORS[type(node.op)], self.visit(node.left), self.visit(node.right))
        if isinstance(node, ast.BoolOp):
            values = [self.visit(one) for one in node.values]
            return reduce(lambda a, b: _apply(_OPERATORS[type(node.op)], a, b), values)
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
            return _apply(_OPERATORS[type(node.ops[0])], self.visit(node.left), self.visit(node.comparators[0]))
        if isinstance(node, ast.List):
            return [line for one in node.elts for line in _lines(self.visit(one))]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._call(node.func.id.upper(), [self.visit(one) for one in node.args])
        raise ValidationError("Error in expression: the syntax is invalid.")

    def _name(self, name: str) -> Value:
        if name not in self._known:
            raise ValidationError(f"Error in expression: no metric or expression has the id {name}.")
        return self._known[name]

    def _call(self, name: str, args: list[Value]) -> Value:
        if name == "METRICS":
            wanted = str(args[0]) if args else ""
            return [line for label, line in self._metrics if wanted in label]
        if name == "TIME_SERIES" and len(args) == 1 and isinstance(args[0], float):
            return dict.fromkeys(self._times, args[0])
        if name == "FILL" and len(args) == 2:
            return [self._fill(line, args[1]) for line in args[0]] if _is_list(args[0]) else self._fill(*args)
        if name == "PERIOD" and len(args) == 1 and len(self._times) > 1:
            return float(abs(self._times[1] - self._times[0]))
        if name == "IF" and len(args) in (2, 3):
            return self._choose(*args)
        if name in _OF_EACH and len(args) == 1:
            return [_OF_EACH[name](one) for one in args[0]] if _is_list(args[0]) else _OF_EACH[name](args[0])
        if name in _OF_ALL and len(args) == 1:
            if _is_list(args[0]):
                return _across(_OF_ALL[name], args[0])
            return _OF_ALL[name](list(args[0].values()) or [0.0]) if isinstance(args[0], dict) else args[0]
        raise NotBuilt(f"Lambent has not built the metric math function {name} with {len(args)} arguments yet.")

    def _fill(self, line: Value, value: Value) -> Line:
        line = line if isinstance(line, dict) else dict.fromkeys(self._times, line)
        if value == "REPEAT":
            filled: Line = {}
            last = None
            for at_s in sorted({*self._times, *line}):
                last = line.get(at_s, last)
                if last is not None:
                    filled[at_s] = last
            return filled
        if isinstance(value, str):
            raise NotBuilt(f"Lambent has not built FILL with {value} yet.")
        return {
            at_s: line[at_s] if at_s in line else value[at_s] if isinstance(value, dict) else value
            for at_s in {*self._times, *line}
            if at_s in line or not isinstance(value, dict) or at_s in value
        }

    def _choose(self, condition: Value, then: Value, other: Value = None) -> Value:
        if isinstance(condition, float):
            return then if condition else ({} if other is None else other)
        chosen: Line = {}
        for at_s, holds in condition.items():
            branch = then if holds else other
            value = branch.get(at_s) if isinstance(branch, dict) else branch
            if value is not None:
                chosen[at_s] = value
        return chosen


def _is_list(value: Value) -> bool:
    return isinstance(value, list)


def _lines(value: Value) -> list[Line]:
    return value if isinstance(value, list) else [value]


def _apply(fn: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """An operator over numbers and series: series meet at the periods that both have."""
    if isinstance(left, str) or isinstance(right, str):
        raise ValidationError("Error in expression: a text cannot be calculated with.")
    if _is_list(left) or _is_list(right):
        if _is_list(left) and _is_list(right):
            raise ValidationError("Error in expression: two arrays cannot be combined.")
        return [_apply(fn, one, right) for one in left] if _is_list(left) else [_apply(fn, left, one) for one in right]
    if isinstance(left, dict):
        pairs = ((at_s, value, right.get(at_s) if isinstance(right, dict) else right) for at_s, value in left.items())
    elif isinstance(right, dict):
        pairs = ((at_s, left, value) for at_s, value in right.items())
    else:
        result = _safe(fn, left, right)
        return math.nan if result is None else result
    found = {at_s: _safe(fn, a, b) for at_s, a, b in pairs if a is not None and b is not None}
    return {at_s: value for at_s, value in found.items() if value is not None}


def _safe(fn: Callable[[float, float], float], a: float, b: float) -> float | None:
    """A division by zero has no value, as if there were no data."""
    try:
        value = fn(a, b)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _across(fn: Callable[[list[float]], float], lines: list[Line]) -> Line:
    times = {at_s for line in lines for at_s in line}
    return {at_s: fn([line[at_s] for line in lines if at_s in line]) for at_s in times}


def _each(fn: Callable[[float], float]) -> Callable[[Value], Value]:
    return lambda value: {at_s: fn(one) for at_s, one in value.items()} if isinstance(value, dict) else fn(value)


def _steps(fn: Callable[[float, float, int], float]) -> Callable[[Line], Line]:
    def change(line: Line) -> Line:
        times = sorted(line)
        return {b: fn(line[a], line[b], b - a) for a, b in pairwise(times)}

    return change


def _running(line: Line) -> Line:
    total, found = 0.0, {}
    for at_s in sorted(line):
        total += line[at_s]
        found[at_s] = total
    return found


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


_OF_EACH: Final[dict[str, Callable[[Any], Any]]] = {
    "ABS": _each(abs),
    "CEIL": _each(math.ceil),
    "FLOOR": _each(math.floor),
    "LOG": _each(lambda value: math.log(value) if value > 0 else math.nan),
    "LOG10": _each(lambda value: math.log10(value) if value > 0 else math.nan),
    "DIFF": _steps(lambda a, b, gap: b - a),
    "DIFF_TIME": _steps(lambda a, b, gap: float(gap)),
    "RATE": _steps(lambda a, b, gap: (b - a) / gap),
    "RUNNING_SUM": _running,
}
_OF_ALL: Final[dict[str, Callable[[list[float]], float]]] = {
    "SUM": sum,
    "AVG": lambda values: sum(values) / len(values),
    "MIN": min,
    "MAX": max,
    "STDDEV": _deviation,
    "DATAPOINT_COUNT": lambda values: float(len(values)),
    "METRIC_COUNT": lambda values: float(len(values)),
}
