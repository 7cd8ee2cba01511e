"""What a pool's groups and its PreTokenGeneration function make of the claims of tokens."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from lambent.contracts.ports import Cloud

from . import triggers
from .errors import InvalidLambdaResponseException
from .model import Client, Group, Pool, User

_V1: Final = "V1_0"
_FIXED: Final = frozenset(
    (
        "acr", "amr", "at_hash", "auth_time", "azp", "aud", "client_id", "event_id", "exp", "iat", "iss", "jti", "nbf",
        "nonce", "origin_jti", "sub", "token_use", "username", "version", "cognito:username", "identities",
    )
)  # fmt: skip
"""The claims that no function changes."""


class Roles(NamedTuple):
    """A user's groups and their roles; `preferred` is the role of the group that comes first, if one does."""

    groups: list[str]
    roles: list[str]
    preferred: str


def roles_of(groups: list[Group]) -> Roles:
    """What groups, the first one first, mean for tokens. Two first ones of different roles prefer none."""
    roles = [group.role for group in groups if group.role]
    ranked = [group for group in groups if group.role and group.precedence is not None]
    first = {group.role for group in ranked if group.precedence == ranked[0].precedence}
    return Roles([group.name for group in groups], roles, first.pop() if len(first) == 1 else "")


async def customize(
    cloud: Cloud,
    pool: Pool,
    client: Client,
    user: User,
    roles: Roles,
    access: dict[str, Any],
    identity: dict[str, Any],
    source: str,
    metadata: dict[str, str] | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The claims of the access and the ID token as they are signed."""
    config = pool.settings.get("LambdaConfig", {}).get("PreTokenGenerationConfig")
    version, arn = (config["LambdaVersion"], config["LambdaArn"]) if config else (_V1, "")
    request: dict[str, Any] = {
        "userAttributes": triggers.user_attributes(user),
        "groupConfiguration": {
            "groupsToOverride": roles.groups,
            "iamRolesToOverride": roles.roles,
            "preferredRole": roles.preferred or None,
        },
        "clientMetadata": metadata or {},
    }
    if version != _V1:
        request["scopes"] = access["scope"].split()
    field = "claimsOverrideDetails" if version == _V1 else "claimsAndScopeOverrideDetails"
    response = await triggers.call(
        cloud, pool, "PreTokenGeneration", source, user=user.name, client=client.id, request=request,
        response={field: None}, arn=arn, version=version[1:2],
    )  # fmt: skip
    details = _mapping(response or {}, field)
    if "groupOverrideDetails" in details:
        roles = _override(roles, _mapping(details, "groupOverrideDetails"))
    identity, access = _with_groups(identity, roles, True), _with_groups(access, roles, False)
    if version == _V1:
        return access, _changed(identity, details)
    scopes = _mapping(details, "accessTokenGeneration")
    access = _changed(access, scopes)
    kept = [one for one in access["scope"].split() if one not in _names(scopes, "scopesToSuppress")]
    access["scope"] = " ".join(dict.fromkeys((*kept, *_names(scopes, "scopesToAdd"))))
    return access, _changed(identity, _mapping(details, "idTokenGeneration"))


def _with_groups(claims: dict[str, Any], roles: Roles, identity: bool) -> dict[str, Any]:
    found = dict(claims)
    if roles.groups:
        found["cognito:groups"] = roles.groups
    if identity and roles.roles:
        found["cognito:roles"] = roles.roles
    if identity and roles.preferred:
        found["cognito:preferred_role"] = roles.preferred
    return found


def _override(roles: Roles, given: dict[str, Any]) -> Roles:
    preferred = given.get("preferredRole") or ""
    if not isinstance(preferred, str):
        raise InvalidLambdaResponseException("Invalid lambda function output : Invalid JSON")
    return Roles(_names(given, "groupsToOverride"), _names(given, "iamRolesToOverride"), preferred)


def _changed(claims: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    found = dict(claims)
    for name, value in _mapping(given, "claimsToAddOrOverride").items():
        if name not in _FIXED:
            found[name] = value
    for name in _names(given, "claimsToSuppress"):
        if name not in _FIXED:
            found.pop(name, None)
    return found


def _mapping(given: dict[str, Any], name: str) -> dict[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, dict):
        raise InvalidLambdaResponseException("Invalid lambda function output : Invalid JSON")
    return found


def _names(given: dict[str, Any], name: str) -> list[str]:
    found = given.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise InvalidLambdaResponseException("Invalid lambda function output : Invalid JSON")
    return found
