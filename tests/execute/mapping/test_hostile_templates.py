"""Templates that mean ill: they reach nothing of Python, and end soon. And the language against airspeed's, where the
two agree about what a template means."""

from __future__ import annotations

import time
from typing import Any

import airspeed
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambent.execute.mapping import MappingError, Scope, render
from lambent.execute.mapping import budget as limits

SECONDS_MAX = 1.0
"""On a busy machine; alone none takes a fifth of it."""
NAMES = (
    *("__class__", "__init__", "__globals__", "__dict__", "__mro__", "__subclasses__", "__builtins__", "_scope"),
    *("class", "getClass", "getattr", "_values", "member", "call", "assign", "text", "format", "encode", "mro", "pop"),
)
OBJECTS = (
    *("$input", "$input.body", "$util", "$context", "$stageVariables", "$input.params()", "$input.path('$')", "$x"),
    *("$context.responseOverride", "$context.requestOverride.header", "$foreach", "$input.params().header", "$m", "$l"),
)


def _ended(template: str, body: str = '{"a": [1, "x", {"b": null}]}') -> str | None:
    began_s = time.perf_counter()
    try:
        return render(template, Scope(body=body, context={"a": {"b": "c"}}, headers={"h": ["v"]})).text
    except MappingError:
        return None
    finally:
        assert time.perf_counter() - began_s < SECONDS_MAX


@pytest.mark.parametrize("name", NAMES)
def test_no_name_reaches_python(name: str) -> None:
    before = "#set($m = {'a': 1})#set($l = [1])#set($x = 5)"
    for value in OBJECTS:
        for access in (f".{name}", f"['{name}']", f".get('{name}')", f".{name}()", f".{name}('x')", f".get{name}()"):
            for loop in ("{}", "#foreach($y in [1]){}#end"):
                text = _ended(before + loop.format(value + access))
                assert text is None or not any(word in text for word in ("class", "object", "function", "method", "<"))


@pytest.mark.parametrize(
    "template",
    [
        "#foreach($a in [1..1000])#foreach($b in [1..1000])#foreach($c in [1..1000])x#end#end#end",
        "#foreach($i in [1..999999999])#end",
        "#macro(f)#f()#f()#end#f()",
        "#define($d)$d$d#end$d",
        "#set($x = 'aaaaaaaaaa')#foreach($i in [1..100])#set($x = \"$x$x\")#end",
        "#set($x = 'aaaaaaaaaa')#foreach($i in [1..100])#set($x = $x + $x)#end",
        "#set($x = 'aaaaaaaaaa')#foreach($i in [1..100])#set($x = $x.concat($x))#end",
        "#set($x = 'aaaaaaaaaa')#foreach($i in [1..100])#set($x = $x.replace('a', $x))#end",
        "#set($x = 'aaaaaaaaaa')#foreach($i in [1..100])#set($x = $x.replaceAll('', $x))#end",
        "#set($x = 'aaaaaaaaaa')#foreach($i in [1..100])#set($x = $util.urlEncode($x) + $x)#end",
        "#set($l = [1])#foreach($i in [1..100])#set($d = $l.addAll($l))#end$l.size()",
        "#set($l = [1])#foreach($i in [1..100])#set($l = [$l, $l])#end$l",
        "#set($l = [1])#set($k = [1])#foreach($i in [1..99])#set($l = [$l, $l])#set($k = [$k, $k])#end$l.equals($k)",
        "#set($l = [])#set($d = $l.add($l))$l $l.equals($l) $l.contains($l) $l.toString()",
        "#set($m = {})#set($m.m = $m)$m",
        "#set($r = $input.path('$'))#set($r.r = $r)$r $r.a",
        "#set($context.c = [$context, $context])$context $context.c $context.values() $context.entrySet()",
        "#set($m = {'a': 1})#set($m.b = $m.entrySet())$m $m.b",
        "#set($p = $input.params())#set($x = {'p': $p})#set($d = $p.path.put('x', $x))$p $x",
        "#set($x = 2)#foreach($i in [1..100])#set($x = $x * $x)#end$x",
        "#set($x = 2.5)#foreach($i in [1..100])#set($x = $x * $x)#end$x",
        "$x.matches('(a|a)*b')#set($x = '%s')#foreach($i in [1..1000])$x.matches('(a|a)*b')#end" % ("a" * 60),
        "#set($x = '%s')#foreach($i in [1..1000])#set($y = $x.replaceAll('(a|aa)+$', 'b'))#end" % ("a" * 60),
        "#set($x = 'a')$x.matches('((a{1000}){1000}){1000}')",
        "#set($x = 'a')$x.matches('%s')" % ("(" * 500 + ")" * 500),
        "#set($x = 'a')$x.split('%s')" % ("(a?)" * 240),
        "$input.json('$..*..*..*..*..*..*..*..*')",
        "$input.json('$%s')" % ("..a" * 600),
        "$input.json('$[?(" + "(" * 500 + "@.a" + ")" * 500 + ")]')",
        "(" * 300_000,
        "$a[" * 100_000,
        "#if(" * 50_000,
        "#set($x = %s1)" % ("(" * 100_000),
        "#set($x = %s1)" % ("!" * 100_000),
        "#set($x = 1%s)" % (" + 1" * 70_000),
        "#set($x = %s)" % ("[" * 100_000),
        "#set($x = '%s" % ("''" * 100_000),
        '#set($x = "%s")' % ("$x[$x[" * 30_000),
        "#if(true)" * 30 + "#foreach($i in [1..9])" * 9 + "x",
        "#*" * 100_000,
        "\\" * 299_000 + "$x",
        "#macro(a)" * 20_000,
        "#%s" % ("a" * 290_000),
        "$x%s" % (".a" * 140_000),
        "x" * 400_000,
    ],
)
def test_every_template_ends_soon(template: str) -> None:
    _ended(template)


@pytest.mark.slow
@pytest.mark.parametrize(
    "use",
    [
        *("$input.json('$')", "$input.body", "$input.path('$')", "$input.json('$..a')", "$util.parseJson($input.body)"),
        *("$util.urlEncode($input.body)", "$util.base64Encode($input.body)", "$util.escapeJavaScript($input.body)"),
        *("$input.body.isBlank()", "$input.body.hashCode()", "$input.body.split('a')", "$input.body.matches('.*x')"),
        *("$input.body.toLowerCase()", "$input.body.contains('x')", "$input.body.equalsIgnoreCase($input.body)"),
        *("$input.body.replaceAll('[a-z]+', 'x')", "$input.path('$').toString()", "$input.path('$.a').contains('y')"),
    ],
)
def test_repeated_looks_at_a_large_body_end_soon(use: str) -> None:
    body = '{"a": [' + ",".join(['"abc def"'] * 100_000) + "]}"
    _ended(f"#foreach($i in [1..1000])#set($x = {use})#end", body)


@pytest.mark.parametrize("one", ["$big", "$inf", "$small", "0", "'x'", "$null"])
@pytest.mark.parametrize("other", ["$big", "$inf", "$small", "0", "1.5"])
def test_numbers_of_any_size(one: str, other: str) -> None:
    body = '{"big": 1' + "0" * 400 + ', "inf": 1e400, "small": 1e-320}'
    before = "".join(f"#set(${name} = $input.path('$.{name}'))" for name in ("big", "inf", "small"))
    for operation in ("+", "-", "*", "/", "%", "==", "<", ">="):
        _ended(f"{before}#set($x = {one} {operation} {other})$x", body)
    for use in ("$l[%s]", "$l.get(%s)", "#foreach($i in [0..%s])#end", "$input.body.substring(%s)", "$x.put(%s, 1)$x"):
        _ended(before + "#set($l = [1])#set($x = {})" + use % one, body)


def test_a_loop_has_a_thousand_turns() -> None:
    body = "[" + ",".join(["1"] * 5000) + "]"
    text = render("#foreach($x in $input.path('$'))$x#end", Scope(body=body)).text
    assert text == "1" * limits.ITERATIONS_MAX


def test_a_large_body_is_no_large_work() -> None:
    body = '{"items": [' + ",".join(f'{{"id": {number}, "name": "abc"}}' for number in range(20_000)) + "]}"
    assert len(render("$input.json('$')", Scope(body=body)).text) > 500_000
    assert render("$input.body", Scope(body=body)).text == body
    assert render("$input.path('$.items').size()", Scope(body=body)).text == "20000"


_PIECES = st.sampled_from(
    [
        *(
            "$",
            "$!",
            "${",
            "}",
            "#",
            "##",
            "#*",
            "*#",
            "#[[",
            "]]#",
            "\\",
            "(",
            ")",
            "[",
            "]",
            "{",
            "'",
            '"',
            ",",
            "..",
            ".",
        ),
        *(
            "#set(",
            "#if(",
            "#elseif(",
            "#else",
            "#end",
            "#foreach(",
            "#macro(",
            "#define(",
            "#break",
            "#stop",
            "#return",
        ),
        *(" in ", "==", "&&", "||", "!", "+", "-", "*", "/", "%", "<", " ", "\n", "1", "2.5", "true", "null", "not "),
        *(
            "$x",
            "$y",
            "$input",
            ".path('$')",
            ".json('$..a')",
            ".params()",
            ".get('a')",
            ".size()",
            ".split('')",
            "$util",
        ),
        *(".escapeJavaScript(", "$context", ".responseOverride", ".header", ".put('k', $x)", ".add($x)", "$foreach"),
    ]
)


@given(st.lists(_PIECES, max_size=40).map("".join))
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_renders_or_fails_as_a_mapping_does(template: str) -> None:
    _ended(template)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_VALUE = st.sampled_from(["1", "0", "7", "'a'", '"b$x"', "$x", "$m.k", "$l[0]", "$l.size()", "$s.length()"])
_CONDITION = st.builds("{} {} {}".format, _VALUE, st.sampled_from(["==", "!="]), _VALUE)


def _template(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.builds("#if({})<{}>#else[{}]#end".format, _CONDITION, inner, inner),
        st.builds(
            "#foreach($i in {})$i:{}#if($foreach.hasNext),#end#end".format, st.sampled_from(["$l", "[1..3]"]), inner
        ),
        st.builds("#set($x = {})".format, _VALUE),
    )


@given(
    st.recursive(
        st.sampled_from(["a ", "$x ", "$!x ", "${x}", "$m.k ", "$l[1]", "$s.length()"]), _template, max_leaves=10
    )
)
@settings(max_examples=60, deadline=None)
def test_airspeed_agrees_about_what_both_know(template: str) -> None:
    before = "#set($x = 'X')#set($m = {'k': 'v'})#set($l = [4, 5, 6])#set($s = 'text')"
    assert render(before + template, Scope()).text == airspeed.Template(before + template).merge({})


@given(_JSON)
@settings(max_examples=60, deadline=None)
def test_json_stays_what_it_is(value: Any) -> None:
    import json

    text = json.dumps(value)
    assert json.loads(render("$input.json('$')", Scope(body=text)).text) == value
    assert json.loads(
        render('["$util.escapeJavaScript($input.body).replaceAll("\\\\\'", "\'")"]', Scope(body=text)).text
    ) == [text]
