"""What simulations need to know of a policy's text: where its statements are, and which condition keys it names."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')
_VARIABLE = re.compile(r"\$\{\s*([A-Za-z0-9:/+=._-]+:[^},']+?)\s*(?:,[^}]*)?\}")


class Span(NamedTuple):
    """A statement's place in its document: offsets of its first character and of the one after its last."""

    start: int
    end: int


def statement_spans(text: str) -> list[Span]:
    """The places of the statements of a well-formed document, in order."""
    depth, start, wanted = 0, 0, False
    outer: int | None = None
    found: list[Span] = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        if depth == 1 and token == '"Statement"':
            wanted = True
        elif token in "{[":
            depth += 1
            if wanted and token == "[" and depth == 2 and outer is None:
                outer = depth
            elif wanted and token == "{" and depth == (2 if outer is None else 3):
                start = match.start()
        elif token in "}]":
            if wanted and token == "}" and depth == (2 if outer is None else 3):
                found.append(Span(start, match.end()))
                wanted = outer is not None
            if wanted and token == "]" and depth == outer:
                wanted = False
            depth -= 1
    return found


def position(text: str, offset: int) -> dict[str, int]:
    """An offset as line and column, both from 1."""
    line = text.count("\n", 0, offset)
    return {"Line": line + 1, "Column": offset - (text.rfind("\n", 0, offset) + 1) + 1}


def context_keys(text: str, statements: set[int] | None = None) -> list[str]:
    """The condition keys that a document names, in conditions and in variables, each once, in order of name;
    `statements` limits the search to some of its statements."""
    source = json.loads(text)
    listed = source.get("Statement", [])
    found: dict[str, str] = {}
    for index, statement in enumerate(listed if isinstance(listed, list) else [listed]):
        if statements is not None and index not in statements:
            continue
        for name in _names(statement):
            found.setdefault(name.lower(), name)
    return sorted(found.values())


def _names(statement: dict[str, Any]) -> list[str]:
    condition = statement.get("Condition", {})
    names = [key for keys in condition.values() for key in keys]
    places = json.dumps([condition, statement.get("Resource"), statement.get("NotResource")])
    return names + _VARIABLE.findall(places)
