"""Usage plans, their stages and keys: looking up and the indexes that the data plane reads."""

from __future__ import annotations

from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from . import keys
from .errors import ConflictException, NotFoundException
from .model import ApiKey, Mark, PlanKey, UsagePlan


def find_plan(ctx: Context, tx: Reader, id: str) -> UsagePlan:
    """A usage plan of the caller's account and region."""
    found = keys.plans.get(tx, ctx.account, ctx.region, id)
    if found is None:
        raise NotFoundException("Invalid Usage Plan ID specified")
    return found


def put_plan(ctx: Context, tx: Transaction, plan: UsagePlan, old: UsagePlan | None = None) -> None:
    """Store a plan, with the index of its stages."""
    for one in old.stages if old is not None else ():
        keys.stage_plans.delete(tx, one.api, one.stage, plan.id)
    for one in plan.stages:
        keys.stage_plans.put(tx, Mark(), one.api, one.stage, plan.id)
    keys.plans.put(tx, plan, ctx.account, ctx.region, plan.id)


def plans_of_key(tx: Reader, key: str) -> list[str]:
    """The ids of the plans that a key belongs to."""
    return [str(keys.key_plans.parts(found)[1]) for found, _ in keys.key_plans.scan(tx, key)]


def refuse_ambiguous(ctx: Context, tx: Reader, plan: UsagePlan, key: str) -> None:
    """Raise when a key of `plan` would have a stage by two plans."""
    covered = {(one.api, one.stage) for one in plan.stages}
    for id in plans_of_key(tx, key):
        other = keys.plans.get(tx, ctx.account, ctx.region, id)
        if other is None or other.id == plan.id:
            continue
        for one in other.stages:
            if (one.api, one.stage) in covered:
                raise ConflictException(
                    f"Usage Plan {plan.id} cannot be added because API Key {key} cannot reference multiple Usage Plans "
                    f"with the same API stage: {one.api}:{one.stage}"
                )


def add_key(tx: Transaction, plan: UsagePlan, key: ApiKey) -> None:
    """Have a key belong to a plan."""
    keys.plan_keys.put(tx, PlanKey(key.name), plan.id, key.id)
    keys.key_plans.put(tx, Mark(), key.id, plan.id)


def remove_key(tx: Transaction, plan: str, key: str) -> None:
    """Have a key belong to a plan no more; what it used is forgotten."""
    keys.plan_keys.delete(tx, plan, key)
    keys.key_plans.delete(tx, key, plan)
    for found, _ in keys.used.scan(tx, plan, key):
        keys.used.delete(tx, *keys.used.parts(found))


def forget_key(tx: Transaction, key: str) -> None:
    """Take a key that is deleted out of all plans."""
    for plan in plans_of_key(tx, key):
        remove_key(tx, plan, key)
