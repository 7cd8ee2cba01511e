"""What a template does that its caller has to acknowledge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .transforms import SERVERLESS

_NAMES: Final[Mapping[str, str]] = {
    "AWS::IAM::AccessKey": "",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": "",
    "AWS::IAM::RolePolicy": "",
    "AWS::IAM::UserPolicy": "",
    "AWS::IAM::GroupPolicy": "",
}
_SERVERLESS_ROLES: Final = ("AWS::Serverless::Function", "AWS::Serverless::StateMachine")


def required(
    resources: Iterable[tuple[str, str, dict[str, Any]]], transforms: Iterable[str]
) -> tuple[tuple[str, ...], str]:
    """Capabilities that creating `resources` (logical id, type, properties) requires, and AWS's sentence for it."""
    named, types = False, []
    for _, kind, properties in resources:
        if kind in _NAMES:
            types.append(kind)
            named = named or bool(_NAMES[kind] and _NAMES[kind] in properties)
        elif kind in _SERVERLESS_ROLES and "Role" not in properties:
            types.append(kind)
    found = ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"] if types else []
    if any(True for _ in transforms):
        found.append("CAPABILITY_AUTO_EXPAND")
    unique = ", ".join(dict.fromkeys(types))
    return tuple(found), f"The following resource(s) require capabilities: [{unique}]" if types else ""


def missing(needed: Iterable[str], given: Iterable[str]) -> list[str]:
    """Those of `needed` that `given` does not acknowledge; NAMED_IAM acknowledges IAM too."""
    acknowledged = set(given)
    if "CAPABILITY_NAMED_IAM" in acknowledged:
        acknowledged.add("CAPABILITY_IAM")
    return [capability for capability in needed if capability not in acknowledged]


def is_serverless(transforms: Iterable[str]) -> bool:
    """Is the template a SAM template?"""
    return SERVERLESS in transforms
