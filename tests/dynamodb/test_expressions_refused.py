"""Conditions that DynamoDB refuses, in its words. The cases are facts of AWS, most of them from dynalite's tests."""

from __future__ import annotations

from typing import Any

import pytest

from .refusals import of_filter

PREFIX = "Invalid FilterExpression: "
VALUES: dict[str, dict[str, Any]] = {
    "S": {"S": "S"},
    "N": {"N": "1"},
    "B": {"B": "YQ=="},
    "BOOL": {"BOOL": True},
    "NULL": {"NULL": True},
    "L": {"L": []},
    "M": {"M": {}},
    "SS": {"SS": ["1"]},
    "NS": {"NS": ["1"]},
    "BS": {"BS": ["YQ=="]},
}


@pytest.mark.parametrize(
    ("text", "token", "near"),
    [
        ("things are not gonna be ok", "are", "things are not"),
        ("a > 4", "4", "> 4"),
        ("attribute_exists(Pictures-RearView)", "-", "Pictures-RearView"),
        ('attribute_exists("Pictures.RearView")', '"', '("Pictures'),
        ("attribute_exists(Pictures..RearView)", ".", "..RearView"),
        ("attribute_exists(Pi#ctures.RearView)", "#ctures", "Pi#ctures."),
        ("attribute_exists(asdf[a])", "a", "[a]"),
        ("attribute_not_exists(", "<EOF>", "("),
        ("_hidden = a", "_", "_hidden"),
        ("a > between", "between", "> between"),
        ("a in b, c", "b", "in b,"),
        ("a in b", "b", "in b"),
        ("a in (b,c,)", ")", ",)"),
        ("a in ()", ")", "()"),
        ("size() > a", ")", "() >"),
        ("(a)between(b.(c.d))and(c)", "(", ".(c"),
        ("(a)between(b.c.d)and((c)", "<EOF>", ")"),
        ("#$.b > a", "#", "#$"),
        ("a > :things.stuff", ".", ":things.stuff"),
        ("b[:a] > a", ":a", "[:a]"),
        ("b[#_] > a", "#_", "[#_]"),
        ("ü > a", "ü", "ü >"),
        ("(a)between(b.c[4.5].#d)and(:a)", ".", "4.5"),
        ("size(a).b > a", ".", ").b"),
        ("(size(a)).b > a", ".", ").b"),
        ("(size(a))[0] > a", "[", ")[0"),
        ("a", "<EOF>", "a"),
        ("(a)", "<EOF>", ")"),
        ("not a", "<EOF>", "a"),
        ("a = b c", "c", "b c"),
        ("(a = b) = c", "=", ") = c"),
        ("a = (b = c)", "=", "b = c"),
        ("a AND b = c", "AND", "a AND b"),
    ],
)
def test_syntax(text: str, token: str, near: str) -> None:
    """The token that does not fit, between its neighbours."""
    assert of_filter(text) == f'{PREFIX}Syntax error; token: "{token}", near: "{near}"'


@pytest.mark.parametrize(
    "text",
    [
        "a=a and a > ((views))",
        "(a)between(((b.c)).d)and(c)",
        "a > whatever((:things), ((a)))",
        "a=a AND ((a=a AND a=a)) AND a=a",
        "a=a OR ((a=a OR a=a)) OR a=a",
        "a=a AND ((a=a AND (a=a AND a=a)))",
        "a=a OR ((a=a OR (a=a OR a=a)))",
        "(" * 2046 + "a<b" + ")" * 2046,
    ],
)
def test_redundant_parentheses(text: str) -> None:
    """A pair right around another one."""
    assert of_filter(text) == f"{PREFIX}The expression has redundant parentheses;"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("a=a and whatever((:things)) > a", "Invalid function name; function: whatever"),
        ("attRIbute_exIsts((views), #a)", "Invalid function name; function: attRIbute_exIsts"),
        (
            "if_not_exists(a, b) = c",
            "The function is not allowed in a condition expression; function: if_not_exists",
        ),
        ("attribute_exists(views, #a)", "Attribute name is a reserved keyword; reserved keyword: views"),
        (":a < abOrT", "Attribute name is a reserved keyword; reserved keyword: abOrT"),
        ("a.status = b", "Attribute name is a reserved keyword; reserved keyword: status"),
        ("a[2147483648] = b", "List index is not within the allowable range; index: [2147483648]"),
        (f"a{'.b' * 32} = c", "The document path has too many nesting levels; nesting levels: 33"),
        (" ", "The expression can not be empty;"),
        ("", "The expression can not be empty;"),
        (
            "x" * 4097,
            "Expression size has exceeded the maximum allowed size; expression size: 4097",
        ),
        (
            "a<b " + "or (a<b " * 150 + ")" * 150,
            "The expression contains too many operators; operator count: 301",
        ),
        ("not " * 1000 + "a<b", "The expression contains too many operators; operator count: 301"),
    ],
)
def test_text(text: str, detail: str) -> None:
    """What is wrong whatever the placeholders stand for, before any of them is looked at."""
    assert of_filter(text) == PREFIX + detail


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("a=a and attribute_exists((views), (#a)) > b", "attribute_exists"),
        ("attribute_not_exists(things) > b", "attribute_not_exists"),
        ("attribute_type(things, :a) > b", "attribute_type"),
        ("begins_with(things, a) > b", "begins_with"),
        ("contains(:things, c) > b", "contains"),
        ("size(contains(a, b)) > a", "contains"),
        ("size(things)", "size"),
        ("a between b and attribute_exists(things)", "attribute_exists"),
        ("a in (b, attribute_exists(things))", "attribute_exists"),
    ],
)
def test_function_in_a_wrong_place(text: str, function: str) -> None:
    """A condition for a value, or the other way round."""
    assert of_filter(text) == (
        f"{PREFIX}The function is not allowed to be used this way in an expression; function: {function}"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("attribute_exists(#Pictures.RearView, :a) and a=a", "#Pictures"),
        ("begins_with(Pictures.#RearView)", "#RearView"),
        ("(#P between :lo and :hi) and (#PC in (:cat1, :cat2))", "#P"),
        ("#4g > a", "#4g"),
        ("#_ > a", "#_"),
        ("(a)between(b.c[45].#d)and(:a)", "#d"),
    ],
)
def test_undefined_name(text: str, name: str) -> None:
    """The first undefined placeholder, in the text's order, is reported: here a name."""
    assert of_filter(text) == (
        f"{PREFIX}An expression attribute name used in the document path is not defined; attribute name: {name}"
    )


@pytest.mark.parametrize(
    ("text", "name"), [("begins_with(:hello, #a, #b)", ":hello"), (":a < :b", ":a"), (":_ > a", ":_")]
)
def test_undefined_value(text: str, name: str) -> None:
    """As above: here a value."""
    assert of_filter(text) == (
        f"{PREFIX}An expression attribute value used in expression is not defined; attribute value: {name}"
    )


@pytest.mark.parametrize(
    ("text", "function", "count"),
    [
        ("attribute_exists(things, a) and a=a", "attribute_exists", 2),
        ("attribute_not_exists(things, b)", "attribute_not_exists", 2),
        ("attribute_type(things)", "attribute_type", 1),
        ("begins_with(things)", "begins_with", 1),
        ("begins_with(things, size(a), b)", "begins_with", 3),
        ("contains(things)", "contains", 1),
        ("size(things, a) > b", "size", 2),
    ],
)
def test_number_of_operands(text: str, function: str, count: int) -> None:
    """Functions say how many operands they got."""
    assert of_filter(text) == (
        f"{PREFIX}Incorrect number of operands for operator or function; "
        f"operator or function: {function}, number of operands: {count}"
    )


WRONG_TYPES = [
    ("attribute_type(a, size(a)) and a=a and a=:a", "attribute_type", ["N"]),
    ("attribute_type(a, :a)", "attribute_type", sorted(set(VALUES) - {"S"})),
    ("begins_with(a, size(a)) and a=:a", "begins_with", ["N"]),
    ("begins_with(a, :a)", "begins_with", sorted(set(VALUES) - {"S", "B"})),
    ("begins_with(:a, a)", "begins_with", sorted(set(VALUES) - {"S", "B"})),
    ("size(size(a)) > :a", "size", ["N"]),
    ("attribute_not_exists(size(:a))", "size", ["N"]),
    ("size(:a) > a", "size", ["BOOL", "N", "NULL"]),
    ("a < :a", "<", sorted(set(VALUES) - {"S", "B", "N"})),
    (":a >= a", ">=", sorted(set(VALUES) - {"S", "B", "N"})),
    ("b between :a and a", "BETWEEN", sorted(set(VALUES) - {"S", "B", "N"})),
]


@pytest.mark.parametrize(
    ("text", "operator", "kind"), [(text, operator, kind) for text, operator, kinds in WRONG_TYPES for kind in kinds]
)
def test_type_of_an_operand(text: str, operator: str, kind: str) -> None:
    """Values of the request must suit the operator; attributes of the item need not."""
    assert of_filter(text, None, {":a": VALUES[kind]}) == (
        f"{PREFIX}Incorrect operand type for operator or function; "
        f"operator or function: {operator}, operand type: {kind}"
    )


def test_name_of_a_type() -> None:
    """attribute_type knows ten names, and only as values."""
    assert of_filter("attribute_type(a, :a)", None, {":a": {"S": "1"}}) == (
        f"{PREFIX}Invalid attribute type name found; type: 1, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
    )
    assert of_filter("attribute_type(a, b)") == (
        f"{PREFIX}Incorrect operand type for operator or function; operator or function: attribute_type, "
        "operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
    )


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("attribute_exists(:a) and a=a", "attribute_exists"),
        ("attribute_not_exists(size(:a))", "attribute_not_exists"),
    ],
)
def test_path_needed(text: str, function: str) -> None:
    """Only an attribute can exist."""
    assert of_filter(text, None, {":a": {"S": "1"}}) == (
        f"{PREFIX}Operator or function requires a document path; operator or function: {function}"
    )


@pytest.mark.parametrize(
    ("text", "operator", "operand"),
    [
        ("a = a AND #a = b AND :views > a", "=", "[a]"),
        ("#a <> a", "<>", "[a]"),
        ("a > #a", ">", "[a]"),
        ("((a=a) OR (a=a))", "=", "[a]"),
        ("((a=a) AND (a=a))", "=", "[a]"),
        ("a in (b, #a)", "IN", "[a]"),
        ("contains(ab.bc[1].a, ab.bc[1].#a)", "contains", "[ab, bc, [1], a]"),
        ("attribute_type(ab.bc[1].#a, ab.bc[1].a)", "attribute_type", "[ab, bc, [1], a]"),
        ("begins_with(ab.bc[1].a, ab.bc[1].#a)", "begins_with", "[ab, bc, [1], a]"),
    ],
)
def test_distinct_operands(text: str, operator: str, operand: str) -> None:
    """An attribute is not compared with itself; a value may be."""
    assert of_filter(text, {"#a": "a"}) == (
        f"{PREFIX}The first operand must be distinct from the remaining operands for this operator or function; "
        f"operator: {operator}, first operand: {operand}"
    )
    assert of_filter(":a = :a", None, {":a": {"S": "1"}}) is None


def test_bounds_of_between() -> None:
    """Two values must be of one type and in order."""
    bounds = {":a": {"S": "a"}, ":b": {"N": "1"}, ":c": {"S": "b"}}
    both = "The BETWEEN operator requires "
    assert of_filter("a between :b and :a or a = :c", None, bounds) == (
        f"{PREFIX}{both}same data type for lower and upper bounds; "
        "lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}"
    )
    assert of_filter("a between :c and :a or a = :b", None, bounds) == (
        f"{PREFIX}{both}upper bound to be greater than or equal to lower bound; "
        "lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"
    )


def test_operands_of_in() -> None:
    """A hundred at most."""
    names = [f"x{number}" for number in range(101)]
    assert of_filter(f"a in ({','.join(names[:100])})") is None
    assert of_filter(f"a in ({','.join(names)})") == (
        f"{PREFIX}The IN operator is provided with too many operands; number of operands: 101"
    )


def test_depth() -> None:
    """299 operators in 149 levels are DynamoDB's to answer, so they are ours."""
    assert of_filter("a<b " + "or (a<b " * 149 + ")" * 149) is None
