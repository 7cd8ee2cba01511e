"""Reads JSON with the places of its values, because AWS's errors tell them: after the value, in characters from 1."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Literal, NamedTuple

Kind = Literal["object", "array", "string", "number", "literal"]

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_WORD: Final = re.compile(r"[A-Za-z_$][\w$]*")
_LITERALS: Final[tuple[tuple[str, Any], ...]] = (("true", True), ("false", False), ("null", None))
_DEPTH_MAX: Final = 100


class InvalidPattern(Exception):
    """The pattern is none. `message` is AWS's sentence; `text` is it with the place, as AWS's services show it."""

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.text = text or message


class Node(NamedTuple):
    """A value of the document. `value` is a dict of nodes, a list of nodes, or the plain value; `start` and `end` are
    offsets: for an object or array, both just after its bracket."""

    kind: Kind
    value: Any
    start: int
    end: int

    @property
    def opened(self) -> int:
        """Where a reader stands that has seen what comes, but not read it: inside a string, after anything else."""
        return self.start + 1 if self.kind == "string" else self.end


class Source:
    """A document that is being read, and the errors about it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def error(self, message: str, at: int, *, twice: bool = False) -> InvalidPattern:
        """The error at an offset; `twice` as AWS tells of lists inside anything-but."""
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        place = f'\n at [Source: (String)"{self.text}"; line: {line}, column: {column}]'
        return InvalidPattern(message, message + place * (2 if twice else 1))

    def read(self) -> Node:
        """The whole document."""
        node = self._value(self._skip(0), 0)
        at = self._skip(self._end)
        if at != len(self.text):
            raise self._unexpected(at, "nothing may follow the document")
        return node

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def _value(self, at: int, depth: int) -> Node:
        text = self.text
        if depth > _DEPTH_MAX:
            raise self.error("Document nesting depth exceeds the maximum allowed", at)
        head = text[at : at + 1]
        if head == "{":
            return self._object(at, depth)
        if head == "[":
            return self._array(at, depth)
        if head == '"':
            return self._string(at)
        for name, value in _LITERALS:
            if text.startswith(name, at):
                self._end = at + len(name)
                return Node("literal", value, at, self._end)
        found = _NUMBER.match(text, at)
        if found is None:
            raise self._no_value(at)
        self._end = found.end()
        return Node("number", float(found[0]), at, self._end)

    def _string(self, at: int) -> Node:
        found = _STRING.match(self.text, at)
        if found is None:
            raise self.error("Unexpected end-of-input or bad character in a String value", at + 1)
        self._end = found.end()
        return Node("string", json.loads(found[0]), at, self._end)

    def _object(self, at: int, depth: int) -> Node:
        members: dict[str, Node] = {}
        start, here = at + 1, self._skip(at + 1)
        if self.text[here : here + 1] != "}":
            while True:
                if self.text[here : here + 1] != '"':
                    raise self._unexpected(here, "was expecting double-quote to start field name")
                name = self._string(here).value
                here = self._expect(":", self._end)
                members[name] = self._value(here, depth + 1)
                here = self._skip(self._end)
                if self.text[here : here + 1] != ",":
                    break
                here = self._skip(here + 1)
        self._expect("}", here)
        return Node("object", members, start, start)

    def _array(self, at: int, depth: int) -> Node:
        items: list[Node] = []
        start, here = at + 1, self._skip(at + 1)
        if self.text[here : here + 1] != "]":
            while True:
                items.append(self._value(here, depth + 1))
                here = self._skip(self._end)
                if self.text[here : here + 1] != ",":
                    break
                here = self._skip(here + 1)
        self._expect("]", here)
        # AWS finds out that an array is empty when it has read its end.
        return Node("array", items, start, start)

    def _expect(self, mark: str, at: int) -> int:
        at = self._skip(at)
        if self.text[at : at + 1] != mark:
            raise self._unexpected(at, f"was expecting '{mark}'")
        self._end = at + 1
        return self._skip(at + 1)

    def _no_value(self, at: int) -> InvalidPattern:
        word = _WORD.match(self.text, at)
        if word is None:
            return self._unexpected(at, "expected a valid value")
        wanted = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        return self.error(f"Unrecognized token '{word[0]}': {wanted}", word.end())

    def _unexpected(self, at: int, wanted: str) -> InvalidPattern:
        mark = self.text[at : at + 1]
        what = f"Unexpected character ('{mark}' (code {ord(mark)}))" if mark else "Unexpected end-of-input"
        return self.error(f"{what}: {wanted}", at)

    _end = 0
