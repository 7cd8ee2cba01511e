"""What conditions answer, against a second evaluator that walks a tree over plain Python values."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.dynamodb.expressions import Invalid, compile_condition
from lambent.services.dynamodb.values import canonical

from .refusals import refusal

Tree = tuple[Any, ...]
"""("path", text, steps) | ("value", ":x") | ("size", operand) | (operator, operand, ...) | (function, operand, ...)."""

PATHS: list[Tree] = [
    ("path", "a", ("a",)),
    ("path", "#b", ("b",)),
    ("path", "m.k", ("m", "k")),
    ("path", "m.#b[1]", ("m", "b", 1)),
    ("path", "l[0]", ("l", 0)),
    ("path", "l[2].k", ("l", 2, "k")),
    ("path", "absent", ("absent",)),
]
NAMES = {"#b": "b"}

texts = st.sampled_from(("", "a", "ab", "b", "S", "N"))
number_texts = st.sampled_from(("0", "1", "-1", "1.0", "1.50", "2e1", "20", "10", "9"))
binaries = st.sampled_from(("", "YQ==", "YWI=", "/w=="))
scalars = st.one_of(
    st.builds(lambda text: {"S": text}, texts),
    st.builds(lambda text: {"N": text}, number_texts),
    st.builds(lambda text: {"B": text}, binaries),
    st.builds(lambda flag: {"BOOL": flag}, st.booleans()),
    st.just({"NULL": True}),
)
sets = st.one_of(
    st.builds(lambda items: {"SS": items}, st.lists(texts, min_size=1, max_size=3, unique=True)),
    st.builds(lambda items: {"NS": items}, st.lists(number_texts, min_size=1, max_size=3, unique_by=Decimal)),
    st.builds(lambda items: {"BS": items}, st.lists(binaries, min_size=1, max_size=3, unique=True)),
)
values = st.recursive(
    scalars | sets,
    lambda inner: st.one_of(
        st.builds(lambda items: {"L": items}, st.lists(inner, max_size=3)),
        st.builds(lambda items: {"M": items}, st.dictionaries(st.sampled_from("kb"), inner, max_size=2)),
    ),
    max_leaves=6,
).map(canonical)
items = st.fixed_dictionaries(
    {}, optional={"a": values, "b": values, "m": values.map(lambda value: {"M": {"k": value, "b": value}}), "l": values}
)
value_maps = st.fixed_dictionaries({":v": values, ":w": values, ":x": scalars.map(canonical)})

paths = st.sampled_from(PATHS)
operands = st.one_of(
    paths, st.sampled_from((":v", ":w", ":x")).map(lambda name: ("value", name)), paths.map(lambda path: ("size", path))
)
leaves = st.one_of(
    st.tuples(st.sampled_from(("=", "<>", "<", "<=", ">", ">=")), operands, operands),
    st.tuples(st.just("BETWEEN"), operands, operands, operands),
    st.tuples(st.just("IN"), operands, operands, operands),
    st.tuples(st.sampled_from(("attribute_exists", "attribute_not_exists")), paths),
    st.tuples(st.sampled_from(("begins_with", "contains", "attribute_type")), paths, operands),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("NOT"), inner),
        st.tuples(st.just("AND"), inner, inner),
        st.tuples(st.just("OR"), inner, inner),
    ),
    max_leaves=5,
)
RANKS = {"OR": 1, "AND": 2, "NOT": 3}


def write(tree: Tree, floor: int = 0) -> str:
    """The text of a tree, with the parentheses that precedence asks for and no others."""
    kind, *parts = tree
    if kind == "path":
        return str(parts[0])
    if kind == "value":
        return str(parts[0])
    if kind in RANKS:
        rank = RANKS[kind]
        if kind == "NOT":
            text = f"not {write(parts[0], rank)}"
        else:
            text = f"{write(parts[0], rank)} {kind} {write(parts[1], rank + 1)}"
        return f"({text})" if rank < floor else text
    written = [write(part) for part in parts]
    if kind == "BETWEEN":
        return f"{written[0]} between {written[1]} And {written[2]}"
    if kind == "IN":
        return f"{written[0]} IN ({', '.join(written[1:])})"
    if len(kind) <= 2:
        return f"{written[0]}{kind}{written[1]}"
    return f"{kind}({', '.join(written)})"


def plain(value: Mapping[str, Any]) -> tuple[str, Any]:
    """A value's type, and a Python value that is equal exactly when it is."""
    ((kind, content),) = value.items()
    read: Callable[[Any], Any] = {
        "N": Decimal,
        "B": b64decode,
        "SS": frozenset,
        "NS": lambda numbers: frozenset(map(Decimal, numbers)),
        "BS": lambda binaries: frozenset(map(b64decode, binaries)),
        "L": lambda elements: tuple(map(plain, elements)),
        "M": lambda inner: {name: plain(part) for name, part in inner.items()},
    }.get(kind, lambda same: same)
    return kind, read(content)


def fetch(tree: Tree, item: Mapping[str, Any], bound: Mapping[str, Any]) -> tuple[str, Any] | None:
    """What an operand stands for, as `plain` gives it; None where there is nothing."""
    if tree[0] == "value":
        return plain(bound[tree[1]])
    if tree[0] == "size":
        found = fetch(tree[1], item, bound)
        if found is None or found[0] in ("N", "BOOL", "NULL"):
            return None
        return "N", Decimal(len(found[1]))
    current: tuple[str, Any] | None = ("M", {name: plain(value) for name, value in item.items()})
    for step in tree[2]:
        if current is None:
            return None
        kind, content = current
        if isinstance(step, int):
            current = content[step] if kind == "L" and step < len(content) else None
        else:
            current = content.get(step) if kind == "M" else None
    return current


def related(kind: str, left: tuple[str, Any] | None, right: tuple[str, Any] | None) -> bool:
    """Comparisons and functions of two operands."""
    if left is None or right is None:
        return kind == "<>"
    if kind in ("=", "<>"):
        return (left == right) is (kind == "=")
    if kind == "attribute_type":
        return right == ("S", left[0])
    if kind == "contains":
        if left[0] == "L":
            return right in left[1]
        if left[0] in ("SS", "NS", "BS"):
            return left[0][0] == right[0] and right[1] in left[1]
        return left[0] == right[0] and left[0] in ("S", "B") and right[1] in left[1]
    if left[0] != right[0] or left[0] not in ("S", "N", "B"):
        return False
    if kind == "begins_with":
        return left[0] != "N" and left[1].startswith(right[1])
    one, two = (side.encode() if isinstance(side, str) else side for side in (left[1], right[1]))
    return bool({"<": one < two, "<=": one <= two, ">": one > two, ">=": one >= two}[kind])


def judge(tree: Tree, item: Mapping[str, Any], bound: Mapping[str, Any]) -> bool:
    """What a condition answers."""
    kind, *parts = tree
    if kind == "NOT":
        return not judge(parts[0], item, bound)
    if kind == "AND":
        return judge(parts[0], item, bound) and judge(parts[1], item, bound)
    if kind == "OR":
        return judge(parts[0], item, bound) or judge(parts[1], item, bound)
    found = [fetch(part, item, bound) for part in parts]
    if kind == "attribute_exists":
        return found[0] is not None
    if kind == "attribute_not_exists":
        return found[0] is None
    if kind == "BETWEEN":
        return related(">=", found[0], found[1]) and related("<=", found[0], found[2])
    if kind == "IN":
        return any(related("=", found[0], option) for option in found[1:])
    return related(kind, found[0], found[1])


@settings(max_examples=60)
@given(trees, items, value_maps)
def test_as_the_model(tree: Tree, item: dict[str, Any], bound: dict[str, Any]) -> None:
    """What DynamoDB does not refuse is answered as the model answers it."""
    condition = compile_condition(write(tree), NAMES)
    message = refusal(lambda: condition.check_values(bound))
    if message is not None:
        assert message.startswith("Invalid ConditionExpression: ")
        return
    assert condition.evaluate(item, bound) is judge(tree, item, bound)


TOKENS = (
    "a", "b.c", "d[1]", "#n", ":v", "(", ")", ",", "=", "<>", "<", ">=", "+", "-", ".", "[", "]", "1", "_", '"', "é",
    "AND", "or", "NOT", "between", "in", "size(", "attribute_exists(", "contains(", "if_not_exists(", "list_append(",
    "set", "remove", "ADD", "delete", "status", " ", "\n",
)  # fmt: skip


@given(st.lists(st.sampled_from(TOKENS), max_size=14).map(" ".join) | st.text(max_size=20))
def test_nothing_but_invalid_comes_of_any_text(text: str) -> None:
    """Parsers have no other way to fail."""
    bound = {":v": {"S": "x"}}
    try:
        condition = compile_condition(text, {"#n": "n"})
        condition.check_values(bound)
    except Invalid:
        return
    assert condition.evaluate({"a": {"S": "x"}}, bound) in (True, False)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("a = :one OR a = :two AND b = :two", True),
        ("(a = :one OR a = :two) AND b = :two", False),
        ("NOT a = :one AND b = :two", False),
        ("NOT (a = :one AND b = :two)", True),
        ("a between :one and :two and b = :one", True),
        ("absent <> :one", True),
        ("absent <> gone", True),
        ("absent = gone", False),
        ("NOT absent < :one", True),
        ("absent between :one and :two", False),
        ("a < word", False),
        ("size(word) = :two", True),
        ("(size(word)) = :two", True),
        ("(doc.part).deep = :one", True),
        ("doc.part.deep = a", True),
        ("doc.part[0] = a", False),
        ("not not a = :one", True),
        ("attribute_type(:one, :type) AND NOT attribute_type(word, :type)", True),
        ("begins_with(:text, word)", True),
        ("size(a) = :two", False),
        ("size(a) <> :two", True),
        ("b between a and a and a = b", True),
    ],
)
def test_rules(text: str, answer: bool) -> None:
    """Precedence, and what is missing."""
    item: dict[str, Any] = {
        "a": {"N": "1"},
        "b": {"N": "1"},
        "word": {"S": "ab"},
        "doc": {"M": {"part": {"M": {"deep": {"N": "1"}}}}},
    }
    bound = {":one": {"N": "1"}, ":two": {"N": "2"}, ":type": {"S": "N"}, ":text": {"S": "abc"}}
    condition = compile_condition(text, None)
    condition.check_values(bound)
    assert condition.evaluate(item, bound) is answer
