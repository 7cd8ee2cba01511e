"""Template text to plain values."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambent.contracts.errors import ServiceError
from lambent.deploy.template.loader import BODY_BYTES_MAX, load

SHORT_FORMS = [
    ("!Ref A", {"Ref": "A"}),
    ("!Condition A", {"Condition": "A"}),
    ("!GetAtt A.Outputs.B", {"Fn::GetAtt": ["A", "Outputs.B"]}),
    ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
    ("!Sub '${A}'", {"Fn::Sub": "${A}"}),
    ("!Sub ['${A}', {A: !Ref B}]", {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}),
    ("!Join ['-', [a, !Ref B]]", {"Fn::Join": ["-", ["a", {"Ref": "B"}]]}),
    ("!Select [0, !GetAZs '']", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}),
    ("!Split [',', 'a,b']", {"Fn::Split": [",", "a,b"]}),
    ("!If [C, a, !Ref AWS::NoValue]", {"Fn::If": ["C", "a", {"Ref": "AWS::NoValue"}]}),
    ("!Equals [a, b]", {"Fn::Equals": ["a", "b"]}),
    ("!Not [!Equals [a, b]]", {"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}),
    ("!And [!Condition A, !Condition B]", {"Fn::And": [{"Condition": "A"}, {"Condition": "B"}]}),
    ("!Or [!Condition A, !Condition B]", {"Fn::Or": [{"Condition": "A"}, {"Condition": "B"}]}),
    ("!FindInMap [A, B, C]", {"Fn::FindInMap": ["A", "B", "C"]}),
    ("!ImportValue x", {"Fn::ImportValue": "x"}),
    ("!Base64 x", {"Fn::Base64": "x"}),
    ("!Cidr [10.0.0.0/16, 2, 8]", {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}),
    ("!Transform {Name: N, Parameters: {}}", {"Fn::Transform": {"Name": "N", "Parameters": {}}}),
    ("!ToJsonString {a: 1}", {"Fn::ToJsonString": {"a": 1}}),
    ("!Length [1, 2]", {"Fn::Length": [1, 2]}),
]


@pytest.mark.parametrize(("short", "long"), SHORT_FORMS, ids=[form for form, _ in SHORT_FORMS])
def test_short_forms_stand_for_long_ones(short: str, long: Any) -> None:
    assert load(f"X: {short}") == {"X": long}


def test_scalars_keep_their_meaning() -> None:
    text = "A: 2012-10-17\nB: true\nC: 5\nD: '5'\nE: 1.5\n1: x\ntrue: y\n"
    assert load(text) == {"A": "2012-10-17", "B": True, "C": 5, "D": "5", "E": 1.5, "1": "x", "true": "y"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("just text", "Template format error: unsupported structure."),
        ("[1, 2]", "Template format error: unsupported structure."),
        ("A: [1", r"Template format error: YAML not well-formed. \(line 2, column 1\)"),
        ("A: !Nope x", r"Template format error: YAML not well-formed. \(line 1, column 4\)"),
        ("A: !!python/object:os.system x", "Template format error: YAML not well-formed."),
        ('{"A": 1,}', r"Template format error: JSON not well-formed. \(line 1, column 9\)"),
        ('{"A": NaN}', "Template format error: JSON not well-formed."),
        ("A: &a [1]\nB: *a", "YAML aliases are not allowed in CloudFormation templates"),
        ("A: " + "[" * 200 + "]" * 200, "nested too deeply"),
        ('{"A": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ("A: " + "x" * BODY_BYTES_MAX, "may not exceed"),
        ("[a]: 1", "YAML not well-formed"),
    ],
    ids=range(12),
)
def test_what_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(ServiceError, match=message) as caught:
        load(text)
    assert caught.value.code == "ValidationError"


PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.slow
@given(st.dictionaries(st.text("abcXYZ", min_size=1), PLAIN, min_size=1))
def test_json_and_yaml_of_one_value_load_alike(value: dict[str, Any]) -> None:
    assert load(json.dumps(value)) == value
    assert load(yaml.safe_dump(value, allow_unicode=True)) == value


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_loads_or_is_refused(text: str) -> None:
    try:
        loaded = load(text)
    except ServiceError:
        return
    assert isinstance(loaded, dict)
