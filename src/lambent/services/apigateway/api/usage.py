"""How much of its usage plan a key has used. The data plane counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..errors import BadRequestException, NotFoundException
from ..model import UsagePlan, Used
from ..patching import Patch, Patcher, Rule, whole
from ..plans import find_plan
from ..quotas import day_of, left, period_start
from ..service import operation, page_of

_DAYS_MAX: Final = 90


def _remaining(used: Used, patch: Patch) -> Used:
    value = whole(patch, f"Invalid remaining specified: {patch.value}")
    if value < 0:
        raise BadRequestException(f"Invalid remaining specified: {patch.value}")
    return Used(used.count, value)


_PATCHES: Final = Patcher(Rule("/remaining", _remaining))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        raise BadRequestException("Usage dates must be specified in the format YYYY-MM-DD") from None


def _used(tx: Reader, plan: str, key: str) -> dict[str, Used]:
    return {str(keys.used.parts(row)[2]): used for row, used in keys.used.scan(tx, plan, key)}


def _days(tx: Reader, plan: UsagePlan, key: str, first: date, last: date) -> list[list[int]]:
    """Pairs of used and left for each day."""
    found = _used(tx, plan.id, key)
    pairs, day = [], first
    while day <= last:
        remaining = left(plan.quota, found, day) if plan.quota is not None else 0
        pairs.append([found.get(day.isoformat(), Used()).count, remaining])
        day += timedelta(days=1)
    return pairs


@operation(tx="read")
def get_usage(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    plan = find_plan(ctx, tx, req["usagePlanId"])
    first, last = _date(req["startDate"]), _date(req["endDate"])
    if last < first:
        raise BadRequestException("Usage start date must not be after the end date")
    if (last - first).days >= _DAYS_MAX:
        raise BadRequestException(f"Usage can be asked for {_DAYS_MAX} days at most")
    ids = [str(keys.plan_keys.parts(row)[1]) for row, _ in keys.plan_keys.scan(tx, plan.id)]
    if req.get("keyId"):
        if req["keyId"] not in ids:
            raise NotFoundException("Invalid Usage Plan Key identifier specified")
        ids = [req["keyId"]]
    page = page_of(ids, req, lambda id: id, lambda id: (id, _days(tx, plan, id, first, last)))
    answer = _answer(plan, first, last, dict(page["items"]))
    return answer | ({"position": page["position"]} if "position" in page else {})


def _answer(plan: UsagePlan, first: date, last: date, items: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "usagePlanId": plan.id,
        "startDate": first.isoformat(),
        "endDate": last.isoformat(),
        "items": dict(items),
    }


@operation(tx="write")
def update_usage(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    plan = find_plan(ctx, tx, req["usagePlanId"])
    key = req["keyId"]
    if keys.plan_keys.get(tx, plan.id, key) is None:
        raise NotFoundException("Invalid Usage Plan Key identifier specified")
    if plan.quota is None:
        raise BadRequestException(f"Usage Plan {plan.id} has no quota")
    today = day_of(ctx.now_ms)
    old = keys.used.get(tx, plan.id, key, today.isoformat()) or Used()
    keys.used.put(tx, _PATCHES.apply(old, req.get("patchOperations") or ()), plan.id, key, today.isoformat())
    first = period_start(plan.quota.period, today)
    return _answer(plan, first, today, {key: _days(tx, plan, key, first, today)})
