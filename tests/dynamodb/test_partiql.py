"""PartiQL statements: what they say, and what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.services.dynamodb.numbers import Invalid
from lambent.services.dynamodb.partiql import (
    Delete,
    Exists,
    Insert,
    Order,
    Select,
    Term,
    Update,
    parse,
    terms_of,
)

from .refusals import refusal

MALFORMED = "Statement wasn't well formed, can't be processed: "


def select_of(text: str) -> Select:
    """A SELECT."""
    statement = parse(text)
    assert isinstance(statement, Select)
    return statement


def update_of(text: str) -> Update:
    """An UPDATE."""
    statement = parse(text)
    assert isinstance(statement, Update)
    return statement


def test_select() -> None:
    """Table, index, columns with the names of their answers, order."""
    plain = select_of("select * from Music")
    assert (plain.table, plain.index, plain.columns, plain.where, plain.order) == ("Music", None, (), None, ())
    item = {"a": {"S": "x"}}
    assert plain.select(item) is item
    text = 'SELECT a, "b"."c d"[0], e.f FROM "My.Table"."by-x" WHERE a = \'it\'\'s\' ORDER BY a DESC, b ASC, c'
    full = select_of(text)
    assert (full.table, full.index) == ("My.Table", "by-x")
    assert [(column.path, column.name) for column in full.columns] == [
        (("a",), "a"),
        (("b", "c d", 0), "c d[0]"),
        (("e", "f"), "f"),
    ]
    assert full.order == (Order("a", True), Order("b", False), Order("c", False))
    assert full.values([]) == {":0": {"S": "it's"}}
    nested: dict[str, Any] = {"b": {"M": {"c d": {"L": [{"N": "1"}]}}}, "x": {"S": ""}}
    assert full.select(nested) == {"c d[0]": {"N": "1"}}


@pytest.mark.parametrize(
    ("condition", "parameters", "answer"),
    [
        ("n = 1", [], True),
        ("n = 1.0 AND s = ?", [{"S": "abc"}], True),
        ("n != 1", [], False),
        ("NOT n > 1", [], True),
        ("n BETWEEN 0 AND ? AND s = 'abc'", [{"N": "2"}], True),
        ("n NOT BETWEEN 0 AND 2", [], False),
        ("n IN [3, ?]", [{"N": "1"}], True),
        ("n IN (3, 4)", [], False),
        ("s NOT IN ['x', 'y']", [], True),
        ("begins_with(s, 'ab') AND contains(\"s\", 'bc')", [], True),
        ("BEGINS_WITH(s, 'b')", [], False),
        ("attribute_type(m.k[1], 'S')", [], True),
        ("size(s) = 3", [], True),
        ("m.k[0] = true OR n = 7", [], True),
        ("gone IS MISSING", [], True),
        ("n IS NOT MISSING", [], True),
        ("z IS NULL", [], True),
        ("n IS NOT NULL", [], True),
        ("s IS STRING", [], True),
        ("(n = 2 OR s = 'abc') AND (n) = 1", [], True),
        ("n = 2 OR s = 'abc' AND n = 2", [], False),
        ("t = <<'b', 'a'>>", [], True),
        ("m = {'k': [true, 'x']}", [], True),
        ("n > -1", [], True),
        ("1 = n", [], True),
    ],
)
def test_where(condition: str, parameters: list[dict[str, Any]], answer: bool) -> None:
    """The conditions of WHERE, with precedence and parameters."""
    item: dict[str, Any] = {
        "n": {"N": "1"},
        "s": {"S": "abc"},
        "z": {"NULL": True},
        "t": {"SS": ["a", "b"]},
        "m": {"M": {"k": {"L": [{"BOOL": True}, {"S": "x"}]}}},
    }
    statement = select_of(f"SELECT * FROM t WHERE {condition}")
    assert statement.where is not None
    assert statement.where.evaluate(item, statement.values(parameters)) is answer


def test_insert() -> None:
    """Every kind of value, and parameters in between."""
    text = """INSERT INTO "TypesTable" value {'primarykey':'1', 'NumberType':01.50, "Flag": false, Nothing: null,
        'MapType' : {'entryname1': ?, 'entryname2': -4}, 'ListType': [1,'stringval', []], 'Empty': {},
        'NumberSetType':<<1,34,4.5>>, 'StringSetType':<<'stringval', ?>>}"""
    statement = parse(text)
    assert isinstance(statement, Insert)
    assert (statement.table, statement.parameters) == ("TypesTable", 2)
    assert statement.item(statement.values([{"BOOL": True}, {"S": "y"}])) == {
        "primarykey": {"S": "1"},
        "NumberType": {"N": "1.5"},
        "Flag": {"BOOL": False},
        "Nothing": {"NULL": True},
        "MapType": {"M": {"entryname1": {"BOOL": True}, "entryname2": {"N": "-4"}}},
        "ListType": {"L": [{"N": "1"}, {"S": "stringval"}, {"L": []}]},
        "Empty": {"M": {}},
        "NumberSetType": {"NS": ["1", "34", "4.5"]},
        "StringSetType": {"SS": ["stringval", "y"]},
    }


def test_parameters() -> None:
    """As many as there are question marks; a whole item too."""
    statement = parse("INSERT INTO t VALUE ?")
    assert isinstance(statement, Insert)
    assert statement.item(statement.values([{"M": {"a": {"N": "1"}}}])) == {"a": {"N": "1"}}
    assert statement.item(statement.values([{"S": "x"}])) == {}
    assert refusal(lambda: statement.values([])) == "Number of parameters in request and statement don't match."
    mixed = parse("INSERT INTO t VALUE {'a': <<1, 'x'>>}")
    assert "Sets hold" in (refusal(lambda: mixed.values([])) or "")
    twice = parse("INSERT INTO t VALUE {'a': <<1, 1.0>>}")
    assert refusal(lambda: twice.values([])) == "Input collection contains duplicates"


def test_update() -> None:
    """SET and REMOVE, functions and arithmetic."""
    statement = update_of(
        """UPDATE "t" SET n = n + 100 SET m.x = [2020, ?], l = LIST_APPEND(l, [4]) SET ns = SET_ADD(ns, <<345>>)
        SET ss = set_delete(ss, <<'a'>>) SET d = if_not_exists(d, 7) REMOVE q[1] REMOVE r, u
        WHERE pk = ? AND sk = 'x' RETURNING MODIFIED NEW *"""
    )
    assert (statement.table, statement.returning, statement.parameters) == ("t", "UPDATED_NEW", 2)
    values = statement.values([{"BOOL": True}, {"S": "key"}])
    before: dict[str, Any] = {
        "pk": {"S": "key"},
        "sk": {"S": "x"},
        "n": {"N": "1"},
        "m": {"M": {}},
        "l": {"L": []},
        "ns": {"NS": ["1"]},
        "ss": {"SS": ["a", "b"]},
        "q": {"L": [{"N": "0"}, {"N": "1"}]},
        "r": {"S": ""},
    }
    assert statement.where.evaluate(before, values)
    assert statement.update.apply(before, values) == {
        "pk": {"S": "key"},
        "sk": {"S": "x"},
        "n": {"N": "101"},
        "m": {"M": {"x": {"L": [{"N": "2020"}, {"BOOL": True}]}}},
        "l": {"L": [{"N": "4"}]},
        "ns": {"NS": ["1", "345"]},
        "ss": {"SS": ["b"]},
        "d": {"N": "7"},
        "q": {"L": [{"N": "0"}]},
    }
    assert statement.update.top_level == ("n", "m", "l", "ns", "ss", "d", "q", "r", "u")


def test_delete_and_exists() -> None:
    """DELETE may return the old item; EXISTS checks one."""
    delete = parse('DELETE FROM "Music" WHERE "Artist" = \'Acme Band\' AND "SongTitle" = ? RETURNING ALL OLD *')
    assert isinstance(delete, Delete)
    assert (delete.table, delete.returning, delete.parameters) == ("Music", "ALL_OLD", 1)
    exists = parse("EXISTS(SELECT * FROM Music WHERE Artist = ? AND Awards IS MISSING)")
    assert isinstance(exists, Exists)
    assert (exists.table, exists.parameters, exists.query.columns) == ("Music", 1, ())
    assert exists.values([{"S": "x"}])[":0"] == {"S": "x"}


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "Expected data manipulation"),
        ("CREATE TABLE t", "Expected data manipulation"),
        ("SELECT FROM t", "Unexpected term: t"),
        ("SELECT * FROM", "Unexpected end of statement"),
        ("SELECT * FROM t WHERE", "Unexpected end of statement"),
        ("SELECT * FROM t WHERE a", "Unexpected end of statement"),
        ("SELECT * FROM t WHERE size(a)", "Unexpected end of statement"),
        ("SELECT * FROM t WHERE a = 'x", "Unexpected term: '"),
        ("SELECT * FROM t WHERE a = 1 b", "Unexpected term: b"),
        ("SELECT * FROM t WHERE nope(a) = 1", "Invalid function name; function: nope"),
        ("SELECT a[1.5] FROM t", "Unexpected term: 1.5"),
        ("INSERT INTO urls (a) VALUES (?)", "Unexpected term: ("),
        ("INSERT INTO t VALUE {'a' 1}", "Unexpected term: 1"),
        ("UPDATE t WHERE a = 1", "Unexpected term: WHERE"),
        ("UPDATE t SET a = 1", "Unexpected end of statement"),
        ("DELETE FROM t", "Unexpected end of statement"),
        (f"INSERT INTO t VALUE {{'a': {'[' * 4000}", "Nested too deep"),
        (f"SELECT * FROM t WHERE {'(' * 4000}", "Nested too deep"),
    ],
)
def test_refused(text: str, detail: str) -> None:
    """What is no statement of DynamoDB's."""
    assert refusal(lambda: parse(text)) == MALFORMED + detail


def test_paths_of_an_update() -> None:
    """Nothing is written twice."""
    assert "overlap" in (refusal(lambda: parse("UPDATE t SET a = 1 REMOVE a.b WHERE k = 1")) or "")


def test_terms() -> None:
    """What is known of single attributes: that under AND."""
    where = select_of(
        "SELECT * FROM t WHERE pk = ? AND 5 > sk AND (x = 1 OR x IN [2, 3]) AND (a = 1 OR b = 2) "
        "AND begins_with(s, 'p') AND n BETWEEN 1 AND 2 AND m.k = 1 AND NOT z = 1 AND c = d"
    ).where
    assert where is not None
    assert terms_of(where.node) == {
        "pk": [Term("=", (":0",))],
        "sk": [Term("<", (":1",))],
        "x": [Term("IN", (":2", ":3", ":4"))],
        "s": [Term("begins_with", (":7",))],
        "n": [Term("BETWEEN", (":8", ":9"))],
    }
    assert terms_of(None) == {}


TOKENS = (
    "SELECT", "*", "FROM", "t", '"u"', "WHERE", "a", "b.c", "d[0]", "=", "<", "AND", "OR", "NOT", "IN", "[", "]", "(",
    ")", "?", "'x'", "1", "-", ",", "{", "}", ":", "<<", ">>", "IS", "MISSING", "UPDATE", "SET", "REMOVE", "DELETE",
    "INSERT INTO t VALUE", "RETURNING ALL OLD *", "size(", "BETWEEN", "ORDER BY", "é", "'",
)  # fmt: skip


@settings(max_examples=40)
@given(
    st.sampled_from(("SELECT * FROM t WHERE ", "UPDATE t SET ", "INSERT INTO t VALUE ", "")),
    st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join) | st.text(max_size=20),
)
def test_nothing_but_invalid_comes_of_any_text(start: str, rest: str) -> None:
    """Parsers have no other way to fail."""
    try:
        statement = parse(start + rest)
        values = statement.values([{"S": "x"}] * statement.parameters)
    except Invalid:
        return
    where = statement.query.where if isinstance(statement, Exists) else getattr(statement, "where", None)
    if where is not None:
        assert where.evaluate({"a": {"S": "x"}}, values) in (True, False)
