"""Wildcards against a naive model, and where segments end."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.policy import patterns

from .helpers import USER, allow, ask, deny, document

PATTERN = st.text("ab:*?", max_size=12)
TEXT = st.text("ab:", max_size=12)


def naive(pattern: str, text: str) -> bool:
    """Wildcards by definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return naive(pattern[1:], text) or (bool(text) and naive(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


def naive_segments(pattern: str, text: str, colons: int = 0) -> bool:
    """Wildcards of a Resource element by definition: `colons` of the pattern have been passed."""
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == "*":
        crossing = colons >= 5 or rest[:1] in ("", ":")
        more = bool(text) and (crossing or text[0] != ":")
        # A run of stars is one star.
        return naive_segments(rest, text, colons) or (more and naive_segments(pattern, text[1:], colons))
    if head == "?":
        return bool(text) and (colons >= 5 or text[0] != ":") and naive_segments(rest, text[1:], colons)
    return text[:1] == head and naive_segments(rest, text[1:], colons + (head == ":"))


@given(PATTERN, TEXT)
def test_glob_agrees_with_the_definition(pattern: str, text: str) -> None:
    assert patterns.glob(patterns.tokens(pattern, True))(text) is naive(pattern, text)


@given(PATTERN, TEXT)
def test_resource_agrees_with_the_definition(pattern: str, text: str) -> None:
    while "**" in pattern:
        pattern = pattern.replace("**", "*")
    assert patterns.resource(patterns.tokens(pattern, True))(text) is naive_segments(pattern, text)


@given(st.text("ab:*?", max_size=12), st.text("ab:*?${}',", max_size=20))
def test_no_pattern_raises(text: str, pattern: str) -> None:
    split = patterns.tokens(pattern, True)
    expanded = patterns.expand(split, lambda key: "v")
    assert expanded is not None
    patterns.resource(expanded)(text)
    patterns.arn(expanded)(text)


@pytest.mark.parametrize("make", [patterns.glob, patterns.resource, patterns.arn])
def test_hostile_patterns_take_linear_time(make: object) -> None:
    pattern = patterns.tokens("arn:a*a:*:*a:*:" + "*a" * 50 + "b", True)
    began = time.perf_counter()
    assert callable(make)
    assert not make(pattern)("arn:aa:" + "a:" * 500 + "a" * 1000)
    assert time.perf_counter() - began < 0.2


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        ("*", "arn:aws:s3:::b", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y:z", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:s3:::B/k", "arn:aws:s3:::b/k", False),
        ("arn:aws:s3*", "arn:aws:s3:::b/k", True),
        ("arn:aws:sqs:*:1:q", "arn:aws:sqs:us-east-1:1:q", True),
        ("arn:aws:sqs:us-*-1:1:q", "arn:aws:sqs:us-east-1:1:q", True),
        ("arn:aws:sqs:us-*1:1:q", "arn:aws:sqs:us-east-1:2:x1:1:q", False),
        ("arn:aws:logs:*:*:log-group:/aws/*:*", "arn:aws:logs:us-east-1:1:log-group:/aws/lambda/f:log-stream:s", True),
        ("arn:aws:s3:::b/?", "arn:aws:s3:::b/:", True),
        ("arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::ada/k", True),
        ("arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::eve/k", False),
        ("arn:aws:s3:::${aws:nothing}/*", "arn:aws:s3:::/k", False),
        ("arn:aws:s3:::${aws:nothing, 'pub'}/*", "arn:aws:s3:::pub/k", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", False),
    ],
)
def test_resources(pattern: str, resource: str, expected: bool) -> None:
    assert ask(USER, [allow(resource=pattern)], resource=resource).allowed is expected


@pytest.mark.parametrize(
    ("statement", "action", "expected"),
    [
        (allow("S3:getobject"), "s3:GetObject", True),
        (allow("s3:Get*"), "s3:GetObject", True),
        (allow("s3:Get?bject"), "s3:GetObject", True),
        (allow("s3*"), "s3:GetObject", True),
        (allow(["sqs:*", "s3:PutObject"]), "s3:GetObject", False),
        ({"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}, "sqs:SendMessage", True),
        ({"Effect": "Allow", "NotAction": ["iam:*", "s3:Get*"], "Resource": "*"}, "s3:GetObject", False),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/*"}, "s3:GetObject", False),
        ({"Effect": "Allow", "Action": "*", "NotResource": ["arn:aws:s3:::c/*"]}, "s3:GetObject", True),
    ],
)
def test_actions(statement: dict[str, object], action: str, expected: bool) -> None:
    assert ask(USER, [statement], action=action).allowed is expected


def test_variables_need_the_newer_version() -> None:
    from lambent.contracts.access import AccessRequest, NamedPolicy, PolicySet
    from lambent.policy import evaluate

    for version, name, expected in (
        ("2012-10-17", "ada", True),
        ("2008-10-17", "ada", False),
        ("2008-10-17", "${aws:username}", True),
    ):
        text = document(allow(resource="arn:aws:s3:::${aws:username}"), version=version)
        request = AccessRequest(USER, "s3:ListBucket", f"arn:aws:s3:::{name}")
        assert evaluate(request, PolicySet(identity=(NamedPolicy("p", text),))).allowed is expected


STATEMENT = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.sampled_from(["*", "s3:*", "s3:Get*", "s3:PutObject", "sqs:*"]),
        "Resource": st.sampled_from(["*", "arn:aws:s3:::b/*", "arn:aws:s3:::c", "arn:aws:s3:::${aws:username}/*"]),
    }
)


@given(st.lists(STATEMENT, max_size=4), STATEMENT)
def test_a_deny_never_opens_and_an_allow_never_closes(statements: list[dict[str, str]], more: dict[str, str]) -> None:
    before = ask(USER, statements).allowed
    after = ask(USER, [*statements, more]).allowed
    assert after <= before if more["Effect"] == "Deny" else after >= before


@given(st.lists(STATEMENT, max_size=4), STATEMENT)
def test_what_is_denied_stays_denied(statements: list[dict[str, str]], more: dict[str, str]) -> None:
    assert not ask(USER, [*statements, more, deny()]).allowed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["*", "Allow", "Deny", "s3:*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Effect", "Action", "Resource", "Principal", "Condition", "StringLike", "Null", "AWS", "a:b"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_document_makes_evaluation_raise(statement: object, other: object) -> None:
    assert isinstance(ask(USER, [statement], bucket=[other]).allowed, bool)  # type: ignore[list-item]
