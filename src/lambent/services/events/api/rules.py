"""Rules."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from lambent import patterns
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context
from lambent.patterns import InvalidPattern

from .. import keys, routing, schedules, timing
from ..errors import ManagedRuleException, ValidationException, bad_pattern
from ..model import DEFAULT, Rule, present
from ..service import bus_place, events, listed, named, on_rule, paged, read_tags


def refuse_managed(rule: Rule | None, req: dict[str, Any]) -> None:
    """Raise unless a rule is its owner's to change; `Force` is for those that remove what is left over."""
    if rule is not None and rule.managed_by and not req.get("Force"):
        raise ManagedRuleException(f"Rule {rule.name} is a managed rule, created by {rule.managed_by}.")


@events.operation(tx="write", authorize=on_rule("events:PutRule"))
def put_rule(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    place = bus_place(ctx, req.get("EventBusName"))
    pattern, schedule = req.get("EventPattern", ""), req.get("ScheduleExpression", "")
    if not pattern and not schedule:
        raise ValidationException("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule:
        if place.name != DEFAULT:
            raise ValidationException("ScheduleExpression is supported only on the default event bus.")
        schedules.check(schedule)
    if pattern:
        try:
            patterns.compile_pattern(pattern)
        except InvalidPattern as error:
            raise bad_pattern(error) from None
    keys.get_bus(tx, *place)
    old = keys.rules.get(tx, *place, req["Name"])
    refuse_managed(old, {})
    rule = Rule(
        account=place.account,
        region=place.region,
        bus=place.name,
        name=req["Name"],
        pattern=pattern,
        schedule=schedule,
        state=req.get("State", "ENABLED"),
        description=req.get("Description", ""),
        role=req.get("RoleArn", ""),
        tags=old.tags if old is not None else read_tags(req.get("Tags", ())),
        created_by=old.created_by if old is not None else ctx.account,
    )
    _store(ctx, tx, old, rule)
    return {"RuleArn": rule.arn}


def _store(ctx: Context, tx: Transaction, old: Rule | None, rule: Rule) -> None:
    rule = timing.begin(ctx.cloud, tx, rule)
    routing.reindex(tx, old, rule)
    keys.rules.put(tx, rule, *rule.place)


@events.operation(tx="write", authorize=on_rule("events:DeleteRule"))
def delete_rule(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    place = bus_place(ctx, req.get("EventBusName"))
    keys.get_bus(tx, *place)
    rule = keys.rules.get(tx, *place, req["Name"])
    if rule is None:
        return
    refuse_managed(rule, req)
    if keys.targets_of(tx, rule):
        raise ValidationException("Rule can't be deleted since it has targets.")
    routing.reindex(tx, rule, None)
    keys.rules.delete(tx, *rule.place)


def _turn(ctx: Context, tx: Transaction, req: dict[str, Any], state: str) -> None:
    rule = keys.get_rule(tx, *bus_place(ctx, req.get("EventBusName")), req["Name"])
    refuse_managed(rule, req)
    _store(ctx, tx, rule, replace(rule, state=state))


@events.operation(tx="write", authorize=on_rule("events:EnableRule"))
def enable_rule(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _turn(ctx, tx, req, "ENABLED")


@events.operation(tx="write", authorize=on_rule("events:DisableRule"))
def disable_rule(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    _turn(ctx, tx, req, "DISABLED")


def _shown(rule: Rule) -> dict[str, Any]:
    return present(
        Name=rule.name,
        Arn=rule.arn,
        EventPattern=rule.pattern,
        ScheduleExpression=rule.schedule,
        State=rule.state,
        Description=rule.description,
        RoleArn=rule.role,
        ManagedBy=rule.managed_by,
        EventBusName=rule.bus,
    )


@events.operation(tx="read", authorize=on_rule("events:DescribeRule"))
def describe_rule(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    rule = keys.get_rule(tx, *bus_place(ctx, req.get("EventBusName")), req["Name"])
    return {**_shown(rule), "CreatedBy": rule.created_by}


@events.operation(tx="read", resource=named("event-bus", "EventBusName"))
def list_rules(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    place = bus_place(ctx, req.get("EventBusName"))
    keys.get_bus(tx, *place)
    return paged(req, listed(keys.rules, tx, place, req.get("NamePrefix", "")), "Rules", _shown)
