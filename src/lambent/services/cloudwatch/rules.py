"""Rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR TRUE)`, read into a function of other alarms' states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from .model import ALARM, INSUFFICIENT, OK

State = Callable[[str], str]
"""The state of the alarm of a name; empty where there is none."""
Rule = Callable[[State], bool]
CHARACTERS_MAX: Final = 10_240
DEPTH_MAX: Final = 100
_TOKEN: Final = re.compile(r"\s*(?:(?P<sign>[()])|(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<word>[^\s()\"']+))", re.IGNORECASE)
_STATES: Final = {"ALARM": ALARM, "OK": OK, "INSUFFICIENT_DATA": INSUFFICIENT}


class InvalidRule(Exception):
    """A rule that cannot be read; the text says why."""


class Parsed:
    """A rule: `holds(state)` decides it; `names` are the alarms that it asks."""

    def __init__(self, text: str) -> None:
        if len(text) > CHARACTERS_MAX:
            raise InvalidRule("the rule is too long")
        self.names: list[str] = []
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0
        self.holds: Rule = self._either()
        if self._at < len(self._tokens):
            raise InvalidRule(f"unexpected {self._tokens[self._at]!r}")

    def _next(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._next()
        if not token:
            raise InvalidRule("the rule ends too early")
        self._at += 1
        return token

    def _either(self) -> Rule:
        sides = [self._both()]
        while self._next().upper() == "OR":
            self._at += 1
            sides.append(self._both())
        return sides[0] if len(sides) == 1 else lambda state: any(side(state) for side in sides)

    def _both(self) -> Rule:
        sides = [self._one()]
        while self._next().upper() == "AND":
            self._at += 1
            sides.append(self._one())
        return sides[0] if len(sides) == 1 else lambda state: all(side(state) for side in sides)

    def _one(self) -> Rule:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise InvalidRule("the rule is nested too deeply")
        try:
            return self._term()
        finally:
            self._depth -= 1

    def _term(self) -> Rule:
        token = self._take()
        word = token.upper()
        if word == "NOT":
            inner = self._one()
            return lambda state: not inner(state)
        if token == "(":
            inner = self._either()
            self._close()
            return inner
        if word in ("TRUE", "FALSE"):
            constant = word == "TRUE"
            return lambda state: constant
        if word in _STATES:
            wanted = _STATES[word]
            if self._take() != "(":
                raise InvalidRule(f"{token} needs an alarm in parentheses")
            name = _name(self._take())
            self._close()
            self.names.append(name)
            return lambda state: state(name) == wanted
        raise InvalidRule(f"unexpected {token!r}")

    def _close(self) -> None:
        if self._take() != ")":
            raise InvalidRule("a parenthesis is not closed")


def _name(token: str) -> str:
    name = token[1:-1] if token[:1] in "\"'" else token
    if name in ("(", ")", ""):
        raise InvalidRule("an alarm's name is missing")
    return name.partition(":alarm:")[2] if name.startswith("arn:") else name


def _tokens(text: str) -> Iterator[str]:
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise InvalidRule(f"unexpected {text[at : at + 20]!r}")
        at = match.end()
        yield match.group("sign") or match.group("quoted") or match.group("word")
