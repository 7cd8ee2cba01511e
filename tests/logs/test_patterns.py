"""The filter pattern language."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambent.services.logs.errors import InvalidParameterException
from lambent.services.logs.patterns import compile_pattern
from lambent.services.logs.patterns.columns import split
from lambent.services.logs.patterns.text import wildcard


def matches(pattern: str, message: str) -> bool:
    return compile_pattern(pattern).match(message) is not None


@pytest.mark.parametrize(
    ("pattern", "message", "expected"),
    [
        ("", "anything", True),
        (" ", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("error", "[ERROR 400] BAD REQUEST", False),
        ("ERROR REQUEST", "[ERROR 400] BAD REQUEST", True),
        ("ERROR WARN", "[ERROR 400] BAD REQUEST", False),
        ('"BAD REQUEST"', "[ERROR 400] BAD REQUEST", True),
        ('"REQUEST BAD"', "[ERROR 400] BAD REQUEST", False),
        (r'"say \"hi\""', 'they say "hi"', True),
        ("?ERROR ?WARN", "WARN: low disk", True),
        ("?ERROR ?WARN", "INFO: fine", False),
        ("?ERROR REQUEST", "INFO REQUEST", True),
        ("ERROR -EXIT", "ERROR: all broken", True),
        ("ERROR -EXIT", "ERROR EXIT", False),
        ('-"exit code"', "ok", True),
        ("%4[0-9]{2}%", "status 404", True),
        ("%^[hc]at$%", "hat", True),
        ("%^[hc]at$%", "that", False),
        ("-%DEBUG|TRACE%", "TRACE x", False),
        (r"%\d+\.\d+%", "took 3.5 s", True),
        ("%^[[|]a%", "[a", True),
        ("%^[]x]a%", "]a", True),
        ("%^[--9]a%", "5a", True),
        (r"%^\[[a||]%", "[|", True),
    ],
)
def test_terms(pattern: str, message: str, expected: bool) -> None:
    assert matches(pattern, message) is expected


DOCUMENT = (
    '{"eventType": "UpdateTrail", "code": 404, "took": 0.25, "port": "80", "ok": true, "none": null, '
    '"tags": ["a", "b"], "list": [{"id": 1}, {"id": 22, "name": "second"}], "a key": {"x.y": "deep"}, '
    '"path": "/api/items/7"}'
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{ $.eventType = UpdateTrail }", True),
        ("{$.eventType=Update*}", True),
        ('{ $.eventType = "*Trail" }', True),
        ('{ $.eventType != "UpdateTrail" }', False),
        ('{ $.missing != "UpdateTrail" }', False),
        ("{ $.missing NOT EXISTS }", True),
        ("{ $.none NOT EXISTS }", False),
        ("{ $.none IS NULL }", True),
        ("{ $.missing IS NULL }", False),
        ("{ $.ok IS TRUE }", True),
        ("{ $.ok is false }", False),
        ("{ $.code = 404 }", True),
        ("{ $.code = 4.04e2 }", True),
        ("{ $.code = 4* }", True),
        ("{ $.code >= 400 && $.code < 500 }", True),
        ("{ $.code > 404 }", False),
        ("{ $.code <= 404 }", True),
        ("{ $.code != 404 }", False),
        ("{ $.took < .5 }", True),
        ("{ $.port = 80 }", True),
        ("{ $.eventType > 5 }", False),
        ('{ $.tags[0] = "a" }', True),
        ('{ $.tags[1] = "a" }', False),
        ('{ $.tags[*] = "b" }', True),
        ('{ $.tags[9] = "b" }', False),
        ("{ $.list[*].id > 20 }", True),
        ("{ $.list[0].name NOT EXISTS }", True),
        ("{ $.['a key'].['x.y'] = deep }", True),
        ('{ $["a key"][\'x.y\'] = "d*p" }', True),
        (r"{ $.path = %^/api/\w+/\d$% }", True),
        ("{ ($.code = 1 || $.ok IS TRUE) && $.tags[0] = a }", True),
        ("{ $.code = 1 || $.ok IS TRUE && $.tags[0] = z }", False),
    ],
)
def test_json(pattern: str, expected: bool) -> None:
    assert matches(pattern, DOCUMENT) is expected


def test_json_patterns_need_a_json_message() -> None:
    assert not matches("{ $.a NOT EXISTS }", "plain text")
    assert not matches("{ $.a NOT EXISTS }", '{"broken')
    assert matches("{ $.a NOT EXISTS }", "{}")


def test_json_extraction() -> None:
    found = compile_pattern("{ $.code > 1 && $.list[1].name = * && $.ok IS TRUE }").match(DOCUMENT)
    assert found == {"$.code": "404", "$.list[1].name": "second", "$.ok": "true"}


ACCESS = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[ip, user, username, timestamp, request, status_code, bytes]", True),
        ("[ip, user, username, timestamp, request, status_code]", False),
        ("[ip, user, username, timestamp, request, status_code = 4*, bytes]", True),
        ("[ip, user, username, timestamp, request = *html*, status_code, bytes > 1000]", True),
        ("[ip, user, username, timestamp, request, status_code, bytes > 2000]", False),
        ("[..., status_code = 404, bytes]", True),
        ("[ip = 127.*, ...]", True),
        ("[ip != 127.*, ...]", False),
        (r"[ip = %127\.0\.0\.[1-9]%, ...]", True),
        ("[..., status_code = 5* || status_code = 4*, bytes]", True),
        ("[..., status_code >= 400 && status_code < 404, bytes]", False),
        ('[ip, user, username = "frank", ...]', True),
        ("[ip, user, username, ..., bytes = 1534]", True),
        ("[ip,,,,,,bytes=1534]", True),
        ("[]", True),
        ("[...]", True),
    ],
)
def test_columns(pattern: str, expected: bool) -> None:
    assert matches(pattern, ACCESS) is expected


def test_columns_extraction() -> None:
    assert split(ACCESS) == [
        "127.0.0.1",
        "-",
        "frank",
        "10/Oct/2000:13:25:15 -0700",
        "GET /index.html HTTP/1.0",
        "404",
        "1534",
    ]
    assert compile_pattern("[ip, ..., , size]").match(ACCESS) == {"$ip": "127.0.0.1", "$6": "404", "$size": "1534"}


@pytest.mark.parametrize(
    "pattern",
    [
        "foo-bar",
        '"open',
        "%open",
        "%a(b)%",
        "%something!%",
        "%[%",
        "%[[%",
        "%[^%",
        "{ $.a }",
        "{ $. = 1 }",
        "{ $.a = 1",
        "{ $.a = 1 } x",
        "{ $.a > text }",
        "{ $.a IS EXISTS }",
        "{ a = 1 }",
        "[a, b",
        "[..., ...]",
        "[a = 1 || b = 2]",
        "[a && a = 1]",
        "{" + "(" * 200 + "$.a=1" + ")" * 200 + "}",
        "{ $.a = %a% && $.b = %b% && $.c = %c% }",
        "x" * 1025,
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidParameterException):
        compile_pattern(pattern)


def test_a_term_with_other_characters_is_named() -> None:
    with pytest.raises(InvalidParameterException, match=r"Invalid character\(s\) in term 'a@b'"):
        compile_pattern("ok a@b")


_PIECES = st.sampled_from("{}[]()$.a\"'%\\*=<>-?,1 \x00\né") | st.sampled_from(
    ("$.a", "!=", ">=", "&&", "||", "IS", "NOT", "NULL", "EXISTS", "TRUE", "...", "1e9", "{2,1}", "[z-a]")
)


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=30).map("".join)), st.text())
def test_any_text_is_a_pattern_or_an_invalid_parameter(text: str, message: str) -> None:
    for pattern in (text, "{" + text + "}", "[" + text + "]", "{ $.a = " + text + "}", "%" + text + "%"):
        try:
            compiled = compile_pattern(pattern)
        except InvalidParameterException:
            continue
        for candidate in (message, '{"a": 1e400}', '{"a": [1, {"a": null}]}', "a [b] c"):
            assert compiled.match(candidate) is None or isinstance(compiled.match(candidate), dict)


@given(st.text(alphabet="ab*", max_size=8), st.text(alphabet="ab", max_size=10))
def test_wildcards_agree_with_a_regular_expression(pattern: str, text: str) -> None:

    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
    assert wildcard(pattern)(text) is expected
