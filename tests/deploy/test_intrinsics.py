"""Intrinsic functions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.contracts.errors import NotBuilt, ServiceError
from lambent.deploy.template.intrinsics import NO_VALUE, UNKNOWN, Scope, evaluate, has_unknown
from lambent.deploy.template.references import parse_sub

PARAMETERS = {
    "Name": "n",
    "List": ["a", "b", "c"],
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "000000000000",
}
CONDITIONS = {
    "Yes": {"Fn::Equals": ["a", "a"]},
    "No": {"Fn::Equals": [{"Ref": "Name"}, "x"]},
    "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
    "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    "Not": {"Fn::Not": [{"Condition": "No"}]},
    "Round": {"Condition": "About"},
    "About": {"Condition": "Round"},
    "Number": {"Fn::Equals": [1, "1"]},
    "Truth": {"Fn::Equals": [True, "true"]},
}
MAPPINGS = {"M": {"one": {"a": "A", "list": [1, 2]}}}


def scope(**given: Any) -> Scope:
    physical = {"R": "r-1"}
    attributes = {("R", "Arn"): "arn:r", ("R", "Nested.Deep"): "deep"}
    return Scope(
        dict(PARAMETERS),
        mappings=MAPPINGS,
        conditions=CONDITIONS,
        ref=lambda name: physical.get(name, UNKNOWN),
        attribute=lambda name, attribute: attributes.get((name, attribute), UNKNOWN),
        imported=lambda name: f"imported {name}",
        **given,
    )


VALUES = [
    ({"Ref": "Name"}, "n"),
    ({"Ref": "List"}, ["a", "b", "c"]),
    ({"Ref": "R"}, "r-1"),
    ({"Ref": "Unborn"}, UNKNOWN),
    ({"Ref": "AWS::NoValue"}, NO_VALUE),
    ({"Fn::GetAtt": ["R", "Arn"]}, "arn:r"),
    ({"Fn::GetAtt": ["R", "Nested", "Deep"]}, "deep"),
    ({"Fn::GetAtt": "R.Arn"}, "arn:r"),
    ({"Fn::Sub": "${Name}-${R.Arn}-${!Name}-${AWS::Region}"}, "n-arn:r-${Name}-eu-west-1"),
    ({"Fn::Sub": ["${x}${List}", {"x": {"Ref": "R"}}]}, "r-1a,b,c"),
    ({"Fn::Sub": "${Unborn}"}, UNKNOWN),
    ({"Fn::Sub": "$${Name} ${"}, "$n ${"),
    ({"Fn::Join": ["-", ["a", 1, True, 1.0]]}, "a-1-true-1"),
    ({"Fn::Join": ["", {"Ref": "List"}]}, "abc"),
    ({"Fn::Join": ["-", ["a", {"Ref": "Unborn"}]]}, UNKNOWN),
    ({"Fn::Join": ["-", ["a", {"Ref": "AWS::NoValue"}, "b"]]}, "a-b"),
    ({"Fn::Select": ["1", {"Ref": "List"}]}, "b"),
    ({"Fn::Select": [0, {"Fn::Split": ["|", "x|y"]}]}, "x"),
    ({"Fn::Split": [",", "a,,b"]}, ["a", "", "b"]),
    ({"Fn::If": ["Yes", 1, {"Fn::Sub": "${"}]}, 1),
    ({"Fn::If": ["No", 1, 2]}, 2),
    ({"Fn::If": ["Both", 1, 2]}, 2),
    ({"Fn::If": ["Either", 1, 2]}, 1),
    ({"Fn::If": ["Not", 1, 2]}, 1),
    ({"Fn::If": ["Number", 1, 2]}, 1),
    ({"Fn::If": ["Truth", 1, 2]}, 1),
    ({"Fn::FindInMap": ["M", "one", "list"]}, [1, 2]),
    ({"Fn::Base64": "hello"}, "aGVsbG8="),
    ({"Fn::Cidr": ["10.0.0.0/24", 2, 4]}, ["10.0.0.0/28", "10.0.0.16/28"]),
    ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    ({"Fn::ImportValue": {"Fn::Sub": "${Name}-x"}}, "imported n-x"),
    ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
    ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
]


@pytest.mark.parametrize(("expression", "value"), VALUES, ids=[str(e) for e, _ in VALUES])
def test_values(expression: Any, value: Any) -> None:
    assert evaluate(expression, scope()) == value


def test_functions_of_the_language_extensions() -> None:
    extended = scope(extended=True)
    assert evaluate({"Fn::Length": {"Ref": "List"}}, extended) == 3
    assert evaluate({"Fn::ToJsonString": {"a": {"Ref": "Name"}}}, extended) == '{"a":"n"}'
    absent = {"Fn::FindInMap": ["M", "two", "a", {"DefaultValue": {"Ref": "Name"}}]}
    assert evaluate(absent, extended) == "n"


ERRORS = [
    ({"Fn::Select": [3, ["a"]]}, "Fn::Select requires a list argument with two elements: an integer index and a list"),
    ({"Fn::Select": ["x", ["a"]]}, "Fn::Select requires a list argument"),
    ({"Fn::Select": [0, "a"]}, "Fn::Select requires a list argument"),
    ({"Fn::Join": ["-", "a"]}, r"every Fn::Join object requires two parameters, \(1\) a string delimiter"),
    ({"Fn::Split": ["-"]}, "every Fn::Split object requires two parameters"),
    ({"Fn::FindInMap": ["M", "one", "z"]}, "Template error: Unable to get mapping for M::one::z"),
    ({"Fn::FindInMap": ["Z", "one", "z"]}, "Mapping named 'Z' is not present"),
    ({"Fn::If": ["Missing", 1, 2]}, "Template error: unresolved condition dependency Missing in Fn::If"),
    ({"Fn::If": ["Round", 1, 2]}, "circular dependency"),
    ({"Fn::GetAtt": ["R"]}, "every Fn::GetAtt object requires two non-empty parameters"),
    ({"Fn::GetAtt": ["R", ""]}, "every Fn::GetAtt object requires two non-empty parameters"),
    ({"Fn::Sub": "${a b}"}, "variable names in Fn::Sub syntax must contain only alphanumeric characters"),
    ({"Fn::Sub": ["${a}"]}, "don't specify expected arguments"),
    ({"Fn::Length": [1]}, "needs the transform AWS::LanguageExtensions"),
    ({"Fn::Nope": 1}, "Encountered unsupported function: Fn::Nope"),
    ({"Fn::Cidr": ["nonsense", 1, 8]}, "Fn::Cidr"),
    ({"Fn::Cidr": ["10.0.0.0/24", 10**9, 1]}, "Fn::Cidr"),
]


@pytest.mark.parametrize(("expression", "message"), ERRORS, ids=[str(e) for e, _ in ERRORS])
def test_errors(expression: Any, message: str) -> None:
    with pytest.raises(ServiceError, match=message) as caught:
        evaluate(expression, scope())
    assert caught.value.code == "ValidationError"


def test_what_is_not_built_says_so() -> None:
    with pytest.raises(NotBuilt, match="AWS::Include"):
        evaluate({"Fn::Transform": {"Name": "AWS::Include"}}, scope())


@given(st.text("${}!ab.: ", max_size=40))
def test_a_sub_text_is_parsed_whole_or_refused(text: str) -> None:
    try:
        pieces = parse_sub(text)
    except ServiceError:
        return
    variables = "".join(name for kind, name in pieces if kind == "variable")
    assert set(variables) <= set("ab.:")
    if "${" not in text:
        assert "".join(piece for _, piece in pieces) == text


EXPRESSIONS = st.recursive(
    st.sampled_from([{"Ref": "Name"}, {"Ref": "Unborn"}, {"Fn::Sub": "${R}"}, "x", 1, True]),
    lambda inner: (
        st.builds(lambda items: {"Fn::Join": ["-", items]}, st.lists(inner, max_size=3))
        | st.builds(lambda a, b: {"Fn::If": ["Yes", a, b]}, inner, inner)
        | st.builds(lambda a: {"Fn::Select": [0, [a]]}, inner)
    ),
    max_leaves=8,
)


@given(EXPRESSIONS)
def test_unknown_makes_all_unknown_and_nothing_else_does(expression: Any) -> None:
    known = Scope({**PARAMETERS, "Unborn": "u"}, conditions=CONDITIONS, ref=lambda name: "r")
    value = evaluate(expression, known)
    assert not has_unknown(value)
    partly = evaluate(expression, scope())
    assert partly is UNKNOWN or has_unknown(partly) or isinstance(partly, str | int)
