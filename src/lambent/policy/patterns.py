"""Patterns with `*` and `?`, and policy variables inside them.

A pattern is first split into tokens: plain strings, `STAR`, `ANY` and `Variable`. Without a variable it is compiled
once into a predicate; with one, the predicate is built from the variables' values and cached by them, so a value is
always literal: a `*` inside a user's name or tag opens nothing.

No predicate backtracks: each takes time linear in the text for a given pattern, whoever wrote the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

Predicate = Callable[[str], bool]
Get = Callable[[str], "str | tuple[str, ...] | None"]


class Wild(Enum):
    """The two wildcards."""

    STAR = "*"
    ANY = "?"


STAR = Wild.STAR
ANY = Wild.ANY


class Variable(NamedTuple):
    """`${key}` or `${key, 'default'}`; the key is in lower case."""

    key: str
    default: str | None


Token = str | Wild | Variable
Tokens = tuple[Token, ...]

_VARIABLE = re.compile(r"\$\{\s*([^}',]*?)\s*(?:,\s*'([^']*)'\s*)?\}")
_ESCAPES = {"*": "*", "?": "?", "$": "$"}


@lru_cache(maxsize=8192)
def tokens(text: str, variables: bool) -> Tokens:
    """Split a pattern. `variables` is False in policies of Version 2008-10-17, where `${` is plain text."""
    found: list[Token] = []
    start = 0
    for match in _VARIABLE.finditer(text) if variables else ():
        _wildcards(text[start : match.start()], found)
        name, default = match.groups()
        if name in _ESCAPES:
            found.append(_ESCAPES[name])
        else:
            found.append(Variable(name.lower(), default))
        start = match.end()
    _wildcards(text[start:], found)
    return _joined(found)


def literal(text: str, variables: bool) -> Tokens:
    """Like `tokens`, for values in which `*` and `?` are plain characters (StringEquals)."""
    split = tokens(text, variables)
    return _joined([token.value if isinstance(token, Wild) else token for token in split])


def _wildcards(text: str, into: list[Token]) -> None:
    for piece in re.split(r"([*?])", text):
        if piece == "*":
            into.append(STAR)
        elif piece == "?":
            into.append(ANY)
        elif piece:
            into.append(piece)


def _joined(parts: list[Token]) -> Tokens:
    """Neighbouring strings made one; a run of stars is one star."""
    found: list[Token] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, str) and isinstance(last, str):
            found[-1] = last + part
        elif part is not STAR or last is not STAR:
            found.append(part)
    return tuple(found)


def has_variables(pattern: Tokens) -> bool:
    """Does the pattern depend on the request?"""
    return any(isinstance(token, Variable) for token in pattern)


def expand(pattern: Tokens, get: Get) -> Tokens | None:
    """The pattern with every variable replaced by its value from the request; None when a value is missing or is not
    a single one, in which case the pattern matches nothing."""
    found: list[Token] = []
    for token in pattern:
        if not isinstance(token, Variable):
            found.append(token)
            continue
        value = get(token.key)
        if isinstance(value, tuple):
            value = value[0] if len(value) == 1 else None
        if value is None:
            value = token.default
        if value is None:
            return None
        found.append(value)
    return _joined(found)


def plain(pattern: Tokens) -> str | None:
    """The text of a pattern that has neither wildcards nor variables, else None."""
    if not pattern:
        return ""
    first = pattern[0]
    return first if len(pattern) == 1 and isinstance(first, str) else None


def everything(text: str) -> bool:
    """The predicate of `*`."""
    return True


def nothing(text: str) -> bool:
    """The predicate of a pattern that can match no text."""
    return False


@lru_cache(maxsize=8192)
def glob(pattern: Tokens) -> Predicate:
    """A predicate of the whole text for a pattern without variables; `*` matches any characters at all."""
    exact = plain(pattern)
    if exact is not None:
        return exact.__eq__
    if pattern == (STAR,):
        return everything
    if len(pattern) == 2 and pattern[1] is STAR and isinstance(pattern[0], str):
        prefix = pattern[0]
        return lambda text: text.startswith(prefix)
    match = re.compile(_regex(pattern), re.DOTALL).fullmatch
    return lambda text: match(text) is not None


def _regex(pattern: Tokens) -> str:
    """After a star the next piece is taken at its earliest place and never reconsidered: with stars that match
    anything, a later place could not do better."""
    pieces: list[str] = [""]
    for token in pattern:
        if token is STAR:
            pieces.append("")
        else:
            pieces[-1] += "." if token is ANY else re.escape(str(token))
    if len(pieces) == 1:
        return pieces[0]
    middle = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1])
    return f"{pieces[0]}{middle}.*{pieces[-1]}"


@lru_cache(maxsize=8192)
def resource(pattern: Tokens) -> Predicate:
    """A predicate for the pattern of a Resource element, which knows an ARN's segments.

    In the first five segments a wildcard stays within its segment, unless it is the segment's last character: then it
    may run past the colon (`arn:aws:s3*`). In the sixth, the resource, it matches anything.
    """
    segments = _segments(pattern)
    if not any(_bounded(segment) for segment in segments[:5]):
        return glob(pattern)
    return lambda text: _match_segments(segments, text)


def _bounded(segment: Tokens) -> bool:
    """Has the segment a wildcard that must not cross its end?"""
    return any(token is ANY or (token is STAR and i + 1 < len(segment)) for i, token in enumerate(segment))


def _segments(pattern: Tokens) -> list[Tokens]:
    """The pattern split at the first five colons of its plain text."""
    found: list[list[Token]] = [[]]
    for token in pattern:
        if not isinstance(token, str):
            found[-1].append(token)
            continue
        pieces = token.split(":", max(0, 6 - len(found)))
        for i, piece in enumerate(pieces):
            if i:
                found.append([])
            if piece:
                found[-1].append(piece)
    return [tuple(segment) for segment in found]


def _match_segments(segments: list[Tokens], text: str) -> bool:
    """Match by the set of positions that the pattern can have reached: linear in text for each token."""
    colons = [i for i, char in enumerate(text) if char == ":"]
    places = {0}
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        for index, token in enumerate(segment):
            crossing = number >= 5 or (token is STAR and index == len(segment) - 1)
            places = _advance(places, token, text, crossing)
        if not last:
            places = {colon + 1 for colon in colons if colon in places}
        if not places:
            return False
    return len(text) in places


def _advance(places: set[int], token: Token, text: str, crossing: bool) -> set[int]:
    if token is STAR:
        if crossing:
            return set(range(min(places), len(text) + 1)) if places else set()
        found: set[int] = set()
        for place in sorted(places):
            while place <= len(text) and place not in found:
                found.add(place)
                if place < len(text) and text[place] == ":":
                    break
                place += 1
        return found
    if token is ANY:
        return {i + 1 for i in places if i < len(text) and (crossing or text[i] != ":")}
    piece = str(token)
    return {i + len(piece) for i in places if text.startswith(piece, i)}


@lru_cache(maxsize=8192)
def arn(pattern: Tokens) -> Predicate:
    """A predicate for ArnEquals and ArnLike: each of the six segments on its own, so no wildcard crosses a colon
    before the resource. A pattern of fewer segments is no ARN; ending in `*`, it is matched as plain text."""
    segments = _segments(pattern)
    if len(segments) < 6:
        return glob(pattern) if pattern[-1:] == (STAR,) else nothing
    checks = [glob(segment) for segment in segments]

    def matches(text: str) -> bool:
        parts = text.split(":", 5)
        return len(parts) == 6 and all(check(part) for check, part in zip(checks, parts, strict=True))

    return matches
