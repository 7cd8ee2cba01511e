"""Values in a statement: literals, `?` parameters, and collections of both. `fill` makes canonical values of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..numbers import Invalid
from ..values import ELEMENT_OF, Value, canonical


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out, canonical."""

    value: Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `?`; `index` counts them from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class ListTemplate:
    """`[a, b]`"""

    elements: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class BagTemplate:
    """`<<a, b>>`: a set, of the type of its elements."""

    elements: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class MapTemplate:
    """`{'a': b}`"""

    entries: tuple[tuple[str, Template], ...]


Template = Literal | Parameter | ListTemplate | BagTemplate | MapTemplate

_SET_OF: Final = {kind: name for name, kind in ELEMENT_OF.items()}
_COUNT: Final = "Number of parameters in request and statement don't match."


def fill(templates: Sequence[Template], count: int, parameters: Sequence[Value]) -> dict[str, Value]:
    """The values of a statement's templates under `:0`, `:1`, ... for its `count` canonical parameters."""
    if count != len(parameters):
        raise Invalid(_COUNT)
    return {f":{index}": canonical(_fill(template, parameters)) for index, template in enumerate(templates)}


def _fill(template: Template, parameters: Sequence[Value]) -> Value:
    if isinstance(template, Literal):
        return template.value
    if isinstance(template, Parameter):
        return parameters[template.index]
    if isinstance(template, MapTemplate):
        return {"M": {name: _fill(part, parameters) for name, part in template.entries}}
    elements = [_fill(element, parameters) for element in template.elements]
    if isinstance(template, ListTemplate):
        return {"L": elements}
    kinds = {next(iter(element)) for element in elements}
    kind = kinds.pop() if len(kinds) == 1 else ""
    if kind not in _SET_OF:
        raise Invalid("Sets hold strings, numbers or binaries, all of one type")
    return {_SET_OF[kind]: [element[kind] for element in elements]}
