"""Alarms at work: the timer of each, what it finds, and what follows a change of state.

The timer of a metric alarm fires once a period (a minute at most) and some seconds after it, so that measurements that
nodes still add up are there. Composite alarms have no timer: a change of a state brings them about.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts import arn
from lambent.contracts.events import Delivery, Event, Retry, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction
from lambent.kit.measuring import FLUSH_NS

from . import daily, judging, keys, queries, recording, sweeping
from .judging import Terms
from .model import ALARM, INSUFFICIENT, OK, PRINCIPAL, Alarm, History
from .notices import change_event, lambda_notice, stamp, topic_notice
from .points import MINUTE_S, Span
from .rules import Parsed
from .series import Values, Wanted, values, wanted

_NS: Final = 1_000_000_000
_MARGIN_NS: Final = 2 * FLUSH_NS
_RETRY: Final = Retry(attempts_max=1000, age_s_max=86_400)
_DEPTH_MAX: Final = 10
"""Composite alarms above one another."""
ACTIONS: Final = {ALARM: "AlarmActions", OK: "OKActions", INSUFFICIENT: "InsufficientDataActions"}


def arm(tx: Transaction, alarm: Alarm, now_ns: int) -> None:
    """Set an alarm's timer to the end of its current period, and some seconds."""
    every_ns = min(_period_s(orjson.loads(alarm.settings)), MINUTE_S) * _NS
    due_ns = (now_ns - _MARGIN_NS) // every_ns * every_ns + every_ns + _MARGIN_NS
    tx.emit(
        Event(
            target=alarm.arn,
            source=alarm.arn,
            principal=PRINCIPAL,
            account=alarm.account,
            region=alarm.region,
            payload=alarm.turn.encode(),
            retry=_RETRY,
        ),
        at_ns=due_ns,
    )


def _period_s(settings: dict[str, Any]) -> int:
    return int(settings["Period"]) if "Period" in settings else queries.period_of(settings.get("Metrics", ()))


class AlarmTarget:
    """Receives the timers of alarms, and the daily one."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Alarms are no destination."""
        raise Undeliverable("Alarms are no targets of other services' events.")

    async def deliver(self, delivery: Delivery) -> None:
        """Remove what is old; or look at an alarm's metric, change its state if that says so. Wait again."""
        event = delivery.event
        if event.principal != PRINCIPAL or event.source != event.target:
            raise Undeliverable("Alarms are no targets of other services' events.")
        resource = arn.parse(event.target).resource
        if resource == daily.RESOURCE:
            now_ms = self._cloud.clock.now_ns() // 1_000_000
            await self._cloud.store.write(lambda tx: sweeping.sweep(tx, event, now_ms))
            return
        name = resource.partition(":")[2]
        await self._gauge(event, name)
        await self._cloud.store.write(lambda tx: self._fire(tx, event, name))

    async def _gauge(self, event: Event, name: str) -> None:
        """Some metrics are what something shows when it is looked at: look."""
        alarm = await self._cloud.store.read(lambda tx: keys.alarms.get(tx, event.account, event.region, name))
        settings = {} if alarm is None else orjson.loads(alarm.settings)
        if "MetricName" not in settings:
            return
        series = wanted(event.account, event.region, settings, "Average", "Count").series
        value = await recording.gauge(self._cloud, series)
        if value is not None:
            # It stands for the minute that is being judged.
            last_s = (self._cloud.clock.now_ns() - _MARGIN_NS) // _NS - 1
            found = [(series, value)]
            await self._cloud.store.write(lambda tx: recording.show(self._cloud, tx, found, last_s - last_s % MINUTE_S))

    def _fire(self, tx: Transaction, event: Event, name: str) -> None:
        alarm = keys.alarms.get(tx, event.account, event.region, name)
        if alarm is None or alarm.turn != event.payload.decode():
            return
        now_ns = self._cloud.clock.now_ns()
        # A new turn with each timer: one that is heard again, after a crash, finds that its turn is over.
        alarm = replace(alarm, turn=f"{alarm.turn.partition('@')[0]}@{now_ns}")
        state, reason, data = evaluate(tx, alarm, now_ns)
        if state is not None and state != alarm.state:
            transition(self._cloud, tx, alarm, state, reason, data)
        else:
            keys.alarms.put(tx, alarm, alarm.account, alarm.region, alarm.name)
        arm(tx, alarm, now_ns)


def evaluate(tx: Reader, alarm: Alarm, now_ns: int) -> tuple[str | None, str, str]:
    """(state or None for as it was, reason, reason's data as JSON) of a metric alarm."""
    settings = orjson.loads(alarm.settings)
    period_s = _period_s(settings)
    n = settings["EvaluationPeriods"]
    needed = settings.get("DatapointsToAlarm", n)
    end_s = (now_ns - _MARGIN_NS) // _NS // period_s * period_s
    span = Span(end_s - (n + judging.SPARE) * period_s, end_s, period_s)
    found_values = _values(tx, alarm, settings, span)
    by_time = found_values.by_time
    looked_at = [(at_s, by_time.get(at_s)) for at_s in range(end_s - period_s, span.start_s - 1, -period_s)]
    terms = Terms(
        settings["ComparisonOperator"],
        settings["Threshold"],
        n,
        needed,
        "DatapointsToAlarm" in settings,
        settings.get("TreatMissingData", "missing"),
    )
    found = judging.judge(terms, looked_at)
    data: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now_ns // 1_000_000)}
    if found.used:
        data["startDate"] = stamp(found.used[-1][0] * 1000)
    if settings.get("Unit"):
        data["unit"] = settings["Unit"]
    if "MetricName" in settings:
        data["statistic"] = settings.get("Statistic") or settings.get("ExtendedStatistic")
    data |= {
        "period": period_s,
        "recentDatapoints": [value for _, value in reversed(found.used)],
        "threshold": settings["Threshold"],
        "evaluatedDatapoints": [
            {"timestamp": stamp(at_s * 1000)}
            | ({} if at_s not in found_values.sums else {"sampleCount": found_values.sums[at_s].count})
            | ({} if value is None else {"value": value})
            for at_s, value in looked_at[:n]
        ],
    }
    return found.state, found.reason, orjson.dumps(data).decode()


def _values(tx: Reader, alarm: Alarm, settings: dict[str, Any], span: Span) -> Values:
    if "Metrics" in settings:
        results = queries.run(tx, alarm.account, alarm.region, settings["Metrics"], (span.start_s, span.end_s))
        shown = [query["Id"] for query in settings["Metrics"] if query.get("ReturnData", True)]
        return Values(next(result.values for result in results if result.id in shown), {})
    statistic = settings.get("Statistic") or settings["ExtendedStatistic"]
    want: Wanted = wanted(alarm.account, alarm.region, settings, statistic, settings.get("Unit", ""))
    return values(tx, want, span)


def transition(
    cloud: Cloud, tx: Transaction, alarm: Alarm, state: str, reason: str, data: str, depth: int = 0
) -> Alarm:
    """Give an alarm another state: write its history, announce it, do its actions, look at what asks it."""
    now_ms = cloud.clock.now_ns() // 1_000_000
    changed = replace(alarm, state=state, reason=reason, reason_data=data, updated_ms=now_ms, transitioned_ms=now_ms)
    place = (alarm.account, alarm.region)
    keys.alarms.put(tx, changed, *place, alarm.name)
    text = orjson.dumps(
        {"version": "1.0", "oldState": _shown(alarm), "newState": _shown(changed)},
    ).decode()
    note(cloud, tx, changed, "StateUpdate", f"Alarm updated from {alarm.state} to {state}", text)
    tx.emit(change_event(cloud, alarm, changed))
    if alarm.actions_enabled:
        _act(cloud, tx, alarm, changed)
    if depth < _DEPTH_MAX:
        for key, _ in keys.parents.scan(tx, *place, alarm.name):
            parent = keys.alarms.get(tx, *place, keys.parents.parts(key)[3])
            if parent is not None:
                look_at_composite(cloud, tx, parent, changed, depth + 1)
    return changed


def _shown(alarm: Alarm) -> dict[str, Any]:
    shown: dict[str, Any] = {"stateValue": alarm.state, "stateReason": alarm.reason}
    if alarm.reason_data:
        shown["stateReasonData"] = orjson.loads(alarm.reason_data)
    return shown


def look_at_composite(cloud: Cloud, tx: Transaction, alarm: Alarm, cause: Alarm | None, depth: int = 0) -> Alarm:
    """Decide a composite alarm's rule anew."""
    place = (alarm.account, alarm.region)

    def state_of(name: str) -> str:
        found = keys.alarms.get(tx, *place, name)
        return "" if found is None else found.state

    state = ALARM if Parsed(orjson.loads(alarm.settings)["AlarmRule"]).holds(state_of) else OK
    if state == alarm.state:
        return alarm
    now_ms = cloud.clock.now_ns() // 1_000_000
    reason = f"{alarm.arn} was created and its alarm rule evaluates to {state}"
    data = "{}"
    if cause is not None:
        when = stamp(now_ms)
        reason = f"{cause.arn} transitioned to {cause.state} at {_long(now_ms)}"
        trigger = {"arn": cause.arn, "state": {"value": cause.state, "timestamp": when}}
        data = orjson.dumps({"triggeringAlarms": [trigger]}).decode()
    return transition(cloud, tx, alarm, state, reason, data, depth)


def _long(now_ms: int) -> str:
    """As in `Friday 14 May, 2021 12:00:00 UTC`."""
    # Only a changed composite alarm needs it.
    from datetime import UTC, datetime

    return datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%A %d %B, %Y %H:%M:%S UTC")


def note(cloud: Cloud, tx: Transaction, alarm: Alarm, kind: str, summary: str, data: str) -> None:
    """Write a line of an alarm's history."""
    line = History(name=alarm.name, composite=alarm.composite, kind=kind, summary=summary, data=data)
    now_ms = cloud.clock.now_ns() // 1_000_000
    keys.history.put(tx, line, alarm.account, alarm.region, alarm.name, now_ms, cloud.ids.hex(8))
    daily.arm(tx, alarm.account, alarm.region, now_ms)


def _act(cloud: Cloud, tx: Transaction, old: Alarm, new: Alarm) -> None:
    targets: Iterable[str] = orjson.loads(new.settings).get(ACTIONS[new.state], ())
    for target in targets:
        service = arn.parse(target).service
        payload = topic_notice(old, new) if service == "sns" else lambda_notice(old, new)
        attributes = {"subject": f'{new.state}: "{new.name}" in {new.region}'[:100]} if service == "sns" else {}
        tx.emit(
            Event(
                target=target,
                payload=payload,
                source=new.arn,
                principal=PRINCIPAL if service == "sns" else "lambda.alarms.cloudwatch.amazonaws.com",
                account=new.account,
                region=new.region,
                attributes=attributes,
            )
        )
        summary = f"Successfully executed action {target}"
        data = orjson.dumps({"actionState": "Succeeded", "notificationResource": target}).decode()
        note(cloud, tx, new, "Action", summary, data)
