"""Compiles a pattern into rules: a rule is paths with what their values must be, all of them; one rule must hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from . import operators
from .leaves import Leaf, Leaves, Places
from .operators import Question
from .reading import InvalidPattern, Node, Source

_RULES_MAX: Final = 1000
_OPERATORS: Final[dict[str, Callable[[Source, Node], Question]]] = {
    "prefix": operators.prefix,
    "suffix": operators.suffix,
    "equals-ignore-case": operators.ignore_case,
    "wildcard": operators.wildcard,
    "cidr": operators.cidr,
    "numeric": operators.numeric,
    "anything-but": operators.anything_but,
}
_RESERVED: Final = frozenset((*_OPERATORS, "exists"))


class Field(NamedTuple):
    """What the values at one path must be: one of some values, or what one of some questions says yes to. `absent`: or
    not there. `alternatives` is how many the pattern has, `depth` how many names lead to it."""

    values: frozenset[Any]
    literals: frozenset[str]
    questions: tuple[Question, ...]
    present: bool
    absent: bool
    alternatives: int
    depth: int

    def takes(self, value: Any) -> bool:
        """Whether a value is what it must be."""
        if self.present:
            return True
        if value is None or value is True or value is False:
            if _literal(value) in self.literals:
                return True
        elif value in self.values:
            return True
        return any(question(value) for question in self.questions)


Rule = dict[str, Field]


class Pattern:
    """A compiled pattern. `rules` are its alternatives (one without `$or`), fields by path."""

    __slots__ = ("rules",)

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules

    def matches(self, leaves: Leaves) -> bool:
        """Whether an event, flattened, is what the pattern wants."""
        return any(_holds(rule, leaves) for rule in self.rules)


def _holds(rule: Rule, leaves: Leaves) -> bool:
    found: list[list[Leaf]] = []
    for path, field in rule.items():
        there = leaves.get(path)
        if there is None:
            if not field.absent:
                return False
            continue
        taken = [leaf for leaf in there if field.takes(leaf.value)]
        if not taken:
            return False
        found.append(taken)
    if all(not leaf.places for taken in found for leaf in taken):
        return True
    return _together(sorted(found, key=len), {})


def _together(found: list[list[Leaf]], chosen: dict[int, int]) -> bool:
    """Whether one leaf of each list can be chosen so that no array has two different elements in use."""
    if not found:
        return True
    tried: set[Places] = set()
    for leaf in found[0]:
        if leaf.places in tried:
            continue
        tried.add(leaf.places)
        fits = all(chosen.get(array, index) == index for array, index in leaf.places)
        if fits and _together(found[1:], chosen | dict(leaf.places)):
            return True
    return False


@lru_cache(4096)
def compile_pattern(text: str) -> Pattern:
    """The compiled pattern of a JSON text; raises `InvalidPattern`."""
    source = Source(text)
    document = source.read()
    if document.kind != "object":
        raise source.error("Filter is not an object", document.opened)
    if not document.value:
        raise source.error("Empty objects are not allowed", document.end + 1)
    rules = _rules(source, document, "", 0)
    return Pattern(tuple(rules))


def _rules(source: Source, node: Node, path: str, depth: int) -> list[Rule]:
    """The alternatives that an object of the pattern stands for."""
    found: list[Rule] = [{}]
    for name, member in node.value.items():
        if name == "$or" and _is_or(source, member):
            alternatives = [rule for item in member.value for rule in _rules(source, item, path, depth)]
        else:
            alternatives = _member(source, name, member, f"{path}.{name}" if path else name, depth + 1)
        found = [{**rule, **alternative} for rule in found for alternative in alternatives]
        if len(found) > _RULES_MAX:
            raise InvalidPattern("Rule is too complex - try using fewer OR relationships")
    return found


def _member(source: Source, name: str, node: Node, path: str, depth: int) -> list[Rule]:
    if node.kind == "array":
        return [{path: _field(source, node, depth)}]
    if node.kind != "object":
        raise source.error(f'"{name}" must be an object or an array', node.opened)
    if not node.value:
        raise source.error("Empty objects are not allowed", node.end + 1)
    return _rules(source, node, path, depth)


def _is_or(source: Source, node: Node) -> bool:
    """Whether a `$or` is the relationship and not a field that happens to have this name."""
    if node.kind != "array" or any(item.kind != "object" for item in node.value):
        return False
    if any(name in _RESERVED for item in node.value for name in item.value):
        return False
    if len(node.value) < 2:
        raise source.error("There must have at least 2 Objects in $or relationship.", node.end)
    if any(not item.value for item in node.value):
        raise source.error("Empty objects are not allowed", node.end + 1)
    return True


def _field(source: Source, node: Node, depth: int) -> Field:
    if not node.value:
        raise source.error("Empty arrays are not allowed", source.text.index("]", node.end) + 1)
    values: set[Any] = set()
    literals: set[str] = set()
    questions: list[Question] = []
    exists: list[bool] = []
    for item in node.value:
        if item.kind == "object":
            _ask(source, item, questions, exists)
        elif item.kind == "array":
            raise source.error("Match value must be String, number, true, false, or null", item.opened)
        elif item.kind == "literal":
            literals.add(_literal(item.value))
        else:
            values.add(item.value)
    return Field(
        values=frozenset(values),
        literals=frozenset(literals),
        questions=tuple(questions),
        present=True in exists,
        absent=False in exists,
        alternatives=len(node.value),
        depth=depth,
    )


def _ask(source: Source, node: Node, questions: list[Question], exists: list[bool]) -> None:
    """One `{"operator": ...}` of a list."""
    if not node.value:
        raise source.error("Empty objects are not allowed", node.end + 1)
    name, given = next(iter(node.value.items()))
    if name == "exists":
        if given.kind != "literal" or given.value is None:
            raise source.error("exists match pattern must be either true or false.", given.opened)
        exists.append(given.value)
    elif name in _OPERATORS:
        questions.append(_OPERATORS[name](source, given))
    else:
        raise source.error(f"Unrecognized match type {name}", given.opened)
    if len(node.value) > 1:
        second = list(node.value.values())[1]
        raise source.error("Only one key allowed in match expression", second.start)


def _literal(value: Any) -> str:
    return "null" if value is None else "true" if value else "false"
