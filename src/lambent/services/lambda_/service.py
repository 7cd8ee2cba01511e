"""The service that the modules in api/ register their operations with, and the questions that they ask IAM."""

from __future__ import annotations

from typing import Any

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud, Reader
from lambent.kit import Check, Context, NotBuilt, Service
from lambent.kit import pass_role as passing
from lambent.kit.paging import unseal
from lambent.kit.service import Authorizer
from lambent.kv.table import Table

from . import keys, policies
from .errors import InvalidParameterValueException
from .model import LATEST, LayerVersionRecord
from .names import LayerRef, Ref, layer_from_arn, ref

lambda_ = Service("lambda")

PAGE = 50


def on_function(action: str) -> Authorizer:
    """Ask about the function or qualifier that the request names, with its resource policy."""

    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        return [check(tx, ref(ctx, req), f"lambda:{action}")]

    return authorize


def check(tx: Reader, asked: Ref, action: str) -> Check:
    """The question about one function."""
    resource = asked.arn if asked.qualifier == LATEST else asked.qualified
    return Check(
        action,
        resource,
        {"lambda:functionarn": asked.qualified},
        policies.of_function(tx, asked),
        asked.account,
    )


def pass_role(role: str) -> Check:
    """The question whether the caller may give this role to Lambda."""
    return passing(role, "lambda.amazonaws.com")


def use_layers(tx: Reader, arns: list[str]) -> list[Check]:
    """The questions whether the caller may read these layer versions."""
    checks = []
    for text in arns:
        layer = layer_from_arn(text)
        record = keys.layer_versions.get(tx, layer.account, layer.region, layer.name, layer.version)
        checks.append(layer_check(layer, record, "lambda:GetLayerVersion"))
    return checks


def layer_check(layer: LayerRef, record: LayerVersionRecord | None, action: str) -> Check:
    """The question about one layer version, with its policy."""
    policy = policies.document(record.policy) if record is not None and record.policy is not None else None
    return Check(action, layer.arn, {}, policy, layer.account)


def target_of(cloud: Cloud, service: str, what: str) -> Target:
    """The target of a service that events shall go to; `NotBuilt` when Lambent has none."""
    try:
        return cloud.targets[service]
    except KeyError:
        raise NotBuilt(f"Lambent has not built {service} as {what} yet.") from None


def page_size(req: dict[str, Any]) -> int:
    """How many entries a page of a list holds: at most 50, as on AWS, whatever was asked."""
    return min(int(req.get("MaxItems", PAGE)), PAGE)


def position(req: dict[str, Any], table: Table[Any]) -> bytes | None:
    """The key in `table` that the request's marker stands for."""
    if not req.get("Marker"):
        return None
    key = unseal(req["Marker"], InvalidParameterValueException)
    try:
        table.parts(key)
    except ValueError:
        raise InvalidParameterValueException("The provided token is invalid.") from None
    return key
