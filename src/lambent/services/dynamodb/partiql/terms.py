"""What a WHERE clause asks of single attributes: from this an execution finds the keys."""

from __future__ import annotations

from typing import NamedTuple

from ..expressions.syntax import Call, Node, Operation, PathNode, ValueNode

_FLIPPED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Term(NamedTuple):
    """A test that every matching item passes: `operator` is `=`, `<`, `<=`, `>`, `>=`, BETWEEN, IN or begins_with, with
    the attribute on its left; `values` are placeholders."""

    operator: str
    values: tuple[str, ...]


def terms_of(node: Node | None) -> dict[str, list[Term]]:
    """The terms of top-level attributes that stand under AND only, by attribute. An OR of equalities of one attribute
    counts as its IN."""
    terms: dict[str, list[Term]] = {}
    if node is not None:
        _collect(node, terms)
    return terms


def _collect(node: Node, terms: dict[str, list[Term]]) -> None:
    if isinstance(node, Operation) and node.operator == "AND":
        for operand in node.operands:
            _collect(operand, terms)
        return
    found = _either(node) if isinstance(node, Operation) and node.operator == "OR" else _single(node)
    if found is not None:
        terms.setdefault(found[0], []).append(found[1])


def _single(node: Node) -> tuple[str, Term] | None:
    if not isinstance(node, Operation | Call):
        return None
    operator = node.operator if isinstance(node, Operation) else node.function
    first, *others = node.operands
    if operator in _FLIPPED and isinstance(first, ValueNode):
        operator, first, others = _FLIPPED[operator], others[0], [first]
    if operator not in _FLIPPED and operator not in ("BETWEEN", "IN", "begins_with"):
        return None
    if not isinstance(first, PathNode) or len(first.path) != 1:
        return None
    values = [other.name for other in others if isinstance(other, ValueNode)]
    if len(values) != len(others):
        return None
    return str(first.path[0]), Term(operator, tuple(values))


def _either(node: Operation) -> tuple[str, Term] | None:
    parts = [_single(operand) for operand in node.operands]
    names = {part[0] for part in parts if part is not None}
    if len(names) != 1 or any(part is None or part[1].operator not in ("=", "IN") for part in parts):
        return None
    values = [value for part in parts if part is not None for value in part[1].values]
    return names.pop(), Term("IN", tuple(values))
