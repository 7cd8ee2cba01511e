"""The MetricDataQuery structures of GetMetricData and of alarms: metrics and expressions that name each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader

from .errors import ValidationError
from .math import Expression
from .points import Span
from .series import values, wanted

QUERIES_MAX = 500


class Result(NamedTuple):
    """One line of an answer: its id, its label, and values by the start of their period."""

    id: str
    label: str
    values: dict[int, float]
    units: tuple[str, ...] = ()


def period_of(queries: Sequence[Mapping[str, Any]]) -> int:
    """The period that expressions without one have: the longest of the metrics'."""
    periods = [query["MetricStat"]["Period"] for query in queries if "MetricStat" in query]
    return max(periods, default=60)


def run(
    tx: Reader, account: str, region: str, queries: Sequence[Mapping[str, Any]], times_s: tuple[int, int]
) -> list[Result]:
    """The results of all queries, those without ReturnData among them, in their order."""
    ids = [query["Id"] for query in queries]
    if len(set(ids)) < len(ids):
        raise ValidationError("The value for parameter MetricDataQueries contains duplicate Ids.")
    found: dict[str, Result] = {}
    lines: list[tuple[str, dict[int, float]]] = []
    for query in queries:
        if "MetricStat" in query:
            result = found[query["Id"]] = _metric(tx, account, region, query, queries, times_s)
            lines.append((query["Id"], result.values))
    period_s = period_of(queries)
    times = list(range(times_s[0] - times_s[0] % period_s, times_s[1], period_s))
    left = {query["Id"]: query for query in queries if "MetricStat" not in query}
    for query_id in list(left):
        _expression(query_id, left, found, lines, times)
    return [found[query_id] for query_id in ids]


def _metric(
    tx: Reader,
    account: str,
    region: str,
    query: Mapping[str, Any],
    queries: Sequence[Mapping[str, Any]],
    times_s: tuple[int, int],
) -> Result:
    stat = query["MetricStat"]
    if query.get("AccountId", account) != account:
        raise NotBuilt("Lambent has not built metrics of other accounts yet.")
    period_s = stat["Period"]
    want = wanted(account, region, stat["Metric"], stat["Stat"], stat.get("Unit", ""))
    start_s = times_s[0] - times_s[0] % period_s
    found = values(tx, want, Span(start_s, times_s[1], period_s))
    label = query.get("Label") or _label(query, queries)
    return Result(query["Id"], label, found.by_time, found.units)


def _label(query: Mapping[str, Any], queries: Sequence[Mapping[str, Any]]) -> str:
    """A metric's name, and what tells it from the other metrics of the request."""
    stats = [one["MetricStat"] for one in queries if "MetricStat" in one]
    mine = query["MetricStat"]
    label = str(mine["Metric"]["MetricName"])
    if len({stat["Stat"] for stat in stats}) > 1:
        label += f" {mine['Stat']}"
    if len({stat["Period"] for stat in stats}) > 1:
        label += f" {mine['Period']}"
    return label


def _expression(
    query_id: str,
    left: dict[str, Mapping[str, Any]],
    found: dict[str, Result],
    lines: list[tuple[str, dict[int, float]]],
    times: list[int],
) -> None:
    query = left.pop(query_id, None)
    if query is None:
        return
    expression = Expression(query.get("Expression", ""))
    for name in expression.names:
        if name in left:
            _expression(name, left, found, lines, times)
    value = expression.value({name: one.values for name, one in found.items()}, lines, times)
    if isinstance(value, list):
        if len(value) != 1:
            raise NotBuilt("Lambent has not built expressions that give several time series yet.")
        value = value[0]
    if not isinstance(value, dict):
        value = dict.fromkeys(times, float(value))
    found[query_id] = Result(query_id, query.get("Label") or query_id, value)
