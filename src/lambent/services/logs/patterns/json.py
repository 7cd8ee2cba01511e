"""Patterns for JSON messages: `{ $.level = "ERROR" && ($.took > 1e3 || $.users[*].name = a*) }`.

Selectors: `$.a.b`, `$.a[0]`, `$.a[*]`, `$['a key']`, `$.['a key']`. Tests: the comparisons of text.py, `IS TRUE`,
`IS FALSE`, `IS NULL`, `NOT EXISTS`. A selector that finds nothing fails every test but `NOT EXISTS`; with a wildcard
one passing element is enough.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import orjson

from .text import DEPTH_MAX, Scanner, as_text, invalid, value_test

_KEY = re.compile(r"[^\s.\[\]()=!<>&|{},\"'%]+")
_INDEX = re.compile(r"\d{1,9}")
_BARE = re.compile(r'[^\s(){}"%&|=<>!]+')
_KEYWORD = re.compile(r"(IS|NOT)\s+(TRUE|FALSE|NULL|EXISTS)\b", re.IGNORECASE)

DocumentTest = Callable[[object], bool]


class _Every:
    """A step over all elements of an array."""


_EVERY = _Every()
Step = str | int | _Every


class JsonPattern:
    """A compiled JSON pattern."""

    def __init__(self, scanner: Scanner) -> None:
        self._selectors: list[tuple[str, tuple[Step, ...]]] = []
        scanner.expect("{")
        self._test = self._either(scanner, 0)
        scanner.expect("}")
        if not scanner.end():
            raise invalid("text after the closing brace")

    def match(self, message: str) -> dict[str, str] | None:
        """The first value of each selector of the pattern by the selector's text, or None."""
        if not message.lstrip().startswith(("{", "[")):
            return None
        try:
            document = orjson.loads(message)
        except orjson.JSONDecodeError:
            return None
        if not self._test(document):
            return None
        found: dict[str, str] = {}
        for text, path in self._selectors:
            for value in _select(document, path):
                found[text] = as_text(value) if not isinstance(value, dict | list) else orjson.dumps(value).decode()
                break
        return found

    def _either(self, scanner: Scanner, depth: int) -> DocumentTest:
        tests = [self._both(scanner, depth)]
        while scanner.take("||"):
            tests.append(self._both(scanner, depth))
        return tests[0] if len(tests) == 1 else lambda document: any(test(document) for test in tests)

    def _both(self, scanner: Scanner, depth: int) -> DocumentTest:
        tests = [self._single(scanner, depth)]
        while scanner.take("&&"):
            tests.append(self._single(scanner, depth))
        return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)

    def _single(self, scanner: Scanner, depth: int) -> DocumentTest:
        if depth > DEPTH_MAX:
            raise invalid("parentheses are nested too deep")
        if scanner.take("("):
            test = self._either(scanner, depth + 1)
            scanner.expect(")")
            return test
        path = self._selector(scanner)
        scanner.space()
        keyword = scanner.match(_KEYWORD).upper().split()
        if keyword:
            return _keyword_test(path, keyword[0], keyword[1])
        compare = value_test(scanner, _BARE)
        return lambda document: any(compare(value) for value in _select(document, path))

    def _selector(self, scanner: Scanner) -> tuple[Step, ...]:
        scanner.expect("$")
        start = scanner.at - 1
        path: list[Step] = []
        while True:
            dotted = scanner.peek(".")
            if dotted:
                scanner.at += 1
            if scanner.peek("["):
                scanner.at += 1
                path.append(_subscript(scanner))
            elif dotted:
                key = scanner.match(_KEY)
                if not key:
                    raise invalid(f"expected a property's name at position {scanner.at}")
                path.append(key)
            else:
                break
        if not path:
            raise invalid(f"a selector without a property at position {start}")
        steps = tuple(path)
        self._selectors.append((scanner.text[start : scanner.at], steps))
        return steps


def _subscript(scanner: Scanner) -> Step:
    """What stands in brackets, after the opening one."""
    scanner.space()
    step: Step
    if scanner.peek("*"):
        scanner.at += 1
        step = _EVERY
    elif scanner.peek("'") or scanner.peek('"'):
        step = scanner.quoted()
    else:
        index = scanner.match(_INDEX)
        if not index:
            raise invalid(f"expected an index at position {scanner.at}")
        step = int(index)
    scanner.expect("]")
    return step


def _keyword_test(path: tuple[Step, ...], verb: str, what: str) -> DocumentTest:
    if (verb == "NOT") != (what == "EXISTS"):
        raise invalid(f"{verb} {what} is not a test")
    if verb == "NOT":
        return lambda document: not _select(document, path)
    wanted = {"TRUE": True, "FALSE": False, "NULL": None}[what]
    return lambda document: any(value is wanted for value in _select(document, path))


def _select(document: object, path: tuple[Step, ...]) -> list[object]:
    """All values that `path` leads to."""
    values = [document]
    for step in path:
        found: list[object] = []
        for value in values:
            if isinstance(step, str):
                if isinstance(value, dict) and step in value:
                    found.append(value[step])
            elif isinstance(value, list):
                if isinstance(step, _Every):
                    found.extend(value)
                elif step < len(value):
                    found.append(value[step])
        values = found
        if not values:
            break
    return values
