"""Projection expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from ..values import Item
from .checks import Check, Checks, Stopped, names_in
from .conditions import CACHE_MAX, CACHED_TEXT_MAX
from .parser import Parser
from .paths import check_disjoint, picker
from .syntax import Path


class Projection:
    """A compiled projection: `apply(item)` gives the part of an item that it names. `top_level` are the names of the
    attributes that it touches, each once."""

    __slots__ = ("apply", "check_values", "names_used", "paths", "top_level", "values_used")

    def __init__(
        self, apply: Callable[[Item], Item], check: Check, paths: tuple[Path, ...], names_used: frozenset[str]
    ) -> None:
        self.apply = apply
        self.check_values = check
        self.paths = paths
        self.top_level = tuple(dict.fromkeys(str(path[0]) for path in paths))
        self.names_used = names_used
        self.values_used: frozenset[str] = frozenset()


def compile_projection(text: str, names: Mapping[str, str] | None, kind: str = "ProjectionExpression") -> Projection:
    """The program of a text under some names (cached). `Invalid` for what is wrong in the text; undefined names and
    paths that overlap are found by `check_values`."""
    pairs = tuple(names.items()) if names else ()
    if len(text) + sum(len(name) for _, name in pairs) > CACHED_TEXT_MAX:
        return _compile(text, pairs, kind)
    return _cached(text, pairs, kind)


def _compile(text: str, names: tuple[tuple[str, str], ...], kind: str) -> Projection:
    parser = Parser(text, kind)
    parser.path()
    while parser.peek() == ",":
        parser.take()
        parser.path()
    parser.finish()
    parser.check_reserved()
    checks = Checks(kind, dict(names))
    try:
        for path in parser.paths:
            checks.path(path)
        check_disjoint(checks.paths, checks.stop)
    except Stopped:
        return Projection(_nothing, checks.program(), tuple(checks.paths), names_in(parser.paths))
    return Projection(picker(checks.paths), checks.program(), tuple(checks.paths), names_in(parser.paths))


def _nothing(item: Item) -> Item:
    return {}


_cached = lru_cache(maxsize=CACHE_MAX)(_compile)
