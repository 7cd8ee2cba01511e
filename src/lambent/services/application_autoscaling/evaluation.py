"""The looks at a target: is its capacity within its bounds, and what do its policies ask for? Once a minute while it
has target tracking policies, and at once after every change. Capacity is changed through UpdateTable, as the
service-linked role."""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

import orjson
from msgspec.structs import replace

from lambent.contracts.caller import Caller
from lambent.contracts.errors import ServiceError
from lambent.contracts.events import Delivery, Undeliverable
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import schedules
from .events import PRINCIPAL, emit_action, emit_look
from .keys import activities, policies, scalable, scheduled
from .model import Activity, Policy, ScalableTarget
from .tracking import IN_MINUTES, wish

_MINUTE_MS: Final = 60_000
_ACTIVITIES_MS: Final = 6 * 7 * 86_400_000
"""Activities are kept for six weeks."""
_ROLE: Final = "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
_UNITS: Final = {"read": "ReadCapacityUnits", "write": "WriteCapacityUnits"}


class Consumption(Protocol):
    """What this service asks of DynamoDB's target."""

    async def consumed(self, account: str, region: str, table: str, index: str, kind: str, minutes: int) -> list[float]:
        """Units consumed in the last whole minutes, the latest last."""
        ...


class ScalingTarget:
    """Receives the service's own events."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Targets of scaling are no destination."""
        raise Undeliverable("Scalable targets are no targets of other services' events.")

    async def deliver(self, delivery: Delivery) -> None:
        """Look at a target, or do a scheduled action."""
        event = delivery.event
        if event.principal != PRINCIPAL or event.source != event.target:
            raise Undeliverable("Scalable targets are no targets of other services' events.")
        task = orjson.loads(event.payload)
        where = (event.account, event.region, task["resource"], task["dimension"])
        target = await self._cloud.store.read(lambda tx: scalable.get(tx, *where))
        if target is None or target.id != task["target"]:
            return
        if task["task"] == "action":
            await self._cloud.store.write(lambda tx: self._act(tx, target, task))
        elif task["turn"] == target.turn:
            await self._look(target)

    def _now_ms(self) -> int:
        return self._cloud.clock.now_ns() // 1_000_000

    def _act(self, tx: Transaction, seen: ScalableTarget, task: dict[str, Any]) -> None:
        """Set a target's bounds as a scheduled action says, and wait for its next time."""
        target = scalable.get(tx, *seen.where)
        action = scheduled.get(tx, *seen.where, task["name"])
        if target is None or action is None or action.id != task["id"] or action.turn != task["turn"]:
            return
        now_ms = self._now_ms()
        over = bool(action.end_ms) and now_ms > action.end_ms
        if not over and not target.suspended.get("ScheduledScalingSuspended"):
            least = target.least if action.least is None else action.least
            most = target.most if action.most is None else action.most
            emit_look(tx, replace(target, least=min(least, most), most=most))
        next_ms = schedules.next_ms(action.schedule, action.zone, action.created_ms, now_ms)
        if next_ms is None or over or (action.end_ms and next_ms > action.end_ms):
            scheduled.delete(tx, *seen.where, action.name)
        else:
            emit_action(tx, target, action, next_ms)

    async def _look(self, target: ScalableTarget) -> None:
        found = await self._cloud.store.read(lambda tx: _tracking(tx, target))
        activity, changed = None, target
        try:
            caller = await self._caller(target)
            described = await self._call(caller, target, "DescribeTable")
            units = _provisioned(target, described["Table"])
            if units is not None:
                activity, changed = await self._scale(target, found, units, caller)
        except ServiceError as error:
            activity = self._activity(target, 0, "the capacity was looked at", error)
        await self._cloud.store.write(lambda tx: self._note(tx, target, changed, activity, bool(found)))

    async def _caller(self, target: ScalableTarget) -> Caller:
        role = f"arn:aws:iam::{target.account}:role/aws-service-role/{PRINCIPAL}/{_ROLE}"
        session = await self._cloud.directory.role_session(role, "AutoScaling-UpdateTable", PRINCIPAL)
        return session.caller

    async def _call(self, caller: Caller, target: ScalableTarget, operation: str, **params: Any) -> dict[str, Any]:
        whole = {"TableName": target.table, **params}
        return await self._cloud.api.call(caller, target.region, "dynamodb", operation, whole)

    async def _scale(
        self, target: ScalableTarget, found: list[Policy], units: dict[str, int], caller: Caller
    ) -> tuple[Activity | None, ScalableTarget]:
        """Change the capacity where bounds or policies want another; the activity and the target afterwards."""
        now = units[_UNITS[target.kind]]
        wanted, cause, changed = await self._wanted(target, found, now)
        if wanted == now:
            return None, target
        capacity = {**units, _UNITS[target.kind]: wanted}
        params: dict[str, Any] = {"ProvisionedThroughput": capacity}
        if target.index:
            update = {"IndexName": target.index, "ProvisionedThroughput": capacity}
            params = {"GlobalSecondaryIndexUpdates": [{"Update": update}]}
        try:
            await self._call(caller, target, "UpdateTable", **params)
        except ServiceError as error:
            return self._activity(target, wanted, cause, error), target
        return self._activity(target, wanted, cause, None), changed

    async def _wanted(self, target: ScalableTarget, found: list[Policy], now: int) -> tuple[int, str, ScalableTarget]:
        """The capacity that is wanted, why, and the target with its cool-downs."""
        if now < target.least:
            return target.least, f"minimum capacity was set to {target.least}", target
        if now > target.most:
            return target.most, f"maximum capacity was set to {target.most}", target
        dynamodb = cast("Consumption", self._cloud.targets["dynamodb"])
        wishes: list[tuple[int, str, ScalableTarget]] = []
        for policy in found:
            history = await dynamodb.consumed(
                target.account, target.region, target.table, target.index, target.kind, IN_MINUTES
            )
            asked = wish(history, now, policy.config["TargetValue"])
            capacity = now if asked is None else min(max(asked.capacity, target.least), target.most)
            if asked is None or not self._may(target, policy, capacity - now):
                wishes.append((now, "", target))
                continue
            name = f"TargetTracking-{target.resource}-{asked.alarm}-{policy.id}"
            cause = f"monitor alarm {name} in state ALARM triggered policy {policy.name}"
            moved = {"out_ms" if capacity > now else "in_ms": self._now_ms()}
            wishes.append((capacity, cause, replace(target, **moved)))
        # Where policies disagree, the one that wants most has its way.
        return max(wishes, key=lambda one: one[0], default=(now, "", target))

    def _may(self, target: ScalableTarget, policy: Policy, change: int) -> bool:
        """Whether cool-downs and suspensions let a policy change the capacity."""
        now_ms, config = self._now_ms(), policy.config
        if change > 0:
            waits = target.out_ms + config.get("ScaleOutCooldown", 0) * 1000 > now_ms if target.out_ms else False
            return not waits and not target.suspended.get("DynamicScalingOutSuspended")
        last_ms = max(target.out_ms, target.in_ms)
        waits = last_ms + config.get("ScaleInCooldown", 0) * 1000 > now_ms if last_ms else False
        off = config.get("DisableScaleIn", False) or target.suspended.get("DynamicScalingInSuspended", False)
        return change < 0 and not waits and not off

    def _activity(self, target: ScalableTarget, wanted: int, cause: str, error: ServiceError | None) -> Activity:
        what = f"{target.kind} capacity units to {wanted}."
        done = f"Successfully set {what} Change successfully fulfilled by dynamodb."
        return Activity(
            id=self._cloud.ids.uuid(),
            description=f"Setting {what}" if wanted else "Looking at the capacity.",
            cause=cause,
            status="Failed" if error is not None else "Successful",
            message=f"Failed to set {what} Reason: {error.message}" if error is not None else done,
            started_ms=self._now_ms(),
            ended_ms=self._now_ms(),
        )

    def _note(
        self, tx: Transaction, seen: ScalableTarget, changed: ScalableTarget, activity: Activity | None, again: bool
    ) -> None:
        target = scalable.get(tx, *seen.where)
        if target is None or target.id != seen.id:
            return
        if activity is not None:
            activities.put(tx, activity, *target.where, activity.started_ms, activity.id)
            for key, old in activities.scan(tx, *target.where, limit=2):
                if old.started_ms < self._now_ms() - _ACTIVITIES_MS:
                    tx.delete(key)
        if target.turn != seen.turn:
            scalable.put(tx, replace(target, out_ms=changed.out_ms, in_ms=changed.in_ms), *target.where)
        elif again:
            emit_look(tx, replace(target, out_ms=changed.out_ms, in_ms=changed.in_ms), self._now_ms() + _MINUTE_MS)
        else:
            scalable.put(tx, replace(target, turn=target.turn + 1), *target.where)


def _tracking(tx: Reader, target: ScalableTarget) -> list[Policy]:
    found = [policy for _, policy in policies.scan(tx, *target.where)]
    return [policy for policy in found if policy.type == "TargetTrackingScaling"]


def _provisioned(target: ScalableTarget, table: dict[str, Any]) -> dict[str, int] | None:
    """The provisioned units of what a target scales; None where there are none (on demand, or gone)."""
    if table.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        return None
    units = table["ProvisionedThroughput"]
    if target.index:
        found = table.get("GlobalSecondaryIndexes", ())
        units = next((index["ProvisionedThroughput"] for index in found if index["IndexName"] == target.index), None)
    return None if units is None else {name: units[name] for name in _UNITS.values()}
