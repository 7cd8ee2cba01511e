"""Stars in texts: they stand for anything, and cost one walk."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.kit.stars import fits


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("ab", "ab", True),
        ("ab", "abc", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("*b*", "abc", True),
    ],
)
def test_a_star_stands_for_any_characters(pattern: str, text: str, expected: bool) -> None:
    assert fits(pattern.split("*"), text) is expected


@given(st.text("ab*", max_size=8), st.text("ab\n", max_size=12))
def test_it_says_what_a_regular_expression_says(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    assert fits(pattern.split("*"), text) is bool(re.fullmatch(expression, text, re.DOTALL))


def test_many_stars_take_no_long_time() -> None:
    assert not fits(("*a" * 5_000 + "*b").split("*"), "a" * 10_000)
