"""Scaling policies."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from ..errors import ObjectNotFoundException, ValidationException
from ..events import emit_look
from ..keys import policies, policy_arn
from ..model import Policy, ScalableTarget, Where
from ..service import filters, found_target, moment, names, paged, scaling, where_of, words
from .targets import target_arn

_TRACKING: Final = "TargetTrackingScaling"
_CONFIGS: Final = {
    _TRACKING: "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}
_METRICS: Final = {"read": "DynamoDBReadCapacityUtilization", "write": "DynamoDBWriteCapacityUtilization"}
_TARGET_PERCENT: Final = (20, 90)


@scaling.operation(tx="write", resource=target_arn)
def put_scaling_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Make a policy, or change it. A step policy is stored, but nothing triggers it: there are no alarms."""
    target = found_target(tx, where_of(ctx, req))
    known = policies.get(tx, *target.where, req["PolicyName"])
    kind = req.get("PolicyType", known.type if known is not None else "StepScaling")
    if kind not in _CONFIGS:
        raise NotBuilt(f"Lambent has not built scaling policies of the type {kind} yet.")
    if known is not None and known.type != kind:
        raise ValidationException("The type of a scaling policy cannot be changed")
    config = req.get(_CONFIGS[kind])
    if config is None:
        raise ValidationException(f"{_CONFIGS[kind]} must be given for a policy of the type {kind}")
    if kind == _TRACKING:
        _check_tracking(target, config)
    policy = Policy(
        name=req["PolicyName"],
        id=known.id if known is not None else ctx.cloud.ids.uuid(),
        type=kind,
        config=config,
        created_ms=known.created_ms if known is not None else ctx.now_ms,
    )
    policies.put(tx, policy, *target.where, policy.name)
    emit_look(tx, target)
    return {"PolicyARN": policy_arn(target.where, policy), "Alarms": _alarms(target.where, policy)}


def _check_tracking(target: ScalableTarget, config: dict[str, Any]) -> None:
    if "CustomizedMetricSpecification" in config:
        raise NotBuilt("Lambent has not built customized metrics of scaling policies yet.")
    metric = config.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    if metric is None:
        raise ValidationException("A metric must be given: PredefinedMetricSpecification")
    if metric != _METRICS[target.kind]:
        raise ValidationException(
            f"Predefined metric type {metric} is not supported for scalable dimension {target.dimension}"
        )
    low, high = _TARGET_PERCENT
    if not low <= config["TargetValue"] <= high:
        raise ValidationException(f"Target value must be between {low} and {high} for the metric {metric}")


def _alarms(where: Where, policy: Policy) -> list[dict[str, str]]:
    """The names under which AWS would keep the alarms of a policy."""
    if policy.type != _TRACKING:
        return []
    account, region, resource, _ = where
    found = [f"TargetTracking-{resource}-{alarm}-{policy.id}" for alarm in ("AlarmHigh", "AlarmLow")]
    return [{"AlarmName": n, "AlarmARN": f"arn:aws:cloudwatch:{region}:{account}:alarm:{n}"} for n in found]


@scaling.operation(tx="write", resource=target_arn)
def delete_scaling_policy(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    """Remove a policy; the capacity stays as it is."""
    where = where_of(ctx, req)
    if policies.get(tx, *where, req["PolicyName"]) is None:
        raise ObjectNotFoundException(f"No scaling policy found for {words(where)}, policy name: {req['PolicyName']}")
    policies.delete(tx, *where, req["PolicyName"])
    return {}


@scaling.operation(tx="read")
def describe_scaling_policies(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    """The policies of a namespace."""
    rows = []
    for key, policy in policies.scan(tx, *filters(ctx, req)):
        account, region, resource, dimension, name = map(str, policies.parts(key))
        if req.get("ScalableDimension", dimension) != dimension or name not in req.get("PolicyNames", (name,)):
            continue
        rows.append((key, _view((account, region, resource, dimension), policy)))
    shown, more = paged(req, rows)
    return {"ScalingPolicies": shown, **more}


def _view(where: Where, policy: Policy) -> dict[str, Any]:
    return {
        "PolicyARN": policy_arn(where, policy),
        "PolicyName": policy.name,
        **names(where),
        "PolicyType": policy.type,
        _CONFIGS[policy.type]: policy.config,
        "Alarms": _alarms(where, policy),
        "CreationTime": moment(policy.created_ms),
    }
