"""The tokens of a PartiQL statement."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, NoReturn

from ..numbers import Invalid

_TOKEN = re.compile(
    r"\s*(?:(?P<id>[A-Za-z_$][A-Za-z0-9_$]*)|(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<string>'(?:[^']|'')*')|(?P<quoted>\"(?:[^\"]|\"\")*\")"
    r"|(?P<mark><<|>>|<>|<=|>=|!=|[=<>()\[\]{},.:?*+\-])|(?P<bad>\S)|(?P<end>\Z))",
    re.ASCII,
)

MALFORMED: Final = "Statement wasn't well formed, can't be processed: "


class Token(NamedTuple):
    """One token: `kind` is id, number, string, quoted, bad, end or the mark itself; `text` is without quotes."""

    kind: str
    text: str

    @property
    def word(self) -> str:
        """The keyword that a bare identifier may be, in capitals; empty for other tokens."""
        return self.text.upper() if self.kind == "id" else ""


def malformed(detail: str) -> NoReturn:
    """Refuse a statement."""
    raise Invalid(MALFORMED + detail)


def tokens_of(text: str) -> list[Token]:
    """The tokens of a statement, with one of kind `end` last."""
    tokens: list[Token] = []
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup or "end"
        content = found[kind]
        if kind == "mark":
            kind = content
        elif kind == "string":
            content = content[1:-1].replace("''", "'")
        elif kind == "quoted":
            content = content[1:-1].replace('""', '"')
        tokens.append(Token(kind, content))
        if kind == "end":
            break
    return tokens
