"""Targets of rules."""

from __future__ import annotations

from typing import Any, Final

from lambent.contracts import arn
from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Context

from .. import inputs, keys, stages
from ..errors import LimitExceededException, ValidationException
from ..model import TARGETS_MAX, Mark, Rule, Target
from ..service import bus_place, events, named, on_rule, paged
from .rules import refuse_managed

_BUILT: Final = ("events", "execute-api", "lambda", "logs", "sns", "sqs")
_UNBUILT: Final = (
    "AppSyncParameters",
    "BatchParameters",
    "EcsParameters",
    "KinesisParameters",
    "RedshiftDataParameters",
    "RunCommandParameters",
    "SageMakerPipelineParameters",
)
_KINDS: Final = {"events": ("event-bus/", "api-destination/"), "lambda": ("function:",), "logs": ("log-group:",)}


def _check(rule: Rule, spec: dict[str, Any]) -> None:
    """Raise AWS's error about a target that is wrong, or `NotBuilt`."""
    try:
        place = arn.parse(spec["Arn"])
    except ValueError:
        raise ValidationException("Provided Arn is not in correct format.") from None
    if place.service not in _BUILT:
        raise NotBuilt(f"Lambent has not built {place.service} as a target of rules yet.")
    for name in _UNBUILT:
        if name in spec:
            raise NotBuilt(f"Lambent has not built the parameter {name} of targets yet.")
    if not place.resource.startswith(_KINDS.get(place.service, ("",))):
        raise ValidationException("Provided Arn is not in correct format.")
    if place.service == "execute-api":
        _check_stage(place)
    if place.resource.startswith("api-destination/") and not spec.get("RoleArn"):
        raise ValidationException(f"RoleArn is required for target {spec['Arn']}.")
    if place.service == "sqs" and place.resource.endswith(".fifo"):
        if not spec.get("SqsParameters", {}).get("MessageGroupId"):
            raise ValidationException(f"Parameter(s) SqsParameters must be specified for target: {spec['Id']}.")
    elif "SqsParameters" in spec and place.service != "sqs":
        raise ValidationException(f"Parameter(s) SqsParameters not valid for target: {spec['Id']}.")
    dead = spec.get("DeadLetterConfig", {}).get("Arn", "")
    if dead and not dead.startswith("arn:aws:sqs:"):
        raise ValidationException(f"Parameter DeadLetterConfig.Arn is not valid for target: {spec['Id']}.")
    if place.service == "events" and place.account != rule.account and inputs.says(spec):
        raise ValidationException(
            f"Input, InputPath and InputTransformer are not supported for target {spec['Id']} of another account."
        )
    inputs.check(spec)


def _check_stage(place: arn.Arn) -> None:
    try:
        stages.parts(place)
    except ValueError:
        raise ValidationException("Provided Arn is not in correct format.") from None


@events.operation(tx="write", authorize=on_rule("events:PutTargets", "Rule"))
def put_targets(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    rule = keys.get_rule(tx, *bus_place(ctx, req.get("EventBusName")), req["Rule"])
    refuse_managed(rule, req)
    ids = [spec["Id"] for spec in req["Targets"]]
    if len(set(ids)) < len(ids):
        raise ValidationException("Duplicate target ids are not allowed.")
    for spec in req["Targets"]:
        _check(rule, spec)
    there = {target.spec["Id"] for target in keys.targets_of(tx, rule)}
    if len(there.union(ids)) > TARGETS_MAX:
        raise LimitExceededException("The requested resource exceeds the maximum number allowed.")
    for spec in req["Targets"]:
        _remove(tx, rule, spec["Id"])
        keys.targets.put(tx, Target(spec), *rule.place, spec["Id"])
        keys.by_target.put(tx, Mark(), *rule.place[:3], spec["Arn"], rule.name, spec["Id"])
    return {"FailedEntryCount": 0, "FailedEntries": []}


def _remove(tx: Transaction, rule: Rule, id: str) -> None:
    old = keys.targets.get(tx, *rule.place, id)
    if old is not None:
        keys.targets.delete(tx, *rule.place, id)
        keys.by_target.delete(tx, *rule.place[:3], old.spec["Arn"], rule.name, id)


@events.operation(tx="write", authorize=on_rule("events:RemoveTargets", "Rule"))
def remove_targets(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    rule = keys.get_rule(tx, *bus_place(ctx, req.get("EventBusName")), req["Rule"])
    refuse_managed(rule, req)
    for id in req["Ids"]:
        _remove(tx, rule, id)
    return {"FailedEntryCount": 0, "FailedEntries": []}


@events.operation(tx="read", authorize=on_rule("events:ListTargetsByRule", "Rule"))
def list_targets_by_rule(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    rule = keys.get_rule(tx, *bus_place(ctx, req.get("EventBusName")), req["Rule"])

    def rows(after: bytes | None, limit: int) -> list[tuple[bytes, Target]]:
        return keys.targets.scan(tx, *rule.place, after=after, limit=limit)

    return paged(req, rows, "Targets", lambda target: target.spec)


@events.operation(tx="read", resource=named("event-bus", "EventBusName"))
def list_rule_names_by_target(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    place = bus_place(ctx, req.get("EventBusName"))
    keys.get_bus(tx, *place)

    def rows(after: bytes | None, limit: int) -> list[tuple[bytes, str]]:
        found: dict[str, bytes] = {}
        for key, _ in keys.by_target.scan(tx, *place, req["TargetArn"], after=after):
            # A rule may have the target under several ids: it is named once, and a page ends after the last of them.
            name = str(keys.by_target.parts(key)[-2])
            if name not in found and len(found) == limit:
                break
            found[name] = key
        return [(key, name) for name, key in found.items()]

    return paged(req, rows, "RuleNames", str)
