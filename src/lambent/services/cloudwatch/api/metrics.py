"""PutMetricData, ListMetrics, GetMetricStatistics, GetMetricData."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context, paging
from lambent.kit.measuring import Series, Sums

from .. import points, queries
from ..errors import (
    InvalidNextToken,
    InvalidParameterCombinationException,
    InvalidParameterValueException,
    MissingRequiredParameterException,
)
from ..points import Listed, Place, Span
from ..series import wanted
from ..service import cloudwatch, moment, seconds

_PAGE: Final = 500
_POINTS_MAX: Final = 1440
_RESULTS_MAX: Final = 100_800
_OLD_S: Final = 14 * 86_400
_NEW_S: Final = 2 * 3600
_VALUES_MAX: Final = 150
_RECENT_MS: Final = 3 * 3_600_000
_VALUE_MAX: Final = 2.0**360
_BODY_BYTES_MAX: Final = 1 << 20
_MINUTE_S: Final = 60


@cloudwatch.operation(tx="write", body_bytes_max=_BODY_BYTES_MAX, harmless=("StrictEntityValidation",))
def put_metric_data(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    data = [*req.get("MetricData", ())]
    for group in req.get("EntityMetricData", ()):
        data += group.get("MetricData", ())
    now_s = ctx.now_ns // 1_000_000_000
    for number, datum in enumerate(data, 1):
        at_s = seconds(datum["Timestamp"]) if "Timestamp" in datum else now_s
        if not now_s - _OLD_S <= at_s <= now_s + _NEW_S:
            raise InvalidParameterValueException(
                f"The parameter MetricData.member.{number}.Timestamp must be a time within 14 days in the past and two "
                "hours in the future."
            )
        dimensions = tuple(sorted((one["Name"], one["Value"]) for one in datum.get("Dimensions", ())))
        unit = datum.get("Unit", "None")
        series = Series(ctx.account, ctx.region, req["Namespace"], datum["MetricName"], dimensions, unit)
        place = Place(series, 1 if datum.get("StorageResolution") == 1 else _MINUTE_S)
        points.put(tx, ctx.cloud.ids, ctx.now_ms, place, at_s, _measured(f"MetricData.member.{number}", datum))


def _measured(where: str, datum: Mapping[str, Any]) -> Sums:
    """What a datum says: one value, values with counts, or statistics of some."""
    for other in ("Values", "StatisticValues"):
        if "Value" in datum and other in datum:
            raise InvalidParameterCombinationException(
                f"The parameters {where}.Value and {where}.{other} are mutually exclusive and you have specified both."
            )
    sums = Sums()
    if "StatisticValues" in datum:
        given = datum["StatisticValues"]
        numbers = [_number(where, given[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum")]
        count, total, least, most = numbers
        _check_count(f"{where}.StatisticValues.SampleCount", count)
        return Sums(count, total, least, most, {total / count: count})
    if "Values" in datum:
        values, counts = datum["Values"], datum.get("Counts") or [1.0] * len(datum["Values"])
        if len(values) != len(counts):
            raise InvalidParameterValueException(
                f"The parameters {where}.Values and {where}.Counts must be of the same size."
            )
        if len(values) > _VALUES_MAX:
            raise InvalidParameterValueException(
                f"The collection {where}.Values must not have a size greater than {_VALUES_MAX}."
            )
        for value, count in zip(values, counts, strict=True):
            _check_count(f"{where}.Counts", count)
            sums.add(_number(where, value), _number(where, count))
        return sums
    if "Value" not in datum:
        raise MissingRequiredParameterException(
            f"At least one of the parameters {where}.Value, {where}.Values or {where}.StatisticValues must be "
            "specified."
        )
    sums.add(_number(where, datum["Value"]))
    return sums


def _check_count(where: str, count: float) -> None:
    """A point of no measurements would have no average."""
    if count <= 0:
        raise InvalidParameterValueException(f"The value {count} for parameter {where} is invalid.")


def _number(where: str, value: float) -> float:
    if not math.isfinite(value) or abs(value) > _VALUE_MAX:
        raise InvalidParameterValueException(f"The value {value} for parameter {where}.Value is invalid.")
    return float(value)


@cloudwatch.operation(tx="read", unbuilt=("OwningAccount",), harmless=("IncludeLinkedAccounts",))
def list_metrics(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    after = paging.unseal(req["NextToken"], InvalidNextToken) if "NextToken" in req else None
    wanted_dimensions = req.get("Dimensions", ())
    age_ms = _RECENT_MS if req.get("RecentlyActive") else points.LISTED_MS
    rows = points.metrics_like(tx, ctx.account, ctx.region, req.get("Namespace", ""), req.get("MetricName", ""), after)
    fit = (one for one in rows if ctx.now_ms - one.metric.last_ms <= age_ms and _has(one.dimensions, wanted_dimensions))
    page, token = paging.page(list(islice(fit, _PAGE + 1)), _PAGE, lambda one: one.key)
    return {"Metrics": [_listed(one) for one in page], **({"NextToken": token} if token else {})}


def _listed(metric: Listed) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}


def _has(dimensions: tuple[tuple[str, str], ...], filters: Any) -> bool:
    mine = dict(dimensions)
    return all(one["Name"] in mine and one.get("Value", mine[one["Name"]]) == mine[one["Name"]] for one in filters)


def _check_period(period_s: int) -> None:
    if period_s not in (1, 5, 10, 20, 30) and (period_s < _MINUTE_S or period_s % _MINUTE_S):
        raise InvalidParameterValueException(
            f"The parameter Period must be a value in the set [1, 5, 10, 20, 30] or a multiple of 60, not {period_s}."
        )


def _check_statistic(name: str) -> None:
    if name not in points.STATISTICS and not points.PERCENTILE(name):
        raise InvalidParameterValueException(f"The value {name} for parameter Stat is not supported.")


def _check_times(start: datetime, end: datetime) -> None:
    if start >= end:
        raise InvalidParameterValueException("The parameter StartTime must be less than the parameter EndTime.")


@cloudwatch.operation(tx="read")
def get_metric_statistics(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    period_s = req["Period"]
    _check_period(period_s)
    _check_times(req["StartTime"], req["EndTime"])
    statistics = [*req.get("Statistics", ()), *req.get("ExtendedStatistics", ())]
    if not statistics:
        raise MissingRequiredParameterException(
            "At least one of the parameters Statistics or ExtendedStatistics must be specified."
        )
    for name in statistics:
        _check_statistic(name)
    start_s, end_s = seconds(req["StartTime"]), seconds(req["EndTime"])
    count = (end_s - start_s) // period_s
    if count > _POINTS_MAX:
        raise InvalidParameterCombinationException(
            f"You have requested up to {count} datapoints, which exceeds the limit of {_POINTS_MAX}. You may reduce "
            "the datapoints requested by increasing Period, or decreasing the time range."
        )
    want = wanted(ctx.account, ctx.region, req, "", "")
    metric = points.metric_of(tx, want.series)
    span = Span(start_s - start_s % period_s, end_s, period_s)
    shown = []
    for unit in () if metric is None else [req["Unit"]] if "Unit" in req else metric.units:
        assert metric is not None
        for at_s, sums in points.read(tx, metric, unit, span).items():
            point: dict[str, Any] = {"Timestamp": moment(at_s * 1000), "Unit": unit}
            point |= {name: points.statistic(sums, name) for name in req.get("Statistics", ())}
            extended = {name: points.statistic(sums, name) for name in req.get("ExtendedStatistics", ())}
            shown.append(point | ({"ExtendedStatistics": extended} if extended else {}))
    return {"Label": req["MetricName"], "Datapoints": shown}


@cloudwatch.operation(tx="read", harmless=("LabelOptions",))
def get_metric_data(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    _check_times(req["StartTime"], req["EndTime"])
    asked = req["MetricDataQueries"]
    for query in asked:
        if ("MetricStat" in query) == ("Expression" in query):
            raise InvalidParameterCombinationException(
                "Exactly one of the parameters MetricStat and Expression must be specified for each query."
            )
        if "MetricStat" in query:
            _check_period(query["MetricStat"]["Period"])
            _check_statistic(query["MetricStat"]["Stat"])
    times_s = (seconds(req["StartTime"]), seconds(req["EndTime"]))
    newest_first = req.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    first = int(paging.unseal(req["NextToken"], InvalidNextToken)) if "NextToken" in req else 0
    limit = min(req.get("MaxDatapoints", _RESULTS_MAX), _RESULTS_MAX)
    shown: list[dict[str, Any]] = []
    longest = 0
    hidden = {query["Id"] for query in asked if not query.get("ReturnData", True)}
    results = [one for one in queries.run(tx, ctx.account, ctx.region, asked, times_s) if one.id not in hidden]
    each = max(limit // max(len(results), 1), 1)
    for result in results:
        times = sorted(result.values, reverse=newest_first)
        longest = max(longest, len(times))
        page = times[first : first + each]
        line: dict[str, Any] = {
            "Id": result.id,
            "Label": result.label,
            "Timestamps": [moment(at_s * 1000) for at_s in page],
            "Values": [result.values[at_s] for at_s in page],
            "StatusCode": "Complete" if first + each >= len(times) else "PartialData",
        }
        if len(result.units) > 1:
            units = ", ".join(result.units)
            line["Messages"] = [{"Code": "MultipleUnits", "Value": f"Multiple units returned: '[{units}]'"}]
        shown.append(line)
    more = {"NextToken": paging.seal(str(first + each).encode())} if longest > first + each else {}
    return {"MetricDataResults": shown, "Messages": [], **more}
