"""The condition keys of one request: those it came with, and those about the caller, which it cannot set."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from functools import lru_cache

from lambent.contracts.access import AccessRequest
from lambent.contracts.caller import Caller, Principal

Values = str | tuple[str, ...]

_TYPES = {
    Principal.ROOT: "Account",
    Principal.USER: "User",
    Principal.ROLE: "AssumedRole",
    Principal.FEDERATED: "FederatedUser",
    Principal.ANONYMOUS: "Anonymous",
}


@lru_cache(maxsize=1024)
def canonical_user_id(account: str) -> str:
    """The 64 hexadecimal digits by which S3 names an account's owner; `{"CanonicalUser": ...}` matches them."""
    return hashlib.sha256(f"canonical user {account}".encode()).hexdigest()


def principal_arn(caller: Caller) -> str:
    """What aws:PrincipalArn holds: a role session's role, everyone else's own ARN."""
    return caller.role_arn if caller.kind is Principal.ROLE else caller.arn


def caller_keys(caller: Caller) -> dict[str, Values]:
    """The keys about the caller, by lower-case name."""
    service = caller.kind is Principal.SERVICE
    found: dict[str, Values] = {"aws:principalisawsservice": "true" if service else "false"}
    if service:
        found["aws:principalservicename"] = caller.service
        found["aws:principalservicenameslist"] = (caller.service,)
        return found
    found["aws:principaltype"] = _TYPES[caller.kind]
    found["aws:userid"] = caller.user_id
    found["aws:viaawsservice"] = "false"
    if caller.kind is Principal.ANONYMOUS:
        return found
    found["aws:principalarn"] = principal_arn(caller)
    found["aws:principalaccount"] = caller.account
    if caller.kind is Principal.USER:
        found["aws:username"] = caller.arn.rpartition("/")[2]
    for key, value in caller.tags:
        found[f"aws:principaltag/{key.lower()}"] = value
    if caller.source_identity:
        found["aws:sourceidentity"] = caller.source_identity
    if caller.issued_at_ns:
        seconds = caller.issued_at_ns // 1_000_000_000
        found["aws:tokenissuetime"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
        found["aws:multifactorauthpresent"] = "true" if caller.mfa else "false"
    return found


class Asked:
    """One request as statements look at it: action in lower case, resource, caller and condition keys.

    `own` holds the keys about the caller.
    """

    __slots__ = ("action", "caller", "conditions", "own", "request", "resource")

    def __init__(self, request: AccessRequest, own: Mapping[str, Values]) -> None:
        self.request = request
        self.action = request.action.lower()
        self.resource = request.resource
        self.caller = request.caller
        self.conditions = request.conditions
        self.own = own

    def get(self, key: str) -> Values | None:
        """The value of a condition key (lower-case name), or None when the request has none."""
        value = self.own.get(key)
        if value is None:
            value = self.conditions.get(key)
        if value is None and key in _DERIVED:
            value = _DERIVED[key](self)
        return None if value == () else value


def _resource_account(asked: Asked) -> str | None:
    return asked.request.resource_account or (asked.caller.account if asked.resource != "*" else None)


def _mfa_age_s(asked: Asked) -> str | None:
    now = asked.conditions.get("aws:epochtime")
    if not asked.caller.mfa or not isinstance(now, str) or not now.isdigit():
        return None
    return str(max(0, int(now) - asked.caller.issued_at_ns // 1_000_000_000))


_DERIVED = {"aws:resourceaccount": _resource_account, "aws:multifactorauthage": _mfa_age_s}
