"""Numbers of YAML 1.1, within bounds: for loaders of documents that strangers wrote.

YAML 1.1 reads `1:59:59` as a number to the base 60, and PyYAML takes time that grows with the square of its length: a
document of a megabyte would keep a core busy for minutes. It also reads numbers that JSON does not have.
"""

from __future__ import annotations

import math
from typing import Any, Final

import yaml

CHARACTERS_MAX: Final = 100
"""The longest number; the largest float has 309 digits, but nobody writes them out."""
_WHOLE_MIN: Final = -(1 << 63)
_WHOLE_MAX: Final = (1 << 64) - 1


def bounded(loader: Any) -> None:
    """Have a safe loader's class refuse (`ConstructorError`) numbers that are long, or that JSON has no text for. Whole
    numbers beyond 64 bits become floats, as orjson reads them in JSON."""
    loader.add_constructor("tag:yaml.org,2002:int", _int)
    loader.add_constructor("tag:yaml.org,2002:float", _float)


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
