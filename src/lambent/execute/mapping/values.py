"""Values of templates as Java has them: their text, their truth, their equality.

A value is None, a bool, int, float, str, list, dict, or a `Thing`. A plain list is a JSON array, whose text is JSON;
`ArrayList` is one that a template made, whose text is Java's. The text of a dict is always Java's: `{a=1, b=2}`.
Nothing here reaches an attribute of a Python object by a name that a template gave.
"""

from __future__ import annotations

import math
from typing import Any, Final

import orjson

from .budget import Budget
from .errors import TemplateFailed

Value = Any
"""See the module: what templates handle."""


class ArrayList(list[Value]):
    """A list that a template made."""

    __slots__ = ()


class Thing:
    """An object with members of its own choice."""

    def member(self, name: str, budget: Budget) -> Value:
        """The property of a name; None when there is none."""
        return None

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """Call a method; None when there is none."""
        return None

    def assign(self, name: str, value: Value) -> None:
        """Set a property; nothing happens where none can be set."""

    def text(self, budget: Budget) -> str:
        """What it is printed as."""
        return ""


_PLAIN: Final = {None: "null", True: "true", False: "false"}


def text_of(value: Value, budget: Budget) -> str:
    """The text of a value, None as `null`; counted in the budget."""
    if type(value) is str:
        return value
    if value is None or value is True or value is False:
        return _PLAIN[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Thing):
        return value.text(budget)
    parts: list[str] = []
    if isinstance(value, list) and type(value) is not ArrayList:
        _json(value, parts, budget, 0)
    else:
        _java(value, parts, budget, 0)
    text = "".join(parts)
    budget.produce(len(text))
    return text


def json_of(value: Value, budget: Budget) -> str:
    """JSON without spaces, counted in the budget: for values that a template may have built."""
    parts: list[str] = []
    _json(value, parts, budget, 0)
    text = "".join(parts)
    budget.produce(len(text))
    return text


def _deeper(budget: Budget, depth: int) -> None:
    budget.spend(1)
    if depth > 500:
        raise TemplateFailed("a value is nested too deeply")


def _java(value: Value, parts: list[str], budget: Budget, depth: int) -> None:
    _deeper(budget, depth)
    if isinstance(value, dict):
        parts.append("{")
        for position, (key, item) in enumerate(value.items()):
            parts.append(f"{', ' if position else ''}{key}=")
            _java(item, parts, budget, depth + 1)
        parts.append("}")
    elif type(value) is ArrayList:
        parts.append("[")
        for position, item in enumerate(value):
            if position:
                parts.append(", ")
            _java(item, parts, budget, depth + 1)
        parts.append("]")
    elif isinstance(value, list):
        _json(value, parts, budget, depth)
    else:
        text = text_of(value, budget)
        budget.produce(len(text))
        parts.append(text)


def _json(value: Value, parts: list[str], budget: Budget, depth: int) -> None:
    _deeper(budget, depth)
    if isinstance(value, dict):
        parts.append("{")
        for position, (key, item) in enumerate(value.items()):
            parts.append(f"{',' if position else ''}{quoted(str(key))}:")
            _json(item, parts, budget, depth + 1)
        parts.append("}")
    elif isinstance(value, list):
        parts.append("[")
        for position, item in enumerate(value):
            if position:
                parts.append(",")
            _json(item, parts, budget, depth + 1)
        parts.append("]")
    else:
        text = text_of(value, budget)
        text = quoted(text) if isinstance(value, str | Thing) else text
        budget.produce(len(text))
        parts.append(text)


def quoted(text: str) -> str:
    """A JSON string."""
    try:
        return orjson.dumps(text).decode()
    except TypeError:  # half a surrogate pair, which an escape in the body can name
        return orjson.dumps(text.encode("utf-8", "replace").decode()).decode()


def _double(value: float) -> str:
    """As Java's Double.toString: 1.0, 1.5E-7, 1.0E20."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = repr(value)
        return text if "e" not in text else f"{value:f}"
    mantissa, _, exponent = repr(value).partition("e")
    if exponent:
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    if whole.strip("0"):
        rest = (whole[1:] + fraction).rstrip("0") or "0"
        return f"{sign}{whole[0]}.{rest}E{len(whole) - 1}"
    stripped = fraction.lstrip("0")
    return f"{sign}{stripped[0]}.{stripped[1:] or '0'}E-{len(fraction) - len(stripped) + 1}"


def truth(value: Value) -> bool:
    """Everything is true but null and false."""
    return value is not None and value is not False


def equal(left: Value, right: Value, budget: Budget, depth: int = 0) -> bool:
    """As `==`: numbers by value, null as the empty text, values of different kinds by their texts."""
    _deeper(budget, depth)
    if left is right:
        return True
    if isinstance(left, str) and isinstance(right, str):
        budget.read(min(len(left), len(right)))
        return left == right
    if left is None or right is None:
        return left in (None, "") and right in (None, "")
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            equal(one, other, budget, depth + 1) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            equal(item, right[key], budget, depth + 1) for key, item in left.items()
        )
    if isinstance(left, Thing) or isinstance(right, Thing):
        return False
    return text_of(left, budget) == text_of(right, budget)


def is_number(value: Value) -> bool:
    """Whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def key_of(value: Value, budget: Budget) -> Value:
    """A value as a key of a map: texts and numbers as they are, others by their text."""
    return value if isinstance(value, str) or is_number(value) else text_of(value, budget)
