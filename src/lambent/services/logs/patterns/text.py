"""What the three kinds of filter pattern share: a reader over the pattern, and tests of one value.

A test is what stands to the right of a selector or a column: an operator and a value. The value is a quoted or bare
text, in which `*` stands for anything; a number; or a regular expression between percent signs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from lambent.kit.stars import fits

from ..errors import InvalidParameterException

ValueTest = Callable[[object], bool]
"""Takes a JSON scalar, or a column's text, and says whether it passes."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_REGEX_TOKEN = re.compile(r"[A-Za-z0-9:_#=@/;,\- ^$?\[\]{}|*+.]|\\(?:[dDsSwW]|x[0-9A-Fa-f]{2}|[^A-Za-z0-9])")
_OPERATORS = ("!=", "<=", ">=", "=", "<", ">")
DEPTH_MAX = 32


def invalid(detail: str) -> InvalidParameterException:
    """The error of a pattern that cannot be read."""
    return InvalidParameterException(f"Invalid filter pattern: {detail}")


class Scanner:
    """Reads a pattern from left to right; every failure is an `InvalidParameterException`."""

    __slots__ = ("at", "regexes", "text")

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at
        self.regexes = 0

    def space(self) -> None:
        """Skip white space."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def end(self) -> bool:
        """Whether nothing but white space is left."""
        self.space()
        return self.at >= len(self.text)

    def peek(self, literal: str) -> bool:
        """Whether `literal` comes next."""
        return self.text.startswith(literal, self.at)

    def take(self, literal: str) -> bool:
        """Skip white space and then `literal`, if it is there."""
        self.space()
        if not self.peek(literal):
            return False
        self.at += len(literal)
        return True

    def expect(self, literal: str) -> None:
        """As `take`, but it must be there."""
        if not self.take(literal):
            raise invalid(f"expected '{literal}' at position {self.at}")

    def match(self, pattern: re.Pattern[str]) -> str:
        """The text that `pattern` matches here, empty when it does not."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()

    def quoted(self) -> str:
        """A text in the quotes that come next (single or double), without them; a backslash keeps the character
        after it."""
        quote = self.text[self.at]
        self.at += 1
        out: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if character == "\\" and self.at + 1 < len(self.text) and self.text[self.at + 1] in (quote, "\\"):
                out.append(self.text[self.at + 1])
                self.at += 2
                continue
            self.at += 1
            if character == quote:
                return "".join(out)
            out.append(character)
        raise invalid("a quoted term is not closed")

    def regex(self) -> re.Pattern[str]:
        """A regular expression between percent signs, the first of which comes next."""
        self.at += 1
        tokens: list[str] = []
        while self.at < len(self.text) and self.text[self.at] != "%":
            tokens.append(self._regex_token())
        if self.at >= len(self.text) or not tokens:
            raise invalid("a regular expression is empty or not closed")
        self.at += 1
        self.regexes += 1
        try:
            # ASCII as in AWS's engine; the tokens leave no groups, so quantifiers cannot nest.
            return re.compile("".join(_plain_sets(tokens)), re.ASCII)
        except (re.error, OverflowError, RecursionError):
            raise invalid(f"the regular expression {''.join(tokens)} cannot be read") from None

    def _regex_token(self) -> str:
        """A character, or a backslash with what it escapes."""
        found = _REGEX_TOKEN.match(self.text, self.at)
        if found is None:
            raise invalid(f"unsupported character at position {self.at} of a regular expression")
        self.at = found.end()
        return found.group()


def _plain_sets(tokens: list[str]) -> Iterator[str]:
    """The tokens with what Python may one day read as set operations (`[[`, `||`, `--`) escaped inside sets."""
    size = -1  # tokens in the set so far; -1 outside of sets
    for number, token in enumerate(tokens):
        if size < 0:
            size = 0 if token == "[" else -1
            yield token
        elif token == "]" and size > 0:
            size = -1
            yield token
        elif token == "^" and size == 0 and tokens[number - 1] == "[":
            yield token
        else:
            size += 1
            twice = token == "-" and tokens[number + 1 : number + 2] == ["-"]
            yield f"\\{token}" if twice or token in ("[", "|") else token
    if size >= 0:
        raise invalid("a set in a regular expression is not closed")


def wildcard(text: str) -> Callable[[str], bool]:
    """A test of a whole text against one in which `*` stands for any characters; linear in its length."""
    return partial(fits, text.split("*"))


def value_test(scanner: Scanner, bare: re.Pattern[str]) -> ValueTest:
    """Read an operator and a value; `bare` says what an unquoted text may consist of."""
    scanner.space()
    operator = next((o for o in _OPERATORS if scanner.peek(o)), "")
    if not operator:
        raise invalid(f"expected a comparison at position {scanner.at}")
    scanner.at += len(operator)
    scanner.space()
    if scanner.at >= len(scanner.text):
        raise invalid("a comparison has no value")
    if scanner.peek("%"):
        return _equality(operator, _regex_test(scanner.regex()))
    if scanner.peek('"'):
        return _equality(operator, _text_test(scanner.quoted()))
    text = scanner.match(bare)
    if not text:
        raise invalid(f"expected a value at position {scanner.at}")
    if _NUMBER.fullmatch(text):
        return _number_test(operator, text)
    return _equality(operator, _text_test(text))


def _equality(operator: str, test: Callable[[str], bool]) -> ValueTest:
    if operator not in ("=", "!="):
        raise invalid(f"'{operator}' compares numbers only")
    wanted = operator == "="
    return lambda value: isinstance(value, str | int | float) and test(as_text(value)) is wanted


def _regex_test(regex: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda value: regex.search(value) is not None


def _text_test(text: str) -> Callable[[str], bool]:
    return wildcard(text)


def _number_test(operator: str, text: str) -> ValueTest:
    wanted = float(text)

    def test(value: object) -> bool:
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            return operator == "!="
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return False
        return _compare(operator, _as_float(value), wanted)

    return test


def _as_float(value: str | int | float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _compare(operator: str, value: float, wanted: float) -> bool:
    if operator == "=":
        return value == wanted
    if operator == "!=":
        return value != wanted
    if operator == "<":
        return value < wanted
    if operator == "<=":
        return value <= wanted
    return value > wanted if operator == ">" else value >= wanted


def as_text(value: object) -> str:
    """A JSON scalar as text: what a text test compares and what TestMetricFilter shows."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
