"""Alarms: put, describe, set, switch on and off, delete; their history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context, paging

from .. import events, judging, keys
from ..errors import InvalidNextToken, ResourceNotFound, ValidationError
from ..math import Expression
from ..model import Alarm, Mark
from ..points import PERCENTILE
from ..queries import period_of
from ..rules import InvalidRule, Parsed
from ..service import alarm_arn, cloudwatch, moment, on_alarm, seconds

_PAGE: Final = 100
_ACTIONS: Final = ("OKActions", "AlarmActions", "InsufficientDataActions")
_SENT_TO: Final = frozenset(("sns", "lambda"))
_DAY_S: Final = 86_400
_NOT_OF_SETTINGS: Final = frozenset(("AlarmName", "ActionsEnabled", "Tags"))
_METRIC_PARAMETERS: Final = ("MetricName", "Namespace", "Period")


@cloudwatch.operation(
    tx="write", resource=on_alarm, unbuilt=("ThresholdMetricId", "EvaluationCriteria", "EvaluationInterval")
)
def put_metric_alarm(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _check_metric_alarm(req)
    alarm = _put(ctx, tx, req, composite=False, children=())
    events.arm(tx, alarm, ctx.now_ns)


def _check_metric_alarm(req: Mapping[str, Any]) -> None:
    _check_actions(req)
    if "Metrics" in req:
        if any(name in req for name in _METRIC_PARAMETERS):
            raise ValidationError("Metrics list and metric parameters must not be specified together.")
        shown = [query for query in req["Metrics"] if query.get("ReturnData", True)]
        if len(shown) != 1:
            raise ValidationError("Exactly one element of the metrics list should return data.")
        for query in req["Metrics"]:
            if "Expression" in query:
                Expression(query["Expression"])
    elif any(name not in req for name in _METRIC_PARAMETERS):
        raise ValidationError("Either metric parameters or the metrics list must be specified.")
    elif ("Statistic" in req) == ("ExtendedStatistic" in req):
        raise ValidationError("Exactly one of Statistic and ExtendedStatistic must be specified.")
    elif "ExtendedStatistic" in req and not PERCENTILE(req["ExtendedStatistic"]):
        raise NotBuilt(f"Lambent has not built the statistic {req['ExtendedStatistic']} yet.")
    if "Threshold" not in req:
        raise NotBuilt("Lambent has not built alarms without a threshold (anomaly detection) yet.")
    if "EvaluationPeriods" not in req or "ComparisonOperator" not in req:
        raise ValidationError("EvaluationPeriods and ComparisonOperator must be specified.")
    if req["ComparisonOperator"] not in judging.COMPARISONS:
        raise NotBuilt(f"Lambent has not built the comparison {req['ComparisonOperator']} yet.")
    if req.get("DatapointsToAlarm", 1) > req["EvaluationPeriods"]:
        raise ValidationError("DatapointsToAlarm must be less than or equal to EvaluationPeriods.")
    period_s = req.get("Period") or period_of(req.get("Metrics", ()))
    if period_s not in (10, 20, 30) and period_s % 60:
        raise ValidationError("Period must be 10, 20, 30 or a multiple of 60.")
    if period_s * req["EvaluationPeriods"] > (_DAY_S if period_s < 3600 else 7 * _DAY_S):
        raise ValidationError(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)."
        )


def _check_actions(req: Mapping[str, Any]) -> None:
    for name in _ACTIONS:
        for target in req.get(name, ()):
            try:
                service = arn.parse(target).service
            except ValueError:
                raise ValidationError(f"Invalid arn syntax: {target}") from None
            if service not in _SENT_TO:
                raise NotBuilt(f"Lambent has not built alarm actions of the service {service} yet.")


def _put(ctx: Context, tx: Transaction, req: Mapping[str, Any], *, composite: bool, children: tuple[str, ...]) -> Alarm:
    """Store an alarm; one that is there keeps its state."""
    name = req["AlarmName"]
    old = keys.alarms.get(tx, ctx.account, ctx.region, name)
    settings = {key: value for key, value in req.items() if key not in _NOT_OF_SETTINGS}
    base = old or Alarm(
        name=name,
        arn=alarm_arn(ctx, name),
        account=ctx.account,
        region=ctx.region,
        composite=composite,
        settings=b"",
        turn="",
        configured_ms=ctx.now_ms,
        updated_ms=ctx.now_ms,
        transitioned_ms=ctx.now_ms,
        tags={tag["Key"]: tag["Value"] for tag in req.get("Tags", ())},
    )
    if base.composite != composite:
        raise ValidationError(f"An alarm of another type with the name {name} exists.")
    alarm = replace(
        base,
        settings=orjson.dumps(settings),
        turn=ctx.cloud.ids.uuid(),
        configured_ms=ctx.now_ms,
        actions_enabled=req.get("ActionsEnabled", True),
        children=children,
    )
    for child in base.children:
        keys.parents.delete(tx, ctx.account, ctx.region, child, name)
    for child in children:
        keys.parents.put(tx, Mark(), ctx.account, ctx.region, child, name)
    keys.alarms.put(tx, alarm, ctx.account, ctx.region, name)
    what = "created" if old is None else "updated"
    events.note(ctx.cloud, tx, alarm, "ConfigurationUpdate", f'Alarm "{name}" {what}', '{"version":"1.0"}')
    return alarm


@cloudwatch.operation(
    tx="write",
    resource=on_alarm,
    unbuilt=("ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"),
)
def put_composite_alarm(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _check_actions(req)
    try:
        rule = Parsed(req["AlarmRule"])
    except InvalidRule as error:
        raise ValidationError(f"Invalid AlarmRule: {error}.") from None
    children = tuple(dict.fromkeys(rule.names))
    for child in children:
        if keys.alarms.get(tx, ctx.account, ctx.region, child) is None:
            raise ValidationError(
                f"Could not save the composite alarm as alarms [{child}] in the alarm rule do not exist"
            )
    if req["AlarmName"] in _asked(ctx, tx, children):
        raise ValidationError(f"The alarm rule has a cycle through {req['AlarmName']}.")
    alarm = _put(ctx, tx, req, composite=True, children=children)
    events.look_at_composite(ctx.cloud, tx, alarm, None)


def _asked(ctx: Context, tx: Reader, names: tuple[str, ...]) -> set[str]:
    """These alarms and all that they ask, themselves or through others. Each is looked at once: there may be a great
    many ways to one."""
    found: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            alarm = keys.alarms.get(tx, ctx.account, ctx.region, name)
            pending.extend(alarm.children if alarm is not None else ())
    return found


@cloudwatch.operation(tx="read", unbuilt=("ChildrenOfAlarmName", "ParentsOfAlarmName"))
def describe_alarms(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    types = req.get("AlarmTypes") or ["MetricAlarm"]
    after = paging.unseal(req["NextToken"], InvalidNextToken) if "NextToken" in req else None
    if "AlarmNames" in req:
        named = [keys.alarms.get(tx, ctx.account, ctx.region, name) for name in sorted(set(req["AlarmNames"]))]
        rows = [(b"", alarm) for alarm in named if alarm is not None]
        types = req.get("AlarmTypes") or ["MetricAlarm", "CompositeAlarm"]
    else:
        rows = keys.alarms.scan(tx, ctx.account, ctx.region, after=after)
    found = [
        (key, alarm)
        for key, alarm in rows
        if ("CompositeAlarm" if alarm.composite else "MetricAlarm") in types
        and alarm.name.startswith(req.get("AlarmNamePrefix", ""))
        and req.get("StateValue", alarm.state) == alarm.state
        and _acts(alarm, req.get("ActionPrefix", ""))
    ]
    page, token = paging.page(found, req.get("MaxRecords", 50), lambda row: row[0])
    return {
        "MetricAlarms": [view(alarm) for _, alarm in page if not alarm.composite],
        "CompositeAlarms": [view(alarm) for _, alarm in page if alarm.composite],
        "LogAlarms": [],
        **({"NextToken": token} if token else {}),
    }


def _acts(alarm: Alarm, prefix: str) -> bool:
    if not prefix:
        return True
    settings = orjson.loads(alarm.settings)
    return any(target.startswith(prefix) for name in _ACTIONS for target in settings.get(name, ()))


def view(alarm: Alarm) -> dict[str, Any]:
    """An alarm as DescribeAlarms shows it."""
    shown: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm.configured_ms),
        "ActionsEnabled": alarm.actions_enabled,
        **{name: [] for name in _ACTIONS},
        **orjson.loads(alarm.settings),
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": moment(alarm.updated_ms),
        "StateTransitionedTimestamp": moment(alarm.transitioned_ms),
    }
    if alarm.reason_data:
        shown["StateReasonData"] = alarm.reason_data
    if not alarm.composite and "Metrics" not in shown:
        shown.setdefault("Dimensions", [])
    return shown


@cloudwatch.operation(tx="read")
def describe_alarms_for_metric(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    wanted = {(one["Name"], one["Value"]) for one in req.get("Dimensions", ())}
    found = []
    for _, alarm in keys.alarms.scan(tx, ctx.account, ctx.region):
        settings = orjson.loads(alarm.settings)
        mine = {(one["Name"], one["Value"]) for one in settings.get("Dimensions", ())}
        same = all(
            req.get(name, settings.get(name)) == settings.get(name)
            for name in ("Statistic", "ExtendedStatistic", "Period", "Unit")
        )
        named = (settings.get("Namespace"), settings.get("MetricName")) == (req["Namespace"], req["MetricName"])
        if named and same and mine == wanted:
            found.append(view(alarm))
    return {"MetricAlarms": found}


@cloudwatch.operation(tx="read", resource=lambda ctx, req: alarm_arn(ctx, req.get("AlarmName", "*")))
def describe_alarm_history(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    prefix = (ctx.account, ctx.region, *((req["AlarmName"],) if "AlarmName" in req else ()))
    types = req.get("AlarmTypes") or ["MetricAlarm"] if "AlarmName" not in req else ["MetricAlarm", "CompositeAlarm"]
    start = seconds(req["StartDate"]) * 1000 if "StartDate" in req else 0
    end = seconds(req["EndDate"]) * 1000 if "EndDate" in req else ctx.now_ms + 1
    found = []
    for key, line in keys.history.scan(tx, *prefix):
        at_ms = int(keys.history.parts(key)[3])  # type: ignore[arg-type]
        kind = "CompositeAlarm" if line.composite else "MetricAlarm"
        if not start <= at_ms <= end or kind not in types or req.get("HistoryItemType", line.kind) != line.kind:
            continue
        shown = {
            "AlarmName": line.name,
            "AlarmType": kind,
            "Timestamp": moment(at_ms),
            "HistoryItemType": line.kind,
            "HistorySummary": line.summary,
            "HistoryData": line.data,
        }
        found.append((at_ms, key, shown))
    found.sort(key=lambda row: row[:2], reverse=req.get("ScanBy", "TimestampDescending") == "TimestampDescending")
    first = int(paging.unseal(req["NextToken"], InvalidNextToken)) if "NextToken" in req else 0
    limit = req.get("MaxRecords", _PAGE)
    more = {"NextToken": paging.seal(str(first + limit).encode())} if len(found) > first + limit else {}
    return {"AlarmHistoryItems": [shown for _, _, shown in found[first : first + limit]], **more}


@cloudwatch.operation(tx="write", resource=on_alarm)
def set_alarm_state(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    alarm = keys.alarms.get(tx, ctx.account, ctx.region, req["AlarmName"])
    if alarm is None:
        raise ResourceNotFound("")
    reason, data = req["StateReason"], req.get("StateReasonData", "")
    if req["StateValue"] == alarm.state:
        same = replace(alarm, reason=reason, reason_data=data, updated_ms=ctx.now_ms)
        keys.alarms.put(tx, same, ctx.account, ctx.region, alarm.name)
    else:
        events.transition(ctx.cloud, tx, alarm, req["StateValue"], reason, data)


def _each(ctx: Context, tx: Reader, req: dict[str, Any], action: str) -> list[Check]:
    return [Check(f"cloudwatch:{action}", alarm_arn(ctx, name)) for name in req["AlarmNames"]]


def _switch(ctx: Context, tx: Transaction, req: dict[str, Any], enabled: bool) -> None:
    for name in req["AlarmNames"]:
        alarm = keys.alarms.get(tx, ctx.account, ctx.region, name)
        if alarm is not None and alarm.actions_enabled != enabled:
            keys.alarms.put(tx, replace(alarm, actions_enabled=enabled), ctx.account, ctx.region, name)


@cloudwatch.operation(tx="write", authorize=lambda ctx, tx, req: _each(ctx, tx, req, "EnableAlarmActions"))
def enable_alarm_actions(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _switch(ctx, tx, req, True)


@cloudwatch.operation(tx="write", authorize=lambda ctx, tx, req: _each(ctx, tx, req, "DisableAlarmActions"))
def disable_alarm_actions(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _switch(ctx, tx, req, False)


@cloudwatch.operation(tx="write", authorize=lambda ctx, tx, req: _each(ctx, tx, req, "DeleteAlarms"))
def delete_alarms(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    names = set(req["AlarmNames"])
    for name in names:
        parents = [str(keys.parents.parts(key)[3]) for key, _ in keys.parents.scan(tx, ctx.account, ctx.region, name)]
        if any(parent not in names for parent in parents):
            raise ValidationError(f"The following alarms are used in composite alarms and cannot be deleted: [{name}]")
    for name in names:
        alarm = keys.alarms.get(tx, ctx.account, ctx.region, name)
        if alarm is not None:
            for child in alarm.children:
                keys.parents.delete(tx, ctx.account, ctx.region, child, name)
            keys.alarms.delete(tx, ctx.account, ctx.region, name)
