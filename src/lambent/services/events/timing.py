"""Schedules of rules, run by alarms in the outbox: one alarm of a rule is set at a time, and sets the next."""

from __future__ import annotations

from typing import Final

import orjson
from msgspec.structs import replace

from lambent.contracts.ports import Cloud, Transaction

from . import keys, measuring, routing, schedules, tasks
from .model import Rule, Sent, moment
from .tasks import Task

TITLE: Final = "Scheduled Event"


def begin(cloud: Cloud, tx: Transaction, rule: Rule) -> Rule:
    """Have the schedule of a rule that was put or turned run from now on; alarms of before do nothing. Returns the
    rule as it is to be stored."""
    if not rule.schedule or not rule.enabled:
        return replace(rule, timer="", begun_ms=0)
    now_ms = cloud.clock.now_ns() // 1_000_000
    rule = replace(rule, timer=cloud.ids.request_id(), begun_ms=now_ms)
    _set(tx, rule, now_ms)
    return rule


def _set(tx: Transaction, rule: Rule, after_ms: int) -> None:
    due_ms = schedules.next_ms(rule.schedule, rule.begun_ms, after_ms)
    if due_ms is not None:
        tasks.emit(tx, rule.arn, Task(kind="tick", at_ms=due_ms, id=rule.timer), at_ms=due_ms)


def tick(cloud: Cloud, tx: Transaction, rule_arn: str, task: Task, event_id: str) -> None:
    """A schedule is due: send its event, and set the next alarm. What was missed while nobody ran is sent once."""
    rule = keys.rule_at(tx, rule_arn)
    if rule is None or rule.timer != task.id:
        return
    # A new timer with each alarm: one that is delivered again finds that it is over.
    rule = replace(rule, timer=f"{task.id.partition('@')[0]}@{task.at_ms}")
    keys.rules.put(tx, rule, *rule.place)
    now_ms = cloud.clock.now_ns() // 1_000_000
    event: Sent = {
        "version": "0",
        "id": event_id,
        "detail-type": TITLE,
        "source": "aws.events",
        "account": rule.account,
        "time": moment(task.at_ms),
        "region": rule.region,
        "resources": [rule.arn],
        "detail": {},
    }
    routing.send(tx, rule, orjson.dumps(event), now_ms)
    measuring.triggered(tx, cloud.metrics, rule, matched=False)
    _set(tx, rule, max(task.at_ms, now_ms))
