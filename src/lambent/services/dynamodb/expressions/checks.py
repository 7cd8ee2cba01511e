"""The checks that follow parsing: placeholders are replaced, and what depends on values waits for them.

DynamoDB walks an expression once and refuses the first thing that is wrong, be it in the text, in the names or in the
values. A compiled program is kept for all values; so the walk leaves a list of checks in its order, and an error that
no value can cure is the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from ..numbers import Invalid
from ..values import Value
from .syntax import Path, Step

Values = Mapping[str, Value]
Check = Callable[[Values], None]


class Stopped(Exception):
    """The walk has found an error; the checks so far, with this error last, are all there is to run."""


class Checks:
    """The checks of one expression, `kind` being its parameter's name."""

    def __init__(self, kind: str, names: Mapping[str, str]) -> None:
        self.kind = kind
        self.steps: list[Check] = []
        self.paths: list[Path] = []
        self.values_used: set[str] = set()
        self._names = names

    def path(self, raw: Path) -> Path:
        """The path with its names' placeholders replaced."""
        steps: list[Step] = []
        for step in raw:
            if step.__class__ is str and str(step)[0] == "#":
                name = self._names.get(str(step))
                if name is None:
                    self.stop(
                        f"An expression attribute name used in the document path is not defined; attribute name: {step}"
                    )
                steps.append(name)
            else:
                steps.append(step)
        path = tuple(steps)
        self.paths.append(path)
        return path

    def value(self, name: str) -> None:
        """A value's placeholder must be defined."""
        if name in self.values_used:
            return
        self.values_used.add(name)
        message = self.words(
            f"An expression attribute value used in expression is not defined; attribute value: {name}"
        )

        def check(values: Values) -> None:
            if name not in values:
                raise Invalid(message)

        self.steps.append(check)

    def value_type(self, name: str, allowed: frozenset[str], operator: str) -> None:
        """A value must be of one of some types."""
        prefix = self.words(
            f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: "
        )

        def check(values: Values) -> None:
            kind = next(iter(values[name]))
            if kind not in allowed:
                raise Invalid(prefix + kind)

        self.steps.append(check)

    def wrong_type(self, operator: str, shown: str) -> NoReturn:
        """An operand is of a wrong type whatever the values are."""
        self.stop(
            f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {shown}"
        )

    def wrong_count(self, operator: str, count: int) -> NoReturn:
        """A function has too few or too many operands."""
        self.stop(
            "Incorrect number of operands for operator or function; "
            f"operator or function: {operator}, number of operands: {count}"
        )

    def needs_path(self, operator: str) -> NoReturn:
        """A function's operand must be a path."""
        self.stop(f"Operator or function requires a document path; operator or function: {operator}")

    def words(self, detail: str) -> str:
        """The whole text of an error."""
        return f"Invalid {self.kind}: {detail}"

    def stop(self, detail: str) -> NoReturn:
        """Nothing after this can be reached."""
        message = self.words(detail)

        def check(values: Values) -> None:
            raise Invalid(message)

        self.steps.append(check)
        raise Stopped

    def program(self) -> Check:
        """All the checks as one."""
        steps = tuple(self.steps)
        if not steps:
            return _nothing
        if len(steps) == 1:
            return steps[0]

        def check(values: Values) -> None:
            for step in steps:
                step(values)

        return check


def _nothing(values: Values) -> None:
    return None


def names_in(paths: list[Path]) -> frozenset[str]:
    """The placeholders among the names of paths as written."""
    return frozenset(str(step) for path in paths for step in path if step.__class__ is str and str(step)[0] == "#")
