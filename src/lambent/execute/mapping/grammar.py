"""Reads the text of a template into its parts: the Velocity Template Language as Velocity 1.7 reads it.

Names may have hyphens (`$context.responseOverride.header.Access-Control-Allow-Origin`), texts in quotes have no escapes
but the doubled quote, and a directive takes the end of its line with it. What reads like a directive or a macro but is
none is text. Reading goes forward with bounded nesting, so its time is linear.
"""

from __future__ import annotations

import re
from typing import Final

from . import nodes
from .errors import TemplateFailed
from .nodes import Access, Block, Expression, Part, Reference

TEXT_LENGTH_MAX: Final = 300 * 1024
"""Characters of a template, as API Gateway has it."""
NESTING_MAX: Final = 40
OPERATORS_MAX: Final = 200
"""Operators of one expression without parentheses."""
RETRIES_MAX: Final = 100
"""Brackets after references that turn out to be text."""

_PLAIN: Final = re.compile(r"[^\\$#]+")
_NAME: Final = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_]|-+(?=[A-Za-z0-9_]))*")
_REFERENCE: Final = re.compile(r"\$!?\{?(?=[A-Za-z_])")
_DIRECTIVE: Final = re.compile(r"#(?:\{([a-z]+)\}|([A-Za-z_][A-Za-z0-9_]*))")
_LINE_COMMENT: Final = re.compile(r"##[^\n]*(?:\n|\Z)")
_LINE_END: Final = re.compile(r"[ \t]*\r?\n")
_SPACE: Final = re.compile(r"\s*")
_NUMBER: Final = re.compile(r"-?(?:\d+\.(?!\.)\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+(?:[eE][+-]?\d+)?)")
_OPERATOR: Final = re.compile(r"\|\||&&|==|!=|<=|>=|[<>+*/%-]|(?:or|and|eq|ne|lt|le|gt|ge)\b")
_MACRO: Final = re.compile(r"#macro\s*\(\s*([A-Za-z_][A-Za-z0-9_-]*)")
_WORDS: Final = {"or": "||", "and": "&&", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BINDING: Final = {
    **dict.fromkeys(("||",), 1),
    **dict.fromkeys(("&&",), 2),
    **dict.fromkeys(("==", "!="), 3),
    **dict.fromkeys(("<", "<=", ">", ">="), 4),
    **dict.fromkeys(("+", "-"), 5),
    **dict.fromkeys(("*", "/", "%"), 6),
}
_ENDS: Final = frozenset(("end", "else", "elseif"))
_LEAVES: Final = {"break": nodes.Break, "stop": nodes.Stop, "return": nodes.Return}
_REFUSED: Final = frozenset(("parse", "include", "evaluate"))


def read(text: str) -> Block:
    """The parts of a template; `TemplateFailed` says where its grammar is wrong."""
    if len(text) > TEXT_LENGTH_MAX:
        raise TemplateFailed("the template is too long")
    reader = _Reader(text, frozenset(_MACRO.findall(text)), 0)
    block, end = reader.block()
    if end:
        raise reader.wrong(f"#{end} without a beginning")
    return block


class _Reader:
    """Goes through a text once."""

    def __init__(self, text: str, macros: frozenset[str], nesting: int) -> None:
        self._text = text
        self._macros = macros
        self._nesting = nesting
        self._at = 0
        self._retries = RETRIES_MAX

    def wrong(self, what: str) -> TemplateFailed:
        """The error of this place."""
        before = self._text[: self._at]
        line, column = before.count("\n") + 1, self._at - before.rfind("\n")
        return TemplateFailed(f"{what} at line {line}, column {column} of the template")

    def block(self) -> tuple[Block, str]:
        """Parts up to the end of the text or to a directive that ends a block, whose name is returned."""
        self._enter()
        parts: list[Part] = []
        text, length = self._text, len(self._text)
        while self._at < length:
            if (plain := _PLAIN.match(text, self._at)) is not None:
                self._at = plain.end()
                parts.append(nodes.Text(plain[0]))
            elif text[self._at] == "\\":
                parts.append(nodes.Text(self._backslashes()))
            elif text[self._at] == "$":
                parts.append(self._reference_in_text())
            elif (end := self._hash(parts)) is not None:
                self._nesting -= 1
                return Block(parts), end
        self._nesting -= 1
        return Block(parts), ""

    def _enter(self) -> None:
        self._nesting += 1
        if self._nesting > NESTING_MAX:
            raise self.wrong("too much nesting")

    def _backslashes(self) -> str:
        """Before a reference or a directive, each two backslashes are one, and an odd one takes its meaning away."""
        begin = self._at
        while self._text[self._at : self._at + 1] == "\\":
            self._at += 1
        count = self._at - begin
        if _REFERENCE.match(self._text, self._at) is None and self._directive_name() is None:
            return "\\" * count
        if count % 2 == 0:
            return "\\" * (count // 2)
        self._at += 1
        return "\\" * (count // 2) + self._text[self._at - 1]

    def _directive_name(self) -> str | None:
        match = _DIRECTIVE.match(self._text, self._at)
        if match is None:
            return None
        name = match[1] or match[2]
        if name in _DIRECTIVES or name in _ENDS or name in _LEAVES or name in _REFUSED or name in self._macros:
            return str(name)
        for word in ("else", "end"):  # `#elseif` is a word of its own, `#elsex` is #else and an x
            if name.startswith(word) and match[1] is None:
                return word
        return None

    def _hash(self, parts: list[Part]) -> str | None:
        """Something that begins with #; the name of a directive that ends a block."""
        text = self._text
        if (comment := _LINE_COMMENT.match(text, self._at)) is not None:
            self._at = comment.end()
            return None
        for opening, closing in (("#*", "*#"), ("#[[", "]]#")):
            if text.startswith(opening, self._at):
                end = text.find(closing, self._at)
                end = len(text) if end < 0 else end
                if opening == "#[[":
                    parts.append(nodes.Text(text[self._at + 3 : end]))
                self._at = min(len(text), end + len(closing))
                return None
        name = self._directive_name()
        if name is None:
            self._at += 1
            parts.append(nodes.Text("#"))
            return None
        if name in _REFUSED:
            raise self.wrong(f"#{name} is not available")
        if name == "set":
            self._unindent(parts)
        self._at += len(name) + (3 if text.startswith("#{", self._at) else 1)
        if name == "elseif":
            return name
        if name in _ENDS:
            self._line_end()
            return name
        self._directive(name, parts)
        return None

    def _unindent(self, parts: list[Part]) -> None:
        """A #set on a line of its own takes the line's indentation with it."""
        begin = self._at
        while begin and self._text[begin - 1] in " \t":
            begin -= 1
        last = parts[-1] if parts else None
        if isinstance(last, nodes.Text) and (begin == 0 or self._text[begin - 1] == "\n"):
            last.text = last.text[: len(last.text) - (self._at - begin)]

    def _directive(self, name: str, parts: list[Part]) -> None:
        if name in _LEAVES:
            if self._text.startswith("()", self._at):
                self._at += 2
            parts.append(nodes.Leave(_LEAVES[name]))
            self._line_end()
            return
        method = _DIRECTIVES.get(name)
        if method is not None:
            parts.append(method(self))
        elif self._looking_at("("):
            parts.append(self._macro_call(name))
        else:
            parts.append(nodes.Text("#" + name))

    def _line_end(self) -> None:
        match = _LINE_END.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _skip(self) -> None:
        match = _SPACE.match(self._text, self._at)
        if match is not None:
            self._at = match.end()

    def _looking_at(self, token: str) -> bool:
        self._skip()
        return self._text.startswith(token, self._at)

    def _take(self, token: str) -> bool:
        if not self._looking_at(token):
            return False
        self._at += len(token)
        return True

    def _want(self, token: str) -> None:
        if not self._take(token):
            raise self.wrong(f"expected {token}")

    def _name(self, what: str) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            raise self.wrong(f"expected {what}")
        self._at = match.end()
        return match[0]

    def _variable(self) -> str:
        """`$name` or `${name}`."""
        self._skip()
        match = _REFERENCE.match(self._text, self._at)
        if match is None:
            raise self.wrong("expected a variable")
        self._at = match.end()
        name = self._name("a name")
        if match[0].endswith("{"):
            self._want("}")
        return name

    def _body(self) -> Block:
        """A block that only #end ends."""
        block, end = self.block()
        if end != "end":
            raise self.wrong("expected #end")
        return block

    def set_directive(self) -> Part:
        """`($place = expression)`."""
        self._want("(")
        self._skip()
        place = self._reference(strict=True)
        self._want("=")
        expression = self._expression(0)
        self._want(")")
        self._line_end()
        return nodes.Set(place, expression)

    def if_directive(self) -> Part:
        """`(condition) ... #elseif(condition) ... #else ... #end`."""
        branches: list[tuple[Expression, Block]] = []
        end = "elseif"
        while end == "elseif":
            self._want("(")
            condition = self._expression(0)
            self._want(")")
            self._line_end()
            block, end = self.block()
            branches.append((condition, block))
        if end == "else":
            branches.append((nodes.Constant(True), self._body()))
        elif end != "end":
            raise self.wrong("expected #end")
        return nodes.If(branches)

    def foreach_directive(self) -> Part:
        """`($name in expression) ... #end`."""
        self._want("(")
        name = self._variable()
        self._want("in")
        items = self._expression(0)
        self._want(")")
        self._line_end()
        return nodes.Foreach(name, items, self._body())

    def macro_directive(self) -> Part:
        """`(name $a $b) ... #end`."""
        self._want("(")
        self._skip()
        name = self._name("a macro's name")
        parameters: list[str] = []
        while not self._take(")"):
            self._take(",")
            parameters.append(self._variable())
        self._line_end()
        return nodes.MacroDefinition(name, parameters, self._body())

    def define_directive(self) -> Part:
        """`($name) ... #end`."""
        self._want("(")
        name = self._variable()
        self._want(")")
        self._line_end()
        return nodes.Definition(name, self._body())

    def _macro_call(self, name: str) -> Part:
        self._want("(")
        arguments: list[Expression] = []
        while not self._take(")"):
            self._take(",")
            arguments.append(self._operand())
        self._line_end()
        return nodes.MacroCall(name, arguments)

    def _reference_in_text(self) -> Part:
        if _REFERENCE.match(self._text, self._at) is None:
            self._at += 1
            return nodes.Text("$")
        return self._reference(strict=False)

    def _reference(self, *, strict: bool) -> Reference:
        """`$name`, `$!name`, `${name}` and what follows. In text (not `strict`) a bracket that is no index is text."""
        match = _REFERENCE.match(self._text, self._at)
        if match is None:
            raise self.wrong("expected a reference")
        self._at = match.end()
        braces = match[0].endswith("{")
        name = self._name("a name")
        accesses: list[Access] = []
        while (access := self._access(strict=strict or braces)) is not None:
            accesses.append(access)
        if braces:
            self._want("}")
        return Reference(name, accesses)

    def _access(self, *, strict: bool) -> Access | None:
        begin = self._at
        if self._text.startswith("[", begin):
            nesting = self._nesting
            try:
                self._at += 1
                index = self._expression(0)
                self._want("]")
            except TemplateFailed:
                self._retries -= 1
                if strict or self._retries < 0:
                    raise
                self._at, self._nesting = begin, nesting
                return None
            return ("index", index, None)
        if not self._text.startswith(".", begin) or _NAME.match(self._text, begin + 1) is None:
            return None
        self._at += 1
        name = self._name("a name")
        if self._text.startswith("(", self._at):
            self._at += 1
            return ("call", name, self._listed(")"))
        return ("member", name, None)

    def _listed(self, closing: str) -> list[Expression]:
        items: list[Expression] = []
        while not self._take(closing):
            if items:
                self._want(",")
            items.append(self._expression(0))
        return items

    def _expression(self, binding: int) -> Expression:
        """Operators that bind more tightly than `binding`, by precedence."""
        self._enter()
        left = self._operand()
        for _ in range(OPERATORS_MAX):
            self._skip()
            match = _OPERATOR.match(self._text, self._at)
            operator = _WORDS.get(match[0], match[0]) if match is not None else ""
            if match is None or _BINDING[operator] <= binding:
                self._nesting -= 1
                return left
            self._at = match.end()
            right = self._expression(_BINDING[operator])
            if operator == "||":
                left = nodes.Either(left, right)
            elif operator == "&&":
                left = nodes.Both(left, right)
            else:
                left = nodes.Binary(operator, left, right)
        raise self.wrong("too many operators")

    def _operand(self) -> Expression:
        self._enter()
        operand = self._operand_here()
        self._nesting -= 1
        return operand

    def _operand_here(self) -> Expression:
        self._skip()
        character = self._text[self._at : self._at + 1]
        if character == "$":
            return self._reference(strict=True)
        if character in ("'", '"') and character:
            return self._quoted(character)
        if (number := _NUMBER.match(self._text, self._at)) is not None and len(number[0]) < 40:
            self._at = number.end()
            whole = number[0].lstrip("-").isdigit()
            return nodes.Constant(int(number[0]) if whole else float(number[0]))
        if self._take("("):
            inner = self._expression(0)
            self._want(")")
            return inner
        if self._take("["):
            return self._list_or_range()
        if self._take("{"):
            return self._map()
        if self._take("!"):
            return nodes.Not(self._operand())
        word = _NAME.match(self._text, self._at)
        if word is not None and word[0] == "not":
            self._at = word.end()
            return nodes.Not(self._operand())
        if word is not None and word[0] in ("true", "false", "null"):
            self._at = word.end()
            return nodes.Constant({"true": True, "false": False}.get(word[0]))
        raise self.wrong("expected a value")

    def _quoted(self, quote: str) -> Expression:
        begin = self._at + 1
        end = begin
        while True:
            end = self._text.find(quote, end)
            if end < 0:
                raise self.wrong("a text without an end")
            if not self._text.startswith(quote * 2, end):
                break
            end += 2
        inner = self._text[begin:end].replace(quote * 2, quote)
        self._at = end + 1
        if quote == "'" or ("$" not in inner and "#" not in inner):
            return nodes.Constant(inner)
        reader = _Reader(inner, self._macros, self._nesting)
        block, name = reader.block()
        if name:
            raise self.wrong(f"#{name} without a beginning")
        return nodes.Interpolated(block)

    def _list_or_range(self) -> Expression:
        if self._take("]"):
            return nodes.ListOf([])
        first = self._expression(0)
        if self._take(".."):
            last = self._expression(0)
            self._want("]")
            return nodes.Range(first, last)
        if self._take("]"):
            return nodes.ListOf([first])
        self._want(",")
        return nodes.ListOf([first, *self._listed("]")])

    def _map(self) -> Expression:
        pairs: list[tuple[Expression, Expression]] = []
        while not self._take("}"):
            if pairs:
                self._want(",")
            key = self._expression(0)
            self._want(":")
            pairs.append((key, self._expression(0)))
        return nodes.MapOf(pairs)


_DIRECTIVES: Final = {
    "set": _Reader.set_directive,
    "if": _Reader.if_directive,
    "foreach": _Reader.foreach_directive,
    "macro": _Reader.macro_directive,
    "define": _Reader.define_directive,
}
