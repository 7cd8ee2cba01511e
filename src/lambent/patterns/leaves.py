"""An event as patterns see it: the plain values in it, by the path of names that leads to them.

Names are joined by dots, so that `{"a": {"b": 1}}` and `{"a.b": 1}` are the same to a pattern, as on AWS. A value that
lies in arrays knows in which element of each: values from different elements of one array never match together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Places = tuple[tuple[int, int], ...]
"""The arrays that a value lies in: (number of the array in the event, index of the element), outermost first."""


class Leaf(NamedTuple):
    """A plain value (str, float, int, bool or None) and where it lies."""

    value: Any
    places: Places = ()


Leaves = dict[str, list[Leaf]]


def flatten(event: Any) -> Leaves:
    """The leaves of an event, which is what JSON makes of it; one that is no object has none."""
    found: Leaves = {}
    if isinstance(event, dict):
        _Walk(found).members(event, "", ())
    return found


def flatten_attributes(attributes: Mapping[str, Any]) -> Leaves:
    """The leaves of message attributes: names are taken as they are, a list is any of its elements."""
    return {
        name: [Leaf(item) for item in value] if isinstance(value, list) else [Leaf(value)]
        for name, value in attributes.items()
    }


class _Walk:
    """One walk through an event; numbers the arrays."""

    def __init__(self, found: Leaves) -> None:
        self.found = found
        self.arrays = 0

    def members(self, value: dict[str, Any], path: str, places: Places) -> None:
        for name, member in value.items():
            self.value(member, f"{path}.{name}" if path else name, places)

    def value(self, value: Any, path: str, places: Places) -> None:
        if isinstance(value, dict):
            self.members(value, path, places)
        elif isinstance(value, list):
            self.arrays += 1
            number = self.arrays
            for index, item in enumerate(value):
                self.value(item, path, (*places, (number, index)))
        else:
            self.found.setdefault(path, []).append(Leaf(value, places))
