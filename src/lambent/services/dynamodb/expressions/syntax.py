"""What the parsers make of a text: tokens, and trees of paths, values, functions and operators."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..numbers import Invalid

Step = str | int
Path = tuple[Step, ...]
"""A document path: names and list indexes. Before placeholders are replaced a name may be `#x`."""

SIZE_MAX: Final = 4096
OPERATORS_MAX: Final = 300

_TOKEN = re.compile(
    r"[ \t\r\n\f]*(?:(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<hash>\#[A-Za-z0-9_]+)|(?P<colon>:[A-Za-z0-9_]+)"
    r"|(?P<index>[0-9]+)|(?P<mark><>|<=|>=|[=<>()\[\],.+\-])|(?P<bad>.)|(?P<end>\Z))",
    re.ASCII | re.DOTALL,
)


class Token(NamedTuple):
    """One token: `kind` is name, hash (#x), colon (:x), index, end, bad, a keyword in capitals, or the mark itself."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PathNode:
    """A document path as written."""

    path: Path


@dataclass(frozen=True, slots=True)
class ValueNode:
    """A value's placeholder, with its colon."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its operands."""

    function: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator (`=`, `<>`, `<`, `<=`, `>`, `>=`, BETWEEN, IN, AND, OR, NOT, `+`, `-`) and its operands. AND and OR
    have two or more."""

    operator: str
    operands: tuple[Node, ...]


Node = PathNode | ValueNode | Call | Operation


def show_path(path: Path) -> str:
    """A path as DynamoDB's errors write it: `[a, [1], b]`."""
    return f"[{', '.join(f'[{step}]' if step.__class__ is int else str(step) for step in path)}]"


def tokens_of(text: str, kind: str, keywords: frozenset[str]) -> list[Token]:
    """The tokens of an expression, with one of kind `end` last. `Invalid` for an empty or an overlong text."""
    if not text or text.isspace():
        raise Invalid(f"Invalid {kind}: The expression can not be empty;")
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    if size > SIZE_MAX:
        raise Invalid(f"Invalid {kind}: Expression size has exceeded the maximum allowed size; expression size: {size}")
    tokens: list[Token] = []
    for found in _TOKEN.finditer(text):
        group = found.lastgroup or "end"
        content = found[group]
        if group == "mark":
            group = content
        elif group == "name" and content.upper() in keywords:
            group = content.upper()
        tokens.append(Token(group, content, found.start(found.lastgroup or 0), found.end()))
        if group == "end":
            break
    return tokens
