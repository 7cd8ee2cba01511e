"""JSONPath as Jayway's library has it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.execute.mapping.budget import Budget
from lambent.execute.mapping.errors import TemplateFailed
from lambent.execute.mapping.jsonpath import MISSING, compiled

STORE: dict[str, Any] = {
    "store": {
        "book": [
            {"category": "reference", "author": "Rees", "title": "Sayings", "price": 8.95},
            {"category": "fiction", "author": "Waugh", "title": "Sword", "price": 12.99},
            {"category": "fiction", "author": "Melville", "title": "Moby Dick", "isbn": "0-553", "price": 8.99},
            {"category": "fiction", "author": "Tolkien", "title": "Lord", "isbn": "0-395", "price": 22.99},
        ],
        "bicycle": {"color": "red", "price": 19.95},
    },
    "expensive": 10,
    "a.b": {"c d": [1, [2, 3]]},
    "none": None,
}
BOOKS = STORE["store"]["book"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", STORE),
        ("$.expensive", 10),
        ("expensive", 10),
        ("$.none", None),
        ("$.missing", MISSING),
        ("$.expensive.deeper", MISSING),
        ("$.store.book[0].title", "Sayings"),
        ("$['store']['book'][-1]['title']", "Lord"),
        ('$["a.b"]["c d"][1][0]', 2),
        ("$.store.book[9]", MISSING),
        ("$.store.book[*].author", ["Rees", "Waugh", "Melville", "Tolkien"]),
        ("$..author", ["Rees", "Waugh", "Melville", "Tolkien"]),
        ("$.store.*", [BOOKS, STORE["store"]["bicycle"]]),
        ("$.store..price", [8.95, 12.99, 8.99, 22.99, 19.95]),
        ("$..book[2].title", ["Moby Dick"]),
        ("$.store.book[0,1].price", [8.95, 12.99]),
        ("$.store.book[:2].price", [8.95, 12.99]),
        ("$.store.book[1:3].price", [12.99, 8.99]),
        ("$.store.book[-2:].price", [8.99, 22.99]),
        ("$.store.bicycle['color','price','no']", {"color": "red", "price": 19.95}),
        ("$..book[?(@.isbn)].title", ["Moby Dick", "Lord"]),
        ("$.store.book[?(@.price < 10)].title", ["Sayings", "Moby Dick"]),
        ("$..book[?(@.price <= $['expensive'])].title", ["Sayings", "Moby Dick"]),
        ("$..book[?(@.author =~ /.*REES/i)].title", ["Sayings"]),
        ("$.store.book[?(@.category == 'fiction' && @.price > 20)].title", ["Lord"]),
        ('$.store.book[?(@.price > 20 || @.author == "Rees")].title', ["Sayings", "Lord"]),
        ("$.store.book[?(!(@.isbn) && @.price != 8.95)].title", ["Sword"]),
        ("$.store.book[?(@.author in ['Rees', 'Waugh'])].price", [8.95, 12.99]),
        ("$.store.book[?(@.author nin ['Rees', 'Waugh'])].price", [8.99, 22.99]),
        ("$.store.book[?(@.title contains 'Moby')].price", [8.99]),
        ("$.store.book.length()", 4),
        ("$..price.max()", 22.99),
        ("$.store.bicycle.keys()", ["color", "price"]),
        ("$.expensive.length()", MISSING),
    ],
)
def test_what_a_path_finds(path: str, expected: Any) -> None:
    assert compiled(path).of(STORE, Budget()) == expected


@pytest.mark.parametrize(
    "path", ["$.", "$[", "$['a'", "$[a]", "$..", "$.a[?(@.b ==)]", "$.a b", "$[?(@.a", "$x", "$" * 3000]
)
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(TemplateFailed, match="JSONPath"):
        compiled(path).of(STORE, Budget())


@given(st.lists(st.sampled_from([*"$@.[]()*'\"?,:!&|=<> ab01-/~", "..", "[?(", "@.a", "['a']", " in "])).map("".join))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_path_or_is_refused(path: str) -> None:
    try:
        compiled(path).of({"a": [{"b": 1}, "x"], "b": {"a": None}}, Budget())
    except TemplateFailed:
        pass
