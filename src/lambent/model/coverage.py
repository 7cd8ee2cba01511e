"""Which operations of a service exist, and which are built: the data of the coverage table."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from .load import load


class Coverage(msgspec.Struct, frozen=True):
    """One service's operations, sorted. `unknown` are names said to be built that the model does not have."""

    service: str
    built: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def share(self) -> float:
        """Built operations as a part of all, 0.0 to 1.0."""
        total = len(self.built) + len(self.missing)
        return len(self.built) / total if total else 0.0


def coverage(built: Mapping[str, Collection[str]]) -> list[Coverage]:
    """The coverage of the services in `built` (service name -> names of built operations), in its order; `KeyError`
    when AWS has no such service."""
    found = []
    for service, names in built.items():
        operations, claimed = set(load(service)["operations"]), set(names)
        parts = (operations & claimed, operations - claimed, claimed - operations)
        found.append(Coverage(service, *(tuple(sorted(part)) for part in parts)))
    return found
