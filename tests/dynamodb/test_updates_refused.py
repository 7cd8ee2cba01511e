"""Updates and projections that DynamoDB refuses, in its words: facts of AWS, most of them from dynalite's tests."""

from __future__ import annotations

from typing import Any

import pytest

from .refusals import of_projection, of_update

PREFIX = "Invalid UpdateExpression: "
PROJECTION = "Invalid ProjectionExpression: "
NAMES = {"#a": "a", "#b": "b"}
TEXTS: dict[str, dict[str, Any]] = {":a": {"S": "a"}, ":b": {"S": "a"}}
VALUES: dict[str, dict[str, Any]] = {
    ":a": {"S": "a"},
    ":b": {"N": "1"},
    ":c": {"B": "YQ=="},
    ":d": {"BOOL": True},
    ":e": {"NULL": True},
    ":f": {"SS": ["a"]},
    ":g": {"NS": ["1"]},
    ":h": {"BS": ["YQ=="]},
    ":i": {"M": {}},
    ":j": {"L": []},
}
OVERLAP = "Two document paths overlap with each other; must remove or rewrite one of these paths; "
CONFLICT = "Two document paths conflict with each other; must remove or rewrite one of these paths; "


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("INVALID SYNTAX HERE", "INVALID", "INVALID SYNTAX"),
        ("SET _123 = :v", "_", "SET _123"),
        ("set a", "<EOF>", "a"),
        ("add a", "<EOF>", "a"),
        ("set a=set", "set", "=set"),
        ("remove a = b", "=", "a = b"),
        ("add a = b", "=", "a = b"),
        ("delete a b", "b", "a b"),
        ("delete a if_not_exist(b)", "if_not_exist", "a if_not_exist("),
        ("add abort b", "b", "abort b"),
        ("remove a b", "b", "a b"),
        ("set :a = b", ":a", "set :a ="),
        ("remove :a", ":a", "remove :a"),
        ("set a = b / c", "/", "b / c"),
        ('set a[1] = "eight"', '"', '= "eight'),
        ("set a[1] = 1", "1", "= 1"),
        ("SET a = if_not_exist(a, 100)", "100", ", 100)"),
        ("SET if_not_exist(a, b) = a", "(", "if_not_exist(a"),
        ("set (a = (b + c))", "(", "set (a"),
        ("set a = (b.c).d + e", ".", ").d"),
        ("set a = b + c + d", "+", "c + d"),
        ("set a = if_not_exists(c, :a+:b)", "+", ":a+:b"),
        ("set book-price = :v", "-", "book-price"),
        ("set a = :v,", "<EOF>", ","),
    ],
)
def test_syntax(text: str, token: str, near: str) -> None:
    """The token that does not fit, between its neighbours."""
    assert of_update(text) == f'{PREFIX}Syntax error; token: "{token}", near: "{near}"'


@pytest.mark.parametrize(
    "text",
    [
        "set a[1] = b",
        "SET a = if_not_exists(a, b) + b",
        "SET a = if_not_exists(a, if_not_exists(a, b))",
        "set a = (b + c)",
        "set a = ((b.c.d)+(e))",
        "set b.c=((c[1])+(b.a)),b.a = a,c[1] = a, c[4] = b.a - b.b, c[2] = b.c",
        "  sEt\ta =\nb ReMoVe c , d",
    ],
)
def test_allowed(text: str) -> None:
    """These it takes."""
    assert of_update(text) is None


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("set #c = :c set abOrt = true", "Attribute name is a reserved keyword; reserved keyword: abOrt"),
        (" remove Absolute ", "Attribute name is a reserved keyword; reserved keyword: Absolute"),
        ("set #c = if_not_exist(:c) set c = d", "Invalid function name; function: if_not_exist"),
        ("set a = LIST_APPEND(:a, :b)", "Invalid function name; function: LIST_APPEND"),
        ("set a = size(b)", "The function is not allowed in an update expression; function: size"),
        (
            "set a = list_append(list_append(b, c), d)",
            "The function is not allowed to be used this way in an expression; function: list_append",
        ),
        ("set a = #c set c = :d", 'The "SET" section can only be used once in an update expression;'),
        ("remove #d set a = b remove e", 'The "REMOVE" section can only be used once in an update expression;'),
        ("add #d :e set a = b add e :f", 'The "ADD" section can only be used once in an update expression;'),
        ("delete #d :e delete #e :f", 'The "DELETE" section can only be used once in an update expression;'),
        (
            "SET #c = if_not_exists(:c)",
            "An expression attribute name used in the document path is not defined; attribute name: #c",
        ),
        (
            "SET #a = if_not_exists(:c)",
            "An expression attribute value used in expression is not defined; attribute value: :c",
        ),
        (
            "set a = if_not_exists(c)",
            "Incorrect number of operands for operator or function; "
            "operator or function: if_not_exists, number of operands: 1",
        ),
        (
            "set a = list_append(:a, :b, c)",
            "Incorrect number of operands for operator or function; "
            "operator or function: list_append, number of operands: 3",
        ),
        (
            "set a = if_not_exists(:a, c)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "set a = if_not_exists(if_not_exists(a, b), c)",
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
    ],
)
def test_refused(text: str, detail: str) -> None:
    """One after the other, as DynamoDB looks at an update."""
    assert of_update(text, NAMES, TEXTS) == PREFIX + detail


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (
            "set d[1] = a, d.b = a, c[1].a = a, #c = if_not_exists(a), e = #d",
            f"{OVERLAP}path one: [c, [1], a], path two: [c]",
        ),
        ("set #c[3].#d = a, #c[3] = a", f"{OVERLAP}path one: [c, [3], [3]], path two: [c, [3]]"),
        ("set #c = b remove #c, e.#d", f"{OVERLAP}path one: [c], path two: [c]"),
        (
            "set #c[3].#d = a, #c.#d[3] = if_not_exists(a)",
            f"{CONFLICT}path one: [c, [3], [3]], path two: [c, [3], [3]]",
        ),
        ("remove a.#c set a[1] = #d", f"{CONFLICT}path one: [a, c], path two: [a, [1]]"),
    ],
)
def test_paths_of_targets(text: str, detail: str) -> None:
    """Nothing is written twice, and nothing is a map and a list."""
    assert of_update(text, {"#c": "c", "#d": "[3]"}) == PREFIX + detail


@pytest.mark.parametrize(
    ("text", "operator", "shown"),
    [
        ("set b = list_append(:a, a), c = if_not_exists(a) add a.b :a", "ADD", "STRING"),
        ("delete a.b :a", "DELETE", "STRING"),
        ("add a.b :e", "ADD", "NULL"),
        ("delete a.b :e", "DELETE", "NULL"),
        ("add a.b :d", "ADD", "BOOLEAN"),
        ("add a.b :c", "ADD", "BINARY"),
        ("add a.b :i", "ADD", "MAP"),
        ("delete a.b :j", "DELETE", "LIST"),
        ("delete a.b :b", "DELETE", "NUMBER"),
    ],
)
def test_type_of_what_is_added(text: str, operator: str, shown: str) -> None:
    """ADD takes numbers and sets, DELETE sets; the types have long names here."""
    assert of_update(text, None, VALUES) == (
        f"{PREFIX}Incorrect operand type for operator or function; operator: {operator}, operand type: {shown}"
    )


@pytest.mark.parametrize(
    ("text", "function", "kind"),
    [(f"set a = list_append({name}, a)", "list_append", next(iter(VALUES[name]))) for name in VALUES if name != ":j"]
    + [(f"set a = a {sign} {name}", sign, next(iter(VALUES[name]))) for sign in "+-" for name in VALUES if name != ":b"]
    + [("set a = :a + :c", "+", "S"), ("set a = :c - a", "-", "B")],
)
def test_type_of_an_operand(text: str, function: str, kind: str) -> None:
    """list_append takes lists, `+` and `-` take numbers."""
    assert of_update(text, None, VALUES) == (
        f"{PREFIX}Incorrect operand type for operator or function; "
        f"operator or function: {function}, operand type: {kind}"
    )


@pytest.mark.parametrize(
    "text", ["whatever(stuff)", ":a", "abort,", "a,,b", "a..b", "a[b]", "(a.b).c", "(a)", "(a),(b)", "(a,b)", "a-b"]
)
def test_syntax_of_projections(text: str) -> None:
    """Paths and commas, nothing else."""
    assert (of_projection(text) or "").startswith(f"{PROJECTION}Syntax error; token: ")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("!!", 'Syntax error; token: "!", near: "!!"'),
        ("a.abORt", "Attribute name is a reserved keyword; reserved keyword: abORt"),
        ("#a,ABSoLUTE", "Attribute name is a reserved keyword; reserved keyword: ABSoLUTE"),
        (
            "a,b,a,#c",
            "An expression attribute name used in the document path is not defined; attribute name: #c",
        ),
        ("b[1], b.a, #a.b, a, #b", f"{OVERLAP}path one: [a, b], path two: [a]"),
        ("a, #a[1], #b", f"{OVERLAP}path one: [a], path two: [a, [1]]"),
        ("a.b, #a[1], #b", f"{CONFLICT}path one: [a, b], path two: [a, [1]]"),
        ("a.b[1], #a[1], #b", f"{CONFLICT}path one: [a, b, [1]], path two: [a, [1]]"),
        ("a[3].b, #a.#b.b", f"{CONFLICT}path one: [a, [3], b], path two: [a, [3], b]"),
        ("", "The expression can not be empty;"),
    ],
)
def test_projections(text: str, detail: str) -> None:
    """The same order of checks as in updates."""
    assert of_projection(text, {"#a": "a", "#b": "[3]"}) == PROJECTION + detail
