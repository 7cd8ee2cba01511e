"""The filter pattern language: one compiler, three kinds of pattern.

`compile_pattern` is the whole interface; text that is no pattern raises `InvalidParameterException` and nothing else.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

from .columns import ColumnsPattern
from .json import JsonPattern
from .terms import TermsPattern
from .text import Scanner, invalid

LENGTH_MAX = 1024
REGEXES_MAX = 2


class Pattern(Protocol):
    """A compiled filter pattern."""

    def match(self, message: str) -> dict[str, str] | None:
        """None when the message does not match, else the values it picks out, by name (`$.a.b`, `$column`)."""
        ...


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern:
    """Compile a filter pattern; an empty one matches everything."""
    if len(text) > LENGTH_MAX:
        raise invalid(f"longer than {LENGTH_MAX} characters")
    scanner = Scanner(text)
    scanner.space()
    pattern: Pattern
    if scanner.peek("{"):
        pattern = JsonPattern(scanner)
    elif scanner.peek("["):
        pattern = ColumnsPattern(scanner)
    else:
        return TermsPattern(scanner)
    if scanner.regexes > REGEXES_MAX:
        raise invalid(f"more than {REGEXES_MAX} regular expressions")
    return pattern
