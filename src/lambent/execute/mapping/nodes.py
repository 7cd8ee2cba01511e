"""What a template consists of once it is read, and what each part does when the template runs.

An expression has `value(state)`, a part of the text has `write(state)`. A tree is made once, holds nothing of a run and
may be run by many at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from . import methods
from .budget import ITERATIONS_MAX, Budget
from .errors import TemplateFailed
from .values import ArrayList, Thing, Value, equal, is_number, key_of, text_of, truth

INTEGER_BITS_MAX: Final = 512


class Break(Exception):
    """#break: the innermost loop ends."""


class Return(Exception):
    """#return: the macro ends, or the template."""


class Stop(Exception):
    """#stop: the template ends."""


class State:
    """One run: its variables, what it has written, what it may still use."""

    __slots__ = ("budget", "loop", "macros", "out", "variables")

    def __init__(self, variables: dict[str, Value]) -> None:
        self.variables = variables
        self.budget = Budget()
        self.out: list[str] = []
        self.macros: dict[str, MacroDefinition] = {}
        self.loop: Loop | None = None

    def write(self, text: str) -> None:
        """Append to the text."""
        self.budget.produce(len(text))
        self.out.append(text)


class Expression(Protocol):
    """What has a value."""

    def value(self, state: State) -> Value:
        """The value now."""
        ...


class Part(Protocol):
    """What writes."""

    def write(self, state: State) -> None:
        """Append to the text, or change a variable."""
        ...


class Text:
    """Text as it is."""

    def __init__(self, text: str) -> None:
        self.text = text

    def write(self, state: State) -> None:
        """See `Part`."""
        state.write(self.text)


class Block:
    """Parts one after another."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = tuple(parts)

    def write(self, state: State) -> None:
        """See `Part`."""
        spend = state.budget.spend
        for part in self.parts:
            spend(1)
            part.write(state)

    def text(self, state: State) -> str:
        """What it writes, apart from the run's text."""
        outer, state.out = state.out, []
        try:
            self.write(state)
            return "".join(state.out)
        finally:
            state.out = outer


class Constant:
    """A literal."""

    def __init__(self, constant: Value) -> None:
        self.constant = constant

    def value(self, state: State) -> Value:
        """See `Expression`."""
        return self.constant


class Interpolated:
    """A text in double quotes."""

    def __init__(self, block: Block) -> None:
        self._block = block

    def value(self, state: State) -> Value:
        """See `Expression`."""
        return self._block.text(state)


class ListOf:
    """`[a, b]`."""

    def __init__(self, items: list[Expression]) -> None:
        self._items = items

    def value(self, state: State) -> Value:
        """See `Expression`."""
        state.budget.spend(len(self._items))
        return ArrayList(item.value(state) for item in self._items)


class MapOf:
    """`{a : b}`."""

    def __init__(self, pairs: list[tuple[Expression, Expression]]) -> None:
        self._pairs = pairs

    def value(self, state: State) -> Value:
        """See `Expression`."""
        state.budget.spend(len(self._pairs))
        return {key_of(key.value(state), state.budget): item.value(state) for key, item in self._pairs}


class Range:
    """`[1..5]`, also downwards."""

    def __init__(self, first: Expression, last: Expression) -> None:
        self._first = first
        self._last = last

    def value(self, state: State) -> Value:
        """See `Expression`."""
        first, last = self._first.value(state), self._last.value(state)
        if not is_number(first) or not is_number(last):
            return None
        first, last = int(first), int(last)
        state.budget.spend(abs(last - first) + 1)
        return ArrayList(range(first, last + 1) if first <= last else range(first, last - 1, -1))


Access = tuple[str, Any, Any]
"""("member", name, None), ("call", name, arguments) or ("index", expression, None)."""


class Reference:
    """`$name.member.method(a)[0]`. Null writes nothing, whatever the reference's notation."""

    def __init__(self, name: str, accesses: list[Access]) -> None:
        self.name = name
        self.accesses = tuple(accesses)

    def value(self, state: State) -> Value:
        """See `Expression`."""
        value = state.variables.get(self.name)
        if isinstance(value, Definition):
            value = value.render(state)
        for access in self.accesses:
            if value is None:
                return None
            value = _accessed(value, access, state)
        return value

    def write(self, state: State) -> None:
        """See `Part`."""
        value = self.value(state)
        if value is not None:
            state.write(text_of(value, state.budget))

    def assign(self, value: Value, state: State) -> None:
        """`#set($this = value)`; setting what has no place is nothing."""
        if not self.accesses:
            state.variables[self.name] = value
            return
        target = state.variables.get(self.name)
        for access in self.accesses[:-1]:
            if target is None:
                return
            target = _accessed(target, access, state)
        kind, key, _ = self.accesses[-1]
        if kind == "call":
            raise TemplateFailed("#set of what a method returns")
        if kind == "index":
            key = key.value(state)
        if isinstance(target, Thing):
            target.assign(text_of(key, state.budget), value)
        elif isinstance(target, dict):
            target[key_of(key, state.budget)] = value
        elif isinstance(target, list) and kind == "index":
            methods.call(target, "set", [key, value], state.budget)


def _accessed(value: Value, access: Access, state: State) -> Value:
    kind, name, arguments = access
    if kind == "member":
        return methods.member(value, name, state.budget)
    if kind == "call":
        return methods.call(value, name, [argument.value(state) for argument in arguments], state.budget)
    index = name.value(state)
    if isinstance(value, list):
        state.budget.spend(1)
        place = int(index) if is_number(index) else len(value)
        return value[place] if -len(value) <= place < len(value) else None
    return methods.call(value, "get", [index], state.budget)


class Either:
    """`a || b`; the right side is looked at only when the left decides nothing."""

    def __init__(self, left: Expression, right: Expression) -> None:
        self._left = left
        self._right = right

    def value(self, state: State) -> Value:
        """See `Expression`."""
        return truth(self._left.value(state)) or truth(self._right.value(state))


class Both:
    """`a && b`; the right side is looked at only when the left decides nothing."""

    def __init__(self, left: Expression, right: Expression) -> None:
        self._left = left
        self._right = right

    def value(self, state: State) -> Value:
        """See `Expression`."""
        return truth(self._left.value(state)) and truth(self._right.value(state))


class Not:
    """`!a`."""

    def __init__(self, inner: Expression) -> None:
        self._inner = inner

    def value(self, state: State) -> Value:
        """See `Expression`."""
        return not truth(self._inner.value(state))


class Binary:
    """Comparisons and arithmetic."""

    def __init__(self, operation: str, left: Expression, right: Expression) -> None:
        self._apply = OPERATIONS[operation]
        self._left = left
        self._right = right

    def value(self, state: State) -> Value:
        """See `Expression`."""
        state.budget.spend(1)
        return self._apply(self._left.value(state), self._right.value(state), state.budget)


def _add(left: Value, right: Value, budget: Budget) -> Value:
    if is_number(left) and is_number(right):
        return _checked(left + right)
    if isinstance(left, str) or isinstance(right, str):
        text = ("" if left is None else text_of(left, budget)) + ("" if right is None else text_of(right, budget))
        budget.produce(len(text))
        return text
    return None


def _number(function: Callable[[Any, Any], Any]) -> Callable[[Value, Value, Budget], Value]:
    def apply(left: Value, right: Value, budget: Budget) -> Value:
        if not is_number(left) or not is_number(right):
            return None
        try:
            return _checked(function(left, right))
        except (ZeroDivisionError, OverflowError):
            return None

    return apply


def _checked(number: Any) -> Any:
    if isinstance(number, int) and number.bit_length() > INTEGER_BITS_MAX:
        raise TemplateFailed("a number is too large")
    return number


def _divided(left: Any, right: Any) -> Any:
    """Whole numbers are divided towards zero, as in Java."""
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _rest(left: Any, right: Any) -> Any:
    if isinstance(left, float) or isinstance(right, float):
        return left - right * int(left / right)
    return left - right * _divided(left, right)


def _ordered(function: Callable[[Any, Any], bool]) -> Callable[[Value, Value, Budget], Value]:
    def apply(left: Value, right: Value, budget: Budget) -> Value:
        return is_number(left) and is_number(right) and function(left, right)

    return apply


OPERATIONS: Final[dict[str, Callable[[Value, Value, Budget], Value]]] = {
    "==": equal,
    "!=": lambda left, right, budget: not equal(left, right, budget),
    "<": _ordered(lambda left, right: left < right),
    "<=": _ordered(lambda left, right: left <= right),
    ">": _ordered(lambda left, right: left > right),
    ">=": _ordered(lambda left, right: left >= right),
    "+": _add,
    "-": _number(lambda left, right: left - right),
    "*": _number(lambda left, right: left * right),
    "/": _number(_divided),
    "%": _number(_rest),
}


class Set:
    """#set."""

    def __init__(self, place: Reference, expression: Expression) -> None:
        self._place = place
        self._expression = expression

    def write(self, state: State) -> None:
        """See `Part`."""
        self._place.assign(self._expression.value(state), state)


class If:
    """#if with its #elseif; an #else has the condition true."""

    def __init__(self, branches: list[tuple[Expression, Block]]) -> None:
        self._branches = branches

    def write(self, state: State) -> None:
        """See `Part`."""
        for condition, block in self._branches:
            state.budget.spend(1)
            if truth(condition.value(state)):
                block.write(state)
                return


class Loop(Thing):
    """`$foreach`."""

    def __init__(self, length: int, outer: Loop | None) -> None:
        self.index = 0
        self._length = length
        self.outer = outer

    def member(self, name: str, budget: Budget) -> Value:
        """index, count, hasNext, first, last, parent."""
        if name == "hasNext":
            return self.index + 1 < self._length
        return {
            "index": self.index,
            "count": self.index + 1,
            "first": self.index == 0,
            "last": self.index + 1 == self._length,
            "parent": self.outer,
        }.get(name)

    def call(self, name: str, arguments: list[Value], budget: Budget) -> Value:
        """`stop()`, and the getters of the properties."""
        if name == "stop":
            raise Break
        return self.member({"getIndex": "index", "getCount": "count"}.get(name, name), budget)


class Foreach:
    """#foreach. The loop's variables have their former values afterwards."""

    def __init__(self, name: str, items: Expression, block: Block) -> None:
        self._name = name
        self._items = items
        self._block = block

    def write(self, state: State) -> None:
        """See `Part`."""
        items = methods.items_of(self._items.value(state), state.budget)
        if not items:
            return
        variables = state.variables
        before = {name: variables.get(name) for name in (self._name, "foreach", "velocityCount", "velocityHasNext")}
        state.loop = loop = Loop(len(items), state.loop)
        variables["foreach"] = loop
        try:
            for index, item in enumerate(items[:ITERATIONS_MAX]):
                loop.index = index
                variables[self._name] = item
                variables["velocityCount"] = index + 1
                variables["velocityHasNext"] = index + 1 < len(items)
                self._block.write(state)
        except Break:
            pass
        finally:
            state.loop = loop.outer
            variables.update(before)


class Leave:
    """#break, #return and #stop."""

    def __init__(self, how: type[Exception]) -> None:
        self._how = how

    def write(self, state: State) -> None:
        """See `Part`."""
        raise self._how


class MacroDefinition:
    """#macro."""

    def __init__(self, name: str, parameters: list[str], block: Block) -> None:
        self.name = name
        self._parameters = parameters
        self._block = block

    def write(self, state: State) -> None:
        """See `Part`."""
        state.macros.setdefault(self.name, self)

    def run(self, state: State, arguments: list[Value]) -> None:
        """Write the block with the arguments in place of the parameters."""
        state.budget.enter()
        names = self._parameters
        before = {name: state.variables.get(name) for name in names}
        values = arguments[: len(names)] + [None] * (len(names) - len(arguments))
        state.variables.update(zip(names, values, strict=True))
        try:
            self._block.write(state)
        except Return:
            pass
        finally:
            state.variables.update(before)
            state.budget.leave()


class MacroCall:
    """`#name(a b)`; nothing when the macro is not defined (yet)."""

    def __init__(self, name: str, arguments: list[Expression]) -> None:
        self._name = name
        self._arguments = arguments

    def write(self, state: State) -> None:
        """See `Part`."""
        macro = state.macros.get(self._name)
        if macro is not None:
            macro.run(state, [argument.value(state) for argument in self._arguments])


class Definition:
    """#define: a block that is written wherever its variable is."""

    def __init__(self, name: str, block: Block) -> None:
        self._name = name
        self._block = block

    def write(self, state: State) -> None:
        """See `Part`."""
        state.variables[self._name] = self

    def render(self, state: State) -> str:
        """The block's text now."""
        state.budget.enter()
        try:
            return self._block.text(state)
        finally:
            state.budget.leave()
