"""Data points: how they are stored, and how a series of a period and a statistic is read from them.

Every measurement is in the point of its minute; those of high resolution are in one of their second too. As on AWS a
second's point is kept for three hours and a minute's for 15 days; then minutes become five minutes, kept until they
are 63 days old, and those become hours, until they are 455 days old. `sweep` does that, for a metric that gets data
once an hour; for all of them once a day (`sweeping.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec.structs import replace

from lambent.contracts.ids import Ids
from lambent.contracts.ports import Reader, Transaction
from lambent.kit.measuring import Series, Sums
from lambent.kv.keys import prefix_range

from . import daily, keys
from .model import Metric, Point

MINUTE_S: Final = 60
_FIVE_S: Final = 300
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400


class Keeping(NamedTuple):
    """How long points of a resolution are kept, and what they become then (0: nothing)."""

    resolution_s: int
    kept_s: int
    then_s: int


KEPT: Final = (
    Keeping(1, 3 * _HOUR_S, 0),
    Keeping(MINUTE_S, 15 * _DAY_S, _FIVE_S),
    Keeping(_FIVE_S, 63 * _DAY_S, _HOUR_S),
    Keeping(_HOUR_S, 455 * _DAY_S, 0),
)
_COARSE: Final = (MINUTE_S, _FIVE_S, _HOUR_S)
LISTED_MS: Final = 14 * _DAY_S * 1000
"""A metric without data for so long is not listed any more; its points can still be read."""
STATISTICS: Final = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_HOUR_MS: Final = 3_600_000
_SCANNED: Final = 500
_SWEPT: Final = 500
"""Old points of one resolution that one sweep of a metric takes at most."""
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
        _add(tx, metric, resolution, series.unit, time_s - time_s % resolution, sums)


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
    daily.arm(tx, series.account, series.region, now_ms)
    return metric


def sweep(tx: Transaction, metric: Metric, now_ms: int) -> bool:
    """Put a metric's old points together, or remove them. True when there may be more of them."""
    more = False
    for unit in metric.units:
        for keeping in KEPT:
            more |= _sweep(tx, metric, unit, keeping, now_ms // 1000)
    return more


def _sweep(tx: Transaction, metric: Metric, unit: str, keeping: Keeping, now_s: int) -> bool:
    end_s = now_s - keeping.kept_s
    # What becomes one point does so at once: no span is in points of two resolutions.
    end_s -= end_s % (keeping.then_s or 1)
    begin = keys.points.key(metric.id, keeping.resolution_s, unit)
    old = tx.scan(begin, keys.points.key(metric.id, keeping.resolution_s, unit, end_s), limit=_SWEPT)
    together: dict[int, Sums] = {}
    for key, value in old:
        if keeping.then_s:
            at_s = int(keys.points.parts(key)[3])  # type: ignore[arg-type]
            together.setdefault(at_s - at_s % keeping.then_s, Sums()).merge(_sums(keys.points.decode(value)))
        tx.delete(key)
    for at_s, sums in together.items():
        _add(tx, metric, keeping.then_s, unit, at_s, sums)
    return len(old) == _SWEPT


def is_empty(tx: Reader, metric: Metric) -> bool:
    """Whether a metric has no points left."""
    begin, end = prefix_range((metric.id,))
    return not tx.scan(keys.points.prefix + begin, keys.points.prefix + end, limit=1)


def _add(tx: Transaction, metric: Metric, resolution_s: int, unit: str, at_s: int, sums: Sums) -> None:
    """Add measurements to those of a point."""
    parts = (metric.id, resolution_s, unit, at_s)
    old = keys.points.get(tx, *parts)
    merged = sums
    if old is not None:
        merged = _sums(old)
        merged.merge(sums)
    keys.points.put(tx, _point(merged), *parts)


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
    if span.period_s < MINUTE_S:
        return _read_fine(tx, metric, unit, span)
    found: dict[int, Sums] = {}
    for resolution_s in _COARSE:
        if span.period_s % resolution_s == 0:
            for at_s, sums in _points(tx, metric, unit, resolution_s, span.start_s, span.end_s):
                found.setdefault(at_s - at_s % span.period_s, Sums()).merge(sums)
    return found


def _read_fine(tx: Reader, metric: Metric, unit: str, span: Span) -> dict[int, Sums]:
    """Periods below a minute: of the seconds' points; a minute of which there are none stands at its start, whole."""
    begin_s, end_s = span.start_s - span.start_s % MINUTE_S, -(-span.end_s // MINUTE_S) * MINUTE_S
    found: dict[int, Sums] = {}
    fine: set[int] = set()
    for at_s, sums in _points(tx, metric, unit, 1, begin_s, end_s):
        fine.add(at_s - at_s % MINUTE_S)
        if span.start_s <= at_s < span.end_s:
            found.setdefault(at_s - at_s % span.period_s, Sums()).merge(sums)
    for at_s, sums in _points(tx, metric, unit, MINUTE_S, span.start_s, span.end_s):
        if at_s not in fine:
            found[at_s] = sums
    return found


def _points(
    tx: Reader, metric: Metric, unit: str, resolution_s: int, start_s: int, end_s: int
) -> Iterator[tuple[int, Sums]]:
    begin = keys.points.key(metric.id, resolution_s, unit, start_s)
    end = keys.points.key(metric.id, resolution_s, unit, end_s)
    for key, value in tx.scan(begin, end):
        yield int(keys.points.parts(key)[3]), _sums(keys.points.decode(value))  # type: ignore[arg-type]


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


class Listed(NamedTuple):
    """A metric as it is listed; `key` is where it lies."""

    key: bytes
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    metric: Metric


def metrics_like(
    tx: Reader, account: str, region: str, namespace: str = "", name: str = "", after: bytes | None = None
) -> Iterator[Listed]:
    """All metrics of an account that fit, in order of their keys, those after `after`; read as they are asked for."""
    prefix = (account, region, *((namespace, name) if namespace and name else (namespace,) if namespace else ()))
    while True:
        rows = keys.metrics.scan(tx, *prefix, after=after, limit=_SCANNED)
        for key, metric in rows:
            parts = keys.metrics.parts(key)
            if not name or parts[3] == name:
                yield Listed(key, str(parts[2]), str(parts[3]), parts[4], metric)  # type: ignore[arg-type]
        if len(rows) < _SCANNED:
            return
        after = rows[-1][0]
