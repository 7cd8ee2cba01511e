"""JSONPath as Jayway's library for Java reads it, which API Gateway uses.

A path without `*`, `..`, slices, several indices or filters is definite: it has one value, or none. Any other has the
list of what it found. Paths are compiled once; names, indices and filters are data, nothing of Python is reached.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from . import patterns
from .budget import Budget
from .errors import TemplateFailed
from .values import Value, is_number

MISSING: Final = object()
"""What a definite path that leads nowhere has."""
_LENGTH_MAX: Final = 2_000
_NESTING_MAX: Final = 20
_NAME: Final = re.compile(r"[^.\[\]()\s,'\"]+")
_INDEX: Final = re.compile(r"\s*-?\d+\s*(?:,\s*-?\d+\s*)*\]")
_SLICE: Final = re.compile(r"\s*(-?\d+)?\s*:\s*(-?\d+)?\s*\]")
_STRING: Final = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\s*")
_ESCAPED: Final = re.compile(r"\\(.)")
_FUNCTION: Final = re.compile(r"\.(length|size|min|max|avg|sum|keys)\(\)\Z")
_OPERATOR: Final = re.compile(r"\s*(==|!=|<=|>=|=~|<|>|\bin\b|\bnin\b|\bsize\b|\bempty\b|\bcontains\b)\s*")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_REGEX: Final = re.compile(r"/((?:[^/\\]|\\.)*)/(i?)")

Step = Callable[[Value, Value, Budget], Iterable[Value]]
"""From one value (and the root) to the next ones."""
Test = Callable[[Value, Value, Budget], Any]


class Path:
    """A compiled path."""

    def __init__(self, steps: list[Step], *, definite: bool, function: str) -> None:
        self.steps = steps
        self.definite = definite
        self.function = function

    def of(self, root: Value, budget: Budget, start: Value = MISSING) -> Value:
        """What the path finds from `start` (or the root); `MISSING` for a definite path that leads nowhere."""
        found: list[Value] = [root if start is MISSING else start]
        for step in self.steps:
            following: list[Value] = []
            for value in found:
                for item in step(value, root, budget):
                    budget.spend(1)
                    following.append(item)
            found = following
        result: Value = (found[0] if found else MISSING) if self.definite else found
        return _applied(self.function, result) if self.function else result


def _applied(function: str, value: Value) -> Value:
    if function in ("length", "size"):
        return len(value) if isinstance(value, str | list | dict) else MISSING
    if function == "keys":
        return list(value) if isinstance(value, dict) else MISSING
    numbers = [item for item in value if is_number(item)] if isinstance(value, list) else []
    if not numbers:
        return MISSING
    try:
        total = float(sum(numbers))
        found = {"min": float(min(numbers)), "max": float(max(numbers)), "sum": total, "avg": total / len(numbers)}
    except OverflowError:  # whole numbers beyond what floats hold
        return MISSING
    return found[function]


@functools.lru_cache(maxsize=2048)
def compiled(text: str) -> Path:
    """A path, with or without its `$`; `TemplateFailed` when it is none."""
    if len(text) > _LENGTH_MAX:
        raise TemplateFailed("a JSONPath is too long")
    text = text.strip()
    if not text.startswith("$"):
        text = f"${text}" if text.startswith("[") else f"$.{text}"
    function = _FUNCTION.search(text)
    reader = _Reader(text[: function.start()] if function else text, 0)
    reader.at = 1
    path = reader.path()
    if reader.at < len(reader.text):
        raise reader.wrong()
    path.function = function[1] if function else ""
    return path


class _Reader:
    """Goes through a path once."""

    def __init__(self, text: str, nesting: int) -> None:
        self.text = text
        self.at = 0
        self._nesting = nesting

    def wrong(self) -> TemplateFailed:
        """The error of this place."""
        return TemplateFailed(f"not a JSONPath at character {self.at + 1}: {self.text[:100]}")

    def path(self) -> Path:
        """Steps as far as there are any."""
        steps: list[Step] = []
        definite = True
        while True:
            if self._take(".."):
                steps.append(_descend)
                definite = False
                if not self.text.startswith("[", self.at):
                    steps.append(self._named())
            elif self._take("."):
                if self.text.startswith("[", self.at):
                    continue
                definite &= not self.text.startswith("*", self.at)
                steps.append(self._named())
            elif self._take("["):
                step, one = self._bracket()
                steps.append(step)
                definite &= one
            else:
                return Path(steps, definite=definite, function="")

    def _take(self, token: str) -> bool:
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def _matched(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return match

    def _named(self) -> Step:
        if self._take("*"):
            return _every
        name = self._matched(_NAME)
        if name is None:
            raise self.wrong()
        return _member(name[0])

    def _bracket(self) -> tuple[Step, bool]:
        """What follows a bracket, and whether it leads to one value."""
        if self._matched(re.compile(r"\s*\*\s*\]")):
            return _every, False
        if self._matched(re.compile(r"\s*\?\s*\(")):
            test = self._either()
            if self._matched(re.compile(r"\s*\)\s*\]")) is None:
                raise self.wrong()
            return _filter(test), False
        if (index := self._matched(_INDEX)) is not None:
            places = [int(place) for place in index[0][:-1].split(",")]
            return _indices(places), len(places) == 1
        if (piece := self._matched(_SLICE)) is not None:
            low, high = (int(bound) if bound else None for bound in piece.groups())
            return _slice(low, high), False
        names: list[str] = []
        while (quoted := self._matched(_STRING)) is not None:
            names.append(_unquoted(quoted))
            if not self._take(","):
                break
        if not names or not self._take("]"):
            raise self.wrong()
        return (_member(names[0]) if len(names) == 1 else _members(names)), True

    def _either(self) -> Test:
        self._nesting += 1
        if self._nesting > _NESTING_MAX:
            raise self.wrong()
        tests = [self._both()]
        while self._matched(re.compile(r"\s*\|\|")):
            tests.append(self._both())
        self._nesting -= 1
        return tests[0] if len(tests) == 1 else lambda item, root, budget: any(t(item, root, budget) for t in tests)

    def _both(self) -> Test:
        tests = [self._test()]
        while self._matched(re.compile(r"\s*&&")):
            tests.append(self._test())
        return tests[0] if len(tests) == 1 else lambda item, root, budget: all(t(item, root, budget) for t in tests)

    def _test(self) -> Test:
        if self._matched(re.compile(r"\s*!(?!=)")):
            self._nesting += 1
            if self._nesting > _NESTING_MAX:
                raise self.wrong()
            inner = self._test()
            return lambda item, root, budget: not inner(item, root, budget)
        if self._matched(re.compile(r"\s*\((?!@)")) or self._matched(re.compile(r"\s*\((?=@)")):
            inner = self._either()
            if self._matched(re.compile(r"\s*\)")) is None:
                raise self.wrong()
            return inner
        left = self._operand()
        operator = self._matched(_OPERATOR)
        if operator is None:
            return lambda item, root, budget: left(item, root, budget) is not MISSING
        right = self._operand()
        compare = _COMPARISONS[operator[1]]
        return lambda item, root, budget: compare(left(item, root, budget), right(item, root, budget), budget)

    def _operand(self) -> Test:
        """A path from the item (`@`) or the root (`$`), or a literal."""
        self._matched(re.compile(r"\s*"))
        start = self.text[self.at : self.at + 1]
        if start in ("@", "$") and start:
            self.at += 1
            path = self.path()
            if self._take("()"):  # `@.name.length()`: the last step was the function's name
                raise self.wrong()
            from_item = start == "@"
            return lambda item, root, budget: path.of(root, budget, item if from_item else MISSING)
        literal = self._literal()
        return lambda item, root, budget: literal

    def _literal(self) -> Value:
        if (quoted := self._matched(_STRING)) is not None:
            return _unquoted(quoted)
        if (number := self._matched(_NUMBER)) is not None:
            return float(number[0]) if any(mark in number[0] for mark in ".eE") else int(number[0][:40])
        for word, value in (("true", True), ("false", False), ("null", None)):
            if self._take(word):
                return value
        if (expression := self._matched(_REGEX)) is not None:
            return patterns.compiled(("(?i)" if expression[2] else "") + expression[1])
        if self._take("["):
            items: list[Value] = []
            while not self._matched(re.compile(r"\s*\]")):
                if items and not self._matched(re.compile(r"\s*,\s*")):
                    raise self.wrong()
                items.append(self._literal())
            return items
        raise self.wrong()


def _unquoted(match: re.Match[str]) -> str:
    text = match[1] if match[1] is not None else match[2]
    return _ESCAPED.sub(r"\1", text)


def _member(name: str) -> Step:
    def step(value: Value, root: Value, budget: Budget) -> Iterable[Value]:
        return (value[name],) if isinstance(value, dict) and name in value else ()

    return step


def _members(names: list[str]) -> Step:
    def step(value: Value, root: Value, budget: Budget) -> Iterable[Value]:
        return ({name: value[name] for name in names if name in value},) if isinstance(value, dict) else ()

    return step


def _every(value: Value, root: Value, budget: Budget) -> Iterable[Value]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else ()


def _indices(places: list[int]) -> Step:
    def step(value: Value, root: Value, budget: Budget) -> Iterable[Value]:
        if not isinstance(value, list):
            return ()
        return [value[place] for place in places if -len(value) <= place < len(value)]

    return step


def _slice(low: int | None, high: int | None) -> Step:
    def step(value: Value, root: Value, budget: Budget) -> Iterable[Value]:
        return value[low:high] if isinstance(value, list) else ()

    return step


def _filter(test: Test) -> Step:
    def step(value: Value, root: Value, budget: Budget) -> Iterator[Value]:
        for item in value if isinstance(value, list) else [value]:
            budget.spend(1)
            if test(item, root, budget):
                yield item

    return step


def _descend(value: Value, root: Value, budget: Budget) -> Iterator[Value]:
    """The value and everything within it that holds others, outer ones first."""
    waiting = [value]
    while waiting:
        budget.spend(1)
        here = waiting.pop()
        if isinstance(here, dict | list):
            yield here
            waiting.extend(reversed(list(here.values()) if isinstance(here, dict) else here))


def _equal(left: Value, right: Value, budget: Budget) -> bool:
    if isinstance(left, bool) != isinstance(right, bool) or left is MISSING or right is MISSING:
        return False
    if isinstance(left, list | dict) or isinstance(right, list | dict):
        return left is right
    return bool(left == right)


def _ordered(function: Callable[[Any, Any], bool]) -> Callable[[Value, Value, Budget], bool]:
    def compare(left: Value, right: Value, budget: Budget) -> bool:
        alike = (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str))
        return alike and function(left, right)

    return compare


def _like(left: Value, right: Value, budget: Budget) -> bool:
    if not isinstance(left, str) or not hasattr(right, "fullmatch"):
        return False
    return patterns.matches(right, left, budget)


def _within(left: Value, right: Value, budget: Budget) -> bool:
    return isinstance(right, list) and any(_equal(left, item, budget) for item in right)


def _holds(left: Value, right: Value, budget: Budget) -> bool:
    if isinstance(left, str):
        budget.read(len(left))
        return isinstance(right, str) and right in left
    return _within(right, left, budget)


def _sized(left: Value, right: Value, budget: Budget) -> bool:
    return isinstance(left, str | list) and len(left) == right


def _empty(left: Value, right: Value, budget: Budget) -> bool:
    return isinstance(left, str | list | dict) and (not left) == right


_COMPARISONS: Final[dict[str, Callable[[Value, Value, Budget], bool]]] = {
    "==": _equal,
    "!=": lambda left, right, budget: not _equal(left, right, budget),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "=~": _like,
    "in": _within,
    "nin": lambda left, right, budget: not _within(left, right, budget),
    "contains": _holds,
    "size": _sized,
    "empty": _empty,
}
