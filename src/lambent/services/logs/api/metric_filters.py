"""Metric filters: events that match become measurements of a metric (measuring.py)."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.kit.paging import page, unseal

from .. import keys, measuring
from ..errors import InvalidParameterException, LimitExceededException, ResourceNotFoundException
from ..model import DIMENSIONS_MAX, METRIC_FILTERS_MAX, GroupRecord, MetricFilter
from ..patterns import compile_pattern
from ..service import bad_token, group_resource, logs

PAGE = 50


def _resource(ctx: Context, req: dict[str, Any]) -> str:
    return group_resource(ctx, req) if "logGroupName" in req else keys.stream_arn(ctx, "*", "")


def _check(given: dict[str, Any]) -> None:
    value = given["metricValue"]
    sources = [value, *given.get("dimensions", {}).values()]
    for source in sources:
        if source.startswith(("$.", "$[")):
            measuring.selected(source)
    if not value.startswith("$"):
        try:
            float(value)
        except ValueError:
            raise InvalidParameterException(f"Invalid metric transformation: the value {value} is no number.") from None
    dimensions = given.get("dimensions", {})
    if len(dimensions) > DIMENSIONS_MAX:
        raise InvalidParameterException(f"A metric filter has {DIMENSIONS_MAX} dimensions at most.")
    if dimensions and "defaultValue" in given:
        raise InvalidParameterException("A metric filter with dimensions cannot have a default value.")


@logs.operation(tx="write", resource=group_resource, unbuilt=("fieldSelectionCriteria", "emitSystemFieldDimensions"))
def put_metric_filter(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    compile_pattern(req["filterPattern"])
    if req.get("applyOnTransformedLogs"):
        raise NotBuilt("Lambent has not built log transformers yet (applyOnTransformedLogs).")
    (given,) = req["metricTransformations"]
    _check(given)
    group = keys.get_group(tx, ctx, req["logGroupName"])
    name: str = req["filterName"]
    others = [one for one in group.metric_filters if one.name != name]
    old = next((one for one in group.metric_filters if one.name == name), None)
    if len(others) >= METRIC_FILTERS_MAX:
        raise LimitExceededException("Resource limit exceeded.")
    new = MetricFilter(
        name=name,
        pattern=req["filterPattern"],
        metric=given["metricName"],
        namespace=given["metricNamespace"],
        value=given["metricValue"],
        created_ms=old.created_ms if old is not None else ctx.now_ms,
        default=given.get("defaultValue"),
        unit=given.get("unit", ""),
        dimensions=dict(given.get("dimensions", {})),
    )
    keys.put_group(tx, replace(group, metric_filters=tuple(sorted([*others, new], key=lambda one: one.name))))


@logs.operation(tx="write", resource=group_resource)
def delete_metric_filter(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    group = keys.get_group(tx, ctx, req["logGroupName"])
    left = tuple(one for one in group.metric_filters if one.name != req["filterName"])
    if len(left) == len(group.metric_filters):
        raise ResourceNotFoundException("The specified metric filter does not exist.")
    keys.put_group(tx, replace(group, metric_filters=left))


@logs.operation(tx="read", resource=_resource)
def describe_metric_filters(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    metric, namespace = req.get("metricName"), req.get("metricNamespace")
    if (metric is None) != (namespace is None):
        raise InvalidParameterException("metricName and metricNamespace must be given together.")
    groups: list[GroupRecord]
    if "logGroupName" in req:
        groups = [keys.get_group(tx, ctx, req["logGroupName"])]
    else:
        groups = [group for _, group in keys.groups.scan(tx, ctx.account, ctx.region) if group.metric_filters]
    prefix = req.get("filterNamePrefix", "") if "logGroupName" in req else ""
    after = unseal(req["nextToken"], bad_token).decode(errors="replace") if "nextToken" in req else ""
    found = [
        (f"{group.name}\0{one.name}", group, one)
        for group in groups
        for one in group.metric_filters
        if one.name.startswith(prefix) and (metric is None or (metric, namespace) == (one.metric, one.namespace))
    ]
    left = sorted((row for row in found if row[0] > after), key=lambda row: row[0])
    limit = req.get("limit", PAGE)
    shown, token = page(left[: limit + 1], limit, lambda row: row[0].encode())
    result: dict[str, Any] = {"metricFilters": [_view(group, one) for _, group, one in shown]}
    return result | {"nextToken": token} if token else result


def _view(group: GroupRecord, one: MetricFilter) -> dict[str, Any]:
    told: dict[str, Any] = {"metricName": one.metric, "metricNamespace": one.namespace, "metricValue": one.value}
    if one.default is not None:
        told["defaultValue"] = one.default
    if one.dimensions:
        told["dimensions"] = one.dimensions
    if one.unit:
        told["unit"] = one.unit
    return {
        "filterName": one.name,
        "filterPattern": one.pattern,
        "metricTransformations": [told],
        "creationTime": one.created_ms,
        "logGroupName": group.name,
        "applyOnTransformedLogs": False,
    }


@logs.operation(tx="read")
def test_metric_filter(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    pattern = compile_pattern(req["filterPattern"])
    matches: list[dict[str, Any]] = []
    for number, message in enumerate(req["logEventMessages"], start=1):
        found = pattern.match(message)
        if found is not None:
            matches.append({"eventNumber": number, "eventMessage": message, "extractedValues": found})
    return {"matches": matches}
