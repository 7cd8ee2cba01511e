"""Runs mapping templates."""

from __future__ import annotations

import functools
from typing import NamedTuple

from . import grammar, nodes
from .errors import TemplateFailed
from .scope import Scope
from .variables import Overrides, overrides, variables


class Rendered(NamedTuple):
    """What a template made: its text, and the overrides that the request's templates have set up to now."""

    text: str
    overrides: Overrides


@functools.lru_cache(maxsize=512)
def compiled(text: str) -> nodes.Block:
    """A template, read once; `TemplateFailed` when it cannot be read."""
    try:
        return grammar.read(text)
    except RecursionError:
        raise TemplateFailed("the template is nested too deeply") from None


def render(template: str, scope: Scope) -> Rendered:
    """Run a template on a request. Bounded in work, size and depth, so it may run on the event loop.

    Raises `TemplateFailed` (API Gateway: 500) and `BodyNotJson` (400: the text is the message). `scope.context` is
    changed.
    """
    state = nodes.State(variables(scope))
    try:
        compiled(template).write(state)
    except (nodes.Stop, nodes.Return, nodes.Break):
        pass
    except RecursionError:
        raise TemplateFailed("the template is nested too deeply") from None
    except (ArithmeticError, ValueError) as error:  # numbers without an end, or beyond what floats hold
        raise TemplateFailed(f"a number cannot be computed with: {error}") from None
    return Rendered("".join(state.out), overrides(scope.context))
