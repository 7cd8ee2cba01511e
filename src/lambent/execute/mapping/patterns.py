"""Regular expressions of users, on text of others: bounded in size when they are read, and in time when they run.

Java's syntax is near enough to that of the `regex` package; `$1` in a replacement is Java's.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import regex  # type: ignore[import-untyped, unused-ignore]

from .budget import Budget
from .errors import TemplateFailed

TIMEOUT_S: Final = 0.02
"""One search, after which it counts as failed: an expression that needs longer runs away."""
_LENGTH_MAX: Final = 1_000
_REPEATS_MAX: Final = 20_000
_COUNTED: Final = regex.compile(r"\{\s*(\d*)\s*,?\s*(\d*)\s*\}")
_REFERENCE: Final = regex.compile(r"\\(.)|\$(\d)", regex.DOTALL)

Pattern = Any
"""A compiled expression of the `regex` package, which has no types."""


@functools.lru_cache(maxsize=512)
def compiled(text: str) -> Pattern:
    """An expression; `TemplateFailed` when it is none, or too large."""
    counts = [max(int(low or 1), int(high or 1), 1) for low, high in _COUNTED.findall(text[: _LENGTH_MAX + 1])]
    if len(text) > _LENGTH_MAX or math.prod(counts) > _REPEATS_MAX:
        raise TemplateFailed("a regular expression is too large")
    try:
        return regex.compile(text, regex.VERSION0)
    except (regex.error, RecursionError, ValueError, OverflowError) as error:
        raise TemplateFailed(f"not a regular expression: {text[:100]}: {error}") from None


def matches(pattern: Pattern, text: str, budget: Budget) -> bool:
    """Whether the whole text is one match."""
    return _bounded(lambda: pattern.fullmatch(text, timeout=TIMEOUT_S), budget) is not None


def found(pattern: Pattern, text: str, budget: Budget) -> bool:
    """Whether a part of the text is a match."""
    return _bounded(lambda: pattern.search(text, timeout=TIMEOUT_S), budget) is not None


def spans(pattern: Pattern, text: str, budget: Budget) -> Iterator[Any]:
    """The matches one after another."""
    iterator = pattern.finditer(text, timeout=TIMEOUT_S)
    while (match := _bounded(lambda: next(iterator, None), budget)) is not None:
        yield match


def expand(match: Any, replacement: str) -> str:
    """A replacement with its groups filled in."""

    def piece(reference: Any) -> str:
        if reference[1] is not None:
            return str(reference[1])
        group = int(reference[2])
        if group > match.re.groups:
            raise TemplateFailed(f"no group {group}")
        return match[group] or ""

    return _REFERENCE.sub(piece, replacement) if "$" in replacement or "\\" in replacement else replacement


def _bounded(search: Callable[[], Any], budget: Budget) -> Any:
    """The time that a search really took is work too: a microsecond is a step."""
    began_s = time.perf_counter()
    try:
        return search()
    except TimeoutError:
        raise TemplateFailed("a regular expression takes too long") from None
    finally:
        budget.spend(1 + int((time.perf_counter() - began_s) * 1e6))
