"""Patterns for unstructured text: `ERROR -"exit 0" ?warn %5\\d\\d%`.

Plain terms must all occur; terms with `-` must not; of those with `?` at least one must, but as on AWS they are ignored
as soon as there is a term of another kind. Comparison is case-sensitive, anywhere in the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import InvalidParameterException
from .text import Scanner

_WORD = re.compile(r"[^\s]+")
_PLAIN = re.compile(r"\w+")

MessageTest = Callable[[str], bool]


class TermsPattern:
    """A compiled pattern of terms."""

    def __init__(self, scanner: Scanner) -> None:
        self._all: list[MessageTest] = []
        self._none: list[MessageTest] = []
        self._any: list[MessageTest] = []
        while not scanner.end():
            kind = self._all
            if scanner.peek("-"):
                kind = self._none
            elif scanner.peek("?"):
                kind = self._any
            if kind is not self._all:
                scanner.at += 1
            kind.append(_term(scanner))
        if self._all or self._none:
            self._any = []

    def match(self, message: str) -> dict[str, str] | None:
        """Nothing is extracted: an empty mapping when the message matches, else None."""
        if not all(test(message) for test in self._all) or any(test(message) for test in self._none):
            return None
        if self._any and not any(test(message) for test in self._any):
            return None
        return {}


def _term(scanner: Scanner) -> MessageTest:
    if scanner.peek("%"):
        regex = scanner.regex()
        return lambda message: regex.search(message) is not None
    if scanner.peek('"'):
        text = scanner.quoted()
        return lambda message: text in message
    word = scanner.match(_WORD)
    if not _PLAIN.fullmatch(word):
        raise InvalidParameterException(f"Invalid character(s) in term '{word}'")
    return lambda message: word in message
