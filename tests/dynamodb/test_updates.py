"""What updates and projections do to an item."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.dynamodb.expressions import Invalid, compile_projection, compile_update
from lambent.services.dynamodb.values import canonical_item

from .refusals import refusal

BAD_PATH = "The document path provided in the update expression is invalid for update"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"

Plain = Any


def value_of(plain: Plain) -> dict[str, Any]:
    """A value of a Python value: int N, str S, set NS or SS, list L, dict M, bool BOOL, None NULL."""
    if plain is None:
        return {"NULL": True}
    if isinstance(plain, bool):
        return {"BOOL": plain}
    if isinstance(plain, int):
        return {"N": str(plain)}
    if isinstance(plain, str):
        return {"S": plain}
    if isinstance(plain, set | frozenset):
        return {"NS": sorted(map(str, plain))} if isinstance(next(iter(plain)), int) else {"SS": sorted(plain)}
    if isinstance(plain, list):
        return {"L": [value_of(element) for element in plain]}
    return {"M": {name: value_of(part) for name, part in plain.items()}}


def plain_of(value: dict[str, Any]) -> Plain:
    """The reverse."""
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "NULL":
        return None
    if kind in ("SS", "NS"):
        return {int(element) if kind == "NS" else element for element in content}
    if kind == "L":
        return [plain_of(element) for element in content]
    if kind == "M":
        return {name: plain_of(part) for name, part in content.items()}
    return content


def item_of(**attributes: Plain) -> dict[str, Any]:
    """An item of Python values."""
    return {name: value_of(plain) for name, plain in attributes.items()}


def update(text: str, item: dict[str, Any], exists: bool = True, **bound: Plain) -> dict[str, Plain]:
    """The item afterwards, in Python values; the item before must be as it was."""
    program = compile_update(text, {"#1": "1"})
    values = {f":{name}": value_of(plain) for name, plain in bound.items()}
    program.check_values(values)
    before = copy.deepcopy(item)
    after = program.apply(item, values, exists)
    assert item == before
    assert canonical_item(after) == after
    return {name: plain_of(value) for name, value in after.items()}


@pytest.mark.parametrize(
    ("text", "before", "bound", "after"),
    [
        ("SET b = :v", {"a": 1}, {"v": "x"}, {"a": 1, "b": "x"}),
        ("SET b = a", {"a": [1]}, {}, {"a": [1], "b": [1]}),
        ("REMOVE a SET b = a", {"a": 1}, {}, {"b": 1}),
        ("SET a = b, b = a", {"a": 1, "b": 2}, {}, {"a": 2, "b": 1}),
        ("SET a = a + :v", {"a": 1}, {"v": 2}, {"a": 3}),
        ("SET a = :v - a", {"a": 1}, {"v": 3}, {"a": 2}),
        ("SET a = if_not_exists(a, :v) + :v", {}, {"v": 2}, {"a": 4}),
        ("SET a = if_not_exists(b, if_not_exists(c, :v))", {"c": 5}, {"v": 2}, {"c": 5, "a": 5}),
        ("SET a = list_append(if_not_exists(a, :e), :v)", {}, {"e": [], "v": ["x"]}, {"a": ["x"]}),
        ("SET a = list_append(:v, a)", {"a": [2]}, {"v": [1]}, {"a": [1, 2]}),
        ("ADD a :v, b :v", {"a": 1}, {"v": 2}, {"a": 3, "b": 2}),
        ("ADD a :v", {"a": {"x", "y"}}, {"v": {"y", "z"}}, {"a": {"x", "y", "z"}}),
        ("ADD a :v", {}, {"v": {"y"}}, {"a": {"y"}}),
        ("DELETE a :v", {"a": {1, 2, 3}}, {"v": {1, 4}}, {"a": {2, 3}}),
        ("DELETE a :v, b :v", {"a": {1}}, {"v": {1, 4}}, {}),
        ("REMOVE a, b", {"a": 1}, {}, {}),
        ("SET a.c = :v, a.d = :v", {"a": {"b": 3, "c": 4}}, {"v": 7}, {"a": {"b": 3, "c": 7, "d": 7}}),
        ("SET a.c[1].y[1] = :v", {"a": {"c": [0, {"y": [3, 5]}]}}, {"v": 9}, {"a": {"c": [0, {"y": [3, 9]}]}}),
        ("SET a.b = :v, a.c.d = :v REMOVE a.x", {"a": {"x": 3, "c": {}}}, {"v": 1}, {"a": {"b": 1, "c": {"d": 1}}}),
        ("REMOVE a[1] SET a[3] = :v", {"a": [2, 3, 4, 5, 6, 7]}, {"v": 17}, {"a": [2, 4, 17, 6, 7]}),
        ("SET a[84] = :v, a[37] = :w, a[1] = :x", {"a": [1]}, {"v": 1, "w": 2, "x": 3}, {"a": [1, 3, 2, 1]}),
        ("SET a[9] = :v REMOVE a[0], a[1], a[7]", {"a": [1, 2, 3]}, {"v": 4}, {"a": [3, 4]}),
        ("REMOVE a.b, c[0], d[7]", {"a": {"b": 1}, "c": [1], "d": [1]}, {}, {"a": {}, "c": [], "d": [1]}),
        ("DELETE a.b :v, c[0] :v", {"a": {"b": {1}}, "c": [{1}, 2]}, {"v": {1}}, {"a": {}, "c": [2]}),
        ("ADD a[5] :v, a[0] :w", {"a": [1]}, {"v": {1}, "w": 2}, {"a": [3, {1}]}),
    ],
)  # fmt: skip
def test_updates(text: str, before: dict[str, Plain], bound: dict[str, Plain], after: dict[str, Plain]) -> None:
    """Operands are those of the item before; indexes too."""
    assert update(text, item_of(**before), **bound) == after


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set x.a = :a", BAD_PATH),
        ("set t[1] = :a", BAD_PATH),
        ("set gone[1] = :a", BAD_PATH),
        ("set m[1] = :a", BAD_PATH),
        ("set l.#1 = :a", BAD_PATH),
        ("remove t.a", BAD_PATH),
        ("remove gone.a", BAD_PATH),
        ("remove m[1]", BAD_PATH),
        ("delete gone[1] :a", BAD_PATH),
        ("add l.#1 :a", BAD_PATH),
        ("set l[7].x = :a", BAD_PATH),
        ("set y = gone", NO_ATTRIBUTE),
        ("set y = list_append(gone, l)", NO_ATTRIBUTE),
        ("set y = if_not_exists(gone, absent)", NO_ATTRIBUTE),
        ("set y = t + n", WRONG_TYPE),
        ("set y = list_append(l, t)", WRONG_TYPE),
        ("add t :a", WRONG_TYPE),
        ("add s :a", WRONG_TYPE),
        ("delete n :a", WRONG_TYPE),
        ("delete m.a :a", WRONG_TYPE),
    ],
)
def test_what_does_not_fit_the_item(text: str, message: str) -> None:
    """Errors that only the item shows."""
    item = item_of(t="x", m={"a": 1}, l=["a"], n=1, s={1})
    assert refusal(lambda: update(text, item, a={"a"})) == message


def test_no_item() -> None:
    """Where there is no item, part of a document can be removed, but not set."""
    assert update("REMOVE x.y, z[0]", item_of(id="k"), exists=False) == {"id": "k"}
    assert update("ADD n :v REMOVE id2", item_of(id="k"), exists=False, v=1) == {"id": "k", "n": 1}
    assert refusal(lambda: update("REMOVE x.y", item_of(id="k"))) == BAD_PATH
    assert refusal(lambda: update("SET x.y = :v", item_of(id="k"), exists=False, v=1)) == BAD_PATH


def test_creation() -> None:
    """An update that only takes away makes no item."""
    assert [
        compile_update(text, None).creates for text in ("SET a = :v", "ADD a :v REMOVE b", "REMOVE b DELETE c :v")
    ] == [
        True,
        True,
        False,
    ]


def test_depth() -> None:
    """An update cannot build what a request cannot bring."""
    deep: Plain = "leaf"
    for _ in range(31):
        deep = {"n": deep}
    assert "Nesting Levels" in (refusal(lambda: update("SET a.b = :v", item_of(a={}), v=deep)) or "")
    assert update("SET a = :v", {}, v=deep) == {"a": deep}


def test_sums_overflow() -> None:
    """ADD and + keep within the type."""
    big = {"N": "9" + "0" * 125}
    program = compile_update("ADD n :v", None)
    assert "Number overflow" in (refusal(lambda: program.apply({"n": big}, {":v": big})) or "")


def test_returned_attributes() -> None:
    """UPDATED_OLD and UPDATED_NEW: the part of the item that the update names."""
    text = "set b.c=((c[1])+(b.a)),b.a = a,c[1] = a, c[4] = b.a - b.b, c[2] = b.c add c[8] :b, c[6] :a"
    old = item_of(a="k", b={"a": 1, "b": 2, "c": 3}, c=[1, 3], d=0)
    program = compile_update(text, None)
    values = {":a": {"N": "2"}, ":b": {"SS": ["a"]}}
    new = program.apply(old, values)
    assert new["c"] == {"L": [{"N": "1"}, {"S": "k"}, {"N": "3"}, {"N": "-1"}, {"N": "2"}, {"SS": ["a"]}]}
    assert program.pick(new) == {
        "b": {"M": {"c": {"N": "4"}, "a": {"S": "k"}}},
        "c": {"L": [{"S": "k"}, {"N": "3"}, {"N": "2"}]},
    }
    assert program.pick(old) == item_of(b={"c": 3, "a": 1}, c=[3])
    assert program.top_level == ("b", "c")
    assert program.updated_paths[:3] == (("b", "c"), ("b", "a"), ("c", 1))
    assert ("b", "b") in program.paths


def test_returned_elements_of_lists() -> None:
    """Elements are looked up by their index in the item at hand, also where a removal has moved them."""
    old = item_of(a={"c": [1, 3, 3, 70]})
    program = compile_update("REMOVE a.c[1], a.c[7]", None)
    assert program.pick(old) == item_of(a={"c": [3]})
    assert program.pick(program.apply(old, {})) == item_of(a={"c": [3]})
    beyond = compile_update("SET a.c[100] = :v", None)
    assert beyond.pick(beyond.apply(old, {":v": {"N": "1"}})) == {}


def test_assigned_types() -> None:
    """What is known of top-level targets without an item."""
    program = compile_update("SET a = :s, b = c, d = c + :n, e = list_append(c, f), g.h = :s ADD i :n REMOVE j", None)
    assert program.assigned_types({":s": {"S": "x"}, ":n": {"N": "1"}}) == {"a": "S", "d": "N", "e": "L", "i": "N"}


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a, gone", {"a": 1}),
        ("b", {"b": {"x": {"y": 1}, "z": [0, 1, {"k": 2}]}}),
        ("b.x.y, b.gone, gone.x", {"b": {"x": {"y": 1}}}),
        ("b.z[2].k, b.z[0], b.z[9]", {"b": {"z": [0, {"k": 2}]}}),
        ("b.z.k, a.b, a[0], b[1]", {}),
        ("b.z[1].k", {}),
    ],
)
def test_projections(text: str, after: dict[str, Plain]) -> None:
    """Only what is named and there; lists close up."""
    item = item_of(a=1, b={"x": {"y": 1}, "z": [0, 1, {"k": 2}]})
    if text == "b.z.k, a.b, a[0], b[1]":
        for part in text.split(", "):
            assert compile_projection(part, None).apply(item) == {}
        return
    program = compile_projection(text, None)
    program.check_values({})
    assert program.apply(item) == item_of(**after)


def test_top_level_of_projections() -> None:
    """Each attribute once."""
    assert compile_projection("a, b.c, b.d[1]", None).top_level == ("a", "b")


plains = st.recursive(
    st.integers(0, 3) | st.sampled_from(("x", "y")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=6,
)


@settings(max_examples=30)
@given(st.lists(plains, max_size=4), st.dictionaries(st.integers(0, 8), st.sampled_from(("set", "remove")), max_size=5))
def test_lists_as_the_model(elements: list[Plain], actions: dict[int, str]) -> None:
    """Sets and removals of elements: by the old indexes, new ones last in the order of theirs."""
    if not actions:
        return
    sets = [f"a[{index}] = :v{index}" for index, action in actions.items() if action == "set"]
    removals = [f"a[{index}]" for index, action in actions.items() if action == "remove"]
    text = (f"SET {', '.join(sets)} " if sets else "") + (f"REMOVE {', '.join(removals)}" if removals else "")
    bound = {f"v{index}": f"new {index}" for index, action in actions.items() if action == "set"}
    model = [
        f"new {index}" if actions.get(index) == "set" else element
        for index, element in enumerate(elements)
        if actions.get(index) != "remove"
    ]
    model += [f"new {index}" for index in sorted(actions) if actions[index] == "set" and index >= len(elements)]
    assert update(text, item_of(a=elements), **bound)["a"] == model


TOKENS = (
    "SET", "remove", "ADD", "delete", "a", "b.c", "d[1]", "#n", ":v", "(", ")", ",", "=", "+", "-", ".", "[", "1", "_",
    "if_not_exists(", "list_append(", "size(", "status", '"', "é",
)  # fmt: skip


@settings(max_examples=40)
@given(st.lists(st.sampled_from(TOKENS), max_size=14).map(" ".join) | st.text(max_size=20))
def test_nothing_but_invalid_comes_of_any_text(text: str) -> None:
    """Parsers and programs have no other way to fail."""
    item = item_of(a=1, b={"c": [1]}, d=[1, 2])
    values = {":v": {"N": "1"}}
    for compiler in (compile_update, compile_projection):
        try:
            program = compiler(text, {"#n": "n"})
            program.check_values(values)
            after = compile_update(text, {"#n": "n"}).apply(item, values) if compiler is compile_update else item
        except Invalid:
            continue
        assert canonical_item(after) == after
