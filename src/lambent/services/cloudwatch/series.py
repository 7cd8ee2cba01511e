"""A metric and statistic as requests name them, and the values that they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lambent.contracts.ports import Reader
from lambent.kit.measuring import Series, Sums

from . import points
from .points import Span


class Wanted(NamedTuple):
    """A metric in one statistic. `unit` is empty where any will do."""

    series: Series
    statistic: str
    unit: str


def wanted(account: str, region: str, metric: Mapping[str, Any], statistic: str, unit: str) -> Wanted:
    """What a Metric structure (Namespace, MetricName, Dimensions) names."""
    dimensions = tuple(sorted((one["Name"], one["Value"]) for one in metric.get("Dimensions", ())))
    return Wanted(Series(account, region, metric["Namespace"], metric["MetricName"], dimensions, unit), statistic, unit)


class Values(NamedTuple):
    """Values by the start of their period; the sums beside them; the units that there were."""

    by_time: dict[int, float]
    sums: dict[int, Sums]
    units: tuple[str, ...] = ()


def values(tx: Reader, want: Wanted, span: Span) -> Values:
    """The values of a metric in a span. Where several units came and none is asked for, the first one is taken."""
    metric = points.metric_of(tx, want.series)
    if metric is None:
        return Values({}, {})
    units = [want.unit] if want.unit else sorted(metric.units)
    found = [(unit, points.read(tx, metric, unit, span)) for unit in units]
    found = [(unit, sums) for unit, sums in found if sums]
    if not found:
        return Values({}, {})
    sums = found[0][1]
    by_time = {at_s: points.statistic(one, want.statistic) for at_s, one in sums.items()}
    return Values(by_time, sums, tuple(unit for unit, _ in found))
