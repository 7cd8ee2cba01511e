"""Metrics that remember what was noted."""

from __future__ import annotations

from collections import defaultdict

from tests.support import TestCloud


class Noted:
    """In the place of a cloud's metrics: `Noted.of(cloud)`."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, frozenset[tuple[str, str]]], list[float]] = defaultdict(list)
        self.units: dict[str, str] = {}
        self.places: set[tuple[str, str, str]] = set()

    @classmethod
    def of(cls, cloud: TestCloud) -> Noted:
        """The metrics of a cloud from now on."""
        found = cls()
        cloud.metrics = found
        return found

    def note(
        self,
        account: str,
        region: str,
        namespace: str,
        name: str,
        value: float,
        unit: str = "None",
        dimensions: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """See `contracts.ports.Metrics.note`."""
        self.places.add((account, region, namespace))
        self.units[name] = unit
        self.values[name, frozenset(dimensions)].append(value)

    def sum(self, name: str, **dimensions: str) -> float:
        """The sum of a metric with exactly these dimensions."""
        return sum(self.values.get((name, frozenset(dimensions.items())), ()))
