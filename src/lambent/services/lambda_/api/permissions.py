"""Resource policies of functions, and tags."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from lambent.contracts.arn import parse
from lambent.contracts.errors import NotBuilt
from lambent.contracts.ports import Reader, Transaction
from lambent.kit import Check, Context

from .. import keys, policies
from ..errors import (
    InvalidParameterValueException,
    ResourceNotFoundException,
    no_alias,
    no_function,
    no_resource,
    stale_revision,
)
from ..mappings.keys import is_mapping_arn, mapping_at, put_mapping
from ..model import LATEST, TAGS_MAX
from ..names import Ref, from_arn, is_version, ref
from ..service import check, lambda_, on_function


def _policy_place(tx: Reader, target: Ref) -> tuple[str, ...]:
    """The key of the policy that a request means; the qualifier must exist."""
    if target.qualifier == LATEST:
        raise InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
    keys.get_function(tx, target._replace(qualifier=""))
    if target.qualifier and is_version(target.qualifier):
        keys.get_version(tx, target, target.qualifier)
    elif target.qualifier and keys.aliases.get(tx, *target.place, target.qualifier) is None:
        # Only what could be an alias's name is called one.
        raise no_function(target.qualified) if "$" in target.qualifier else no_alias(target.qualified)
    return (*target.place, target.qualifier)


@lambda_.operation(tx="write", authorize=on_function("AddPermission"))
def add_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    statement = policies.function_statement(target, req)
    place = _policy_place(tx, target)
    policy = keys.policies.get(tx, *place)
    if "RevisionId" in req and (policy is None or policy.revision != req["RevisionId"]):
        raise stale_revision("GetPolicy")
    keys.policies.put(tx, policies.with_statement(policy, statement, ctx.cloud.ids.uuid()), *place)
    return {"Statement": orjson.dumps(statement).decode()}


@lambda_.operation(tx="write", authorize=on_function("RemovePermission"))
def remove_permission(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    target = ref(ctx, req)
    if keys.functions.get(tx, *target.place) is None:
        raise ResourceNotFoundException(f"No policy found for: {target.qualified}")
    place = _policy_place(tx, target)
    policy = keys.policies.get(tx, *place)
    if "RevisionId" in req and policy is not None and policy.revision != req["RevisionId"]:
        raise stale_revision("GetPolicy")
    left = policies.without_statement(policy, req["StatementId"], ctx.cloud.ids.uuid())
    if left is None:
        keys.policies.delete(tx, *place)
    else:
        keys.policies.put(tx, left, *place)


@lambda_.operation(tx="read", authorize=on_function("GetPolicy"))
def get_policy(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    target = ref(ctx, req)
    qualifier = "" if target.qualifier == LATEST else target.qualifier
    policy = keys.policies.get(tx, *target.place, qualifier)
    if policy is None:
        raise no_resource()
    return {"Policy": policies.document(policy), "RevisionId": policy.revision}


def _tag_checks(action: str) -> Any:
    def authorize(ctx: Context, tx: Reader, req: dict[str, Any]) -> list[Check]:
        resource = req["Resource"]
        if is_mapping_arn(resource):
            return [Check(f"lambda:{action}", resource, {}, None, parse(resource).account)]
        return [check(tx, _tagged(resource), f"lambda:{action}")]

    return authorize


def _tagged(resource: str) -> Ref:
    target = from_arn(resource)
    if target is None:
        kind = resource.split(":")[5]  # the model's pattern has seen to it that there is one
        raise NotBuilt(f"Lambent has not built tags of a {kind} yet; functions and event source mappings have them.")
    if target.qualifier:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return target


def _tags(tx: Reader, resource: str) -> dict[str, str]:
    if is_mapping_arn(resource):
        return mapping_at(tx, resource).tags
    return keys.get_function(tx, _tagged(resource)).tags


def _put_tags(tx: Transaction, resource: str, tags: dict[str, str]) -> None:
    if is_mapping_arn(resource):
        put_mapping(tx, replace(mapping_at(tx, resource), tags=tags))
        return
    target = _tagged(resource)
    keys.functions.put(tx, replace(keys.get_function(tx, target), tags=tags), *target.place)


@lambda_.operation(tx="write", authorize=_tag_checks("TagResource"))
def tag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    old = _tags(tx, req["Resource"])
    if not req["Tags"]:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
    tags = {**old, **req["Tags"]}
    if len(tags) > TAGS_MAX:
        raise InvalidParameterValueException(f"Number of tags exceeds resource tag limit. Maximum is {TAGS_MAX}.")
    _put_tags(tx, req["Resource"], tags)


@lambda_.operation(tx="write", authorize=_tag_checks("UntagResource"))
def untag_resource(ctx: Context, tx: Transaction, req: dict[str, Any]) -> None:
    old = _tags(tx, req["Resource"])
    _put_tags(tx, req["Resource"], {name: value for name, value in old.items() if name not in req["TagKeys"]})


@lambda_.operation(tx="read", authorize=_tag_checks("ListTags"))
def list_tags(ctx: Context, tx: Reader, req: dict[str, Any]) -> dict[str, Any]:
    return {"Tags": _tags(tx, req["Resource"])}
