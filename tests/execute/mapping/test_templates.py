"""Mapping templates: the language, the variables, and what AWS was recorded to answer."""

from __future__ import annotations

from typing import Any

import pytest

from lambent.execute.mapping import BodyNotJson, Scope, TemplateFailed, render


def run(template: str, body: bytes | str = b"", **scope: Any) -> str:
    return render(template, Scope(body=body, **scope)).text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("a $x b", "a  b"),
        ("$ $5 $. $! ${ costs $", "$ $5 $. $! ${ costs $"),
        ("#fff # #1 #unknown(1) #b", "#fff # #1 #unknown(1) #b"),
        ('\\$x \\\\$x \\#set($a = 1) \\d "\\n"', '$x \\ #set( = 1) \\d "\\n"'),
        ("a ## gone\nb #* and\n this *#c", "a b c"),
        ("#[[ $x #set ]]#!", " $x #set !"),
        ("#set($a = 'x')$a-$a.b ${a}b $!a $!{a}.", "x- xb x x."),
        ("#set($a-b = 1)$a-b", "1"),
        ('#set($a = "it\'s $b")#set($b = 2)#set($c = "<$b>")$a|$c', "it's |<2>"),
        ("#set($a = 'no $b')#set($q = \"say \"\"hi\"\"\")#set($s = 'it''s')$a $q $s", 'no $b say "hi" it\'s'),
        ('#set($a = "\\\\\'")$a', "\\\\'"),
        ("#set($i = 7)#set($j = $i / 2)#set($k = $i % 4)#set($l = 0 - $i / 2)$j $k $l", "3 3 -3"),
        ("#set($a = 1 + 2 * 3 - 4)#set($b = (1 + 2) * 3)#set($c = 1 / 0)$a $b $c.", "3 9 ."),
        ("#set($a = 'x' + 1)#set($b = 2.0)#set($c = 1e10)$a $b $c", "x1 2.0 1.0E10"),
        ("#if(true && !false || $x)y#{else}n#end", "y"),
        ("#if(1 == 1.0 and 2 ne 3 and 3 gt 2 and not $x)y#end", "y"),
        ("#if($x == $null && $x == '' && 'a' != 'b' && 1 == '1')y#end", "y"),
        ("#if('')y#else n#end#if(0)y#end", "yy"),
        ("#if($a)1#elseif($b == 2)2#elseif(true)3#{else}4#end", "3"),
        ("#foreach($i in [1..3])$i#if($foreach.hasNext),#end#end", "1,2,3"),
        ("#foreach($i in [3..1])$velocityCount:$i;#end$i", "1:3;2:2;3:1;"),
        ("#foreach($i in [1,2,3])#if($i == 2)#break#end$i#end.", "1."),
        ("#foreach($i in [1..2])#foreach($j in ['a','b'])$foreach.parent.index$foreach.count#end#end", "01021112"),
        ("#foreach($v in {'a': 1, 'b': 2})$v#end", "12"),
        ("#set($m = {'a': 1})#foreach($e in $m.entrySet())$e.key=$e.value#end", "a=1"),
        ("#set($m = {})#set($m.x = 1)#set($m['y'] = [1, 'b'])#set($m.y[0] = 5)$m", "{x=1, y=[5, b]}"),
        ("#macro(greet $who $x)Hello $who$x!#end#greet('A') #greet(\"B\", 1)", "Hello A! Hello B1!"),
        ("#macro(f $n)#if($n > 2)#return#end$n#set($m = $n + 1)#f($m)#end#f(0).", "012."),
        ("#define($d)<$v>#end#set($v = 1)$d#set($v = 2)$d", "<1><2>"),
        ("a#stop b", "a"),
        ("a#return b", "a"),
        ("x\n  #set($a = 1)  \n#if($a)  \ny\n#end\nz", "x\ny\nz"),
        (
            "#set($l = [])#set($d = $l.add(1))#set($d = $l.add(0, 2))$l $l.size() $l.get(0) $l[1] $l.contains(1)",
            "[2, 1] 2 2 1 true",
        ),
        ("$a[abc] $a[", "[abc] ["),
        ("#set($a = 1)$a #set($b = 2)$b", "1 2"),
        ("a\n \t#set($a = 1)b  #set($a = 1)c", "a\nb  c"),
    ],
)
def test_the_language(template: str, text: str) -> None:
    assert run(template) == text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("$s.length()", "11"),
        ("$s.substring(6)", "World"),
        ("$s.substring(0, 5)", "Hello"),
        ("$s.replace('l', 'L')", "HeLLo WorLd"),
        ("$s.replaceAll('[lo]+', '<$0>')", "He<llo> W<o>r<l>d"),
        ("$s.replaceFirst('(l+)', '[$1]')", "He[ll]o World"),
        ("$s.matches('Hello.*')", "true"),
        ("$s.matches('Hello')", "false"),
        ("$s.split(' ').size()", "2"),
        ("$s.split(' ')[1]", "World"),
        ("$s.toLowerCase() $s.toUpperCase()", "hello world HELLO WORLD"),
        ("$s.startsWith('He') $s.endsWith('x') $s.contains('lo W')", "true false true"),
        ("$s.indexOf('o') $s.lastIndexOf('o') $s.indexOf('z') $s.charAt(4)", "4 7 -1 o"),
        ("$s.equals('Hello World') $s.equalsIgnoreCase('HELLO WORLD') $s.isEmpty() $s.empty", "true true false false"),
        ("$s.concat('!').trim() $s.toString() $s.hashCode()", "Hello World! Hello World -862545276"),
        ("$m.size() $m.isEmpty() $m.get('a') $m.a $m['a'] $m.containsKey('b')", "2 false 1 1 1 true"),
        ("$m.keySet() $m.values() $m.put('c', 3)$m.remove('a') $m.getOrDefault('z', 9)", "[a, b] [1, [x]] 1 9"),
        ("$m $m.toString()", "{a=1, b=[x]} {a=1, b=[x]}"),
        ("$n.parseInt('12') $n.toString() $n.intValue()", "12 5 5"),
        ("$s.unknown() $s.class $m.class $n.class.forName('x')", "   "),
        ("$s.substring(0, 5).length()", "5"),
    ],
)
def test_methods_of_java(expression: str, text: str) -> None:
    before = "#set($s = 'Hello World')#set($m = {'a': 1, 'b': ['x']})#set($n = 5)"
    assert run(before + expression) == text


def test_the_body_as_it_was_recorded() -> None:
    for body, shown, encoded in (
        ("", "{}", "%7B%7D"),
        ('{"some": "value"}', '{"some": "value"}', "%7B%22some%22%3A+%22value%22%7D"),
        ("some raw data", "some raw data", "some+raw+data"),
    ):
        assert run("$input.body", body) == shown
        assert run("Action=SendMessage&MessageBody=$input.body", body) == f"Action=SendMessage&MessageBody={shown}"
        template = "EncodedBody=$util.urlEncode($input.body)&EncodedBodyAccess=$util.urlEncode($input.body.testAccess)"
        assert run(template, body) == f"EncodedBody={encoded}&EncodedBodyAccess="
        assert run("$input.body.testAccess", body) == ""


_NESTED = """#set($result = $input.path('$.json'))
#if($result == $null)#set($isNull = "true")#else#set($isNull = "false")#end
#if($result == '')#set($isEmpty = "true")#else#set($isEmpty = "false")#end
{"body": $result, "nested": $result.nested, "isNull": "$isNull", "isEmptyString": "$isEmpty"}"""


@pytest.mark.parametrize(
    ("body", "path", "text"),
    [
        ('{"to":"test","x":1}', "$", "{to=test, x=1}"),
        ('{"foo":"bar"}', "$", "{foo=bar}"),
        ('[{"foo":"bar"}]', "$", '[{"foo":"bar"}]'),
        ('[{"foo":"bar"}]', "$[0]", "{foo=bar}"),
        ('{"list":[{"foo":"bar"}]}', "$", '{list=[{"foo":"bar"}]}'),
        ('{"foo":[{"nested":"bar"}]}', "$", '{foo=[{"nested":"bar"}]}'),
        ('{"a":1.0,"b":2.50,"c":1e30,"d":true,"e":null,"f":12345678901234567890123}', "$", None),
    ],
)
def test_values_of_paths_are_printed_as_java_does(body: str, path: str, text: str | None) -> None:
    expected = text or "{a=1.0, b=2.5, c=1.0E30, d=true, e=null, f=12345678901234567890123}"
    assert run(f"$input.path('{path}')", body) == expected


def test_what_is_missing_is_null_and_as_the_empty_text() -> None:
    empty = '{"body": , "nested": , "isNull": "true", "isEmptyString": "true"}'
    for body in ("", "{}", '{"json": null}'):
        assert run(_NESTED, body).strip() == empty
    listed = '{"body": [], "nested": , "isNull": "false", "isEmptyString": "false"}'
    assert run(_NESTED, '{"json": []}').strip() == listed


def test_json_of_a_part() -> None:
    body = '{"pets": [{"id": 1, "name": "é\\"\\/"}, {"id": 12345678901234567890}], "f": 1.0}'
    assert run("$input.json('$')", body) == body.replace(": ", ":").replace(", ", ",").replace("\\/", "/")
    assert run("$input.json('$.pets[0].name') $input.json('$.f')", body) == '"é\\"/" 1.0'
    assert run("$input.json('$.pets[*].id')", body) == "[1,12345678901234567890]"
    assert run("$input.json('$.missing')", body) == '""'
    assert run("$input.path('$.pets').size() $input.path('$.pets[1].id') $input.path('$').pets[0].id", body) == (
        "2 12345678901234567890 1"
    )


def test_a_body_that_is_no_json() -> None:
    for function in ("json", "path"):
        with pytest.raises(BodyNotJson, match="Could not parse request body into json: "):
            run(f"$input.{function}('$')", "{no")
    assert run("$input.body", "{no") == "{no"


def test_a_template_may_change_what_it_reads_but_not_the_body() -> None:
    scope = Scope(body='{"a": [1]}')
    template = "#set($r = $input.path('$'))#set($d = $r.a.add(2))#set($r.b = 'x')$r $input.json('$')"
    assert render(template, scope).text == '{a=[1,2], b=x} {"a":[1]}'
    assert render("$input.json('$')", scope).text == '{"a":[1]}'


def test_parameters() -> None:
    scope = {
        "path": {"id": "p"},
        "query": {"id": ["q"], "q": ["1", "2"]},
        "headers": {"X-Name": ["a", "b"], "q": ["h"]},
        "stage_variables": {"url": "u", "a-b": "c"},
    }
    template = "$input.params('id') $input.params('q') $input.params('x-name') $input.params('none')."
    assert run(template, **scope) == "p 2 b ."
    template = "$input.params().header.get('x-name') $input.params().querystring.q $input.params().path.keySet()"
    assert run(template, **scope) == "b 2 [id]"
    template = (
        "#set($all = $input.params())#foreach($type in $all.keySet())#set($p = $all.get($type))$type:"
        "#foreach($n in $p.keySet())$n=$util.escapeJavaScript($p.get($n));#end #end"
    )
    assert run(template, **scope) == "path:id=p; querystring:id=q;q=2; header:X-Name=b;q=h; "
    assert run("$stageVariables.url $stageVariables.get('a-b') ${stageVariables.url}x", **scope) == "u c ux"


def test_utilities() -> None:
    assert run("$util.escapeJavaScript($input.path('$'))", '"a\'b\\"c\\\\/\\n\\u0001é😀"') == (
        "a\\'b\\\"c\\\\\\/\\n\\u0001\\u00E9\\uD83D\\uDE00"
    )
    assert run("$util.base64Encode('hé') $util.base64Decode('aMOp')") == "aMOp hé"
    assert run("$util.urlEncode('a b/~*é') $util.urlDecode('a+b%2Fc')") == "a+b%2F%7E*%C3%A9 a b/c"
    assert run('#set($o = $util.parseJson(\'{"a": [1, {"b": 2}]}\'))$o.a[1].b $o.a.size()') == "2 2"
    assert run("$util.urlEncode($nothing)$util.unknown('x')") == ""
    for wrong in ("$util.parseJson('{')", "$util.base64Decode('%')"):
        with pytest.raises(TemplateFailed):
            run(wrong)


def test_overrides_and_the_context_of_a_request() -> None:
    context: dict[str, Any] = {"requestId": "r", "identity": {"sourceIp": "::1", "user": None}}
    scope = Scope(body='{"path": "one"}', context=context)
    first = render(
        "#set($context.responseOverride.status = '444')#set($context.responseOverride.header.foo-Header = 'bar')"
        "#set($context.requestOverride.path.name = $input.path('$.path'))#set($context.custom = 'passed')"
        "#set($context.requestOverride.header['X-Y'] = 1)#set($context.requestOverride.querystring.q = 'z')"
        "$context.requestId $context.identity.sourceIp [$context.identity.user]",
        scope,
    )
    assert first.text == "r ::1 []"
    assert first.overrides.status == 444
    assert first.overrides.response_headers == {"foo-Header": "bar"}
    assert first.overrides.request_path == {"name": "one"}
    assert first.overrides.request_headers == {"X-Y": "1"}
    assert first.overrides.request_query == {"q": "z"}
    second = render(
        '{"status": "$context.responseOverride.status", "foo": "$context.responseOverride.header.foo-Header", '
        '"custom": "$context.custom", "path": "$context.requestOverride.path.name"}',
        scope.with_body("answer"),
    )
    assert second.text == '{"status": "444", "foo": "bar", "custom": "passed", "path": "one"}'
    assert second.overrides == first.overrides


def test_the_dynamic_origin_of_cors() -> None:
    template = """#set($origin = $input.params("Origin"))
#if($origin == "") #set($origin = $input.params("origin")) #end
#if($origin.matches("http://localhost:\\d+"))
#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)
#end"""
    found = render(template, Scope(headers={"origin": ["http://localhost:3000"]}))
    assert found.overrides.response_headers == {"Access-Control-Allow-Origin": "http://localhost:3000"}
    other = render(template, Scope(headers={"origin": ["http://evil"]}))
    assert other.overrides.response_headers == {}


@pytest.mark.parametrize(
    "template",
    [
        "#set($context.responseOverride.status = 200)#set($context.responseOverride.status = 201)",
        "#set($context.responseOverride.header.a = 1)#set($context.responseOverride.header.A = 2)",
        "#set($context.responseOverride.status = 'abc')",
        "#set($context.responseOverride.status = 99)",
        "#set($context.responseOverride.header.a = $input.path('$.crlf'))",
        "#set($context.requestOverride.header['a b'] = 'x')",
        "#set($k = $input.path('$.crlf'))#set($context.requestOverride.header[$k] = 'x')",
        "#set($k = $input.path('$.crlf'))#set($d = $context.responseOverride.header.put('a', $k))",
        "#set($k = $input.path('$.crlf'))#set($d = $context.get('responseOverride').header.put('a', $k))",
    ],
)
def test_overrides_that_fail(template: str) -> None:
    with pytest.raises(TemplateFailed):
        run(template, '{"crlf": "a\\r\\nSet-Cookie: b"}')


@pytest.mark.parametrize(
    "template",
    [
        "#set($d = $context.put('responseOverride', 'x'))",
        "#set($d = $context.putAll({'responseOverride': {'status': 'x', 'header': {'a b': 'c'}}}))",
        "#set($context.responseOverride = {'status': 'x'})",
        "#set($context.responseOverride.header = {'a b': 'c'})",
        "#set($d = $context.remove('responseOverride'))#set($d = $context.clear())",
        "#foreach($v in $context.values())#set($d = $v.put('status', 'x'))#end",
        "#foreach($e in $context.entrySet())#set($d = $e.value.put('status', 'x'))#end",
        "#set($d = $context.get('responseOverride').put('status', 'x'))",
        "#set($h = $context.responseOverride.header)#set($d = $h.remove('a'))#set($d = $h.putAll({'b c': 'd'}))",
    ],
)
def test_overrides_have_no_other_way_in(template: str) -> None:
    before = "#set($context.responseOverride.status = 201)#set($context.responseOverride.header.a = 'b')"
    found = render(before + template, Scope())
    assert (found.overrides.status, found.overrides.response_headers) == (201, {"a": "b"})


@pytest.mark.parametrize(
    "template",
    [
        "#if(true)",
        "#end",
        "#else",
        "#foreach($x on $y)#end",
        "#set($x)",
        "#set($x = )",
        "#set(x = 1)",
        "#if(1 ==)#end",
        "#set($x = 'open)",
        "${x",
        "#macro()#end",
        "#parse('x')",
        "#include('x')",
        "#evaluate('x')",
        "#set($x = [1, 2)",
        "#set($x = {1})",
        "$x.y(",
    ],
)
def test_wrong_grammar_is_named(template: str) -> None:
    with pytest.raises(TemplateFailed, match=r"line 1, column \d+|is not available"):
        run(template)
