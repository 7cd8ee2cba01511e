"""AWS's table of missing data, expressions, rules: without a cloud."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.contracts.errors import ServiceError
from lambent.services.cloudwatch.judging import Terms, judge
from lambent.services.cloudwatch.math import Expression
from lambent.services.cloudwatch.rules import InvalidRule, Parsed

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
TABLE = [
    # The tables of "Configuring how CloudWatch alarms treat missing data", oldest first: X breaches, 0 does not.
    (3, "0-X-X", ("OK", "OK", "OK", "OK"), 3),
    (3, "----0", ("OK", "OK", "OK", "OK"), 3),
    (3, "-----", ("INSUFFICIENT_DATA", None, "ALARM", "OK"), 3),
    (3, "0XX-X", ("ALARM", "ALARM", "ALARM", "ALARM"), 3),
    (3, "--X--", ("ALARM", None, "ALARM", "OK"), 3),
    (2, "0-X-X", ("ALARM", "ALARM", "ALARM", "ALARM"), 3),
    (2, "00X0X", ("ALARM", "ALARM", "ALARM", "ALARM"), 3),
    (2, "0-X--", ("OK", "OK", "ALARM", "OK"), 3),
    (2, "----0", ("OK", "OK", "ALARM", "OK"), 3),
    (2, "---X-", ("ALARM", None, "ALARM", "OK"), 3),
]


@pytest.mark.parametrize(("needed", "data", "states", "periods"), TABLE)
def test_missing_data_count_as_aws_says(needed: int, data: str, states: tuple[str | None, ...], periods: int) -> None:
    looked_at = [(n, {"X": 9.0, "0": 0.0, "-": None}[sign]) for n, sign in enumerate(reversed(data))]
    found = []
    for treatment in TREATMENTS:
        terms = Terms("GreaterThanThreshold", 5.0, periods, needed, needed < periods, treatment)
        found.append(judge(terms, looked_at).state)
    assert tuple(found) == states


LINES = {"m1": {0: 10.0, 60: 20.0}, "m2": {0: 5.0}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m1 + 1", {0: 11.0, 60: 21.0}),
        ("m1 / m2", {0: 2.0}),
        ("m1 / (m2 - 5)", {}),
        ("m1 ^ 2", {0: 100.0, 60: 400.0}),
        ("-m2", {0: -5.0}),
        ("SUM([m1, m2])", {0: 15.0, 60: 20.0}),
        ("SUM(METRICS())", {0: 15.0, 60: 20.0}),
        ("MAX(METRICS('m2'))", {0: 5.0}),
        ("AVG(m1)", 15.0),
        ("FILL(m2, 1)", {0: 5.0, 60: 1.0}),
        ("FILL(m2, REPEAT)", None),
        ("IF(m1 > 15, m1, 0)", {0: 0.0, 60: 20.0}),
        ("m1 > 15 AND m1 < 30", {0: 0.0, 60: 1.0}),
        ("DIFF(m1)", {60: 10.0}),
        ("RUNNING_SUM(m1)", {0: 10.0, 60: 30.0}),
        ("PERIOD(m1)", 60.0),
    ],
)
def test_metric_math(text: str, expected: Any) -> None:
    def value() -> Any:
        return Expression(text).value(LINES, list(LINES.items()), [0, 60])

    if expected is None:
        with pytest.raises(ServiceError):
            value()
    else:
        assert value() == expected


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "m1.__class__",
        "(lambda: 1)()",
        "[x for x in m1]",
        "m1[0]",
        "unknown + 1",
        "1 +",
        "f'{m1}'",
        "(" * 500,
    ],
)
def test_an_expression_is_no_program(text: str) -> None:
    with pytest.raises(ServiceError):
        Expression(text).value(LINES, list(LINES.items()), [0, 60])


@given(st.text(alphabet="m12+-*/^()[],. SUMIFLAVGand'\"<>=&|", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_value_or_an_error(text: str) -> None:
    with contextlib.suppress(ServiceError):
        Expression(text).value(LINES, list(LINES.items()), [0, 60])


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("TRUE", True),
        ('ALARM("a")', True),
        ("ALARM(b) OR OK(b)", True),
        ("NOT ALARM(a)", False),
        ("ALARM(a) AND (ALARM(b) OR FALSE)", False),
        ("alarm(a) and not insufficient_data('b')", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:a)", True),
    ],
)
def test_rules(rule: str, holds: bool) -> None:
    assert Parsed(rule).holds({"a": "ALARM", "b": "OK"}.__getitem__) is holds


@given(st.text(alphabet="ALRMOKNTD ()\"'ab", max_size=80))
@settings(max_examples=200, deadline=None)
def test_any_rule_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidRule):
        Parsed(text).holds(lambda name: "OK")
