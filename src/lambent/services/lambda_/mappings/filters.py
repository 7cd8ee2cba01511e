"""Filter criteria: which records of a source a function wants to see. The language is that of event patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from lambent.patterns import InvalidPattern, Pattern, compile_pattern, flatten

from ..errors import InvalidParameterValueException


def check(patterns: Sequence[str]) -> None:
    """Refuse what is no pattern, in AWS's words."""
    for pattern in patterns:
        try:
            compile_pattern(pattern)
        except InvalidPattern:
            raise InvalidParameterValueException("Invalid filter pattern definition.") from None


class Filter:
    """The compiled criteria of a mapping; a record is wanted when any of the patterns matches it, or there is none."""

    def __init__(self, patterns: Sequence[str] | None) -> None:
        self._patterns: list[Pattern] = [compile_pattern(pattern) for pattern in patterns or ()]

    def wants(self, record: dict[str, Any], parsed: str = "") -> bool:
        """Whether the function shall see `record`. The text under the key `parsed` is looked into when it is JSON: a
        queue's `body`."""
        if not self._patterns:
            return True
        leaves = flatten(_opened(record, parsed) if parsed else record)
        return any(pattern.matches(leaves) for pattern in self._patterns)


def _opened(record: dict[str, Any], name: str) -> dict[str, Any]:
    try:
        inner = orjson.loads(record[name])
    except orjson.JSONDecodeError:
        return record
    # A text that happens to be a number or a quoted string is a text to a pattern of strings.
    return {**record, name: inner} if isinstance(inner, (dict, list)) else record
