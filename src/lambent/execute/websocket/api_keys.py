"""API keys of handshakes: a key must be in a usage plan of the stage, within the plan's limits."""

from __future__ import annotations

from lambent.contracts.ports import Reader
from lambent.services.apigateway import keys
from lambent.services.apigateway.model import UsagePlan

from ..rest.usage import Usage
from ..room import Room
from .client import Client
from .refusals import Refusal


async def admit(room: Room, client: Client, value: str, now_ns: int) -> str:
    """The id of the key `value`, which may use the stage; raises `Refusal`."""
    usage = room.part(Usage)

    def look(tx: Reader) -> tuple[str, UsagePlan, int | None] | None:
        owner = keys.key_values.get(tx, value) if value else None
        if owner is None or (owner.account, owner.region) != (client.account, client.region):
            return None
        key = keys.api_keys.get(tx, owner.account, owner.region, owner.id)
        if key is None or not key.enabled:
            return None
        for stored, _ in keys.key_plans.scan(tx, key.id):
            plan = keys.plans.get(tx, owner.account, owner.region, str(keys.key_plans.parts(stored)[1]))
            if plan is not None and any((one.api, one.stage) == (client.api, client.stage) for one in plan.stages):
                return key.id, plan, usage.look(tx, plan, key.id, now_ns)
        return None

    found = await room.cloud.store.read(look)
    if found is None:
        raise Refusal(403, "Forbidden")
    id, plan, used = found
    throttle = plan.throttle
    if throttle is not None and not room.buckets.take(("plan", (plan.id, id)), throttle.rate, throttle.burst, now_ns):
        raise Refusal(429, "Too Many Requests")
    if not usage.count(plan, id, used, now_ns):
        raise Refusal(429, "Limit Exceeded")
    return id
