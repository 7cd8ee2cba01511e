"""Data points: how they are stored, and how a series of a period and a statistic is read from them.

Every measurement is in the point of its minute; those of high resolution are in one of their second too. A point is
kept for 15 days (a second's for three hours) and goes with the sweep that new data of its metric brings about.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kit.measuring import Series, Sums

from . import keys
from .model import Metric, Point

MINUTE_S: Final = 60
KEPT_S: Final = {1: 3 * 3600, 60: 15 * 86_400}
STATISTICS: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_HOUR_MS: Final = 3_600_000
_SWEPT: Final = 500
"""Old points that one write of new data removes at most."""
PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)").fullmatch


class Place(NamedTuple):
    """Where points go: a metric with its unit."""

    series: Series
    resolution_s: int = MINUTE_S


def put(tx: Transaction, ids: Ids, now_ms: int, place: Place, time_s: int, sums: Sums) -> None:
    """Add measurements of the second `time_s`."""
    series = place.series
    metric = _metric(tx, ids, now_ms, series)
    for resolution in {place.resolution_s, MINUTE_S}:
        at_s = time_s - time_s % resolution
        old = keys.points.get(tx, metric.id, resolution, series.unit, at_s)
        merged = sums
        if old is not None:
            merged = _sums(old)
            merged.merge(sums)
        keys.points.put(tx, _point(merged), metric.id, resolution, series.unit, at_s)


def show(tx: Transaction, ids: Ids, now_ms: int, series: Series, time_s: int, value: float) -> None:
    """Set what a gauge shows in the minute that begins at `time_s`: whoever looks last, on whichever node, is right."""
    sums = Sums()
    sums.add(value)
    keys.points.put(tx, _point(sums), _metric(tx, ids, now_ms, series).id, MINUTE_S, series.unit, time_s)


def _metric(tx: Transaction, ids: Ids, now_ms: int, series: Series) -> Metric:
    parts = (series.account, series.region, series.namespace, series.name, series.dimensions)
    found = keys.metrics.get(tx, *parts)
    if found is None:
        metric = Metric(id=ids.bytes(8), units=(series.unit,), last_ms=now_ms)
    elif series.unit not in found.units:
        metric = replace(found, units=(*found.units, series.unit), last_ms=now_ms)
    elif now_ms - found.last_ms > _HOUR_MS:
        metric = replace(found, last_ms=now_ms)
        sweep(tx, metric, now_ms)
    else:
        return found
    keys.metrics.put(tx, metric, *parts)
    return metric


def sweep(tx: Transaction, metric: Metric, now_ms: int) -> None:
    """Remove points that are past their time."""
    for resolution, kept_s in KEPT_S.items():
        for unit in metric.units:
            end = keys.points.key(metric.id, resolution, unit, now_ms // 1000 - kept_s)
            begin = keys.points.key(metric.id, resolution, unit)
            for key, _ in tx.scan(begin, end, limit=_SWEPT):
                tx.delete(key)


def _point(sums: Sums) -> Point:
    return Point(sums.count, sums.sum, sums.min, sums.max, tuple(sums.values.items()))


def _sums(point: Point) -> Sums:
    return Sums(point.count, point.sum, point.min, point.max, dict(point.values))


class Span(NamedTuple):
    """`[start_s, end_s)` in steps of `period_s`, both multiples of it."""

    start_s: int
    end_s: int
    period_s: int


def read(tx: Reader, metric: Metric, unit: str, span: Span) -> dict[int, Sums]:
    """What was measured in one unit, by the start of each period that has data."""
    resolutions = (1, MINUTE_S) if span.period_s < MINUTE_S else (MINUTE_S,)
    for resolution in resolutions:
        begin = keys.points.key(metric.id, resolution, unit, span.start_s)
        end = keys.points.key(metric.id, resolution, unit, span.end_s)
        found: dict[int, Sums] = {}
        for key, value in tx.scan(begin, end):
            at_s = int(keys.points.parts(key)[3])  # type: ignore[arg-type]
            sums = found.setdefault(at_s - at_s % span.period_s, Sums())
            sums.merge(_sums(keys.points.decode(value)))
        if found:
            return found
    return {}


def metric_of(tx: Reader, series: Series) -> Metric | None:
    """The metric of a series, in any unit."""
    parts = (series.account, series.region, series.namespace, series.name, series.dimensions)
    return keys.metrics.get(tx, *parts)


def statistic(sums: Sums, name: str) -> float:
    """One number of what was measured: a statistic of AWS's, or a percentile (`p99`, `p99.9`)."""
    if name == "SampleCount":
        return sums.count
    if name == "Average":
        return sums.sum / sums.count
    if name == "Sum":
        return sums.sum
    if name == "Minimum":
        return sums.min
    if name == "Maximum":
        return sums.max
    return _percentile(sums, float(name[1:]))


def _percentile(sums: Sums, share: float) -> float:
    """The value at a rank, between its neighbours as CloudWatch does it for few samples: the nearest rank."""
    wanted = share / 100 * sums.count
    seen = 0.0
    for value, count in sorted(sums.values.items()):
        seen += count
        if seen >= wanted:
            return value
    return sums.max


def metrics_like(
    tx: Reader, account: str, region: str, namespace: str = "", name: str = ""
) -> list[tuple[bytes, tuple[str, str, tuple[tuple[str, str], ...]], Metric]]:
    """(key, (namespace, name, dimensions), metric) of all metrics of an account that fit."""
    prefix = (account, region, *((namespace, name) if namespace and name else (namespace,) if namespace else ()))
    found = []
    for key, metric in keys.metrics.scan(tx, *prefix):
        parts = keys.metrics.parts(key)
        if not name or parts[3] == name:
            found.append((key, (str(parts[2]), str(parts[3]), parts[4]), metric))
    return found  # type: ignore[return-value]
