"""Schedules."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import orjson
from msgspec.structs import replace

from lambent.contracts.errors import ServiceError
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context, pass_role
from lambent.kit.cron import InvalidExpression, parse, zone_of
from lambent.kit.service import Authorizer

from ..errors import ConflictException, ValidationException, no_schedule
from ..keys import find_group, groups, schedules
from ..model import ACTIVE, DEFAULT_GROUP, ENABLED, PRINCIPAL, Schedule, group_arn
from ..service import after, in_ms, moment, on_schedule, paged, scheduler
from ..targets import check
from ..timing import arm, first_due_ms

_UNBUILT: Final = ("KmsKeyArn",)
_EARLIEST_MS: Final = 5 * 60_000


def _with_role(action: str) -> Authorizer:
    """The operation itself, and that the caller may pass the role."""

    def asks(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        passing = pass_role(req["Target"]["RoleArn"], PRINCIPAL)
        return [Check(action, on_schedule(ctx, req)), passing]

    return asks


def _place(ctx: Context, req: dict[str, Any]) -> tuple[str, str, str, str]:
    return ctx.account, ctx.region, req.get("GroupName", DEFAULT_GROUP), req["Name"]


@scheduler.operation(tx="none", authorize=_with_role("scheduler:CreateSchedule"), unbuilt=_UNBUILT)
async def create_schedule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    await _check(ctx, req)
    return {"ScheduleArn": await ctx.cloud.store.write(lambda tx: _create(ctx, tx, req))}


@scheduler.operation(tx="none", authorize=_with_role("scheduler:UpdateSchedule"), unbuilt=_UNBUILT)
async def update_schedule(ctx: Context, req: dict[str, Any]) -> dict[str, Any]:
    await _check(ctx, req)
    return {"ScheduleArn": await ctx.cloud.store.write(lambda tx: _update(ctx, tx, req))}


async def _check(ctx: Context, req: dict[str, Any]) -> None:
    """Refuse what is wrong in itself, and a role that Scheduler may not assume."""
    expression = req["ScheduleExpression"]
    try:
        parse(expression)
    except InvalidExpression:
        raise ValidationException(f"Invalid Schedule Expression {expression}.") from None
    zone = req.get("ScheduleExpressionTimezone", "UTC")
    try:
        zone_of(zone)
    except InvalidExpression:
        raise ValidationException(f"The time zone {zone} is not supported.") from None
    _check_window(req["FlexibleTimeWindow"])
    target = req["Target"]
    check(target)
    source = group_arn(ctx.account, ctx.region, req.get("GroupName", DEFAULT_GROUP))
    try:
        await ctx.cloud.directory.role_session(target["RoleArn"], "CheckRole", PRINCIPAL, source_arn=source)
    except ServiceError:
        raise ValidationException(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        ) from None


def _check_window(window: dict[str, Any]) -> None:
    flexible, given = window["Mode"] == "FLEXIBLE", "MaximumWindowInMinutes" in window
    if flexible and not given:
        raise ValidationException("A flexible time window must have a MaximumWindowInMinutes.")
    if given and not flexible:
        raise ValidationException("MaximumWindowInMinutes must not be provided when the mode is OFF.")


def _create(ctx: Context, tx: Transaction, req: dict[str, Any]) -> str:
    group = find_group(tx, ctx.account, ctx.region, req.get("GroupName", DEFAULT_GROUP))
    if group.state != ACTIVE:
        raise ConflictException(f"Schedule group {group.name} is being deleted.")
    known = schedules.get(tx, *_place(ctx, req))
    token, print_ = req.get("ClientToken", ""), _fingerprint(req)
    if known is not None:
        if token and (known.token, known.print) == (token, print_):
            return known.arn
        raise ConflictException(f"Schedule {req['Name']} already exists.")
    if not group.created_ms:
        made = replace(group, created_ms=ctx.now_ms, modified_ms=ctx.now_ms)
        groups.put(tx, made, group.account, group.region, group.name)
    schedule = _schedule(ctx, req, id=ctx.cloud.ids.hex(32), created_ms=ctx.now_ms, turn=0)
    schedule = replace(schedule, token=token, print=print_)
    return arm(tx, ctx.cloud.ids, schedule, first_due_ms(schedule, ctx.now_ms)).arn


def _update(ctx: Context, tx: Transaction, req: dict[str, Any]) -> str:
    find_group(tx, ctx.account, ctx.region, req.get("GroupName", DEFAULT_GROUP))
    known = schedules.get(tx, *_place(ctx, req))
    if known is None:
        raise no_schedule(req["Name"])
    schedule = _schedule(ctx, req, id=known.id, created_ms=known.created_ms, turn=known.turn, started_ms=known.start_ms)
    schedule = replace(schedule, token=known.token, print=known.print)
    return arm(tx, ctx.cloud.ids, schedule, first_due_ms(schedule, ctx.now_ms)).arn


def _schedule(
    ctx: Context, req: dict[str, Any], *, id: str, created_ms: int, turn: int, started_ms: int = 0
) -> Schedule:
    """A schedule from a request, which says everything: what it leaves out is at its default."""
    account, region, group, name = _place(ctx, req)
    start_ms = in_ms(req["StartDate"]) if "StartDate" in req else 0
    end_ms = in_ms(req["EndDate"]) if "EndDate" in req else 0
    recurring = not req["ScheduleExpression"].startswith("at(")
    if recurring and start_ms and start_ms != started_ms and start_ms < ctx.now_ms - _EARLIEST_MS:
        raise ValidationException("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if recurring and end_ms and end_ms < ctx.now_ms:
        raise ValidationException("The EndDate you specify cannot be earlier than now.")
    if start_ms and end_ms and start_ms >= end_ms:
        raise ValidationException("The StartDate you specify must be before the EndDate.")
    return Schedule(
        account=account,
        region=region,
        group=group,
        name=name,
        id=id,
        expression=req["ScheduleExpression"],
        zone=req.get("ScheduleExpressionTimezone", "UTC"),
        target=req["Target"],
        window=req["FlexibleTimeWindow"],
        state=req.get("State", ENABLED),
        created_ms=created_ms,
        modified_ms=ctx.now_ms,
        began_ms=ctx.now_ms,
        start_ms=start_ms,
        end_ms=end_ms,
        description=req.get("Description", ""),
        after=req.get("ActionAfterCompletion", "NONE"),
        turn=turn,
    )


def _fingerprint(req: dict[str, Any]) -> str:
    rest = {name: value for name, value in req.items() if name != "ClientToken"}
    return hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).hexdigest()


@scheduler.operation(tx="read", resource=on_schedule)
def get_schedule(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    find_group(tx, ctx.account, ctx.region, req.get("GroupName", DEFAULT_GROUP))
    found = schedules.get(tx, *_place(ctx, req))
    if found is None:
        raise no_schedule(req["Name"])
    shown: dict[str, Any] = {
        **_summary(found),
        "ScheduleExpression": found.expression,
        "ScheduleExpressionTimezone": found.zone,
        "Target": {**found.target, "RetryPolicy": _policy(found)},
        "FlexibleTimeWindow": found.window,
        "ActionAfterCompletion": found.after,
    }
    if found.description:
        shown["Description"] = found.description
    if found.start_ms:
        shown["StartDate"] = moment(found.start_ms)
    if found.end_ms:
        shown["EndDate"] = moment(found.end_ms)
    return shown


def _policy(schedule: Schedule) -> dict[str, int]:
    return {"MaximumEventAgeInSeconds": schedule.age_s, "MaximumRetryAttempts": schedule.retries}


@scheduler.operation(tx="write", resource=on_schedule)
def delete_schedule(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    find_group(tx, ctx.account, ctx.region, req.get("GroupName", DEFAULT_GROUP))
    place = _place(ctx, req)
    if schedules.get(tx, *place) is None:
        raise no_schedule(req["Name"])
    schedules.delete(tx, *place)
    return {}


@scheduler.operation(tx="read")
def list_schedules(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    group = (req["GroupName"],) if "GroupName" in req else ()
    if group:
        find_group(tx, ctx.account, ctx.region, group[0])
    prefix, state = req.get("NamePrefix", ""), req.get("State")
    rows = [
        (key, {**_summary(found), "Target": {"Arn": found.target["Arn"]}})
        for key, found in schedules.scan(tx, ctx.account, ctx.region, *group, after=after(req))
        if found.name.startswith(prefix) and state in (None, found.state)
    ]
    shown, more = paged(req, rows)
    return {"Schedules": shown, **more}


def _summary(schedule: Schedule) -> dict[str, Any]:
    return {
        "Arn": schedule.arn,
        "Name": schedule.name,
        "GroupName": schedule.group,
        "State": schedule.state,
        "CreationDate": moment(schedule.created_ms),
        "LastModificationDate": moment(schedule.modified_ms),
    }
