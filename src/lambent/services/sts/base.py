"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from lambent.contracts.caller import Credential
from lambent.kit import Service
from lambent.policy import parse_document

from .errors import InvalidParameterValue, PackedPolicyTooLarge, ValidationError

sts = Service("sts")

POLICY_SIZE_MAX = 2048
"""Characters of a session policy, and of a packed session: policies, ARNs and tags."""


_NAME = "[\\w+=,.@-]*"
_PATTERNS = {
    "RoleSessionName": _NAME,
    "SourceIdentity": _NAME,
    "Name": _NAME,
    "ExternalId": "[\\w+=,.@:\\/-]*",
    "AccessKeyId": "[\\w]*",
}


def check_form(req: dict[str, Any]) -> None:
    """Raise `ValidationError` for names and ids that hold characters they must not: ARNs are made of them."""
    for member, pattern in _PATTERNS.items():
        if member in req and not re.fullmatch(pattern, req[member], re.ASCII):
            raise ValidationError(
                f"1 validation error detected: Value '{req[member]}' at '{member[0].lower()}{member[1:]}' failed to "
                f"satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
            )


def credentials_shape(credential: Credential) -> dict[str, Any]:
    """Temporary credentials as the model has them."""
    return {
        "AccessKeyId": credential.access_key,
        "SecretAccessKey": credential.secret,
        "SessionToken": credential.token,
        "Expiration": datetime.fromtimestamp(credential.expires_ns // 1_000_000_000, UTC),
    }


def session_policies(req: dict[str, Any]) -> tuple[str, ...]:
    """The inline session policy of a request, checked."""
    if "Policy" not in req:
        return ()
    parse_document(req["Policy"], "identity")
    return (req["Policy"],)


def policy_arns(req: dict[str, Any]) -> tuple[str, ...]:
    """The ARNs of managed session policies of a request."""
    return tuple(entry["arn"] for entry in req.get("PolicyArns", ()) if "arn" in entry)


def session_tags(req: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """The session tags of a request; keys do not differ by case alone."""
    tags = tuple((tag["Key"], tag["Value"]) for tag in req.get("Tags", ()))
    if len({key.lower() for key, _ in tags}) != len(tags):
        raise InvalidParameterValue("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    return tags


def packed_percent(req: dict[str, Any]) -> int | None:
    """How much of a session's room its policies and tags take; None when it has neither."""
    texts = [req.get("Policy", ""), *policy_arns(req), *(part for tag in session_tags(req) for part in tag)]
    size = sum(len(text) for text in texts)
    if size > POLICY_SIZE_MAX:
        percent = size * 100 // POLICY_SIZE_MAX
        raise PackedPolicyTooLarge(f"Packed policy consumes {percent}% of allotted space, please use smaller policy.")
    return -(-size * 100 // POLICY_SIZE_MAX) if size else None
