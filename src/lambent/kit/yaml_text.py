"""YAML of strangers to plain values: for documents whose text should cost no more than JSON of the same length.

A document has no aliases, with which it could grow beyond its text, and a bounded depth. Its keys are texts as they are
written (a status is `200`), and so are dates (a policy's Version). Merge keys have no meaning, for they need aliases.

YAML 1.1 reads `1:59:59` as a number to the base 60, and PyYAML takes time that grows with the square of its length: a
document of a megabyte would keep a core busy for minutes. It also reads numbers that JSON does not have. Numbers that
are long, or that JSON has no text for, are refused; whole numbers beyond 64 bits become floats, as orjson reads them.
"""

from __future__ import annotations

import math
from typing import Any, Final

import yaml

CHARACTERS_MAX: Final = 100
"""The longest number; the largest float has 309 digits, but nobody writes them out."""
_WHOLE_MIN: Final = -(1 << 63)
_WHOLE_MAX: Final = (1 << 64) - 1


class Aliased(yaml.YAMLError):
    """The document has an alias."""


class TooDeep(yaml.YAMLError):
    """The document is nested deeper than it may be."""


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the C loader is optional
    """PyYAML's safe loader within the bounds above. Subclass it for tags of one's own."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        """A mapping; `ConstructorError` where a key is no scalar."""
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a scalar", key.start_mark)
            found[key.value] = self.construct_object(value, deep=deep)
        return found


def load(text: str, depth_max: int, loader: type[Loader] = Loader) -> Any:
    """The value of a document; raises `yaml.YAMLError`, of which `Aliased` and `TooDeep` (more than `depth_max` levels)
    are kinds, or `ValueError`. Tags that are not JSON's may give other values: bytes, sets, dates."""
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            raise Aliased
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > depth_max:
            raise TooDeep
    return yaml.load(text, Loader=loader)


def _int(loader: Any, node: Any) -> int | float:
    value: int = _short(loader, node, loader.construct_yaml_int)
    return value if _WHOLE_MIN <= value <= _WHOLE_MAX else float(value)


def _float(loader: Any, node: Any) -> float:
    value: float = _short(loader, node, loader.construct_yaml_float)
    if not math.isfinite(value):
        raise yaml.constructor.ConstructorError(None, None, "not a finite number", node.start_mark)
    return value


def _short(loader: Any, node: Any, construct: Any) -> Any:
    if len(loader.construct_scalar(node)) > CHARACTERS_MAX:
        raise yaml.constructor.ConstructorError(None, None, "a number of too many digits", node.start_mark)
    return construct(node)


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_constructor("tag:yaml.org,2002:int", _int)
Loader.add_constructor("tag:yaml.org,2002:float", _float)
