"""Whether there is room for one request more: API keys and usage plans, and the limits of method, stage and account."""

from __future__ import annotations

from typing import Final, NamedTuple

from lambent.contracts.ports import Reader
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import ApiKey, Throttle, UsagePlan

from .exchange import Exchange
from .refusals import Refusal
from .usage import Usage

ACCOUNT_RATE: Final = 10_000.0
ACCOUNT_BURST: Final = 5_000.0
_UNLIMITED: Final = -1


class Admitted(NamedTuple):
    """A key that may use the stage. `plan` is None for a key that names the stage itself, as in times before plans;
    `used` is what the plan has counted of it, where it has a quota."""

    key: ApiKey
    plan: UsagePlan | None
    used: int | None


async def admit(x: Exchange) -> None:
    """Let the request pass, or raise its `Refusal`."""
    if x.test:
        return
    if x.route.method.api_key_required:
        await _key(x)
    _throttle(x)


async def _key(x: Exchange) -> None:
    source = x.plan.snapshot.api.api_key_source
    value = x.usage_key if source == "AUTHORIZER" else x.request.headers.get("x-api-key", "")
    if not value:
        raise Refusal("INVALID_API_KEY", note="API Key not found.")
    usage = x.room.part(Usage)
    now_ns = x.started_ns
    admitted = await x.cloud.store.read(lambda tx: look_up(tx, x, value, usage, now_ns))
    if admitted is None:
        raise Refusal("INVALID_API_KEY", note="The API key is unknown, disabled, or of no usage plan of this stage.")
    x.api_key, x.api_key_id = value, admitted.key.id
    plan = admitted.plan
    if plan is None:
        return
    _throttle_plan(x, plan, admitted.key.id)
    if not usage.count(plan, admitted.key.id, admitted.used, now_ns):
        raise Refusal("QUOTA_EXCEEDED", note="The quota of the usage plan is used up.")


def look_up(tx: Reader, x: Exchange, value: str, usage: Usage, now_ns: int) -> Admitted | None:
    """The key of a value and its plan for the stage; None when it may not use the stage."""
    found = x.found
    owner = keys.key_values.get(tx, value)
    if owner is None or (owner.account, owner.region) != (found.account, found.region):
        return None
    key = keys.api_keys.get(tx, owner.account, owner.region, owner.id)
    if key is None or not key.enabled:
        return None
    for stored, _ in keys.key_plans.scan(tx, key.id):
        plan = keys.plans.get(tx, owner.account, owner.region, str(keys.key_plans.parts(stored)[1]))
        if plan is not None and any(one.api == found.api and one.stage == found.stage for one in plan.stages):
            return Admitted(key, plan, usage.look(tx, plan, key.id, now_ns))
    return Admitted(key, None, None) if f"{found.api}/{found.stage}" in key.stages else None


def _throttle_plan(x: Exchange, plan: UsagePlan, key: str) -> None:
    """The plan's limits for one key: a method's own in place of the plan's."""
    own = next((one.throttle for one in plan.stages if one.api == x.found.api and one.stage == x.found.stage), {})
    path = f"{x.route.resource.path}/{x.route.method.http_method}"
    throttle: Throttle | None = own.get(path) or own.get(f"{x.route.resource.path}/{x.request.method}")
    name = (plan.id, key, x.found.api, x.found.stage, path) if throttle is not None else (plan.id, key)
    throttle = throttle or plan.throttle
    if throttle is not None and not x.room.buckets.take(("plan", name), throttle.rate, throttle.burst, x.started_ns):
        raise Refusal("THROTTLED", note="A limit of the usage plan was exceeded.")


def _throttle(x: Exchange) -> None:
    """The limits of the method (or of all methods of the stage), and of the account."""
    settings, found = x.settings, x.found
    rate, burst = settings.throttling_rate, settings.throttling_burst
    buckets, now_ns = x.room.buckets, x.started_ns
    if rate > _UNLIMITED or burst > _UNLIMITED:
        name = ("rest", found.api, found.stage, x.settings_key)
        rate = rate if rate > _UNLIMITED else ACCOUNT_RATE
        burst = burst if burst > _UNLIMITED else int(ACCOUNT_BURST)
        if not buckets.take(name, rate, burst, now_ns):
            raise Refusal("THROTTLED", note="A limit of the stage was exceeded.")
    if not buckets.take(("account", found.account, found.region), ACCOUNT_RATE, ACCOUNT_BURST, now_ns):
        raise Refusal("THROTTLED", note="The account's limit was exceeded.")
