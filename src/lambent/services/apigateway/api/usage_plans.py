"""Usage plans and the keys that belong to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import keys
from ..common.ids import new_id
from ..errors import BadRequestException, ConflictException, NotFoundException
from ..limits import PLANS_MAX, refuse_more
from ..model import ApiKey, PlanStage, Quota, Throttle, UsagePlan
from ..patching import ALL, Change, Patch, Patcher, Rule, escape, text, unescape, whole
from ..plans import add_key, find_plan, plans_of_key, put_plan, refuse_ambiguous, remove_key
from ..service import operation, page_of, read_tags
from ..views import shown
from .api_keys import find_key

_PERIODS: Final = {"DAY": 0, "WEEK": 6, "MONTH": 27}
_THROTTLE_PATH: Final = re.compile(r"^/apiStages/([^/]+)/throttle/(.+?)(/rateLimit|/burstLimit)?$")


def show_plan(plan: UsagePlan, *, tags: bool = False) -> dict[str, Any]:
    """A plan."""
    stages = [
        shown(
            {
                "apiId": one.api,
                "stage": one.stage,
                "throttle": {path: _show_throttle(limits) for path, limits in one.throttle.items()} or None,
            }
        )
        for one in plan.stages
    ]
    quota = plan.quota
    return shown(
        {
            "id": plan.id,
            "name": plan.name,
            "description": plan.description,
            "apiStages": stages,
            "throttle": _show_throttle(plan.throttle) if plan.throttle else None,
            "quota": {"limit": quota.limit, "offset": quota.offset, "period": quota.period} if quota else None,
            "productCode": plan.product_code,
            "tags": dict(plan.tags) if plan.tags or tags else None,
        }
    )


def _show_throttle(throttle: Throttle) -> dict[str, Any]:
    return {"burstLimit": throttle.burst, "rateLimit": float(throttle.rate)}


def _throttle(given: Mapping[str, Any]) -> Throttle:
    return Throttle(int(given.get("burstLimit") or 0), float(given.get("rateLimit") or 0))


def _stage(value: str | None) -> tuple[str, str]:
    """The API and the stage of `api:stage`."""
    api, _, stage = (value or "").partition(":")
    if not api or not stage:
        raise BadRequestException("Invalid API Stage specified")
    return api, stage


def _no_stage(api: str, stage: str, plan: str) -> NotFoundException:
    return NotFoundException(f"Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan}")


def _check(ctx: Context, tx: Reader, plan: UsagePlan, known: Iterable[PlanStage] = ()) -> UsagePlan:
    """A plan whose parts can be; stages other than the `known` ones must be there."""
    if not plan.name:
        raise BadRequestException("Usage Plan name cannot be empty")
    old = {(one.api, one.stage) for one in known}
    for one in plan.stages:
        there = keys.apis.get(tx, ctx.account, ctx.region, one.api) is not None
        if (one.api, one.stage) not in old and not (there and keys.stages.get(tx, one.api, one.stage)):
            raise _no_stage(one.api, one.stage, plan.id)
    for throttle in (plan.throttle, *(limits for one in plan.stages for limits in one.throttle.values())):
        if throttle is not None and (throttle.rate < 0 or throttle.burst < 0):
            raise BadRequestException("Usage Plan throttle limits must not be negative")
    quota = plan.quota
    if quota is None:
        return plan
    if quota.period not in _PERIODS:
        raise BadRequestException("Usage Plan quota period must be one of DAY, WEEK, MONTH")
    if quota.limit <= 0:
        raise BadRequestException("Usage Plan quota limit must be greater than zero")
    if not 0 <= quota.offset <= _PERIODS[quota.period]:
        most = {"DAY": "zero", "WEEK": "between zero and six inclusive", "MONTH": "between zero and 27 inclusive"}
        raise BadRequestException(f"Usage Plan quota offset must be {most[quota.period]} in the {quota.period} period")
    return plan


@operation(tx="write")
def create_usage_plan(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    place = (ctx.account, ctx.region)
    refuse_more(tx, keys.plans, place, PLANS_MAX, "usage plans for this account", "usage plans")
    quota = req.get("quota")
    stages = tuple(
        PlanStage(
            api=one.get("apiId", ""),
            stage=one.get("stage", ""),
            throttle={path: _throttle(given) for path, given in (one.get("throttle") or {}).items()},
        )
        for one in req.get("apiStages") or ()
    )
    plan = UsagePlan(
        id=new_id(ctx.cloud.ids, 6),
        name=req["name"],
        description=req.get("description"),
        stages=stages,
        throttle=_throttle(req["throttle"]) if req.get("throttle") else None,
        quota=Quota(int(quota.get("limit") or 0), int(quota.get("offset") or 0), quota.get("period", ""))
        if quota
        else None,
        tags=read_tags(req.get("tags")),
    )
    put_plan(ctx, tx, _check(ctx, tx, plan))
    return show_plan(plan)


@operation(tx="read")
def get_usage_plan(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return show_plan(find_plan(ctx, tx, req["usagePlanId"]), tags=True)


@operation(tx="read")
def get_usage_plans(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    found = [plan for _, plan in keys.plans.scan(tx, ctx.account, ctx.region)]
    if req.get("keyId"):
        of_key = plans_of_key(tx, find_key(ctx, tx, req["keyId"]).id)
        found = [plan for plan in found if plan.id in of_key]
    answer: dict[str, Any] = page_of(found, req, lambda plan: plan.id, show_plan)
    return answer


def _limit(field: str) -> Change:
    """The plan's own rate or burst."""

    def change(plan: UsagePlan, patch: Patch) -> UsagePlan:
        return replace(plan, throttle=_limited(plan.throttle or Throttle(), field, patch))

    return change


def _limited(throttle: Throttle, field: str, patch: Patch) -> Throttle:
    try:
        return replace(throttle, **{field: float(patch.value or "") if field == "rate" else int(patch.value or "")})
    except ValueError:
        raise BadRequestException(f"Invalid throttle limit specified: {patch.value}") from None


def _quota(field: str) -> Change:
    """A part of the plan's quota."""

    def change(plan: UsagePlan, patch: Patch) -> UsagePlan:
        value = patch.value or ""
        made = value if field == "period" else whole(patch, f"Invalid Usage Plan quota {field} specified: {value}")
        return replace(plan, quota=replace(plan.quota or Quota(), **{field: made}))

    return change


def _stages(plan: UsagePlan, patch: Patch) -> UsagePlan:
    """Cover a stage more, or one less."""
    api, stage = _stage(patch.value)
    left = tuple(one for one in plan.stages if (one.api, one.stage) != (api, stage))
    if patch.op == "add":
        if len(left) < len(plan.stages):
            raise ConflictException(f"API Stage {api}:{stage} is already associated with Usage Plan {plan.id}")
        left = (*plan.stages, PlanStage(api=api, stage=stage))
    elif len(left) == len(plan.stages):
        raise _no_stage(api, stage, plan.id)
    return replace(plan, stages=left)


def _stage_limit(plan: UsagePlan, patch: Patch) -> UsagePlan:
    """Limit a method of a covered stage, or no longer."""
    api, stage = _stage(patch.name)
    segments = patch.path.split("/")
    path = unescape(segments[4]) if len(segments) > 4 else ""
    stages = []
    for one in plan.stages:
        if (one.api, one.stage) == (api, stage):
            limits = dict(one.throttle)
            if patch.op == "remove":
                limits = {key: value for key, value in limits.items() if path and key != path}
            else:
                field = "rate" if segments[-1] == "rateLimit" else "burst"
                limits[path] = _limited(limits.get(path, Throttle()), field, patch)
            one = replace(one, throttle=limits)
        stages.append(one)
    if not any((one.api, one.stage) == (api, stage) for one in plan.stages):
        raise _no_stage(api, stage, plan.id)
    return replace(plan, stages=tuple(stages))


def _without(field: str) -> Change:
    return lambda plan, _: replace(plan, **{field: None})


_PATCHES: Final = Patcher(
    Rule("/name", text("name", "")),
    Rule("/description", text("description"), ALL),
    Rule("/productCode", text("product_code"), ALL),
    Rule("/throttle/rateLimit", _limit("rate"), ("add", "replace")),
    Rule("/throttle/burstLimit", _limit("burst"), ("add", "replace")),
    Rule("/throttle", _without("throttle"), ("remove",)),
    Rule("/quota/limit", _quota("limit"), ("add", "replace")),
    Rule("/quota/offset", _quota("offset"), ("add", "replace")),
    Rule("/quota/period", _quota("period"), ("add", "replace")),
    Rule("/quota", _without("quota"), ("remove",)),
    Rule("/apiStages", _stages, ("add", "remove")),
    Rule("/apiStages/{}/throttle", _stage_limit, ("remove",)),
    Rule("/apiStages/{}/throttle/{}", _stage_limit, ("remove",)),
    Rule("/apiStages/{}/throttle/{}/rateLimit", _stage_limit, ("add", "replace")),
    Rule("/apiStages/{}/throttle/{}/burstLimit", _stage_limit, ("add", "replace")),
)


def _one_segment(given: Mapping[str, Any]) -> dict[str, Any]:
    """A patch in which a method's path is one segment: AWS takes it with its slashes too."""
    found = _THROTTLE_PATH.match(given.get("path") or "")
    if found is None:
        return dict(given)
    method = escape(unescape(found[2]))
    return {**given, "path": f"/apiStages/{found[1]}/throttle/{method}{found[3] or ''}"}


@operation(tx="write")
def update_usage_plan(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    plan = find_plan(ctx, tx, req["usagePlanId"])
    changed = _PATCHES.apply(plan, [_one_segment(given) for given in req.get("patchOperations") or ()])
    _check(ctx, tx, changed, plan.stages)
    if changed.stages != plan.stages:
        for _, key in _keys_of(ctx, tx, plan.id):
            refuse_ambiguous(ctx, tx, changed, key.id)
    put_plan(ctx, tx, changed, plan)
    return show_plan(changed, tags=True)


@operation(tx="write")
def delete_usage_plan(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    plan = find_plan(ctx, tx, req["usagePlanId"])
    for one in plan.stages:
        if keys.stages.get(tx, one.api, one.stage) is not None:
            raise BadRequestException(
                f"Cannot delete Usage Plan {plan.id} because there are API Stages associated with it, including "
                f"{one.api}:{one.stage}"
            )
    for found, _ in keys.plan_keys.scan(tx, plan.id):
        remove_key(tx, plan.id, str(keys.plan_keys.parts(found)[1]))
    put_plan(ctx, tx, replace(plan, stages=()), plan)
    keys.plans.delete(tx, ctx.account, ctx.region, plan.id)


def _keys_of(ctx: Context, tx: Reader, plan: str) -> list[tuple[str, ApiKey]]:
    """The keys of a plan, each with its id."""
    found = []
    for row, _ in keys.plan_keys.scan(tx, plan):
        id = str(keys.plan_keys.parts(row)[1])
        key = keys.api_keys.get(tx, ctx.account, ctx.region, id)
        if key is not None:
            found.append((id, key))
    return found


def _show_plan_key(key: ApiKey) -> dict[str, Any]:
    return shown({"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name or None})


@operation(tx="write")
def create_usage_plan_key(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    plan = find_plan(ctx, tx, req["usagePlanId"])
    if req["keyType"] != "API_KEY":
        raise BadRequestException("Invalid key type specified: it must be API_KEY")
    key = find_key(ctx, tx, req["keyId"])
    if keys.plan_keys.get(tx, plan.id, key.id) is not None:
        raise ConflictException(f"API Key {key.id} is already associated with Usage Plan {plan.id}")
    refuse_ambiguous(ctx, tx, plan, key.id)
    add_key(tx, plan, key)
    return _show_plan_key(key)


@operation(tx="read")
def get_usage_plan_key(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return _show_plan_key(_plan_key(ctx, tx, req))


def _plan_key(ctx: Context, tx: Reader, req: Mapping[str, Any]) -> ApiKey:
    plan = find_plan(ctx, tx, req["usagePlanId"])
    key = keys.api_keys.get(tx, ctx.account, ctx.region, req["keyId"])
    if key is None or keys.plan_keys.get(tx, plan.id, key.id) is None:
        raise NotFoundException("Invalid Usage Plan Key identifier specified")
    return key


@operation(tx="read")
def get_usage_plan_keys(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    name = req.get("nameQuery") or ""
    # AWS answers with no keys for a plan that is not there.
    there = keys.plans.get(tx, ctx.account, ctx.region, req["usagePlanId"]) is not None
    found = [key for _, key in _keys_of(ctx, tx, req["usagePlanId"]) if key.name.startswith(name)] if there else []
    answer: dict[str, Any] = page_of(found, req, lambda key: key.id, _show_plan_key)
    return answer


@operation(tx="write")
def delete_usage_plan_key(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    key = _plan_key(ctx, tx, req)
    remove_key(tx, req["usagePlanId"], key.id)
