"""What CloudWatch hears of rules: AWS/Events' metrics of each rule (and bus, unless it is `default`) and of all."""

from __future__ import annotations

from functools import partial
from typing import Final

from lambent.contracts.arn import parse
from lambent.contracts.ports import Metrics, Transaction

from .model import Rule

NAMESPACE: Final = "AWS/Events"
MATCHED: Final = "MatchedEvents"
TRIGGERED: Final = "TriggeredRules"
INVOKED: Final = "Invocations"
FAILED: Final = "FailedInvocations"
BURIED: Final = "InvocationsSentToDlq"


def note(metrics: Metrics, rule_arn: str, *names: str) -> None:
    """Note one of each metric of a rule."""
    place = parse(rule_arn)
    bus, _, name = place.resource.partition("/")[2].rpartition("/")
    rule: tuple[tuple[str, str], ...] = (("RuleName", name),)
    dimensions = (("EventBusName", bus), *rule) if bus else rule
    for metric in names:
        for of in (dimensions, ()):
            metrics.note(place.account, place.region, NAMESPACE, metric, 1, "Count", of)


def triggered(tx: Transaction, metrics: Metrics, rule: Rule, *, matched: bool) -> None:
    """Note, after the commit, that a rule acts: on an event that it `matched`, or by its schedule."""
    names = (MATCHED, TRIGGERED) if matched else (TRIGGERED,)
    tx.on_commit(partial(note, metrics, rule.arn, *names))
